"""The wave as lines of text: a line of block characters for each state, each as high as the state's largest number; no colour needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from textual.content import Content

from cache.wave import Wave, history, outlook
from screens.desk import Desk
from screens.widgets.document import STYLES
from screens.widgets.told_lines import ToldLines
from screens.words import STATE_SHAPES, count

BLOCKS = "▁▂▃▄▅▆▇█"
NONE, NOT_WATCHED = "·", " "
"""What stands where a state held no machine, and where nobody watched."""

LABEL, NUMBER, CHANGE = 13, 7, 7
AROUND = LABEL + 1 + 1 + NUMBER + 1 + CHANGE
COLUMNS = (96, 72, 48, 36, 24, 12)
"""Into how many columns the time is divided: as many of these as there is room for."""

DAY = timedelta(days=1)
HIGHEST = 3
"""Lines that the plot of one state takes at most."""


def columns(width: int) -> int:
    """How many columns of time fit into ``width`` cells."""
    return next((one for one in COLUMNS if one + AROUND <= width), COLUMNS[-1])


def bars(numbers: Sequence[int | None], height: int) -> list[str]:
    """``numbers`` as ``height`` lines from the top, one cell a number, in eighths of a line; any number but 0 shows."""
    top = max((one for one in numbers if one), default=0)
    lines = []
    for floor in range(height - 1, -1, -1):
        cells = []
        for number in numbers:
            eighths = 0 if not number else max(1, round(number * height * len(BLOCKS) / top)) - floor * len(BLOCKS)
            if eighths > 0:
                cells.append(BLOCKS[min(eighths, len(BLOCKS)) - 1])
            else:
                cells.append(" " if floor or number else NOT_WATCHED if number is None else NONE)
        lines.append("".join(cells))
    return lines


def plot(wave: Wave, width: int, height: int) -> list[Content]:
    """The states over time, worst first, and below them the time, in at most ``height`` lines of ``width`` cells.

    What did not change takes one line of bars, and is told in words alone where there is no room: the smallest first.
    """
    lines = history(wave)
    if not lines:
        return [Content("No machine is known yet.").truncate(width, ellipsis=True)]
    folded = _without_room(lines, max(1, height - 1))
    drawn = {state: numbers for state, numbers in lines.items() if state not in folded}
    moving = {state for state, numbers in drawn.items() if _changed(numbers)}
    tall = max(1, min(HIGHEST, (height - 1 - bool(folded) - (len(drawn) - len(moving))) // max(1, len(moving))))
    found: list[Content] = []
    for state, numbers in drawn.items():
        shape, tone = _shape(state)
        change = (numbers[-1] or 0) - (next((one for one in numbers if one is not None), 0) or 0)
        rows = bars(numbers, tall if state in moving else 1)
        for place, row in enumerate(rows):
            last = place == len(rows) - 1
            head = f"{shape} {state}"[:LABEL].ljust(LABEL + 1) if last else " " * (LABEL + 1)
            tail = f" {_number(numbers[-1] or 0):>{NUMBER}} {(f'{change:+,}' if change else '='):>{CHANGE}}" if last else ""
            found.append(Content.assemble(head, Content.styled(row, STYLES[tone]), tail).truncate(width))
    found.append(Content.styled(_axis(wave), STYLES["muted"]).truncate(width))
    if folded:
        parts = [f"{_shape(state)[0]} {lines[state][-1] or 0:,} {state}" for state in folded]
        found.append(Content("No room for: " + "  ".join(parts)).truncate(width, ellipsis=True))
    return found[:height]


def _without_room(lines: dict[str, list[int | None]], room: int) -> list[str]:
    """The states that are told in words: those that did not change go first, of these the smallest."""
    if len(lines) <= room:
        return []

    def stays(state: str) -> tuple[bool, int]:
        return _changed(lines[state]), max((one for one in lines[state] if one), default=0)

    kept = sorted(lines, key=stays, reverse=True)[: max(0, room - 1)]
    return [state for state in lines if state not in kept]


def _changed(numbers: Sequence[int | None]) -> bool:
    return len({one for one in numbers if one is not None}) > 1


def _shape(state: str) -> tuple[str, str]:
    return next((value for known, value in STATE_SHAPES.items() if known == state), ("?", "warn"))


def _number(number: int) -> str:
    return f"{number:,}" if number < 1_000_000 else f"{number // 1000:,}k"


def _axis(wave: Wave) -> str:
    form = "%H:%M" if wave.width * wave.buckets <= DAY else "%m-%d %H:%M"
    begin, middle = (f"{wave.begin + wave.width * place:{form}}" for place in (0, wave.buckets // 2))
    line = list(" " * (LABEL + 1 + wave.buckets))
    for at, text in ((0, begin), (wave.buckets // 2, middle), (wave.buckets - 3, "now")):
        start = LABEL + 1 + at
        if all(cell == " " for cell in line[max(0, start - 1) : start + len(text)]):
            line[start : start + len(text)] = text
    return "".join(line) + f" {'number':>{NUMBER}} {'change':>{CHANGE}}"


def headline(wave: Wave, span: str, scope: str, now: datetime) -> list[str]:
    """What the plot comes to, in sentences: where the machines are, the rate, the finish."""
    total = sum(wave.states.values())
    late = f", {wave.late:,} of them late" if wave.late else ""
    told = f"{wave.aboard:,} of {count(total, 'machine')}{scope} aboard · {wave.on_the_way:,} on the way{late} · {wave.stuck:,} stuck"
    seen = outlook(wave, now)
    rate = "Rate: not known yet" if seen.per_hour is None else f"Rate: {_rate(seen.per_hour)} an hour"
    if seen.finish is not None:
        form = "%H:%M" if seen.finish.date() == now.date() else "%m-%d %H:%M"
        finish = f"Expected finish: about {seen.finish:{form}} UTC, if it goes on like this"
    elif not wave.on_the_way:
        finish = "Nothing to wait for: no machine is on the way"
    else:
        finish = f"Expected finish: cannot be said yet, {seen.why}"
        if wave.last_due is not None and wave.last_due > now:
            finish += f"; Azure's usual time for the last of them ends {wave.last_due:%m-%d %H:%M} UTC"
    watched = ""
    if wave.watched is not None and wave.watched > wave.begin:
        watched = f" · watched since {wave.watched:%m-%d %H:%M} UTC"
    return [f"The last {span}: {told}", f"{rate} · {finish}{watched}"]


def _rate(per_hour: float) -> str:
    number = f"{per_hour:,.0f}" if per_hour >= 10 or per_hour == 0 else f"{per_hour:.1f}"
    return f"{number} {'machine' if number == '1.0' else 'machines'}"


class WavePlot(ToldLines):
    """Headline and plot, in at most as many lines as ``room`` says."""

    def __init__(self, desk: Desk, room: Callable[[], int]) -> None:
        super().__init__(id="plot")
        self._desk = desk
        self._room = room
        self._wave: Wave | None = None
        self._span = self._scope = ""

    def show(self, wave: Wave, span: str, scope: str) -> None:
        """Show this wave instead. ``span`` and ``scope`` say in words of what time and of which machines it is."""
        self._wave, self._span, self._scope = wave, span, scope
        self.tick()

    def lines(self, width: int) -> list[Content]:
        """The wave as it stands now."""
        if self._wave is None:
            return [Content("Reading…")]
        head = [
            part.rstrip()
            for line in headline(self._wave, self._span, self._scope, self._desk.clock.now())
            for part in Content(line).wrap(width)
        ]
        room = max(1, self._room())
        return [*head, *plot(self._wave, width, room - len(head))] if room - len(head) >= 3 else head[:room]

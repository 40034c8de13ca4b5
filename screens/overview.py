"""The fleet in one look, and what needs attention next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cache.changes import APPLY_PLAN, RESUMED_WITHIN
from cache.model import AuditEntry, Reading, Source
from cache.text import resource_name
from screens.actions import bindings
from screens.attention import Attention, Facts, attention
from screens.console_screen import ConsoleScreen
from screens.coverage import COVERAGE_SHAPES, Coverage, coverage
from screens.desk import Desk
from screens.proof_choice import choose_machine
from screens.requests import GoTo
from screens.widgets.document import STYLES
from screens.widgets.line_table import Cell, Column, LineTable
from screens.widgets.told_lines import ToldLines
from screens.words import SEVERITIES, STATE_SHAPES, age, count, severity_cell, severity_shape

LABEL = 14
LATELY = 60
"""Changes of machines that are asked for; as many are shown as there is room for."""

SUBSCRIPTIONS = frozenset(("subscriptions", "selection"))
MACHINES = frozenset(("machines", "onboarding", "events", "selection"))
ALERTS = frozenset(("alerts", "selection"))

PLACES = {
    "machines": "4 Machines",
    "alerts": "5 Alerts",
    "subscriptions": "1 Subscriptions",
    "enable": "3 Enable",
    "log": "9 Log",
    "checklist": "2 Checklist",
    "audit": "8 Audit",
}


def proportions(counts: Mapping[str, int], width: int) -> dict[str, int]:
    """``width`` cells shared out by ``counts``, at least one to each that is not zero (so more than ``width`` if there are more)."""
    there = {key: number for key, number in counts.items() if number > 0}
    if not there or width <= 0:
        return {}
    free = max(0, width - len(there))
    total = sum(there.values())
    cells = {key: 1 + free * number // total for key, number in there.items()}
    by_rest = sorted(there, key=lambda key: -(free * there[key] % total))
    for key in by_rest[: free - sum(one - 1 for one in cells.values())]:
        cells[key] += 1
    return cells


def flow(label: str, parts: Sequence[tuple[str, str]], width: int) -> list[Content]:
    """``label``, then ``parts`` (text and tone) side by side, in as many lines as it takes; no part is broken unless it fills a line."""
    room = max(1, width - LABEL)
    found: list[list[Content]] = [[]]
    used = 0
    for text, tone in parts:
        length = cell_len(text)
        if used and used + 2 + length > room:
            found.append([])
            used = 0
        found[-1].append(Content.styled(text, STYLES[tone]).truncate(room, ellipsis=True))
        used += length + (2 if used else 0)
    heads = [Content.styled(label.ljust(LABEL), "bold"), *[Content(" " * LABEL)] * (len(found) - 1)]
    return [Content.assemble(head, Content("  ").join(line)) for head, line in zip(heads, found, strict=True)]


def summary(facts: Facts, width: int, now: datetime, stale_limit: Callable[[str], timedelta]) -> list[Content]:
    """The fleet in a few lines of at most ``width`` cells."""
    scope = f"in {count(facts.chosen, 'chosen subscription')}" if facts.chosen else "in all subscriptions"
    bar = proportions({str(state): facts.states.get(state, 0) for state in STATE_SHAPES}, width - LABEL)
    drawn = [Content.styled(shape * bar.get(state, 0), STYLES[tone]) for state, (shape, tone) in STATE_SHAPES.items()]
    found = [Content.assemble(Content.styled("Machines".ljust(LABEL), "bold"), *drawn)]
    states = [
        (f"{shape} {facts.states[state]:,} {state}", tone) for state, (shape, tone) in STATE_SHAPES.items() if facts.states.get(state)
    ]
    found += flow("" if bar else "Machines", [(f"{facts.machines:,} {scope}:" if states else "none known yet", ""), *states], width)
    if not bar:
        found = found[1:]
    ranked = sorted(facts.alerts, key=lambda severity: (severity_shape(severity)[0], severity not in SEVERITIES))
    alerts = [(f"{cell[0].split(' ', 1)[0]} {facts.alerts[one]:,} {one}", cell[1]) for one in ranked for cell in (severity_cell(one),)]
    found += flow("Alerts", [(f"{sum(facts.alerts.values()):,} open:" if alerts else "none open", ""), *alerts], width)
    counts = Counter(map(coverage, facts.subscriptions))
    covered = [(f"{shape} {counts[one]:,} {one}", tone) for one, (shape, tone) in COVERAGE_SHAPES.items() if counts[one]]
    found += flow("Subscriptions", [(f"{len(facts.subscriptions):,}:" if covered else "none known yet", ""), *covered], width)
    return [*found, *flow("Data", _freshness(facts, now, stale_limit), width), *flow("Problems", _problems(facts), width)]


def _freshness(facts: Facts, now: datetime, stale_limit: Callable[[str], timedelta]) -> list[tuple[str, str]]:
    """The oldest reading of each source that is not stale, and of how many subscriptions it is. By minutes: polls keep most of it young."""
    readings: dict[str, list[Reading]] = defaultdict(list)
    for one in facts.readings:
        readings[one.source].append(one)
    parts = []
    for source in Source:
        if told := readings.get(source):
            fresh = [one for one in told if now - one.at <= stale_limit(source)]
            total = sum(one.subscriptions for one in told)
            stale = total - sum(one.subscriptions for one in fresh)
            words = f"{source} {age(min(one.at for one in fresh or told), now, coarse=True)}"
            if stale:
                words += f" ({stale:,} of {total:,} STALE)" if fresh else " STALE"
            parts.append((words, "warn" if stale else "muted"))
    return parts or [("nothing read yet: press r", "warn")]


def _problems(facts: Facts) -> list[tuple[str, str]]:
    codes = Counter(problem.code for problem in facts.problems)
    if not codes:
        return [("none", "good")]
    return [(f"✗ {len(facts.problems):,}:", "bad"), *((f"{number:,} {code}", "") for code, number in codes.most_common())]


def lately(facts: Facts, width: int, now: datetime, coarse: bool = False) -> list[Content]:
    """The last changes of machines, newest first."""
    lines = [Content(""), Content.styled("Lately", "bold")]
    for event in reversed(facts.events):
        name = resource_name(event.machine_id)
        shape, tone = {str(state): value for state, value in STATE_SHAPES.items()}.get(event.after, ("?", "warn"))
        change = f"{event.before or 'new'} → {event.after}"
        after = Content.styled(f"{shape} {change}", STYLES[tone])
        head = Content(f"{age(event.at, now, coarse):>5}  ")
        room = max(1, width - head.cell_length - after.cell_length - 2)
        lines.append(Content.assemble(head, Content(name).truncate(room, ellipsis=True, pad=True), "  ", after))
    return lines if facts.events else []


class Summary(ToldLines):
    """The summary and, where there is room below it, what happened lately."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._facts: Facts | None = None
        self.roomy = False

    def show(self, facts: Facts) -> None:
        """Show these facts instead."""
        self._facts = facts
        self.tick()

    def lines(self, width: int) -> list[Content]:
        """What is known."""
        if self._facts is None:
            return [Content("Reading…")]
        now, coarse = self._desk.clock.now(), self._desk.slow_line
        found = summary(self._facts, width, now, self._desk.stale_limit)
        return [*found, *lately(self._facts, width, now, coarse)] if self.roomy else found


class OverviewScreen(ConsoleScreen):
    """One look at everything. Enter on a line goes to what it speaks of."""

    NAME = "overview"
    TITLE_TEXT = "Overview"
    SCOPES: ClassVar[tuple[str, ...]] = ("overview",)
    TABLES = SUBSCRIPTIONS | MACHINES | ALERTS | {"audit"}
    AUTO_FOCUS: ClassVar[str | None] = "#table"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("overview")]
    DEFAULT_CSS = """
    OverviewScreen {
        #panes { height: 1fr; width: 1fr; layout: vertical; }
        #hint { height: auto; max-height: 2; }
        Summary { max-height: 60%; }
        &.-wide #panes { layout: horizontal; }
        &.-wide Summary { width: 5fr; height: 1fr; max-height: 100%; border-right: solid $primary; }
        &.-wide #table { width: 6fr; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._facts = Facts()
        self._read = False
        columns = (Column("shape", "", 1), Column("text", "What needs attention next", 30, weight=1), Column("place", "Enter", 17, rank=1))
        self.table: LineTable[Attention] = LineTable(columns, lambda row: row.id, _cell, empty="Reading…", id="table")
        self.summary = Summary(desk)

    def body(self) -> Iterator[Widget]:
        """The summary, and what needs attention: beside it, or below where it is narrow."""
        with Container(id="panes"):
            yield self.summary
            yield self.table
        yield Static("", id="hint", markup=False)

    async def _applied(self) -> AuditEntry | None:
        """The last entry about a plan that was applied, while what it left can still be finished."""
        entry = await self.desk.journal.last(APPLY_PLAN)
        return entry if entry is not None and self.desk.clock.now() - entry.at < timedelta(minutes=RESUMED_WITHIN) else None

    async def load(self) -> None:
        """Read the fleet in counts: of them those that may have changed."""
        fleet, journal = self.desk.fleet, self.desk.journal
        chosen = await fleet.selection()
        within = chosen or None

        async def subscriptions() -> None:
            self._know(subscriptions=list((await fleet.subscription_records()).values()), chosen=len(chosen))

        async def machines() -> None:
            self._know(states=await fleet.state_counts(within), diagnoses=await fleet.diagnosis_counts(within))
            self._know(events=await fleet.recent_events(LATELY))

        async def alerts() -> None:
            self._know(alerts=await fleet.alert_counts(within))

        async def intents() -> None:
            self._know(unfinished=await journal.unfinished(), applied=await self._applied())

        await self.reread(SUBSCRIPTIONS, subscriptions)
        await self.reread(MACHINES, machines)
        await self.reread(ALERTS, alerts)
        await self.reread(frozenset(("audit",)), intents)
        self._know(readings=await fleet.readings(), problems=await fleet.problems())
        facts, self._read = self._facts, True
        self.summary.roomy = self.has_class("-wide")
        self.summary.show(facts)
        self._show_attention(attention(facts))
        self._tell_next()

    def _show_attention(self, rows: Sequence[Attention]) -> None:
        """Whoever looks at the most urgent line goes on to do so when something more urgent comes."""
        on_top = self.table.cursor_row is None or self.table.cursor_row.id == self.table.rows[0].id
        self.table.set_rows(rows)
        if on_top and rows:
            self.table.move_to(rows[0].id)

    def _tell_next(self) -> None:
        until_read = self.desk.until_read
        empty = "Nothing needs attention." if self._facts.subscriptions else f"No subscriptions yet: {until_read}."
        if self.table.empty != empty:
            self.table.empty = empty
            self.table.refresh()
        hint, text = self.query_one("#hint", Static), _walk(self._facts, until_read)
        if str(hint.content) != text:
            hint.update(text)

    def activity_moved(self) -> None:
        """A reading has begun or ended, and with it what there is to wait for."""
        if self._read:
            self._tell_next()

    def _know(self, **facts: Any) -> None:
        self._facts = replace(self._facts, **facts)

    async def ages_moved(self) -> None:
        """The line that tells how old everything is."""
        self._know(readings=await self.desk.fleet.readings())
        self.summary.show(self._facts)

    def on_resize(self, event: events.Resize) -> None:
        """What happened lately is shown where there is room."""
        self.summary.roomy = self.has_class("-wide")
        self.summary.tick()

    def clock_moved(self) -> None:
        """Ages move on."""
        self.summary.tick()

    @on(LineTable.Opened, "#table")
    def _go(self) -> None:
        row = self.table.cursor_row
        if row is not None:
            self.post_message(GoTo(row.screen, filter_text=row.filter_text))

    async def action_prove(self) -> None:
        """Choose a machine for the detection test, of the chosen subscriptions if some are."""
        await choose_machine(self, await self.desk.fleet.selection() or None)


def _cell(row: Attention, key: str) -> Cell:
    match key:
        case "shape":
            return row.shape, row.tone
        case "place":
            return f"→ {PLACES[row.screen]}", "muted"
        case _:
            return row.text, ""


def _walk(facts: Facts, until_read: str) -> str:
    """What comes next on the walk from the first sign-in to machines that are aboard."""
    if not facts.subscriptions:
        return f"→ {until_read[0].upper()}{until_read[1:]}, then 1 to choose subscriptions."
    counts = Counter(map(coverage, facts.subscriptions))
    if counts[Coverage.EXCLUDED] or counts[Coverage.OFF] or counts[Coverage.NOT_SET]:
        if not facts.chosen:
            return "→ Next: 1 to choose subscriptions, 2 to check what they need, 3 to enable, 4 to watch their machines come aboard."
        return f"→ Next: {count(facts.chosen, 'subscription')} chosen. 2 checks the prerequisites, 3 enables, 4 shows the machines."
    return "→ Next: 4 shows the machines, 5 the alerts, R what is proven."

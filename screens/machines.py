"""Step 4: every machine of the chosen subscriptions, its state as it changes, and the reason for each that is not aboard."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache.fields import MACHINE_FIELDS
from cache.machine_reports import HEALTH
from cache.model import ABOARD, ON_THE_WAY, MachineGroup, MachineRow, MachineState, Problem, Source
from screens.actions import bindings
from screens.check_choice import CheckChoice
from screens.desk import Desk
from screens.fleet_screen import FleetScreen
from screens.machine_cells import MACHINE_COLUMNS, flat, machine_cell
from screens.proof_choice import choose_machine
from screens.requests import OpenMachine, VerifyPlanRequested
from screens.verify_choice import ALL, HERE, MARKED, VerifyChoice
from screens.widgets.columns import Cell, fit
from screens.widgets.line_table import LineTable
from screens.words import STATE_SHAPES, count

if TYPE_CHECKING:
    from cache.index import FleetIndex

PAGE = 500
"""Marked machines that are read at a time when they are acted on."""

ACTING = (
    MachineState.FAILED,
    MachineState.UNHEALTHY,
    MachineState.OVERDUE,
    MachineState.LATE,
    MachineState.BLOCKED,
    MachineState.UNKNOWN,
)
"""The states about which somebody has to do something, worst first."""


def state_counts(groups: Iterable[MachineGroup], room: int) -> str:
    """How many machines are in each state, worst first: with words if they fit into ``room`` cells, by shapes alone if not."""
    counts = _by_state(groups)
    found = [(shape, counts[state], str(state)) for state, (shape, _) in STATE_SHAPES.items() if counts[state]]
    words = "  ".join(f"{shape} {number:,} {state}" for shape, number, state in found)
    return words if len(words) <= room else " ".join(f"{shape}{number:,}" for shape, number, _ in found)


def _by_state(groups: Iterable[MachineGroup]) -> Counter[MachineState]:
    counts: Counter[MachineState] = Counter()
    for group in groups:
        counts[group.state] += group.machines
    return counts


def expectation(expected: int, last: datetime | None, now: datetime) -> str:
    """How many machines are expected, and by when the last of them."""
    if not expected or last is None:
        return ""
    when = f"{last:%H:%M}" if last.date() == now.date() else f"{last:%m-%d %H:%M}"
    return f"{expected:,} expected by {when} UTC"


def worst_group(groups: Iterable[MachineGroup]) -> str:
    """The largest group of machines in the worst state there is that somebody must act on, and the remedy; empty when there is none."""
    found: dict[tuple[MachineState, str], list[MachineGroup]] = defaultdict(list)
    for group in groups:
        if group.state in ACTING:
            found[group.state, group.diagnosis.code if group.diagnosis else group.reason].append(group)
    if not found:
        return ""
    sizes = {key: sum(one.machines for one in same) for key, same in found.items()}
    (state, code), same = min(found.items(), key=lambda item: (ACTING.index(item[0][0]), -sizes[item[0]], item[0][1]))
    group = same[0]
    shape, _ = STATE_SHAPES[state]
    sentence = f"{shape} {sizes[state, code]:,} {state}: {flat(group.diagnosis.cause if group.diagnosis else group.reason)}"
    if group.diagnosis and group.diagnosis.remedy:
        return f"{sentence} → {flat(group.diagnosis.remedy)}"
    return f"{sentence} → Enter on one of them says who must act"


def outlook(groups: Iterable[MachineGroup], everything: bool = True) -> str:
    """What there is to do next when no machine needs attention; of some machines only (``everything`` is false) no more is claimed."""
    counts = _by_state(groups)
    waiting = sum(counts[state] for state in ON_THE_WAY)
    if waiting:
        return f"{count(waiting, 'machine')} on the way" + ("; nothing to do but watch." if everything else " among those shown.")
    if counts[MachineState.NOT_ENABLED]:
        return f"{count(counts[MachineState.NOT_ENABLED], 'machine')} in subscriptions that are not enabled: press 3 to enable."
    aboard = sum(counts[state] for state in ABOARD)
    if aboard:
        return (
            "Every supported machine is aboard. v asks whether Defender works on them, a proves one by its test alert."
            if everything
            else "Every supported machine that is shown is aboard."
        )
    return ""


class MachinesScreen(FleetScreen[MachineRow]):
    """The machines of the chosen subscriptions (of all, when none is chosen), worst first."""

    NAME = "machines"
    TITLE_TEXT = "Machines"
    SCOPES: ClassVar[tuple[str, ...]] = ("machines", "table")
    TABLES = frozenset(("machines", "onboarding", "subscriptions", "selection", "checks"))
    SOURCES = frozenset((Source.MACHINES,))
    COLUMNS = MACHINE_COLUMNS
    FIELDS = MACHINE_FIELDS
    SORT_KEYS = ("state", "name", "since", "due", "reason", "extension", "system", "power", "subscription", "group", "kind")
    UNREAD = "No machines known yet"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("machines")]

    DEFAULT_CSS = """
    MachinesScreen #hint { height: 2; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.only_attention = False
        self._checks: tuple[tuple[str, str], ...] = ()
        self._affected_by = ""
        self._chosen: frozenset[str] = frozenset()
        self._problems: list[Problem] = []
        self._names: dict[str, str] = {}

    def body(self) -> Iterator[Widget]:
        """The table, its counts, and what to do about the worst of it."""
        yield from super().body()
        yield Static("", id="hint", markup=False)

    async def read_around(self) -> None:
        """Which subscriptions are chosen, and why some machines cannot be seen."""
        fleet = self.desk.fleet
        self._chosen = await fleet.selection()
        self.within = self._chosen or None
        self.only = await fleet.machines_of_checks(self._checks) if self._checks else None
        self._problems = [one for one in await fleet.problems(self.within) if one.source in (Source.MACHINES, Source.EXTENSIONS)]
        if self._problems:
            self._names = await fleet.subscription_names()

    async def window(self, keys: Sequence[int]) -> Mapping[int, MachineRow]:
        """Read some machines."""
        return await self.desk.fleet.machine_window(keys)

    async def first_keys(self, limit: int) -> tuple[list[int], int]:
        """The first machines, worst first, and how many there are."""
        fleet = self.desk.fleet
        if self.only is not None:
            return sorted(self.only)[:limit], len(self.only)
        return await fleet.first_machines(limit, self.within), await fleet.machine_count(self.within)

    def show_affected(self, checks: tuple[tuple[str, str], ...], title: str) -> None:
        """Show but the machines that some checks concern, until Esc; without checks all."""
        if checks != self._checks:
            self._checks, self._affected_by = checks, title
            self.cache_changed(self.TABLES)

    def clear_filter(self) -> bool:
        """Clear the filter, then show all machines again; false when all were shown."""
        if super().clear_filter():
            return True
        if not self._checks:
            return False
        self.show_affected((), "")
        return True

    def make_index(self, module: Any) -> FleetIndex:
        """The machines as columns."""
        index: FleetIndex = module.MachineIndex(self.desk.fleet)
        return index

    def toggled(self) -> str:
        """Only what is not aboard, or all."""
        return "-state=onboarded,healthy" if self.only_attention else ""

    def identify(self, row: MachineRow) -> str:
        """The resource id."""
        return row.id

    def cell(self, row: MachineRow, key: str) -> Cell:
        """A cell's text and tone."""
        return machine_cell(row, key, self.desk.clock.now)

    def summary_line(self) -> str:
        """States as shapes, and how many are expected by when."""
        scope = f" in {count(len(self._chosen), 'chosen subscription')}" if self._chosen else ""
        head = f"{self.table.count:,} of {self.total:,}{scope}" + (" · not aboard only" if self.only_attention else "")
        if self._affected_by:
            head += f" · affected by “{self._affected_by}”, Esc shows all"
        if self.answer is None:
            return f"{self.total:,} machines{scope} · the first of them, worst first"
        expected = expectation(self.answer.expected, self.answer.last_due, self.desk.clock.now())
        states = state_counts(self.answer.groups, self.size.width - len(head) - len(expected) - 8)
        return " · ".join(part for part in (head, expected, states) if part)

    def told(self) -> None:
        """Below the rows: their states, and what to do next."""
        self.table.empty = self.unread() if not self.total else "No machine passes the filter: Esc clears it, o shows all."
        super().told()
        self._tell_hint()

    def on_resize(self, event: events.Resize) -> None:
        """What is cut depends on the width."""
        if self.total:
            self.told()

    def clock_moved(self) -> None:
        """Ages move on in the table, and once the next machine is due, the counts below it."""
        super().clock_moved()
        due = self.answer.next_due if self.answer is not None else None
        if due is not None and due <= self.desk.clock.now():
            self.rearrange()

    def action_attention(self) -> None:
        """Show only machines that are not aboard yet, or all."""
        self.only_attention = not self.only_attention
        self.rearrange()

    def action_verify(self) -> None:
        """Ask which machines to verify: the marked ones, the one under the cursor, or all that are onboarded."""
        if not self.desk.session.signed_in:
            self.notify("Not signed in yet, and a plan needs fresh reads. Wait, or press ctrl+l.", markup=False)
            return
        marked, here = len(self.table.marks), self.table.cursor_row
        keys = self.table.chosen()
        scope = f"in {count(len(self._chosen), 'chosen subscription')}" if self._chosen else "in all subscriptions"

        def chosen(which: str | None) -> None:
            if which == HERE and here is not None:
                self.post_message(VerifyPlanRequested((here.id,)))
            elif which == ALL:
                self.post_message(VerifyPlanRequested())
            elif which == MARKED:
                self.work("marked machines", self._verify_marked(keys))

        self.app.push_screen(VerifyChoice(marked, here.name if here is not None else "", scope), chosen)

    async def action_prove(self) -> None:
        """Choose a machine for the detection test."""
        await choose_machine(self, self.within, self.table.cursor_row)

    def action_check(self) -> None:
        """Ask what the marked machines, or the one under the cursor, are asked, and plan that."""
        keys, here = self.table.chosen(), self.table.cursor_row
        if not self.desk.session.signed_in:
            self.notify("Not signed in yet, and a plan needs fresh reads. Wait, or press ctrl+l.", markup=False)
            return
        if here is None or not keys:
            self.notify("There is no machine under the cursor.", markup=False)
            return

        def chosen(check: str | None) -> None:
            if check is not None:
                self.work("marked machines", self._verify_marked(keys, check))

        marked = len(self.table.marks)
        self.app.push_screen(CheckChoice(f"the {count(marked, 'marked machine')}" if marked else here.name), chosen)

    async def _verify_marked(self, keys: Sequence[int], check: str = HEALTH) -> None:
        """The ids of the marked machines are read by key, since most are in no view."""
        found: list[str] = []
        for start in range(0, len(keys), PAGE):
            window = await self.desk.fleet.machine_window(keys[start : start + PAGE])
            found += [row.id for row in window.values()]
        if found:
            self.post_message(VerifyPlanRequested(tuple(found), check))

    @on(LineTable.Opened)
    def _open(self, event: LineTable.Opened) -> None:
        self.post_message(OpenMachine(event.row_id))

    def _tell_hint(self) -> None:
        groups = self.answer.groups if self.answer is not None else ()
        first = worst_group(groups) or outlook(groups, self.table.count == self.total)
        if self._problems:
            problem = self._problems[0]
            more = f" (and {len(self._problems) - 1:,} more)" if len(self._problems) > 1 else ""
            name = self._names.get(problem.subscription_id.lower(), problem.subscription_id)
            room = max(1, self.size.width - 2)
            first = f"{fit(first, room)}\n{fit(f'? {name}{more}: {flat(problem.message)}', room)}"
        hint = self.query_one("#hint", Static)
        if str(hint.content) != first:
            hint.update(first, layout=False)

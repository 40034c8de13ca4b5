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
from cache.model import ON_THE_WAY, MachineGroup, MachineRow, MachineState, Problem, Source
from cache.text import clean
from screens.actions import bindings
from screens.desk import Desk
from screens.fleet_screen import FleetScreen
from screens.requests import OpenMachine
from screens.widgets.line_table import Cell, Column, LineTable, fit
from screens.words import STATE_SHAPES, age, count, until

if TYPE_CHECKING:
    from cache.index import FleetIndex

ABOARD = frozenset((MachineState.ONBOARDED, MachineState.HEALTHY))
"""The states in which a machine has arrived."""

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
    sentence = f"{shape} {sizes[state, code]:,} {state}: {_flat(group.diagnosis.cause if group.diagnosis else group.reason)}"
    if group.diagnosis and group.diagnosis.remedy:
        return f"{sentence} → {_flat(group.diagnosis.remedy)}"
    return f"{sentence} → Enter on one of them says who must act"


def outlook(groups: Iterable[MachineGroup]) -> str:
    """What there is to do next when no machine needs attention."""
    counts = _by_state(groups)
    waiting = sum(counts[state] for state in ON_THE_WAY)
    if waiting:
        return f"{count(waiting, 'machine')} on the way; nothing to do but watch."
    if counts[MachineState.NOT_ENABLED]:
        return f"{count(counts[MachineState.NOT_ENABLED], 'machine')} in subscriptions that are not enabled: press 3 to enable."
    aboard = sum(counts[state] for state in ABOARD)
    if aboard:
        return "Every supported machine is aboard. Press 5 for alerts."
    return ""


def _flat(text: str) -> str:
    return clean(text, 300)


class MachinesScreen(FleetScreen[MachineRow]):
    """The machines of the chosen subscriptions (of all, when none is chosen), worst first."""

    NAME = "machines"
    TITLE_TEXT = "Machines"
    SCOPES: ClassVar[tuple[str, ...]] = ("machines", "table")
    TABLES = frozenset(("machines", "onboarding", "subscriptions", "selection"))
    COLUMNS = (
        Column("name", "Machine", 18, weight=3),
        Column("state", "State", 13),
        Column("reason", "Reason", 24, weight=5, rank=1),
        Column("since", "Since", 6, rank=2, right=True),
        Column("due", "Due", 8, rank=3, right=True),
        Column("extension", "Extension", 15, weight=1, rank=6),
        Column("system", "System", 14, weight=1, rank=5),
        Column("power", "Power", 12, rank=7),
        Column("subscription", "Subscription", 14, weight=1, rank=4),
        Column("group", "Resource group", 14, rank=8),
        Column("kind", "Kind", 5, rank=9),
    )
    FIELDS = MACHINE_FIELDS
    SORT_KEYS = ("state", "name", "since", "due", "extension", "system", "power", "subscription")
    EMPTY = "No machines known yet: press r to read Azure."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("machines")]

    DEFAULT_CSS = """
    MachinesScreen #hint { height: 2; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.only_attention = False
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
        self._problems = [one for one in await fleet.problems(self.within) if one.source in (Source.MACHINES, Source.EXTENSIONS)]
        if self._problems:
            self._names = {row.subscription.id: row.subscription.name for row in await fleet.subscriptions()}

    async def window(self, keys: Sequence[int]) -> Mapping[int, MachineRow]:
        """Read some machines."""
        return await self.desk.fleet.machine_window(keys)

    async def first_keys(self, limit: int) -> tuple[list[int], int]:
        """The first machines, worst first, and how many there are."""
        fleet = self.desk.fleet
        return await fleet.first_machines(limit, self.within), sum((await fleet.state_counts(self.within)).values())

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
        now = self.desk.clock.now()
        match key:
            case "name":
                return row.name, ""
            case "state":
                shape, tone = STATE_SHAPES[row.state]
                return f"{shape} {row.state}", tone
            case "reason":
                return _flat(row.reason), ""
            case "since":
                return age(row.since, now), "muted"
            case "due":
                late = row.due is not None and row.due < now
                return until(row.due, now), "warn" if late and row.state in ON_THE_WAY else "muted"
            case "extension":
                return _extension_cell(row)
            case "system":
                return row.os_name or row.os_type or "–", ""
            case "power":
                return row.power or "–", "" if row.power.casefold() in ("running", "connected") else "warn" if row.power else "muted"
            case "subscription":
                return row.subscription_name or row.subscription_id, ""
            case "group":
                return row.resource_group, ""
            case _:
                return "Arc" if row.kind == "arc" else "VM" if row.kind == "vm" else row.kind, "muted"

    def summary_line(self) -> str:
        """States as shapes, and how many are expected by when."""
        scope = f" in {count(len(self._chosen), 'chosen subscription')}" if self._chosen else ""
        head = f"{self.table.count:,} of {self.total:,}{scope}" + (" · not aboard only" if self.only_attention else "")
        if self.answer is None:
            return f"{self.total:,} machines{scope} · the first of them, worst first"
        expected = expectation(self.answer.expected, self.answer.last_due, self.desk.clock.now())
        states = state_counts(self.answer.groups, self.size.width - len(head) - len(expected) - 8)
        return " · ".join(part for part in (head, expected, states) if part)

    def told(self) -> None:
        """Below the rows: their states, and what to do next."""
        self.table.empty = self.EMPTY if not self.total else "No machine passes the filter: Esc clears it, o shows all."
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

    @on(LineTable.Opened)
    def _open(self, event: LineTable.Opened) -> None:
        self.post_message(OpenMachine(event.row_id))

    def _tell_hint(self) -> None:
        groups = self.answer.groups if self.answer is not None else ()
        first = worst_group(groups) or outlook(groups)
        if self._problems:
            problem = self._problems[0]
            more = f" (and {len(self._problems) - 1:,} more)" if len(self._problems) > 1 else ""
            name = self._names.get(problem.subscription_id, problem.subscription_id)
            room = max(1, self.size.width - 2)
            first = f"{fit(first, room)}\n{fit(f'? {name}{more}: {_flat(problem.message)}', room)}"
        self.query_one("#hint", Static).update(first, layout=False)


def _extension_cell(row: MachineRow) -> Cell:
    if row.extension is None:
        return "–", "muted"
    state = row.extension.state
    tone = {"succeeded": "good", "failed": "bad"}.get(state.casefold(), "busy")
    return f"{state or '?'} {row.extension.version}".rstrip(), tone

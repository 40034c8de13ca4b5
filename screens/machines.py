"""Step 4: every machine of the chosen subscriptions, its state as it changes, and the reason for each that is not aboard."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache.model import MachineRow, MachineState, Problem, Source
from cache.text import clean
from screens.actions import bindings
from screens.desk import Desk
from screens.requests import OpenMachine
from screens.table_screen import TableScreen
from screens.widgets.line_table import Cell, Column, LineTable, fit
from screens.words import STATE_ORDER, STATE_SHAPES, age, count, until

ABOARD = frozenset((MachineState.ONBOARDED, MachineState.HEALTHY))
"""The states in which a machine has arrived."""

WAITING = frozenset((MachineState.PENDING, MachineState.LATE, MachineState.INSTALLING))
"""The states that are expected to change by themselves."""

ACTING = (
    MachineState.FAILED,
    MachineState.UNHEALTHY,
    MachineState.OVERDUE,
    MachineState.LATE,
    MachineState.BLOCKED,
    MachineState.UNKNOWN,
)
"""The states about which somebody has to do something, worst first."""


def state_counts(rows: Iterable[MachineRow], room: int) -> str:
    """How many machines are in each state, worst first: with words if they fit into ``room`` cells, by shapes alone if not."""
    counts = Counter(row.state for row in rows)
    found = [(shape, counts[state], str(state)) for state, (shape, _) in STATE_SHAPES.items() if counts[state]]
    words = "  ".join(f"{shape} {number:,} {state}" for shape, number, state in found)
    return words if len(words) <= room else " ".join(f"{shape}{number:,}" for shape, number, _ in found)


def expectation(rows: Iterable[MachineRow], now: datetime) -> str:
    """How many machines are expected, and by when the last of them."""
    due = [row.due for row in rows if row.state in WAITING and row.due is not None and row.due > now]
    if not due:
        return ""
    last = max(due)
    when = f"{last:%H:%M}" if last.date() == now.date() else f"{last:%m-%d %H:%M}"
    return f"{len(due):,} expected by {when} UTC"


def worst_group(rows: Iterable[MachineRow]) -> str:
    """The largest group of machines in the worst state there is that somebody must act on, and the remedy; empty when there is none."""
    groups: dict[tuple[MachineState, str], list[MachineRow]] = defaultdict(list)
    for row in rows:
        if row.state in ACTING:
            groups[row.state, row.diagnosis.code if row.diagnosis else row.reason].append(row)
    if not groups:
        return ""
    (state, _), group = min(groups.items(), key=lambda item: (ACTING.index(item[0][0]), -len(item[1]), item[0][1]))
    row = group[0]
    shape, _ = STATE_SHAPES[state]
    sentence = f"{shape} {len(group):,} {state}: {_flat(row.diagnosis.cause if row.diagnosis else row.reason)}"
    if row.diagnosis and row.diagnosis.remedy:
        return f"{sentence} → {_flat(row.diagnosis.remedy)}"
    return f"{sentence} → Enter on one of them says who must act"


def outlook(rows: Sequence[MachineRow]) -> str:
    """What there is to do next when no machine needs attention."""
    counts = Counter(row.state for row in rows)
    waiting = sum(counts[state] for state in WAITING)
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


class MachinesScreen(TableScreen[MachineRow]):
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
        self._shown: Sequence[MachineRow] = ()
        self._next_due: datetime | None = None

    def body(self) -> Iterator[Widget]:
        """The table, its counts, and what to do about the worst of it."""
        yield from super().body()
        yield Static("", id="hint", markup=False)

    async def rows(self) -> Sequence[MachineRow]:
        """The machines of the chosen subscriptions, and why some cannot be seen."""
        fleet = self.desk.fleet
        self._chosen = await fleet.selection()
        within = self._chosen or None
        self._problems = [one for one in await fleet.problems(within) if one.source in (Source.MACHINES, Source.EXTENSIONS)]
        if self._problems:
            self._names = {row.subscription.id: row.subscription.name for row in await fleet.subscriptions()}
        return await fleet.machine_rows(within)

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
                return until(row.due, now), "warn" if late and row.state in WAITING else "muted"
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

    def sort_value(self, row: MachineRow, key: str) -> Any:
        """By the word that the column shows, except states (worst first) and times."""
        name = row.name.casefold()
        match key:
            case "state":
                return STATE_ORDER[str(row.state)], name
            case "since":
                return _by_time(row.since), name
            case "due":
                return _by_time(row.due), name
            case "name":
                return name
            case _:
                return self.cell(row, key)[0].casefold(), name

    def haystack(self, row: MachineRow) -> str:
        """Everything that the filter looks at."""
        diagnosis = row.diagnosis.code if row.diagnosis else ""
        extension = f"{row.extension.name} {row.extension.state} {row.extension.version}" if row.extension else ""
        return (
            f"{row.name} {row.state} {row.reason} {diagnosis} {row.subscription_name} {row.resource_group} {row.os_type} {row.os_name} "
            f"{row.power} {row.location} {row.kind} {extension} {row.id}"
        )

    def keep(self, row: MachineRow) -> bool:
        """Whether a toggle hides the row."""
        return not self.only_attention or row.state not in ABOARD

    def summary(self, shown: Sequence[MachineRow]) -> str:
        """States as shapes, and how many are expected by when."""
        self._shown = shown
        scope = f" in {count(len(self._chosen), 'chosen subscription')}" if self._chosen else ""
        head = f"{len(shown):,} of {len(self._all):,}{scope}" + (" · not aboard only" if self.only_attention else "")
        expected = expectation(shown, self.desk.clock.now())
        states = state_counts(shown, self.size.width - len(head) - len(expected) - 8)
        return " · ".join(part for part in (head, expected, states) if part)

    def rearrange(self) -> None:
        """Show the rows, and below them what to do next."""
        self.table.empty = self.EMPTY if not self._all else "No machine passes the filter: Esc clears it, o shows all."
        super().rearrange()
        now = self.desk.clock.now()
        self._next_due = min((row.due for row in self._shown if row.state in WAITING and row.due and row.due > now), default=None)
        self._tell_hint()

    def on_resize(self, event: events.Resize) -> None:
        """What is cut depends on the width."""
        if self._all:
            self.rearrange()

    def clock_moved(self) -> None:
        """Ages move on in the table, and once the next machine is due, the counts below it."""
        super().clock_moved()
        if self._next_due is not None and self._next_due <= self.desk.clock.now():
            self.rearrange()

    def action_attention(self) -> None:
        """Show only machines that are not aboard yet, or all."""
        self.only_attention = not self.only_attention
        self.rearrange()

    @on(LineTable.Opened)
    def _open(self, event: LineTable.Opened) -> None:
        self.post_message(OpenMachine(event.row_id))

    def _tell_hint(self) -> None:
        first = worst_group(self._shown) or outlook(self._shown)
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


def _by_time(then: datetime | None) -> tuple[bool, float]:
    return then is None, then.timestamp() if then else 0.0

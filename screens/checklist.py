"""Step 2: the prerequisites of the chosen subscriptions, what each rests on, and what to do about those that do not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from cache.model import Check, CheckStatus
from screens.actions import bindings
from screens.desk import Desk
from screens.page import PageScroll
from screens.requests import CopyRequested, GoTo, OpenMachine, TickRequested
from screens.table_screen import TableScreen
from screens.widgets.document import Block, Document, fact
from screens.widgets.line_table import Cell, Column, LineTable
from screens.words import CHECK_SHAPES, age, count, moment

OPEN = frozenset((CheckStatus.FAIL, CheckStatus.WARN, CheckStatus.UNKNOWN, CheckStatus.MANUAL))
"""The outcomes that somebody has to do something about."""

ORDER = {status: place for place, status in enumerate(CHECK_SHAPES)}
NAMED = 6
"""Affected machines that are named below the table."""


def check_key(check: Check) -> str:
    """What identifies a check among those of many subscriptions."""
    return f"{check.subscription_id}/{check.id}"


def machine_name(machine_id: str) -> str:
    """The name at the end of a resource id."""
    return machine_id.rsplit("/", 1)[-1]


class ChecklistScreen(TableScreen[Check]):
    """The checks of the chosen subscriptions (of all, when none is chosen), what fails first."""

    NAME = "checklist"
    TITLE_TEXT = "Checklist"
    SCOPES: ClassVar[tuple[str, ...]] = ("checklist", "table")
    TABLES = frozenset(("checks", "subscriptions", "selection", "ticks"))
    COLUMNS = (
        Column("status", "Status", 12),
        Column("title", "Check", 26, weight=3),
        Column("affected", "Machines", 8, rank=2, right=True),
        Column("subscription", "Subscription", 16, weight=2, rank=1),
        Column("evidence", "Evidence", 30, weight=5, rank=3),
    )
    SORT_KEYS = ("status", "title", "subscription", "affected")
    EMPTY = "Nothing has been checked yet: press r to read Azure."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("checklist")]

    DEFAULT_CSS = """
    ChecklistScreen {
        #split { height: 1fr; layout: vertical; }
        #split > #table { height: 1fr; min-height: 5; }
        #detail { height: 9; border-top: solid $panel; }
    }
    ChecklistScreen.-wide {
        #split { layout: horizontal; }
        #detail { width: 46%; height: 1fr; border-top: none; border-left: solid $panel; }
        #split > #table { width: 1fr; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.only_open = False
        self._chosen: frozenset[str] = frozenset()
        self._names: dict[str, str] = {}

    def body(self) -> Iterator[Widget]:
        """The table and, below or beside it, all about the check under the cursor."""
        field, table, line = super().body()
        yield field
        with Container(id="split"):
            yield table
            with PageScroll(id="detail", can_focus=False):
                yield Document(id="document")
        yield line

    async def rows(self) -> Sequence[Check]:
        """The checks of the chosen subscriptions."""
        self._chosen = await self.desk.fleet.selection()
        self._names = {row.subscription.id.lower(): row.subscription.name for row in await self.desk.fleet.subscriptions()}
        return await self.desk.fleet.checks(self._chosen or None)

    def identify(self, row: Check) -> str:
        """Subscription and check."""
        return check_key(row)

    def cell(self, row: Check, key: str) -> Cell:
        """A cell's text and tone."""
        shape, tone = CHECK_SHAPES[row.status]
        match key:
            case "status":
                word = "n/a" if row.status is CheckStatus.NOT_APPLICABLE else str(row.status)
                return f"{shape} {'ticked' if row.ticked_by else word}", tone
            case "title":
                return row.title, ""
            case "affected":
                return f"{row.affected:,}" if row.affected else "–", "" if row.affected else "muted"
            case "subscription":
                return self._subscription(row), ""
            case _:
                return row.evidence, "muted"

    def sort_value(self, row: Check, key: str) -> Any:
        """Status worst first; the rest by what the column shows."""
        place = ORDER[row.status]
        match key:
            case "status":
                return place, -row.affected, row.title.casefold()
            case "affected":
                return -row.affected, place
            case "subscription":
                return self._subscription(row).casefold(), place
            case _:
                return row.title.casefold(), place

    def haystack(self, row: Check) -> str:
        """Everything that the filter looks at."""
        return f"{row.id} {row.title} {row.status} {self._subscription(row)} {row.subscription_id} {row.evidence} {row.who}"

    def keep(self, row: Check) -> bool:
        """Whether *open only* hides the row."""
        return not self.only_open or row.status in OPEN

    def summary(self, shown: Sequence[Check]) -> str:
        """Counts by status, and what is next."""
        counts = Counter(row.status for row in self._all)
        said = "  ".join(f"{CHECK_SHAPES[status][0]} {counts[status]} {status}" for status in CHECK_SHAPES if counts[status])
        where = count(len(self._chosen), "subscription") if self._chosen else "all subscriptions"
        return f"{where}: {said}" + (" · open only" if self.only_open else " · then press 3 to enable")

    def rearrange(self) -> None:
        """Show the rows, and the check under the cursor."""
        super().rearrange()
        self._tell_detail()

    def clock_moved(self) -> None:
        """Ages move on."""
        super().clock_moved()
        self._tell_detail()

    def action_only_open(self) -> None:
        """Show only what somebody must do something about, or everything."""
        self.only_open = not self.only_open
        self.rearrange()

    def action_copy_remedy(self) -> None:
        """Copy the command of the remedy, else its address."""
        check = self.table.cursor_row
        if check is None:
            return
        if text := check.command or check.link:
            self.post_message(CopyRequested(text, "command" if check.command else "address"))
        else:
            self.notify("There is nothing to copy for this check.", markup=False)

    def action_tick(self) -> None:
        """Confirm a manual step, or take that back."""
        check = self.table.cursor_row
        if check is None:
            return
        if check.ticked_by:
            self.post_message(TickRequested(check.subscription_id, check.id, False))
        elif check.status is CheckStatus.MANUAL:
            self.post_message(TickRequested(check.subscription_id, check.id, True))
        else:
            self.notify("Only manual steps are ticked; this one is checked by reading Azure.", markup=False)

    def action_affected(self) -> None:
        """Show the machines that the check affects."""
        check = self.table.cursor_row
        if check is None or not check.machine_ids:
            self.notify("This check affects no machine.", markup=False)
        elif len(check.machine_ids) == 1:
            self.post_message(OpenMachine(check.machine_ids[0]))
        else:
            self.post_message(GoTo("machines", check.machine_ids[0], check.subscription_id))

    @on(LineTable.Highlighted)
    def _moved(self) -> None:
        self._tell_detail()

    @on(LineTable.Opened)
    def _opened(self) -> None:
        self.action_affected()

    def _subscription(self, row: Check) -> str:
        return self._names.get(row.subscription_id.lower(), row.subscription_id)

    def _tell_detail(self) -> None:
        for document in self.query("#document").results(Document):
            document.show(self._blocks(self.table.cursor_row))

    def _blocks(self, check: Check | None) -> list[Block]:
        if check is None:
            return []
        shape, tone = CHECK_SHAPES[check.status]
        blocks = [Block(f"{shape} {check.title}", tone, bold=True), Block(check.evidence)]
        if check.remedy:
            blocks.append(fact("What to do", check.remedy))
        if check.who:
            blocks.append(fact("Who", check.who))
        if check.command:
            blocks.append(fact("Command", check.command, "accent"))
        if check.link:
            blocks.append(fact("Portal", check.link, "accent"))
        if check.machine_ids:
            names = ", ".join(machine_name(one) for one in check.machine_ids[:NAMED])
            more = f" and {check.affected - NAMED} more" if check.affected > NAMED else ""
            blocks.append(fact("Machines", f"{names}{more} (m shows them)"))
        if check.ticked_by:
            blocks.append(fact("Ticked", f"by {check.ticked_by}, {moment(check.ticked_at)}; x takes it back"))
        elif check.status is CheckStatus.MANUAL:
            blocks.append(fact("Tick", "x confirms that this is done; who and when is remembered"))
        blocks.append(fact("Read", f"{age(check.as_of, self.desk.clock.now())} ago · {check.reference}", "muted"))
        return blocks

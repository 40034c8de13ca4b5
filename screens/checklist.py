"""Step 2: the prerequisites of the chosen subscriptions, what each rests on, and what to do about those that do not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from cache.model import Check, CheckStatus
from screens.actions import bindings
from screens.affected import AffectedDialog
from screens.desk import Desk
from screens.requests import CopyRequested, OpenMachine, TickRequested
from screens.table_screen import TableScreen
from screens.widgets.document import Block, Document, fact
from screens.widgets.line_table import Cell, Column, LineTable
from screens.words import CHECK_SHAPES, age, count, moment

OPEN = frozenset((CheckStatus.FAIL, CheckStatus.WARN, CheckStatus.UNKNOWN, CheckStatus.MANUAL))
"""The outcomes that somebody has to do something about."""

SET_BY_STEP_3 = frozenset(("integration", "linux"))
"""The checks of what step 3 sets: that they fail is why one goes there."""

ORDER = {status: place for place, status in enumerate(CHECK_SHAPES)}
NAMED = 6
"""Affected machines that are named below the table."""


def check_key(check: Check) -> str:
    """What identifies a check among those of many subscriptions."""
    return f"{check.subscription_id}/{check.id}"


def hinders(check: Check) -> bool:
    """Whether the check is a failed prerequisite of the subscription as a whole, not of some machines nor of what step 3 sets."""
    return check.status is CheckStatus.FAIL and not check.machine_ids and check.id not in SET_BY_STEP_3


def next_step(checks: Sequence[Check]) -> str:
    """What to do next about the subscriptions that ``checks`` are of."""
    everything = {check.subscription_id for check in checks}
    hindered = {check.subscription_id for check in checks if hinders(check)}
    done = {check.subscription_id for check in checks if check.id == "linux" and check.status is CheckStatus.PASS}
    free = everything - hindered
    if not everything:
        return ""
    if everything == done and not hindered:
        return f"→ {count(len(done), 'subscription')} enabled already: press 4 to watch the machines."
    if not hindered:
        return f"→ Nothing blocks {_these(free)}: press 3 to see what enabling would change."
    failing = f"→ {count(len(hindered), 'subscription')} {'fails' if len(hindered) == 1 else 'fail'} a prerequisite"
    others = "one" if len(free) == 1 else f"{len(free):,}"
    return f"{failing}; nothing blocks the other {others}: press 3." if free else f"{failing}: do what is said there, then r."


def _these(ids: set[str]) -> str:
    return "this subscription" if len(ids) == 1 else f"these {len(ids):,} subscriptions"


def machine_name(machine_id: str) -> str:
    """The name in a resource id: what follows subscription, group, provider and type."""
    return machine_id.split("/", 8)[-1]


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
        #split > #table { height: 1fr; min-height: 3; }
        #detail { height: 9; max-height: 50%; border-top: solid $panel; scrollbar-size-vertical: 1; overflow-x: hidden; }
        #detail:focus { border-top: solid $accent; }
        #hint { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    ChecklistScreen.-wide {
        #split { layout: horizontal; }
        #detail { width: 46%; height: 1fr; max-height: 100%; border-top: none; border-left: solid $panel; }
        #detail:focus { border-top: none; border-left: solid $accent; }
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
            with VerticalScroll(id="detail"):
                yield Document(id="document")
        yield line
        yield Static("", id="hint", markup=False)

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
                return f"{shape} {'ticked' if row.ticked_by else _word(row.status)}", tone
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
        said = "  ".join(f"{CHECK_SHAPES[status][0]} {counts[status]:,} {_word(status)}" for status in CHECK_SHAPES if counts[status])
        where = count(len(self._chosen), "subscription") if self._chosen else "all subscriptions"
        return where + (f": {said}" if said else "") + (" · open only" if self.only_open else "")

    def rearrange(self) -> None:
        """Show the rows, what is next, and the check under the cursor."""
        if not self._all:
            self.table.empty = self.EMPTY
        elif self.only_open and not self.filter_text:
            self.table.empty = "Nothing is open: every check holds. o shows them."
        else:
            self.table.empty = "No check passes the filter: Esc clears it."
        super().rearrange()
        self.query_one("#hint", Static).update(next_step(self._all), layout=False)
        self._tell_detail()

    def clear_filter(self) -> bool:
        """From the text about a check back to the table; from there clear the filter. False when there was nothing to leave."""
        if self.query_one("#detail").has_focus:
            self.table.focus()
            return True
        return super().clear_filter()

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
        """Confirm the marked manual steps, or the one under the cursor; take that back where all of them are ticked."""
        checks = self._acted_on()
        waiting = [check for check in checks if check.status is CheckStatus.MANUAL]
        asked = waiting or [check for check in checks if check.ticked_by]
        for check in asked:
            self.post_message(TickRequested(check.subscription_id, check.id, bool(waiting)))
        if not checks:
            return
        if not asked:
            self.notify("Only manual steps are ticked; what is checked by reading Azure is not.", markup=False)
            return
        steps = count(len(asked), "step")
        who = self.desk.session.principal
        self.notify(f"{steps} ticked by {who}: x takes it back." if waiting else f"{steps} no longer ticked.", markup=False)
        self.table.set_marks(frozenset())

    async def action_affected(self) -> None:
        """Show the machines that the check affects: one by its page, many as a list."""
        check = self.table.cursor_row
        if check is None or not check.machine_ids:
            self.notify("This check affects no machine.", markup=False)
        elif len(check.machine_ids) == 1:
            self.post_message(OpenMachine(check.machine_ids[0]))
        else:
            affected = {one.lower() for one in check.machine_ids}
            rows = await self.desk.fleet.machine_rows([check.subscription_id])
            dialog = AffectedDialog(check.title, [row for row in rows if row.id.lower() in affected])
            self.app.push_screen(dialog, self._machine_chosen)

    def _machine_chosen(self, machine_id: str | None) -> None:
        if machine_id:
            self.post_message(OpenMachine(machine_id))

    def _acted_on(self) -> list[Check]:
        """The marked checks that are shown, else the one under the cursor."""
        ids = set(self.table.chosen())
        return [row for row in self.table.rows if self.identify(row) in ids]

    @on(LineTable.Highlighted, "#table")
    def _moved(self) -> None:
        self._tell_detail()
        self.query_one("#detail").scroll_home(animate=False)

    @on(LineTable.Opened, "#table")
    def _opened(self) -> None:
        self.query_one("#detail").focus()

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
            blocks.append(fact("Command (y)", check.command, "accent"))
        if check.link:
            blocks.append(fact("Portal" if check.command else "Portal (y)", check.link, "accent"))
        if check.machine_ids:
            names = ", ".join(machine_name(one) for one in check.machine_ids[:NAMED])
            more = f" and {check.affected - NAMED:,} more" if check.affected > NAMED else ""
            blocks.append(fact("Machines (m)", f"{check.affected:,}: {names}{more}"))
        if check.ticked_by:
            blocks.append(fact("Ticked (x)", f"by {check.ticked_by}, {moment(check.ticked_at)}; x takes it back", "good"))
        elif check.status is CheckStatus.MANUAL:
            blocks.append(fact("Tick (x)", "x confirms that this is done; who and when is remembered", "busy"))
        if check.reference:
            blocks.append(fact("Reference", check.reference, "muted"))
        now = self.desk.clock.now()
        stale = check.as_of is not None and now - check.as_of > self.desk.stale_after
        read = f"{age(check.as_of, now)} ago" if check.as_of else "not known when"
        blocks.append(fact("Read", f"{read}, STALE: r reads again" if stale else read, "warn" if stale else "muted"))
        blocks.append(fact("Subscription", f"{self._subscription(check)} ({check.subscription_id})", "muted"))
        return blocks


def _word(status: CheckStatus) -> str:
    return "n/a" if status is CheckStatus.NOT_APPLICABLE else str(status)

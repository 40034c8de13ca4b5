"""Step 2: the prerequisites of the chosen subscriptions, what each rests on, and what to do about those that do not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache.check_sources import RESTS_ON, evidence_read, readings_of, sources_of
from cache.fields import CHECK_FIELDS
from cache.model import Check, CheckStatus, Source
from screens.actions import bindings
from screens.affected import AffectedDialog
from screens.desk import Desk
from screens.detail_screen import DetailScreen
from screens.export import ask, offered
from screens.requests import CopyRequested, ExportRequested, GoTo, OpenMachine, SyncRequested, TickRequested
from screens.widgets.document import Block, fact
from screens.widgets.line_table import Cell, Column
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


class ChecklistScreen(DetailScreen[Check]):
    """The checks of the chosen subscriptions (of all, when none is chosen), what fails first."""

    NAME = "checklist"
    TITLE_TEXT = "Checklist"
    SCOPES: ClassVar[tuple[str, ...]] = ("checklist", "table")
    TABLES = frozenset(("checks", "subscriptions", "selection", "ticks"))
    SOURCES = frozenset(Source) - {Source.ALERTS}
    COLUMNS = (
        Column("status", "Status", 12),
        Column("title", "Check", 24, weight=3),
        Column("affected", "Machines", 8, rank=2, right=True),
        Column("subscription", "Subscription", 18, weight=2, rank=1, ends=True),
        Column("evidence", "Evidence", 30, weight=5, rank=3),
        Column("age", "Age", 5, rank=2, right=True),
    )
    FIELDS = CHECK_FIELDS
    SORT_KEYS = ("status", "title", "subscription", "affected", "evidence", "age")
    THEN = ("status", "affected", "title")
    UNREAD = "Nothing has been checked yet"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("checklist")]

    DEFAULT_CSS = """
    ChecklistScreen {
        #split > #table { height: 1fr; min-height: 3; }
        #detail { height: 9; max-height: 50%; }
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
        self._read: dict[str, dict[str, datetime]] = {}

    def body(self) -> Iterator[Widget]:
        """The table, all about the check under the cursor, and what is next."""
        yield from super().body()
        yield Static("", id="hint", markup=False)

    async def rows(self) -> Sequence[Check]:
        """The checks of the chosen subscriptions."""
        self._chosen = await self.desk.fleet.selection()
        self._names = await self.desk.fleet.subscription_names()
        self._read = await self.desk.fleet.read_at(self._chosen or None)
        return await self.desk.fleet.checks(self._chosen or None)

    async def ages_moved(self) -> None:
        """What the checks rest on was read again, and is the same: they alone are younger."""
        read = self._read = await self.desk.fleet.read_at(self._chosen or None)
        self._all = [
            replace(one, as_of=evidence_read(one.id, read.get(one.subscription_id.lower(), {}))) if one.id in RESTS_ON else one
            for one in self._all
        ]
        self.show_rows()

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
            case "age":
                return age(row.as_of, self.desk.clock.now(), coarse=True), "warn" if self._stale(row) else "muted"
            case _:
                return row.evidence, "muted"

    def sort_value(self, row: Check, key: str) -> Any:
        """Status worst first, most machines first; the rest by what the column shows."""
        match key:
            case "status":
                return ORDER[row.status]
            case "affected":
                return -row.affected
            case "age":
                return row.as_of.timestamp() if row.as_of is not None else 0.0
            case _:
                return self.cell(row, key)[0].casefold()

    def haystack(self, row: Check) -> str:
        """Everything that a word of the filter is looked for in."""
        return f"{row.id} {row.title} {row.status} {self._subscription(row)} {row.subscription_id} {row.evidence} {row.who}"

    def field_text(self, row: Check, key: str) -> str:
        """What a field of the filter reads."""
        match key:
            case "status":
                return str(row.status)
            case "machine":
                return " ".join(machine_name(one) for one in row.machine_ids)
            case "who":
                return row.who
            case "ticked":
                return row.ticked_by
            case _:
                return self.cell(row, key)[0]

    def field_time(self, row: Check, key: str) -> datetime | None:
        """When it was read."""
        return row.as_of

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
            self.table.empty = self.unread()
        elif self.only_open and not self.filter_text:
            self.table.empty = "Nothing is open: every check holds. o shows them."
        else:
            self.table.empty = "No check passes the filter: Esc clears it."
        super().rearrange()
        self.query_one("#hint", Static).update(next_step(self._all), layout=False)

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

    def action_in_machines(self) -> None:
        """Show the machines of the marked checks, or of the one under the cursor, on their screen."""
        checks = [check for check in self._acted_on() if check.machine_ids]
        if not checks:
            self.notify("This check affects no machine.", markup=False)
            return
        titles = list(dict.fromkeys(check.title for check in checks))
        title = titles[0] if len(titles) == 1 else f"{len(titles)} checks"
        self.post_message(GoTo("machines", checks=tuple((check.subscription_id, check.id) for check in checks), title=title))

    def action_check_again(self) -> None:
        """Read again what the marked checks, or the one under the cursor, rest on."""
        marked = bool(self.table.marks)
        checks = self._acted_on()
        sources = sources_of(check.id for check in checks)
        if not checks:
            return
        if not sources:
            self.notify("Nothing in Azure is read for this check: it follows from the cloud, or is done by hand.", markup=False)
            return
        ids = tuple(dict.fromkeys(check.subscription_id for check in checks)) if marked else tuple(sorted(self._chosen))
        if not self.desk.session.signed_in:
            self.notify("Not signed in, so nothing can be read again: press ctrl+l.", markup=False)
            return
        where = count(len(ids), "subscription") if ids else "all subscriptions"
        self.notify(f"Reading {', '.join(sorted(sources))} of {where} again, and nothing else…", markup=False)
        self.post_message(SyncRequested(ids, sources))
        self.table.set_marks(frozenset())

    def action_export(self) -> None:
        """Ask where to write the checks that are shown."""
        shown = frozenset(self.identify(row) for row in self.table.rows)
        path = offered(self.desk.home, "checklist", self.desk.clock.now())
        part = None if len(shown) == len(self._all) else shown
        question = f"Write {count(len(shown), 'check')}{'' if part is None else f' of {len(self._all):,}, those that are shown,'} to:"
        ask(self, question, path, lambda path, force: ExportRequested("checklist", path, force, shown=part))

    def _machine_chosen(self, machine_id: str | None) -> None:
        if machine_id:
            self.post_message(OpenMachine(machine_id))

    def _acted_on(self) -> list[Check]:
        """The marked checks that are shown, else the one under the cursor."""
        ids = set(self.table.chosen())
        return [row for row in self.table.rows if self.identify(row) in ids]

    def _subscription(self, row: Check) -> str:
        return self._names.get(row.subscription_id.lower(), row.subscription_id)

    def details(self, row: Check) -> list[Block]:
        """All about a check, and what to do."""
        shape, tone = CHECK_SHAPES[row.status]
        blocks = [Block(f"{shape} {row.title}", tone, bold=True), Block(row.evidence)]
        if row.remedy:
            blocks.append(fact("What to do", row.remedy))
        if row.who:
            blocks.append(fact("Who", row.who))
        if row.command:
            blocks.append(fact("Command (y)", row.command, "accent"))
        if row.link:
            blocks.append(fact("Portal" if row.command else "Portal (y)", row.link, "accent"))
        if row.machine_ids:
            names = ", ".join(machine_name(one) for one in row.machine_ids[:NAMED])
            more = f" and {row.affected - NAMED:,} more" if row.affected > NAMED else ""
            blocks.append(fact("Machines (m, M)", f"{row.affected:,}: {names}{more}"))
        if row.ticked_by:
            blocks.append(fact("Ticked (x)", f"by {row.ticked_by}, {moment(row.ticked_at)}; x takes it back", "good"))
        elif row.status is CheckStatus.MANUAL:
            blocks.append(fact("Tick (x)", "x confirms that this is done; who and when is remembered", "busy"))
        if row.reference:
            blocks.append(fact("Reference", row.reference, "muted"))
        blocks.append(self._read_block(row))
        blocks.append(fact("Subscription", f"{self._subscription(row)} ({row.subscription_id})", "muted"))
        return blocks

    def _read_block(self, row: Check) -> Block:
        """When each source of the check was read."""
        now = self.desk.clock.now()
        if row.id in RESTS_ON:
            told = readings_of(row.id, self._read.get(row.subscription_id.lower(), {}))
            read = ", ".join(f"{source} {age(at, now)} ago" if at else f"{source} never" for source, at in told.items())
            read = read or "nothing: it follows from the cloud, or is done by hand"
        else:
            read = f"{age(row.as_of, now)} ago" if row.as_of else "not known when"
        stale = self._stale(row)
        return fact("Read (c)", f"{read}, STALE: c reads again" if stale else read, "warn" if stale else "muted")

    def _stale(self, row: Check) -> bool:
        """Whether what the check rests on was read too long ago."""
        if row.id not in RESTS_ON:
            return row.as_of is not None and self.desk.clock.now() - row.as_of > self.desk.stale_limit(Source.SETTINGS)
        now = self.desk.clock.now()
        told = readings_of(row.id, self._read.get(row.subscription_id.lower(), {}))
        return any(at is not None and now - at > self.desk.stale_limit(source) for source, at in told.items())


def _word(status: CheckStatus) -> str:
    return "n/a" if status is CheckStatus.NOT_APPLICABLE else str(status)

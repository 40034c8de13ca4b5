"""Step 1: every subscription that can be seen, how far it has come, and which of them are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache.enabling import Enabling
from cache.fields import SUBSCRIPTION_FIELDS
from cache.model import Problem, Source, Subscription, SubscriptionRow
from cache.reading import subscription_rows
from screens.actions import bindings
from screens.coverage import COVERAGE_SHAPES, NO_RIGHT, Coverage, compact_states, coverage, machines_tone, next_step
from screens.desk import Desk
from screens.requests import GoTo, SelectionChanged
from screens.table_screen import TableScreen
from screens.widgets.line_table import Cell, Column, LineTable, fit
from screens.words import count, moment

PLANS = {"standard": "on"}
"""Words for plans where Azure's own are longer than the column."""

NOTHING_TO_SEE = "You can see no subscription here: ask for Reader and Security Reader, or press t for another tenant."


class SubscriptionsScreen(TableScreen[SubscriptionRow]):
    """The subscriptions by name. What is chosen here is what the other screens look at."""

    NAME = "subscriptions"
    TITLE_TEXT = "Subscriptions"
    SCOPES: ClassVar[tuple[str, ...]] = ("subscriptions", "table")
    TABLES = frozenset(("subscriptions", "enablings", "machines", "onboarding", "alerts", "selection"))
    SOURCES = frozenset((Source.SUBSCRIPTIONS, Source.PERMISSIONS, Source.PROVIDER, Source.SETTINGS, Source.PLAN, Source.MACHINES))
    COLUMNS = (
        Column("chosen", "✓", 1),
        Column("name", "Subscription", 22, weight=5, ends=True),
        Column("id", "Id", 9, rank=8, roomy=36),
        Column("plan", "Plan", 4, rank=3),
        Column("integration", "MDE", 3, rank=2),
        Column("linux", "Linux", 10, rank=1),
        Column("unified", "Unified", 7, rank=7),
        Column("machines", "Machines", 13, weight=3, rank=5),
        Column("notes", "Notes", 9, weight=2, rank=1),
    )
    FIELDS = SUBSCRIPTION_FIELDS
    SORT_KEYS = ("name", "linux", "plan", "integration", "unified", "machines", "notes", "chosen", "id")
    THEN = ("name",)
    UNREAD = "No subscriptions yet"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("subscriptions")]
    DEFAULT_CSS = """
    SubscriptionsScreen #hint { height: 3; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._tenant_problems: list[Problem] = []
        self._read_at: datetime | None = None
        self._known: Mapping[str, Subscription] = {}
        self._enablings: Mapping[str, Enabling] = {}
        self._states: Mapping[str, Mapping[str, int]] = {}
        self._alerts: Mapping[str, int] = {}

    def body(self) -> Iterator[Widget]:
        """The table, its counts, and what is next for the row under the cursor."""
        yield from super().body()
        yield Static("", id="hint", markup=False)

    async def rows(self) -> Sequence[SubscriptionRow]:
        """Every subscription, and what went wrong for the tenant as a whole; what did not change is not read again."""
        fleet = self.desk.fleet

        async def subscriptions() -> None:
            self._known = await fleet.subscription_records()
            self._enablings = await fleet.enablings()

        async def machines() -> None:
            self._states = await fleet.states_by_subscription()

        async def alerts() -> None:
            self._alerts = await fleet.open_alerts_by_subscription()

        await self.reread(frozenset(("subscriptions", "enablings")), subscriptions)
        await self.reread(frozenset(("machines", "onboarding")), machines)
        await self.reread(frozenset(("alerts",)), alerts)
        self._read_at = await fleet.oldest(Source.SUBSCRIPTIONS)
        problems = await fleet.problems()
        self._tenant_problems = [one for one in problems if not one.subscription_id]
        return subscription_rows(self._known.values(), self._states, self._alerts, problems, await fleet.selection(), self._enablings)

    def identify(self, row: SubscriptionRow) -> str:
        """The subscription's id."""
        return row.subscription.id

    def cell(self, row: SubscriptionRow, key: str) -> Cell:
        """A cell's text and tone."""
        one = row.subscription
        match key:
            case "chosen":
                return ("✓", "accent") if row.selected else ("", "")
            case "name":
                return one.name or one.id, ""
            case "id":
                return one.id, "muted"
            case "plan":
                plan = one.servers_plan
                return ("?", "warn") if plan is None else (PLANS.get(plan, plan), "warn" if plan == "free" else "")
            case "integration":
                return ("?", "warn") if one.integration is None else (one.integration, "good" if one.integration == "on" else "warn")
            case "linux":
                return _linux_cell(one)
            case "unified":
                return (one.unified or "?").replace("not-set", "not set"), "good" if one.unified == "on" else "muted"
            case "machines":
                return (
                    ("not seen", "warn")
                    if one.can_see_machines is False and not row.machines
                    else (compact_states(row), machines_tone(row))
                )
            case _:
                return _notes(row)

    def sort_value(self, row: SubscriptionRow, key: str) -> Any:
        """By the word that the column shows, except coverage (least covered first), machines and problems (most first)."""
        match key:
            case "linux":
                return list(Coverage).index(coverage(row.subscription))
            case "machines":
                return -row.machines
            case "notes":
                return not self.cell(row, key)[0], -len(row.problems)
            case "chosen":
                return not row.selected
            case _:
                return self.cell(row, key)[0].casefold()

    def field_text(self, row: SubscriptionRow, key: str) -> str:
        """What a field of the filter reads."""
        one = row.subscription
        match key:
            case "coverage":
                return coverage(one).slug + (f" {NO_RIGHT}" if one.can_enable is False else "")
            case "linux":
                return one.linux or ""
            case "machines":
                return " ".join(row.states)
            case "problem":
                return " ".join(f"{problem.code} {problem.message}" for problem in row.problems)
            case "right":
                return {True: "yes", False: "no", None: "unknown"}[one.can_enable]
            case "chosen":
                return "yes" if row.selected else "no"
            case "state":
                return one.state
            case "tag":
                return " ".join(f"{name}={value}" for name, value in one.tags.items())
            case "tenant":
                return one.tenant_id
            case _:
                return self.cell(row, key)[0]

    def haystack(self, row: SubscriptionRow) -> str:
        """Everything that a word of the filter is looked for in."""
        return " ".join(
            (*(self.cell(row, column.key)[0] for column in self.COLUMNS), *(self.field_text(row, one.key) for one in self.FIELDS))
        )

    def summary(self, shown: Sequence[SubscriptionRow]) -> str:
        """How many are shown, how many chosen, and how far they have come."""
        chosen = sum(row.selected for row in self._all)
        scope = f"{chosen:,} chosen" if chosen else "none chosen: the other screens show all"
        counts = Counter(coverage(row.subscription) for row in shown)
        covered = "  ".join(f"{shape} {counts[one]:,} {one}" for one, (shape, _) in COVERAGE_SHAPES.items() if counts[one])
        return f"{len(shown):,} of {len(self._all):,} · {scope} · {covered}"

    def rearrange(self) -> None:
        """Show the rows, and below them what is next."""
        if self._all:
            self.table.empty = "No subscription passes the filter: Esc clears it."
        else:
            self.table.empty = self.unread() if self._read_at is None else NOTHING_TO_SEE
        super().rearrange()
        self._tell_next()

    def action_choose(self) -> None:
        """Choose the marked subscriptions, or the one under the cursor."""
        self._choose()

    def action_choose_all(self) -> None:
        """Look at every subscription again."""
        if any(row.selected for row in self._all):
            self.post_message(SelectionChanged(frozenset()))
            self.notify("No subscription is chosen any more, so the other screens show all.", markup=False)

    @on(LineTable.Opened, "#table")
    def _go_on(self) -> None:
        if self._choose():
            self.post_message(GoTo("checklist"))

    @on(LineTable.Highlighted, "#table")
    def _cursor_moved(self) -> None:
        self._tell_next()

    def _choose(self) -> bool:
        """Ask for the marked rows (also those that a filter hides) to be remembered as chosen, or for the one under the cursor."""
        chosen = self.table.marks or frozenset(filter(None, (self.table.cursor_id,)))
        if not chosen:
            return False
        if chosen != {self.identify(row) for row in self._all if row.selected}:
            self.post_message(SelectionChanged(chosen))
            self.notify(
                f"{count(len(chosen), 'subscription')} chosen: 2 Checklist, 3 Enable and 4 Machines now look at that.", markup=False
            )
        self.table.set_marks(frozenset())
        return True

    def _tell_next(self) -> None:
        self.query_one("#hint", Static).update("\n".join(self._hint()), layout=False)

    def _hint(self) -> Iterator[str]:
        row = self.table.cursor_row
        if row is None:
            yield from (f"✗ {_flat(problem.message)}" for problem in self._tenant_problems[:3])
            return
        one = row.subscription
        facts = [one.id, count(row.machines, "machine"), count(row.alerts, "open alert")]
        if one.unified:
            facts.append(f"unified {one.unified.replace('not-set', 'not set')}")
        if one.enabled_at is not None:
            elsewhere = row.enabling is not None and row.enabling.at == one.enabled_at
            by = f" by {row.enabling.by}" if row.enabling is not None and elsewhere else ""
            facts.append(f"enabled {moment(one.enabled_at)}{by}")
        yield fit(" · ".join(facts), max(1, self.size.width - 2)).rstrip()
        if row.problems:
            more = f" (and {len(row.problems) - 1:,} more: press 9)" if len(row.problems) > 1 else ""
            yield f"✗ {_flat(row.problems[0].message)}{more}"
        yield f"→ {next_step(row, self.desk.session.integration_supported, self.desk.until_read)}"


def _linux_cell(one: Subscription) -> Cell:
    where = coverage(one)
    shape, tone = COVERAGE_SHAPES[where]
    if where is Coverage.NO_PLAN and one.integration == "on":
        return {"enabled": ("● enabled", "muted"), "excluded": ("✗ excluded", "bad")}.get(one.linux or "", ("◐ not set", "warn"))
    words = {Coverage.ENABLED: "enabled", Coverage.EXCLUDED: "excluded", Coverage.NOT_SET: "not set", Coverage.OFF: "off"}
    if where in words:
        return f"{shape} {words[where]}", tone
    return ("○ off", "muted") if where is Coverage.NO_PLAN else ("? unknown", "warn")


def _notes(row: SubscriptionRow) -> Cell:
    """What else matters about a row, in as few words as can be: its own state, problems, missing rights."""
    one = row.subscription
    notes = []
    if one.state.casefold() != "enabled":
        notes.append(one.state or "state unknown")
    if row.problems:
        notes.append(f"✗{len(row.problems)}")
    if one.provider is not None and one.provider.casefold() != "registered":
        notes.append("unregistered")
    if one.can_enable is False:
        notes.append("no right")
    return " ".join(notes), "bad" if row.problems else "warn" if notes else ""


def _flat(text: str) -> str:
    return " ".join(text.split())

"""The alerts of the chosen subscriptions, newest first, and the change of their status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache.model import Alert, Problem, Source, Subscription
from screens.actions import bindings
from screens.desk import Desk
from screens.dialogs import ConfirmDialog
from screens.requests import AlertStatusRequested, OpenAlert, OpenMachine
from screens.table_screen import TableScreen
from screens.triage import NOTE, OPEN, VERBS, judge, machine_of, question, status_word
from screens.widgets.line_table import Cell, Column, LineTable
from screens.words import ALERT_STATUSES, age, alert_status_cell, count, severity_cell, severity_shape

ENDPOINT_MARK = "◆ MDE"
"""Stands where the product is named when Defender for Endpoint raised an alert."""


class AlertsScreen(TableScreen[Alert]):
    """Alerts of the chosen subscriptions (of all, when none is chosen). A status is asked for here and changed elsewhere."""

    NAME = "alerts"
    TITLE_TEXT = "Alerts"
    SCOPES: ClassVar[tuple[str, ...]] = ("alerts", "table")
    TABLES = frozenset(("alerts", "subscriptions", "selection"))
    COLUMNS = (
        Column("severity", "Severity", 15),
        Column("title", "Alert", 20, weight=5),
        Column("machine", "Machine", 14, weight=2, rank=2),
        Column("status", "Status", 13, rank=1),
        Column("age", "Age", 5, rank=3, right=True),
        Column("product", "From", 6, weight=1, rank=4),
        Column("subscription", "Subscription", 16, weight=1, rank=5),
        Column("group", "Resource group", 14, rank=6),
    )
    SORT_KEYS = ("age", "severity", "status", "title", "machine", "product", "subscription")
    EMPTY = "No alerts known yet: press r to read Azure."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("alerts")]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.only_endpoint = False
        self.only_open = False
        self._touched: set[str] = set()
        self._subscriptions: dict[str, Subscription] = {}
        self._chosen: frozenset[str] = frozenset()
        self._problems: list[Problem] = []
        self._read_at: datetime | None = None

    def body(self) -> Iterator[Widget]:
        """The table, its counts, and what the Defender portal does not follow."""
        yield from super().body()
        yield Static("", id="hint", markup=False)

    async def rows(self) -> Sequence[Alert]:
        """The alerts of the chosen subscriptions, the rights there, and why some cannot be read."""
        fleet = self.desk.fleet
        self._chosen = await fleet.selection()
        within = self._chosen or None
        self._subscriptions = {row.subscription.id.lower(): row.subscription for row in await fleet.subscriptions()}
        self._problems = [one for one in await fleet.problems(within) if one.source == Source.ALERTS]
        self._read_at = await fleet.oldest(Source.ALERTS, within)
        return await fleet.alerts(within)

    def identify(self, row: Alert) -> str:
        """The resource id."""
        return row.id

    def cell(self, row: Alert, key: str) -> Cell:
        """A cell's text and tone."""
        match key:
            case "severity":
                return severity_cell(row.severity)
            case "title":
                return row.title or row.alert_type, ""
            case "machine":
                return machine_of(row), ""
            case "status":
                return alert_status_cell(row.status)
            case "age":
                return age(row.generated, self.desk.clock.now()), "muted"
            case "product":
                return (ENDPOINT_MARK, "accent") if row.from_endpoint else (row.product or "–", "muted")
            case "subscription":
                return self._subscription_name(row), ""
            case _:
                return row.resource_group or "–", "muted"

    def sort_value(self, row: Alert, key: str) -> Any:
        """Newest first, worst first, what waits first; else by the word that the column shows. Equal ones newest first."""
        newest = (row.generated is None, -row.generated.timestamp() if row.generated else 0.0)
        match key:
            case "age":
                return newest
            case "severity":
                return severity_shape(row.severity)[0], newest
            case "status":
                return list(ALERT_STATUSES).index(row.status) if row.status in ALERT_STATUSES else -1, newest
            case _:
                return self.cell(row, key)[0].casefold(), newest

    def haystack(self, row: Alert) -> str:
        """Everything that the filter looks at."""
        return (
            f"{row.title} {row.severity} {row.status} {status_word(row.status)} {row.product} {row.alert_type} {row.compromised_entity} "
            f"{self._subscription_name(row)} {row.id} {row.machine_id or ''} {'mde endpoint' if row.from_endpoint else ''}"
        )

    def keep(self, row: Alert) -> bool:
        """Whether a toggle hides the row. What was changed here stays, so that the change can be taken back, until the toggle is
        pressed again."""
        if self.only_endpoint and not row.from_endpoint:
            return False
        return not self.only_open or row.status in OPEN or row.id in self._touched

    def summary(self, shown: Sequence[Alert]) -> str:
        """How many are shown, how many of them wait, and through which toggles."""
        waiting = sum(row.status in OPEN for row in shown)
        parts = [
            f"{len(shown):,} of {count(len(self._all), 'alert')}"
            + (f" in {count(len(self._chosen), 'chosen subscription')}" if self._chosen else ""),
            f"{waiting:,} open",
            "Defender for Endpoint only (e)" if self.only_endpoint else "",
            "open only (o)" if self.only_open else "",
            "a undoes i, v and d",
        ]
        return " · ".join(part for part in parts if part)

    def rearrange(self) -> None:
        """Show the rows, and below them the note."""
        if self._all:
            self.table.empty = "No alert passes: e and o show more, Esc clears the filter."
        elif self._read_at is not None:
            self.table.empty = (
                f"No alerts, as of {age(self._read_at, self.desk.clock.now())} ago. A test alert takes some minutes to appear."
            )
        else:
            self.table.empty = self.EMPTY
        super().rearrange()
        self.query_one("#hint", Static).update("\n".join([NOTE, *self._problem_line()]))

    def action_only_endpoint(self) -> None:
        """Show only Defender for Endpoint's alerts, or all."""
        self.only_endpoint = not self.only_endpoint
        self.rearrange()

    def action_only_open(self) -> None:
        """Show only alerts that wait for somebody, or all."""
        self.only_open = not self.only_open
        self._touched.clear()
        self.rearrange()

    def action_progress(self) -> None:
        """Set in progress."""
        self._ask("InProgress")

    def action_resolve(self) -> None:
        """Resolve."""
        self._ask("Resolved")

    def action_dismiss_alert(self) -> None:
        """Dismiss."""
        self._ask("Dismissed")

    def action_activate(self) -> None:
        """Activate again."""
        self._ask("Active")

    def action_open_machine(self) -> None:
        """Show the page of the machine under the cursor."""
        alert = self.table.cursor_row
        if alert is None:
            return
        if alert.machine_id:
            self.post_message(OpenMachine(alert.machine_id))
        else:
            self.notify("This alert names no machine of Azure.", markup=False)

    @on(LineTable.Opened)
    def _open(self, event: LineTable.Opened) -> None:
        self.post_message(OpenAlert(event.row_id))

    def _ask(self, status: str) -> None:
        chosen = set(self.table.chosen())
        wanted = [row for row in self.table.rows if row.id in chosen]
        verdict = judge(wanted, status, self._subscriptions, self.desk.session.read_only)
        for sentence in verdict.sentences:
            self.notify(sentence, severity="warning", markup=False)
        ids = tuple(alert.id for alert in verdict.alerts)
        if len(ids) == 1:
            self._request(ids, status)
        elif ids:
            title, text = question(verdict.alerts, status)

            def answered(yes: bool | None) -> None:
                if yes:
                    self._request(ids, status)

            self.app.push_screen(ConfirmDialog(title, text, VERBS[status]), answered)

    def _request(self, ids: tuple[str, ...], status: str) -> None:
        self._touched.update(ids)
        self.table.set_marks(self.table.marks - set(ids))
        self.post_message(AlertStatusRequested(ids, status))

    def _subscription_name(self, row: Alert) -> str:
        subscription = self._subscriptions.get(row.subscription_id.lower())
        return subscription.name if subscription else row.subscription_id

    def _problem_line(self) -> Iterator[str]:
        if self._problems:
            first = self._problems[0]
            subscription = self._subscriptions.get(first.subscription_id.lower())
            more = f" (and {len(self._problems) - 1:,} more)" if len(self._problems) > 1 else ""
            yield f"? {subscription.name if subscription else first.subscription_id}{more}: {' '.join(first.message.split())}"

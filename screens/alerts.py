"""The alerts of the chosen subscriptions, newest first, and the change of their status."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache.fields import ALERT_FIELDS, ENDPOINT
from cache.filter_language import quoted
from cache.model import Alert, Problem, Source
from screens.actions import bindings
from screens.desk import Desk
from screens.dialogs import ConfirmDialog
from screens.fleet_screen import FleetScreen
from screens.requests import AlertStatusRequested, OpenAlert, OpenMachine
from screens.triage import NOTE, OPEN, VERBS, TriageKeys, judge, machine_of, question
from screens.widgets.line_table import Cell, Column, LineTable
from screens.words import age, alert_status_cell, count, severity_cell

if TYPE_CHECKING:
    from cache.index import FleetIndex

ENDPOINT_MARK = "◆ MDE"
"""Stands where the product is named when Defender for Endpoint raised an alert."""


PAGE = 500
"""Marked alerts that are read at a time when they are acted on."""


class AlertsScreen(TriageKeys, FleetScreen[Alert]):
    """Alerts of the chosen subscriptions (of all, when none is chosen). A status is asked for here and changed elsewhere."""

    NAME = "alerts"
    TITLE_TEXT = "Alerts"
    SCOPES: ClassVar[tuple[str, ...]] = ("alerts", "table")
    TABLES = frozenset(("alerts", "subscriptions", "selection"))
    SOURCES = frozenset((Source.ALERTS,))
    COLUMNS = (
        Column("severity", "Severity", 15),
        Column("title", "Alert", 20, weight=5),
        Column("machine", "Machine", 14, weight=2, rank=2, ends=True),
        Column("status", "Status", 13, rank=1),
        Column("age", "Age", 5, rank=3, right=True),
        Column("product", "From", 6, weight=1, rank=4),
        Column("subscription", "Subscription", 16, weight=1, rank=5, ends=True),
        Column("group", "Resource group", 14, rank=6),
    )
    FIELDS = ALERT_FIELDS
    SORT_KEYS = ("age", "severity", "status", "title", "machine", "product", "subscription", "group")
    LATEST_FIRST = frozenset(("age",))
    THEN = ("age",)
    UNREAD = "No alerts known yet"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("alerts")]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.only_endpoint = False
        self.only_open = False
        self._touched: dict[int, bool] = {}
        """The keys of the alerts that were changed here, and whether each is Defender for Endpoint's."""
        self._names: dict[str, str] = {}
        self._chosen: frozenset[str] = frozenset()
        self._problems: list[Problem] = []
        self._read_at: datetime | None = None

    def body(self) -> Iterator[Widget]:
        """The table, its counts, and what the Defender portal does not follow."""
        yield from super().body()
        yield Static("", id="hint", markup=False)

    async def read_around(self) -> None:
        """Which subscriptions are chosen, when their alerts were read, and why some cannot be."""
        fleet = self.desk.fleet
        self._chosen = await fleet.selection()
        self.within = self._chosen or None
        self._names = await fleet.subscription_names()
        self._problems = [one for one in await fleet.problems(self.within) if one.source == Source.ALERTS]
        self._read_at = await fleet.oldest(Source.ALERTS, self.within)

    async def window(self, keys: Sequence[int]) -> Mapping[int, Alert]:
        """Read some alerts."""
        return await self.desk.fleet.alert_window(keys)

    async def first_keys(self, limit: int) -> tuple[list[int], int]:
        """The newest alerts, and how many there are."""
        fleet = self.desk.fleet
        return await fleet.first_alerts(limit, self.within), await fleet.alert_total(self.within)

    def make_index(self, module: Any) -> FleetIndex:
        """The alerts as columns."""
        index: FleetIndex = module.AlertIndex(self.desk.fleet)
        return index

    def toggled(self) -> str:
        """Only what waits for somebody, only what Defender for Endpoint raised, or all."""
        wanted = [f"status={','.join(sorted(OPEN))}"] if self.only_open else []
        return " ".join([*wanted, f"product={quoted(ENDPOINT)}"] if self.only_endpoint else wanted)

    def always(self) -> frozenset[int]:
        """What was changed here stays among the open ones, so that the change can be taken back, until the toggle is pressed again."""
        return frozenset(key for key, endpoint in self._touched.items() if endpoint or not self.only_endpoint)

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
                return age(row.generated, self.desk.clock.now(), coarse=True), "muted"
            case "product":
                return (ENDPOINT_MARK, "accent") if row.from_endpoint else (row.product or "–", "muted")
            case "subscription":
                return self._subscription_name(row), ""
            case _:
                return row.resource_group or "–", "muted"

    def summary_line(self) -> str:
        """How many are shown, how many of them wait, and through which toggles."""
        scope = f" in {count(len(self._chosen), 'chosen subscription')}" if self._chosen else ""
        if self.answer is None:
            return f"{count(self.total, 'alert')}{scope} · the first of them, newest first"
        waiting = sum(self.answer.statuses.get(status, 0) for status in OPEN)
        parts = [
            f"{self.table.count:,} of {count(self.total, 'alert')}{scope}",
            f"{waiting:,} open",
            "Defender for Endpoint only (e)" if self.only_endpoint else "",
            "open only (o)" if self.only_open else "",
        ]
        return " · ".join(part for part in parts if part)

    def count_line(self) -> str:
        """What stands below the table, and last, where there is room, the keys that change an alert."""
        return super().count_line() + (" · i begins, v resolves, d dismisses, a undoes" if self.table.count else "")

    def told(self) -> None:
        """Below the rows: how many there are, and the note."""
        if self.total:
            self.table.empty = "No alert passes: e and o show more, Esc clears the filter."
        elif self._read_at is not None:
            self.table.empty = (
                f"No alerts, as of {age(self._read_at, self.desk.clock.now())} ago. A test alert takes some minutes to appear."
            )
        else:
            self.table.empty = self.unread()
        super().told()
        text = "\n".join([NOTE, *self._problem_line()])
        hint = self.query_one("#hint", Static)
        if str(hint.content) != text:
            hint.update(text)

    def action_only_endpoint(self) -> None:
        """Show only Defender for Endpoint's alerts, or all."""
        self.only_endpoint = not self.only_endpoint
        self.rearrange()

    def action_only_open(self) -> None:
        """Show only alerts that wait for somebody, or all."""
        self.only_open = not self.only_open
        self._touched.clear()
        self.rearrange()

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

    def ask(self, status: str) -> None:
        """Ask for a status of the alerts that are marked or under the cursor now; they are read by key, since most are in no view."""
        self.work("marked alerts", self._confirm(self.table.chosen(), status))

    async def _confirm(self, keys: Sequence[int], status: str) -> None:
        fleet = self.desk.fleet
        found: dict[int, Alert] = {}
        for start in range(0, len(keys), PAGE):
            found |= await fleet.alert_window(keys[start : start + PAGE])
        subscriptions = await fleet.subscription_records()
        wanted = [found[key] for key in keys if key in found]
        verdict = await asyncio.to_thread(judge, wanted, status, subscriptions, self.desk.session.read_only)
        for sentence in verdict.sentences:
            self.notify(sentence, severity="warning", markup=False)
        by_id = {alert.id: key for key, alert in found.items()}
        changing = {by_id[alert.id]: alert for alert in verdict.alerts}
        if len(changing) == 1:
            self._request(changing, status)
        elif changing:
            title, text = question(verdict.alerts, status)

            def answered(yes: bool | None) -> None:
                if yes:
                    self._request(changing, status)

            self.app.push_screen(ConfirmDialog(title, text, VERBS[status]), answered)

    def _request(self, alerts: Mapping[int, Alert], status: str) -> None:
        self._touched |= {key: alert.from_endpoint for key, alert in alerts.items()}
        self.table.set_marks(self.table.marks - alerts.keys())
        self.post_message(AlertStatusRequested(tuple(alert.id for alert in alerts.values()), status))

    def _subscription_name(self, row: Alert) -> str:
        return self._names.get(row.subscription_id.lower(), row.subscription_id)

    def _problem_line(self) -> Iterator[str]:
        if self._problems:
            first = self._problems[0]
            name = self._names.get(first.subscription_id.lower(), first.subscription_id)
            more = f" (and {len(self._problems) - 1:,} more)" if len(self._problems) > 1 else ""
            yield f"? {name}{more}: {' '.join(first.message.split())}"

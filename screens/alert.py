"""The page of one alert: what happened where, what to do about it, and where to read on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache.model import Alert, Source, Subscription
from screens.actions import bindings
from screens.desk import Desk
from screens.page import Page
from screens.requests import ALERT_DETAILS, AlertDetailsRequested, AlertStatusRequested, OpenMachine
from screens.triage import NOTE, TriageKeys, judge, machine_of
from screens.widgets.document import Block, fact, heading
from screens.words import age, alert_status_cell, moment, severity_cell


class AlertPage(TriageKeys, Page):
    """One alert. Its status can be asked for here; one alert needs no confirmation, since ``a`` takes a change back."""

    NAME = "alert"
    TITLE_TEXT = "Alert"
    SCOPES: ClassVar[tuple[str, ...]] = ("alert", "page")
    TABLES = frozenset(("alerts", "subscriptions"))
    SOURCES = frozenset((Source.ALERTS,))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("alert")]

    def __init__(self, desk: Desk, alert_id: str) -> None:
        super().__init__(desk)
        self.alert_id = alert_id
        self._read = False
        self._asked = False
        self._alert: Alert | None = None
        self._subscription: Subscription | None = None

    def body(self) -> Iterator[Widget]:
        """The document, and below it what the Defender portal does not follow."""
        yield from super().body()
        yield Static(NOTE, id="hint", markup=False)

    async def load(self) -> None:
        """Read the alert and the rights in its subscription."""
        self._alert = alert = await self.desk.fleet.alert(self.alert_id)
        self._subscription = await self.desk.fleet.subscription(alert.subscription_id) if alert else None
        self._read = True
        if alert is not None and not alert.details_known and self.desk.session.signed_in and not self._asked:
            self._asked = True
            self.post_message(AlertDetailsRequested(self.alert_id))
        self.write()

    def activity_moved(self) -> None:
        """The details are being read, or could not be."""
        if self._alert is not None and not self._alert.details_known:
            self.write()

    def blocks(self) -> Sequence[Block]:
        """What the page says now."""
        if not self._read:
            return (Block("Reading…", "muted"),)
        if self._alert is None:
            return (
                Block("This alert is gone.", "warn", bold=True),
                Block("Azure did not list it when its subscription was last read. Esc goes back to the list."),
                Block(""),
                fact("Id", self.alert_id),
            )
        if not self._alert.details_known:
            return [*self._head(self._alert), *self._without_details(), *self._facts(self._alert)]
        return [*self._head(self._alert), *self._what_to_do(self._alert), *self._details(self._alert), *self._facts(self._alert)]

    def action_open_machine(self) -> None:
        """Show the page of its machine."""
        if self._alert and self._alert.machine_id:
            self.post_message(OpenMachine(self._alert.machine_id))
        else:
            self.notify("This alert names no machine of Azure.", markup=False)

    def action_copy_azure(self) -> None:
        """Copy its address in the Azure portal."""
        self.copy(self._alert.azure_link if self._alert else "", "address in the Azure portal")

    def action_copy_defender(self) -> None:
        """Copy its address in the Defender portal."""
        self.copy(self._alert.defender_link if self._alert else "", "address in the Defender portal")

    def ask(self, status: str) -> None:
        """Ask for a status of this alert."""
        alert = self._alert
        subscriptions = {self._subscription.id.lower(): self._subscription} if self._subscription else {}
        verdict = judge([alert] if alert else [], status, subscriptions, self.desk.session.read_only)
        for sentence in verdict.sentences:
            self.notify(sentence, severity="warning", markup=False)
        if verdict.alerts:
            self.post_message(AlertStatusRequested(tuple(one.id for one in verdict.alerts), status))

    def _head(self, alert: Alert) -> Iterator[Block]:
        now = self.desk.clock.now()
        severity, severity_tone = severity_cell(alert.severity)
        status, status_tone = alert_status_cell(alert.status)
        yield Block(alert.title or alert.alert_type, bold=True)
        yield Block(severity, severity_tone, bold=True)
        yield Block(f"{status}, {age(alert.generated, now)} old", status_tone, bold=True)
        yield Block(f"◆ Defender for Endpoint ({alert.product})" if alert.from_endpoint else alert.product, "accent")
        if alert.description:
            yield Block("")
            yield Block(alert.description)

    def _without_details(self) -> Iterator[Block]:
        """A list of very many alerts leaves out what happened and what to do; it is read for the one that is looked at."""
        yield from heading("Details")
        if failure := self.desk.activity.failure(ALERT_DETAILS):
            yield Block(f"The details of this alert could not be read: {failure}", "bad")
        elif self._asked:
            yield Block("Reading the details of this alert…", "busy")
        else:
            yield Block("The details of this alert were not read yet: they are after signing in (ctrl+l).", "warn")

    def _what_to_do(self, alert: Alert) -> Iterator[Block]:
        yield from heading("What to do")
        for number, step in enumerate(alert.remediation, 1):
            yield Block(step, label=f"{number}.", hang=4)
        if not alert.remediation:
            yield Block("Azure gives no steps for it. The portals show the incident and its timeline.", "muted")

    def _details(self, alert: Alert) -> Iterator[Block]:
        yield from heading("Machine and entities")
        yield fact("Machine", f"{machine_of(alert)}   (m opens its page)" if alert.machine_id else machine_of(alert))
        if alert.compromised_entity and alert.compromised_entity != machine_of(alert):
            yield fact("Compromised", alert.compromised_entity)
        for kind, description in alert.entities:
            yield fact(kind or "entity", description)
        if alert.facts:
            yield from heading("Facts")
            for name, value in alert.facts:
                yield fact(name, value)

    def _facts(self, alert: Alert) -> Iterator[Block]:
        now = self.desk.clock.now()
        subscription = self._subscription
        yield from heading("Where and when")
        yield fact("Started", moment(alert.started))
        yield fact("Generated", moment(alert.generated))
        yield fact("Type", alert.alert_type)
        yield fact("Subscription", f"{subscription.name}\n{alert.subscription_id}" if subscription else alert.subscription_id)
        yield fact("Resource group", alert.resource_group)
        yield fact("Location", alert.location)
        yield fact("Azure portal", alert.azure_link + ("   (y copies)" if alert.azure_link else ""))
        yield fact("Defender portal", alert.defender_link + ("   (Y copies)" if alert.defender_link else ""))
        yield fact("Id", alert.id)
        stale = alert.as_of is not None and now - alert.as_of > self.desk.stale_after
        read = f"{moment(alert.as_of)}, {age(alert.as_of, now)} ago" if alert.as_of else "not known"
        yield fact("Read", f"{read}, STALE: press r" if stale else read, "warn" if stale else "")

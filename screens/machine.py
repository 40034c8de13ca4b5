"""The page of one machine: everything known about it, and why it is in the state it is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from shlex import quote
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from cache.enabling import Enabling
from cache.machine_clock import Pace, machine_clock
from cache.machine_reports import BAD, CONNECTIVITY, GOOD, TITLES, MachineReport
from cache.model import VERIFIED, Alert, CheckStatus, Machine, MachineEvent, MachineState, Onboarding, Source, Subscription
from screens.actions import bindings
from screens.check_choice import CheckChoice
from screens.desk import Desk
from screens.page import Page
from screens.paste import PasteDialog
from screens.requests import DetectionTestRequested, OpenAlert, PasteRequested, RetryRequested, SyncRequested, VerifyPlanRequested
from screens.widgets.document import Block, fact, heading
from screens.widgets.line_table import Cell, Column, LineTable
from screens.words import STATE_SHAPES, age, alert_status_cell, count, moment, severity_cell, span, until

TIMELINE_LIMIT = 100
"""Changes of state that the page lists; a machine that flaps for months has more."""

ALERT_LINES = 8
"""Alerts that are on the page at once; the list scrolls."""

FINDINGS = 12
"""Findings of one report that the page lists."""

HEALTH = {
    "Linux": ("mdatp health", "healthy : true\nlicensed: true", "MDE.Linux"),
    "Windows": ("sc.exe query sense", "STATE : 4 RUNNING", "MDE.Windows"),
}
"""By operating system: the command that verifies the sensor on the machine, what it answers when all is well, and the name of the
extension (seed document, *To verify installation*; on Windows the sensor is the service ``sense``)."""


"""States that a machine told of itself; ``since`` is when it did."""

OLD_HEALTH = timedelta(days=7)
"""A health that was told longer ago is worth asking for again."""


class MachinePage(Page):
    """One machine, as it is now and as it came to be so."""

    NAME = "machine"
    TITLE_TEXT = "Machine"
    SCOPES: ClassVar[tuple[str, ...]] = ("machine", "page")
    TABLES = frozenset(("machines", "onboarding", "events", "alerts", "subscriptions", "enablings", "machine_reports"))
    SOURCES = frozenset((Source.MACHINES,))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("machine")]
    DEFAULT_CSS = """
    MachinePage #alerts { height: 2; margin: 0 0 1 0; }
    """
    ALERT_COLUMNS = (
        Column("severity", "Severity", 15),
        Column("title", "Alert", 20, weight=1),
        Column("status", "Status", 13, rank=1),
        Column("age", "Age", 4, rank=2, right=True),
    )

    def __init__(self, desk: Desk, machine_id: str) -> None:
        super().__init__(desk)
        self.machine_id = machine_id
        self._read = False
        self._machine: Machine | None = None
        self._onboarding: Onboarding | None = None
        self._subscription: Subscription | None = None
        self._enabling: Enabling | None = None
        self._reports: Sequence[MachineReport] = ()
        self._events: Sequence[MachineEvent] = ()
        self._alerts: Sequence[Alert] = ()
        self._alert_table: LineTable[Alert] = LineTable(self.ALERT_COLUMNS, lambda alert: alert.id, self._alert_cell, id="alerts")

    def below(self) -> Iterator[Widget]:
        """The machine's alerts."""
        self._alert_table.display = False
        yield self._alert_table

    async def load(self) -> None:
        """Read everything about the machine."""
        fleet = self.desk.fleet
        self._machine = machine = await fleet.machine(self.machine_id)
        self._onboarding = await fleet.onboarding(self.machine_id)
        self._reports = await fleet.reports_of_machine(self.machine_id)
        self._events = await fleet.events(self.machine_id)
        self._alerts = await fleet.alerts_of_machine(self.machine_id)
        self._subscription = await fleet.subscription(machine.subscription_id) if machine else None
        enablings = await fleet.enablings([machine.subscription_id]) if machine else {}
        self._enabling = next(iter(enablings.values()), None)
        self._read = True
        self._alert_table.display = bool(machine and self._alerts)
        self._alert_table.styles.height = min(len(self._alerts), ALERT_LINES) + 1
        self._alert_table.set_rows(self._alerts)
        self.write()

    def clock_moved(self) -> None:
        """Ages move on."""
        super().clock_moved()
        self._alert_table.repaint_changed()

    def blocks(self) -> Sequence[Block]:
        """What the page says now."""
        if not self._read:
            return (Block("Reading…", "muted"),)
        if self._machine is None:
            return (
                Block("This machine is gone.", "warn", bold=True),
                Block("Azure did not list it when its subscription was last read, so nothing is kept about it. Esc goes back to the list."),
                Block(""),
                fact("Id", self.machine_id),
            )
        return [
            *self._state(),
            *self._diagnosis(),
            *self._evidence(),
            *self._verification(self._machine),
            *self._facts(self._machine),
            *self._extensions(self._machine),
            *self._timeline(),
            *self._alerts_heading(),
        ]

    @property
    def portal_link(self) -> str:
        """The address of the machine in the Azure portal; empty when the machine is gone."""
        return f"{self.desk.session.azure_portal.rstrip('/')}/#resource{self._machine.id}" if self._machine else ""

    @property
    def health_command(self) -> str:
        """The command that verifies the sensor on the machine; empty when its operating system is not known."""
        return HEALTH[self._machine.os_type][0] if self._machine and self._machine.os_type in HEALTH else ""

    def action_copy_health(self) -> None:
        """Copy the command that verifies the machine."""
        self.copy(self.health_command, "command")

    def action_verify(self) -> None:
        """Plan to verify the machine."""
        if self._machine is None:
            self.notify("This machine is gone.", markup=False)
        elif not self.desk.session.signed_in:
            self.notify("Not signed in yet, and a plan needs fresh reads. Wait, or press ctrl+l.", markup=False)
        else:
            self.post_message(VerifyPlanRequested((self._machine.id,)))

    def action_check(self) -> None:
        """Choose what the machine is asked, and plan that."""
        machine = self._machine
        if machine is None:
            self.notify("This machine is gone.", markup=False)
        elif not self.desk.session.signed_in:
            self.notify("Not signed in yet, and a plan needs fresh reads. Wait, or press ctrl+l.", markup=False)
        else:
            self.app.push_screen(CheckChoice(machine.name, CONNECTIVITY), lambda check: self._check(machine.id, check))

    def _check(self, machine_id: str, check: str | None) -> None:
        if check is not None:
            self.post_message(VerifyPlanRequested((machine_id,), check))

    def action_paste(self) -> None:
        """Take output that was run by hand on the machine."""
        machine = self._machine
        if machine is None:
            self.notify("This machine is gone.", markup=False)
            return

        def pasted(text: str | None) -> None:
            if text is not None:
                self.post_message(PasteRequested(machine.id, text))

        self.app.push_screen(PasteDialog(machine.name, self.health_command if machine.os_type == "Linux" else ""), pasted)

    def action_copy_link(self) -> None:
        """Copy the address in the Azure portal."""
        self.copy(self.portal_link, "address")

    def action_detection_test(self) -> None:
        """Show how to raise a test alert on the machine."""
        self.post_message(DetectionTestRequested(self.machine_id))

    def action_retry(self) -> None:
        """Ask whether to try the failed extension again."""
        if self.desk.session.read_only:
            self.notify("This console is read-only, so nothing is changed. Start it without --read-only.", markup=False)
        else:
            self.notify("Looking whether it can be tried again…", markup=False)
            self.post_message(RetryRequested(self.machine_id))

    def action_read_again(self) -> None:
        """Read the machine's subscription again, or everything when the machine is gone."""
        self.post_message(SyncRequested((self._machine.subscription_id,) if self._machine else ()))

    def action_open_alert(self) -> None:
        """Open the alert under the cursor."""
        if self._alert_table.cursor_id:
            self.post_message(OpenAlert(self._alert_table.cursor_id))
        else:
            self.notify("No alert of this machine is known.", markup=False)

    @on(LineTable.Opened, "#alerts")
    def _open(self, event: LineTable.Opened) -> None:
        self.post_message(OpenAlert(event.row_id))

    def _alert_cell(self, alert: Alert, key: str) -> Cell:
        match key:
            case "severity":
                return severity_cell(alert.severity)
            case "status":
                return alert_status_cell(alert.status)
            case "age":
                return age(alert.generated, self.desk.clock.now()), "muted"
            case _:
                return alert.title, ""

    def _state(self) -> Iterator[Block]:
        assert self._machine is not None
        now = self.desk.clock.now()
        onboarding = self._onboarding
        yield Block(self._machine.name, bold=True)
        if onboarding is None:
            shape, tone = STATE_SHAPES[MachineState.UNKNOWN]
            yield Block(f"{shape} unknown", tone, bold=True)
            yield Block("Its state has not been worked out yet. Press r to read its subscription again.")
            return
        shape, tone = STATE_SHAPES[onboarding.state]
        yield Block(f"{shape} {onboarding.state}{self._since(onboarding)}", tone, bold=True)
        if onboarding.state in VERIFIED and onboarding.since and now - onboarding.since > OLD_HEALTH:
            yield Block("It said so long ago: verify it again.", "warn")
        yield from self._clock(onboarding, self._machine)
        yield Block(onboarding.explanation or onboarding.reason)

    def _since(self, onboarding: Onboarding) -> str:
        """Since when it is in its state; of a state that the machine told itself, when it did."""
        if onboarding.since is None:
            return ""
        told = age(onboarding.since, self.desk.clock.now())
        if onboarding.state in VERIFIED:
            return f", as it said {told} ago: {moment(onboarding.since)}"
        return f" for {told}, since {moment(onboarding.since)}"

    def _clock(self, onboarding: Onboarding, machine: Machine) -> Iterator[Block]:
        now = self.desk.clock.now()
        clock = machine_clock(onboarding.state, onboarding.reason, onboarding.since, onboarding.due, now)
        if clock is None:
            return
        match clock.pace:
            case Pace.ON_TIME:
                left = until(clock.expected, now)
                told, tone = f"On time: expected by {moment(clock.expected)}, {left}. Overdue from {moment(clock.overdue)}.", "muted"
            case Pace.LATE:
                told = f"Late by {span(clock.by.total_seconds())}, since {moment(clock.expected)}. Overdue from {moment(clock.overdue)}, "
                told, tone = f"{told}{until(clock.overdue, now)}.", "warn"
            case _:
                told = f"Overdue by {span(clock.by.total_seconds())}, since {moment(clock.overdue)}"
                told, tone = f"{told}; it was expected by {moment(clock.expected)}.", "bad"
        yield Block(told, tone)
        yield Block(f"Its clock began {moment(clock.began)}{_why_then(clock.began, machine, self._subscription)}.", "muted")

    def _diagnosis(self) -> Iterator[Block]:
        diagnosis = self._onboarding.diagnosis if self._onboarding else None
        if diagnosis is None:
            return
        yield from heading("What went wrong")
        yield fact("Cause", diagnosis.cause)
        yield fact("Remedy", diagnosis.remedy, "accent")
        if self._onboarding is not None and self._onboarding.state is MachineState.FAILED:
            yield fact("Then", "x tries it again: what that does is told first", "accent")
        yield fact("Diagnosis", f"{diagnosis.code}, from {diagnosis.layer}" if diagnosis.layer else diagnosis.code)
        if diagnosis.reference:
            yield fact("Reference", diagnosis.reference)

    def _evidence(self) -> Iterator[Block]:
        evidence = self._onboarding.evidence if self._onboarding else ()
        if not evidence:
            return
        yield from heading("What this rests on")
        for line in evidence:
            yield Block(line, label="·", hang=2)

    def _verification(self, machine: Machine) -> Iterator[Block]:
        yield from heading("Verify on the machine")
        known = HEALTH.get(machine.os_type)
        if known is None:
            yield Block(f"The operating system “{machine.os_type}” is not known here, so neither is the command that verifies the sensor.")
            return
        command, answer, extension = known
        onboarding = self._onboarding
        if onboarding is not None and onboarding.state in VERIFIED:
            yield fact("Last answer", f"{onboarding.state}{self._since(onboarding)}")
        else:
            yield fact("Last answer", "none that is known")
        for kind, title in TITLES.items():
            yield from self._report(title, next((one for one in self._reports if one.kind == kind), None))
        yield fact("From here", f"v plans it and shows the script, w asks something else\nmde-console verify --machine {quote(machine.id)}")
        by_hand = f"{command}   (y copies)" + ("; o takes its output" if machine.os_type == "Linux" else "")
        yield fact("By hand", by_hand)
        yield fact("Expected", answer)
        yield fact("Test alert", "a runs the detection test or shows its steps, and waits for its alert")
        yield fact("In the portal", f"an extension named {extension} on the machine (l copies the address)")

    def _report(self, title: str, report: MachineReport | None) -> Iterator[Block]:
        """What the machine told last when it was asked that, and what of it is not well."""
        if report is None:
            yield fact(title, "not asked yet (w asks)")
            return
        told = f"{report.outcome}, {age(report.at, self.desk.clock.now())} ago, read by {report.way}: {moment(report.at)}"
        tone = {GOOD: "good", BAD: "bad"}.get(report.outcome, "warn")
        yield fact(title, f"{told}\n{report.reason} {report.remedy}".rstrip(), tone)
        for one in [each for each in report.findings if each.status is not CheckStatus.PASS][:FINDINGS]:
            yield Block(f"{one.status}: {one.title or one.id}. {one.evidence}", label="·", hang=2, indent=2)

    def _facts(self, machine: Machine) -> Iterator[Block]:
        now = self.desk.clock.now()
        subscription = self._subscription
        yield from heading("Facts")
        system = machine.os_name or machine.os_type
        yield fact("System", system if machine.os_version in system else f"{system} {machine.os_version}")
        yield fact("Image", machine.image or ("custom or not told" if machine.kind == "vm" else ""))
        yield fact("Kind", {"vm": "Azure virtual machine", "arc": "Azure Arc machine"}.get(machine.kind, machine.kind))
        power = f"{machine.power} since {moment(machine.status_at)}" if machine.power and machine.status_at else machine.power
        yield fact("Arc status" if machine.kind == "arc" else "Power", power)
        yield fact("Agent", machine.agent_version)
        yield fact("Provisioning", machine.provisioning_state)
        yield fact("Location", machine.location)
        yield fact("Resource group", machine.resource_group)
        yield fact("Subscription", f"{subscription.name}\n{machine.subscription_id}" if subscription else machine.subscription_id)
        if subscription and subscription.enabled_at:
            yield fact("Linux enabled", f"{moment(subscription.enabled_at)}, as far as known")
        if self._enabling is not None:
            told = self._enabling.told().rstrip(".")
            yield fact("Enabled by", f"{told}, read {age(self._enabling.read_at, now)} ago", "warn" if self._enabling.problem else "")
        if machine.created_at:
            yield fact("Created", moment(machine.created_at))
        yield fact("Tags", "\n".join(f"{name} = {value}" for name, value in sorted(machine.tags.items())))
        yield fact("Id", machine.id)
        yield fact("Portal", self.portal_link)
        stale = machine.as_of is not None and now - machine.as_of > self.desk.stale_after
        read = f"{moment(machine.as_of)}, {age(machine.as_of, now)} ago" if machine.as_of else "not known"
        yield fact("Read", f"{read}, STALE: press r" if stale else read, "warn" if stale else "")

    def _extensions(self, machine: Machine) -> Iterator[Block]:
        yield from heading("Extensions")
        if not machine.extensions:
            known = "It has none." if machine.extensions_known else "They could not be read; the log (9) says why."
            yield Block(known, "" if machine.extensions_known else "warn")
            return
        for one in sorted(machine.extensions, key=lambda one: one.name.casefold()):
            shape, tone = {"succeeded": ("●", "good"), "failed": ("✗", "bad")}.get(one.state.casefold(), ("◐", "busy"))
            yield Block(f"{shape} {one.name}  {one.state}  {one.version}".rstrip(), tone)
            yield Block(f"{one.publisher}.{one.type}" + (f"  {one.code}" if one.code else ""), "muted", indent=2)
            if one.message:
                yield Block(one.message, indent=2)

    def _timeline(self) -> Iterator[Block]:
        yield from heading("Timeline")
        if not self._events:
            yield Block("No change of its state has been seen yet.", "muted")
            return
        until_then = self.desk.clock.now()
        newest = True
        for event in reversed(self._events[-TIMELINE_LIMIT:]):
            lasted = span((until_then - event.at).total_seconds())
            change = f"{event.before} → {event.after}" if event.before else f"first seen {event.after}"
            yield Block(f"{moment(event.at)}  {change}  ({lasted}{' so far' if newest else ''})")
            if event.reason:
                yield Block(event.reason, "muted", indent=2)
            until_then, newest = event.at, False
        if len(self._events) > TIMELINE_LIMIT:
            yield Block(f"and {count(len(self._events) - TIMELINE_LIMIT, 'earlier change')}", "muted")

    def _alerts_heading(self) -> Iterator[Block]:
        yield from heading("Alerts")
        if self._alerts:
            yield Block(f"{count(len(self._alerts), 'alert')}; Enter opens the one under the cursor, Tab goes there", "muted")
        else:
            yield Block("No alert of this machine is known.", "muted")


def _why_then(began: datetime, machine: Machine, subscription: Subscription | None) -> str:
    """What made a clock begin at that moment, where that is known."""
    if subscription is not None and began == subscription.enabled_at:
        return ", when the integration was switched on for its system, as far as is known"
    if began == machine.created_at:
        return ", when the machine was created"
    return ", when it was first seen to wait"

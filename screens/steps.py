"""The detection test of one machine: run from here or by hand, its alert waited for, and resolved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import BindingType

from cache.detection import UNDER_WAY, Detection, DetectionPhase
from cache.model import ABOARD, Alert, Onboarding, Source
from screens.actions import bindings
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.page import Page
from screens.requests import (
    AlertStatusRequested,
    DetectionPlanRequested,
    DetectionRunRequested,
    DetectionStopRequested,
    DetectionWaitRequested,
    OpenAlert,
)
from screens.triage import judge, status_word
from screens.widgets.document import Block, heading
from screens.words import age, moment, severity_cell, span

WRITTEN = (
    "Running a script is a write in Azure: it stands in the activity log of the machine, and here in the audit trail.",
    "The managed run command “mdeConsoleTest” that this makes is removed again, and so is what the script puts on the machine.",
)

GOES_ON = "It goes on when you leave this page, and what comes of it is told wherever you are."


class StepsPage(Page):
    """The test of one machine, with its ``steps`` by hand and their commands (empty: nothing to type), and what to do ``after`` it."""

    NAME = "steps"
    TITLE_TEXT = "Detection test"
    SCOPES: ClassVar[tuple[str, ...]] = ("steps", "page")
    TABLES = frozenset(("machines", "onboarding", "alerts"))
    SOURCES = frozenset((Source.MACHINES,))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("steps")]

    def __init__(self, desk: Desk, machine_id: str, name: str, title: str, steps: Sequence[tuple[str, str]], after: str) -> None:
        super().__init__(desk)
        self.machine_id = machine_id
        self.machine_name = name
        self.alert_title = title
        self.steps = tuple(steps)
        self.after = after
        self._read = False
        self._onboarding: Onboarding | None = None
        self._alert: Alert | None = None

    def on_mount(self) -> None:
        """Listen to the tests as well."""
        self._stop_listening.append(self.desk.detections.subscribe(self._moved_on))

    async def load(self) -> None:
        """Read the state of the machine, and the alert that came."""
        self._onboarding = await self.desk.fleet.onboarding(self.machine_id)
        alert_id = self._detection.alert_id
        self._alert = await self.desk.fleet.alert(alert_id) if alert_id else None
        self._read = True
        self.write()

    def _moved_on(self) -> None:
        if self.is_mounted and self.is_current:
            self.call_later(self._reload)
        else:
            self._dirty = True

    @property
    def _detection(self) -> Detection:
        return self.desk.detections.of(self.machine_id)

    def blocks(self) -> Sequence[Block]:
        """How far the test is, the script that would run it, and the steps by hand."""
        return [
            Block(f"Detection test for {self.machine_name}", bold=True),
            Block(f"It raises the harmless alert {self.alert_title}: proof that the machine is protected and reports.", "muted"),
            *self._not_aboard(),
            *heading("From here"),
            *self._standing(),
            *self._script(),
            *heading("By hand"),
            *self._by_hand(),
        ]

    def _not_aboard(self) -> Iterator[Block]:
        one = self._onboarding
        if self._read and (one is None or one.state not in ABOARD):
            state = one.state if one is not None else "unknown"
            yield Block(f"The machine is {state}, not onboarded: as long as that is so, no alert can come from it.", "warn")

    def _standing(self) -> Iterator[Block]:
        detection, now = self._detection, self.desk.clock.now()
        spent = span((now - detection.began).total_seconds(), self.desk.slow_line) if detection.began is not None else ""
        if detection.problem:
            yield Block(f"✗ {detection.problem}", "bad")
        match detection.phase:
            case DetectionPhase.PLANNING:
                yield Block("◐ Planning: reading your rights and the machine anew.", "busy", bold=True)
            case DetectionPhase.PLANNED:
                yield from self._planned(detection)
            case DetectionPhase.RUNNING:
                yield Block(f"◐ Running the test on the machine, {spent}.", "busy", bold=True)
                yield Block(GOES_ON, "muted")
            case DetectionPhase.WAITING:
                if detection.said:
                    yield Block(f"✓ {detection.said}", "good") if detection.certain else Block(f"? {detection.said}", "warn")
                until = f", at most until {moment(detection.until)}" if detection.until is not None else ""
                yield Block(f"◐ Waiting for the alert for {spent}: usually it comes within 15 minutes{until}.", "busy", bold=True)
                yield Block(f"{GOES_ON} x ends the waiting.", "muted")
            case DetectionPhase.SEEN:
                yield from self._seen(detection)
            case _:
                again = " anew" if detection.phase is DetectionPhase.NOT_SEEN or detection.problem else ""
                yield Block(
                    f"a plans{again} to run the test on the machine and shows the script; it is sent once you typed its name.", "accent"
                )
                yield Block("w waits for the alert of a test that was run by hand.", "accent")

    def _planned(self, detection: Detection) -> Iterator[Block]:
        if detection.obstacle:
            yield Block(f"■ It cannot be run from here: {detection.obstacle}", "warn", bold=True)
            yield Block("Do the steps by hand, then w waits for the alert. a plans anew.", "accent")
            return
        yield Block(f"→ It can be run by {detection.way}, with the right to {detection.right}.", "accent", bold=True)
        yield from (Block(text, "muted") for text in WRITTEN)
        if self.desk.session.read_only:
            yield Block("This console is read-only: nothing is run. Do the steps by hand.", "warn")
        elif self._is_old(detection):
            yield Block("The plan is too old to be run: a plans anew.", "warn")
        else:
            yield Block("a asks for the machine's name and sends the script that stands below.", "accent")

    def _seen(self, detection: Detection) -> Iterator[Block]:
        yield Block(f"● {detection.said}", "good", bold=True)
        alert = self._alert
        if alert is None:
            yield Block("The alert is not in the cache any more.", "muted")
            return
        ago = age(alert.generated, self.desk.clock.now(), coarse=True)
        yield Block(f"{alert.title} · {severity_cell(alert.severity)[0]} · {status_word(alert.status)} · {ago} old")
        resolved = alert.status == "Resolved"
        yield Block("Enter opens it. It is resolved. a tests anew." if resolved else "Enter opens it, v resolves it.", "accent")

    def _by_hand(self) -> Iterator[Block]:
        for number, (text, command) in enumerate(self.steps, 1):
            yield Block(text, label=f"{number}.", hang=4)
            if command:
                yield Block(command, "accent", indent=4)
        yield Block(self.after)
        yield Block("y copies the commands, one a line.", "muted")

    def _script(self) -> Iterator[Block]:
        if script := self._detection.script:
            yield from heading("The script, whole")
            yield from (Block(line, indent=2) for line in script.splitlines())

    def _is_old(self, detection: Detection) -> bool:
        return detection.planned_at is not None and self.desk.clock.now() - detection.planned_at > self.desk.plan_life

    # What is asked for

    def action_run(self) -> None:
        """Plan to run the test there; once that is planned, ask for the machine's name and run it."""
        detection = self._detection
        if detection.phase in UNDER_WAY:
            self._say("The test of this machine is planned, run or waited for at this moment. Wait for it, or end the waiting with x.")
        elif not self.desk.session.signed_in:
            self._say("Not signed in yet: nothing can be asked of Azure. Wait, or press ctrl+l.")
        elif detection.phase is not DetectionPhase.PLANNED or detection.obstacle or self._is_old(detection):
            self.post_message(DetectionPlanRequested(self.machine_id))
        elif self.desk.session.read_only:
            self._say("This console is read-only, and running a script is a write in Azure. Do the steps by hand.")
        else:
            self._confirm(detection)

    def _confirm(self, detection: Detection) -> None:
        lines = [
            f"The script runs on {self.machine_name} by {detection.way}, and raises the harmless alert {self.alert_title}.",
            *WRITTEN,
            "Once it is sent it cannot be stopped.",
            "",
            "The script, whole:",
            "",
            *detection.script.splitlines(),
        ]

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.query_one("#scroll").scroll_home(animate=False)
                self.post_message(DetectionRunRequested(self.machine_id, detection.plan_id))

        title = f"Run the detection test on {self.machine_name}?"
        self.app.push_screen(TypedConfirmDialog(title, lines, self.machine_name, "Run test", dangerous=True), answered)

    def action_wait(self) -> None:
        """Wait for the alert of a test that was run by hand."""
        if self._detection.phase in UNDER_WAY:
            self._say("The test of this machine is planned, run or waited for already.")
        elif not self.desk.session.signed_in:
            self._say("Not signed in yet: nothing can be asked of Azure. Wait, or press ctrl+l.")
        else:
            self.query_one("#scroll").scroll_home(animate=False)
            self.post_message(DetectionWaitRequested(self.machine_id))

    def action_stop(self) -> None:
        """Wait no longer."""
        if self._detection.phase is DetectionPhase.WAITING:
            self.post_message(DetectionStopRequested(self.machine_id))
        elif self._detection.phase is DetectionPhase.RUNNING:
            self._say("The script was sent and runs on the machine: it ends by itself within minutes.")
        else:
            self._say("Nothing is waited for.")

    def action_open_alert(self) -> None:
        """Open the alert that came."""
        if self._alert is not None:
            self.post_message(OpenAlert(self._alert.id))
        else:
            self._say("No alert of this test has come yet.")

    def action_resolve(self) -> None:
        """Resolve the alert that came."""
        if self._alert is None:
            self._say("No alert of this test has come yet.")
        else:
            self.run_worker(self._resolve(self._alert))

    async def _resolve(self, alert: Alert) -> None:
        subscription = await self.desk.fleet.subscription(alert.subscription_id)
        known = {subscription.id.lower(): subscription} if subscription is not None else {}
        verdict = judge([alert], "Resolved", known, self.desk.session.read_only)
        for sentence in verdict.sentences:
            self.notify(sentence, severity="warning", markup=False)
        if verdict.alerts:
            self.post_message(AlertStatusRequested((alert.id,), "Resolved"))

    def action_copy_commands(self) -> None:
        """Copy the commands."""
        self.copy("\n".join(command for _, command in self.steps if command), "command")

    def _say(self, sentence: str) -> None:
        self.notify(sentence, markup=False)

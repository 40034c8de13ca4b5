"""Who hears what a screen asks for: a request is answered with another screen, or handed to the workers and its failure told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from textual.driver import Driver
from textual.screen import Screen

from cache.activity import Activity
from cache.failure import Failure
from console.session import Setup
from console.signing_in import SigningIn
from screens import requests
from screens.desk import Desk
from screens.paced import PacedApp

if TYPE_CHECKING:
    from console.workers.prove import Prover
    from console.workers.verification import Verifier
    from console.workers.work import Work

CLIPBOARD_LIMIT = 8_192
"""Terminals drop longer OSC 52 sequences, or worse."""

LONGEST_TOLD = 400
"""What is longer is not told in a toast: a script would cover the screen."""


class HearingApp(PacedApp):
    """An app that hears the requests of its screens. Subclasses say what is shown, and bring the attributes that are named here."""

    setup: Setup
    activity: Activity
    desk: Desk | None
    signing_in: SigningIn

    def __init__(self, slow: bool | None, driver_class: type[Driver] | None = None) -> None:
        super().__init__(slow, driver_class)
        self._tasks: set[asyncio.Task[None]] = set()
        self._verifier: Verifier | None = None
        self._prover: Prover | None = None

    def action_show(self, name: str) -> None:
        """Show a main screen, from wherever."""
        raise NotImplementedError

    def main_screen(self, name: str) -> Screen[Any]:
        """A main screen by its name."""
        raise NotImplementedError

    async def end_what_was_asked_for(self) -> None:
        """End every task that a request has started."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A toast. What matters is in the log screen too."""
        self.notify(sentence, severity="error" if error else "information", timeout=8 if error else 5, markup=False)

    def connected(self, work: Work) -> None:
        """A canary that was waited for when the console ended is waited for again."""
        from console.answers import tell_canary

        self._run("canary", tell_canary(work, self.tell, timedelta(minutes=self.setup.settings.canary_minutes)))

    # Requests

    def on_go_to(self, request: requests.GoTo) -> None:
        """Show a main screen, optionally through a filter."""
        from screens.machines import MachinesScreen
        from screens.table_screen import TableScreen

        screen = self.main_screen(request.screen) if self.desk is not None else None
        if isinstance(screen, MachinesScreen):
            screen.show_affected(request.checks, request.title)
        self.action_show(request.screen)

        def arrive() -> None:
            if request.filter_text and isinstance(self.screen, TableScreen):
                self.screen.set_filter(request.filter_text)

        self.call_after_refresh(arrive)

    async def on_open_machine(self, request: requests.OpenMachine) -> None:
        """Show a machine's page."""
        from screens.machine import MachinePage

        if self.desk is not None:
            await self.push_screen(MachinePage(self.desk, request.machine_id))

    async def on_open_alert(self, request: requests.OpenAlert) -> None:
        """Show an alert's page."""
        from screens.alert import AlertPage

        if self.desk is not None:
            await self.push_screen(AlertPage(self.desk, request.alert_id))

    async def on_detection_test_requested(self, request: requests.DetectionTestRequested) -> None:
        """Show the steps of a machine's detection test."""
        from console.rules.detection_test import detection_test
        from screens.steps import StepsPage

        machine = await self.desk.fleet.machine(request.machine_id) if self.desk is not None else None
        test = detection_test(machine) if machine is not None else None
        if self.desk is None or machine is None or test is None:
            self.tell("There is no test for this machine: it is gone, or Azure tells neither Linux nor Windows.", error=True)
            return
        title = f"“{test.title}” ({test.severity})"
        after = (
            f"The alert {title} follows, usually within 15 minutes: w waits for it, and it appears on the machine's page and under 5. "
            f"{test.afterwards.text} {test.afterwards.command}"
        )
        steps = [(step.text, step.command) for step in test.steps]
        await self.push_screen(StepsPage(self.desk, machine.id, machine.name, title, steps, after))

    def on_detection_plan_requested(self, request: requests.DetectionPlanRequested) -> None:
        """Plan a detection test."""
        self._run("detection test", self._prove(lambda prover, work: prover.plan(work, request.machine_id)))

    def on_detection_run_requested(self, request: requests.DetectionRunRequested) -> None:
        """Run a confirmed detection test."""
        self._run("detection test", self._prove(lambda prover, work: prover.run(work, request.machine_id, request.plan_id)))

    def on_detection_wait_requested(self, request: requests.DetectionWaitRequested) -> None:
        """Wait for the alert of a detection test."""
        self._run("detection test", self._prove(lambda prover, work: prover.wait(work, request.machine_id)))

    def on_detection_stop_requested(self, request: requests.DetectionStopRequested) -> None:
        """Wait no longer."""
        if self._prover is not None:
            self._prover.stop(request.machine_id)

    def on_retry_requested(self, request: requests.RetryRequested) -> None:
        """Ask whether to try a failed extension again, then do so."""
        from console.answers import ask_retry

        if work := self._work_or_tell():
            self._run("retry", ask_retry(work, request, self.tell, self._read_again, self.push_screen, self._run))

    def on_verify_plan_requested(self, request: requests.VerifyPlanRequested) -> None:
        """Show the verification, and plan it."""
        self.action_show("verify")
        self._run("verify", self._plan_verification(request.machine_ids, request.check))

    def on_verify_requested(self, request: requests.VerifyRequested) -> None:
        """Carry out a confirmed verification."""
        self._run("verify", self._verify(request.plan_id))

    def on_verify_stop_requested(self, _: requests.VerifyStopRequested) -> None:
        """Send no further script."""
        if self._verifier is not None:
            self._verifier.stop()

    def on_paste_requested(self, request: requests.PasteRequested) -> None:
        """Judge output that somebody ran by hand."""
        self._run("paste", self._paste(request))

    def on_sync_requested(self, request: requests.SyncRequested) -> None:
        """Read now."""
        watch = self.signing_in.watch
        if watch is None or not self.signing_in.watching:
            self.tell("Not signed in yet, so nothing can be read. Press ctrl+l to sign in.")
            return
        watch.refresh(request.subscription_ids, request.sources)

    def on_pause_toggled(self, _: requests.PauseToggled) -> None:
        """Pause or go on."""
        self.activity.pause(not self.activity.paused)
        if self.signing_in.watch is not None:
            self.signing_in.watch.pause(self.activity.paused)

    def on_sign_in_requested(self, _: requests.SignInRequested) -> None:
        """Sign in again, with the cache that is open."""
        self._run("sign-in", self.signing_in.again())

    def on_tenant_requested(self, request: requests.TenantRequested) -> None:
        """Sign in to another tenant."""
        self._run("tenant", self.signing_in.again(request.tenant_id))

    def on_selection_changed(self, request: requests.SelectionChanged) -> None:
        """Remember the chosen subscriptions."""
        if self.desk is not None:
            self._run("selection", self.desk.fleet.select(request.subscription_ids))

    def on_tick_requested(self, request: requests.TickRequested) -> None:
        """Remember a manual step."""
        from console.answers import tick

        if self.desk is not None:
            self._run("tick", tick(self.desk, self.setup.cloud, request))

    def on_plan_requested(self, request: requests.PlanRequested) -> None:
        """Compute a plan."""
        from console.workers.plan import make_plan

        if work := self._work_or_tell():
            self._run("plan", make_plan(work, request.subscription_ids, request.action, request.extras))

    def on_apply_requested(self, request: requests.ApplyRequested) -> None:
        """Apply a confirmed plan."""
        from console.answers import apply

        if work := self._work_or_tell():
            self._run("apply", apply(work, request, self.tell, self._read_again, timedelta(minutes=self.setup.settings.canary_minutes)))

    def on_alert_details_requested(self, request: requests.AlertDetailsRequested) -> None:
        """Read the details of an alert."""
        from console.answers import read_alert_details

        if self.signing_in.connection is None:
            self.activity.end(requests.ALERT_DETAILS, "Nobody is signed in. Press ctrl+l to sign in, and open the alert again.")
        else:
            self._run("details", read_alert_details(self.signing_in.connection.work, request.alert_id))

    def on_alert_status_requested(self, request: requests.AlertStatusRequested) -> None:
        """Change alerts."""
        from console.answers import triage

        if work := self._work_or_tell():
            self._run("triage", triage(work, request, self.tell))

    def _read_again(self, subscription_ids: tuple[str, ...]) -> None:
        if self.signing_in.watch is not None:
            self.signing_in.watch.refresh(subscription_ids)

    def on_export_requested(self, request: requests.ExportRequested) -> None:
        """Write a document to a file."""
        from console.exporting import export

        if self.desk is not None:
            self._run("export", export(self.desk, request, self.tell))

    def on_copy_requested(self, request: requests.CopyRequested) -> None:
        """Hand a text to the terminal's clipboard. There is no answer, so success is never claimed."""
        if len(request.text) > CLIPBOARD_LIMIT:
            self.tell(f"The {request.what} is too long for a terminal's clipboard.")
            return
        self._write_clipboard(request.text)
        told = request.text if len(request.text) <= LONGEST_TOLD else f"{len(request.text):,} characters, which stand on the screen as well"
        self.tell(f"Sent to the terminal's clipboard, if it takes that: {told}")

    def _write_clipboard(self, text: str) -> None:
        self.copy_to_clipboard(text)
        if self.setup.environ.get("TMUX") and self._driver is not None:
            from base64 import b64encode

            inner = f"\x1b]52;c;{b64encode(text.encode()).decode()}\x07"
            self._driver.write("\x1bPtmux;" + inner.replace("\x1b", "\x1b\x1b") + "\x1b\\")

    def _run(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run something that a request started; its failure is told and kept in the log."""
        task = asyncio.create_task(self._guarded(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as failure:  # the one place where a request's failure becomes a sentence on the screen
            sentence = str(failure)
            if not isinstance(failure, Failure):
                logging.getLogger("console").exception(name)
                sentence = f"{name}: something unknown went wrong ({type(failure).__name__}); the log file has the details."
            self.tell(sentence, error=True)
            if self.desk is not None:
                await self.desk.fleet.add_log("error", sentence)

    def _work_or_tell(self) -> Work | None:
        if self.signing_in.connection is None:
            self.tell("Not signed in yet: nothing can be asked of Azure. Press ctrl+l to sign in.", error=True)
            return None
        return self.signing_in.connection.work

    def _verifications(self, desk: Desk) -> Verifier:
        from console.workers.verification import Verifier

        if self._verifier is None or self._verifier.shown is not desk.verification:
            self._verifier = Verifier(desk.verification)
        return self._verifier

    async def _prove(self, ask: Callable[[Prover, Work], Awaitable[tuple[bool, str] | None]]) -> None:
        from console.workers.prove import Prover

        if (work := self._work_or_tell()) and self.desk is not None:
            if self._prover is None or self._prover.shown is not self.desk.detections:
                self._prover = Prover(self.desk.detections)
            if (told := await ask(self._prover, work)) is not None:
                self.tell(told[1], error=not told[0])

    async def _plan_verification(self, machine_ids: tuple[str, ...], check: str) -> None:
        if (work := self._work_or_tell()) and self.desk is not None:
            await self._verifications(self.desk).plan(work, machine_ids, check)

    async def _verify(self, plan_id: str) -> None:
        if (work := self._work_or_tell()) and self.desk is not None:
            sentence = await self._verifications(self.desk).run(work, plan_id)
            if getattr(self.screen, "NAME", "") != "verify":  # which tells it by itself
                self.tell(sentence)

    async def _paste(self, request: requests.PasteRequested) -> None:
        if (desk := self.desk) is not None:
            who = desk.session.principal
            verifier = self._verifications(desk)
            asked = request.machine_id, request.text, request.check
            good, sentence = await verifier.paste(desk.fleet, desk.journal, desk.clock, who, *asked)
            self.tell(sentence, error=not good)

    async def _choose_tenant(self) -> None:
        from screens.tenant import TenantDialog

        work = self._work_or_tell()
        if work is None:
            return
        tenants = await work.azure.tenants()

        def chosen(tenant_id: str | None) -> None:
            if tenant_id and tenant_id != work.tenant_id:
                self.post_message(requests.TenantRequested(tenant_id))

        self.push_screen(TenantDialog(tenants, work.tenant_id), chosen)

"""Detection tests that screens ask for: planned, run after a confirmation, waited for, and shown while they go on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cache.detection import UNDER_WAY, Detection, DetectionPhase, Detections
from cache.failure import Failure
from cache.model import Alert, Machine
from console.gateway.run_commands import WAYS
from console.rules.detection_run import NOT_RUN, RAN
from console.rules.detection_test import DetectionTest, detection_test, took
from console.workers.detection import Waited, wait_for_alert
from console.workers.detection_run import TestPlan, check_test_policy, make_test_plan, run_test
from console.workers.work import Refused, Work

PATIENCE = timedelta(minutes=60)
"""How long an alert is waited for."""

_INTERRUPTED = "It was interrupted."


class Prover:
    """The detection tests of one console. What screens see of them is ``shown``."""

    def __init__(self, shown: Detections) -> None:
        self.shown = shown
        self._plans: dict[str, TestPlan] = {}
        self._waits: dict[str, asyncio.Task[Waited]] = {}

    async def plan(self, work: Work, machine_id: str) -> None:
        """Plan to run the test on a machine. Raises :class:`Refused`, and what reading raises; ``shown`` tells that as well."""
        self._refuse_second(machine_id)
        self.shown.change(machine_id, phase=DetectionPhase.PLANNING, problem="", plan_id="", script="", obstacle="", said="", alert_id="")
        problem = _INTERRUPTED
        try:
            machine, _ = await _known(work, machine_id)
            plan = await make_test_plan(work, machine)
            self._plans[machine_id.lower()] = plan
            problem = ""
            self.shown.change(
                machine_id,
                name=plan.machine.name,
                phase=DetectionPhase.PLANNED,
                plan_id=plan.id,
                planned_at=plan.created_at,
                script=plan.script,
                way=WAYS.get(plan.planned.run.way, ""),
                right=plan.planned.run.right,
                obstacle=plan.obstacle,
            )
        except Failure as failure:
            problem = str(failure)
            raise
        finally:
            if problem:
                self.shown.change(machine_id, phase=DetectionPhase.NONE, problem=problem)

    async def run(self, work: Work, machine_id: str, plan_id: str) -> tuple[bool, str]:
        """Run the test as somebody confirmed it by its id, then wait for its alert. Returns whether that came, and what came of it.

        Raises :class:`Refused`, before anything is sent.
        """
        self._refuse_second(machine_id)
        plan = self._plans.pop(machine_id.lower(), None)
        if plan is None:
            raise Refused("Nothing was sent: this plan is used up. Plan again.")
        try:
            check_test_policy(work, plan, plan_id)
        except Refused:
            self._plans[machine_id.lower()] = plan
            raise
        began = work.clock.now()
        self.shown.change(machine_id, phase=DetectionPhase.RUNNING, began=began, ended=None, said="", problem="", alert_id="")
        problem = f"{_INTERRUPTED} Whether the test ran, its alert tells."
        try:
            found = await run_test(work, plan, plan_id)
            problem = "" if found.outcome != NOT_RUN else f"{found.reason} {found.remedy}".rstrip()
        except Failure as failure:
            problem = str(failure)
            raise
        finally:
            if problem:
                self.shown.change(machine_id, phase=DetectionPhase.NONE, problem=problem, plan_id="")
        if problem:
            return False, f"The test did not run on {plan.machine.name}: {problem}"
        self.shown.change(machine_id, said=f"{found.reason} {found.remedy}".rstrip(), certain=found.outcome == RAN)
        return await self._wait(work, plan.machine, plan.test, ran=True)

    async def wait(self, work: Work, machine_id: str) -> tuple[bool, str]:
        """Wait for the alert of a test that somebody ran by hand. Returns whether it came, and what came of it. Raises :class:`Refused`."""
        self._refuse_second(machine_id)
        machine, test = await _known(work, machine_id)
        self._refuse_second(machine_id)
        self.shown.change(machine_id, name=machine.name, began=work.clock.now(), ended=None, said="", problem="", alert_id="", plan_id="")
        return await self._wait(work, machine, test, ran=False)

    def stop(self, machine_id: str) -> None:
        """Wait no longer."""
        if (wait := self._waits.get(machine_id.lower())) is not None:
            wait.cancel()

    async def _wait(self, work: Work, machine: Machine, test: DetectionTest, *, ran: bool) -> tuple[bool, str]:
        shown, key = self.shown, machine.id.lower()
        shown.change(machine.id, phase=DetectionPhase.WAITING, until=work.clock.now() + PATIENCE)
        wait = self._waits[key] = asyncio.ensure_future(wait_for_alert(work, machine, test, PATIENCE))
        problem = f"{_INTERRUPTED} Its alert may come all the same; w waits again."
        try:
            await asyncio.wait([wait])
            if wait.cancelled():
                problem = "The waiting was ended. The alert may come all the same: it appears on the machine's page and under 5."
                return False, f"{machine.name}: {problem}"
            waited = wait.result()
            problem = "" if waited.alert is not None else _why_none(machine, test, waited)
        except Failure as failure:
            problem = str(failure)
            raise
        finally:
            wait.cancel()
            self._waits.pop(key, None)
            if problem:
                shown.change(machine.id, phase=DetectionPhase.NOT_SEEN, problem=problem, ended=work.clock.now())
        if waited.alert is None:
            return False, problem
        detection = shown.of(machine.id)
        said = _came(detection, machine, waited, waited.alert, ran=ran)
        shown.change(machine.id, phase=DetectionPhase.SEEN, said=said, alert_id=waited.alert.id, ended=waited.ended)
        return True, said

    def _refuse_second(self, machine_id: str) -> None:
        if self.shown.of(machine_id).phase in UNDER_WAY:
            raise Refused("The test of this machine is planned, run or waited for at this moment. Wait for it, or end the waiting with x.")


async def _known(work: Work, machine_id: str) -> tuple[Machine, DetectionTest]:
    machine = await work.fleet.machine(machine_id)
    test = detection_test(machine) if machine is not None else None
    if machine is None or test is None:
        raise Refused("There is no test for this machine: it is gone, or Azure tells neither Linux nor Windows.")
    return machine, test


def _came(detection: Detection, machine: Machine, waited: Waited, alert: Alert, *, ran: bool) -> str:
    began = detection.began or waited.began
    since = "the test was sent" if ran else "the waiting began"
    came = alert.generated if alert.generated is not None and alert.generated >= began else waited.ended
    told = f"The test alert of {machine.name} came {took(began, came)} after {since}: Defender for Endpoint works there, and reports."
    late = (waited.ended - came).total_seconds()
    return f"{told} It was seen here {took(came, waited.ended)} later." if late >= 120 else told


def _why_none(machine: Machine, test: DetectionTest, waited: Waited) -> str:
    told = f"No alert “{test.title}” of {machine.name} came in {took(waited.began, waited.ended)}."
    if waited.problem:
        return f"{told} The alerts could not be read: {waited.problem}"
    return f"{told} Look whether the machine reaches Defender's addresses and whether the test ran as it stands; then wait once more."

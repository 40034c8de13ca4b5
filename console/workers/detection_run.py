"""Running the detection test on a machine: planned with its script, confirmed, journaled, sent, heard. Its alert is another's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from cache.model import ABOARD, Machine, MachineState
from cache.trail import RUN_TEST
from console.gateway.errors import AzureProblem
from console.gateway.run_commands import TEST_NAME, WAYS, NotOffered, Output, Script
from console.rules.detection_run import NOT_RUN, DetectionRun, detection_script, read_detection_run
from console.rules.detection_test import DetectionTest, detection_test
from console.workers.run_script import OTHER_SCRIPT, PlannedRun, carry_out, check_confirmed, settle_abandoned
from console.workers.verify import make_verify_plan
from console.workers.work import Refused, Work

_EFFECT = "the test may have run, which its alert tells"


@dataclass(frozen=True, slots=True)
class TestPlan:
    """Which script would raise the test alert on which machine; what is confirmed is what is sent.

    ``planned.run.way`` is empty where no script can be run, which ``obstacle`` then explains, as it does for a machine that is not
    onboarded: no alert could come from it.
    """

    __test__ = False

    id: str
    created_at: datetime
    cloud: str
    tenant_id: str
    machine: Machine
    test: DetectionTest
    planned: PlannedRun
    state: MachineState
    script: str
    obstacle: str


async def make_test_plan(work: Work, machine: Machine) -> TestPlan:
    """Read the rights and the machine anew, and say what would be sent. Raises :class:`Refused` for a machine that has no test."""
    await settle_abandoned(work, action=RUN_TEST, effect=_EFFECT)
    plan = await make_verify_plan(work, [machine.subscription_id], [machine.id])
    (planned,) = plan.machines
    now = await work.fleet.machine(machine.id) or machine
    test = detection_test(now)
    if test is None:
        raise Refused(f"Azure does not tell whether {machine.name} runs Linux or Windows, so there is no test for it.")
    onboarding = await work.fleet.onboarding(machine.id)
    state = onboarding.state if onboarding is not None else MachineState.UNKNOWN
    obstacle = planned.run.reason
    if not obstacle and state not in ABOARD:
        obstacle = f"It is {state}, not onboarded: as long as that is so, no alert can come from it."
    run = uuid4().hex[:12]
    script = detection_script(test.system, run)
    return TestPlan(run, work.clock.now(), work.cloud.key, work.tenant_id, now, test, planned, state, script, obstacle)


def check_test_policy(work: Work, plan: TestPlan, confirmed: str) -> None:
    """Whether this sign-in may send what the plan says, which somebody has ``confirmed`` by its id. Raises :class:`Refused`."""
    check_confirmed(work, plan, confirmed, "do the steps by hand")
    if plan.obstacle:
        raise Refused(f"Nothing was sent to {plan.machine.name}: {plan.obstacle}")
    if plan.script != detection_script(plan.test.system, plan.id):
        raise Refused(OTHER_SCRIPT)


async def run_test(work: Work, plan: TestPlan, confirmed: str) -> DetectionRun:
    """Run the test as planned. Raises :class:`Refused` before anything is sent; what Azure refuses is an outcome, with its reason."""
    check_test_policy(work, plan, confirmed)
    machine = plan.machine
    work.activity.begin(activity_of(machine), f"running the detection test on {machine.name}")
    try:
        found = await _run(work, plan, plan.planned.run.way)
        if found.code == NotOffered.code and plan.planned.run.otherwise:
            found = await _run(work, plan, plan.planned.run.otherwise)
    finally:
        work.activity.end(activity_of(machine))
    await work.fleet.add_log("info" if found.outcome == "ran" else "warning", f"Detection test on {machine.name}: {found.reason}")
    return found


def activity_of(machine: Machine) -> str:
    """The key of what is under way for the test of a machine."""
    return f"detection {machine.id.lower()}"


async def _run(work: Work, plan: TestPlan, way: str) -> DetectionRun:
    script = Script(plan.machine.id, plan.machine.location, way, plan.test.system, plan.script, TEST_NAME)

    async def read(output: Output) -> DetectionRun:
        return read_detection_run(output.stdout, plan.id)

    after = f"detection test {plan.id}, by {WAYS[way]}"
    try:
        return await carry_out(work, RUN_TEST, script, after, read, _EFFECT)
    except AzureProblem as problem:
        return DetectionRun(NOT_RUN, problem.code, problem.message, "Do the steps by hand, or clear what keeps it and plan again.")

"""Running the detection test: planned, confirmed, in the journal before it is sent, and each known way to fail has its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest

from cache.model import Machine, MachineState
from console.session import Connection
from console.simulator import Simulator
from console.workers.detection import wait_for_alert
from console.workers.detection_run import make_test_plan, run_test
from console.workers.sync import sync
from console.workers.work import Refused
from tests.workers.conftest import Connect
from tests.workers.scripts_on_machines import broken_off, passing, sent


@pytest.fixture
async def timed(simulator: Simulator, connect_as: Connect) -> Connection:
    connection = await connect_as(sleep=passing(simulator), plan_minutes=60 * 24)
    await sync(connection.work)
    return connection


async def a_machine(simulator: Simulator, connection: Connection, system: str = "Linux", state: str = "onboarded") -> Machine:
    """A virtual machine that runs."""
    now, on = simulator.clock.now(), simulator.subscription("all-on")
    states = await connection.fleet.onboardings([on])
    for one in await connection.fleet.machines([on]):
        simulated = simulator.world.machine(unquote(one.id))
        runs = simulated is not None and simulator.world.stopped_since(simulated) > now
        if one.kind == "vm" and one.os_type == system and runs and states[one.id.lower()].state == state:
            return one
    raise AssertionError(f"no {system} machine that is {state}")


@pytest.mark.parametrize("system", ["Linux", "Windows"])
async def test_the_test_is_run_on_the_machine_and_its_alert_comes(simulator: Simulator, timed: Connection, system: str) -> None:
    machine = await a_machine(simulator, timed, system)
    plan = await make_test_plan(timed.work, machine)
    assert (plan.obstacle, plan.test.system) == ("", system)
    assert sent(simulator) == []
    written: list[list[str]] = []

    async def look(method: str, path: str) -> None:
        if method in {"PUT", "POST"} and "/runcommand" in path.lower():
            written.append([one.action for one in await timed.journal.unfinished()])
            assert "mdeconsolehealth" not in path.lower()

    simulator.box.on_request = look
    found = await run_test(timed.work, plan, plan.id)
    assert (found.outcome, found.code) == ("ran", "ran")
    assert written == [["run-detection-test"]]
    assert not any(simulator.box.run_commands.known.values())
    assert timed.work.activity.tasks() == ()
    (_, ended) = [one for one in await timed.journal.entries() if one.action == "run-detection-test"]
    assert ended.outcome.startswith("confirmed: ran")
    waited = await wait_for_alert(timed.work, machine, plan.test, timedelta(minutes=30))
    assert waited.alert is not None
    assert (await timed.journal.verify())[0]


async def test_nothing_is_sent_without_a_confirmed_plan(simulator: Simulator, timed: Connection) -> None:
    plan = await make_test_plan(timed.work, await a_machine(simulator, timed))
    for other, confirmed, said in (
        (plan, "", "not confirmed"),
        (replace(plan, tenant_id="x"), plan.id, "tenant"),
        (replace(plan, created_at=plan.created_at - timedelta(days=2)), plan.id, "too old"),
        (replace(plan, script=f"{plan.script}rm -rf /\n"), plan.id, "not the one"),
        (replace(plan, obstacle="It is off."), plan.id, "It is off"),
    ):
        with pytest.raises(Refused, match=said):
            await run_test(timed.work, other, confirmed)
    timed.work.read_only = True
    with pytest.raises(Refused, match="read-only"):
        await run_test(timed.work, plan, plan.id)
    assert sent(simulator) == []
    assert await timed.journal.entries() == []


async def test_a_machine_that_is_not_onboarded_is_told_that_no_alert_could_come(simulator: Simulator, timed: Connection) -> None:
    machine = await a_machine(simulator, timed, state=MachineState.FAILED)
    plan = await make_test_plan(timed.work, machine)
    assert "no alert can come" in plan.obstacle


@pytest.mark.parametrize(
    ("trouble", "outcome", "code"),
    [
        ("no-download", "not-run", "not-downloaded"),
        ("revoked", "not-run", "forbidden"),
        ("broken", "not-run", "run-failed"),
        ("agent-not-ready", "not-run", "agent-not-ready"),
        ("vanishes", "not-run", "not-found"),
        ("silent", "unreadable", "cut"),
        ("foreign", "unreadable", "undecided"),
        ("killed", "unreadable", "cut"),
        ("hostile", "ran", "ran"),
        ("not-offered", "ran", "ran"),
    ],
)
async def test_each_known_way_to_fail_has_its_reason(
    simulator: Simulator, timed: Connection, trouble: str, outcome: str, code: str
) -> None:
    machine = await a_machine(simulator, timed)
    plan = await make_test_plan(timed.work, machine)
    simulator.box.run_commands.troubles[unquote(machine.id).lower()] = trouble
    found = await run_test(timed.work, plan, plan.id)
    assert (found.outcome, found.code) == (outcome, code)
    assert found.reason
    assert found.remedy or outcome == "ran"
    assert await timed.journal.unfinished() == []


async def test_a_run_that_is_interrupted_or_killed_is_called_unknown(simulator: Simulator, timed: Connection) -> None:
    machine = await a_machine(simulator, timed)
    plan = await make_test_plan(timed.work, machine)
    await broken_off(simulator, run_test(timed.work, plan, plan.id))
    assert await timed.journal.unfinished() == []
    await timed.journal.begin("ada", "run-detection-test", machine.id, "", "detection test")
    await make_test_plan(timed.work, machine)
    assert len(await timed.journal.unfinished()) == 1  # another console may be waiting for it
    simulator.clock.advance(3600)
    await make_test_plan(timed.work, machine)
    assert await timed.journal.unfinished() == []
    ends = [one.outcome for one in await timed.journal.entries() if one.outcome != "started"]
    assert all(one.startswith("end unknown") and "its alert tells" in one for one in ends)

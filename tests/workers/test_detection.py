"""Waiting for the test alert: it is found as soon as Azure has it, timed, and linked to its machine; what cannot be read is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import unquote

import pytest

from cache.model import Machine, MachineState
from cache.trail import DETECTION_TEST
from cache.values import stamp
from console.rules.detection_test import DetectionTest, detection_test
from console.session import Connection
from console.simulator import Simulator
from console.workers.detection import EVERY, wait_for_alert
from console.workers.sync import sync
from console.workers.triage import set_status


async def an_onboarded(connection: Connection, subscription_id: str, os_type: str = "Linux") -> tuple[Machine, DetectionTest]:
    for row in await connection.fleet.machine_rows([subscription_id]):
        machine = await connection.fleet.machine(row.id)
        if row.state is MachineState.ONBOARDED and row.os_type == os_type and machine is not None:
            test = detection_test(machine)
            assert test is not None
            return machine, test
    raise AssertionError("the simulated world has no such machine")


@pytest.fixture
def looks() -> list[float]:
    """How long was waited, each time."""
    return []


@pytest.fixture
def ada(ada: Connection, simulator: Simulator, looks: list[float]) -> Connection:
    """For Ada time passes while she waits."""

    async def sleep(seconds: float) -> None:
        looks.append(seconds)
        simulator.clock.advance(seconds)

    ada.work.sleep = sleep
    return ada


async def test_the_alert_is_seen_and_linked_and_timed(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    machine, test = await an_onboarded(ada, simulator.subscription("all-on"))
    simulated = simulator.world.machine(unquote(machine.id))
    assert simulated is not None
    simulator.alerts.trigger_test(simulated, simulator.clock.now())
    waited = await wait_for_alert(ada.work, machine, test, timedelta(minutes=30))
    assert waited.alert is not None
    assert waited.alert.title == test.title
    assert waited.alert.machine_id is not None
    assert waited.alert.machine_id.lower() == machine.id.lower()
    assert waited.alert.azure_link
    assert timedelta(minutes=5) <= waited.ended - waited.began <= timedelta(minutes=15) + EVERY
    assert waited.alert.generated is not None
    assert waited.ended - waited.alert.generated <= EVERY
    assert waited.alert.id in [one.id for one in await ada.fleet.alerts_of_machine(machine.id)]
    (done,) = await set_status(ada.work, [waited.alert.id], "Resolved")
    assert done.failure == ""
    again = await wait_for_alert(ada.work, machine, test, timedelta(minutes=1))
    assert again.alert is None


async def test_without_a_test_nothing_is_seen_and_the_waiting_ends_in_time(
    simulator: Simulator, ada: Connection, looks: list[float]
) -> None:
    await sync(ada.work)
    machine, test = await an_onboarded(ada, simulator.subscription("all-on"))
    waited = await wait_for_alert(ada.work, machine, test, timedelta(seconds=70))
    assert (waited.alert, waited.problem) == (None, "")
    assert looks == [30, 30, 10]


async def test_the_trail_tells_when_each_waiting_began_what_it_came_to_and_which_alert_it_was(
    simulator: Simulator, ada: Connection
) -> None:
    await sync(ada.work)
    machine, test = await an_onboarded(ada, simulator.subscription("all-on"))
    simulated = simulator.world.machine(unquote(machine.id))
    assert simulated is not None
    await wait_for_alert(ada.work, machine, test, timedelta(minutes=1))

    async def gone(_: float) -> None:
        raise asyncio.CancelledError

    time, ada.work.sleep = ada.work.sleep, gone
    with pytest.raises(asyncio.CancelledError):
        await wait_for_alert(ada.work, machine, test, timedelta(minutes=1))
    ada.work.sleep = time
    simulator.alerts.trigger_test(simulated, simulator.clock.now())
    waited = await wait_for_alert(ada.work, machine, test, timedelta(minutes=30))
    assert waited.alert is not None
    told = await ada.journal.entries_about({DETECTION_TEST})
    assert [one.outcome.partition(":")[0] for one in told] == ["begun", "failed", "begun", "interrupted", "begun", "confirmed"]
    assert {one.target for one in told} == {machine.id}
    assert told[-1].after == waited.alert.id
    assert told[-1].before == stamp(waited.began)
    assert told[-2].at == waited.began
    assert not await ada.journal.unfinished()
    assert (await ada.journal.verify())[0]


async def test_an_outage_is_waited_out_and_told_when_it_lasts(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    machine, test = await an_onboarded(ada, simulator.subscription("all-on"))
    simulated = simulator.world.machine(unquote(machine.id))
    assert simulated is not None
    simulator.alerts.trigger_test(simulated, simulator.clock.now())
    simulator.faults.add("403:1:/providers/Microsoft.ResourceGraph")
    simulator.faults.add("403:1:/alerts")
    waited = await wait_for_alert(ada.work, machine, test, timedelta(minutes=1))
    assert waited.alert is None
    assert waited.problem
    simulator.faults.clear()
    waited = await wait_for_alert(ada.work, machine, test, timedelta(minutes=30))
    assert waited.alert is not None


async def test_where_resource_graph_does_not_serve_the_service_is_asked(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    machine, test = await an_onboarded(ada, simulator.subscription("all-on"))
    simulated = simulator.world.machine(unquote(machine.id))
    assert simulated is not None
    simulator.alerts.trigger_test(simulated, simulator.clock.now())
    simulator.faults.add("403:1:/providers/Microsoft.ResourceGraph")
    waited = await wait_for_alert(ada.work, machine, test, timedelta(minutes=30))
    assert waited.alert is not None
    assert waited.alert.azure_link

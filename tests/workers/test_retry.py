"""Trying a failed extension again: journaled, the failed one deleted once, read back, and brought back by Azure."""

from __future__ import annotations

import pytest

from cache.changes import DELETE_EXTENSION
from cache.model import Machine
from console.session import Connection
from console.simulator import Simulator
from console.simulator.machines import VM
from console.simulator.onboarding import PUBLISHER
from console.workers.recovery import reconcile
from console.workers.retry import GONE_WITHIN, look, retry_extension
from console.workers.sync import sync
from console.workers.work import Refused
from tests.workers.conftest import Connect


def failed_vm(simulator: Simulator) -> str:
    """The id of a running VM of a supported system, without a product of another maker, on which the extension has failed."""
    world, now = simulator.world, simulator.clock.now()
    for one in world.machines(simulator.subscription("all-on")):
        extension = world.defender(one, now)
        able = one.kind == VM and one.system.supported and world.stopped_since(one) > now
        if able and not one.product and extension is not None and extension.outcome == "failed":
            return one.id
    raise AssertionError("the world has none")


def deletes(simulator: Simulator) -> list[int]:
    return [one.status for one in simulator.requests.of("DELETE", "/extensions/")]


@pytest.fixture
async def failed(simulator: Simulator, ada: Connection) -> Machine:
    simulator.clock.advance(24 * 3600)
    await sync(ada.work)
    machine = await ada.fleet.machine(failed_vm(simulator))
    assert machine is not None
    return machine


async def test_the_failed_extension_is_deleted_once_and_azure_brings_a_new_one(
    simulator: Simulator, ada: Connection, failed: Machine
) -> None:
    found = await look(ada.work, failed.id)
    assert found.refusal == ""
    assert any(sentence.startswith("Do this first:") for sentence in found.told)
    assert deletes(simulator) == []
    retried = await retry_extension(ada.work, failed.id)
    assert retried.code == "confirmed", retried.message
    assert deletes(simulator) == [202]
    entries = [one for one in await ada.journal.entries() if one.action == DELETE_EXTENSION]
    assert [(one.target.rpartition("/")[2], one.outcome) for one in entries] == [("MDE.Linux", "started"), ("MDE.Linux", "confirmed")]
    assert (await ada.journal.verify())[0]
    with pytest.raises(Refused, match="no Defender extension"):
        await retry_extension(ada.work, failed.id)
    simulator.clock.advance(3 * 3600)
    machine = simulator.world.machine(failed.id)
    assert machine is not None
    assert [one.publisher for one in simulator.world.extensions(machine, simulator.clock.now())].count(PUBLISHER) == 1
    assert deletes(simulator) == [202]


async def test_what_azure_refuses_is_a_failure_with_its_reason(simulator: Simulator, ada: Connection, failed: Machine) -> None:
    simulator.faults.add("403:1:DELETE .*/extensions/")
    retried = await retry_extension(ada.work, failed.id)
    assert retried.code == "failed"
    assert "no right" in retried.message
    assert await ada.journal.unfinished() == []


async def test_a_deletion_whose_answer_is_lost_is_read_back_and_not_sent_again(
    simulator: Simulator, ada: Connection, failed: Machine
) -> None:
    simulator.faults.add("drop:1:DELETE .*/extensions/:1")
    retried = await retry_extension(ada.work, failed.id)
    assert retried.code == "confirmed"
    assert len(deletes(simulator)) == 1


async def test_a_machine_that_was_switched_off_meanwhile_is_told_by_azure(simulator: Simulator, ada: Connection, failed: Machine) -> None:
    machine = simulator.world.machine(failed.id)
    assert machine is not None
    simulator.world.set_running(machine, False)
    retried = await retry_extension(ada.work, failed.id)
    assert retried.code == "failed"
    assert "not running" in retried.message


async def test_one_that_azure_does_not_get_rid_of_is_not_known_and_looked_at_again(
    simulator: Simulator, connect_as: Connect, failed: Machine
) -> None:
    slept: list[float] = []

    async def wait(seconds: float) -> None:
        slept.append(seconds)

    ada = await connect_as(sleep=wait)
    machine = simulator.world.machine(failed.id)
    assert machine is not None

    async def undo(method: str, path: str) -> None:
        if method == "GET" and path.endswith("/extensions"):
            simulator.world.removed.clear()

    simulator.box.on_request = undo
    retried = await retry_extension(ada.work, failed.id)
    assert retried.code == "unknown"
    assert sum(slept) == GONE_WITHIN * 60
    assert len(await ada.journal.unfinished()) == 1
    simulator.clock.advance(60)
    (sentence,) = await reconcile(ada.work)
    assert sentence.startswith(f"The extension MDE.Linux of {failed.name} was being changed")
    assert "was not done (it is Failed)" in sentence


async def test_killed_in_the_middle_the_next_start_reads_it_back(simulator: Simulator, ada: Connection, failed: Machine) -> None:
    target = f"{failed.id}/extensions/MDE.Linux"
    await ada.journal.begin("ada", DELETE_EXTENSION, target, "Failed", "absent")
    await ada.azure.delete_extension(failed.id, failed.kind, "MDE.Linux")
    (sentence,) = await reconcile(ada.work)
    assert "it was done" in sentence
    assert await ada.journal.unfinished() == []


async def test_read_only_sends_nothing(simulator: Simulator, connect_as: Connect, failed: Machine) -> None:
    from console.gateway.errors import AzureProblem

    connection = await connect_as(read_only=True)
    with pytest.raises(Refused, match="read-only"):
        await retry_extension(connection.work, failed.id)
    with pytest.raises(AzureProblem, match="read-only"):
        await connection.azure.delete_extension(failed.id, failed.kind, "MDE.Linux")
    assert deletes(simulator) == []

"""Where Resource Graph refuses: lists are there before extensions, calls are bounded, and what is cut off goes on where it was."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from cache.model import Machine, MachineState, Source
from console.gateway.errors import SignInRequired
from console.session import Connection
from console.simulator import Simulator, throttling
from console.workers import services
from console.workers.sync import sync
from tests.listed import list_machines
from tests.moments import START
from tests.workers.conftest import Connect

MACHINES = frozenset({Source.MACHINES})


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(machines=90, speed=0, start=START, page_size=7, faults=["403:1:/providers/Microsoft.ResourceGraph"]) as running:
        yield running


@pytest.fixture
async def ada(simulator: Simulator, connect_as: Connect) -> Connection:
    """Ada, who knows her subscriptions and her rights in them, and no machine yet."""
    connection = await connect_as()
    await sync(connection.work, sources=frozenset({Source.SUBSCRIPTIONS, Source.PERMISSIONS, Source.SETTINGS}))
    simulator.requests.clear()
    return connection


def is_of_extensions(path: str) -> bool:
    return path.lower().endswith("/extensions")


def asked(simulator: Simulator) -> list[str]:
    """The machines whose extensions were asked for, in order."""
    return [one.path.lower().removesuffix("/extensions") for one in simulator.requests if is_of_extensions(one.path)]


def listed(simulator: Simulator) -> list[str]:
    """The subscriptions whose VMs were listed, in order."""
    return [
        one.path.split("/")[2].lower()
        for one in simulator.requests
        if one.path.lower().endswith("/virtualmachines") and "statusOnly" not in one.query and one.path.count("/") == 5
    ]


def there(simulator: Simulator) -> set[str]:
    """The machines that Ada can see."""
    blind = simulator.subscription("no-right-to-see-machines").lower()
    mine = [one.id for one in simulator.world.subscriptions.values() if one.tenant == simulator.tenant_id and one.id.lower() != blind]
    return {machine.id.lower() for one in mine for machine in simulator.world.machines(one)}


def on_extensions(simulator: Simulator, number: int, act: Callable[[], None]) -> None:
    """``act`` when extensions are asked for the ``number``-th time, before the answer. Each such request takes a second."""
    count = 0

    async def seen(_: str, path: str) -> None:
        nonlocal count
        if is_of_extensions(path):
            simulator.clock.advance(1)
            count += 1
            if count == number:
                act()

    simulator.box.on_request = seen


async def known(connection: Connection) -> dict[str, Machine]:
    """The machines in the cache, where odd characters of an id are percent-encoded."""
    return {unquote(one.id).lower(): one for one in await connection.fleet.machines()}


async def test_no_more_calls_are_under_way_than_is_said_over_all_subscriptions(simulator: Simulator, ada: Connection) -> None:
    held: list[str] = []
    full, release = asyncio.Event(), asyncio.Event()

    async def hold(_: str, path: str) -> None:
        if is_of_extensions(path) and not release.is_set():
            held.append(path.split("/")[2])
            if len(held) == services.AT_ONCE:
                full.set()
            await release.wait()

    simulator.box.on_request = hold
    assert len(there(simulator)) > services.AT_ONCE
    reading = asyncio.create_task(sync(ada.work, sources=MACHINES))
    await asyncio.wait_for(full.wait(), 30)
    await ada.azure.tenants()  # whatever else was to be sent has been sent by then
    assert len(held) == services.AT_ONCE
    assert len(set(held)) > 1
    release.set()
    await reading
    assert (await known(ada)).keys() == there(simulator)


async def test_no_subscription_is_asked_more_than_it_allows(
    simulator: Simulator, ada: Connection, connect_as: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    del ada  # knows the subscriptions
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(services, "AT_ONCE", 1)
    monkeypatch.setattr(throttling, "_READS", (10.0, 25.0))
    assert simulator._server is not None
    simulator._server._buckets = throttling.Buckets(enforce=True, wall=lambda: now)
    again = await connect_as(sleep=sleep)
    await sync(again.work, sources=MACHINES)
    assert (await known(again)).keys() == there(simulator)
    assert now > 0, "time passes while somebody waits and not otherwise"
    assert not [one for one in simulator.requests if one.status == 429]


async def test_listed_machines_are_in_the_cache_before_any_extension_is(simulator: Simulator, ada: Connection) -> None:
    everything, release, changed = there(simulator), asyncio.Event(), asyncio.Event()
    simulator.box.on_request = lambda _, path: release.wait() if is_of_extensions(path) else asyncio.sleep(0)  # type: ignore[assignment, return-value]
    ada.fleet.subscribe(lambda _: changed.set())
    reading = asyncio.create_task(sync(ada.work, sources=MACHINES))
    async with asyncio.timeout(30):
        while len(await known(ada)) < len(everything):
            await changed.wait()
            changed.clear()
    found = await known(ada)
    assert found.keys() == everything
    assert not any(one.extensions_known for one in found.values())
    assert any(one.power == "running" and one.os_type == "Linux" for one in found.values())
    assert await ada.fleet.recent_events(10) == [], "nothing is said of machines of which the most important is not known"
    release.set()
    await reading
    assert all(one.extensions_known for one in (await known(ada)).values())
    assert [one.before for one in await ada.fleet.recent_events(1000)] == [""] * len(everything), "each has changed its state once"


async def test_extensions_that_are_known_stay_until_they_are_read_again(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work, sources=MACHINES)
    before = {key: one.extensions for key, one in (await known(ada)).items()}
    states = await ada.fleet.state_counts()
    simulator.faults.add("500:1:/extensions")
    report = await sync(ada.work, sources=MACHINES)
    assert {key: one.extensions for key, one in (await known(ada)).items()} == before
    assert await ada.fleet.state_counts() == states
    assert {one.code for one in report.problems if one.source == Source.MACHINES} == {"outage", "forbidden"}


async def test_never_read_comes_first_then_what_was_read_longest_ago_then_what_is_in_motion(
    simulator: Simulator, ada: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 1)
    await sync(ada.work, sources=MACHINES)
    old, new = simulator.subscription("linux-not-set"), simulator.subscription("all-on")
    others = [one for one in await ada.fleet.subscription_ids() if one.lower() not in {old.lower(), new.lower()}]
    simulator.clock.advance(60)
    await sync(ada.work, [new, *others], sources=MACHINES)
    fresh = simulator.world.create(old, 1)[0]
    moving = {row.id.lower() for row in await ada.fleet.machine_rows() if row.state in services.MOVING_STATES}
    assert moving
    assert MachineState.INSTALLING in services.MOVING_STATES
    simulator.requests.clear()
    await sync(ada.work, sources=MACHINES)
    assert listed(simulator)[0] == old.lower()
    order = asked(simulator)
    assert order[0] == fresh.id.lower()
    assert set(order[1 : 1 + len(moving)]) == moving
    assert set(order) == there(simulator)


async def test_a_reading_that_is_cut_off_goes_on_where_it_was(
    simulator: Simulator, ada: Connection, connect_as: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 1)
    reading = asyncio.create_task(sync(ada.work, sources=MACHINES))
    on_extensions(simulator, 40, reading.cancel)
    with pytest.raises(asyncio.CancelledError):
        await reading
    simulator.box.on_request = None
    first, lists = asked(simulator)[:39], listed(simulator)
    gone, changed = simulator.world.machine(first[0]), simulator.world.machine(first[-1])
    assert gone is not None
    assert changed is not None
    simulator.world.delete(gone)
    simulator.world.set_running(changed, False)
    unfinished = changed.subscription.lower()
    simulator.requests.clear()
    again = await connect_as()  # another process
    await sync(again.work, sources=MACHINES)
    second = asked(simulator)
    assert not set(first) & set(second), "what was read is not read again"
    assert {*first, *second} == there(simulator) | {gone.id.lower()}
    assert len(second) == len(set(second))
    assert 0 < len(listed(simulator)) < len(lists), "nor is a subscription of which everything was read"
    assert unfinished in listed(simulator)
    assert all(one.extensions_known for one in (await known(again)).values())
    simulator.requests.clear()
    await sync(again.work, sources=MACHINES)
    assert set(asked(simulator)) == there(simulator), "the next reading is a new one"
    assert (await known(again)).keys() == there(simulator), "what is gone is gone"


async def test_a_machine_that_goes_while_a_reading_is_cut_off_is_gone_after_it(
    simulator: Simulator, ada: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 1)
    reading = asyncio.create_task(sync(ada.work, sources=MACHINES))
    on_extensions(simulator, 40, reading.cancel)
    with pytest.raises(asyncio.CancelledError):
        await reading
    simulator.box.on_request = None
    complete = {one.subscription_id.lower() for one in await ada.fleet.freshness() if one.source == Source.MACHINES}
    read = [one for one in asked(simulator)[:39] if one.split("/")[2] not in complete]
    gone = simulator.world.machine(read[0])
    assert gone is not None
    simulator.world.delete(gone)
    await sync(ada.work, sources=MACHINES)
    assert (await known(ada)).keys() == there(simulator)


async def test_a_reading_that_was_cut_off_long_ago_or_was_of_other_subscriptions_begins_anew(
    simulator: Simulator, ada: Connection, connect_as: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 1)

    async def cut_off() -> None:
        reading = asyncio.create_task(sync(ada.work, sources=MACHINES))
        on_extensions(simulator, 70, reading.cancel)
        with pytest.raises(asyncio.CancelledError):
            await reading
        simulator.box.on_request = None
        simulator.requests.clear()

    await cut_off()
    simulator.clock.advance(services.RESUMED_WITHIN.total_seconds())
    await sync(ada.work, sources=MACHINES)
    assert set(asked(simulator)) == there(simulator)
    await cut_off()
    one = simulator.subscription("all-on")
    await sync(ada.work, [one], sources=MACHINES)
    assert len(asked(simulator)) == len(simulator.world.machines(one)), "who asks for one gets it as it is now"
    other = await connect_as(only=frozenset({one.lower()}))
    simulator.requests.clear()
    await sync(other.work, sources=MACHINES)
    assert len(asked(simulator)) == len(simulator.world.machines(one))


def noted(folder: Path) -> int:
    """Of how many machines the cache notes that their extensions have been read."""
    with closing(sqlite3.connect(next(folder.rglob("fleet.db")))) as file:
        return int(file.execute("SELECT COUNT(*) FROM extension_readings").fetchone()[0])


async def test_a_process_that_is_killed_has_not_read_in_vain(simulator: Simulator, tmp_path: Path) -> None:
    async def begin() -> asyncio.subprocess.Process:
        options = ["--home", str(tmp_path / "home"), "--cloud", str(simulator.cloud_file), "--auth", "token"]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "console", "sync", *options),
            env={**os.environ, "MDE_CONSOLE_TOKEN": simulator.token("ada")},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    process = await begin()
    count = 0

    async def seen(_: str, path: str) -> None:
        nonlocal count
        count += is_of_extensions(path)
        if count == 80:
            while not noted(tmp_path):
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGKILL)

    simulator.box.on_request = seen
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    simulator.box.on_request = None
    simulator.requests.clear()
    process = await begin()
    assert await asyncio.wait_for(process.wait(), 60) == 3, "all was read but what Ada must not see"
    assert 0 < len(asked(simulator)) < len(there(simulator)) - 10


async def test_a_machine_that_is_deleted_meanwhile_is_gone_and_no_problem(
    simulator: Simulator, ada: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 1)  # the list is complete before the first extension is asked for
    subscription_id = simulator.subscription("all-on")
    await sync(ada.work, [subscription_id], sources=MACHINES)
    gone = simulator.world.machines(subscription_id)[-1]
    on_extensions(simulator, 1, lambda: simulator.world.delete(gone))
    report = await sync(ada.work, [subscription_id], sources=MACHINES)
    assert report.problems == ()
    assert (await known(ada)).keys() == {one.id.lower() for one in simulator.world.machines(subscription_id)}
    assert len([one for one in simulator.requests if one.status == 404]) == 1


async def test_words_that_nobody_has_heard_of_are_kept_as_they_are(simulator: Simulator, ada: Connection) -> None:
    simulator.faults.add("unknown:1:/Microsoft.(Compute|HybridCompute)/")
    await sync(ada.work, sources=MACHINES)
    found = await known(ada)
    assert found.keys() == there(simulator)
    assert all(one.provisioning_state.startswith("New") for one in found.values())
    assert all(extension.state.startswith("New") for one in found.values() for extension in one.extensions)


@pytest.mark.parametrize(("service", "left"), [("Microsoft.Compute", "arc"), ("Microsoft.HybridCompute", "vm")])
async def test_where_one_service_refuses_the_other_is_read_and_nothing_known_is_lost(
    simulator: Simulator, ada: Connection, service: str, left: str
) -> None:
    subscription_id = simulator.subscription("all-on")
    simulator.faults.add(f"403:1:/{service}/")
    report = await sync(ada.work, [subscription_id], sources=MACHINES)
    assert [one.code for one in report.problems if one.source == Source.MACHINES] == ["forbidden"]
    found = await known(ada)
    assert {one.kind for one in found.values()} == {left}
    assert all(one.extensions_known for one in found.values())
    simulator.faults.clear()
    simulator.faults.add("403:1:/providers/Microsoft.ResourceGraph")
    assert (await sync(ada.work, [subscription_id], sources=MACHINES)).problems == ()
    whole = await known(ada)
    assert {one.kind for one in whole.values()} == {"vm", "arc"}
    simulator.faults.add(f"403:1:/{service}/")
    await sync(ada.work, [subscription_id], sources=MACHINES)
    assert (await known(ada)).keys() == whole.keys()


async def test_a_sign_in_that_ends_midway_ends_the_reading_and_the_next_sign_in_goes_on(
    simulator: Simulator, ada: Connection, connect_as: Connect
) -> None:
    on_extensions(simulator, 30, simulator.box.tokens.expire_all)
    with pytest.raises(SignInRequired):
        await sync(ada.work, sources=MACHINES)
    simulator.box.on_request = None
    refused = [one for one in simulator.requests if one.status == 401]
    read = {one.path.lower().removesuffix("/extensions") for one in simulator.requests if one.status == 200 and is_of_extensions(one.path)}
    assert 1 <= len(refused) <= services.AT_ONCE, "nothing goes on asking"
    simulator.requests.clear()
    again = await connect_as()
    await sync(again.work, sources=MACHINES)
    repeated = read & set(asked(simulator))
    assert len(repeated) < len(read), "what had been answered is kept; answers on their way when it ended may be lost"
    assert (await known(again)).keys() == there(simulator)


async def test_it_is_said_how_many_of_how_many(simulator: Simulator, ada: Connection) -> None:
    told: list[tuple[str, int, int | None]] = []
    ada.work.activity.subscribe(lambda: told.extend((one.what, one.done, one.total) for one in ada.work.activity.tasks()))
    await sync(ada.work, sources=MACHINES)
    count = len(there(simulator))
    assert ("listing machines", count, None) in told or ("reading extensions", 0, count) in told
    assert ("reading extensions", count, count) in told
    told.clear()
    simulator.faults.clear()
    await sync(ada.work, sources=MACHINES)
    assert ("reading machines", count, count) in told


async def test_why_extensions_failed_is_asked_at_once_and_one_that_cannot_be_read_stops_no_other(
    simulator: Simulator, ada: Connection
) -> None:
    await sync(ada.work, sources=MACHINES)
    clear = await known(ada)
    failed = [one for one in clear.values() if one.kind == "vm" and any(each.state == "Failed" and each.code for each in one.extensions)]
    assert len(failed) > 1

    def unclear(one: Machine) -> Machine:
        return replace(one, extensions=tuple(replace(each, code="", message="") for each in one.extensions))

    simulator.faults.add(f"500:1:{failed[0].name}/extensions")
    for one in failed:
        await list_machines(ada.fleet, one.subscription_id, [unclear(one)], "unclear")
    simulator.requests.clear()
    await services.read_details(ada.work, [unclear(one) for one in clear.values()])
    assert set(asked(simulator)) == {one.id.lower() for one in failed}
    now = await known(ada)
    assert {key for key in clear if now[key].extensions != clear[key].extensions} == {failed[0].id.lower()}
    problems = [one for one in await ada.fleet.problems() if one.source == Source.EXTENSIONS]
    assert [one.subscription_id for one in problems] == [failed[0].subscription_id]
    simulator.faults.clear()
    await services.read_details(ada.work, [unclear(failed[0])])
    assert not [one for one in await ada.fleet.problems() if one.source == Source.EXTENSIONS]

"""Fleets that change or whose reading is broken off while they are read: what is known stays, and the next reading makes it whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cache.model import Source
from console.gateway import graph_alerts, graph_machines
from console.gateway.reading import resource_id
from console.session import Connection
from console.simulator import Simulator
from console.simulator.principals import ADA
from console.workers.alerts import list_alerts
from console.workers.poll import Poll
from console.workers.sync import MOVING, sync
from tests.workers.conftest import Connect
from tests.workers.hard.conftest import console_at
from tests.workers.hard.odd_fleet import OddFleet, machine, subscription

SMALL = 4
"""Machines and alerts in a page, so that there are many pages."""


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for listing in (graph_machines.machines, graph_alerts.alerts):
        monkeypatch.setitem(listing.__kwdefaults__ or {}, "page", SMALL)


@pytest.fixture
async def read_once(simulator: Simulator, ada: Connection, small_pages: None) -> Connection:
    """Everything is known, and an hour passed."""
    await sync(ada.work)
    simulator.clock.advance(3600)
    simulator.requests.clear()
    return ada


def seen(simulator: Simulator) -> list[str]:
    """The subscriptions whose machines are shown."""
    shown = simulator.world.visible(ADA, simulator.tenant_id)
    return [one.id for one in shown if one.situation.name != "no-right-to-see-machines"]


def listed_by_services(simulator: Simulator) -> list[str]:
    """The lists of machines that Compute was asked for, since Resource Graph did not serve."""
    return [one.path for one in simulator.requests if one.path.endswith("/Microsoft.Compute/virtualMachines")]


def as_known(machine_id: str) -> str:
    """An id as the cache has it."""
    return resource_id({"id": machine_id}, "id")


def world(simulator: Simulator) -> dict[str, list[str]]:
    """The ids of the machines that there are, by subscription."""
    return {key: sorted(as_known(one.id) for one in simulator.world.machines(key)) for key in seen(simulator)}


async def machines(connection: Connection) -> dict[str, list[str]]:
    """The ids of the machines that the cache has, by subscription; its counts agree with them."""
    found: dict[str, list[str]] = {}
    for one in await connection.fleet.machines():
        found.setdefault(one.subscription_id, []).append(one.id)
    counts = {key: sum(states.values()) for key, states in (await connection.fleet.states_by_subscription()).items()}
    assert {key: count for key, count in counts.items() if count} == {key.lower(): len(ids) for key, ids in found.items()}
    rows = await connection.fleet.machine_rows()
    assert sorted(row.id for row in rows) == sorted(one for ids in found.values() for one in ids)
    return {key: sorted(ids) for key, ids in found.items()}


async def assert_whole(simulator: Simulator, connection: Connection) -> None:
    assert await machines(connection) == {key: ids for key, ids in world(simulator).items() if ids}


# Between pages


@pytest.mark.parametrize("fault", ["repeat=3:1:4", "repeat=3", "skip=3:1:2", "stale:1:2", "stale:0.3:2", "skip=1:0.5:2"])
async def test_what_goes_wrong_between_pages_and_passes_leaves_a_whole_reading(
    simulator: Simulator, read_once: Connection, fault: str
) -> None:
    before = [one.id for one in await read_once.fleet.alerts()]
    simulator.world.create(simulator.subscription("all-on"), 9)
    simulator.faults.add(fault)
    report = await sync(read_once.work, sources=MOVING | {Source.ALERTS})
    await assert_whole(simulator, read_once)
    assert {one.id for one in await read_once.fleet.alerts()} >= set(before)
    assert not [one for one in report.problems if one.code in ("bad-answer", "outage")]
    assert not [one for one in await read_once.fleet.log() if "did not" in one.message]
    assert not listed_by_services(simulator)


@pytest.mark.parametrize("fault", ["skip=3", "stale", "cut"])
async def test_what_goes_wrong_between_pages_every_time_is_said_and_the_services_tell(
    simulator: Simulator, read_once: Connection, fault: str
) -> None:
    simulator.world.create(simulator.subscription("all-on"), 9)
    simulator.faults.add(fault)
    await sync(read_once.work, sources=MOVING)
    await assert_whole(simulator, read_once)
    (said,) = [one.message for one in await read_once.fleet.log() if "Resource Graph did not serve" in one.message]
    assert said.endswith(".")
    assert listed_by_services(simulator)
    assert len(simulator.requests.of("POST", "ResourceGraph")) < 60


@pytest.mark.parametrize("fault", ["double:1:1", "halve:1:1", "halve:1:2"])
@pytest.mark.parametrize("begins", [True, False])
async def test_a_fleet_that_doubles_or_halves_while_it_is_read_is_whole_after_the_next_poll(
    simulator: Simulator, ada: Connection, small_pages: None, fault: str, begins: bool
) -> None:
    if begins:
        await sync(ada.work)
        simulator.clock.advance(3600)
    simulator.faults.add(f"{fault.partition(':')[0]}:1:ResourceGraph:{fault[-1]}")
    count = sum(map(len, world(simulator).values()))
    await sync(ada.work)
    changed = sum(map(len, world(simulator).values()))
    assert changed > count * 1.9 or changed < count * 0.6
    assert list(simulator.faults) == []
    assert not listed_by_services(simulator)
    simulator.clock.advance(60)
    await Poll(ada.work, timedelta(hours=1)).differences()
    await assert_whole(simulator, ada)
    states = await ada.fleet.states_by_subscription()
    await sync(ada.work)
    await assert_whole(simulator, ada)
    assert await ada.fleet.states_by_subscription() == states


async def test_extensions_are_those_of_their_machine_however_it_and_its_group_are_named(simulator: Simulator, ada: Connection) -> None:
    one = simulator.subscription("all-on")
    there = simulator.world.machines(one)
    odd = [
        replace(there[0], group="extensions"),
        replace(there[1], name="extensions"),
        replace(there[2], group="providers", name="extensions"),
    ]
    simulator.world._replace(one, (*odd, *there[3:]))
    await sync(ada.work, sources=frozenset({Source.SUBSCRIPTIONS, *MOVING}))
    now, with_some = simulator.clock.now(), 0
    for known in (*odd, *there[3:]):
        found = await ada.fleet.machine(as_known(known.id))
        assert found is not None
        expected = sorted(extension.name for extension in simulator.world.extensions(known, now))
        assert sorted(extension.name for extension in found.extensions) == expected
        with_some += known in odd and bool(expected)
    assert with_some
    found_some = await ada.azure.some_machines([known.id for known in odd])
    assert {one.id: one.extensions for one in found_some} == {
        one.id: one.extensions
        for page in [p async for p in ada.azure.graph_machines([one])]
        for one in page
        if one.id in {as_known(o.id) for o in odd}
    }


# Two thousand subscriptions


@pytest.fixture
async def many(tmp_path: Path) -> AsyncIterator[OddFleet]:
    async with OddFleet(tmp_path, 1000) as running:
        running.subscriptions = [subscription(number) for number in range(1, 2001)]
        running.machines = [machine(number, number) for number in range(1, 2001) if number != 777]
        yield running


async def test_of_two_thousand_subscriptions_an_empty_one_is_as_fresh_as_the_others_and_has_none(many: OddFleet, tmp_path: Path) -> None:
    async with console_at(many, tmp_path) as console:
        await read_many(many, console)


async def read_many(many: OddFleet, console: Connection) -> None:
    listing = frozenset({Source.SUBSCRIPTIONS, Source.MACHINES, Source.PLAN, Source.ASSESSMENTS})
    report = await sync(console.work, sources=listing)
    assert report.exit_code == 0
    assert report.subscriptions == 2000
    batches = {one.subscriptions for one in many.told.about("digest") if one.subscriptions}
    assert [len(one) for one in batches] == [1000, 1000]
    assert len(set().union(*batches)) == 2000
    counts = {key: sum(one.values()) for key, one in (await console.fleet.states_by_subscription()).items()}
    assert len(counts) == 1999
    assert set(counts.values()) == {1}
    assert sum(len(one.subscriptions) for one in many.told.about("machines") if not one.start) == 2000
    many.clock.advance(60)
    gone = many.machines.pop(100)
    await sync(console.work, sources=frozenset({Source.MACHINES}))
    rows = {row.subscription.id: row.machines for row in await console.fleet.subscriptions()}
    assert (rows[gone["subscriptionId"]], rows[subscription(777)], sum(rows.values())) == (0, 0, 1998)
    assert await console.fleet.machine(gone["id"]) is None
    ages = {one.subscription_id: one.fetched_at for one in await console.fleet.freshness() if one.source == Source.MACHINES}
    assert len(ages) == 2000
    assert set(ages.values()) == {many.clock.now()}


# Broken off


class Breaker:
    """Cancels a reading when the given page of it has been sent."""

    def __init__(self, fleet: OddFleet) -> None:
        self.fleet = fleet

    async def sync(self, console: Connection, page: int, turns: int) -> bool:
        """Whether the reading was broken off: after ``page`` queries and so many turns of the event loop."""
        reading = asyncio.create_task(sync(console.work, sources=frozenset({Source.SUBSCRIPTIONS, *MOVING})))
        arrived = asyncio.Event()
        seen = 0

        def spoil(_: Any) -> None:
            nonlocal seen
            seen += 1
            if seen > page:
                arrived.set()

        self.fleet.spoil = spoil
        waiting = asyncio.create_task(arrived.wait())
        await asyncio.wait({reading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for _ in range(turns):
            if not reading.done():
                await asyncio.sleep(0)
        waiting.cancel()
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        self.fleet.spoil = lambda _: None
        await console.fleet.remember("the write under way", "is over")
        return reading.cancelled()


async def assert_like(odd: OddFleet, console: Connection) -> None:
    by_id = {one.id: one for one in await console.fleet.machines()}
    assert sorted(by_id) == sorted(row["id"] for row in odd.machines)
    assert {key: one.power for key, one in by_id.items()} == {row["id"]: row["power"].rpartition("/")[2] for row in odd.machines}
    await machines(console)


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))
def test_a_reading_that_is_broken_off_anywhere_loses_nothing_and_the_next_is_whole(
    tmp_path_factory: pytest.TempPathFactory, breaks: list[tuple[int, int, int]]
) -> None:
    async def run() -> None:
        folder = tmp_path_factory.mktemp("broken")
        async with OddFleet(folder, 4) as odd, console_at(odd, folder) as console:
            odd.subscriptions = [subscription(number) for number in range(1, 61)]
            odd.machines = [machine(number, number % 60 + 1) for number in range(60)]
            await sync(console.work)
            read_at = odd.clock.now()
            for number, (page, turns, deleted) in enumerate(breaks):
                odd.clock.advance(60)
                before = {one.id for one in await console.fleet.machines()}
                odd.machines = [machine(100 + number), *odd.machines[:deleted], *odd.machines[deleted + 1 :]]
                odd.machines[deleted]["power"] = "PowerState/deallocated"
                whole = not await Breaker(odd).sync(console, page, turns)
                known = {one.id for one in await console.fleet.machines()}
                await machines(console)
                ages = {one.fetched_at for one in await console.fleet.freshness() if one.source == Source.MACHINES}
                if not whole and odd.clock.now() not in ages:
                    assert known >= before, "nothing is taken as gone by half a reading"
                    assert ages == {read_at}, "half a reading makes nothing fresh"
                else:
                    assert ages == {odd.clock.now()}
                    assert known == {row["id"] for row in odd.machines}
                    read_at = odd.clock.now()
            asked = len(odd.told.queries)
            for _ in range(5):
                await asyncio.sleep(0)
            assert len(odd.told.queries) == asked, "nobody goes on reading"
            await sync(console.work, sources=frozenset({Source.SUBSCRIPTIONS, *MOVING}))
            await assert_like(odd, console)

    asyncio.run(run())


@pytest.mark.parametrize("page", range(8))
async def test_reading_alerts_that_is_broken_off_loses_none(simulator: Simulator, read_once: Connection, page: int) -> None:
    ids = [one for one in seen(simulator) if simulator.world.subscriptions[one].registered]
    before = {one.id for one in await read_once.fleet.alerts()}
    reading = asyncio.create_task(list_alerts(read_once.work, ids))
    while len(simulator.requests) < page and not reading.done():
        await asyncio.sleep(0)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    assert {one.id for one in await read_once.fleet.alerts()} >= before
    await list_alerts(read_once.work, ids)
    now = simulator.clock.now()
    there = {alert.id for one in ids for alert in simulator.alerts.until(simulator.world.subscriptions[one], now)}
    assert {one.id for one in await read_once.fleet.alerts(ids)} == there


async def test_a_connection_that_is_made_anew_after_a_broken_reading_reads_all(
    simulator: Simulator, connect_as: Connect, small_pages: None
) -> None:
    first = await connect_as()
    reading = asyncio.create_task(sync(first.work))
    while len(simulator.requests.of("POST", "ResourceGraph")) < 8 and not reading.done():
        await asyncio.sleep(0)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    await first.fleet.remember("the write under way", "is over")
    await machines(first)
    await first.close()
    second = await connect_as()
    assert await Poll(second.work, timedelta(hours=1)).complete_reading_due(), "half a reading leaves no mark to read on from"
    await sync(second.work)
    await assert_whole(simulator, second)

"""Machines on their way into the cache: what has landed is kept, in as few writes as can be, whatever becomes of the reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cache.clock import ManualClock
from cache.errors import CacheError
from cache.fleet import FleetCache
from cache.model import Machine, MachineState, Onboarding, Source
from cache.sighting import Sighting, sighting_of
from console.gateway.errors import SignInRequired
from console.gateway.graph import PAGE
from console.simulator import Simulator
from console.workers.landing import Landing
from console.workers.sync import sync
from tests.moments import START
from tests.rules.samples import NOW, a_machine
from tests.workers.conftest import Connect

MACHINES = frozenset({Source.MACHINES})
SUB = "11111111-1111-1111-1111-111111111111"


def judge(sighting: Sighting, _: Onboarding | None) -> Onboarding:
    return Onboarding(sighting.id, MachineState.PENDING, "it has just landed", NOW)


def machines(*names: str) -> list[Machine]:
    base = f"/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines"
    return [replace(a_machine(), id=f"{base}/{name}", name=name, subscription_id=SUB) for name in names]


def seen(*names: str) -> list[Sighting]:
    return [sighting_of(one, SUB) for one in machines(*names)]


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[FleetCache]:
    async with await FleetCache.open(tmp_path, ManualClock(NOW)) as opened:
        yield opened


async def names_in(fleet: FleetCache) -> set[str]:
    return {one.name for one in await fleet.machines()}


async def test_what_lands_while_a_write_is_under_way_becomes_one_write(fleet: FleetCache) -> None:
    told: list[frozenset[str]] = []
    fleet.subscribe(told.append)
    landing = Landing(fleet, judge)
    landing.see(seen("a"))
    await asyncio.sleep(0)  # the first write has begun
    for name in "bcde":
        landing.see(seen(name))
    await landing.close()
    assert await names_in(fleet) == set("abcde")
    assert sum("machines" in one for one in told) == 2


async def test_what_has_landed_when_a_reading_fails_is_kept_and_nothing_else_is_taken_for_gone(fleet: FleetCache) -> None:
    first = Landing(fleet, judge)
    first.see(seen("a", "b", "c"))
    first.complete([SUB])
    await first.close()

    async def reading(landing: Landing) -> None:
        try:
            landing.see(seen("a"))
            await asyncio.sleep(0)
            landing.see(seen("d"))
            raise SignInRequired("the sign-in is over")
        finally:
            await landing.close()

    read = {one.fetched_at for one in await fleet.freshness()}
    with pytest.raises(SignInRequired):
        await reading(Landing(fleet, judge))
    assert await names_in(fleet) == set("abcd")
    assert {one.fetched_at for one in await fleet.freshness()} == read


async def test_a_complete_listing_takes_away_what_it_has_not_shown_in_its_subscriptions_alone(fleet: FleetCache) -> None:
    for names in (("a", "b"), ("b", "c")):
        landing = Landing(fleet, judge)
        landing.see(seen(*names))
        landing.complete([SUB])
        await landing.close()
    landing = Landing(fleet, judge)
    landing.complete(["22222222-2222-2222-2222-222222222222"])
    await landing.close()
    assert await names_in(fleet) == {"b", "c"}


async def test_a_failure_of_the_cache_is_raised_by_what_comes_after_it(fleet: FleetCache) -> None:
    landing = Landing(fleet, judge)
    await fleet.close()
    landing.see(seen("a"))
    with pytest.raises(CacheError):
        await landing.close()


async def test_pages_of_resource_graph_that_landed_before_the_sign_in_ended_are_in_the_cache(connect_as: Connect) -> None:
    async with Simulator(machines=3500, speed=0, start=START) as simulator:
        connection = await connect_as(simulator=simulator)
        await sync(connection.work, sources=frozenset({Source.SUBSCRIPTIONS, Source.PERMISSIONS}))
        assert not await connection.fleet.machine_rows()
        queries = 0

        async def end_the_sign_in(_: str, path: str) -> None:
            nonlocal queries
            queries += "Microsoft.ResourceGraph" in path
            if queries == 3:
                simulator.box.tokens.expire_all()

        simulator.box.on_request = end_the_sign_in
        with pytest.raises(SignInRequired):
            await sync(connection.work, sources=MACHINES)
        assert len(await connection.fleet.machine_rows()) == 2 * PAGE

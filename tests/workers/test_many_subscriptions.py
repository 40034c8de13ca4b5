"""At size: two thousand subscriptions are polled with three requests, and no query is sent that the quota does not allow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from cache.model import Source
from console.gateway import graph_machines
from console.session import Connection
from console.simulator import Simulator
from console.simulator.principals import ADA
from console.simulator.throttling import QueryQuota
from console.workers import watermark
from console.workers.alerts import list_alerts
from console.workers.poll import Poll
from console.workers.sync import sync
from tests.moments import START
from tests.workers.conftest import Connect

MANY = 2000


class TestTwoThousandSubscriptions:
    @pytest.fixture
    async def simulator(self) -> AsyncIterator[Simulator]:
        async with Simulator(machines=3000, subscriptions=MANY, speed=0, start=START, page_size=1000) as running:
            yield running

    async def test_a_poll_in_which_nothing_changed_costs_at_most_three_requests(self, simulator: Simulator, ada: Connection) -> None:
        work = ada.work
        await sync(work, sources=frozenset({Source.SUBSCRIPTIONS}))
        beginning = await watermark.begin(work, work.azure.date)
        await sync(work, sources=frozenset({Source.SUBSCRIPTIONS, Source.MACHINES, Source.PLAN}))
        ids = await work.fleet.subscription_ids()
        assert len(ids) > MANY * 0.9
        await list_alerts(work, ids)
        await watermark.completed(work, beginning)
        tables: set[str] = set()
        stop = work.fleet.subscribe(tables.update)
        poll = Poll(work, timedelta(hours=1))
        for _ in range(2):
            simulator.requests.clear()
            report = await poll.differences()
            assert not report.nothing
            assert len(simulator.requests) == 3
            assert sum(one.size for one in simulator.requests) < 4000, "no list of subscriptions is sent"
        assert tables <= {"ages"}
        stop()
        simulator.clock.advance(60)
        subscription = next(one for one in ids if simulator.world.subscriptions[one].situation.name == "all-on")
        (machine,) = simulator.world.create(subscription)
        simulator.requests.clear()
        await poll.differences()
        assert await work.fleet.machine(machine.id) is not None
        assert len(simulator.requests) < 10


async def test_a_complete_reading_never_sends_more_queries_than_the_quota_allows(
    simulator: Simulator, connect_as: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = 0.0
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal wall
        waits.append(seconds)
        wall += seconds

    monkeypatch.setitem(graph_machines.machines.__kwdefaults__ or {}, "page", 2)
    simulator.box.query_quota = QueryQuota(enforce=True, wall=lambda: wall)
    connection = await connect_as(sleep=sleep)
    await sync(connection.work)
    asked = simulator.requests.of("POST", "ResourceGraph")
    assert len(asked) > 30
    assert {one.status for one in asked} == {200}, "no query was turned away"
    assert waits
    assert wall >= (len(asked) // 15) * 3
    seen = [one for one in simulator.world.visible(ADA, simulator.tenant_id) if one.situation.name != "no-right-to-see-machines"]
    assert len(await connection.fleet.machines()) == sum(one.machine_count for one in seen)

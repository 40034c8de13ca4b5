"""Resource Graph at size: how many of everything, chains of pages at once, limits, and what goes wrong between pages."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from console.simulator import Simulator
from console.simulator.alerts import Alerts
from console.simulator.clock import Clock
from console.simulator.faults import PAGING
from console.simulator.recording import Recorded, Recording
from console.simulator.world import World
from tests.simulator.conftest import Answer, Api
from tests.simulator.test_console_queries import text

START = 1_790_000_000.0
PATH = "/providers/Microsoft.ResourceGraph/resources"
IDS = "resources | project id, name | order by id asc"


@contextlib.asynccontextmanager
async def running(api: Api, **options: Any) -> AsyncIterator[tuple[Simulator, Api]]:
    import ssl

    async with Simulator(speed=0, **options) as sim:
        context = ssl.create_default_context(cafile=str(sim.ca_file))

        class Other(Api):
            async def __call__(self, method: str, path: str, **rest: Any) -> Answer:
                return await super().__call__(method, path, **{"ssl": context, **rest})

        yield sim, Other(sim, api._session, sim.token())


async def page(api: Api, query: str = IDS, token: str | None = None, top: int = 20, subscriptions: list[str] | None = None) -> Answer:
    options = {"$top": top, "resultFormat": "objectArray"} | ({"$skipToken": token} if token else {})
    return await api("POST", PATH, json={"query": query, "options": options, "subscriptions": subscriptions or []}, version="2021-03-01")


async def chain(api: Api, query: str = IDS, top: int = 20, subscriptions: list[str] | None = None) -> list[Answer]:
    pages = [await page(api, query, None, top, subscriptions)]
    while token := pages[-1].body.get("$skipToken"):
        pages.append(await page(api, query, token, top, subscriptions))
    return pages


def ids(pages: list[Answer]) -> list[str]:
    return [row["id"] for answer in pages for row in answer.body["data"]]


# How many there are


@pytest.mark.parametrize("count", [0, 1, 7, 5000])
def test_there_are_as_many_alerts_as_asked_for(count: int) -> None:
    world = World(Clock(start=START, speed=0), machines=600, subscriptions=40)
    alerts = Alerts(world, count=count)
    made = [a for s in world.subscriptions.values() for a in alerts.until(s, START)]
    assert len(made) == len({a.id for a in made}) == count
    assert all(a.generated <= START for a in made)
    again = Alerts(World(Clock(start=START, speed=0), machines=600, subscriptions=40), count=count)
    assert [a.id for s in world.subscriptions.values() for a in again.until(s, START)] == [a.id for a in made]
    if count > 100:
        assert {a.kind.from_endpoint for a in made} == {True, False}
        assert len({a.subscription for a in made}) > 10
        assert all(world.defender(a.machine, a.generated) for a in made if a.kind.from_endpoint)


def test_new_alerts_come_besides_those() -> None:
    world = World(Clock(start=START, speed=0), machines=6000, subscriptions=12)
    alerts = Alerts(world, count=100)
    for days in (0, 3):
        made = [a for s in world.subscriptions.values() for a in alerts.until(s, START + days * 86400)]
        assert (len(made) > 100) is (days > 0)


def test_of_many_subscriptions_some_are_empty_and_some_are_large() -> None:
    world = World(Clock(start=START, speed=0), machines=20_000, subscriptions=400)
    counts = sorted(s.machine_count for s in world.subscriptions.values() if s.tenant == world.tenant.id)
    assert sum(counts) == 20_000
    assert counts.count(0) > 40
    assert counts[-1] > 5 * counts[200] > 0


def test_in_a_large_world_some_names_are_two_hundred_wide_letters_long() -> None:
    large = [m for m in World(Clock(start=START, speed=0), machines=20_000).everything() if len(m.name) == 200]
    assert len(large) == len({m.id for m in large}) > 10
    assert not [m for m in World(Clock(start=START, speed=0), machines=2000).everything() if len(m.name) > 100]


def test_doubling_gives_each_subscription_as_many_again() -> None:
    world = World(Clock(start=START, speed=0), machines=300, subscriptions=12)
    before = [m.id for m in world.everything()]
    assert world.double() == len(before)
    after = [m.id for m in world.everything()]
    assert len(set(after)) == len(after) == 2 * len(before)
    assert sum(s.machine_count for s in world.subscriptions.values()) == len(after)


async def test_a_large_world_is_built_and_read_in_seconds(api: Api) -> None:
    began = time.perf_counter()
    async with running(api, machines=10_000, subscriptions=400, alerts=10_000) as (sim, other):
        await sim.build()
        assert time.perf_counter() - began < 20
        home = [s.id for s in sim.world.subscriptions.values() if s.tenant == sim.tenant_id]
        groups = [home[start : start + 100] for start in range(0, len(home), 100)]
        chains = await asyncio.gather(*(chain(other, text("alerts"), 1000, group) for group in groups))
        assert sum(len(ids(pages)) for pages in chains) == 10_000
        began = time.perf_counter()
        first = await page(other, text("machines"), top=1000)
        took_first = time.perf_counter() - began
        began = time.perf_counter()
        second = await page(other, text("machines"), first.body["$skipToken"], top=1000)
        assert time.perf_counter() - began < max(0.5, took_first)
        assert first.body["totalRecords"] == second.body["totalRecords"] > 9000


# Limits


async def test_no_more_than_a_thousand_subscriptions_may_be_named(api: Api) -> None:
    named = [f"00000000-0000-0000-0000-{number:012}" for number in range(1001)]
    answer = await page(api, subscriptions=named)
    assert (answer.status, answer.code) == (400, "BadRequest")
    assert "1000" in answer.body["error"]["details"][0]["message"]


async def test_of_more_than_ten_thousand_subscriptions_the_rest_is_left_out_and_said_to_be(api: Api) -> None:
    async with running(api, machines=20, subscriptions=10_050) as (sim, other):
        query = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | summarize n = count()"
        answer = await page(other, query)
        assert answer.body["data"] == [{"n": 10_000}]
        assert answer.headers["x-ms-tenant-subscription-limit-hit"] == "true"
        named = await page(other, query, subscriptions=list(sim.world.subscriptions)[:1000])
        assert "x-ms-tenant-subscription-limit-hit" not in named.headers


async def test_the_quota_is_told_with_errors_too(api: Api) -> None:
    answer = await page(api, "resources | wherex")
    assert answer.status == 400
    assert answer.headers["x-ms-user-quota-remaining"] == "14"
    assert answer.headers["x-ms-user-quota-resets-after"] == "00:00:05"


async def test_results_that_take_too_much_memory_are_forgotten_those_read_to_their_end_first(
    api: Api, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import console.simulator.resource_graph as module

    done, held = await chain(api), await page(api)
    size = sim.box.graph.kept(held.body["$skipToken"].partition(".")[0])
    assert size is not None
    monkeypatch.setattr(module, "KEPT_BYTES", size.size * 2)
    other = await page(api)
    last = done[-2].body["$skipToken"]
    assert (await page(api, token=last)).code == "BadRequest"
    for answer in (held, other):
        assert (await page(api, token=answer.body["$skipToken"])).status == 200


def test_what_was_asked_is_remembered_up_to_a_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    import console.simulator.recording as module

    monkeypatch.setattr(module, "KEPT_BYTES", 100)
    recording = Recording()
    for number in range(10):
        recording.add(Recorded("POST", str(number), {}, None, 200, 0.0, 30))
    assert [r.path for r in recording] == ["7", "8", "9"]
    recording.clear()
    recording.add(Recorded("POST", "x", {}, None, 200, 0.0, 1000))
    assert len(recording) == 1


# What goes wrong between pages


async def test_a_page_repeats_rows_of_the_one_before(api: Api, sim: Simulator) -> None:
    right = ids(await chain(api))
    sim.faults.add("repeat=5:1:1")
    found = ids(await chain(api))
    assert found == [*right[:20], *right[15:20], *right[20:]]


async def test_a_page_skips_rows(api: Api, sim: Simulator) -> None:
    right = ids(await chain(api))
    sim.faults.add("skip=5:1:1")
    pages = await chain(api)
    assert ids(pages) == [*right[:20], *right[25:]]
    assert {answer.body["totalRecords"] for answer in pages} == {len(right)}


async def test_a_skip_token_expires(api: Api, sim: Simulator) -> None:
    first = await page(api)
    sim.faults.add("stale:1:1")
    assert (await page(api)).status == 200
    answer = await page(api, token=first.body["$skipToken"])
    assert (answer.status, answer.code, answer.body["error"]["details"][0]["code"]) == (400, "BadRequest", "InvalidSkipToken")
    assert (await page(api, token=first.body["$skipToken"])).status == 200


async def test_an_answer_is_cut(api: Api, sim: Simulator) -> None:
    sim.faults.add("cut:1:1")
    assert (await page(api, "resources | count")).body["resultTruncated"] == "false"
    answer = await page(api)
    assert (answer.body["resultTruncated"], "$skipToken" in answer.body, answer.body["count"]) == ("true", False, 20)
    assert (await page(api)).body["resultTruncated"] == "false"


async def test_the_fleet_doubles_between_two_pages(api: Api, sim: Simulator) -> None:
    query = "resources | where type endswith 'machines' | project id | order by id asc"
    before = ids(await chain(api, query))
    sim.faults.add("double:1:1")
    pages = await chain(api, query)
    totals = [answer.body["totalRecords"] for answer in pages]
    assert totals[:2] == [len(before), 2 * len(before)]
    assert ids(pages)[:20] == before[:20]
    assert len(set(ids(await chain(api, query)))) == 2 * len(before)


@pytest.mark.parametrize("kind", sorted(PAGING))
async def test_other_requests_do_not_use_up_what_goes_wrong_between_pages(api: Api, sim: Simulator, kind: str) -> None:
    sim.faults.add(f"{kind}:1:1")
    assert (await api("GET", "/subscriptions")).status == 200
    assert (await page(api, "resources | count")).status == 200
    assert [fault.kind for fault in sim.faults] == [kind]


@pytest.mark.parametrize("spec", ["repeat=0", "skip=x", "repeat=-3"])
def test_a_number_of_rows_that_makes_no_sense_is_refused(sim: Simulator, spec: str) -> None:
    with pytest.raises(ValueError, match=r"row|int"):
        sim.faults.add(spec)


# The simulator's own endpoints


async def test_machines_are_created_and_deleted_from_outside(api: Api, sim: Simulator) -> None:
    control = api.anonymous()
    subscription = sim.subscription("all-on")
    made = await control("POST", "/simulator/machines", json={"subscription": subscription, "create": 3}, version=None)
    assert made.status == 201
    assert set(made.body["machines"]) <= set(ids(await chain(api)))
    gone = made.body["machines"][0]
    answer = await control("POST", "/simulator/machines", json={"machine": gone, "delete": True}, version=None)
    assert (answer.status, answer.body) == (200, {"machine": gone, "deleted": True})
    assert gone not in ids(await chain(api))
    assert (await control("POST", "/simulator/machines", json={"subscription": "x", "create": 1}, version=None)).status == 400
    count = sum(s.machine_count for s in sim.world.subscriptions.values())
    assert (await control("POST", "/simulator/double", version=None)).body == {"created": count}

"""What Resource Graph tells of differences and of alerts: the same as the services, for all subscriptions at once, at its own pace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.alert_store import AlertSighting, alert_sighting
from console.gateway import graph_alerts, security
from console.gateway.azure import Azure
from console.gateway.errors import BadAnswer
from console.gateway.graph import query
from console.gateway.graph_changes import change_of
from console.simulator import Simulator
from console.simulator.principals import ADA
from tests.gateway.conftest import Open, Waits
from tests.gateway.odd_server import OddServer


async def _all(pages: AsyncIterator[list[Any]]) -> list[Any]:
    return [one async for page in pages for one in page]


def _ids(simulator: Simulator) -> list[str]:
    return [one.id for one in simulator.world.visible(ADA, simulator.tenant_id)]


def _now(simulator: Simulator) -> datetime:
    return datetime.fromtimestamp(simulator.clock.now(), UTC)


async def test_a_query_without_subscriptions_is_about_all_that_can_be_seen(simulator: Simulator, azure: Azure) -> None:
    named = await azure.alert_digest(_ids(simulator))
    simulator.requests.clear()
    assert await azure.alert_digest(None) == named
    (request,) = simulator.requests.of("POST", "ResourceGraph")
    assert "subscriptions" not in request.body


async def test_azures_clock_is_the_one_in_its_answers(simulator: Simulator, azure: Azure) -> None:
    assert azure.date is None
    await azure.settings(simulator.subscription("all-on"))
    first = azure.date
    assert first is not None
    assert abs(first - _now(simulator)) <= timedelta(seconds=1)
    simulator.clock.advance(7200)
    await azure.alert_digest(None)
    assert azure.date is not None
    assert azure.date - first == timedelta(hours=2)


async def test_resource_graph_and_defender_for_cloud_tell_of_the_same_alerts(simulator: Simulator, azure: Azure) -> None:
    by_graph: list[AlertSighting] = await _all(azure.graph_alerts(_ids(simulator)))
    registered = [one for one in _ids(simulator) if simulator.world.subscriptions[one].registered]
    by_service = [alert_sighting(one, key) for key in registered for one in await _all(azure.alerts(key))]
    assert len(by_graph) > 20
    assert {one.id: one for one in by_graph} == {one.id: one._replace(details=None) for one in by_service}
    chosen = [one.id for one in by_service[:30]]
    detailed = await azure.alert_details(chosen)
    assert {one.id: one for one in detailed} == {one.id: one for one in by_service if one.id in chosen}


async def test_a_page_with_a_row_that_is_odd_tells_of_the_others_all_the_same(simulator: Simulator) -> None:
    roles = {s.id: simulator.world.roles(ADA, s) for s in simulator.world.visible(ADA, simulator.tenant_id)}
    rows = (await simulator.box.graph.run(query("alerts"), roles, simulator.clock.now())).decoded()
    good = graph_alerts.Reader().read(msgspec.json.encode({"data": rows}))
    spoilt = graph_alerts.Reader().read(msgspec.json.encode({"data": [*rows, {"id": 7}, {"id": "/x", "severity": ["?"]}]}))
    assert len(good.rows) > 20
    assert spoilt.rows[: len(rows)] == good.rows
    assert [one.kind.severity for one in spoilt.rows[len(rows) :]] == ["Unknown"] * (len(spoilt.rows) - len(rows))


async def test_the_digest_by_subscription_is_the_digest(simulator: Simulator, azure: Azure) -> None:
    whole, parts = await azure.alert_digest(None), await azure.alert_digest_by_subscription(None)
    assert sum(count for count, _ in whole.values()) == sum(count for count, _ in parts.values()) > 20
    assert sum(seconds for _, seconds in whole.values()) == sum(seconds for _, seconds in parts.values()) > 0
    assert {key for key, _ in parts} <= set(_ids(simulator))


async def test_new_alerts_are_those_since_a_moment(simulator: Simulator, azure: Azure) -> None:
    moment = _now(simulator)
    assert await _all(azure.graph_alerts_since(moment, None)) == []
    machine = next(one for one in simulator.world.machines(simulator.subscription("all-on")))
    simulator.clock.advance(5)
    kind = simulator.alerts.until(simulator.world.subscriptions[machine.subscription], simulator.clock.now())[0].kind
    made = simulator.alerts.add(machine, kind, simulator.clock.now())
    (found,) = await _all(azure.graph_alerts_since(moment, None))
    assert (found.id, found.machine_id, found.details) == (made.id, machine.id, None)


async def test_plans_by_resource_graph_are_those_of_the_service_and_so_is_their_digest(simulator: Simulator, azure: Azure) -> None:
    plans = await azure.graph_plans(None)
    registered = [one for one in _ids(simulator) if simulator.world.subscriptions[one].registered]
    assert plans == {one.lower(): await azure.servers_plan(one) for one in registered}
    assert await azure.plan_digest(None) == security.digest_of_plans(plans)
    assert await azure.plan_digest(registered[:3]) == security.digest_of_plans({one: plans[one] for one in registered[:3]})


@given(st.dictionaries(st.uuids().map(str), st.sampled_from(("P1", "P2", "free", "standard")), min_size=2, max_size=12), st.data())
@settings(max_examples=50, deadline=None)
def test_plans_that_trade_places_have_another_digest(plans: dict[str, str], data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(sorted(plans)))[:2]
    traded = {**plans, one: plans[other], other: plans[one]}
    same = plans == traded or one[:8] == other[:8]
    assert (security.digest_of_plans(plans) == security.digest_of_plans(traded)) is same


async def test_changes_name_their_machine_whether_it_or_an_extension_of_it_changed(simulator: Simulator, azure: Azure) -> None:
    moment = _now(simulator)
    simulator.clock.advance(3 * 86400)
    machine = next(one for one in simulator.world.machines(simulator.subscription("all-on")))
    simulator.world.delete(machine)
    found = await _all(azure.graph_changes(moment, None))
    assert machine.id.lower() in {one.machine_id for one in found}
    known = {one.id.lower() for key in _ids(simulator) for one in simulator.world.machines(key)} | {machine.id.lower()}
    assert {one.machine_id for one in found} <= known
    times = [one.at for one in found if one.at is not None]
    assert len(times) == len(found)
    assert times == sorted(times)
    assert all(one > moment for one in times)
    assert await _all(azure.graph_changes(times[-1], None)) == []


@pytest.mark.parametrize("row", [None, {}, {"targetId": 7, "at": "2024-01-01T00:00:00Z"}, {"targetId": "x", "at": "2024-01-01T00:00:00Z"}])
def test_a_change_without_target_is_none(row: Any) -> None:
    assert change_of(row) is None


def test_a_change_without_a_time_names_its_machine_all_the_same() -> None:
    found = change_of({"targetId": "/subscriptions/s/x", "at": "soon"})
    assert found is not None
    assert (found.machine_id, found.at) == ("/subscriptions/s/x", None)


async def test_some_machines_are_the_rows_of_the_whole_list_and_those_gone_are_missing(simulator: Simulator, azure: Azure) -> None:
    whole = {one.id: one for one in await _all(azure.graph_machines(_ids(simulator)))}
    chosen = sorted(whole)[::3]
    simulator.requests.clear()
    found = await azure.some_machines([*(one.lower() for one in chosen), whole[chosen[0]].id.lower() + "-gone"])
    assert {one.id: one for one in found} == {one: whole[one] for one in chosen}
    assert len(simulator.requests) == 1


async def test_a_tenant_of_too_many_subscriptions_is_told(odd: OddServer, odd_azure: Azure) -> None:
    from tests.gateway.odd_server import Canned

    odd.answers = [Canned({"data": []}, headers={"x-ms-tenant-subscription-limit-hit": "true"})]
    with pytest.raises(BadAnswer, match="cut its answer short"):
        await odd_azure.alert_digest(None)


async def test_all_queries_of_a_sign_in_share_one_quota(simulator: Simulator, open_azure: Open, waits: Waits) -> None:
    from console.clouds import load_cloud
    from console.simulator.throttling import QueryQuota

    wall = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal wall
        wall += seconds
        waits.slept.append(seconds)

    simulator.box.query_quota = QueryQuota(enforce=True, wall=lambda: wall)
    waits.sleep = sleep  # type: ignore[method-assign]  # time passes by waiting alone
    azure = await open_azure(load_cloud(str(simulator.cloud_file)), simulator.token())
    for _ in range(40):
        await azure.alert_digest(None)
    assert [one.status for one in simulator.requests.of("POST", "ResourceGraph")] == [200] * 40
    assert waits.slept
    assert wall >= 2 * 4

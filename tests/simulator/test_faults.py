"""Trouble on request."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resource.subscriptions.aio import SubscriptionClient

from console.simulator import Simulator
from console.simulator.faults import Fault, Faults, parse_fault
from tests.simulator.conftest import Api


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("500", Fault("500")),
        ("429=5", Fault("429", "5")),
        ("429=5:0.25", Fault("429", "5", 0.25)),
        ("503:/alerts", Fault("503", path="/alerts")),
        ("503:1:/alerts:2", Fault("503", "", 1.0, "/alerts", 2)),
        ("latency=0.4:.5:^PUT :3", Fault("latency", "0.4", 0.5, "^PUT ", 3)),
        ("403=AuthorizationFailed:1:(?:a|b):7", Fault("403", "AuthorizationFailed", 1.0, "(?:a|b)", 7)),
        ("drop:1:4", Fault("drop", times=4)),
    ],
)
def test_a_fault_is_written_in_one_line(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize("text", ["nonsense", "500:7", "500:1:[", "latency=soon"])
def test_a_fault_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises((ValueError, __import__("re").error)):
        parse_fault(text)


def test_probability_is_drawn_from_the_seed() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults([Fault("500", probability=0.3)], seed)
        return [bool(faults.strike("GET", "/x")) for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 30 < sum(hits(1)) < 90


async def test_a_fault_hits_as_often_as_it_says_and_where_it_says(sim: Simulator, api: Api) -> None:
    sim.faults.add("500:1:/tenants:2")
    assert [(await api("GET", path)).status for path in ("/subscriptions", "/tenants", "/tenants", "/tenants")] == [200, 500, 500, 200]


@pytest.mark.parametrize(
    ("spec", "status", "code"),
    [
        ("429=7", 429, "SubscriptionRequestsThrottled"),
        ("429", 429, "SubscriptionRequestsThrottled"),
        ("500", 500, "InternalServerError"),
        ("409", 409, "Conflict"),
        ("403", 403, "AuthorizationFailed"),
        ("expired", 401, "ExpiredAuthenticationToken"),
        ("claims", 401, "TokenIssuedBeforeRevocationTimestamp"),
    ],
)
async def test_faults_answer_in_azures_shapes(sim: Simulator, api: Api, spec: str, status: int, code: str) -> None:
    sim.faults.add(spec)
    answer = await api("GET", "/subscriptions")
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers.get("Retry-After") == ("7" if spec == "429=7" else None)
    assert ("claims=" in answer.headers.get("WWW-Authenticate", "")) is (spec == "claims")


async def test_an_outage_is_a_page_of_html(sim: Simulator, api: Api) -> None:
    sim.faults.add("503")
    answer = await api("GET", "/subscriptions")
    assert (answer.status, answer.body) == (503, None)
    assert answer.text.startswith("<!DOCTYPE html>")


async def test_the_sdk_sees_no_code_in_html(sim: Simulator, sdk: dict[str, Any]) -> None:
    sim.faults.add("503")
    async with SubscriptionClient(**sdk) as client:
        with pytest.raises(HttpResponseError) as error:
            [s async for s in client.subscriptions.list()]
    assert error.value.status_code == 503
    assert error.value.error is None or error.value.error.code is None


async def test_a_connection_is_dropped(sim: Simulator, api: Api) -> None:
    sim.faults.add("drop")  # for good: the client repeats a GET by itself once
    with pytest.raises(aiohttp.ClientError):
        await api("GET", "/subscriptions")
    sim.faults.clear()
    assert (await api("GET", "/subscriptions")).status == 200


async def test_a_body_stops_in_the_middle(sim: Simulator, api: Api) -> None:
    sim.faults.add("half:1:1")
    with pytest.raises(aiohttp.ClientPayloadError):
        await api("GET", "/subscriptions")
    assert (await api("GET", "/subscriptions")).status == 200


async def test_an_answer_comes_late(sim: Simulator, api: Api) -> None:
    sim.faults.add("latency=0.05:1:1")
    began = time.perf_counter()
    assert (await api("GET", "/subscriptions")).status == 200
    assert time.perf_counter() - began >= 0.05


@pytest.mark.parametrize(("spec", "expected"), [("empty", {"value": []}), ("missing", {}), ("null", {"value": None})])
async def test_lists_lose_their_value(sim: Simulator, api: Api, spec: str, expected: dict[str, object]) -> None:
    sim.faults.add(spec)
    assert (await api("GET", "/subscriptions")).body == expected


async def test_values_become_strange(sim: Simulator, api: Api) -> None:
    base = f"/subscriptions/{sim.subscription('all-on')}"
    sim.faults.add("strings:/settings")
    sim.faults.add("unknown:/alerts|subscriptions/[^/]+$")
    settings = await api("GET", f"{base}/providers/Microsoft.Security/settings")
    assert {s["properties"]["enabled"] for s in settings.body["value"]} == {"true", "false"}
    assert (await api("GET", base)).body["state"] == "NewEnabled"
    alerts = (await api("GET", f"{base}/providers/Microsoft.Security/alerts")).body["value"]
    assert all(a["properties"]["severity"].startswith("New") for a in alerts)


async def test_a_plan_is_bought_only_in_part(sim: Simulator, api: Api) -> None:
    sim.faults.add("partial:^PUT ")
    path = f"/subscriptions/{sim.subscription('all-on')}/providers/Microsoft.Security/pricings/VirtualMachines"
    answer = await api("PUT", path, json={"properties": {"pricingTier": "Standard", "subPlan": "P2"}})
    assert answer.status == 200
    assert {e["operationStatus"]["code"] for e in answer.body["properties"]["extensions"]} == {"Failed"}


async def test_resource_graph_can_be_refused_alone(sim: Simulator, api: Api) -> None:
    sim.faults.add("403:Microsoft.ResourceGraph")
    assert (await api("POST", "/providers/Microsoft.ResourceGraph/resources", json={"query": "resources"})).status == 403
    assert (await api("GET", "/subscriptions")).status == 200


async def test_tokens_expire_for_real(sim: Simulator, api: Api) -> None:
    assert sim.box.tokens.expire_all() == 1
    assert (await api("GET", "/subscriptions")).code == "ExpiredAuthenticationToken"
    assert (await api.of("ada")("GET", "/subscriptions")).status == 200

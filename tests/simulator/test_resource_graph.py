"""Resource Graph over HTTP: pages, formats, quota, errors; and at size."""

from __future__ import annotations

import time
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resourcegraph.aio import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions

from console.simulator import Simulator
from tests.simulator.conftest import Api


def _client(sdk: dict[str, Any]) -> ResourceGraphClient:
    options = dict(sdk)
    return ResourceGraphClient(options.pop("credential"), **options)


async def test_pages_follow_one_another_by_skip_token(sim: Simulator, sdk: dict[str, Any]) -> None:
    query, found, token = "resources | project id | order by id asc", [], None
    async with _client(sdk) as client:
        while True:
            options = QueryRequestOptions(top=50, skip_token=token)
            page = await client.resources(QueryRequest(query=query, subscriptions=list(sim.world.subscriptions), options=options))
            found += [row["id"] for row in page.data]
            assert page.result_truncated == "false"
            token = page.skip_token
            if token is None:
                break
            assert (page.count, page.total_records > page.count) == (50, True)
    assert found == sorted(set(found))
    assert len(found) == page.total_records


async def test_pages_show_the_moment_of_the_first(sim: Simulator, api: Api) -> None:
    first = await _post(api, query="resources | project id, name | order by id asc", options={"$top": 10})
    sim.clock.advance(86400)
    second = await _post(
        api, query="resources | project id, name | order by id asc", options={"$top": 10, "$skipToken": first["$skipToken"]}
    )
    assert second["totalRecords"] == first["totalRecords"]
    assert first["data"][-1]["id"] < second["data"][0]["id"]


async def test_a_limited_query_has_no_skip_token_and_says_that_it_is_cut(api: Api) -> None:
    page = await _post(api, query="resources | project id | take 30", options={"$top": 20})
    assert ("$skipToken" in page, page["count"], page["resultTruncated"]) == (False, 20, "true")
    whole = await _post(api, query="resources | project id | take 15")
    assert (whole["count"], whole["resultTruncated"]) == (15, "false")


async def test_columns_that_are_all_dynamic_cannot_be_paged(api: Api) -> None:
    page = await _post(api, query="resources | project properties", options={"$top": 5})
    assert ("$skipToken" in page, page["resultTruncated"]) == (False, "true")


async def test_a_hundred_rows_are_a_page_unless_told_otherwise(api: Api) -> None:
    assert (await _post(api, query="resources | project id"))["count"] == 100


async def test_a_table_has_columns_and_rows(api: Api) -> None:
    page = await _post(api, query="resources | project id, n = strlen(id), tags | take 1", options={"resultFormat": "table"})
    assert page["data"]["columns"] == [
        {"name": "id", "type": "string"},
        {"name": "n", "type": "integer"},
        {"name": "tags", "type": "object"},
    ]
    assert page["data"]["rows"][0][1] == len(page["data"]["rows"][0][0])


async def test_only_the_subscriptions_that_are_named_are_searched(sim: Simulator, api: Api) -> None:
    one = sim.subscription("never-enabled")
    rows = await api.query("resources | distinct subscriptionId", subscriptions=[one.upper(), "00000000-0000-0000-0000-000000000000"])
    assert rows == [{"subscriptionId": one}]


async def test_the_quota_is_told_with_every_answer(api: Api) -> None:
    body = {"query": "resources | count"}
    for left in ("14", "13"):
        answer = await api("POST", "/providers/Microsoft.ResourceGraph/resources", json=body)
        assert answer.headers["x-ms-user-quota-remaining"] == left
        assert answer.headers["x-ms-user-quota-resets-after"].startswith("00:00:0")


async def test_past_the_quota_an_answer_is_429_without_retry_after(api: Api) -> None:
    async with Simulator(speed=0, machines=3, subscriptions=1, enforce_quota=True) as strict:
        import ssl

        options = {"ssl": ssl.create_default_context(cafile=str(strict.ca_file))}
        other = Api(strict, api._session, strict.token())
        body = {"query": "resources | count"}
        answers = [await other("POST", "/providers/Microsoft.ResourceGraph/resources", json=body, **options) for _ in range(16)]
    assert [a.status for a in answers] == [200] * 15 + [429]
    assert answers[-1].code == "RateLimiting"
    assert "Retry-After" not in answers[-1].headers


async def test_a_bad_query_is_a_bad_request_with_details(sdk: dict[str, Any]) -> None:
    async with _client(sdk) as client:
        with pytest.raises(HttpResponseError) as error:
            await client.resources(QueryRequest(query="resources | wherex name"))
    assert (error.value.status_code, error.value.error.code) == (400, "BadRequest")
    assert [d.code for d in error.value.error.details] == ["InvalidQuery", "ParserFailure"]


@pytest.mark.parametrize("options", [{"$top": 1001}, {"$top": 0.5}, {"$skipToken": "nonsense"}])
async def test_bad_options_are_bad_requests(api: Api, options: dict[str, object]) -> None:
    answer = await api("POST", "/providers/Microsoft.ResourceGraph/resources", json={"query": "resources", "options": options})
    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_a_switch_is_seen_by_the_next_query(sim: Simulator, api: Api) -> None:
    base = f"/subscriptions/{sim.subscription('no-servers-plan')}/providers/Microsoft.Security"
    query = f"securityresources | where id =~ '{base}/pricings/VirtualMachines' | project tier = tostring(properties.pricingTier)"
    assert await api.query(query) == [{"tier": "Free"}]
    await api("PUT", f"{base}/pricings/VirtualMachines", json={"properties": {"pricingTier": "Standard"}})
    assert await api.query(query) == [{"tier": "Standard"}]


async def test_twenty_thousand_machines_are_searched_in_seconds_while_the_server_keeps_answering(api: Api) -> None:
    import asyncio
    import ssl

    async with Simulator(speed=0, machines=20_000) as big:
        options = {"ssl": ssl.create_default_context(cafile=str(big.ca_file))}
        other = Api(big, api._session, big.token())
        body = {"query": "resources | where type endswith 'machines' | summarize count() by subscriptionId"}
        began = time.perf_counter()
        query = asyncio.create_task(other("POST", "/providers/Microsoft.ResourceGraph/resources", json=body, **options))
        slowest = 0.0
        while not query.done():
            asked = time.perf_counter()
            await other("GET", "/subscriptions", **options)
            slowest = max(slowest, time.perf_counter() - asked)
            await asyncio.sleep(0.02)
        answer = await query
        took = time.perf_counter() - began
    hidden = big.world.subscriptions[big.subscription("no-right-to-see-machines")].machine_count
    assert sum(row["count_"] for row in answer.body["data"]) == 20_000 - hidden
    assert took < 20
    assert slowest < 2


async def _post(api: Api, **body: Any) -> dict[str, Any]:
    answer = await api("POST", "/providers/Microsoft.ResourceGraph/resources", json=body, version="2021-03-01")
    assert answer.status == 200, answer.body
    page: dict[str, Any] = answer.body
    return page

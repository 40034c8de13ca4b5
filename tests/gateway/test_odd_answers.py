"""Answers that cannot be right: a sentence or a blank, never a traceback, and never a token sent elsewhere."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from cache.model import Machine
from console.gateway.azure import Azure
from console.gateway.errors import AzureProblem, BadAnswer, Forbidden
from tests.gateway.conftest import Waits
from tests.gateway.odd_server import Canned, OddServer

S = "00000000-0000-0000-0000-000000000001"
VM = Machine(f"/subscriptions/{S}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v", "v", "vm", S, "g", "westeurope", "Linux")
ARC = Machine(
    f"/subscriptions/{S}/resourceGroups/g/providers/Microsoft.HybridCompute/machines/a", "a", "arc", S, "g", "westeurope", "Linux"
)
ALERT = f"/subscriptions/{S}/resourceGroups/g/providers/Microsoft.Security/locations/westeurope/alerts/a"


async def _all(pages: Any) -> list[Any]:
    return [one async for page in pages for one in page]


READINGS: dict[str, Callable[[Azure], Awaitable[Any]]] = {
    "tenants": lambda azure: azure.tenants(),
    "subscriptions": lambda azure: _all(azure.subscriptions()),
    "permissions": lambda azure: azure.permissions(S),
    "provider_state": lambda azure: azure.provider_state(S),
    "settings": lambda azure: azure.settings(S),
    "servers_plan": lambda azure: azure.servers_plan(S),
    "assessments": lambda azure: azure.assessments(S),
    "graph_assessments": lambda azure: azure.graph_assessments([S]),
    "graph_machines": lambda azure: _all(azure.graph_machines([S])),
    "service_machines": lambda azure: _all(azure.service_machines(S)),
    "extension_details of a VM": lambda azure: azure.extension_details(VM.id, VM.kind),
    "extension_details of Arc": lambda azure: azure.extension_details(ARC.id, ARC.kind),
    "alerts": lambda azure: _all(azure.alerts(S)),
    "alert_status": lambda azure: azure.alert_status(ALERT),
}
LISTS = [name for name in READINGS if name not in ("provider_state", "servers_plan", "alert_status")]
GRAPH = [name for name in LISTS if name.startswith("graph")]

BODIES: dict[str, Any] = {
    "no value": {},
    "null": {"value": None, "data": None},
    "value is a text": {"value": "x", "data": "x"},
    "value is an object": {"value": {"a": 1}, "data": {"a": 1}},
    "items are no objects": {"value": [1, None, "x", [], True], "data": [1, None, "x", [], True]},
    "items are empty": {"value": [{}], "data": [{}]},
    "nulls all the way": {"value": [{"id": None, "name": None, "properties": None, "tags": None}], "data": [{"id": None, "tags": None}]},
    "a list": [],
    "null alone": None,
    "a text alone": "x",
    "a number alone": 1,
    "nothing": b"",
    "half of JSON": b'{"value": [{"id": "/subscr',
    "HTML": b"<!DOCTYPE html><title>Sign in to the network</title>",
    "not UTF-8": b'{"value": [{"name": "\xff\xfe"}]}',
    "huge numbers": b'{"value": [{"id": "/a", "name": 1e999}, {"name": ' + b"9" * 5000 + b'}], "data": [{"name": 1e999}]}',
    "a lone surrogate": b'{"value": [{"id": "/subscriptions/\\ud800", "name": "\\udfff"}], "data": [{"id": "/\\ud800"}]}',
    "deep": b'{"value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a zero byte": {"value": [{"id": "/a\u0000b", "name": "\u0000", "tags": {"\u0000": "\u0000"}}]},
}


@pytest.mark.parametrize("body", BODIES)
async def test_any_answer_ends_in_a_reading_or_in_a_sentence(odd: OddServer, odd_azure: Azure, body: str) -> None:
    odd.answers = [Canned(BODIES[body])]
    sentences: dict[str, str] = {}
    for name, reading in READINGS.items():
        try:
            await reading(odd_azure)
        except AzureProblem as problem:
            sentences[name] = str(problem)
    assert [name for name, one in sentences.items() if not one.endswith(".") or not one.isprintable()] == []


@pytest.mark.parametrize(
    "body", ["value is a text", "value is an object", "a list", "null alone", "half of JSON", "HTML", "nothing", "deep"]
)
@pytest.mark.parametrize("name", LISTS)
async def test_what_is_no_list_is_not_taken_for_an_empty_one(odd: OddServer, odd_azure: Azure, name: str, body: str) -> None:
    odd.answers = [Canned(BODIES[body])]
    with pytest.raises(BadAnswer):
        await READINGS[name](odd_azure)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [200, 400])
async def test_any_answer_to_a_write_is_taken_or_ends_in_a_sentence(odd: OddServer, odd_azure: Azure, body: str, status: int) -> None:
    odd.answers = [Canned(BODIES[body], status)]
    for write in (odd_azure.put_setting(S, "WDATP", True), odd_azure.set_alert_status(ALERT, "Resolved")):
        with suppress(AzureProblem):
            await write
    assert [method for method, _ in odd.asked] == ["PUT", "POST"]


async def test_a_packed_answer_is_unpacked(odd: OddServer, odd_azure: Azure) -> None:
    body = gzip.compress(b'{"value": [{"tenantId": "t", "displayName": "T"}]}')
    odd.answers = [Canned(body, 200, {"Content-Encoding": "gzip"})]
    assert await odd_azure.tenants() == [("t", "T")]


@pytest.mark.parametrize("packing", ["gzip", "deflate", "br", "nonsense"])
async def test_an_answer_that_is_not_packed_as_it_says_ends_in_a_sentence(odd: OddServer, odd_azure: Azure, packing: str) -> None:
    odd.answers = [Canned(b"not packed at all", 200, {"Content-Encoding": packing})]
    with pytest.raises(AzureProblem):
        await odd_azure.tenants()


async def test_an_empty_refusal_is_a_refusal(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned(b"", 403)]
    with pytest.raises(Forbidden):
        await odd_azure.tenants()


@pytest.mark.parametrize("body", ["no value", "null"])
async def test_resource_graph_without_rows_does_not_mean_that_there_are_none(odd: OddServer, odd_azure: Azure, body: str) -> None:
    odd.answers = [Canned(BODIES[body])]
    for name in GRAPH:
        with pytest.raises(BadAnswer):
            await READINGS[name](odd_azure)


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_no_redirection_is_followed(odd: OddServer, odd_azure: Azure, status: int) -> None:
    odd.answers = [Canned({"value": []}, status, {"Location": f"{odd.url}/elsewhere"})]
    with pytest.raises(BadAnswer, match=str(status)):
        await odd_azure.tenants()
    assert len(odd.asked) == 1


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/subscriptions",
        "https://localhost.evil.example/x",
        "http://localhost/x",
        "https://localhost:1/x",
        "https://user@localhost/x",
        "//evil.example/x",
        "https://[evil/x",
        "https://evil.example:99999/x",
        "file:///etc/passwd",
    ],
)
async def test_a_list_that_goes_on_elsewhere_is_not_followed(odd: OddServer, odd_azure: Azure, waits: Waits, link: str) -> None:
    odd.answers = [Canned({"value": [], "nextLink": link})]
    with pytest.raises(BadAnswer):
        await odd_azure.tenants()
    assert len(odd.asked) == 1
    assert waits.slept == []


async def test_a_list_may_go_on_with_its_port_written_out_or_its_host_in_capitals(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned({"value": [], "nextLink": odd.url.upper().replace("HTTPS", "https") + "/more"}), Canned({"value": []})]
    assert await odd_azure.tenants() == []
    assert [path for _, path in odd.asked][1:] == ["/more"]


async def test_a_list_without_end_is_noticed(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned({"value": [], "nextLink": f"{odd.url}/again"})]
    with pytest.raises(BadAnswer, match="does not end"):
        await odd_azure.tenants()
    assert len(odd.asked) == 2


async def test_an_answer_that_resource_graph_cut_short_is_no_answer(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned({"data": [], "resultTruncated": "true"})]
    with pytest.raises(BadAnswer, match="cut its answer short"):
        await _all(odd_azure.graph_machines([S]))
    odd.answers = [Canned({"data": []}, 200, {"x-ms-tenant-subscription-limit-hit": "true"})]
    with pytest.raises(BadAnswer, match="cut its answer short"):
        await _all(odd_azure.graph_machines([S]))


async def test_resource_graph_naming_a_page_twice_is_noticed(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned({"data": [], "$skipToken": "same"})]
    with pytest.raises(BadAnswer, match="same page twice"):
        await _all(odd_azure.graph_machines([S]))
    assert len(odd.asked) == 2


@pytest.mark.parametrize("identity", [".evil.example/x", "@evil.example/x", "x", "", ":1/x"])
async def test_an_id_that_is_none_leads_nowhere(odd: OddServer, odd_azure: Azure, identity: str) -> None:
    odd.answers = [Canned({"value": []})]
    with pytest.raises(AzureProblem):
        await odd_azure.alert_status(identity)
    with pytest.raises(AzureProblem):
        await odd_azure.set_alert_status(identity, "Resolved")
    for kind in ("vm", "arc"):
        with pytest.raises(AzureProblem):
            await odd_azure.extension_details(identity, kind)
    assert odd.asked == []


async def test_a_half_answer_is_read_again(odd: OddServer, odd_azure: Azure, waits: Waits) -> None:
    odd.answers = [Canned({"value": [{"tenantId": "t", "displayName": "T"}]}, cut=True), Canned({"value": []})]
    assert await odd_azure.tenants() == []
    assert len(waits.slept) == 1


async def test_an_error_quotes_azure_without_control_characters(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned({"error": {"code": "Odd\x1b[2J", "message": "no\x1b]0;title\x07 \u202ereally\n" + "x" * 5000}}, 403)]
    with pytest.raises(AzureProblem) as failure:
        await odd_azure.tenants()
    assert str(failure.value).isprintable()
    assert len(str(failure.value)) < 400


@pytest.mark.parametrize("body", [b"[]", b'{"error": []}', b'{"error": "no"}', b'{"error": {"code": 7, "message": {}}}', b"[" * 100_000])
async def test_odd_errors_are_errors_all_the_same(odd: OddServer, odd_azure: Azure, body: bytes) -> None:
    odd.answers = [Canned(body, 400)]
    with pytest.raises(BadAnswer, match="HTTP 400"):
        await odd_azure.tenants()

"""Pages that cannot be right: all that is there is read, nothing that is there is taken as gone, or a sentence says why not."""

from __future__ import annotations

from typing import Any

import pytest

from cache.model import Source
from console.gateway.graph import ATTEMPTS, MOST_BARREN
from console.session import Connection
from console.workers.sync import sync
from tests.gateway.odd_server import Canned
from tests.workers.hard.odd_fleet import OddFleet, Query, Row, machine, subscription
from tests.workers.hard.reading import KINDS, fresh, known, read, there


@pytest.mark.parametrize("kind", KINDS)
async def test_rows_that_a_page_repeats_count_once(odd: OddFleet, synced: Connection, kind: str) -> None:
    odd.spoil = lambda one: one.page(3, data=one.rows[max(0, one.start - 2) : one.start + 3]) if one.about == kind else None
    assert await read(synced, kind) == ""
    assert await known(synced, kind) == there(odd, kind)
    assert len(odd.told.about(kind)) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_rows_that_a_page_left_out_are_read_again_and_nothing_is_taken_as_gone(odd: OddFleet, synced: Connection, kind: str) -> None:
    odd.spoil = lambda one: one.page(3, data=one.rows[4:6]) if one.about == kind and one.number == 1 else None
    assert await read(synced, kind) == ""
    assert await known(synced, kind) == there(odd, kind)
    assert len(odd.told.about(kind)) == 6


@pytest.mark.parametrize("kind", KINDS)
async def test_rows_repeated_in_the_place_of_others_are_noticed(odd: OddFleet, synced: Connection, kind: str) -> None:
    odd.spoil = lambda one: one.page(3, data=one.rows[:3]) if one.about == kind and one.number == 1 else None
    assert await read(synced, kind) == ""
    assert await known(synced, kind) == there(odd, kind)
    assert len(odd.told.about(kind)) == 6


@pytest.mark.parametrize("kind", KINDS)
async def test_rows_that_are_left_out_every_time_are_a_sentence_and_are_not_gone(odd: OddFleet, synced: Connection, kind: str) -> None:
    odd.spoil = lambda one: one.page(3, data=one.rows[4:6]) if one.about == kind and one.start == 3 else None
    odd.service = lambda path: Canned({}, 503) if "virtualMachines" in path or "HybridCompute" in path else None
    assert f"left out 1 of 8 {kind}" in await read(synced, kind)
    assert await known(synced, kind) == there(odd, kind)
    assert await fresh(synced, kind) < odd.clock.now()
    assert len(odd.told.about(kind)) == 3 * ATTEMPTS


@pytest.mark.parametrize("kind", KINDS)
async def test_a_token_that_comes_twice_is_a_sentence_and_nothing_is_gone(odd: OddFleet, synced: Connection, kind: str) -> None:
    odd.spoil = lambda one: one.page(3, **{"$skipToken": "3"}) if one.about == kind else None
    odd.service = lambda path: Canned({}, 503) if "virtualMachines" in path or "HybridCompute" in path else None
    assert "names the same page twice" in await read(synced, kind)
    assert await known(synced, kind) == there(odd, kind)
    assert await fresh(synced, kind) < odd.clock.now()
    assert len(odd.told.about(kind)) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_without_rows_is_no_end(odd: OddFleet, synced: Connection, kind: str) -> None:
    odd.spoil = lambda one: one.page(3, data=[], **{"$skipToken": f"0{one.start}"}) if one.about == kind and one.number % 2 == 0 else None
    assert await read(synced, kind) == ""
    assert await known(synced, kind) == there(odd, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("repeats", [False, True])
async def test_pages_that_bring_nothing_new_for_ever_end_in_a_sentence(odd: OddFleet, synced: Connection, kind: str, repeats: bool) -> None:
    def endless(one: Query) -> Canned | None:
        return one.page(3, data=one.rows[:2] if repeats else [], **{"$skipToken": str(one.number + 1)}) if one.about == kind else None

    odd.spoil = endless
    odd.service = lambda path: Canned({}, 503) if "virtualMachines" in path or "HybridCompute" in path else None
    assert "does not end" in await read(synced, kind)
    assert await known(synced, kind) == there(odd, kind)
    assert len(odd.told.about(kind)) <= MOST_BARREN + 1


@pytest.mark.parametrize("kind", KINDS)
async def test_an_id_in_another_case_is_the_same_resource(odd: OddFleet, synced: Connection, kind: str) -> None:
    rows: list[Row] = odd.machines if kind == "machines" else odd.alerts
    names = there(odd, kind)
    rows.insert(1, rows[0] | {"id": rows[0]["id"].upper()})
    rows.append(rows[4] | {"id": rows[4]["id"].upper()})
    assert await read(synced, kind) == ""
    assert sorted(one.lower() for one in await known(synced, kind)) == names


@pytest.mark.parametrize("kind", KINDS)
async def test_a_row_that_the_service_has_twice_costs_no_second_reading(odd: OddFleet, synced: Connection, kind: str) -> None:
    rows: list[Row] = odd.machines if kind == "machines" else odd.alerts
    names = there(odd, kind)
    rows.insert(1, rows[0])
    assert await read(synced, kind) == ""
    assert await known(synced, kind) == names
    assert len(odd.told.about(kind)) == 3


@pytest.mark.parametrize("total", [None, 0, -1, "8", 7.5, [], "x"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_number_of_all_rows_that_is_none_is_no_number(odd: OddFleet, synced: Connection, kind: str, total: Any) -> None:
    odd.spoil = lambda one: one.page(3, totalRecords=total) if one.about == kind else None
    assert await read(synced, kind) == ""
    assert await known(synced, kind) == there(odd, kind)


@pytest.mark.parametrize("status", [400, 410])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_token_begins_the_reading_again(odd: OddFleet, synced: Connection, kind: str, status: int) -> None:
    refusal = Canned({"error": {"code": "BadRequest", "details": [{"code": "InvalidSkipToken", "message": "expired"}]}}, status)
    odd.spoil = lambda one: refusal if one.about == kind and one.number == 2 else None
    assert await read(synced, kind) == ""
    assert await known(synced, kind) == there(odd, kind)
    assert [one.start for one in odd.told.about(kind)] == [0, 3, 6, 0, 3, 6]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_token_that_is_refused_every_time_is_a_sentence(odd: OddFleet, synced: Connection, kind: str) -> None:
    odd.spoil = lambda one: Canned({"error": {"code": "BadRequest", "message": "It has expired."}}, 400) if one.start else None
    odd.service = lambda path: Canned({}, 503) if "virtualMachines" in path or "HybridCompute" in path else None
    sentence = await read(synced, kind)
    assert "refused to go on" in sentence
    assert "It has expired." in sentence
    assert await known(synced, kind) == there(odd, kind)
    assert await fresh(synced, kind) < odd.clock.now()
    assert len(odd.told.about(kind)) == 2 * ATTEMPTS


async def test_a_query_that_is_refused_at_once_is_not_sent_again(odd: OddFleet, synced: Connection) -> None:
    odd.spoil = lambda one: Canned({"error": {"code": "BadRequest", "message": "no"}}, 400)
    assert "BadRequest" in await read(synced, "alerts")
    assert len(odd.told.about("alerts")) == 1


@pytest.mark.parametrize(
    "page",
    [
        Canned(b"<!DOCTYPE html><title>Sign in to the network</title>"),
        Canned(b'{"data": [{"id": "/subscr'),
        Canned({"data": [], "resultTruncated": "true"}),
        Canned({"data": [], "resultTruncated": True}),
        Canned({"data": []}, headers={"x-ms-tenant-subscription-limit-hit": "true"}),
        Canned({"data": None}),
        Canned({"data": {"columns": [], "rows": []}}),
        Canned({"error": {}}, 429),
        Canned({"data": [1, 2]}, cut=True),
        Canned({"error": {}}, 403),
        Canned(b"<html>", 502),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_later_page_that_is_none_takes_nothing_away(odd: OddFleet, synced: Connection, kind: str, page: Canned) -> None:
    odd.spoil = lambda one: page if one.about == kind and one.start else None
    odd.service = lambda path: Canned({}, 503) if "virtualMachines" in path or "HybridCompute" in path else None
    sentence = await read(synced, kind)
    assert sentence.endswith(".")
    assert sentence.isprintable()
    assert await known(synced, kind) == there(odd, kind)
    assert await fresh(synced, kind) < odd.clock.now()
    odd.spoil = lambda _: None
    await read(synced, kind)
    assert await known(synced, kind) == there(odd, kind)


# Waiting


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"Retry-After": "7"}, [7.0]),
        ({"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:03"}, [3.0]),
        ({"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:03", "Retry-After": "9"}, [9.0]),
    ],
)
async def test_a_throttled_page_waits_as_it_is_told(
    odd: OddFleet, synced: Connection, slept: list[float], headers: dict[str, str], waits: list[float]
) -> None:
    odd.spoil = lambda one: Canned({}, 429, headers) if one.about == "machines" and one.number == 1 else None
    assert await read(synced, "machines") == ""
    assert slept == waits
    assert await known(synced, "machines") == there(odd, "machines")


@pytest.mark.parametrize("headers", [{}, {"x-ms-user-quota-remaining": "9" * 5000}, {"x-ms-user-quota-remaining": "-", "Retry-After": "x"}])
async def test_a_throttled_page_that_tells_no_time_waits_a_little(
    odd: OddFleet, synced: Connection, slept: list[float], headers: dict[str, str]
) -> None:
    odd.spoil = lambda one: (
        Canned({}, 429, headers) if one.about == "machines" and one.number in (1, 2) else one.page(3) if headers else None
    )
    assert await read(synced, "machines") == ""
    assert len(slept) == 2
    assert 0 < slept[0] < 2 < 4 > slept[1] > 0
    assert await known(synced, "machines") == there(odd, "machines")


async def test_of_several_chains_one_that_finds_the_quota_used_up_makes_the_next_query_wait(
    odd: OddFleet, console: Connection, slept: list[float]
) -> None:
    odd.subscriptions = [subscription(number) for number in range(1, 61)]
    odd.machines = [machine(number, number % 60 + 1) for number in range(240)]
    odd.size = 50
    spent = {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:04"}

    def spoil(one: Query) -> Canned | None:
        if one.about == "machines" and one.number == 0:
            page = one.page(50)
            return Canned(page.body, headers=spent)
        return None

    odd.spoil = spoil
    await sync(console.work, sources=frozenset({Source.SUBSCRIPTIONS}))
    assert await read(console, "machines") == ""
    assert slept == [4.0]
    assert len(await known(console, "machines")) == 240
    assert len({one.subscriptions for one in odd.told.about("machines")}) == 2


async def test_a_quota_of_nonsense_harms_nothing(odd: OddFleet, synced: Connection, slept: list[float]) -> None:
    for remaining in ("9" * 5000, "-1", "²", "1e3", ""):
        odd.spoil = lambda one, told=remaining: Canned(one.page(3).body, headers={"x-ms-user-quota-remaining": told})  # type: ignore[misc]
        if remaining.isascii():
            assert await read(synced, "machines") == ""
    assert slept == []

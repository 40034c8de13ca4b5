"""A history of changes that cannot be right: after the poll the cache is what there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from console.gateway.errors import BadAnswer
from console.session import Connection
from console.workers.poll import Poll
from tests.workers.hard.odd_fleet import OddFleet, Row, change, machine
from tests.workers.hard.reading import there

HOUR = timedelta(hours=1)


@pytest.fixture
def poll(synced: Connection) -> Poll:
    return Poll(synced.work, timedelta(days=100))


async def polled(odd: OddFleet, poll: Poll) -> list[str]:
    """The names of the machines after a poll without a problem."""
    odd.clock.advance(60)
    report = await poll.differences(moving=True)
    assert [one.message for one in report.problems] == []
    return await known_by(poll)


async def known_by(poll: Poll) -> list[str]:
    names = sorted(one.name for one in await poll.work.fleet.machines())
    assert sum((await poll.work.fleet.state_counts()).values()) == len(names)
    return names


async def test_changes_of_machines_that_are_gone_or_never_were_leave_what_is_there(odd: OddFleet, poll: Poll) -> None:
    gone = odd.machines.pop(2)
    odd.changes = [change(1, gone["id"].lower()), change(2, gone["id"].lower()), change(3, machine(77)["id"].lower())]
    assert await polled(odd, poll) == there(odd, "machines")


async def test_a_change_that_is_told_twice_is_read_once(odd: OddFleet, poll: Poll) -> None:
    odd.machines[2]["power"] = "PowerState/deallocated"
    odd.changes = [change(1, odd.machines[2]["id"].lower())] * 4
    for _ in range(3):
        assert await polled(odd, poll) == there(odd, "machines")
    assert len(odd.told.about("some machines")) == 1
    found = await poll.work.fleet.machine(odd.machines[2]["id"])
    assert found is not None
    assert found.power == "deallocated"


async def test_a_change_that_arrives_late_is_read(odd: OddFleet, poll: Poll) -> None:
    await polled(odd, poll)
    early = odd.clock.now()
    for _ in range(4):
        await polled(odd, poll)
    odd.machines.append(machine(50))
    odd.changes = [change(1, odd.machines[-1]["id"].lower(), early.isoformat())]
    assert await polled(odd, poll) == there(odd, "machines")


@pytest.mark.parametrize("at", ["2026-03-01T13:30:00Z", "2026-03-09T00:00:00Z", "2099-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"])
async def test_a_change_from_the_future_hides_no_other(odd: OddFleet, poll: Poll, at: str) -> None:
    odd.changes = [change(1, odd.machines[2]["id"].lower(), at)]
    await polled(odd, poll)
    assert not await poll.complete_reading_due()
    for number in range(3):
        odd.machines.append(machine(50 + number))
        odd.changes.insert(0, change(10 + number, odd.machines[-1]["id"].lower(), odd.clock.now().isoformat()))
        assert await polled(odd, poll) == there(odd, "machines")
    assert len(odd.told.about("machines")) == 0, "no complete reading"
    assert await read_since(odd, poll) <= odd.clock.now()


async def read_since(odd: OddFleet, poll: Poll) -> Any:
    from console.workers.watermark import watermark

    mark = await watermark(poll.work)
    assert mark is not None
    assert mark.changes is not None
    return mark.changes


@pytest.mark.parametrize("at", ["soon", "", None, 7, "31.02.2026 25:00"])
async def test_a_change_without_a_time_that_can_be_read_is_a_change(odd: OddFleet, poll: Poll, at: Any) -> None:
    gone = odd.machines.pop(2)
    odd.machines.append(machine(50))
    odd.changes = [change(1, gone["id"].lower(), at), change(2, odd.machines[-1]["id"].lower(), at)]
    assert await polled(odd, poll) == there(odd, "machines")


async def test_changes_without_ids_of_their_own_are_told_apart_by_their_times(odd: OddFleet, poll: Poll) -> None:
    low = odd.machines[2]["id"].lower()
    odd.changes = [change(1, low, odd.clock.now().isoformat(), id=None)]
    await polled(odd, poll)
    odd.machines[2]["power"] = "PowerState/deallocated"
    odd.changes.append(change(2, low, odd.clock.now().isoformat(), id=None))
    await polled(odd, poll)
    found = await poll.work.fleet.machine(low)
    assert found is not None
    assert found.power == "deallocated"


@pytest.mark.parametrize("row", [None, 7, "x", [], {}, {"targetId": None}, {"targetId": "x"}, {"targetId": "/subscriptions/"}])
async def test_a_change_of_nothing_is_none(odd: OddFleet, poll: Poll, row: Any) -> None:
    odd.machines.append(machine(50))
    odd.changes = [row, change(1, odd.machines[-1]["id"].lower()), row]
    assert await polled(odd, poll) == there(odd, "machines")


@pytest.mark.parametrize("extension", [False, True])
async def test_a_group_named_extensions_is_a_group(odd: OddFleet, poll: Poll, extension: bool) -> None:
    odd.machines.append(machine(50, group="extensions"))
    suffix = "/extensions/mde.linux" if extension else ""
    odd.changes = [change(1, odd.machines[-1]["id"].lower() + suffix)]
    assert await polled(odd, poll) == there(odd, "machines")


async def test_a_machine_whose_id_has_letters_of_other_alphabets_goes_when_its_change_says_so(odd: OddFleet, poll: Poll) -> None:
    odd.machines.append(machine(50, group="GRÖSSE-ЖУК"))
    odd.changes = [change(1, odd.machines[-1]["id"].lower())]
    assert await polled(odd, poll) == there(odd, "machines")
    gone = odd.machines.pop()
    odd.changes.append(change(2, gone["id"].lower(), odd.clock.now().isoformat()))
    assert await polled(odd, poll) == there(odd, "machines")


async def test_more_changes_than_a_page_holds_are_all_read(odd: OddFleet, poll: Poll) -> None:
    odd.size = 1000
    odd.machines = [machine(number) for number in range(1, 1300)]
    odd.changes = [change(number, machine(number)["id"].lower()) for number in range(1300)]
    assert await polled(odd, poll) == there(odd, "machines")
    assert len(odd.told.about("changes")) == 2


@pytest.mark.parametrize("spoilt", [{"data": []}, {"$skipToken": "1"}, {"resultTruncated": "true", "$skipToken": None}])
async def test_machines_that_an_answer_about_some_leaves_out_are_not_gone(odd: OddFleet, poll: Poll, spoilt: Row) -> None:
    odd.changes = [change(number, odd.machines[number]["id"].lower()) for number in range(3)]
    odd.spoil = lambda one: one.page(3, **spoilt) if one.about == "some machines" else None
    odd.clock.advance(60)
    report = await poll.differences(moving=True)
    assert [one.code for one in report.problems] == [BadAnswer.code]
    assert await known_by(poll) == there(odd, "machines")
    odd.spoil = lambda _: None
    odd.machines[1]["power"] = "PowerState/deallocated"
    assert await polled(odd, poll) == there(odd, "machines")
    found = await poll.work.fleet.machine(odd.machines[1]["id"])
    assert found is not None
    assert found.power == "deallocated", "a change that could not be read is read by the next poll"


async def test_changes_between_whose_pages_some_are_left_out_are_read_again(odd: OddFleet, poll: Poll) -> None:
    odd.machines += [machine(50 + number) for number in range(5)]
    odd.changes = [change(number, machine(50 + number)["id"].lower()) for number in range(5)]
    odd.spoil = lambda one: one.page(3, data=[]) if one.about == "changes" and one.number == 2 else None
    assert odd.told.about("changes") == []
    asked = [one async for page in poll.work.azure.graph_changes(odd.clock.now() - HOUR, None) for one in page]
    assert len(asked) == 5
    assert await polled(odd, poll) == there(odd, "machines")

"""Reading by difference: what changed arrives, what did not costs three requests and tells nobody anything but its age."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cache.fleet import FleetCache
from cache.model import MachineState, Source
from cache.text import clean_lines
from console.gateway.errors import AzureProblem
from console.session import Connection
from console.simulator import Simulator
from console.simulator.machines import NEVER, VM
from console.simulator.machines import Machine as SimulatedMachine
from console.simulator.world import Pricing
from console.workers.alerts import read_details
from console.workers.poll import Poll
from console.workers.sync import sync
from console.workers.watermark import watermark
from tests.workers.conftest import Connect

HOUR = timedelta(hours=1)


@contextmanager
def told(fleet: FleetCache) -> Iterator[set[str]]:
    """What subscribers are told of meanwhile."""
    tables: set[str] = set()
    stop = fleet.subscribe(tables.update)
    try:
        yield tables
    finally:
        stop()


async def contents(fleet: FleetCache) -> dict[str, Any]:
    """All that the screens show, but for times of reading and of events."""
    return {
        "subscriptions": [(replace(one.subscription, as_of=None), one.states, one.alerts) for one in await fleet.subscriptions()],
        "machines": [replace(one, as_of=None) for one in await fleet.machines()],
        "states": {one.machine_id: (one.state, one.reason) for one in (await fleet.onboardings()).values()},
        "alerts": [replace(one, as_of=None) for one in await fleet.alerts()],
        "checks": [(one.subscription_id, one.id, one.status, one.evidence, one.machine_ids) for one in await fleet.checks()],
        "problems": {(one.source, one.subscription_id, one.code) for one in await fleet.problems()},
    }


@pytest.fixture
async def synced(simulator: Simulator, ada: Connection) -> Connection:
    await sync(ada.work)
    simulator.requests.clear()
    return ada


@pytest.fixture
def poll(synced: Connection) -> Poll:
    return Poll(synced.work, HOUR)


def running(simulator: Simulator, situation: str = "all-on") -> SimulatedMachine:
    """A VM that runs and has the Defender extension."""
    now = simulator.clock.now()
    machines = simulator.world.machines(simulator.subscription(situation))
    return next(one for one in machines if one.kind == VM and one.stopped == NEVER and simulator.world.extensions(one, now))


async def test_a_poll_in_which_nothing_changed_costs_three_requests_and_tells_of_nothing_but_ages(
    simulator: Simulator, synced: Connection, poll: Poll
) -> None:
    for _ in range(3):
        simulator.requests.clear()
        with told(synced.fleet) as tables:
            report = await poll.differences()
        assert not report.nothing
        assert len(simulator.requests) <= 3, [one.path for one in simulator.requests]
        assert tables <= {"ages"}
        simulator.clock.advance(30)


async def test_a_poll_of_machines_in_motion_costs_one_request(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    await poll.differences(moving=True)
    assert len(simulator.requests) == 1


async def test_what_a_poll_found_unchanged_is_as_fresh_as_the_poll_and_the_rest_is_as_old_as_it_is(
    simulator: Simulator, synced: Connection, poll: Poll
) -> None:
    read_at = synced.work.clock.now()
    simulator.clock.advance(600)
    await poll.differences()
    now = synced.work.clock.now()
    ages = {(one.source, one.subscription_id): one.fetched_at for one in await synced.fleet.freshness()}
    assert {at for (source, _), at in ages.items() if source in (Source.MACHINES, Source.ALERTS, Source.PLAN)} == {now}
    assert {at for (source, _), at in ages.items() if source in (Source.SETTINGS, Source.PERMISSIONS)} == {read_at}


async def test_a_machine_that_is_switched_off_arrives_by_difference(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    await poll.differences()
    machine = running(simulator)
    simulator.clock.advance(60)
    simulator.world.set_running(machine, False)
    simulator.requests.clear()
    await poll.differences()
    found = await synced.fleet.machine(machine.id)
    assert found is not None
    assert found.power != "running"
    assert len(simulator.requests) == 4, "the three of every poll, and the machine"
    simulator.requests.clear()
    await poll.differences()
    assert len(simulator.requests) == 3, "a change is read once"


async def test_created_machines_appear_and_come_aboard_by_difference(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    simulator.clock.advance(60)
    created = {one.id for one in simulator.world.create(simulator.subscription("all-on"), 12)}
    await poll.differences()
    rows = [row for row in await synced.fleet.machine_rows() if row.id in created]
    assert len(rows) == 12
    waiting = {row.id for row in rows if row.state == MachineState.PENDING}
    assert waiting
    for _ in range(24):
        simulator.clock.advance(3600)
        await poll.differences(moving=True)
    aboard = [row.id for row in await synced.fleet.machine_rows() if row.id in waiting and row.state == MachineState.ONBOARDED]
    assert aboard
    assert (await synced.fleet.events(aboard[0]))[0].after == "pending"
    assert (await synced.fleet.events(aboard[0]))[-1].after == "onboarded"


async def test_a_deleted_machine_disappears(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    machine = running(simulator)
    simulator.clock.advance(60)
    simulator.world.delete(machine)
    with told(synced.fleet) as tables:
        await poll.differences()
    assert await synced.fleet.machine(machine.id) is None
    assert "machines" in tables


async def test_a_deleted_extension_is_gone_from_its_machine(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    machine = running(simulator)
    before = await synced.fleet.machine(machine.id)
    assert before is not None
    name = before.extensions[0].name
    simulator.clock.advance(60)
    await delete_extension(simulator, machine, name)
    await poll.differences()
    found = await synced.fleet.machine(machine.id)
    assert found is not None
    assert name not in {one.name for one in found.extensions}


async def delete_extension(simulator: Simulator, machine: SimulatedMachine, name: str) -> None:
    """As somebody else would, by the API."""
    import ssl

    import aiohttp

    context = ssl.create_default_context(cafile=str(simulator.ca_file))
    headers = {"Authorization": f"Bearer {simulator.token()}"}
    url = f"{simulator.url}{machine.id}/extensions/{name}?api-version=2026-04-01"
    async with aiohttp.ClientSession() as session, session.delete(url, ssl=context, headers=headers) as answer:
        assert answer.status in (200, 202)


async def test_a_new_alert_arrives_with_its_details(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    machine = running(simulator)
    kind = simulator.alerts.until(simulator.world.subscriptions[machine.subscription], simulator.clock.now())[0].kind
    simulator.clock.advance(60)
    made = simulator.alerts.add(machine, kind, simulator.clock.now())
    await poll.differences()
    found = await synced.fleet.alert(made.id)
    assert found is not None
    assert (found.machine_id, found.description, found.details_known) == (machine.id, clean_lines(made.description), True)
    assert simulator.requests.of("GET", "/alerts") == []


async def test_an_old_alert_that_somebody_else_closed_is_found_without_reading_all(
    simulator: Simulator, synced: Connection, poll: Poll
) -> None:
    subscription = simulator.world.subscriptions[simulator.subscription("all-on")]
    old = next(one for one in reversed(simulator.alerts.until(subscription, simulator.clock.now())) if one.status == "Active")
    await poll.differences()
    simulator.clock.advance(60)
    simulator.alerts.set_status(old, "Dismissed", simulator.clock.now())
    simulator.requests.clear()
    await poll.differences()
    found = await synced.fleet.alert(old.id)
    assert found is not None
    assert found.status == "Dismissed"
    lists = [one.body for one in simulator.requests.of("POST", "ResourceGraph") if "order by id asc" in one.body["query"]]
    assert [one.get("subscriptions") for one in lists if "datetime(" not in one["query"]] == [[subscription.id]]
    simulator.requests.clear()
    await poll.differences()
    assert len(simulator.requests) == 3


async def test_an_alert_that_this_console_closed_is_not_read_again(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    from console.workers.triage import set_status

    await poll.differences()
    alert = next(one for one in await synced.fleet.alerts([simulator.subscription("all-on")]) if one.status == "Active")
    (done,) = await set_status(synced.work, [alert.id], "Resolved")
    assert done.failure == ""
    simulator.requests.clear()
    await poll.differences()
    assert len(simulator.requests) == 3


async def test_another_plan_arrives_and_is_judged(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    subscription = simulator.world.subscriptions[simulator.subscription("all-on")]
    subscription.pricings["VirtualMachines"] = Pricing("Free", None, None)
    subscription.revision += 1
    with told(synced.fleet) as tables:
        await poll.differences()
    found = await synced.fleet.subscription(subscription.id)
    assert found is not None
    assert found.servers_plan == "free"
    assert {"subscriptions", "checks"} <= tables


async def test_a_failed_poll_is_a_problem_that_the_next_one_takes_away_and_the_data_ages(
    simulator: Simulator, synced: Connection, poll: Poll
) -> None:
    read_at = synced.work.clock.now()
    simulator.faults.add("500:1:ResourceGraph")
    simulator.clock.advance(60)
    report = await poll.differences()
    assert report.nothing
    assert {one.source for one in report.problems if not one.subscription_id} == {Source.MACHINES, Source.ALERTS, Source.PLAN}
    assert await synced.fleet.oldest(Source.MACHINES) == read_at
    simulator.faults.clear()
    report = await poll.differences()
    assert not [one for one in report.problems if not one.subscription_id]
    assert await synced.fleet.oldest(Source.MACHINES) == synced.work.clock.now()


async def test_what_failed_for_a_passing_reason_is_read_again_by_the_next_poll(simulator: Simulator, ada: Connection) -> None:
    one = simulator.subscription("all-on")
    simulator.faults.add(f"500:1:/subscriptions/{one}/providers/Microsoft.Security/settings")
    report = await sync(ada.work)
    assert [problem.source for problem in report.problems if problem.subscription_id == one] == [Source.SETTINGS]
    simulator.faults.clear()
    report = await Poll(ada.work, HOUR).differences()
    assert not [problem for problem in report.problems if problem.subscription_id == one]


async def test_everything_is_read_when_it_was_never_or_too_long_ago_or_for_other_subscriptions(
    simulator: Simulator, connect_as: Connect
) -> None:
    ada = await connect_as()
    poll = Poll(ada.work, HOUR)
    assert await poll.complete_reading_due(), "never"
    await sync(ada.work)
    assert not await poll.complete_reading_due()
    simulator.clock.advance(59 * 60)
    await poll.differences()
    assert not await poll.complete_reading_due()
    simulator.clock.advance(60)
    assert await poll.complete_reading_due(), "an hour ago"
    await sync(ada.work)
    patient = Poll(ada.work, timedelta(days=1000))
    assert not await patient.complete_reading_due()
    simulator.clock.advance(13 * 86400 + 1)
    assert await patient.complete_reading_due(), "longer ago than changes are kept"
    await sync(ada.work)
    assert await watermark(ada.work) is not None
    ada.work.only = frozenset({simulator.subscription("all-on")})
    assert await watermark(ada.work) is None, "of other subscriptions"


async def test_without_resource_graph_there_is_no_mark_to_read_on_from(simulator: Simulator, ada: Connection) -> None:
    simulator.faults.add("403:1:ResourceGraph")
    await sync(ada.work)
    assert await Poll(ada.work, HOUR).complete_reading_due()
    assert await ada.fleet.machines()
    assert await ada.fleet.alerts()


async def test_a_console_that_starts_soon_after_another_reads_on_by_difference(simulator: Simulator, connect_as: Connect) -> None:
    first = await connect_as()
    await sync(first.work)
    await first.close()
    simulator.clock.advance(300)
    machine = running(simulator)
    simulator.world.set_running(machine, False)
    second = await connect_as()
    poll = Poll(second.work, HOUR)
    assert not await poll.complete_reading_due()
    simulator.requests.clear()
    await poll.differences()
    assert len(simulator.requests) == 4
    found = await second.fleet.machine(machine.id)
    assert found is not None
    assert found.power != "running"


async def test_a_named_subscription_is_polled_by_name_alone(simulator: Simulator, connect_as: Connect) -> None:
    one = simulator.subscription("all-on")
    connection = await connect_as(only=frozenset({one}))
    await sync(connection.work)
    simulator.requests.clear()
    await Poll(connection.work, HOUR).differences()
    assert [request.body["subscriptions"] for request in simulator.requests] == [[one]] * 3


async def test_machines_of_a_new_subscription_arrive_with_it(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    one = simulator.subscription("all-on")
    others = [row.subscription for row in await synced.fleet.subscriptions() if row.subscription.id != one]
    await synced.fleet.put_subscriptions(others, complete=True)  # as if it had not been there
    assert await synced.fleet.subscription(one) is None
    simulator.clock.advance(60)
    (machine,) = simulator.world.create(one)
    await poll.differences()
    assert await synced.fleet.machine(machine.id) is not None
    assert (await synced.fleet.state_counts([one])).keys() - {"unknown"}
    found = await synced.fleet.subscription(one)
    assert found is not None
    assert found.integration == "on"


async def test_very_many_changes_are_read_as_one_list(simulator: Simulator, synced: Connection, poll: Poll) -> None:
    await poll.differences()
    simulator.clock.advance(60)
    subscription = simulator.subscription("all-on")
    simulator.world.create(subscription, 1200)
    simulator.requests.clear()
    await poll.differences()
    queries = [one.body["query"] for one in simulator.requests.of("POST", "ResourceGraph")]
    assert not [one for one in queries if "machineId in (" in one]
    assert (await synced.fleet.state_counts([subscription])).keys()
    assert sum((await synced.fleet.state_counts([subscription])).values()) > 1200


async def test_details_of_an_alert_are_read_when_somebody_looks_at_it(
    simulator: Simulator, ada: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.workers.alerts.DETAILED", 3)
    await sync(ada.work)
    alerts = await ada.fleet.alerts()
    assert [one.details_known for one in alerts[:3]] == [True] * 3
    assert not any(one.details_known for one in alerts[3:] if one.subscription_id in seen_in_graph(simulator))
    other = next(one for one in alerts[3:] if not one.details_known)
    await read_details(ada.work, other.id)
    found = await ada.fleet.alert(other.id)
    assert found is not None
    assert found.details_known
    assert found.description
    await sync(ada.work)
    again = await ada.fleet.alert(other.id)
    assert again is not None
    assert again.details_known, "a list takes no details away"
    with pytest.raises(AzureProblem, match="does not show this alert"):
        await read_details(ada.work, other.id + "0")


def seen_in_graph(simulator: Simulator) -> set[str]:
    return {one.id for one in simulator.world.subscriptions.values() if one.registered}

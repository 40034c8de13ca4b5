"""Reading Azure: everything that can be read is, what cannot is said, and nobody stops anybody else."""

from __future__ import annotations

from cache.model import CheckStatus, MachineState, Source
from console.session import Connection
from console.simulator import Simulator
from console.workers.sync import MOVING, sync
from tests.listed import list_machines
from tests.workers.conftest import Connect


async def test_a_sync_fills_the_cache_with_all_that_the_simulator_has(simulator: Simulator, ada: Connection) -> None:
    report = await sync(ada.work)
    rows = {row.subscription.id: row for row in await ada.fleet.subscriptions()}
    mine = {one.id: one for one in simulator.world.subscriptions.values() if one.tenant == simulator.tenant_id}
    assert rows.keys() == mine.keys()
    for subscription_id, row in rows.items():
        if row.subscription.can_see_machines:
            assert row.machines == mine[subscription_id].machine_count, row.subscription.name
    assert report.subscriptions == len(mine)
    assert await ada.fleet.alerts()
    assert await ada.fleet.checks()


async def test_the_settings_are_told_in_the_words_of_the_model(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)

    async def read(situation: str) -> tuple[str | None, str | None, str | None]:
        one = await ada.fleet.subscription(simulator.subscription(situation))
        assert one is not None
        return one.integration, one.linux, one.servers_plan

    assert await read("existing-windows-linux-excluded") == ("on", "excluded", "P2")
    assert await read("never-enabled") == ("off", "not-set", "P2")
    assert await read("all-on") == ("on", "enabled", "P2")
    assert await read("no-servers-plan") == ("off", "not-set", "free")
    assert await read("linux-not-set") == ("on", "not-set", "P1")


async def test_missing_rights_are_a_problem_of_their_subscription_and_of_no_other(simulator: Simulator, ada: Connection) -> None:
    report = await sync(ada.work)
    assert report.exit_code == 3
    blind = simulator.subscription("no-right-to-see-machines")
    sentences = [one.message for one in report.problems if one.subscription_id == blind]
    assert any("Security Admin" in one for one in sentences)
    unregistered = simulator.subscription("provider-not-registered")
    assert {one.code for one in report.problems if one.subscription_id == unregistered} == {"not-registered"}
    good = simulator.subscription("all-on")
    assert not [one for one in report.problems if one.subscription_id == good]


async def test_where_resource_graph_refuses_each_service_is_read_by_itself(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    by_graph = {row.id.lower(): (row.name, row.kind, row.os_type, row.state) for row in await ada.fleet.machine_rows()}
    simulator.faults.add("403:1:/providers/Microsoft.ResourceGraph")
    ids = [row.subscription.id for row in await ada.fleet.subscriptions()]
    for subscription_id in ids:
        await list_machines(ada.fleet, subscription_id, [], "gone")
        await ada.fleet.finish_listing((subscription_id,), "gone")
    await sync(ada.work)
    by_service = {row.id.lower(): (row.name, row.kind, row.os_type, row.state) for row in await ada.fleet.machine_rows()}
    assert by_service == by_graph


async def test_a_service_that_fails_leaves_what_was_known_and_says_so(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    before = await ada.fleet.state_counts()
    simulator.faults.add("500:1:/settings")
    report = await sync(ada.work)
    assert await ada.fleet.state_counts() == before
    assert {one.source for one in report.problems if one.code == "outage"} == {Source.SETTINGS}
    simulator.faults.clear()
    report = await sync(ada.work)
    assert not [one for one in report.problems if one.code == "outage"]


async def test_nothing_is_taken_for_good_where_nothing_can_be_read(connect_as: Connect) -> None:
    nobody = await connect_as("nobody")
    report = await sync(nobody.work)
    assert report.exit_code == 1
    assert "no subscription" in report.problems[0].message
    assert await nobody.fleet.state_counts() == {}


async def test_an_unknown_subscription_is_named(connect_as: Connect) -> None:
    connection = await connect_as(only=frozenset({"11111111-2222-3333-4444-555555555555"}))
    report = await sync(connection.work)
    assert report.nothing
    assert "11111111-2222-3333-4444-555555555555" in report.problems[0].message


async def test_machines_come_aboard_as_the_clock_runs_and_each_change_is_an_event(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    rows = [row for row in await ada.fleet.machine_rows([subscription_id]) if row.state == MachineState.NOT_ENABLED]
    assert rows
    await ada.azure.put_setting(subscription_id, "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", False)
    await sync(ada.work)
    assert (await ada.fleet.state_counts([subscription_id])).get(MachineState.PENDING)
    for _ in range(12):
        simulator.clock.advance(1800)
        await sync(ada.work, sources=MOVING)
    states = await ada.fleet.state_counts([subscription_id])
    assert states.get(MachineState.ONBOARDED)
    aboard = next(
        row for row in await ada.fleet.machine_rows([subscription_id]) if row.id in {one.id for one in rows} and row.state == "onboarded"
    )
    events = await ada.fleet.events(aboard.id)
    assert [one.after for one in events][:2] == ["not-enabled", "pending"]
    assert events[-1].after == "onboarded"
    assert [one.at for one in events] == sorted(one.at for one in events)


async def test_no_check_passes_on_data_that_could_not_be_read(simulator: Simulator, ada: Connection) -> None:
    simulator.faults.add("500:1:/Microsoft.Security/")
    simulator.faults.add("500:1:/Microsoft.ResourceGraph/")
    await sync(ada.work)
    good = simulator.subscription("all-on")
    by_id = {one.id: one for one in await ada.fleet.checks([good])}
    suspicious = [one.id for one in by_id.values() if one.status is CheckStatus.PASS and ("setting" in one.id or "plan" in one.id)]
    assert suspicious == []


async def test_reading_some_subscriptions_leaves_what_is_known_of_the_others(simulator: Simulator, connect_as: Connect) -> None:
    whole = await connect_as()
    await sync(whole.work)
    one, gone = simulator.subscription("all-on"), simulator.subscription("empty")
    await whole.fleet.select({one, simulator.subscription("unified-off")})
    before = await whole.fleet.subscription_records()
    machines = {row.id for row in await whole.fleet.machine_rows()}
    del simulator.world.subscriptions[gone]
    some = await connect_as(only=frozenset({one.lower()}))
    simulator.requests.clear()
    report = await sync(some.work)
    assert report.subscriptions == 1
    assert (await some.fleet.subscription_records()).keys() == before.keys() - {gone}, "only what is gone went"
    assert {row.id for row in await some.fleet.machine_rows()} == machines
    assert await some.fleet.selection() == {one, simulator.subscription("unified-off")}
    assert {each.path.split("/")[2] for each in simulator.requests.of("GET", "/settings")} == {one}

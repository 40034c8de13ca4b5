"""When a subscription was enabled elsewhere, and by whom: from Azure's activity log, asked once, with its age and what keeps it from us."""

from __future__ import annotations

from datetime import datetime, timedelta

from cache.enabling import Enabling
from cache.model import PlanAction
from console.session import Connection
from console.simulator import Simulator
from console.workers.apply import apply_plan
from console.workers.plan import make_plan
from console.workers.sync import sync
from tests.workers.conftest import Connect

EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"


def asked(simulator: Simulator) -> int:
    return len(simulator.requests.of("GET", "eventtypes/management/values"))


async def enabling(work: Connection, subscription_id: str) -> Enabling:
    return (await work.fleet.enablings([subscription_id]))[subscription_id]


async def enable_elsewhere(simulator: Simulator, connect_as: Connect, subscription_id: str) -> datetime:
    """Somebody enables Linux in the portal: not this console. Returns when."""
    other = await connect_as("security-admin")
    await other.azure.put_setting(subscription_id, EXCLUDE, False)
    return other.work.clock.now()


async def test_who_enabled_a_subscription_elsewhere_and_when_is_read_and_asked_once(
    simulator: Simulator, connect_as: Connect, ada: Connection
) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    at = await enable_elsewhere(simulator, connect_as, subscription_id)
    simulator.clock.advance(5 * 3600)
    await sync(ada.work)
    found = await enabling(ada, subscription_id)
    assert (found.setting, found.at, found.by, found.problem) == (EXCLUDE, at, "sia@contoso.example", "")
    assert found.read_at == ada.work.clock.now()
    assert (await ada.fleet.subscription(subscription_id)).enabled_at == at  # type: ignore[union-attr]  # it was just synced
    before = asked(simulator)
    assert before > 0
    simulator.clock.advance(24 * 3600)
    await sync(ada.work)
    assert asked(simulator) == before
    assert (await enabling(ada, subscription_id)).read_at == found.read_at


async def test_the_clocks_of_its_machines_begin_then(simulator: Simulator, connect_as: Connect, ada: Connection) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    at = await enable_elsewhere(simulator, connect_as, subscription_id)
    simulator.world.subscriptions[subscription_id].periods.clear()
    simulator.clock.advance(5 * 3600)
    await sync(ada.work)
    waiting = [one for one in await ada.fleet.machine_rows([subscription_id]) if str(one.state) in {"pending", "late", "overdue"}]
    created = {one.id: one.created_at for one in await ada.fleet.machines([subscription_id])}
    known = [one for one in waiting if created[one.id] is not None]
    assert known
    assert {one.since for one in known} == {max(at, created[one.id] or at) for one in known}


async def test_what_was_enabled_from_here_is_not_looked_up(simulator: Simulator, ada: Connection) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    await sync(ada.work)
    await apply_plan(ada.work, await make_plan(ada.work, [subscription_id], PlanAction.ENABLE))
    simulator.requests.clear()
    await sync(ada.work)
    assert not [one for one in simulator.requests.of("GET", "eventtypes") if subscription_id in one.path]
    plan = await make_plan(ada.work, [subscription_id], PlanAction.ENABLE)
    assert f"It was switched on from this console {ada.work.clock.now():%Y-%m-%d}" in plan.subscriptions[0].why
    assert f"by {ada.work.principal}." in plan.subscriptions[0].why


async def test_a_right_that_is_missing_is_told_and_nothing_is_asked(simulator: Simulator, connect_as: Connect) -> None:
    sam = await connect_as("security-reader")
    await sync(sam.work)
    found = await enabling(sam, simulator.subscription("all-on"))
    assert "Microsoft.Insights/eventtypes/values/read" in found.problem
    assert "Reader has it" in found.told()
    assert asked(simulator) == 0
    assert not [one for one in await sam.fleet.problems() if "eventtypes" in one.message]


async def test_a_log_that_fails_keeps_its_reason_stops_nothing_and_is_asked_again_later(simulator: Simulator, ada: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    simulator.faults.add(f"403:1:GET /subscriptions/{subscription_id}/.*eventtypes.*")
    await sync(ada.work)
    found = await enabling(ada, subscription_id)
    assert found.problem
    assert found.at is None
    assert (await ada.fleet.subscription(subscription_id)).linux == "enabled"  # type: ignore[union-attr]  # it was just synced
    simulator.faults.clear()
    await sync(ada.work)
    assert (await enabling(ada, subscription_id)).problem == found.problem, "not sooner than after an hour"
    simulator.clock.advance(2 * 3600)
    await sync(ada.work)
    assert not (await enabling(ada, subscription_id)).problem


async def test_what_was_written_before_the_log_begins_is_said_to_be_unknown(simulator: Simulator, ada: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    simulator.world.subscriptions[subscription_id].written.clear()
    await sync(ada.work)
    found = await enabling(ada, subscription_id)
    assert (found.at, found.problem) == (None, "")
    assert "goes back 90 days, shows no write" in found.told()


async def test_switched_off_and_on_again_elsewhere_is_asked_anew(simulator: Simulator, connect_as: Connect, ada: Connection) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    first = await enable_elsewhere(simulator, connect_as, subscription_id)
    simulator.clock.advance(3600)
    await sync(ada.work)
    await ada.azure.put_setting(subscription_id, EXCLUDE, True)
    simulator.clock.advance(3600)
    await sync(ada.work)
    simulator.clock.advance(3600)
    second = await enable_elsewhere(simulator, connect_as, subscription_id)
    simulator.clock.advance(600)
    await sync(ada.work)
    found = await enabling(ada, subscription_id)
    assert found.at == second == first + timedelta(hours=3)
    assert (await ada.fleet.subscription(subscription_id)).enabled_at == second  # type: ignore[union-attr]  # it was just synced


async def test_the_plan_says_who_enabled_what_is_on_already(simulator: Simulator, connect_as: Connect, ada: Connection) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    at = await enable_elsewhere(simulator, connect_as, subscription_id)
    await sync(ada.work)
    (one,) = (await make_plan(ada.work, [subscription_id], PlanAction.ENABLE)).subscriptions
    assert f"{EXCLUDE} was last written {at:%Y-%m-%d %H:%M} UTC by sia@contoso.example (read " in one.why

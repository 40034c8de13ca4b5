"""The clock of machines begins when we enabled, also for a cache that was built anew since."""

from __future__ import annotations

from datetime import timedelta

from cache.model import MachineState, PlanAction
from console.simulator import Simulator
from console.workers.apply import apply_plan
from console.workers.enabling_time import enabled_from_here
from console.workers.plan import make_plan
from console.workers.sync import sync
from tests.workers.conftest import Connect


async def test_a_cache_that_is_built_anew_knows_when_machines_began_to_wait(simulator: Simulator, connect_as: Connect) -> None:
    ada = await connect_as()
    await sync(ada.work)
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    assert await enabled_from_here(ada.work, subscription_id) is None
    plan = await make_plan(ada.work, [subscription_id], PlanAction.ENABLE)
    await apply_plan(ada.work, plan)
    enabled = ada.work.clock.now()
    folder = ada.fleet.path.parent
    await ada.close()
    for path in folder.glob("fleet.db*"):
        path.unlink()
    simulator.clock.advance(10)
    again = await connect_as()
    await sync(again.work)
    subscription = await again.fleet.subscription(subscription_id)
    assert subscription is not None
    assert subscription.enabled_at is not None
    assert abs(subscription.enabled_at - enabled) < timedelta(seconds=5)
    known = {one.id: one for one in await again.fleet.machines([subscription_id])}
    waiting = [row for row in await again.fleet.machine_rows([subscription_id]) if row.state is MachineState.PENDING]
    waiting = [row for row in waiting if known[row.id].created_at is not None]  # of others it is not known that they were there
    assert waiting
    for row in waiting:
        assert row.since is not None
        assert abs(row.since - enabled) < timedelta(seconds=5)


async def test_what_was_switched_off_from_here_since_began_elsewhere(simulator: Simulator, connect_as: Connect) -> None:
    ada = await connect_as()
    journal = ada.journal
    one = "11111111-2222-3333-4444-555555555555"
    for name, after in (("WDATP", "true"), ("WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", "false")):
        await journal.finish(await journal.begin("ada", "put-setting", f"{one}/{name}", "absent", after), "confirmed")
    assert await enabled_from_here(ada.work, one) == ada.work.clock.now()
    await journal.finish(await journal.begin("ada", "put-setting", f"{one}/WDATP", "true", "false"), "confirmed")
    assert await enabled_from_here(ada.work, one) is None

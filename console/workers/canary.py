"""After the first group of a plan: waiting until its machines come aboard, or long enough."""

from __future__ import annotations

from collections.abc import Collection

from cache.canary import Aboard, aboard, awaited
from cache.model import Plan
from console.workers.sync import MOVING, sync
from console.workers.work import Work


async def canary_over(work: Work, plan: Plan, subscription_ids: Collection[str], minutes: float, every: float) -> Aboard:
    """How the machines of these subscriptions stand once they are waited for no longer. Somebody else reads them: this looks into the cache
    every ``every`` seconds. Raises a ``CacheError`` where that was closed meanwhile."""
    wanted, begun = awaited(plan, subscription_ids), work.clock.now()
    while True:
        found = await _stand(work, wanted, subscription_ids, (work.clock.now() - begun).total_seconds() / 60)
        if found.over(minutes):
            return found
        await work.sleep(every)


async def _stand(work: Work, wanted: Collection[str], subscription_ids: Collection[str], minutes: float) -> Aboard:
    rows = await work.fleet.machine_rows(list(subscription_ids)) if wanted else []
    return aboard((row.state for row in rows if row.id.lower() in wanted), minutes)


async def watch_canary(work: Work, plan: Plan, subscription_ids: Collection[str], minutes: float, every: float) -> Aboard:
    """Read the machines of these subscriptions every ``every`` seconds until none is on its way or ``minutes`` have passed.

    Time is that of the console's clock. Raises :class:`~console.gateway.errors.SignInRequired`; of other failures it waits for the end.
    """
    wanted = awaited(plan, subscription_ids)
    begun = work.clock.now()
    if not wanted:
        return Aboard()
    of = [one.name for one in plan.subscriptions if one.id in subscription_ids]
    named = f"{of[0]} and {len(of) - 1:,} more" if len(of) > 1 else "".join(of)
    work.activity.begin("canary", f"waiting for the first machines, {named}", total=len(wanted))
    try:
        while True:
            await sync(work, subscription_ids, MOVING)
            found = await _stand(work, wanted, subscription_ids, (work.clock.now() - begun).total_seconds() / 60)
            work.activity.advance("canary", done=found.aboard + found.stuck)
            if found.over(minutes):
                return found
            await work.sleep(every)
    finally:
        work.activity.end("canary")

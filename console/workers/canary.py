"""After the first group of a plan: waiting until its machines come aboard, or long enough."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from cache.canary import Aboard, aboard, awaited
from cache.changes import APPLY_PLAN, RESUMED_WITHIN, WRITES, kind_of, writes_of
from cache.model import Plan, Source, SubscriptionPlan
from cache.plans import PlanUnreadable
from cache.trail import CONFIRMED, last_writes
from console.workers.sync import MOVING, sync
from console.workers.work import Work

TOLD = "the canary whose end was told"
"""Under this the cache remembers the id of a plan, so that the end of a wait is told once."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A plan that was stopped after its canary, which is these subscriptions, and when that was."""

    plan: Plan
    first: tuple[str, ...]
    at: datetime


async def stopped_plan(work: Work) -> Stopped | None:
    """The plan that was applied last, if it was stopped after its canary and can still be finished."""
    entry = await work.journal.last(APPLY_PLAN)
    if entry is None or not entry.outcome.startswith("stopped") or work.clock.now() - entry.at >= timedelta(minutes=RESUMED_WITHIN):
        return None
    try:
        plan = await work.journal.plan(entry.target)
    except PlanUnreadable:
        return None
    if plan is None:
        return None
    written = last_writes(await work.journal.entries_about(WRITES))

    def is_done(one: SubscriptionPlan) -> bool:
        found = [written.get(one.id.lower(), {}).get(write.name) for write in writes_of(one)]
        return bool(found) and all(each is not None and kind_of(each.outcome) == CONFIRMED and each.at >= plan.created_at for each in found)

    first = tuple(one.id for one in plan.subscriptions if is_done(one))
    return Stopped(plan, first, entry.at) if first else None


async def canary_over(work: Work, stopped: Stopped, minutes: float, every: float) -> Aboard | None:
    """How the machines of the canary stand once they are waited for no longer, the first time that this is asked; ``None`` where that was
    told already, or the plan goes on. Somebody else reads them: this looks into the cache every ``every`` seconds, and time passes as it is
    read, so that nothing is told from before.

    Raises a ``CacheError`` where that was closed meanwhile.
    """
    wanted = awaited(stopped.plan, stopped.first)
    while True:
        read = [one.fetched_at for one in await work.fleet.freshness(stopped.first) if one.source == Source.MACHINES]
        found = await _stand(work, wanted, stopped.first, (min(read, default=stopped.at) - stopped.at).total_seconds() / 60)
        if found.over(minutes):
            break
        await work.sleep(every)
    last = await work.journal.last(APPLY_PLAN, stopped.plan.id)
    if last is None or not last.outcome.startswith("stopped") or await work.fleet.remembered(TOLD) == stopped.plan.id:
        return None
    await work.fleet.remember(TOLD, stopped.plan.id)
    return found


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

"""Computing a plan: from fresh reads, so that what is confirmed is what Azure says now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from uuid import uuid4

from cache.model import NO_EXTRAS, Blocker, Extras, Plan, PlanAction, Source, SubscriptionPlan
from console.rules.planning import ALREADY_ON, DISABLE, plan_subscription
from console.together import together
from console.workers.enabling_time import who_enabled
from console.workers.evaluate import evaluate
from console.workers.sync import read_machines, read_subscription
from console.workers.work import Work

DECIDING = frozenset({Source.PERMISSIONS, Source.PROVIDER, Source.SETTINGS, Source.PLAN})
"""What a plan stands on besides the machines."""


async def make_plan(
    work: Work, subscription_ids: Collection[str], action: PlanAction, extras: Extras = NO_EXTRAS, *, again: str = ""
) -> Plan:
    """Read what decides about each subscription, say what ``action`` would change, and keep the plan in the journal.

    ``again``: the plan that had these subscriptions before. A subscription that cannot be read is in the plan with a blocker that says why.
    """
    ids = list(dict.fromkeys(subscription_ids))
    work.activity.begin("plan", "planning", total=len(ids))
    done = 0
    raw: dict[str, dict[str, bool | None] | None] = {}

    async def read(subscription_id: str) -> None:
        nonlocal done
        raw[subscription_id] = await read_subscription(work, subscription_id, DECIDING)
        done += 1
        work.activity.advance("plan", done=done)

    try:
        await together(read(subscription_id) for subscription_id in ids)
        await read_machines(work, ids)
        await evaluate(work.fleet, work.journal, work.clock, work.cloud, ids)
        plans = [await _one(work, subscription_id, raw[subscription_id], action, extras) for subscription_id in ids]
        plan = Plan(uuid4().hex[:12], work.clock.now(), action, work.cloud.key, work.tenant_id, work.principal, tuple(plans), extras, again)
        await work.journal.save_plan(plan)
        return plan
    finally:
        work.activity.end("plan")


async def _one(
    work: Work, subscription_id: str, raw: dict[str, bool | None] | None, action: PlanAction, extras: Extras
) -> SubscriptionPlan:
    subscription = await work.fleet.subscription(subscription_id)
    if subscription is None:
        missing = Blocker("not-found", "This subscription is not among those that you can see.", "Ask its owner for access.")
        return SubscriptionPlan(subscription_id, subscription_id, "unknown", "It could not be read.", (), blockers=(missing,))
    machines = await work.fleet.machines([subscription_id])
    now = work.clock.now()
    planned = plan_subscription(
        subscription,
        machines,
        raw or {},
        action,
        integration_supported=work.cloud.integration_supported,
        now=now,
        readable=raw is not None,
        extras=extras,
    )
    if planned.case in (ALREADY_ON, DISABLE) and (who := await who_enabled(work, subscription.id)):
        planned = replace(planned, why=f"{planned.why} {who}")
    unread = [one for one in await work.fleet.problems([subscription_id]) if one.source == Source.MACHINES]
    if unread:
        planned = replace(planned, warnings=(*planned.warnings, f"Its machines could not be read just now: {unread[0].message}"))
    return planned

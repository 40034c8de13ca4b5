"""Plans that follow each other: the first one, and those made anew for some of its subscriptions where Azure had changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from cache.journal import Journal
from cache.model import Plan, SubscriptionPlan

LONGEST = 20
"""Plans that are followed back."""


@dataclass(frozen=True)
class Chain:
    """The plans, first to newest. Of a subscription the newest plan that has it counts."""

    plans: tuple[Plan, ...]

    @property
    def first(self) -> Plan:
        """The plan that began it, with every subscription."""
        return self.plans[0]

    @cached_property
    def owners(self) -> Mapping[str, Plan]:
        """By subscription id in lower case: the newest plan that has it."""
        return {one.id.lower(): plan for plan in self.plans for one in plan.subscriptions}

    @cached_property
    def merged(self) -> Plan:
        """The first plan, with each subscription as it was planned last."""
        newest = {one.id.lower(): one for plan in self.plans for one in plan.subscriptions}
        return replace(self.first, subscriptions=tuple(newest[one.id.lower()] for one in self.first.subscriptions))

    def before(self, subscription_id: str) -> SubscriptionPlan | None:
        """How a subscription was planned before it was planned anew; ``None`` where it was not."""
        low = subscription_id.lower()
        found = [one for plan in self.plans for one in plan.subscriptions if one.id.lower() == low]
        return found[-2] if len(found) > 1 else None


async def read_chain(journal: Journal) -> Chain | None:
    """The latest plan and those before it. Raises :class:`cache.plans.PlanUnreadable`."""
    latest = await journal.latest_plan()
    if latest is None:
        return None
    plans = [latest]
    while plans[0].again and len(plans) < LONGEST:
        parent = await journal.plan(plans[0].again)
        if parent is None:
            break
        plans.insert(0, parent)
    return Chain(tuple(plans))

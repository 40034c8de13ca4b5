"""How far the plans that are shown have come, by the audit trail: what is left of which to be sent, and how the canary stands."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from cache.canary import Aboard, aboard, awaited
from cache.changes import RESUMED_WITHIN
from cache.fleet import FleetCache
from cache.model import MachineState, Plan, PlanAction, SubscriptionPlan
from cache.plan_text import changed
from screens.outcomes import Trail, outcome
from screens.plan_chain import Chain
from screens.plan_question import differences
from screens.plan_rows import planned_standing


class Course:
    """The plans, the trail, and which of the plans is being ``applying`` (its id; empty: none from here yet). ``running``: now."""

    def __init__(self) -> None:
        self.chain: Chain | None = None
        self.trail = Trail()
        self.applying = ""
        self.running = False
        self.begun: frozenset[str] = frozenset()
        """The ids of the plans of which something was sent, or refused to be."""
        self._done: frozenset[str] = frozenset()
        self._since: datetime | None = None
        self._states: list[MachineState] = []

    def look(self) -> None:
        """See anew which of the plans were begun."""
        plans = self.chain.plans if self.chain is not None else ()
        self.begun = frozenset(one.id for one in plans if self.applying == one.id or self.trail.tells_of(one))

    def standing(self, chain: Chain, one: SubscriptionPlan) -> tuple[str, str]:
        """How a subscription stands, and that in words."""
        owner = chain.owners[one.id.lower()]
        if owner.id not in self.begun or not one.changes or one.blockers:
            return planned_standing(one), ""
        running = self.running and self.applying == owner.id
        stopped = self.trail.left_off(owner) == "stopped"
        return outcome(self.trail.writes(owner, one), running, stopped, self.trail.refusal(owner, one))

    def done(self, subscription_ids: Collection[str]) -> None:
        """These subscriptions are as planned."""
        self._done = frozenset(subscription_ids)

    def ready(self, plan: Plan) -> list[SubscriptionPlan]:
        """The subscriptions to which ``plan`` still has something to write, leaving out what was planned anew since."""
        if self.chain is None:
            return []
        owners = self.chain.owners
        return [one for one in changed(plan) if one.id not in self._done and owners[one.id.lower()].id == plan.id]

    def to_apply(self) -> tuple[Plan, bool] | None:
        """The newest plan that has something to be sent, and whether it was begun; ``None`` where there is none."""
        for plan in reversed(self.chain.plans if self.chain is not None else ()):
            if self.trail.left_off(plan) and self.ready(plan):
                return plan, True
            if plan.id not in self.begun and self.ready(plan):
                return plan, False
        return None

    def different(self, plan: Plan) -> list[str]:
        """What is planned otherwise in a plan that was made anew, and why nothing was sent before."""
        found: list[str] = []
        for one in plan.subscriptions if plan.again and self.chain is not None else ():
            assert self.chain is not None
            refusals = [why for each in self.chain.plans if each is not plan and (why := self.trail.refusal(each, one))]
            if (before := self.chain.before(one.id)) is not None:
                found += differences(before, one, refusals[-1].partition(": ")[2] if refusals else "")
        return found

    async def read_canary(self, fleet: FleetCache) -> None:
        """Read how the machines stand that the canary was to bring, while the rest of a plan waits for that."""
        self._since, self._states = None, []
        target = self.to_apply()
        if target is None or not target[1] or self.chain is None or target[0].action is not PlanAction.ENABLE:
            return
        wanted = awaited(self.chain.merged, self._done)
        self._since = self.trail.stopped_at(target[0]) if self._done else None
        if self._since is not None and wanted:
            self._states = [row.state for row in await fleet.machine_rows(list(self._done)) if row.id.lower() in wanted]

    def canary(self, now: datetime) -> Aboard | None:
        """How the canary stands; ``None`` where no plan is stopped after one."""
        return None if self._since is None else aboard(self._states, (now - self._since).total_seconds() / 60)

    def to_ask(self, now: datetime, canary_life: timedelta) -> str:
        """The id of the plan that is to be asked about without being told to: one made anew, or the rest after a canary; else empty."""
        target = self.to_apply()
        if target is None or (now - target[0].created_at).total_seconds() / 60 >= RESUMED_WITHIN:
            return ""
        plan, resume = target
        canary = self.canary(now)
        over = resume and canary is not None and canary.over(canary_life.total_seconds() / 60)
        return plan.id if over or (plan.again and not resume) else ""

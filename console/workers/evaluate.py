"""From what is known to what it means: each machine's state and each subscription's checks, written to the cache."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection

from cache.clock import Clock
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.machine_store import Judge
from cache.model import Assessment, Machine, MachineState, Onboarding, Problem
from cache.sighting import Sighting, machine_of
from console.clouds import Cloud
from console.rules.onboarding import onboarding_of
from console.rules.prerequisites import checks_of

ABOARD = {MachineState.ONBOARDED, MachineState.HEALTHY, MachineState.UNHEALTHY}


_DECIDING = ("state", "servers_plan", "integration", "linux", "unified", "provider", "can_see_machines", "enabled_at")
"""What of a subscription the states of its machines depend on."""


async def _first_in_tenant(fleet: FleetCache) -> bool:
    """Whether nothing in the tenant is aboard yet, so that Azure may take longer."""
    return not any(count for state, count in (await fleet.state_counts()).items() if state in ABOARD)


async def judge_of(fleet: FleetCache, clock: Clock) -> Judge:
    """What says in which state a machine is that a listing shows, by the settings that are known now.

    Machines that have in common all that decides are judged once.
    """
    subscriptions = {row.subscription.id.lower(): row.subscription for row in await fleet.subscriptions()}
    first_in_tenant = await _first_in_tenant(fleet)
    now = clock.now()
    judged: dict[tuple[object, ...], Onboarding] = {}
    alike = {key: tuple(getattr(one, name) for name in _DECIDING) for key, one in subscriptions.items()}

    def judge(sighting: Sighting, previous: Onboarding | None) -> Onboarding:
        key = sighting.place.subscription_id.lower()
        subscription = subscriptions.get(key)
        if subscription is None:
            return Onboarding("", MachineState.UNKNOWN, "its subscription is not known yet")
        named = key if "failed" in (sighting.extensions or "").lower() else ""  # a remedy may name the subscription
        signature = (
            alike[key],
            named,
            sighting.system,
            sighting.condition,
            sighting.extensions,
            sighting.tags,
            sighting.created_at,
            None if previous is None else (previous.state, previous.reason, previous.since, previous.due),
        )
        found = judged.get(signature)
        if found is None:
            machine = machine_of(sighting)
            found = onboarding_of(machine, subscription, now=now, previous=previous, first_in_tenant=first_in_tenant)
            judged[signature] = found
        return found

    return judge


async def evaluate(
    fleet: FleetCache, journal: Journal, clock: Clock, cloud: Cloud, subscription_ids: Collection[str] | None = None
) -> None:
    """Compute states and checks from the cache alone, as of the clock's time, and keep what differs."""
    machines: dict[str, list[Machine]] = defaultdict(list)
    for machine in await fleet.machines(subscription_ids):
        machines[machine.subscription_id.lower()].append(machine)
    assessments: dict[str, list[Assessment]] = defaultdict(list)
    for assessment in await fleet.assessments(subscription_ids):
        assessments[assessment.subscription_id.lower()].append(assessment)
    problems: dict[str, list[Problem]] = defaultdict(list)
    for problem in await fleet.problems():
        problems[problem.subscription_id.lower()].append(problem)
    previous = await fleet.onboardings(subscription_ids)
    ticks = await journal.ticks()
    wanted = None if subscription_ids is None else {one.lower() for one in subscription_ids}
    first_in_tenant = await _first_in_tenant(fleet)
    for row in await fleet.subscriptions():
        subscription = row.subscription
        key = subscription.id.lower()
        if wanted is not None and key not in wanted:
            continue
        now = clock.now()
        onboardings: dict[str, Onboarding] = {}
        for machine in machines[key]:
            known = previous.get(machine.id.lower())
            onboardings[machine.id.lower()] = onboarding_of(machine, subscription, now=now, previous=known, first_in_tenant=first_in_tenant)
        await fleet.put_onboardings(list(onboardings.values()))
        await fleet.put_checks(
            subscription.id,
            checks_of(
                subscription,
                machines[key],
                onboardings,
                assessments[key],
                problems[key],
                [tick for tick in ticks if tick.subscription_id.lower() == key],
                integration_supported=cloud.integration_supported,
                azure_portal=cloud.azure_portal,
                now=now,
            ),
        )
        await asyncio.sleep(0)

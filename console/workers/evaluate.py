"""From what is known to what it means: each machine's state and each subscription's checks, worked out anew where that can have changed.

The cache marks what is outdated as it is written; what time alone changes is found by when it is due. So the cost grows with what has
changed, and the outcome is the same as if everything were worked out anew (``tests/workers/test_evaluate.py`` holds it to that).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import TypeVar

from cache.clock import Clock
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.machine_reports import MachineReport
from cache.model import ABOARD, VERIFIED, Assessment, Check, MachineState, Onboarding, Problem, Subscription, Tick
from cache.sighting import Judge, Sighting, machine_of
from console.clouds import Cloud
from console.rules import own
from console.rules.known import Alike, Kind
from console.rules.machine_judgement import with_reports
from console.rules.onboarding import WAITING, onboarding_of
from console.rules.prerequisites import checks_of
from console.settings import OWN_RULES

T = TypeVar("T", Assessment, MachineReport, Problem, Tick)

AT_ONCE = 1000
"""Subscriptions whose checks are written in one transaction."""

_DECIDING = ("state", "servers_plan", "integration", "linux", "unified", "provider", "can_see_machines", "enabled_at")
"""What of a subscription the states of its machines depend on."""


async def evaluate(
    fleet: FleetCache, journal: Journal, clock: Clock, cloud: Cloud, subscription_ids: Collection[str] | None = None
) -> None:
    """Work out states and checks from the cache alone, as of the clock's time, and keep what differs: in all subscriptions, or in these."""
    await settle_states(fleet, clock, cloud, subscription_ids)
    outdated = await fleet.outdated(subscription_ids)
    ticks = await journal.ticks()
    wanted = None if subscription_ids is None else {one.lower() for one in subscription_ids}
    differing = {key for key, *_ in {*map(_tick, ticks)}.symmetric_difference(map(_tick, await fleet.ticked()))}
    ids = sorted({*outdated, *(differing if wanted is None else differing & wanted)})
    for start in range(0, len(ids), AT_ONCE):
        checklists, machines = await _checklists(fleet, clock, cloud, ids[start : start + AT_ONCE], ticks)
        await fleet.put_checklists(checklists, outdated, machines)


async def settle_states(fleet: FleetCache, clock: Clock, cloud: Cloud, subscription_ids: Collection[str] | None = None) -> Judge:
    """Judge every machine whose state may be another one now. Returns what judged them, for machines that are read next."""
    basis = (
        f"{await asyncio.to_thread(_rules)} {cloud.integration_supported} {cloud.azure_portal} {_digest(await fleet.remembered(OWN_RULES))}"
    )
    if await fleet.remembered("rules") != basis:
        await fleet.outdate(basis)
    outdated = {key: one for key, one in (await fleet.outdated(subscription_ids)).items() if one.states}
    counts = await fleet.state_counts()
    judge = await judge_of(fleet, clock, None if not counts else _first_in_tenant(counts))
    # While nothing is aboard, waiting may take longer, which those that wait already are told too.
    waiting = {MachineState.PENDING} if _first_in_tenant(counts) else set()
    settling = judge if counts else await judge_of(fleet, clock, True)
    await fleet.judge_machines(settling, outdated, within=subscription_ids, due=clock.now(), states=waiting)
    return judge


def _tick(one: Tick) -> tuple[str, str, str, datetime]:
    return one.subscription_id.lower(), one.check_id, one.who, one.at


@cache
def _rules() -> str:
    """What is another one when the rules are: what older rules made of the fleet is worked out anew."""
    files = sorted(resources.files("console.rules").iterdir(), key=lambda one: one.name)
    return hashlib.sha256(b"".join(one.read_bytes() for one in files if one.name.endswith(".py"))).hexdigest()


def _digest(text: str | None) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def _first_in_tenant(counts: dict[str, int]) -> bool:
    """Whether nothing in the tenant is aboard yet, so that Azure may take longer."""
    return not any(count for state, count in counts.items() if state in ABOARD)


async def judge_of(fleet: FleetCache, clock: Clock, first_in_tenant: bool | None) -> Judge:
    """What says in which state a machine is, by the settings that are known now.

    ``first_in_tenant``: nothing in the tenant is aboard yet; ``None``: nothing of it is known yet, so that a machine that waits is left for
    later until one that is aboard shows. Machines that have in common all that decides are judged once.
    """
    subscriptions = await fleet.subscription_records()
    numbers: dict[tuple[object, ...], int] = {}
    settings = {
        key: numbers.setdefault(tuple(getattr(one, name) for name in _DECIDING), len(numbers)) for key, one in subscriptions.items()
    }
    own_rules = own.from_kept(await fleet.remembered(OWN_RULES) or "")
    reports: dict[str, list[MachineReport]] = defaultdict(list)
    for report in await fleet.reports():
        reports[report.machine_id.lower()].append(report)
    now = clock.now()
    judged: dict[tuple[object, ...], Onboarding] = {}

    def judge(sighting: Sighting, previous: Onboarding | None) -> Onboarding | None:
        nonlocal first_in_tenant
        key = sighting.place.subscription_id.lower()
        subscription = subscriptions.get(key)
        if subscription is None:
            return Onboarding("", MachineState.UNKNOWN, "its subscription is not known yet")
        before = None if previous is None else (previous.state, previous.reason, previous.since, previous.due)
        if previous is not None and previous.state in VERIFIED:  # what a machine said of itself is kept, and is of no other
            before = (*(before or ()), previous.explanation, previous.evidence)
        alike: tuple[object, ...] = (settings[key], sighting.system, sighting.condition, sighting.extensions, before)
        found = judged.get(alike) or judged.get((*alike, sighting.created_at)) or judged.get((*alike, key))
        if found is None:
            first = bool(first_in_tenant)
            found = onboarding_of(machine_of(sighting), subscription, now=now, previous=previous, first_in_tenant=first, own=own_rules)
            # When a machine was created decides only about how long it has waited, and only a remedy names its subscription.
            if found.state in WAITING:
                alike = (*alike, sighting.created_at)
            elif found.diagnosis is not None and sighting.place.subscription_id in found.diagnosis.remedy:
                alike = (*alike, key)
            judged[alike] = found
        if first_in_tenant is None:
            if found.state in WAITING:
                return None
            if found.state in ABOARD:
                first_in_tenant = False
        told = reports.get(sighting.id.lower()) if reports else None
        return with_reports(found, told) if told else found

    return judge


async def _checklists(
    fleet: FleetCache, clock: Clock, cloud: Cloud, ids: Sequence[str], ticks: Sequence[Tick]
) -> tuple[dict[str, list[Check]], dict[str, int]]:
    """The checks of some subscriptions, by their ids, and the keys of the machines in these, by theirs."""
    subscriptions = await fleet.subscription_records(ids)
    machines, keys = await fleet.alike(ids)
    assessments = _by_subscription(await fleet.assessments(ids))
    problems = _by_subscription(await fleet.problems(ids))
    reports = _by_subscription(await fleet.reports(ids, whole=True))
    ticked = _by_subscription(ticks)
    now = clock.now()

    def kept(key: str) -> list[Alike]:
        found: list[Alike] = []
        for one in machines.get(key, ()):
            kind = kinds.get(id(one.machine))
            if kind is None:
                kind = kinds[id(one.machine)] = Kind.of(one.machine)
            found.append(Alike(kind, one.state, one.ids, one.silent_since))
        return found

    kinds: dict[int, Kind] = {}

    def checklist(key: str, subscription: Subscription) -> list[Check]:
        return checks_of(
            subscription,
            kept(key),
            assessments[key],
            problems[key],
            ticked[key],
            integration_supported=cloud.integration_supported,
            azure_portal=cloud.azure_portal,
            now=now,
            reports=reports[key],
        )

    return await asyncio.to_thread(lambda: {one.id: checklist(key, one) for key, one in subscriptions.items()}), keys


def _by_subscription(records: Sequence[T]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for one in records:
        groups[one.subscription_id.lower()].append(one)
    return groups

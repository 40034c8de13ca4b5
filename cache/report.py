"""The report that ends the walk: the four proofs of each chosen subscription and in all, read from the cache and the journal alone."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cache.fleet import FleetCache
from cache.journal import Journal
from cache.model import Alert, Problem, Source
from cache.proof import (
    GOOD_FOR,
    TEST_ALERTS,
    CauseGroup,
    Proof,
    SubscriptionFacts,
    SubscriptionProof,
    prove,
    together,
)
from cache.proof_store import system_of
from cache.trail import TOLD, Run, Waiting, last_writes, runs_of_tests, waitings
from cache.verdicts import RANKS

T = TypeVar("T", Run, Waiting)

FOUR = {"enabled": "Enabled", "onboarded": "Onboarded", "healthy": "Healthy", "alert_seen": "Alert seen"}
"""The four proofs by name, in words."""


@dataclass(frozen=True, slots=True)
class DataAge:
    """When one source was read for the chosen subscriptions: of those for which it ever was the oldest and the newest reading.

    ``unread`` of them it never was, and ``problems`` could not be read the last time.
    """

    source: str
    oldest: datetime | None
    newest: datetime | None
    unread: int
    problems: int


@dataclass(frozen=True, slots=True)
class TrailHead:
    """The last entry of the audit trail, and whether the trail is as it was written. ``sequence`` is 0 for an empty one."""

    sound: bool
    text: str
    sequence: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report. ``trail`` is ``None`` as long as the audit trail has not been looked at, which then proves nothing."""

    made_at: datetime
    cloud: str
    tenant_id: str
    principal: str
    chosen: bool
    subscriptions: tuple[SubscriptionProof, ...]
    ages: tuple[DataAge, ...]
    trail: TrailHead | None

    @property
    def in_all(self) -> dict[str, Proof]:
        """The four in all subscriptions together."""
        return {name: together(one.four[name].proof for one in self.subscriptions) for name in FOUR}

    def counts(self, name: str) -> Counter[Proof]:
        """In how many subscriptions one of the four is how far proven."""
        return Counter(one.four[name].proof for one in self.subscriptions)

    @property
    def verdicts(self) -> Counter[Proof]:
        """How many subscriptions are how far proven in all four."""
        return Counter(one.verdict for one in self.subscriptions)

    @property
    def verdict(self) -> Proof:
        """``proven`` where all four hold in every subscription that has machines, and the audit trail is as it was written; ``partly``
        where they do in some; else ``not-proven``."""
        counts = self.verdicts
        proven = counts[Proof.PROVEN]
        if not proven:
            return Proof.NOT_PROVEN
        whole = proven + counts[Proof.NOTHING] == len(self.subscriptions) and self.trail is not None and self.trail.sound
        return Proof.PROVEN if whole else Proof.PARTLY

    @property
    def states(self) -> Counter[str]:
        """How many machines are in each state."""
        found: Counter[str] = Counter()
        for one in self.subscriptions:
            found.update(one.states)
        return found

    @property
    def causes(self) -> list[CauseGroup]:
        """What keeps machines back in all subscriptions, the worst state first, in it the largest group."""
        groups: dict[tuple[str, str, str], list[CauseGroup]] = defaultdict(list)
        for one in self.subscriptions:
            for each in one.facts.causes:
                groups[each.state, each.code, each.cause].append(each)
        found = [
            CauseGroup(same[0].state, same[0].code, same[0].cause, _remedy(same), sum(one.machines for one in same))
            for same in groups.values()
        ]
        return sorted(found, key=lambda one: (RANKS[one.state], -one.machines, one.cause))

    @property
    def as_of(self) -> datetime | None:
        """When the oldest data was read that it rests on."""
        return min((one.oldest for one in self.ages if one.oldest is not None), default=None)


def _remedy(same: Sequence[CauseGroup]) -> str:
    """What to do about one cause in several subscriptions: it may name one of them."""
    told = same[0].remedy
    return told if all(one.remedy == told for one in same) else f"{told} In its details it differs between subscriptions."


RESTS_ON = (Source.SUBSCRIPTIONS, Source.SETTINGS, Source.PLAN, Source.MACHINES, Source.ALERTS)
"""The sources that a report rests on."""


@dataclass(frozen=True, slots=True)
class Who:
    """Where a report is about, and as whom it was read."""

    cloud: str
    tenant_id: str
    principal: str


async def read_report(
    fleet: FleetCache, journal: Journal, now: datetime, who: Who, subscription_ids: Collection[str] | None, trail: TrailHead | None
) -> Report:
    """The report of these subscriptions, of all where ``None``. ``trail`` is what :func:`trail_head` says."""
    records = await fleet.subscription_records(subscription_ids)
    wanted = {one.lower(): one for one in (subscription_ids if subscription_ids is not None else ())} or {
        key: one.id for key, one in records.items()
    }
    entries = await journal.entries_about(TOLD)
    writes, waited, runs = await asyncio.to_thread(
        lambda: (last_writes(entries), _by_subscription(waitings(entries)), _by_subscription(runs_of_tests(entries)))
    )
    systems = await fleet.states_by_system(subscription_ids)
    enablings = await fleet.enablings(subscription_ids)
    health = await fleet.health_groups(now - GOOD_FOR, subscription_ids)
    causes = await fleet.cause_groups(subscription_ids)
    newest = await fleet.alert_window(await fleet.newest_titled(TEST_ALERTS.values(), subscription_ids))
    alerts = await _alerts(fleet, [one for key in wanted for one in waited.get(key, ())])
    read = await fleet.read_at(subscription_ids)
    problems: dict[str, list[Problem]] = defaultdict(list)
    for problem in await fleet.problems():
        problems[problem.subscription_id.lower()].append(problem)

    def told() -> tuple[tuple[SubscriptionProof, ...], tuple[DataAge, ...]]:
        """Of thousands of subscriptions it takes a while, in which keys are to be answered."""
        titled = _titled(newest.values())
        found = [
            prove(
                SubscriptionFacts(
                    records[key].id if key in records else spelled,
                    records.get(key),
                    read.get(key, {}),
                    problems.get(key, ()),
                    systems.get(key, {}),
                    health.get(key, ()),
                    causes.get(key, ()),
                    writes.get(key, {}),
                    waited.get(key, ()),
                    alerts,
                    titled.get(key, {}),
                    runs.get(key, ()),
                    enablings.get(key),
                ),
                now,
            )
            for key, spelled in wanted.items()
        ]
        found.sort(key=lambda one: (one.name.casefold(), one.id.lower()))
        return tuple(found), tuple(_age(source, wanted, read, problems) for source in RESTS_ON)

    found, ages = await asyncio.to_thread(told)
    return Report(now, who.cloud, who.tenant_id, who.principal, subscription_ids is not None, found, ages, trail)


async def trail_head(journal: Journal) -> TrailHead:
    """The head of the audit trail, and whether it is as it was written."""
    last = await journal.entries(limit=1)
    sound, text = await journal.verify()
    return TrailHead(sound, text, last[-1].sequence, last[-1].hash) if last else TrailHead(sound, text)


def _by_subscription(found: Iterable[T]) -> dict[str, list[T]]:
    told: dict[str, list[T]] = defaultdict(list)
    for one in found:
        parts = one.machine_id.split("/")
        if len(parts) > 2:
            told[parts[2].lower()].append(one)
    return told


async def _alerts(fleet: FleetCache, found: Iterable[Waiting]) -> dict[str, Alert]:
    """What is known now of the alerts that were waited for, by id in lower case."""
    wanted = {one.alert_id for one in found if one.alert_id}
    return {one.id.lower(): one for one in await fleet.some_alerts(wanted)} if wanted else {}


def _titled(alerts: Iterable[Alert]) -> dict[str, dict[str, Alert]]:
    systems = {title.lower(): system_of(system) for system, title in TEST_ALERTS.items()}
    told: dict[str, dict[str, Alert]] = defaultdict(dict)
    for one in alerts:
        told[one.subscription_id.lower()][systems[one.title.lower()]] = one
    return told


def _age(
    source: Source, wanted: Mapping[str, str], read: Mapping[str, Mapping[str, datetime]], problems: Mapping[str, Sequence[Problem]]
) -> DataAge:
    times = [read[key][source] for key in wanted if key in read and source in read[key]]
    whole = any(one.source == source for one in problems.get("", ()))
    failed = sum(whole or any(one.source == source for one in problems.get(key, ())) for key in wanted)
    return DataAge(str(source), min(times, default=None), max(times, default=None), len(wanted) - len(times), failed)

"""The world: tenants, subscriptions with their switches, and the machines in them.

Drawn from a seed, so that the same options give the same ids and names every time. Machines are drawn when they are first asked for:
a world of a hundred thousand starts as fast as one of ten.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from console.simulator import names, onboarding, principals
from console.simulator.clock import DAY, Clock
from console.simulator.machines import NEVER, Machine, draw_machines
from console.simulator.onboarding import Course, Extension, Periods
from console.simulator.principals import Principal
from console.simulator.roles import CONTRIBUTOR, OWNER, READER, SECURITY_ADMIN, SECURITY_READER, VIRTUAL_MACHINE_CONTRIBUTOR, Role
from console.simulator.situations import EXCLUDE, UNIFIED, WDATP, Situation, situations_for

_OTHERS: dict[str, tuple[Role, ...]] = {
    principals.READER.key: (READER,),
    principals.SECURITY_READER.key: (SECURITY_READER,),
    principals.SECURITY_ADMIN.key: (SECURITY_ADMIN,),
    principals.OPERATOR.key: (VIRTUAL_MACHINE_CONTRIBUTOR,),
    principals.APP.key: (OWNER,),
    principals.MACHINE.key: (CONTRIBUTOR,),
    principals.NOBODY.key: (),
}


@dataclass(frozen=True)
class Tenant:
    id: str
    name: str
    domain: str
    category: str


@dataclass(frozen=True)
class Pricing:
    tier: str
    sub_plan: str | None
    enabled_at: float | None


@dataclass
class Subscription:
    """A subscription and what has been done to it. `periods` says when the integration was on, by kind of system."""

    id: str
    name: str
    tenant: str
    situation: Situation
    machine_count: int
    settings: dict[str, bool] = field(default_factory=dict)
    pricings: dict[str, Pricing] = field(default_factory=dict)
    registered: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    managed_by: tuple[str, ...] = ()
    periods: dict[str, Periods] = field(default_factory=dict)
    revision: int = 0
    """Grows whenever something about its machines changes other than by time."""

    def switched(self, at: float) -> None:
        """Note what the settings and the plan now mean for each kind of system."""
        on = self.settings.get(WDATP, False) and self.pricings["VirtualMachines"].tier == "Standard" and not self.situation.moved
        meaning = {
            "Linux": on and not self.settings.get(EXCLUDE, False),
            "Windows": on,
            "legacy": on and self.settings.get(UNIFIED, False),
        }
        for kind, is_on in meaning.items():
            periods = self.periods.get(kind, ())
            was_on = bool(periods) and periods[-1][1] == NEVER
            if is_on and not was_on:
                self.periods[kind] = (*periods, (at, NEVER))
            elif was_on and not is_on:
                self.periods[kind] = (*periods[:-1], (periods[-1][0], at))
        self.revision += 1


@dataclass(frozen=True)
class ManualExtension:
    """An extension somebody put on a machine through the API."""

    extension: Extension
    settings: dict[str, object]
    done: float
    ends: Extension

    def at(self, now: float) -> Extension:
        return self.extension if now < self.done else self.ends


class World:
    def __init__(self, clock: Clock, seed: int = 1, machines: int = 110, subscriptions: int = 12) -> None:
        self.clock = clock
        self.seed = seed
        rng = random.Random(f"world/{seed}")
        self.tenants = (
            Tenant(_guid(rng), "Contoso", "contoso.example", "Home"),
            Tenant(_guid(rng), "Fabrikam [partner]", "fabrikam.example", "ProjectedBy"),
        )
        self.subscriptions: dict[str, Subscription] = {}
        chosen = situations_for(subscriptions)
        counts = _share_out(machines, chosen)
        for position, (situation, count) in enumerate(zip(chosen, counts, strict=True)):
            name = names.SUBSCRIPTION_NAMES[situation.name]
            self._add(rng, self.tenants[0], situation, name if position < 12 else f"{name} {position:04}", count)
        if subscriptions:
            self._add(rng, self.tenants[1], situations_for(1)[0], "Fabrikam Shared", min(4, machines))
        self._lock = threading.Lock()  # Resource Graph reads the world from its own thread
        self._drawn: dict[str, tuple[Machine, ...]] = {}
        self._by_id: dict[str, dict[str, Machine]] = {}
        self.removed: dict[tuple[str, str], float] = {}
        self.manual: dict[str, dict[str, ManualExtension]] = {}
        self.power: dict[str, float] = {}
        """Machines (by lower-case id) that were switched on or off since: the instant since when they are stopped, or infinity."""
        self.woken: dict[str, float] = {}
        """When a machine (by lower-case id) was switched on: what it missed while it was off, it meets from there on."""

    @property
    def tenant(self) -> Tenant:
        return self.tenants[0]

    def _add(self, rng: random.Random, tenant: Tenant, situation: Situation, name: str, count: int) -> None:
        subscription = Subscription(_guid(rng), name, tenant.id, situation, count, registered=situation.registered)
        began = self.clock.start - rng.uniform(30, 300) * DAY
        for setting, value in ((WDATP, situation.wdatp), (EXCLUDE, situation.exclude), (UNIFIED, situation.unified)):
            if value is not None:
                subscription.settings[setting] = value
        standard = situation.tier == "Standard"
        subscription.pricings = {
            "VirtualMachines": Pricing(situation.tier, situation.sub_plan, began if standard else None),
            "CloudPosture": Pricing("Free", None, None),
            "Arm": Pricing("Standard" if standard else "Free", "PerSubscription" if standard else None, began if standard else None),
        }
        subscription.tags = {"cost-center": f"{rng.randrange(1000, 9999)}"}
        if situation.moved:
            previous = _guid(rng)
            subscription.tags["previous-tenant"] = previous
            subscription.tags["note"] = names.TAG_VALUES[1]
            subscription.managed_by = (previous,)
        subscription.settings["MCAS"] = True
        subscription.switched(began)
        self.subscriptions[subscription.id] = subscription

    # Who may do what

    def roles(self, principal: Principal, subscription: Subscription) -> tuple[Role, ...]:
        if principal.key == principals.ADA.key:
            return subscription.situation.ada
        return _OTHERS[principal.key] if subscription.tenant == self.tenant.id else ()

    def visible(self, principal: Principal, tenant: str) -> list[Subscription]:
        """The subscriptions of a tenant in which the principal holds any role."""
        return [s for s in self.subscriptions.values() if s.tenant == tenant and self.roles(principal, s)]

    # Machines

    def machines(self, subscription: str) -> tuple[Machine, ...]:
        with self._lock:
            drawn = self._drawn.get(subscription)
            if drawn is None:
                owner = self.subscriptions[subscription]
                fresh = owner.situation.name == "all-on"
                drawn = draw_machines(self.seed, subscription, owner.machine_count, self.clock.start, fresh=fresh)
                self._drawn[subscription] = drawn
            return drawn

    def machine(self, resource_id: str) -> Machine | None:
        """The machine with this resource id, in whatever case it is written."""
        key = resource_id.lower()
        subscription = key.split("/")[2] if key.count("/") >= 8 else ""
        if subscription not in self.subscriptions:
            return None
        known = self._by_id.get(subscription)
        if known is None:
            known = self._by_id[subscription] = {m.id.lower(): m for m in self.machines(subscription)}
        return known.get(key)

    def stopped_since(self, machine: Machine) -> float:
        return self.power.get(machine.id.lower(), machine.stopped) if self.power else machine.stopped

    def course(self, machine: Machine) -> Course:
        """The way of the Defender extension onto this machine, as the switches stand."""
        periods = self.subscriptions[machine.subscription].periods.get(onboarding.periods_kind(machine), ())
        removed = self.removed.get((machine.id.lower(), machine.extension_name.lower()), 0.0) if self.removed else 0.0
        woken = self.woken.get(machine.id.lower()) if self.woken else None
        if woken is None:
            return onboarding.course(machine, periods, removed, self.stopped_since(machine))
        before = onboarding.course(machine, periods, removed, machine.stopped)
        if before != onboarding.NOWHERE and before.done < woken:
            return before
        return onboarding.course(machine, periods, max(removed, woken), self.stopped_since(machine))

    def set_running(self, machine: Machine, running: bool) -> None:
        """Switch a machine on or off, as its owner would."""
        now, key = self.clock.now(), machine.id.lower()
        self.power[key] = NEVER if running else now
        if running:
            self.woken[key] = now
        self.touch(machine)

    def extensions(self, machine: Machine, now: float) -> list[Extension]:
        """Everything installed on the machine at `now`."""
        found = list(onboarding.other_extensions(machine))
        defender = onboarding.defender_extension(machine, self.course(machine), now)
        if defender:
            found.append(defender)
        if self.removed:
            gone = self.removed
            key = machine.id.lower()
            found = [e for e in found if e.appeared > gone.get((key, e.name.lower()), 0.0)]
        if self.manual:
            by_hand = self.manual.get(machine.id.lower(), {})
            found = [e for e in found if e.name.lower() not in by_hand] + [m.at(now) for m in by_hand.values()]
        return found

    def defender(self, machine: Machine, now: float) -> Extension | None:
        """The Defender extension, however it came there."""
        return next((e for e in self.extensions(machine, now) if e.publisher == onboarding.PUBLISHER), None)

    def everything(self) -> Iterator[Machine]:
        for subscription in self.subscriptions:
            yield from self.machines(subscription)

    def touch(self, machine: Machine) -> None:
        """Something about the machine changed by hand."""
        self.subscriptions[machine.subscription].revision += 1


def _guid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _share_out(machines: int, situations: list[Situation]) -> list[int]:
    """Split the machines by the situations' shares; the remainder goes to the first that take any."""
    total = sum(s.share for s in situations) or 1.0
    counts = [int(machines * s.share / total) for s in situations]
    takers = [i for i, s in enumerate(situations) if s.share]
    for i in range(machines - sum(counts)):
        if takers:
            counts[takers[i % len(takers)]] += 1
    return counts

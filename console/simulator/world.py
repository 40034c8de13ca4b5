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

from console.simulator import changes, names, onboarding, principals
from console.simulator.clock import DAY, Clock
from console.simulator.machines import NEVER, Machine, draw_machines, draw_more
from console.simulator.onboarding import Course, Extension, Periods
from console.simulator.principals import Principal
from console.simulator.roles import CONTRIBUTOR, OWNER, READER, SECURITY_ADMIN, SECURITY_READER, VIRTUAL_MACHINE_CONTRIBUTOR, Role
from console.simulator.situations import EXCLUDE, SITUATIONS, UNIFIED, WDATP, Situation, situations_for

PREDECESSOR = "pia@contoso.example"
"""Who made the settings that a subscription begins with."""

LARGE, MANY = 5_000, 100
"""From so many machines on some have names of 200 wide letters; from so many subscriptions on they are of different sizes."""

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


@dataclass(frozen=True)
class SettingWrite:
    """A write of a setting, as the activity log remembers it: not what was written."""

    at: float
    setting: str
    caller: str
    taken: bool = True


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
    registering: int = 0
    """While Microsoft.Security is being registered: how many looks at it until it is, whatever the clock does."""
    tags: dict[str, str] = field(default_factory=dict)
    managed_by: tuple[str, ...] = ()
    periods: dict[str, Periods] = field(default_factory=dict)
    written: list[SettingWrite] = field(default_factory=list)
    """Who wrote which setting when."""
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
    replaced: bool = False
    """Did it take the place of one that was there?"""

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
        self._wide = machines >= LARGE
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
        self.log: dict[str, list[changes.Change]] = {}
        """By subscription: what somebody changed by hand, and the history of what they took away."""

    @property
    def tenant(self) -> Tenant:
        return self.tenants[0]

    def _add(self, rng: random.Random, tenant: Tenant, situation: Situation, name: str, count: int) -> None:
        subscription = Subscription(_guid(rng), name, tenant.id, situation, count, registered=situation.registered)
        began = self.clock.start - rng.uniform(30, 300) * DAY
        for setting, value in ((WDATP, situation.wdatp), (EXCLUDE, situation.exclude), (UNIFIED, situation.unified)):
            if value is not None:
                subscription.settings[setting] = value
                subscription.written.append(SettingWrite(began, setting, PREDECESSOR))
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
                drawn = draw_machines(self.seed, subscription, owner.machine_count, self.clock.start, fresh=fresh, wide=self._wide)
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
        if (self.stopped_since(machine) > now) is running:
            return
        self.power[key] = NEVER if running else now
        if running:
            self.woken[key] = now
        self.note(changes.power(machine, now, running=running))
        self.touch(machine)

    def create(self, subscription: str, count: int = 1) -> tuple[Machine, ...]:
        """New machines in a subscription, now: they run and nothing is installed on them yet."""
        there, owner = self.machines(subscription), self.subscriptions[subscription]
        first = max((m.number for m in there), default=-1) + 1
        made = draw_more(self.seed, subscription, first, count, self.clock.now())
        self._replace(subscription, (*there, *made))
        owner.machine_count += len(made)
        return made

    def delete(self, machine: Machine) -> None:
        """A machine and its extensions are no more. KeyError where it is gone already."""
        there, now = self.machines(machine.subscription), self.clock.now()
        if machine not in there:
            raise KeyError(machine.id)
        history = [*changes.of_machine(machine, now)]
        for extension in self.extensions(machine, now):
            history += self.history(machine, extension, now)
            history.append(changes.Change(machine, extension.name, changes.DELETE, now))
        history.append(changes.Change(machine, "", changes.DELETE, now))
        self.note(*history)
        self._replace(machine.subscription, tuple(m for m in there if m is not machine))
        self.subscriptions[machine.subscription].machine_count -= 1

    def double(self) -> int:
        """Each subscription gets as many new machines as it has; how many those are together."""
        return sum(len(self.create(s.id, s.machine_count)) for s in list(self.subscriptions.values()) if s.machine_count)

    def halve(self) -> int:
        """Every second machine of each subscription is deleted; how many those are together."""
        gone = [machine for one in self.subscriptions for machine in self.machines(one)[::2]]
        for machine in gone:
            self.delete(machine)
        return len(gone)

    def _replace(self, subscription: str, machines: tuple[Machine, ...]) -> None:
        with self._lock:
            self._drawn[subscription] = machines
            self._by_id.pop(subscription, None)
        self.subscriptions[subscription].revision += 1

    def note(self, *made: changes.Change) -> None:
        """Remember changes that are no function of the clock."""
        for change in made:
            self.log.setdefault(change.machine.subscription, []).append(change)

    def history(self, machine: Machine, extension: Extension, now: float) -> Iterator[changes.Change]:
        """What happened to an extension that is there."""
        by_hand = self.manual.get(machine.id.lower(), {}).get(extension.name.lower()) if self.manual else None
        return changes.of_extension(machine, extension, now, replaced=by_hand is not None and by_hand.replaced)

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
    """Split the machines by the situations' shares; the remainder goes to the first that take any.

    Where there are many subscriptions they differ as a company's do: every eighth is empty, every fiftieth is a large one.
    """
    shares = [s.share for s in situations]
    if len(situations) >= MANY:
        for i in range(len(SITUATIONS), len(situations)):
            shares[i] *= 0.0 if i % 8 == 5 else 12.0 if i % 50 == 0 else 1.0
    total = sum(shares) or 1.0
    counts = [int(machines * share / total) for share in shares]
    takers = [i for i, share in enumerate(shares) if share]
    for i in range(machines - sum(counts)):
        if takers:
            counts[takers[i % len(takers)]] += 1
    return counts

"""One machine of the world, and how a subscription's machines are drawn.

A machine is small (a hundred thousand are kept) and never changes: what changes over time is computed from it, the clock and the
switches of its subscription by `onboarding`.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, replace

from console.simulator import names
from console.simulator.clock import DAY, HOUR, MINUTE
from console.simulator.systems import BY_KEY, SYSTEMS, System

VM, ARC = "vm", "arc"
PROVIDER = {VM: "Microsoft.Compute/virtualMachines", ARC: "Microsoft.HybridCompute/machines"}

READY, IGNORED, STUCK, PREVIOUS = "ready", "ignored", "stuck", "previous"
"""Fates besides failing: comes aboard, is passed over because of another fanotify product, never hears of it, is reconfigured."""


@dataclass(frozen=True, slots=True)
class Machine:
    subscription: str
    number: int
    kind: str
    name: str
    display: str
    group: str
    location: str
    system: System
    fate: str
    """One of the fates above, or the key of the failure in which its extension ends."""
    product: str
    """The other security product on it, or ''."""
    legacy_agent: bool
    """Has the Log Analytics agent."""
    monitor_agent: bool
    created: float
    delay: float
    """Seconds from being eligible to the extension's appearance."""
    duration: float
    """Seconds from the extension's appearance to its end."""
    stopped: float
    """Since when it is powered off (VM) or silent (Arc); infinity while it runs."""
    unique: str
    tags: dict[str, str] | None
    size: str
    flawed: str = ""
    """'' | 'expired' for Arc machines silent for more than 45 days."""

    @property
    def id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{PROVIDER[self.kind]}/{self.name}"

    @property
    def extension_name(self) -> str:
        return "MDE.Linux" if self.system.linux else "MDE.Windows"


NEVER = float("inf")
_PRODUCTS = ("ds_agent", "cbsensor", "MFEcma")
_SIZES = ("Standard_D2s_v5", "Standard_D4s_v5", "Standard_B2ms", "Standard_E4s_v5", "Standard_B1s", "Standard_D2ps_v5")
_VM_SYSTEMS = tuple(s for s in SYSTEMS if s.vm)
_ARC_SYSTEMS = tuple(s for s in SYSTEMS if s.arc)
_VM_WEIGHTS = tuple(s.weight for s in _VM_SYSTEMS)
_ARC_WEIGHTS = tuple(s.weight for s in _ARC_SYSTEMS)

# (kind, system, fate, power): what every populated subscription shows first, so that even a small world has one of each.
_SHOWCASE: tuple[tuple[str, str, str, str], ...] = (
    (VM, "ubuntu-2204", READY, ""),
    (VM, "server-2019", READY, ""),
    (ARC, "rhel-9", READY, ""),
    (VM, "rhel-8", READY, ""),
    (VM, "server-2016", READY, ""),
    (ARC, "server-2022", READY, ""),
    (VM, "rhel-8", "conflict", ""),
    (ARC, "ubuntu-2004", READY, "silent"),
    (VM, "ubuntu-2404", READY, "stopped"),
    (VM, "debian-12", READY, ""),
    (VM, "windows-10", READY, ""),
    (ARC, "oracle-8", READY, ""),
    (VM, "ubuntu-1404", "unsupported", ""),
    (VM, "sles-15", PREVIOUS, ""),
    (VM, "debian-12", "repository", ""),
    (ARC, "rocky-9", READY, ""),
    (VM, "linux-custom", READY, ""),
    (ARC, "amazon-2023", "python", ""),
    (VM, "ubuntu-2204", READY, ""),
    (VM, "mariner-2", READY, ""),
    (ARC, "oracle-8", IGNORED, ""),
    (VM, "rhel-79", "requirements", ""),
    (VM, "alma-9", READY, ""),
    (VM, "avd-multi", READY, ""),
    (VM, "freebsd-14", READY, ""),
    (ARC, "fedora-42", READY, "expired"),
    (VM, "centos-79", STUCK, ""),
    (VM, "server-2022", "sense-start", ""),
    (ARC, "rhel-9", READY, ""),
    (ARC, "rocky-9", "noexec", ""),
    (VM, "windows-custom", READY, "stopped"),
    (VM, "alma-9", "onboarding", ""),
    (ARC, "debian-11", "half-installed", ""),
    (ARC, "server-2012r2", READY, ""),
    (VM, "oracle-8", "package", ""),
    (VM, "sles-12", "repository-key", ""),
    (ARC, "rhel-610", "unsupported", ""),
)

_HOSTILE = (5, 7, 11, 15, 17, 20, 25, 28, 29, 32, 33)
"""Which of the Arc machines among them bear names that are hard to show."""

_FATES = (
    READY,
    PREVIOUS,
    STUCK,
    "conflict",
    IGNORED,
    "repository",
    "requirements",
    "python",
    "dependency",
    "package",
    "onboarding",
    "internet",
    "noexec",
    "stuck-handler",
)
_FATE_WEIGHTS = (860, 30, 8, 25, 10, 18, 10, 10, 8, 5, 6, 6, 4, 4)
_ARC_ONLY = ("noexec", "stuck-handler")
_WINDOWS_FATES = (READY, PREVIOUS, STUCK, "sense-start", "sense-timeout", "organisation")
_WINDOWS_WEIGHTS = (900, 30, 8, 20, 12, 10)


def draw_machines(seed: int, subscription: str, count: int, start: float, *, fresh: bool, wide: bool = False) -> tuple[Machine, ...]:
    """`count` machines for a subscription: the same for the same seed, subscription and start.

    With `fresh`, some were created within the last hours before `start`, so that a subscription that was switched on long ago still
    shows machines that wait, are late, or are being installed. With `wide`, a few bear names of 200 wide letters.
    """
    rng = random.Random(f"{seed}/{subscription}")
    groups = [f"rg-{rng.choice(names.ROLES)}-{rng.choice(names.STAGES)}" for _ in range(max(2, min(40, count // 8)))]
    drawn = (_draw(rng, subscription, number, groups, start, fresh) for number in range(count))
    return tuple(_widened(machine) if wide else machine for machine in drawn)


def _draw(rng: random.Random, subscription: str, number: int, groups: list[str], start: float, fresh: bool) -> Machine:
    if number < len(_SHOWCASE):
        kind, key, fate, power = _SHOWCASE[number]
        system = BY_KEY[key]
    else:
        kind = VM if rng.random() < 0.72 else ARC
        system = rng.choices(_VM_SYSTEMS, _VM_WEIGHTS)[0] if kind == VM else rng.choices(_ARC_SYSTEMS, _ARC_WEIGHTS)[0]
        fate = rng.choices(_FATES, _FATE_WEIGHTS)[0] if system.linux else rng.choices(_WINDOWS_FATES, _WINDOWS_WEIGHTS)[0]
        if kind == VM and fate in _ARC_ONLY:
            fate = "version"
        if system.refused:
            fate = "unsupported"
        power = "" if rng.random() < 0.92 else ("stopped" if kind == VM else rng.choice(("silent", "silent", "expired")))
    role, stage = rng.choice(names.ROLES), rng.choice(names.STAGES)
    name = f"{'vm' if kind == VM else rng.choice(names.PLACES)}-{role}-{stage}-{number:0{3 if number < 1000 else 6}}"
    display = name
    if kind == ARC and number in _HOSTILE:
        position = _HOSTILE.index(number)
        display = names.DISPLAY_NAMES[position]
        name = names.ARC_NAMES[position] if position < len(names.ARC_NAMES) else name
    elif kind == ARC and number % 13 == 0:
        display = names.DISPLAY_NAMES[number % len(names.DISPLAY_NAMES)]
    created = start - rng.uniform(3, 700) * DAY
    if fresh and number % 9 == 1:
        created = start - rng.choice((4 * MINUTE, 20 * MINUTE, 75 * MINUTE, 5 * HOUR, 26 * HOUR))
    stopped, flawed = NEVER, ""
    if power == "stopped":
        stopped = start - rng.uniform(0.5, 60) * DAY
    elif power == "silent":
        stopped = start - rng.uniform(0.05, 30) * DAY
    elif power == "expired":
        stopped, flawed = start - rng.uniform(46, 300) * DAY, "expired"
    return Machine(
        subscription=subscription,
        number=number,
        kind=kind,
        name=name,
        display=display,
        group=groups[number % len(groups)],
        location=names.LOCATIONS[rng.randrange(len(names.LOCATIONS))],
        system=system,
        fate=fate,
        product=rng.choice(_PRODUCTS[:2] if fate == "conflict" else _PRODUCTS[2:]) if fate in ("conflict", IGNORED) else "",
        legacy_agent=rng.random() < 0.25 or (system.legacy and rng.random() < 0.6),
        monitor_agent=rng.random() < 0.3,
        created=created,
        delay=_delay(rng),
        duration=rng.uniform(2, 9) * MINUTE,
        stopped=stopped,
        unique=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        tags=_tags(rng, number, role, stage),
        size=_SIZES[rng.randrange(len(_SIZES))],
        flawed=flawed,
    )


def draw_more(seed: int, subscription: str, first: int, count: int, now: float) -> tuple[Machine, ...]:
    """`count` machines that are created `now` (seconds since the epoch), numbered from `first`; they run, and have no extension yet."""
    rng = random.Random(f"{seed}/{subscription}/{first}/{now}")
    groups = [f"rg-{rng.choice(names.ROLES)}-{rng.choice(names.STAGES)}" for _ in range(2)]
    numbers = range(max(first, len(_SHOWCASE)), max(first, len(_SHOWCASE)) + count)
    return tuple(
        replace(
            _draw(rng, subscription, number, groups, now, fresh=False),
            created=now,
            stopped=NEVER,
            flawed="",
            legacy_agent=False,
            monitor_agent=False,
            product="",
            fate=READY,
        )
        for number in numbers
    )


def _widened(machine: Machine) -> Machine:
    """The machine, or for one Arc machine in some 80 the same under a name of 200 wide letters, its number among them."""
    if machine.kind != ARC or machine.number % 83 != 41:
        return machine
    number = f"{machine.number:06}"
    return replace(machine, name=names.WIDE[: 200 - len(number)] + number, display=names.WIDE[:200])


def _delay(rng: random.Random) -> float:
    """Most within an hour, as today's documentation promises; some take hours, as the seed allows."""
    share = rng.random()
    if share < 0.75:
        return rng.uniform(3, 50) * MINUTE
    if share < 0.93:
        return rng.uniform(50, 150) * MINUTE
    return rng.uniform(3, 14) * HOUR


def _tags(rng: random.Random, number: int, role: str, stage: str) -> dict[str, str] | None:
    share = rng.random()
    if share < 0.2:
        return None
    tags = {"environment": stage, "role": role}
    if number % 7 == 3:
        tags["note"] = names.TAG_VALUES[(number // 7) % len(names.TAG_VALUES)]
    if number % 11 == 4:
        tags["[owner]"] = "ops <ops@contoso.example>"
    if number % 23 == 9:
        tags["ExcludeMdeAutoUpdate"] = "true"
    return tags

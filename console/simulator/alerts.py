"""Alerts over time: a history when the world begins, a few new ones each day, a test alert when one is triggered.

Which alerts come, and when, is drawn from the seed, the subscription and the day; so any instant can be asked for. Only machines with a
working Defender extension raise alerts of Defender for Endpoint.
"""

from __future__ import annotations

import random
import threading
import uuid

from console.simulator import names
from console.simulator.alert_json import Alert, Kind
from console.simulator.clock import DAY, HOUR, MINUTE
from console.simulator.machines import Machine
from console.simulator.wire import ArmError
from console.simulator.world import Subscription, World

HISTORY_DAYS = 10
LONG_HISTORY_DAYS = 60
"""How far back a history of a given size reaches."""
_LOCATIONS = ("westeurope", "centralus")

WINDOWS_TEST = Kind(
    "VM.MDATP_SuspiciousPowerShellCommandLine",
    "Suspicious PowerShell CommandLine",
    "Informational",
    "Execution",
    "A suspicious PowerShell activity was observed on the machine.\r\nThis behavior may indicate that PowerShell was used during "
    "installation, exploration, or in some cases in lateral movement activities.",
    (
        "1. Examine the PowerShell command line.",
        "2. Contact the user to verify whether this is legitimate.",
        "3. Isolate the machine if it is not.",
    ),
    ("T1059",),
)
LINUX_TEST = Kind(
    "VM.MDATP_EnumerationOfFilesWithSensitiveData",
    "Enumeration of files with sensitive data",
    "Low",
    "Collection",
    "A process enumerated many files that may hold sensitive data.\nThis may precede theft of credentials.",
    ("1. Find out which process read the files.", "2. Rotate the keys it may have read."),
    ("T1083",),
)

_KINDS = (
    Kind(
        "VM.MDATP_ReverseShell",
        "Possible reverse shell",
        "Medium",
        "Execution",
        names.ALERT_TEXTS[1],
        ("Isolate the machine.",),
        ("T1059",),
    ),
    Kind(
        "VM.MDATP_CryptoMiner",
        "Digital currency mining activity",
        "High",
        "Impact",
        names.ALERT_TEXTS[2],
        ("Stop the process.",),
        ("T1496",),
    ),
    Kind(
        "VM.MDATP_SuspiciousFile",
        "Suspicious file [dropped] & launched",
        "Medium",
        "Execution",
        names.ALERT_TEXTS[3],
        ("Delete the file.",),
    ),
    LINUX_TEST,
    Kind(
        "VM.MDATP_EICAR",
        "'EICAR_Test_File' malware was prevented",
        "Informational",
        "Malware",
        names.ALERT_TEXTS[0],
        ("No further action is needed.",),
        product="Microsoft Defender for Endpoint",
    ),
    Kind(
        "VM_LoginBruteForceSuccess",
        "Successful SSH brute force attack",
        "High",
        "PreAttack",
        "Analysis of host data has detected a successful brute force attack.",
        ("Check the authentication log.",),
        ("T1110",),
        "Azure Security Center",
    ),
    Kind(
        "VM_SuspectCompilation",
        "Suspicious compilation detected",
        "Low",
        "Execution",
        "Analysis of host data has detected suspicious compilation.",
        ("Ask the owner of the machine.",),
        product="Azure Security Center",
    ),
)


class Alerts:
    """All alerts of the world, made when they are asked for.

    With `count` the history holds exactly so many, over the subscriptions that have a plan and machines, by how many machines each has.
    """

    def __init__(self, world: World, portal: str = "https://portal.azure.com", count: int | None = None) -> None:
        self._world = world
        self._portal = portal
        self._lock = threading.RLock()  # Resource Graph asks from its own thread
        self._made: dict[str, list[Alert]] = {}
        self._days: dict[str, int] = {}
        self._coming: dict[str, list[Alert]] = {}
        self._shares = None if count is None else _shares(world, count)
        self.revisions: dict[str, int] = {}
        """By subscription: grows whenever somebody changes an alert's status or adds one."""

    def until(self, subscription: Subscription, now: float) -> list[Alert]:
        """The alerts generated up to `now`, newest first."""
        with self._lock:
            self._draw_days(subscription, now)
            coming = self._coming.get(subscription.id, [])
            due = [a for a in coming if a.generated <= now]
            if due:
                self._coming[subscription.id] = [a for a in coming if a.generated > now]
                made = [*self._made.get(subscription.id, ()), *(a for a in due if a.forced or self._happens(a))]
                self._made[subscription.id] = sorted(made, key=lambda a: (-a.generated, a.name))
            return self._made.get(subscription.id, [])

    def next_due(self, subscription: Subscription) -> float:
        """When the next alert that is already known of arrives."""
        return min((a.generated for a in self._coming.get(subscription.id, ())), default=float("inf"))

    def get(self, subscription: Subscription, location: str, name: str, group: str | None, now: float) -> Alert:
        for alert in self.until(subscription, now):
            if alert.name == name.lower() and alert.location == location.lower() and group in (None, alert.group):
                return alert
        raise ArmError(404, "NotFound", f"Alert {name} was not found in location {location}.")

    def set_status(self, alert: Alert, status: str, _now: float) -> None:
        alert.status = status
        self._touch(alert.subscription)

    def trigger_test(self, machine: Machine, now: float) -> None:
        """The detection test was run: its alert comes 5 to 15 minutes later, if Defender for Endpoint is at work there."""
        extension = self._world.defender(machine, now)
        if extension is None or extension.outcome != "succeeded":
            return
        rng = random.Random(f"{machine.id}/{now}")
        self.add(machine, LINUX_TEST if machine.system.linux else WINDOWS_TEST, now + rng.uniform(5, 15) * MINUTE)

    def add(self, machine: Machine, kind: Kind, at: float, description: str = "") -> Alert:
        """An alert that appears at an instant, which may be in the future."""
        rng = random.Random(f"{machine.id}/{kind.type}/{at}")
        alert = self._make(self._world.subscriptions[machine.subscription], machine, kind, description or kind.description, at, rng)
        alert.forced = True
        with self._lock:
            self._coming[machine.subscription] = [*self._coming.get(machine.subscription, ()), alert]
        self._touch(machine.subscription)
        return alert

    def _touch(self, subscription: str) -> None:
        self.revisions[subscription] = self.revisions.get(subscription, 0) + 1

    def _draw_days(self, subscription: Subscription, now: float) -> None:
        began = int(self._world.clock.start // DAY)
        first = began - HISTORY_DAYS if self._shares is None else began
        today = int(now // DAY)
        if self._shares is not None and subscription.id not in self._days:
            self._made[subscription.id] = self._draw_history(subscription, self._shares.get(subscription.id, 0))
        day = self._days.get(subscription.id, first - 1) + 1
        while day <= today:
            self._coming.setdefault(subscription.id, []).extend(self._draw_day(subscription, day))
            day += 1
        self._days[subscription.id] = today

    def _draw_day(self, subscription: Subscription, day: int) -> list[Alert]:
        machines = self._world.machines(subscription.id)
        if not machines:
            return []
        rng = random.Random(f"alerts/{self._world.seed}/{subscription.id}/{day}")
        found = []
        for _ in range(rng.randrange(0, 3 + min(40, len(machines) // 60))):
            machine, at, kind = rng.choice(machines), (day + rng.random()) * DAY, rng.choice(_KINDS)
            status = rng.choices(("Active", "Dismissed", "Resolved", "InProgress"), (14, 2, 3, 1))[0]
            alert = self._make(subscription, machine, kind, kind.description, at, rng)
            if at < self._world.clock.start:
                if self._shares is not None:
                    continue
                alert.status = status
            found.append(alert)
        return found

    def _draw_history(self, subscription: Subscription, count: int) -> list[Alert]:
        """So many alerts of the days before the world began, newest first."""
        machines, start = self._world.machines(subscription.id), self._world.clock.start
        rng = random.Random(f"alerts/{self._world.seed}/{subscription.id}/{count}")
        found = []
        for _ in range(count):
            machine, at = rng.choice(machines), start - rng.random() * LONG_HISTORY_DAYS * DAY
            extension = self._world.defender(machine, at)
            kind = rng.choice(_KINDS if extension is not None and extension.outcome == "succeeded" else _NATIVE)
            alert = self._make(subscription, machine, kind, kind.description, at, rng)
            alert.status = rng.choices(("Active", "Dismissed", "Resolved", "InProgress"), (14, 2, 3, 1))[0]
            found.append(alert)
        return sorted(found, key=lambda a: (-a.generated, a.name))

    def _happens(self, alert: Alert) -> bool:
        """Is there a plan, does the machine run, and is Defender for Endpoint at work there where the alert is its own?"""
        subscription, at = self._world.subscriptions[alert.subscription], alert.generated
        if subscription.pricings["VirtualMachines"].tier != "Standard" or not subscription.registered:
            return False
        if self._world.stopped_since(alert.machine) <= at:
            return False
        extension = self._world.defender(alert.machine, at)
        return not alert.kind.from_endpoint or (extension is not None and extension.outcome == "succeeded")

    def _make(self, subscription: Subscription, machine: Machine, kind: Kind, text: str, at: float, rng: random.Random) -> Alert:
        name = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        location = _LOCATIONS[rng.randrange(len(_LOCATIONS))]
        started = at - rng.uniform(0.02, 1.5) * HOUR
        return Alert(name, subscription.id, subscription.tenant, location, machine, kind, text, started, at, self._portal)


_NATIVE = tuple(kind for kind in _KINDS if not kind.from_endpoint)


def _shares(world: World, count: int) -> dict[str, int]:
    """How many of `count` alerts fall to each subscription, by its id."""
    able = [s for s in world.subscriptions.values() if s.machine_count and s.registered and s.tenant == world.tenant.id]
    able = [s for s in able if s.pricings["VirtualMachines"].tier == "Standard"]
    total = sum(s.machine_count for s in able)
    shares = {s.id: count * s.machine_count // total for s in able}
    for subscription in able[: count - sum(shares.values())]:
        shares[subscription.id] += 1
    return shares


KINDS = {kind.type: kind for kind in (*_KINDS, WINDOWS_TEST)}

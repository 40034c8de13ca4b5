"""What changed in the world, as the change history of Resource Graph tells it.

Most changes are a function of the machine and the clock, as everything else is. What somebody did by hand is noted in a log when it is
done, together with the history of what it took away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from console.simulator.clock import DAY
from console.simulator.machines import ARC, NEVER, Machine
from console.simulator.onboarding import Extension

CREATE, UPDATE, DELETE = "Create", "Update", "Delete"

EXPIRES_AFTER = 45 * DAY
"""Seconds of silence after which an Arc machine counts as expired."""

Values = dict[str, tuple[str, str]]
"""Changed properties: path → what it was and what it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `extension` is the extension's name, or '' for the machine itself; `at` is seconds since the epoch."""

    machine: Machine
    extension: str
    kind: str
    at: float
    values: Values = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The resource id of what changed."""
        return f"{self.machine.id}/extensions/{self.extension}" if self.extension else self.machine.id


def of_machine(machine: Machine, now: float) -> Iterator[Change]:
    """What happens to a machine by itself until `now`: it is created, and may fall silent or be switched off."""
    if machine.created <= now:
        yield Change(machine, "", CREATE, machine.created)
    if not machine.created < machine.stopped <= now:
        return
    yield power(machine, machine.stopped, running=False)
    if machine.kind == ARC and machine.stopped + EXPIRES_AFTER <= now:
        yield Change(machine, "", UPDATE, machine.stopped + EXPIRES_AFTER, {"properties.status": ("Disconnected", "Expired")})


def power(machine: Machine, at: float, *, running: bool) -> Change:
    """A machine is switched on or off, or an Arc machine falls silent or is heard of again."""
    if machine.kind == ARC:
        path, off, on = "properties.status", "Disconnected", "Connected"
    else:
        stopped = "deallocated" if machine.number % 3 else "stopped"
        path, off, on = "properties.extended.instanceView.powerState.code", f"PowerState/{stopped}", "PowerState/running"
    return Change(machine, "", UPDATE, at, {path: (off, on) if running else (on, off)})


def of_extension(machine: Machine, extension: Extension, now: float, *, replaced: bool = False) -> Iterator[Change]:
    """What happens to an extension until `now`: it appears (or, with `replaced`, takes the place of another), then it is done."""
    if extension.appeared <= now:
        yield Change(machine, extension.name, UPDATE if replaced else CREATE, extension.appeared)
    if extension.outcome and extension.appeared < extension.changed <= now:
        values = {"properties.provisioningState": ("Creating", extension.provisioning_state)}
        yield Change(machine, extension.name, UPDATE, extension.changed, values)


def moments(machine: Machine, stopped: float, now: float) -> Iterator[float]:
    """When time alone will next change a machine that has been out of reach since `stopped`."""
    if machine.kind == ARC and stopped != NEVER and stopped + EXPIRES_AFTER > now:
        yield stopped + EXPIRES_AFTER

"""How a machine comes aboard: a function of the machine, the switches of its subscription and the clock.

Defender for Cloud deploys the extension while the integration is on for the machine's system: none, then one that is being provisioned,
then one that succeeded or failed. Nothing here is stored, so any instant can be asked for, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.simulator.clock import MINUTE
from console.simulator.failures import BY_KEY
from console.simulator.machines import ARC, IGNORED, NEVER, PREVIOUS, READY, STUCK, Machine

Periods = tuple[tuple[float, float], ...]
"""When the integration was on for a kind of system: (from, until), until being infinity while it is on."""

PUBLISHER = "Microsoft.Azure.AzureDefenderForServers"


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension on a machine at an instant. `outcome` is '' while it is being provisioned."""

    name: str
    publisher: str
    type: str
    version: str
    appeared: float
    changed: float
    outcome: str
    """'' | 'succeeded' | 'failed'"""
    code: str = ""
    message: str = ""

    @property
    def provisioning_state(self) -> str:
        return {"": "Creating", "succeeded": "Succeeded", "failed": "Failed"}[self.outcome]


@dataclass(frozen=True, slots=True)
class Course:
    """When the Defender extension of a machine appears and when it is done; infinity means never."""

    appears: float
    done: float


NOWHERE = Course(NEVER, NEVER)


def periods_kind(machine: Machine) -> str:
    """Which of its subscription's switches governs the machine."""
    if machine.system.linux:
        return "Linux"
    return "legacy" if machine.system.legacy else "Windows"


def course(machine: Machine, periods: Periods, removed: float = 0.0, stopped: float = NEVER) -> Course:
    """The way of the Defender extension onto `machine`, were the switches to stay as they are.

    `removed` is when somebody deleted the extension: it comes back while the integration is on. `stopped` is since when the machine is
    out of reach.
    """
    system = machine.system
    if machine.fate in (IGNORED, STUCK) or not (system.supported or system.refused):
        return NOWHERE
    for on, off in periods:
        appears = max(on, machine.created, removed) + machine.delay
        done = appears + machine.duration
        if appears < off and done < stopped:
            return Course(appears, done)
    return NOWHERE


def defender_extension(machine: Machine, way: Course, now: float) -> Extension | None:
    """The Defender extension of a machine at `now`, or None before it appears."""
    if now < way.appears:
        return None
    name = machine.extension_name
    version = "1.0.8.2" if machine.system.linux else "1.0.10.3"
    if now < way.done:
        message = f"Plugin enable in progress for {name}. Status=transitioning, Code=1"
        return Extension(name, PUBLISHER, name, version, way.appears, way.appears, "", "1", message)
    if machine.fate == READY:
        message = "Microsoft Defender for Endpoint onboarding completed successfully."
        return Extension(name, PUBLISHER, name, version, way.appears, way.done, "succeeded", "0", message)
    if machine.fate == PREVIOUS:
        message = (
            "A previous installation of Microsoft Defender for Endpoint was found and reconfigured to integrate with Defender for Cloud."
        )
        return Extension(name, PUBLISHER, name, version, way.appears, way.done, "succeeded", "0", message)
    failure = BY_KEY[machine.fate]
    message = failure.message.replace("{product}", machine.product).replace("{id}", machine.id)
    return Extension(name, PUBLISHER, name, version, way.appears, way.done, "failed", failure.code, message)


def other_extensions(machine: Machine) -> tuple[Extension, ...]:
    """The extensions a machine has for other reasons: agents, and products that conflict."""
    found = []
    linux, born = machine.system.linux, machine.created + 5 * MINUTE
    if machine.legacy_agent:
        kind = "OmsAgentForLinux" if linux else "MicrosoftMonitoringAgent"
        found.append(_installed(kind, "Microsoft.EnterpriseCloud.Monitoring", kind, "1.19.0" if linux else "1.0.18067.0", born))
    if machine.monitor_agent:
        kind = "AzureMonitorLinuxAgent" if linux else "AzureMonitorWindowsAgent"
        found.append(_installed(kind, "Microsoft.Azure.Monitor", kind, "1.35.0", born))
    if machine.product == "ds_agent":
        found.append(_installed("TrendMicroDSALinux", "TrendMicro.DeepSecurity", "TrendMicroDSALinux", "20.0.0.0", born))
    elif machine.product == "cbsensor" and machine.kind != ARC:
        found.append(_installed("CarbonBlackCloudSensor", "VMwareCarbonBlack", "vmwareCarbonBlackLinux", "2.15.0.0", born))
    return tuple(found)


def _installed(name: str, publisher: str, kind: str, version: str, born: float) -> Extension:
    return Extension(name, publisher, kind, version, born, born, "succeeded", "0", f"{kind}: enable succeeded")

"""Recommendations about machines, by the assessment keys of the facts (section 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.simulator.clock import DAY, iso
from console.simulator.machines import ARC, VM, Machine
from console.simulator.wire import Json
from console.simulator.world import Subscription, World

LOG_ANALYTICS_VM = "d1db3318-01ff-16de-29eb-28b344515626"
LOG_ANALYTICS_LINUX_ARC = "720a3e77-0b9a-4fa9-98b6-ddf0fd7e32c1"
LOG_ANALYTICS_WINDOWS_ARC = "27ac71b1-75c5-41c2-adc2-858f5db45b08"
EDR_INSTALLED = "06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c"
EDR_CONFIGURED = "dc5357d0-3858-4d17-a1a3-072840bff5be"

_TITLES = {
    LOG_ANALYTICS_VM: "Log Analytics agent should be installed on virtual machines",
    LOG_ANALYTICS_LINUX_ARC: "Log Analytics agent should be installed on Linux-based Azure Arc-enabled machines",
    LOG_ANALYTICS_WINDOWS_ARC: "Log Analytics agent should be installed on Windows-based Azure Arc-enabled machines",
    EDR_INSTALLED: "EDR solution should be installed on Virtual Machines",
    EDR_CONFIGURED: "EDR configuration issues should be resolved on virtual machines",
}


@dataclass(frozen=True)
class Assessment:
    machine: Machine
    key: str
    status: str
    cause: str
    description: str
    changed: float


def assessments(world: World, subscription: Subscription, now: float, machines: Iterable[Machine] | None = None) -> list[Assessment]:
    """What Defender for Cloud recommends for a subscription's machines, or some of them; nothing while it has no plan for servers."""
    if subscription.pricings["VirtualMachines"].tier != "Standard" or not subscription.registered:
        return []
    found = []
    for machine in world.machines(subscription.id) if machines is None else machines:
        found.append(_log_analytics(machine))
        found.append(_edr(world, machine, now))
    return found


def _log_analytics(machine: Machine) -> Assessment:
    key = LOG_ANALYTICS_VM
    if machine.kind == ARC:
        key = LOG_ANALYTICS_LINUX_ARC if machine.system.linux else LOG_ANALYTICS_WINDOWS_ARC
    return Assessment(machine, key, "Healthy" if machine.legacy_agent else "Unhealthy", "", "", machine.created + DAY)


def _edr(world: World, machine: Machine, now: float) -> Assessment:
    if machine.kind == VM and world.stopped_since(machine) <= now:
        text = "Assessment is not applicable because the machine is powered off"
        return Assessment(machine, EDR_INSTALLED, "NotApplicable", "VmNotRunning", text, machine.created)
    extension = world.defender(machine, now)
    healthy = extension is not None and extension.outcome == "succeeded"
    return Assessment(
        machine, EDR_INSTALLED, "Healthy" if healthy else "Unhealthy", "", "", extension.changed if extension else machine.created + DAY
    )


def assessment_json(assessment: Assessment) -> Json:
    status: Json = {"code": assessment.status}
    if assessment.cause:
        status |= {"cause": assessment.cause, "description": assessment.description}
    status |= {"statusChangeDate": iso(assessment.changed), "firstEvaluationDate": iso(assessment.machine.created)}
    resource = assessment.machine.id
    return {
        "id": f"{resource}/providers/Microsoft.Security/assessments/{assessment.key}",
        "name": assessment.key,
        "type": "Microsoft.Security/assessments",
        "properties": {
            "resourceDetails": {"source": "Azure", "id": resource},
            "displayName": _TITLES[assessment.key],
            "status": status,
            "additionalData": {},
        },
    }

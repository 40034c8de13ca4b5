"""Extensions that somebody puts on a machine, or takes off it, through the API.

Deleting the Defender extension neither offboards the machine nor keeps it away: while the integration is on it comes back. Putting it by
hand without the onboarding package fails, with the sentence the field knows.
"""

from __future__ import annotations

from dataclasses import replace

from console.simulator.changes import DELETE, Change
from console.simulator.failures import BY_KEY
from console.simulator.machine_json import extension_json
from console.simulator.machines import ARC, Machine
from console.simulator.onboarding import Extension
from console.simulator.operations import accepted, base_of
from console.simulator.wire import ArmError, Call, Reply
from console.simulator.world import ManualExtension

_SECONDS = 90.0


def find(call: Call, machine: Machine) -> Extension:
    wanted = call.params["extension"].lower()
    for extension in call.box.world.extensions(machine, call.now):
        if extension.name.lower() == wanted:
            return extension
    raise ArmError(404, "ResourceNotFound", f"The entity was not found: extension '{call.params['extension']}' on '{machine.name}'.")


def put(call: Call, machine: Machine) -> Reply:
    properties, now, world = call.properties(), call.now, call.box.world
    if world.stopped_since(machine) <= now:
        raise ArmError(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")
    kind = str(properties.get("type") or "")
    starting = Extension(
        call.params["extension"],
        str(properties.get("publisher") or ""),
        kind,
        str(properties.get("typeHandlerVersion") or "1.0"),
        now,
        now,
        "",
        "1",
        f"Plugin enable in progress for {kind}. Status=transitioning, Code=1",
    )
    code, message = _outcome(machine, kind, properties.get("protectedSettings") or {})
    ends = replace(
        starting, changed=now + _SECONDS, outcome="failed" if message else "succeeded", code=code, message=message or "Enable succeeded"
    )
    before = next((e for e in world.extensions(machine, now) if e.name.lower() == starting.name.lower()), None)
    if before is not None:
        world.note(*world.history(machine, before, now))
    by_hand = world.manual.setdefault(machine.id.lower(), {})
    by_hand[starting.name.lower()] = ManualExtension(
        starting, properties.get("settings") or {}, now + _SECONDS, ends, replaced=before is not None
    )
    world.touch(machine)
    error = {
        "code": "VMExtensionProvisioningError",
        "message": f"VM has reported a failure when processing extension '{kind}'. Error message: \"{message}\"",
    }
    operation = call.box.operations.begin(
        base_of(machine),
        _SECONDS,
        lambda: extension_json(machine, ends, view=False),
        status="Failed" if message else "Succeeded",
        error=error if message else None,
    )
    return accepted(call, operation, extension_json(machine, starting, view=machine.kind == ARC), 201)


def delete(call: Call, machine: Machine) -> Reply:
    world = call.box.world
    try:
        extension = find(call, machine)
    except ArmError:
        return Reply(status=204)
    if world.stopped_since(machine) <= call.now:
        raise ArmError(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")
    world.note(*world.history(machine, extension, call.now), Change(machine, extension.name, DELETE, call.now))
    key, name = machine.id.lower(), extension.name.lower()
    world.manual.get(key, {}).pop(name, None)
    world.removed[key, name] = call.now
    world.touch(machine)
    return accepted(call, call.box.operations.begin(base_of(machine), _SECONDS / 3, lambda: None))


def _outcome(machine: Machine, kind: str, protected: dict[str, object]) -> tuple[str, str]:
    """Code and message of a failure; two empty ones when it works."""
    script = str(protected.get("defenderForEndpointOnboardingScript") or "")
    if not kind.startswith("MDE.") or script:
        return "0", ""
    failure = BY_KEY["by-hand-linux" if kind == "MDE.Linux" else "by-hand-windows"]
    return failure.code, failure.message

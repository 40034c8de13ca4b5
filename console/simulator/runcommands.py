"""Scripts run on machines: both kinds for virtual machines, and Arc's, and all the known ways in which that fails.

Output is cut to its last 4,096 bytes, as in Azure. What the scripts print is in `scripts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.simulator.clock import DAY, iso_offset
from console.simulator.machine_json import shows_view
from console.simulator.machines import ARC, Machine
from console.simulator.operations import Operation, accepted, base_of
from console.simulator.scripts import Output, execute
from console.simulator.wire import ArmError, Call, Json, Reply, forbidden, unknown_route

LIMIT = 4096
_SECONDS = 20.0

TROUBLES = {
    "agent-not-ready": "the machine's agent does not report",
    "broken": "the extension that runs scripts fails",
    "busy": "another script is being run, and stays",
    "busy-once": "another script is being run, and is done soon",
    "revoked": "the right was taken away",
    "not-offered": "the service does not know managed run commands",
    "stuck": "it never ends",
    "script-timeout": "the script takes longer than it may",
    "vanishes": "the machine is deleted while the script runs",
    "cut": "the output is longer than what Azure keeps",
    "killed": "the script is ended before its end",
    "silent": "nothing is printed",
    "foreign": "something else is printed, in another language",
    "hostile": "what is printed holds what a terminal would obey",
}
"""What can go wrong on one machine (`RunCommands.troubles`)."""

_BUSY = "Run command extension execution is in progress. Please wait for completion before invoking a run command."
_FAILING: dict[str, tuple[str, str]] = {
    "agent-not-ready": (
        "VMAgentStatusCommunicationError",
        "VM '{name}' has not reported status for VM agent or extensions. Verify that the OS is up and healthy, the VM has a running VM "
        "agent, and that it can establish outbound connections to Azure storage.",
    ),
    "broken": (
        "VMExtensionProvisioningError",
        "VM has reported a failure when processing extension 'RunCommandLinux'. Error message: 'Enable failed: /var/lib/waagent is full'.",
    ),
    "script-timeout": (
        "VMExtensionProvisioningTimeout",
        "Provisioning of VM extension 'RunCommandLinux' has timed out. Extension installation may be taking too long.",
    ),
}


@dataclass(frozen=True)
class RunCommand:
    """A managed run command: a resource under its machine."""

    name: str
    properties: Json
    location: str
    started: float
    done: float
    output: Output
    trouble: str = ""

    def state(self, now: float) -> str:
        if now < self.done:
            return "Running" if now > self.started + 2 else "Pending"
        if self.trouble == "script-timeout":
            return "TimedOut"
        return "Succeeded" if self.output.exit_code == 0 else "Failed"


class RunCommands:
    """Managed run commands by machine, which machines are busy with an action, and what goes wrong on which (by lower-case id)."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, RunCommand]] = {}
        self.busy_until: dict[str, float] = {}
        self.troubles: dict[str, str] = {}


def run_action(call: Call, machine: Machine) -> Reply:
    """POST …/runCommand: one at a time a machine, the answer comes with the operation."""
    body = call.body if isinstance(call.body, dict) else {}
    if body.get("commandId") not in ("RunShellScript", "RunPowerShellScript"):
        raise ArmError(400, "InvalidParameter", f"The command id '{body.get('commandId')}' is not valid.")
    trouble = _refusal(call, machine, "Microsoft.Compute/virtualMachines/runCommand/action")
    commands, key, now = call.box.run_commands, machine.id.lower(), call.now
    if commands.busy_until.get(key, 0) > now:
        raise ArmError(409, "Conflict", _BUSY)
    output = execute(call, machine, "\n".join(body.get("script") or []), trouble)
    commands.busy_until[key] = now + _SECONDS
    value: Json = {
        "value": [
            _component("StdOut", output.stdout),
            _component("StdErr", output.stderr),
        ]
    }
    return accepted(call, _begin(call, machine, trouble, _SECONDS, lambda: value))


def put_command(call: Call, machine: Machine) -> Reply:
    """PUT …/runCommands/{name}: a resource whose instance view fills when the script has run."""
    properties = call.properties()
    script = (properties.get("source") or {}).get("script")
    if not isinstance(script, str) or not script:
        raise ArmError(400, "InvalidParameter", "Required parameter 'source.script' is missing (null).")
    provider = "Microsoft.HybridCompute/machines" if machine.kind == ARC else "Microsoft.Compute/virtualMachines"
    trouble = _refusal(call, machine, f"{provider}/runCommands/write")
    if trouble == "not-offered" and machine.kind != ARC:
        raise unknown_route("PUT", call.path)
    now, name = call.now, call.params["command"]
    output = execute(call, machine, script, trouble)
    seconds = DAY if trouble == "stuck" else _SECONDS
    command = RunCommand(name, properties, call.body.get("location", machine.location), now, now + seconds, output, trouble)
    call.box.run_commands.known.setdefault(machine.id.lower(), {})[name.lower()] = command
    render: Callable[[], Json] = lambda: command_json(machine, command, call.now, view=False)  # noqa: E731
    failing = "" if trouble == "script-timeout" else trouble  # a managed one has a time-out of its own, and tells it in its view
    operation = _begin(call, machine, failing, 0 if properties.get("asyncExecution") else _SECONDS, render)
    return accepted(call, operation, render(), 201)


def _begin(call: Call, machine: Machine, trouble: str, seconds: float, result: Callable[[], Json | None]) -> Operation:
    """The operation in which a script is run, as its trouble has it."""
    begin, base = call.box.operations.begin, base_of(machine)
    if trouble == "vanishes":
        call.box.world.delete(machine)
    if trouble in _FAILING:
        code, message = _FAILING[trouble]
        error: Json = {"code": code, "message": message.format(name=machine.name)}
        return begin(base, seconds, lambda: None, status="Failed", error=error)
    return begin(base, DAY if trouble == "stuck" else seconds, result)


def _refusal(call: Call, machine: Machine, action: str) -> str:
    """Raise what is answered before anything is run; else what goes wrong on the machine."""
    troubles, key = call.box.run_commands.troubles, machine.id.lower()
    trouble = troubles.get(key, "")
    if trouble == "revoked":
        raise forbidden(call.principal, action, machine.id)
    _must_run(call, machine)
    if trouble in ("busy", "busy-once"):
        if trouble == "busy-once":
            del troubles[key]
        raise ArmError(409, "Conflict", _BUSY)
    return trouble


def get_command(call: Call, machine: Machine) -> Reply:
    return Reply(command_json(machine, _find(call, machine), call.now, view=shows_view(call, machine)))


def list_commands(call: Call, machine: Machine) -> Reply:
    known = call.box.run_commands.known.get(machine.id.lower(), {})
    view = shows_view(call, machine)
    return Reply({"value": [command_json(machine, command, call.now, view=view) for command in known.values()]})


def delete_command(call: Call, machine: Machine) -> Reply:
    """Deleting also cancels a script that still runs."""
    command = _find(call, machine)
    del call.box.run_commands.known[machine.id.lower()][command.name.lower()]
    return accepted(call, call.box.operations.begin(base_of(machine), 2.0, lambda: None))


def command_json(machine: Machine, command: RunCommand, now: float, *, view: bool) -> Json:
    hidden = {"protectedParameters", "runAsPassword", "instanceView", "provisioningState"}
    properties = {key: value for key, value in command.properties.items() if key not in hidden}
    done = now >= command.done
    properties["provisioningState"] = "Succeeded" if done else "Creating"
    if view:
        state: Json = {"executionState": command.state(now), "startTime": iso_offset(command.started)}
        if done:
            told = "Execution timed out" if command.trouble == "script-timeout" else "Execution completed"
            state |= {"executionMessage": told, "exitCode": command.output.exit_code, "endTime": iso_offset(command.done)}
            state |= {"output": tail(command.output.stdout), "error": tail(command.output.stderr)}
        properties["instanceView"] = state
    kind = "Microsoft.HybridCompute/machines/runcommands" if machine.kind == ARC else "Microsoft.Compute/virtualMachines/runCommands"
    return {
        "id": f"{machine.id}/runCommands/{command.name}",
        "name": command.name,
        "type": kind,
        "location": command.location,
        "tags": {},
        "properties": properties,
    }


def tail(text: str) -> str:
    """The last 4,096 bytes, which is all that Azure returns."""
    return text.encode()[-LIMIT:].decode(errors="ignore")


def _component(stream: str, text: str) -> Json:
    return {
        "code": f"ComponentStatus/{stream}/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "message": tail(text),
    }


def _must_run(call: Call, machine: Machine) -> None:
    if call.box.world.stopped_since(machine) <= call.now:
        if machine.kind == ARC:
            raise ArmError(
                409, "MachineNotConnected", f"The machine '{machine.name}' is not connected. Run commands need a connected agent."
            )
        raise ArmError(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")


def _find(call: Call, machine: Machine) -> RunCommand:
    found = call.box.run_commands.known.get(machine.id.lower(), {}).get(call.params["command"].lower())
    if found is None:
        raise ArmError(404, "ResourceNotFound", f"The entity was not found: run command '{call.params['command']}' on '{machine.name}'.")
    return found

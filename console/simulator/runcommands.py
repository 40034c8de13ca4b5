"""Scripts run on machines: both kinds for virtual machines, and Arc's.

Only the scripts that the product and its documentation use are understood (`mdatp health`, `mdatp connectivity test`, the detection
tests); any other prints a line that says so. Output is cut to its last 4,096 bytes, as in Azure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.simulator.clock import iso_offset
from console.simulator.health import connectivity_output, health_output
from console.simulator.machines import ARC, Machine
from console.simulator.operations import accepted
from console.simulator.wire import ArmError, Call, Json, Reply

LIMIT = 4096
_SECONDS = 20.0


@dataclass(frozen=True)
class Output:
    stdout: str
    stderr: str = ""
    exit_code: int = 0


@dataclass(frozen=True)
class RunCommand:
    """A managed run command: a resource under its machine."""

    name: str
    properties: Json
    location: str
    started: float
    done: float
    output: Output

    def state(self, now: float) -> str:
        if now < self.done:
            return "Running" if now > self.started + 2 else "Pending"
        return "Succeeded" if self.output.exit_code == 0 else "Failed"


class RunCommands:
    """Managed run commands by machine, and which machines are busy with an action."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, RunCommand]] = {}
        self.busy_until: dict[str, float] = {}


def execute(call: Call, machine: Machine, script: str) -> Output:
    """What the script prints on this machine, and what it sets off."""
    now = call.now
    if "mde_linux_edr_diy" in script or "test-MDATP-test" in script:
        call.box.alerts.trigger_test(machine, now)
        return Output("")
    extension = call.box.world.defender(machine, now)
    if "mdatp connectivity" in script:
        return Output(*connectivity_output(machine))
    if "mdatp" in script:
        return Output(*health_output(machine, extension, script, now))
    return Output(f"(simulated) {len(script)} characters of script were run on {machine.name}\n")


async def run_action(call: Call, machine: Machine) -> Reply:
    """POST …/runCommand: one at a time a machine, the answer comes with the operation."""
    body = call.body if isinstance(call.body, dict) else {}
    if body.get("commandId") not in ("RunShellScript", "RunPowerShellScript"):
        raise ArmError(400, "InvalidParameter", f"The command id '{body.get('commandId')}' is not valid.")
    _must_run(call, machine)
    commands, key, now = call.box.run_commands, machine.id.lower(), call.now
    if commands.busy_until.get(key, 0) > now:
        raise ArmError(
            409, "Conflict", "Run command extension execution is in progress. Please wait for completion before invoking a run command."
        )
    output = execute(call, machine, "\n".join(body.get("script") or []))
    commands.busy_until[key] = now + _SECONDS
    value: Json = {
        "value": [
            _component("StdOut", output.stdout),
            _component("StdErr", output.stderr),
        ]
    }
    operation = call.box.operations.begin(_base(call, machine), _SECONDS, lambda: value)
    return accepted(call, operation)


async def put_command(call: Call, machine: Machine) -> Reply:
    """PUT …/runCommands/{name}: a resource whose instance view fills when the script has run."""
    properties = call.properties()
    script = (properties.get("source") or {}).get("script")
    if not isinstance(script, str) or not script:
        raise ArmError(400, "InvalidParameter", "Required parameter 'source.script' is missing (null).")
    _must_run(call, machine)
    now, name = call.now, call.params["command"]
    output = execute(call, machine, script)
    command = RunCommand(name, properties, call.body.get("location", machine.location), now, now + _SECONDS, output)
    call.box.run_commands.known.setdefault(machine.id.lower(), {})[name.lower()] = command
    render: Callable[[], Json] = lambda: command_json(machine, command, call.now, view=False)  # noqa: E731
    operation = call.box.operations.begin(_base(call, machine), 0 if properties.get("asyncExecution") else _SECONDS, render)
    return accepted(call, operation, render(), 201)


async def get_command(call: Call, machine: Machine) -> Reply:
    view = machine.kind == ARC or call.query.get("$expand", "").lower() == "instanceview"
    return Reply(command_json(machine, _find(call, machine), call.now, view=view))


async def list_commands(call: Call, machine: Machine) -> Reply:
    known = call.box.run_commands.known.get(machine.id.lower(), {})
    view = machine.kind == ARC or call.query.get("$expand", "").lower() == "instanceview"
    return Reply({"value": [command_json(machine, command, call.now, view=view) for command in known.values()]})


async def delete_command(call: Call, machine: Machine) -> Reply:
    """Deleting also cancels a script that still runs."""
    command = _find(call, machine)
    del call.box.run_commands.known[machine.id.lower()][command.name.lower()]
    return accepted(call, call.box.operations.begin(_base(call, machine), 2.0, lambda: None))


def command_json(machine: Machine, command: RunCommand, now: float, *, view: bool) -> Json:
    hidden = {"protectedParameters", "runAsPassword", "instanceView", "provisioningState"}
    properties = {key: value for key, value in command.properties.items() if key not in hidden}
    done = now >= command.done
    properties["provisioningState"] = "Succeeded" if done else "Creating"
    if view:
        state: Json = {"executionState": command.state(now), "startTime": iso_offset(command.started)}
        if done:
            state |= {"executionMessage": "Execution completed", "exitCode": command.output.exit_code, "endTime": iso_offset(command.done)}
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


def _base(call: Call, machine: Machine) -> str:
    provider = "Microsoft.HybridCompute" if machine.kind == ARC else "Microsoft.Compute"
    return f"/subscriptions/{machine.subscription}/providers/{provider}/locations/{machine.location}"

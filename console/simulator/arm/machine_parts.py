"""What Compute and Azure Arc have alike: a subscription's machines, and what is below one of them."""

from __future__ import annotations

from collections.abc import Callable

from console.simulator import extension_changes, runcommands
from console.simulator.machine_json import extension_json, shows_view
from console.simulator.machines import Machine
from console.simulator.operations import poll
from console.simulator.routes import Routes
from console.simulator.wire import Call, Reply, resource_not_found


def machines(call: Call, kind: str) -> list[Machine]:
    """The subscription's machines of a kind, or of the resource group where the path has one."""
    group = call.params.get("group", "").lower()
    return [m for m in call.box.world.machines(call.subscription.id) if m.kind == kind and (not group or m.group.lower() == group)]


def find(call: Call, resource_type: str) -> Machine:
    """The machine of the path."""
    group, name = call.params["group"], call.params["machine"]
    found = call.box.world.machine(f"/subscriptions/{call.subscription.id}/resourceGroups/{group}/providers/{resource_type}/{name}")
    if found is None:
        raise resource_not_found(resource_type, name, group)
    return found


def add(routes: Routes, resource_type: str) -> None:
    """The routes below the machines of a resource type: an extension, run commands, and the operations on both."""
    machine = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{resource_type}/{{machine}}"
    extension, command = f"{machine}/extensions/{{extension}}", f"{machine}/runCommands/{{command}}"

    def serve(method: str, path: str, action: str, answer: Callable[[Call, Machine], Reply]) -> None:
        async def handler(call: Call) -> Reply:
            return answer(call, find(call, resource_type))

        routes.add(method, path, f"{resource_type}/{action}")(handler)

    def get_extension(call: Call, found: Machine) -> Reply:
        return Reply(extension_json(found, extension_changes.find(call, found), view=shows_view(call, found)))

    serve("GET", extension, "extensions/read", get_extension)
    serve("PUT", extension, "extensions/write", extension_changes.put)
    serve("DELETE", extension, "extensions/delete", extension_changes.delete)
    serve("GET", f"{machine}/runCommands", "runCommands/read", runcommands.list_commands)
    serve("GET", command, "runCommands/read", runcommands.get_command)
    serve("PUT", command, "runCommands/write", runcommands.put_command)
    serve("DELETE", command, "runCommands/delete", runcommands.delete_command)
    provider = resource_type.partition("/")[0]
    routes.add("GET", f"/subscriptions/{{subscription}}/providers/{provider}/locations/{{location}}/operations/{{operation}}")(poll)

"""Microsoft.Compute: virtual machines, their instance views, extensions and run commands."""

from __future__ import annotations

from console.simulator import extension_changes, runcommands
from console.simulator.machine_json import extension_json, vm_instance_view, vm_json
from console.simulator.machines import VM, Machine
from console.simulator.operations import poll
from console.simulator.routes import Routes
from console.simulator.wire import Call, Json, Reply, paged, resource_not_found

routes = Routes()
_S = "/subscriptions/{subscription}/providers/Microsoft.Compute"
_G = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute"
_ONE = _G + "/virtualMachines/{machine}"
_VM = "Microsoft.Compute/virtualMachines"


@routes.add("GET", _S + "/virtualMachines", f"{_VM}/read")
async def list_all(call: Call) -> Reply:
    status_only = call.query.get("statusOnly", "").lower() == "true"
    return paged(call, machines(call, VM), lambda machine: _rendered(call, machine, view=status_only))


@routes.add("GET", _S + "/locations/{location}/virtualMachines", f"{_VM}/read")
async def list_by_location(call: Call) -> Reply:
    found = [m for m in machines(call, VM) if m.location == call.params["location"].lower()]
    return paged(call, found, lambda machine: _rendered(call, machine, view=False))


@routes.add("GET", _G + "/virtualMachines", f"{_VM}/read")
async def list_by_group(call: Call) -> Reply:
    return paged(call, machines(call, VM), lambda machine: _rendered(call, machine, view=False))


@routes.add("GET", _ONE, f"{_VM}/read")
async def get(call: Call) -> Reply:
    view = call.query.get("$expand", "").lower() == "instanceview"
    return Reply(_rendered(call, machine(call), view=view), headers={"ETag": '"1"'})


@routes.add("GET", _ONE + "/instanceView", f"{_VM}/instanceView/read")
async def instance_view(call: Call) -> Reply:
    return Reply(vm_instance_view(call.box.world, machine(call), call.now))


@routes.add("GET", _ONE + "/extensions", f"{_VM}/extensions/read")
async def list_extensions(call: Call) -> Reply:
    found, view = machine(call), _view(call)
    return Reply({"value": [extension_json(found, e, view=view) for e in call.box.world.extensions(found, call.now)]})


@routes.add("GET", _ONE + "/extensions/{extension}", f"{_VM}/extensions/read")
async def get_extension(call: Call) -> Reply:
    found = machine(call)
    return Reply(extension_json(found, extension_changes.find(call, found), view=_view(call)))


@routes.add("PUT", _ONE + "/extensions/{extension}", f"{_VM}/extensions/write")
async def put_extension(call: Call) -> Reply:
    return extension_changes.put(call, machine(call))


@routes.add("DELETE", _ONE + "/extensions/{extension}", f"{_VM}/extensions/delete")
async def delete_extension(call: Call) -> Reply:
    return extension_changes.delete(call, machine(call))


@routes.add("POST", _ONE + "/runCommand", f"{_VM}/runCommand/action")
async def run_command(call: Call) -> Reply:
    return await runcommands.run_action(call, machine(call))


@routes.add("GET", _ONE + "/runCommands", f"{_VM}/runCommands/read")
async def list_run_commands(call: Call) -> Reply:
    return await runcommands.list_commands(call, machine(call))


@routes.add("GET", _ONE + "/runCommands/{command}", f"{_VM}/runCommands/read")
async def get_run_command(call: Call) -> Reply:
    return await runcommands.get_command(call, machine(call))


@routes.add("PUT", _ONE + "/runCommands/{command}", f"{_VM}/runCommands/write")
async def put_run_command(call: Call) -> Reply:
    return await runcommands.put_command(call, machine(call))


@routes.add("DELETE", _ONE + "/runCommands/{command}", f"{_VM}/runCommands/delete")
async def delete_run_command(call: Call) -> Reply:
    return await runcommands.delete_command(call, machine(call))


routes.add("GET", _S + "/locations/{location}/operations/{operation}")(poll)


def machines(call: Call, kind: str) -> list[Machine]:
    """The subscription's machines of a kind, or of the resource group where the path has one."""
    group = call.params.get("group", "").lower()
    return [m for m in call.box.world.machines(call.subscription.id) if m.kind == kind and (not group or m.group.lower() == group)]


def machine(call: Call) -> Machine:
    group, name = call.params["group"], call.params["machine"]
    found = call.box.world.machine(f"/subscriptions/{call.subscription.id}/resourceGroups/{group}/providers/{_VM}/{name}")
    if found is None:
        raise resource_not_found(_VM, name, group)
    return found


def _rendered(call: Call, found: Machine, *, view: bool) -> Json:
    body = vm_json(found)
    if view:
        body["properties"]["instanceView"] = vm_instance_view(call.box.world, found, call.now)
    return body


def _view(call: Call) -> bool:
    return call.query.get("$expand", "").lower() == "instanceview"

"""Microsoft.Compute: virtual machines, their instance views, extensions and run commands."""

from __future__ import annotations

from console.simulator import runcommands
from console.simulator.arm.machine_parts import add, find, machines
from console.simulator.machine_json import extension_json, shows_view, vm_instance_view, vm_json
from console.simulator.machines import VM, Machine
from console.simulator.routes import Routes
from console.simulator.wire import Call, Json, Reply, paged

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
    machine = find(call, _VM)
    return Reply(_rendered(call, machine, view=shows_view(call, machine)), headers={"ETag": '"1"'})


@routes.add("GET", _ONE + "/instanceView", f"{_VM}/instanceView/read")
async def instance_view(call: Call) -> Reply:
    return Reply(vm_instance_view(call.box.world, find(call, _VM), call.now))


@routes.add("GET", _ONE + "/extensions", f"{_VM}/extensions/read")
async def list_extensions(call: Call) -> Reply:
    found = find(call, _VM)
    view = shows_view(call, found)
    return Reply({"value": [extension_json(found, e, view=view) for e in call.box.world.extensions(found, call.now)]})


@routes.add("POST", _ONE + "/runCommand", f"{_VM}/runCommand/action")
async def run_command(call: Call) -> Reply:
    return runcommands.run_action(call, find(call, _VM))


def _rendered(call: Call, found: Machine, *, view: bool) -> Json:
    body = vm_json(found)
    if view:
        body["properties"]["instanceView"] = vm_instance_view(call.box.world, found, call.now)
    return body


add(routes, _VM)

"""Microsoft.HybridCompute: Azure Arc-enabled servers, their extensions and run commands."""

from __future__ import annotations

from console.simulator import extension_changes, runcommands
from console.simulator.arm.compute import machines
from console.simulator.machine_json import arc_json, extension_json
from console.simulator.machines import ARC, Machine
from console.simulator.operations import poll
from console.simulator.routes import Routes
from console.simulator.wire import Call, Reply, paged, resource_not_found

routes = Routes()
_S = "/subscriptions/{subscription}/providers/Microsoft.HybridCompute"
_G = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.HybridCompute"
_ONE = _G + "/machines/{machine}"
_ARC = "Microsoft.HybridCompute/machines"


@routes.add("GET", _S + "/machines", f"{_ARC}/read")
@routes.add("GET", _G + "/machines", f"{_ARC}/read")
async def list_machines(call: Call) -> Reply:
    return paged(call, machines(call, ARC), lambda found: arc_json(call.box.world, found, call.now))


@routes.add("GET", _ONE, f"{_ARC}/read")
async def get(call: Call) -> Reply:
    return Reply(arc_json(call.box.world, machine(call), call.now))


@routes.add("GET", _ONE + "/extensions", f"{_ARC}/extensions/read")
async def list_extensions(call: Call) -> Reply:
    found = machine(call)
    return paged(call, call.box.world.extensions(found, call.now), lambda e: extension_json(found, e, view=True))


@routes.add("GET", _ONE + "/extensions/{extension}", f"{_ARC}/extensions/read")
async def get_extension(call: Call) -> Reply:
    found = machine(call)
    return Reply(extension_json(found, extension_changes.find(call, found), view=True))


@routes.add("PUT", _ONE + "/extensions/{extension}", f"{_ARC}/extensions/write")
async def put_extension(call: Call) -> Reply:
    return extension_changes.put(call, machine(call))


@routes.add("DELETE", _ONE + "/extensions/{extension}", f"{_ARC}/extensions/delete")
async def delete_extension(call: Call) -> Reply:
    return extension_changes.delete(call, machine(call))


@routes.add("GET", _ONE + "/runCommands", f"{_ARC}/runCommands/read")
async def list_run_commands(call: Call) -> Reply:
    return await runcommands.list_commands(call, machine(call))


@routes.add("GET", _ONE + "/runCommands/{command}", f"{_ARC}/runCommands/read")
async def get_run_command(call: Call) -> Reply:
    return await runcommands.get_command(call, machine(call))


@routes.add("PUT", _ONE + "/runCommands/{command}", f"{_ARC}/runCommands/write")
async def put_run_command(call: Call) -> Reply:
    return await runcommands.put_command(call, machine(call))


@routes.add("DELETE", _ONE + "/runCommands/{command}", f"{_ARC}/runCommands/delete")
async def delete_run_command(call: Call) -> Reply:
    return await runcommands.delete_command(call, machine(call))


routes.add("GET", _S + "/locations/{location}/operations/{operation}")(poll)


def machine(call: Call) -> Machine:
    group, name = call.params["group"], call.params["machine"]
    found = call.box.world.machine(f"/subscriptions/{call.subscription.id}/resourceGroups/{group}/providers/{_ARC}/{name}")
    if found is None:
        raise resource_not_found(_ARC, name, group)
    return found

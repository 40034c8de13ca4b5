"""Microsoft.HybridCompute: Azure Arc-enabled servers, their extensions and run commands."""

from __future__ import annotations

from console.simulator.arm.machine_parts import add, find, machines
from console.simulator.machine_json import arc_json, extension_json
from console.simulator.machines import ARC
from console.simulator.routes import Routes
from console.simulator.wire import Call, Reply, paged

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
    return Reply(arc_json(call.box.world, find(call, _ARC), call.now))


@routes.add("GET", _ONE + "/extensions", f"{_ARC}/extensions/read")
async def list_extensions(call: Call) -> Reply:
    found = find(call, _ARC)
    return paged(call, call.box.world.extensions(found, call.now), lambda e: extension_json(found, e, view=True))


add(routes, _ARC)

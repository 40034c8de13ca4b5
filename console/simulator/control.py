"""The simulator's own endpoints, which are not Azure's: for tests, and for the demo's clock.

They ask for no token; the server listens on loopback only unless it is told otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from console.simulator.alerts import KINDS, LINUX_TEST, WINDOWS_TEST
from console.simulator.clock import iso
from console.simulator.faults import Fault, parse_fault
from console.simulator.machines import NEVER
from console.simulator.principals import ADA, PRINCIPALS, Principal
from console.simulator.runcommands import TROUBLES
from console.simulator.wire import Json, Reply

if TYPE_CHECKING:
    from console.simulator.simulator import Box


class _Wrong(Exception):
    pass


async def handle(box: Box, method: str, path: str, query: dict[str, str], raw: bytes) -> Reply:
    """Answer a control request; what is wrong with it comes back as a 400 with a sentence."""
    try:
        body = json.loads(raw) if raw else {}
        if not isinstance(body, dict):
            raise _Wrong("the body must be a JSON object")
        return _answer(box, method, path.removeprefix("/simulator/"), query, body)
    except (_Wrong, ValueError, KeyError, TypeError) as error:
        return Reply({"error": {"code": "BadRequest", "message": str(error)}}, 400)


def _answer(box: Box, method: str, name: str, query: dict[str, str], body: dict[str, Any]) -> Reply:
    if name == "faults":
        return _faults(box, method, body)
    match (method, name):
        case ("GET", "clock"):
            return Reply(_clock(box))
        case ("GET", "world"):
            return Reply(_world(box))
        case ("GET", "requests"):
            return Reply([request.as_json() for request in box.requests.of(query.get("method", ""), query.get("path", ""))])
        case ("DELETE", "requests"):
            box.requests.clear()
            return Reply(status=204)
    if method == "POST" and name in _COMMANDS:
        return _COMMANDS[name](box, body)
    return Reply({"error": {"code": "NotFound", "message": f"no control endpoint {method} /simulator/{name}"}}, 404)


def _advance(box: Box, body: dict[str, Any]) -> Reply:
    box.clock.advance(float(body["seconds"]))
    return Reply(_clock(box))


def _token(box: Box, body: dict[str, Any]) -> Reply:
    principal = PRINCIPALS.get(str(body.get("principal", "ada")))
    if principal is None:
        raise _Wrong(f"there is no principal '{body['principal']}'; there are {', '.join(PRINCIPALS)}")
    tenant = str(body.get("tenant") or box.tenant_id)
    token = box.tokens.issue(principal, tenant, "simulator-control", box.url)
    return Reply({"access_token": token, "tenant_id": tenant, "principal": principal.key, "object_id": principal.object_id})


def _decided(decide: Callable[[str, Principal], int], body: dict[str, Any]) -> Reply:
    return Reply({"decided": decide(str(body.get("code", "")), PRINCIPALS.get(str(body.get("principal", "")), ADA))})


def _clock(box: Box) -> Json:
    return {"now": iso(box.clock.now()), "speed": box.clock.speed, "started": iso(box.clock.start), "epoch": box.clock.now()}


def _faults(box: Box, method: str, body: dict[str, Any]) -> Reply:
    if method == "DELETE":
        box.faults.clear()
        return Reply(status=204)
    if method == "POST":
        if "fault" in body:
            box.faults.add(parse_fault(str(body["fault"])))
        else:
            times = body.get("times")
            box.faults.add(
                Fault(
                    str(body["kind"]),
                    str(body.get("value", "")),
                    float(body.get("probability", 1)),
                    str(body.get("path", "")),
                    None if times is None else int(times),
                )
            )
    listed = [{"kind": f.kind, "value": f.value, "probability": f.probability, "path": f.path, "times": f.times} for f in box.faults]
    return Reply({"faults": listed})


def _add_alert(box: Box, body: dict[str, Any]) -> Reply:
    """An alert on a machine (`machine`, a resource id) in `seconds`; of a `type` that is known, else the detection test's."""
    machine = box.world.machine(str(body["machine"]))
    if machine is None:
        raise _Wrong(f"there is no machine {body['machine']}")
    test = LINUX_TEST if machine.system.linux else WINDOWS_TEST
    kind = KINDS.get(str(body.get("type", "")), test)
    alert = box.alerts.add(machine, kind, box.clock.now() + float(body.get("seconds", 0)), str(body.get("description", "")))
    return Reply({"id": alert.id, "name": alert.name, "at": iso(alert.generated)}, 201)


def _run_test(box: Box, body: dict[str, Any]) -> Reply:
    """Somebody runs the detection test on a machine (`machine`, a resource id): if Defender works there, its alert comes minutes later."""
    machine = box.world.machine(str(body["machine"]))
    if machine is None:
        raise _Wrong(f"there is no machine {body['machine']}")
    box.alerts.trigger_test(machine, box.clock.now())
    return Reply({"machine": machine.id}, 202)


def _change_machine(box: Box, body: dict[str, Any]) -> Reply:
    """Switch a machine (`machine`, a resource id) on or off with `running`, `delete` it, or give run commands on it a `trouble`;
    or `create` so many in a `subscription`."""
    if "create" in body:
        subscription = str(body["subscription"]).lower()
        if subscription not in box.world.subscriptions:
            raise _Wrong(f"there is no subscription {body['subscription']}")
        return Reply({"machines": [m.id for m in box.world.create(subscription, int(body["create"]))]}, 201)
    machine = box.world.machine(str(body["machine"]))
    if machine is None:
        raise _Wrong(f"there is no machine {body['machine']}")
    if "trouble" in body:
        if body["trouble"] not in TROUBLES:
            raise _Wrong(f"there is no trouble '{body['trouble']}'; there are {', '.join(TROUBLES)}")
        box.run_commands.troubles[machine.id.lower()] = body["trouble"]
        return Reply({"machine": machine.id, "trouble": body["trouble"]})
    if body.get("delete"):
        box.world.delete(machine)
        return Reply({"machine": machine.id, "deleted": True})
    box.world.set_running(machine, bool(body["running"]))
    return Reply({"machine": machine.id, "running": box.world.stopped_since(machine) == NEVER})


def _world(box: Box) -> Json:
    return {
        "tenants": [{"id": t.id, "name": t.name} for t in box.world.tenants],
        "principals": list(PRINCIPALS),
        "subscriptions": {
            s.id: {"name": s.name, "situation": s.situation.name, "tenant": s.tenant, "machines": s.machine_count, "settings": s.settings}
            for s in box.world.subscriptions.values()
        },
        "situations": {s.id: s.situation.name for s in box.world.subscriptions.values() if s.tenant == box.tenant_id},
    }


_COMMANDS: dict[str, Callable[[Box, dict[str, Any]], Reply]] = {
    "advance": _advance,
    "token": _token,
    "approve": lambda box, body: _decided(box.sign_in.approve, body),
    "decline": lambda box, body: _decided(box.sign_in.decline, body),
    "expire-tokens": lambda box, _: Reply({"expired": box.tokens.expire_all()}),
    "alerts": _add_alert,
    "detection-test": _run_test,
    "machines": _change_machine,
    "double": lambda box, _: Reply({"created": box.world.double()}),
}
"""What is done, with what the body says."""

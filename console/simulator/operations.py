"""Long-running operations: asked for now, done a little later in simulated time.

An operation is a moment at which it is done and an answer to give then. Azure's clients poll the `Azure-AsyncOperation` address and
then read the result from `Location` or from the resource itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from console.simulator.clock import Clock, iso
from console.simulator.machines import ARC, Machine
from console.simulator.wire import ArmError, Call, Json, Reply

POLL_SECONDS = 1
"""What Retry-After says. Azure says 10 to 200; a simulator that makes people wait teaches nothing."""


@dataclass(frozen=True)
class Operation:
    id: str
    path: str
    started: float
    done: float
    result: Callable[[], Json | None]
    status: str = "Succeeded"
    error: Json | None = None


class Operations:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Operation] = {}

    def begin(
        self, base: str, seconds: float, result: Callable[[], Json | None], *, status: str = "Succeeded", error: Json | None = None
    ) -> Operation:
        """`base` is the provider's path in the subscription, such as `/subscriptions/…/providers/Microsoft.Compute/locations/x`."""
        now, name = self._clock.now(), str(uuid.uuid4())
        operation = Operation(name, f"{base}/operations/{name}", now, now + seconds, result, status, error)
        self._known[name] = operation
        return operation

    def get(self, name: str) -> Operation:
        found = self._known.get(name)
        if found is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
        return found

    def finished(self, operation: Operation) -> bool:
        return self._clock.now() >= operation.done


def base_of(machine: Machine) -> str:
    """Where the operations on a machine are."""
    provider = "Microsoft.HybridCompute" if machine.kind == ARC else "Microsoft.Compute"
    return f"/subscriptions/{machine.subscription}/providers/{provider}/locations/{machine.location}"


def accepted(call: Call, operation: Operation, body: Json | None = None, status: int = 202) -> Reply:
    """The first answer: where to ask, and how soon."""
    version = call.query.get("api-version", "")
    address = f"{call.box.url}{operation.path}?api-version={version}"
    headers = {"Azure-AsyncOperation": address, "Location": f"{address}&monitor=true", "Retry-After": str(POLL_SECONDS)}
    return Reply(body, status, headers)


async def poll(call: Call) -> Reply:
    """An operation's state, or with `monitor=true` its result: 202 until it is done."""
    operation = call.box.operations.get(call.params["operation"])
    finished = call.box.operations.finished(operation)
    retry = {"Retry-After": str(POLL_SECONDS)}
    if call.query.get("monitor") == "true":
        if not finished:
            version = call.query.get("api-version", "")
            return Reply(status=202, headers={**retry, "Location": f"{call.box.url}{operation.path}?api-version={version}&monitor=true"})
        result = operation.result()
        return Reply(result) if result is not None else Reply(status=204)
    body: Json = {"name": operation.id, "id": operation.path, "startTime": iso(operation.started), "status": "InProgress"}
    if finished:
        body |= {"endTime": iso(operation.done), "status": operation.status}
        if operation.error:
            body["error"] = operation.error
        result = operation.result()
        if result is not None:
            body["properties"] = {"output": result}
        return Reply(body)
    return Reply(body, headers=retry)

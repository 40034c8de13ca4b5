"""Scripts on machines: managed run commands and the run command action of Compute, and run commands of Azure Arc.

Each is begun, polled to its end by us, read and removed again in calls of their own, so that whoever asks knows at each failure whether
anything was sent. Output is what the machine printed, cleaned; Azure keeps the last 4,096 bytes of each stream.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from azure.core.rest import HttpRequest

from cache.text import clean
from console.gateway.errors import AzureProblem, BadAnswer, Conflict, Forbidden, NotFound, problem_from_status
from console.gateway.reading import Answer, Item, Send, address_of, at, document_of, exchange, items, lines, same_origin, text
from console.gateway.services import COMPUTE_API, HYBRID_API
from console.gateway.transport import Sleep, seconds_to_wait

MANAGED = "managed"
ACTION = "action"
ARC = "arc"
WAYS = {MANAGED: "a managed run command", ACTION: "the run command action", ARC: "a run command of Azure Arc"}
"""The ways to run a script, as they are told."""

NAME = "mdeConsoleHealth"
"""The managed run command on each machine: always the same one, so that one left behind is replaced by the next and never two stay."""

TEST_NAME = "mdeConsoleTest"
"""The one of the detection test, which no other script takes the place of."""

SCRIPT_SECONDS = 120
"""What a managed script may take; the action has no limit of its own below 90 minutes."""

MOST_SECONDS = 15 * 60.0
"""The longest that an operation is waited for."""

POLL_SECONDS = 10.0
"""Between two looks, where Azure does not say."""

SELDOM_SECONDS = 15.0
"""Looks become rarer until there is this between them, however soon Azure would have the next."""

BUSY_SECONDS = 20.0
BUSY_TRIES = 7
"""One script at a time a machine: so often it is tried in all, with so many seconds between."""

_RUNNING = {"", "unknown", "pending", "running"}
_DONE = {"succeeded", "failed", "canceled", "cancelled"}
_NOT_OFFERED = {"invalidresourcetype", "noregisteredproviderfound", "invalidapiversionparameter", "featurenotavailable"}
_AGENT = {"vmagentstatuscommunicationerror", "vmagentnotready", "vmagentisnotready", "agentnotready"}
_LATE = {"vmextensionprovisioningtimeout", "operationtimedout", "timeout"}


class Unreachable(AzureProblem):
    """The machine is off, or its agent is not connected."""

    code = "unreachable"


class AgentNotReady(AzureProblem):
    """The machine runs, but its agent does not report."""

    code = "agent-not-ready"


class NotOffered(AzureProblem):
    """This cloud or service does not know this way to run a script."""

    code = "not-offered"


class TookTooLong(AzureProblem):
    """The script, or what runs it, did not end in time."""

    code = "timeout"


class RunFailed(AzureProblem):
    """Azure began and could not run the script."""

    code = "run-failed"


@dataclass(frozen=True, slots=True)
class Script:
    """What is to run where. ``way``: ``managed``, ``action`` or ``arc``; ``system``: ``Linux`` or ``Windows``; ``name``: that of the
    managed run command."""

    machine_id: str
    location: str
    way: str
    system: str
    text: str
    name: str = NAME


@dataclass(frozen=True, slots=True)
class Begun:
    """A script that Azure has accepted: where to ask for its end."""

    script: Script
    status_address: str
    result_address: str
    wait: float | None
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What a script printed. ``state`` is Azure's word for how it ended (``Succeeded``, ``Failed``, ``TimedOut``…), empty when not told."""

    state: str
    exit_code: int | None
    stdout: str
    stderr: str


class RunCommands:
    """Scripts on machines, for one sign-in. Everything raises an :class:`AzureProblem`."""

    def __init__(self, send_compute: Send, send_hybrid: Send, origin: str, sleep: Sleep) -> None:
        self._compute = send_compute
        self._hybrid = send_hybrid
        self._origin = origin
        self._sleep = sleep

    async def begin(self, script: Script) -> Begun:
        """Have Azure run a script. While another one runs on the machine this waits, and raises :class:`Conflict` in the end."""
        what = "running a script on the machine"
        if script.way == ACTION:
            shell = "RunShellScript" if script.system == "Linux" else "RunPowerShellScript"
            method, address = "POST", self._address(script, "/runCommand")
            body: dict[str, object] = {"commandId": shell, "script": script.text.splitlines()}
        else:
            properties = {"source": {"script": script.text}, "asyncExecution": False, "timeoutInSeconds": SCRIPT_SECONDS}
            method, address = "PUT", self._address(script, f"/runCommands/{script.name}")
            body = {"location": script.location, "properties": properties}
        for _ in range(BUSY_TRIES - 1):
            try:
                return self._begun(script, await self._send(script, method, address, body, what), what)
            except Conflict as problem:
                if not isinstance(problem, _Busy):
                    raise
                await self._sleep(BUSY_SECONDS)
        return self._begun(script, await self._send(script, method, address, body, what), what)

    async def output(self, begun: Begun) -> Output:
        """Wait for the end of a script and read what it printed. Where this raises, the script may have run all the same."""
        what = "waiting for a script on the machine"
        left = _Left(self._sleep)
        document = begun.answer
        if begun.status_address:
            document = await self._operation(begun, left, what)
        if begun.script.way == ACTION:
            return _of_action(await self._result(begun, document, left, what))
        while True:
            answer = await self._send(
                begun.script, "GET", self._address(begun.script, f"/runCommands/{begun.script.name}", view=True), None, what
            )
            found = _of_view(_document(answer, what))
            if found.state.lower() not in _RUNNING:
                return found
            await left.pause(None)

    async def remove(self, script: Script) -> None:
        """Take a managed run command away again, which leaves nothing of it on the machine's list; the action leaves nothing."""
        if script.way == ACTION:
            return
        with suppress(NotFound):
            await self._send(script, "DELETE", self._address(script, f"/runCommands/{script.name}"), None, "removing a run command")

    async def _operation(self, begun: Begun, left: _Left, what: str) -> Item:
        """Poll the operation to its end. Returns its last answer."""
        wait = begun.wait
        while True:
            await left.pause(wait)
            answer = await self._send(begun.script, "GET", begun.status_address, None, what)
            document = _document(answer, what)
            status = text(document, "status")
            if status.lower() == "succeeded":
                return document
            if status.lower() in _DONE:
                raise _failed(begun.script, status, document)
            wait = seconds_to_wait(answer.headers)

    async def _result(self, begun: Begun, document: Item | None, left: _Left, what: str) -> Item:
        """The result of an action: in the answer itself, in its operation, or at the address that was told."""
        for found in (document, at(document, "properties", "output")):
            if isinstance(found, Mapping) and items(found, "value"):
                return found
        if not begun.result_address:
            raise BadAnswer("Azure says that the script has run, but not where its output is.")
        while True:
            answer = await self._send(begun.script, "GET", begun.result_address, None, what)
            if answer.status != 202:
                return _document(answer, what)
            await left.pause(seconds_to_wait(answer.headers))

    def _begun(self, script: Script, answer: Answer, what: str) -> Begun:
        status, result = (answer.headers.get(name) or "" for name in ("Azure-AsyncOperation", "Location"))
        for address in (status, result):
            if address and not same_origin(self._origin, address):
                raise BadAnswer(f"Azure says to ask at another address ({clean(address, 80)}), which is not followed.")
        here = _document(answer, what) if answer.status == 200 else None
        return Begun(script, status, result, seconds_to_wait(answer.headers), here)

    def _address(self, script: Script, rest: str, *, view: bool = False) -> str:
        version = HYBRID_API if script.way == ARC else COMPUTE_API
        expand = "$expand=instanceView&" if view and script.way != ARC else ""
        return address_of(self._origin, script.machine_id, f"{rest}?{expand}api-version={version}")

    async def _send(self, script: Script, method: str, address: str, body: Mapping[str, Any] | None, what: str) -> Answer:
        send = self._hybrid if script.way == ARC else self._compute
        answer = await exchange(send, HttpRequest(method, address, json=body), what)
        if not 200 <= answer.status < 300:
            raise _refused(script, answer, what)
        return answer


class _Busy(Conflict):
    """Another script runs on the machine."""


class _Left:
    """The time that is left for one script."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._seconds = MOST_SECONDS
        self._least = 1.0

    async def pause(self, seconds: float | None) -> None:
        """Wait for as long as Azure says. Raises :class:`TookTooLong` when that is more than is left."""
        wait = max(self._least, POLL_SECONDS if seconds is None else seconds)
        self._least = min(SELDOM_SECONDS, 2 * self._least)
        if wait > self._seconds:
            raise TookTooLong(
                f"The script did not end within {MOST_SECONDS / 60:.0f} minutes. Look at the machine's agent, and verify the machine again."
            )
        self._seconds -= wait
        await self._sleep(wait)


def _document(answer: Answer, what: str) -> Item:
    return document_of(answer.body, what) if answer.body.strip() else {}


def _refused(script: Script, answer: Answer, what: str) -> AzureProblem:
    """What an answer that refuses means, in the words of somebody who wants a script to run."""
    code, message = _error_of(answer.body)
    said = f" Azure says: {message}" if message else ""
    problem = problem_from_status(answer.status, answer.body, what, answer.headers)
    if code.lower() in _NOT_OFFERED:
        return NotOffered(f"Azure does not offer {WAYS[script.way]} here.{said}")
    if isinstance(problem, Forbidden) and answer.status == 403:
        return Forbidden(f"You have no right to run a script on the machine by {WAYS[script.way]}.{said}")
    if isinstance(problem, NotFound):
        return NotFound(f"The machine, or the run command on it, is gone: Azure does not find it any more.{said}")
    if answer.status in (400, 409, 412):
        return _of_machine(code, message) or problem
    return problem


def _of_machine(code: str, message: str) -> AzureProblem | None:
    """What keeps a machine from running scripts, by the words of Azure; ``None`` for others."""
    low, said = message.lower(), f" Azure says: {message}" if message else ""
    if "execution is in progress" in low:
        return _Busy(
            f"Another script is being run on the machine, and Azure allows one at a time. Verify it again when that has ended.{said}"
        )
    if "not running" in low or "deallocated" in low:
        return Unreachable(f"The machine is not running. Start it and verify it again.{said}")
    if code.lower() == "machinenotconnected" or "is not connected" in low:
        return Unreachable(f"The Arc agent is not connected. Mend it on the machine (azcmagent show) and verify it again.{said}")
    if code.lower() in _AGENT:
        return AgentNotReady(
            f"The machine's agent does not report. Restart it on the machine (walinuxagent, WindowsAzureGuestAgent).{said}"
        )
    return None


def _failed(script: Script, status: str, document: Item) -> AzureProblem:
    """What an operation that failed means."""
    code, message = text(document, "error", "code"), text(document, "error", "message", limit=240)
    said = f" Azure says: {message}" if message else ""
    if (known := _of_machine(code, message)) is not None:
        return known
    if code.lower() in _LATE:
        return TookTooLong(f"The script was not run in the time that Azure allows. Look at the machine's agent.{said}")
    return RunFailed(f"Azure could not run the script by {WAYS[script.way]} ({code or status}).{said}")


def _error_of(body: bytes) -> tuple[str, str]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    return text(document, "error", "code", limit=80), text(document, "error", "message", limit=240)


def _of_action(document: Item) -> Output:
    """The output of the action: a list of streams, of which older services put both into one."""
    streams = {"stdout": "", "stderr": ""}
    state = ""
    for one in items(document, "value"):
        parts = text(one, "code").lower().split("/")
        if len(parts) > 1 and parts[1] in streams:
            streams[parts[1]] = lines(one, "message")
            state = state or (text(one, "code").split("/")[-1].capitalize())
    return Output(state, None, streams["stdout"], streams["stderr"])


def _of_view(document: Item) -> Output:
    """The output in the instance view of a managed run command."""
    view = ("properties", "instanceView")
    code = at(document, *view, "exitCode")
    exit_code = code if isinstance(code, int) and not isinstance(code, bool) else None
    state = text(document, *view, "executionState")
    provisioning = text(document, "properties", "provisioningState")
    if state.lower() in _RUNNING and provisioning.lower() in {"failed", "canceled"}:
        state = provisioning
    return Output(state, exit_code, lines(document, *view, "output"), lines(document, *view, "error"))

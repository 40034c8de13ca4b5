"""The process apart (see :mod:`console.workers.apart`): reads Azure into the cache as another process asks, and ends with that one.

``python -m console.workers.reader``, with :mod:`console.workers.frames` through standard input and output.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import traceback
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from cache.activity import Activity
from cache.clock import ScaledClock
from cache.errors import CacheError
from cache.failure import Failure
from cache.fleet import FleetCache
from cache.journal import Journal
from console.gateway.azure import Azure
from console.gateway.errors import AzureProblem, Outage, SignInRequired
from console.workers.frames import (
    Begin,
    Changed,
    Ended,
    Failed,
    FromApart,
    NoToken,
    Ready,
    Token,
    TokenWanted,
    Unintelligible,
    Waiting,
    failure_of,
    frame,
    receive,
    to_apart,
    told,
)
from console.workers.sync import sync
from console.workers.work import Work

TOLD_EVERY = 0.1
"""Seconds between two messages about what has changed and how far the reading is."""


class _Console:
    """The console, seen from the process apart: the credential that it has, and who is told what happens."""

    def __init__(self, sink: BinaryIO, activity: Activity) -> None:
        self._sink = sink
        self._activity = activity
        self._tables: set[str] = set()
        self._untold = False
        self._what: list[str] = []
        self._asked: dict[int, asyncio.Future[Token]] = {}
        self._questions = 0
        activity.subscribe(self._got_on)

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, enable_cae: bool = False, **_: Any
    ) -> Token:
        """A token, from the console's credential."""
        self._questions += 1
        answer: asyncio.Future[Token] = asyncio.get_running_loop().create_future()
        self._asked[self._questions] = answer
        self.say(TokenWanted(self._questions, scopes, claims, tenant_id, enable_cae))
        return await answer

    async def listen(self, stream: asyncio.StreamReader) -> NoReturn:
        """Take the answers. When there is nobody any more who could give one, this process ends at once."""
        while True:
            try:
                reply = await receive(stream, to_apart)
            except (EOFError, Unintelligible):
                os._exit(1)
            answer = self._asked.pop(getattr(reply, "number", 0), None)
            if answer is None or answer.done():
                continue
            if isinstance(reply, Token):
                answer.set_result(reply)
            elif isinstance(reply, NoToken):
                answer.set_exception(_as_of_a_credential(reply.problem))

    def say(self, message: FromApart) -> None:
        """Tell the console, which always listens."""
        try:
            self._sink.write(frame(message))
            self._sink.flush()
        except OSError:
            os._exit(1)

    def changed(self, tables: frozenset[str]) -> None:
        """The cache has changed, which is told soon."""
        self._tables |= tables
        self._untold = True

    def _got_on(self) -> None:
        self._untold = True
        if (what := [one.what for one in self._activity.tasks()]) != self._what:  # another task is told at once, how far it is now and then
            self._what = what
            self.tell()

    def tell(self) -> None:
        """Tell what has happened since this was last told."""
        if self._untold:
            self.say(Changed(frozenset(self._tables), self._activity.tasks()))
            self._tables, self._untold = set(), False

    async def keep_telling(self) -> NoReturn:
        """Tell what happens, now and then."""
        while True:
            await asyncio.sleep(TOLD_EVERY)
            self.tell()


def _as_of_a_credential(problem: Failed) -> Exception:
    """What a credential would raise: as a failure of the line it is tried again, and as a mere sentence it leaves Azure's demands alone."""
    failure = failure_of(problem)
    if failure is None or isinstance(failure, Outage):
        return ConnectionError(problem.message)
    return Failure(problem.message) if isinstance(failure, SignInRequired) and not failure.claims else failure


async def _apart(source: BinaryIO, sink: BinaryIO) -> None:
    stream = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), source)
    begin = await receive(stream, to_apart)
    if not isinstance(begin, Begin):
        raise Unintelligible("no beginning")
    clock = ScaledClock(*begin.clock)
    activity = Activity(clock)
    console = _Console(sink, activity)
    busy = [asyncio.create_task(console.listen(stream)), asyncio.create_task(console.keep_telling())]
    try:
        end = await _read(begin, console, activity, clock)
    except (AzureProblem, CacheError) as problem:
        end = told(problem)
    except Exception as error:  # noqa: BLE001 (whatever it is, the console says so)
        traceback.print_exc()
        end = Failed("", type(error).__name__)
    console.tell()
    console.say(end)
    for task in busy:
        task.cancel()


async def _read(begin: Begin, console: _Console, activity: Activity, clock: ScaledClock) -> Ended | Failed:
    folder = Path(begin.folder)
    async with await FleetCache.join(folder, clock) as fleet, await Journal.open(folder, clock) as journal:
        fleet.subscribe(console.changed)
        console.say(Ready())
        async with Azure(begin.cloud, console, lambda wait: console.say(Waiting(wait)), asyncio.sleep, read_only=True) as azure:
            azure.names_are(await fleet.subscription_names())
            policy = (True, begin.plan_minutes, begin.concurrency, begin.only)
            work = Work(azure, fleet, journal, clock, activity, begin.cloud, begin.tenant_id, begin.principal, *policy)
            report = await sync(work, begin.subscription_ids, begin.sources, begin.listed)
            return Ended(report, work.shown)


def main() -> NoReturn:
    """Read what the other end of the pipes asks for, and end. Whatever else is printed goes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    gc.disable()  # this process ends soon: nothing that it makes is worth looking through for cycles
    try:
        asyncio.run(_apart(source, sink))
    except BaseException:  # noqa: BLE001 (the threads of what is still open would keep the process from ending)
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()

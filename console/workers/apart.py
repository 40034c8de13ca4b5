"""Reading a large fleet in a process of its own, so that decoding, judging and writing hold up no screen.

The process apart (:mod:`console.workers.reader`) runs :func:`console.workers.sync.sync` as it is and writes the cache; the console follows
it as it follows a second console on the same files. The two talk through the pipes of the process apart. A token travels nowhere else.
Whatever the process apart has written before it ends, in whatever way, is whole: each write is one transaction.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

from cache.activity import Task
from cache.clock import origin_of
from cache.model import Source
from cache.text import clean, clean_lines
from console.gateway.errors import Outage, problem_from
from console.identity import SECRETS
from console.workers.frames import (
    Begin,
    Changed,
    Ended,
    Failed,
    NoToken,
    Ready,
    Token,
    TokenWanted,
    Unintelligible,
    Waiting,
    failure_of,
    frame,
    from_apart,
    receive,
    told,
)
from console.workers.sync import EVERYTHING, SyncReport, list_subscriptions, sync
from console.workers.work import Work

MANY_MACHINES = 5_000
MANY_SUBSCRIPTIONS = 100
"""From so many on a reading happens apart."""

COMMAND = (sys.executable, "-P", "-m", "console.workers.reader")
ENDS_WITHIN = 3.0
"""Seconds that the process apart has to end once it is told to."""

KEPT_WORDS = 8_000
"""Of what the process apart says on its standard error, so many bytes from the end go into the log."""


async def read_fleet(
    work: Work,
    subscription_ids: Collection[str] = (),
    sources: frozenset[Source] = EVERYTHING,
    command: tuple[str, ...] | None = None,
) -> SyncReport:
    """Do what :func:`sync` does, apart where there is much to read, else here. ``command`` starts the process apart.

    Raises what :func:`sync` raises. A process apart that ends before it is done is a problem in the cache and in the report.
    """
    origin = origin_of(work.clock)
    apart = _Apart(work, command or COMMAND)
    listed: datetime | None = None
    try:
        if sources > {Source.SUBSCRIPTIONS} and not await work.fleet.knows_subscriptions():

            def on_page(count: int) -> None:
                if count >= MANY_SUBSCRIPTIONS and not subscription_ids and origin is not None:
                    apart.start()

            work.activity.begin("sync", "reading subscriptions")
            try:
                if not await list_subscriptions(work, on_page):
                    return SyncReport(0, tuple(await work.fleet.problems()), nothing=True)
            finally:
                work.activity.end("sync")
            listed = work.azure.date
        if sources <= {Source.SUBSCRIPTIONS} or origin is None or not await _is_much(work, subscription_ids):
            return await sync(work, subscription_ids, sources, listed)
        begin = Begin(
            work.cloud,
            str(work.fleet.path.parent),
            origin,
            work.tenant_id,
            work.principal,
            work.only,
            work.plan_minutes,
            work.concurrency,
            tuple(subscription_ids),
            sources,
            listed,
        )
        try:
            return await apart.read(begin)
        except _NotStarted as reason:
            sentence = f"No process could be started to read the fleet ({reason}). It is read in this one; screens may be slower meanwhile."
            await work.fleet.add_log("warning", sentence)
            return await sync(work, subscription_ids, sources, listed)
        except _Broken as broken:
            await work.remember(Outage(str(broken)), Source.SUBSCRIPTIONS, "")
            return SyncReport(0, tuple(await work.fleet.problems()), nothing=True)
    finally:
        await apart.end()


async def _is_much(work: Work, subscription_ids: Collection[str]) -> bool:
    named = [*(subscription_ids or work.only)]
    subscriptions = len(named) if named else len(await work.fleet.subscription_ids())
    return subscriptions >= MANY_SUBSCRIPTIONS or await work.fleet.machine_count(named or None) >= MANY_MACHINES


class _NotStarted(Exception):
    """There is no process apart; the message says why."""


class _Broken(Exception):
    """The process apart did not bring the reading to its end; the message is the sentence for the user."""


class _Apart:
    """One reading apart, seen from the console. What has been started must be ended, whether or not anything came of it."""

    def __init__(self, work: Work, command: tuple[str, ...]) -> None:
        self._work = work
        self._command = command
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._words: asyncio.Task[str] | None = None
        self._patience = 0.0
        self._ready = False
        self._under_way: dict[str, str] = {}
        self._answering: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the process, if that has not been done: it imports while this one finds out what there is to read."""
        if self._starting is None:
            pipe = asyncio.subprocess.PIPE
            options: dict[str, Any] = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "env": _environ(), "start_new_session": True}
            self._starting = asyncio.create_task(asyncio.create_subprocess_exec(*self._command, **options))

    async def read(self, begin: Begin) -> SyncReport:
        """Have the process read, follow it to its end, and see to it that it does end, also when this is cancelled."""
        try:
            return await self._read(begin)
        finally:
            await self.end()

    async def _read(self, begin: Begin) -> SyncReport:
        self.start()
        assert self._starting is not None
        try:
            process = await asyncio.shield(self._starting)
        except (OSError, ValueError) as error:
            raise _NotStarted(getattr(error, "strerror", None) or type(error).__name__) from None
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._words = asyncio.create_task(_last_words(process.stderr))
        try:
            self._show((Task("sync", "reading subscriptions", self._work.clock.now()),))
            process.stdin.write(frame(begin))
            report = await self._follow(process.stdout, process.stdin)
            self._patience = ENDS_WITHIN
            return report
        except EOFError:
            await _end(process, ENDS_WITHIN)
            code = process.returncode or 0
            why = f"it was ended by signal {-code}" if code < 0 else f"it ended with {code}"
        except Unintelligible as error:
            why = f"it said what cannot be understood: {error}"
        except _Broken as error:
            why = str(error)
        if not self._ready:
            raise _NotStarted(why)
        raise _Broken(
            f"The process that reads the fleet did not come to its end ({why}). What it had read until then is kept; the rest is read "
            "with the next reading. The log file has what it said."
        )

    async def end(self) -> None:
        """Have the process ended, if there is one, and what it said in the log file."""
        starting, self._starting = self._starting, None
        if starting is None:
            return
        self._show(())
        for answer in self._answering:
            answer.cancel()
        try:
            process = await starting
        except (OSError, ValueError):
            return
        await _end(process, self._patience)
        if self._words is not None and (said := await self._words):
            logging.getLogger("console").warning("The process that reads the fleet said:\n%s", said)

    async def _follow(self, stdout: asyncio.StreamReader, stdin: asyncio.StreamWriter) -> SyncReport:
        work = self._work
        with work.fleet.following() as tell:
            while True:
                match await receive(stdout, from_apart):
                    case Ready():
                        self._ready = True
                    case TokenWanted() as wanted:
                        answer = asyncio.create_task(self._answer(stdin, wanted))
                        self._answering.add(answer)
                        answer.add_done_callback(self._answering.discard)
                    case Waiting(wait):
                        if work.azure.on_wait is not None:
                            work.azure.on_wait(wait)
                    case Changed(tables, tasks):
                        tell(tables)
                        self._show(tasks)
                    case Ended(report, shown):
                        work.shown = shown
                        return report
                    case Failed() as failed:
                        raise failure_of(failed) or _Broken(f"it met something unknown, {clean(failed.message, 80)}")

    async def _answer(self, stdin: asyncio.StreamWriter, wanted: TokenWanted) -> None:
        reply: Token | NoToken
        try:
            token = await self._work.azure.credential.get_token(
                *wanted.scopes, claims=wanted.claims, tenant_id=wanted.tenant_id, enable_cae=wanted.enable_cae
            )
            reply = Token(wanted.number, token.token, int(token.expires_on))
        except Exception as error:  # noqa: BLE001 (a credential may raise anything: it belongs to who asked for the token)
            reply = NoToken(wanted.number, told(problem_from(error, "asking for a token")))
        with suppress(OSError):  # nobody is there any more: that is met where the messages are read
            stdin.write(frame(reply))

    def _show(self, tasks: tuple[Task, ...]) -> None:
        """Make this console's activity what that of the process apart is."""
        activity = self._work.activity
        for key in self._under_way.keys() - {one.key for one in tasks}:
            activity.end(key)
        for one in tasks:
            if self._under_way.get(one.key) != one.what:
                activity.begin(one.key, one.what, one.total, one.before)
            activity.advance(one.key, one.done, one.total, pages=one.pages)
        self._under_way = {one.key: one.what for one in tasks}


def _environ() -> dict[str, str]:
    """The environment of the process apart: without what a sign-in needs, and importing from where this process does."""
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return kept | {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}


async def _last_words(stream: asyncio.StreamReader) -> str:
    """Read to the end, so that the process apart is never held up by a full pipe; what it said last."""
    said = b""
    while some := await stream.read(KEPT_WORDS):
        said = (said + some)[-KEPT_WORDS:]
    return clean_lines(said.decode(errors="replace")).strip()


async def _end(process: asyncio.subprocess.Process, patience: float) -> None:
    """Have the process ended when this returns: by itself within ``patience`` seconds, or else it is made to."""
    assert process.stdin is not None
    process.stdin.close()
    for seconds, end in ((patience, process.terminate), (ENDS_WITHIN, process.kill)):
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
        if process.returncode is None:
            with suppress(ProcessLookupError):
                end()
    await process.wait()

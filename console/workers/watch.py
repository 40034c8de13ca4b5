"""Keeping the cache fresh while the console is open: when to read what. Readings never overlap, back off, pause, and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from cache.model import MachineState, Source
from console.gateway.errors import SignInRequired
from console.workers.apart import read_fleet
from console.workers.evaluate import evaluate
from console.workers.poll import Poll
from console.workers.sync import EVERYTHING, SyncReport
from console.workers.work import Work

IN_MOTION = {MachineState.PENDING, MachineState.LATE, MachineState.INSTALLING}
LONGEST_FACTOR = 16
"""Failures double the wait between polls, up to this many times the ordinary one."""


@dataclass(slots=True)
class Watch:
    """A loop over one :class:`Work`. ``poll`` and ``moving`` are seconds between two readings of what changed: of everything, and of
    machines alone while any is on its way. ``reconcile`` is the time between two complete readings.

    Of several consoles on one cache the one that ``leads`` polls; what the user asks for is read all the same.
    """

    work: Work
    poll: float
    moving: float
    reconcile: timedelta
    on_sign_in_lost: Callable[[str], Awaitable[None]]
    leads: Callable[[], bool] = lambda: True
    _polling: Poll = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: set[str] = field(default_factory=set)
    _alone: list[tuple[tuple[str, ...], frozenset[Source]]] = field(default_factory=list)
    _all_asked: bool = False
    _due: bool = True
    _paused: bool = False

    def __post_init__(self) -> None:
        """What is known between two polls."""
        self._polling = Poll(self.work, self.reconcile)

    def refresh(self, subscription_ids: tuple[str, ...] = (), sources: frozenset[Source] = EVERYTHING) -> None:
        """Read now, even when paused: all, or these subscriptions; completely, or these sources alone."""
        if sources != EVERYTHING:
            self._alone.append((subscription_ids, sources))
        else:
            self._asked |= set(subscription_ids)
            self._all_asked = self._all_asked or not subscription_ids
        self._wake.set()

    def pause(self, paused: bool) -> None:
        """Poll no more, or go on at once."""
        self._paused = paused
        if not paused:
            self._due = True
            self._wake.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        next_poll, factor = 0.0, 1
        while True:
            due, self._due = self._due or self._all_asked or loop.time() >= next_poll, False
            self._wake.clear()
            try:
                report = await self._read(due)
            except SignInRequired as problem:
                await self.on_sign_in_lost(problem.message)
                return
            factor = min(factor * 2, LONGEST_FACTOR) if report.nothing else 1
            if due:
                next_poll = loop.time() + self.poll * factor
            await self._rest(next_poll, factor)

    async def _read(self, due: bool) -> SyncReport:
        asked, self._asked = tuple(self._asked), set()
        all_asked, self._all_asked = self._all_asked, False
        if all_asked:
            return await read_fleet(self.work)
        if asked:
            return await read_fleet(self.work, asked)
        if self._alone:
            ids, sources = self._alone.pop(0)
            if self._alone:
                self._wake.set()
            return await read_fleet(self.work, ids, sources)
        if not self.leads():
            return SyncReport(0, ())
        if due and await self._polling.complete_reading_due():
            return await read_fleet(self.work)
        return await self._polling.differences(moving=not due)

    async def _rest(self, next_poll: float, factor: int) -> None:
        """Wait for the next poll, a request, or the end of a pause; states follow the clock meanwhile."""
        work = self.work
        loop = asyncio.get_running_loop()
        while not self._wake.is_set():
            counts = await work.fleet.state_counts()
            in_motion = any(counts.get(state) for state in IN_MOTION)
            wait = self.moving * factor if in_motion else next_poll - loop.time()
            wait = max(0.05, min(wait, next_poll - loop.time()))
            try:
                async with asyncio.timeout(min(wait, self.moving)):
                    await self._wake.wait()
            except TimeoutError:
                if self._paused:
                    continue
                await follow_the_clock(work)
                if in_motion or loop.time() >= next_poll:
                    return


async def follow_the_clock(work: Work) -> None:
    """Work out the states of machines anew where time alone changes them: where something was expected by now."""
    due = {one.subscription_id for one in await work.fleet.due_machines(work.clock.now())}
    if due:
        await evaluate(work.fleet, work.journal, work.clock, work.cloud, due)

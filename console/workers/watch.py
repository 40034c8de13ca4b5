"""Keeping the cache fresh while the console is open: polls that never overlap, back off, pause, and stop with their task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cache.model import MachineState
from console.gateway.errors import SignInRequired
from console.workers.evaluate import evaluate
from console.workers.sync import MOVING, SyncReport, sync
from console.workers.work import Work

IN_MOTION = {MachineState.PENDING, MachineState.LATE, MachineState.INSTALLING}
LONGEST_FACTOR = 16
"""Failures double the wait between polls, up to this many times the ordinary one."""


@dataclass(slots=True)
class Watch:
    """A loop over one :class:`Work`. ``poll`` and ``moving`` are seconds between full and quick readings.

    Of several consoles on one cache the one that ``leads`` polls; what the user asks for is read all the same.
    """

    work: Work
    poll: float
    moving: float
    on_sign_in_lost: Callable[[str], Awaitable[None]]
    leads: Callable[[], bool] = lambda: True
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: set[str] = field(default_factory=set)
    _full: bool = True
    _paused: bool = False
    _insisted: bool = False

    def refresh(self, subscription_ids: tuple[str, ...] = ()) -> None:
        """Read now, even when paused: all, or these subscriptions."""
        self._asked |= set(subscription_ids)
        self._full = self._full or not subscription_ids
        self._insisted = True
        self._wake.set()

    def pause(self, paused: bool) -> None:
        """Poll no more, or go on at once."""
        self._paused = paused
        if not paused:
            self._full = True
            self._wake.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        next_full, factor = 0.0, 1
        while True:
            asked, self._asked = tuple(self._asked), set()
            full, self._full = self._full or loop.time() >= next_full, False
            self._wake.clear()
            try:
                report = await self._read(asked, full)
            except SignInRequired as problem:
                await self.on_sign_in_lost(problem.message)
                return
            factor = min(factor * 2, LONGEST_FACTOR) if report.nothing else 1
            if full:
                next_full = loop.time() + self.poll * factor
            await self._rest(next_full, factor)

    async def _read(self, asked: tuple[str, ...], full: bool) -> SyncReport:
        insisted, self._insisted = self._insisted, False
        if not insisted and not self.leads():
            return SyncReport(0, ())
        if full:
            return await sync(self.work)
        if asked:
            return await sync(self.work, asked)
        return await sync(self.work, sources=MOVING)

    async def _rest(self, next_full: float, factor: int) -> None:
        """Wait for the next poll, a request, or the end of a pause; states follow the clock meanwhile."""
        work = self.work
        loop = asyncio.get_running_loop()
        while not self._wake.is_set():
            counts = await work.fleet.state_counts()
            in_motion = any(counts.get(state) for state in IN_MOTION)
            wait = self.moving * factor if in_motion else next_full - loop.time()
            wait = max(0.05, min(wait, next_full - loop.time()))
            try:
                async with asyncio.timeout(min(wait, self.moving)):
                    await self._wake.wait()
            except TimeoutError:
                if self._paused:
                    continue
                due = {one.subscription_id for one in await work.fleet.due_machines(work.clock.now())}
                if due:  # time alone changes only what was expected by now
                    await evaluate(work.fleet, work.journal, work.clock, work.cloud, due)
                if in_motion or loop.time() >= next_full:
                    return

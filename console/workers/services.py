"""Reading machines from Compute and Azure Arc themselves, where Resource Graph refuses, and the extensions of single machines.

Lists come first and are in the cache at once; extensions, a call for each machine, fill in behind them. What has been read is noted in the
cache, so that a reading which is cut off goes on where it was.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from cache import rows
from cache.model import Machine, MachineState, Onboarding, Source
from cache.rounds import KnownMachine
from cache.sighting import Sighting, sighting_of
from console.gateway.errors import AzureProblem, Forbidden, NotFound, SignInRequired
from console.rules.extensions import defender_extension, is_unclear
from console.rules.onboarding import WAITING
from console.workers.evaluate import settle_states
from console.workers.landing import Landing
from console.workers.work import Work

AT_ONCE = 48
"""Calls under way at the same time, over all subscriptions."""

SHARE = 100
"""Machines of a subscription that are asked for their extensions before it is another one's turn: Resource Manager allows 250 readings at
once in each."""

RESUMED_WITHIN = timedelta(minutes=30)
"""A reading that was cut off and began longer ago is begun anew."""

TOLD_EVERY = 8
"""Answers after which it is said how far a reading is: the status bar is painted each time."""

MOVING_STATES = WAITING | {MachineState.INSTALLING}
_KEY = "reading of machines"


class Calls:
    """Calls to Azure, of which :data:`AT_ONCE` are under way at a time, those of the lowest rank first."""

    def __init__(self) -> None:
        self._queue: asyncio.PriorityQueue[tuple[tuple[int, ...], int, Callable[[], Awaitable[None]]]] = asyncio.PriorityQueue()
        self._number = itertools.count()

    def add(self, rank: tuple[int, ...], call: Callable[[], Awaitable[None]]) -> None:
        """Make a call when its turn has come. Calls may add others."""
        self._queue.put_nowait((rank, next(self._number), call))

    async def run(self) -> None:
        """Return when all calls have been made. The first failure ends the others and is raised."""
        tasks = [asyncio.create_task(self._work()) for _ in range(AT_ONCE)]
        done = asyncio.create_task(self._queue.join())
        try:
            await asyncio.wait([done, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for one in tasks:
                if one.done():
                    one.result()
        finally:
            for one in (done, *tasks):
                one.cancel()
            await asyncio.gather(done, *tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            _, _, call = await self._queue.get()
            await call()
            self._queue.task_done()


@dataclass(slots=True)
class _Owner:
    """A subscription that is being read: how many calls are not answered yet, and what failed."""

    id: str
    known: dict[str, KnownMachine] = field(default_factory=dict)
    calls: int = 1
    machines: int = 0
    failures: list[AzureProblem] = field(default_factory=list)


class _Reading:
    """One reading of some subscriptions."""

    def __init__(self, work: Work, landing: Landing, *, resumes: bool) -> None:
        self._work = work
        self._landing = landing
        self._resumes = resumes
        self._calls = Calls()
        self._lists = self._machines = self._asked = self._answered = 0

    async def run(self, subscription_ids: list[str]) -> None:
        """Read these subscriptions, the first ones first. Raises :class:`SignInRequired`; other failures are those of a subscription."""
        self._work.activity.begin("sync", "listing machines")
        self._lists = len(subscription_ids)
        for place, subscription_id in enumerate(subscription_ids):
            self._calls.add((0, 0, place), partial(self._list, _Owner(subscription_id), place))
        try:
            await self._calls.run()
        finally:
            await self._landing.close()

    async def _list(self, owner: _Owner, place: int) -> None:
        owner.known = await self._work.fleet.known_machines(owner.id)
        try:
            async for page in self._work.azure.service_machines(owner.id):
                self._landing.see(page)
                for one in page:
                    self._ask(owner, place, one)
                self._machines += len(page)
                self._tell()
        except SignInRequired:
            raise
        except AzureProblem as problem:
            owner.failures.append(problem)
        owner.known = {}
        self._lists -= 1
        if not self._lists:  # from here on it is known how many there are, and so how long it takes
            self._work.activity.begin(
                "sync", "reading extensions", total=self._machines, done=self._machines - self._asked + self._answered
            )
        await self._done(owner)

    def _ask(self, owner: _Owner, place: int, machine: Sighting) -> None:
        """Ask for the extensions of a machine, if they have not been read: first of machines never read, then of those in motion."""
        known = owner.known.get(machine.id.lower())
        if self._resumes and known is not None and known.extensions_read:
            return
        rank = 1 if known is None or not known.extensions_known else 2 if known.state in MOVING_STATES else 3
        self._calls.add((rank, owner.machines // SHARE, place), partial(self._extensions, owner, machine))
        owner.machines += 1
        owner.calls += 1
        self._asked += 1

    async def _extensions(self, owner: _Owner, machine: Sighting) -> None:
        try:
            found = await self._work.azure.extension_details(machine.id, machine.system.kind)
        except SignInRequired:
            raise
        except NotFound:  # deleted since the list was made
            self._landing.lose(machine.id)
        except AzureProblem as problem:
            owner.failures.append(problem)
        else:
            self._landing.detail(machine._replace(extensions=rows.extensions_row(found)))
        self._answered += 1
        if self._answered % TOLD_EVERY == 0 or self._answered == self._asked:
            self._tell()
        await self._done(owner)

    async def _done(self, owner: _Owner) -> None:
        owner.calls -= 1
        if owner.calls:
            return
        if owner.failures:
            problem = next((each for each in owner.failures if not isinstance(each, Forbidden)), owner.failures[0])
            await self._work.remember(problem, Source.MACHINES, owner.id)
        else:
            self._landing.complete([owner.id])

    def _tell(self) -> None:
        self._work.activity.advance("sync", done=self._machines if self._lists else self._read)

    @property
    def _read(self) -> int:
        """Machines with their extensions, those that were read before the reading was cut off included."""
        return self._machines - self._asked + self._answered


async def read_by_service(work: Work, subscription_ids: list[str], *, all_of_them: bool) -> None:
    """Read machines with their extensions from the services, those subscriptions first that were never read or longest ago.

    ``all_of_them``: these are all that this console looks at. Such a reading goes on from one that was cut off: what that one has read is
    not read again.
    """
    at = {one.subscription_id.lower(): one.fetched_at for one in await work.fleet.freshness() if one.source == Source.MACHINES}
    began = await _resumed(work) if all_of_them else None
    if all_of_them and began is None:
        await work.fleet.forget_extensions_noted()
        await work.fleet.remember(_KEY, json.dumps({"scope": sorted(work.only), "began": work.clock.now().isoformat()}))
    todo = [one for one in subscription_ids if began is None or one.lower() not in at or at[one.lower()] <= began]
    todo.sort(key=lambda one: (one.lower() in at, at.get(one.lower(), work.clock.now())))
    judge = await settle_states(work.fleet, work.clock, work.cloud, subscription_ids)

    def of_those_known(sighting: Sighting, previous: Onboarding | None) -> Onboarding | None:
        """Nothing is said of a machine whose extensions are still to be read."""
        return None if sighting.extensions is None and previous is None else judge(sighting, previous)

    landing = Landing(work.fleet, of_those_known, note=all_of_them)
    await _Reading(work, landing, resumes=began is not None).run(todo)
    if all_of_them:
        await work.fleet.remember(_KEY, "")
        await work.fleet.forget_extensions_noted()


async def _resumed(work: Work) -> datetime | None:
    """When the reading began that was cut off and can be gone on with; ``None`` if there is none."""
    try:
        kept = json.loads(await work.fleet.remembered(_KEY) or "null")
        began = datetime.fromisoformat(kept["began"])
        ours = kept["scope"] == sorted(work.only) and timedelta() <= work.clock.now() - began < RESUMED_WITHIN
    except (ValueError, KeyError, TypeError):
        return None
    return began if ours else None


async def read_details(work: Work, machines: Iterable[Machine]) -> None:
    """Resource Graph does not tell why a VM's extension failed (it keeps no instance view of it): ask for those few by themselves."""
    chosen = [one for one in machines if _unclear(one)]
    if not chosen:
        return
    failures: dict[str, AzureProblem] = {}
    calls = Calls()
    landing = Landing(work.fleet, await settle_states(work.fleet, work.clock, work.cloud, {one.subscription_id for one in chosen}))

    async def ask(machine: Machine) -> None:
        try:
            found = await work.azure.extension_details(machine.id, machine.kind)
        except SignInRequired:
            raise
        except AzureProblem as problem:
            failures[machine.subscription_id] = problem
        else:
            sighting = sighting_of(machine, machine.subscription_id)
            landing.detail(sighting._replace(extensions=rows.extensions_row(found)))

    for machine in chosen:
        calls.add((), partial(ask, machine))
    try:
        await calls.run()
    finally:
        await landing.close()
    for subscription_id, problem in failures.items():
        await work.remember(problem, Source.EXTENSIONS, subscription_id)
    over = {one.subscription_id for one in chosen} - failures.keys()
    for one in await work.fleet.problems():
        if one.source == Source.EXTENSIONS and one.subscription_id in over:
            await work.fleet.clear_problem(Source.EXTENSIONS, one.subscription_id)


def _unclear(machine: Machine) -> bool:
    extension = defender_extension(machine)
    return machine.kind == "vm" and extension is not None and is_unclear(extension)

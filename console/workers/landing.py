"""Machines on their way into the cache: whatever has landed while a write was under way becomes the next write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import uuid4

from cache.fleet import FleetCache
from cache.model import Source
from cache.sighting import Judge, Sighting, Unchanged


class Landing:
    """Writes what one listing of machines shows, each judged as it lands. ``note``: keep in mind whose extensions have been read.

    Nothing here waits for a write but :meth:`close`, which must follow whatever happens: what has landed is kept even when the reading
    fails or is cut off. A failure of the cache is raised by whichever call comes after it.
    """

    def __init__(self, fleet: FleetCache, judge: Judge, *, note: bool = False) -> None:
        self._fleet = fleet
        self._judge = judge
        self._note = note
        self._listing = uuid4().hex
        self._sightings: list[Sighting | Unchanged] = []
        self._details: list[str] = []
        self._gone: list[str] = []
        self._complete: list[str] = []
        self._writing: asyncio.Task[None] | None = None

    def see(self, sightings: Iterable[Sighting | Unchanged]) -> None:
        """Machines as they are listed."""
        self._sightings += sightings
        self._begin()

    def detail(self, sighting: Sighting) -> None:
        """A machine whose extensions have been asked for by themselves."""
        self._details.append(sighting.id)
        self.see([sighting])

    def lose(self, machine_id: str) -> None:
        """A machine that is not there any more."""
        self._gone.append(machine_id)
        self._begin()

    def complete(self, subscription_ids: Iterable[str]) -> None:
        """Subscriptions of which all has been read: what the listing has not shown is gone."""
        self._complete += subscription_ids
        self._begin()

    async def close(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            await self._writing
        await self._write()

    def _begin(self) -> None:
        if self._writing is None or self._writing.done():
            if self._writing is not None:
                self._writing.result()
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        fleet = self._fleet
        while self._sightings or self._gone or self._complete:
            sightings, self._sightings = self._sightings, []
            details, self._details = self._details, []
            gone, self._gone = self._gone, []
            complete, self._complete = self._complete, []
            if sightings:
                await fleet.see_machines(sightings, self._listing, self._judge)
            if details and self._note:
                await fleet.note_extensions(details)
            if gone:
                await fleet.forget_machines(gone)
            if complete:
                await fleet.finish_listing(complete, self._listing)
                await fleet.settle(Source.MACHINES, complete)

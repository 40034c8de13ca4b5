"""The fleet as it is remembered in ``fleet.db``: a cache, so whatever happens to the file, it is set aside and read again from Azure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from cache.clock import Clock
from cache.database import Database
from cache.dictionaries import Dictionaries
from cache.errors import REBUILT, CacheDamaged
from cache.files import set_aside
from cache.reading import FleetReading
from cache.schema import FLEET, FLEET_TABLES
from cache.writing import FleetWriting

FILE = "fleet.db"


class FleetCache(FleetReading, FleetWriting):
    """An open ``fleet.db``. Use it as an async context manager, or call :meth:`close`: an open one keeps the process from exiting.

    ``quarantined`` is where a damaged file was moved when this one was opened, ``None`` if there was none.
    """

    def __init__(self, database: Database, clock: Clock, quarantined: Path | None) -> None:
        self._database = database
        self._clock = clock
        self._seen = {}
        self._dictionaries = Dictionaries()
        self._writer_version = -1
        self.quarantined = quarantined

    @classmethod
    async def open(cls, folder: Path, clock: Clock) -> FleetCache:
        """Open the cache in ``folder``, making both if need be. A damaged file is renamed and a new one begun.

        Raises :class:`cache.errors.CacheError` if the folder or file cannot be used, or is of a newer version.
        """
        path = folder / FILE
        try:
            return cls(await _open(path), clock, None)
        except CacheDamaged:
            aside = set_aside(path, clock.now())
        return cls(await _open(path), clock, aside)

    async def close(self) -> None:
        """Finish the write under way and close the file."""
        await self._database.close()

    async def __aenter__(self) -> FleetCache:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def database(self) -> Database:
        """The file as tables, for the indices."""
        return self._database

    def subscribe(self, callback: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Call ``callback`` with the names of the tables that changed, once after each write; the returned function ends that."""
        return self._database.subscribe(callback)

    async def poll_foreign_changes(self) -> bool:
        """Whether another process has written since this was last asked; if so, subscribers are told that every table changed."""
        changed = await self._database.changed_elsewhere()
        if changed:
            self._database.tell(FLEET_TABLES | {"onboarding"})
        return changed


async def _open(path: Path) -> Database:
    return await Database.open(path, FLEET, durable=False, rebuildable=True, advice=REBUILT)

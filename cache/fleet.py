"""The fleet as it is remembered in ``fleet.db``: a cache, so whatever happens to the file, it is set aside and read again from Azure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cache.clock import Clock
from cache.database import Database
from cache.dictionaries import Dictionaries
from cache.enabling_store import EnablingStore
from cache.errors import REBUILT, CacheDamaged
from cache.evaluation import EvaluationStore
from cache.files import set_aside
from cache.open_file import OpenFile
from cache.proof_store import ProofStore
from cache.reading import FleetReading
from cache.report_store import ReportStore
from cache.rounds import RoundStore
from cache.schema import FLEET
from cache.wave_store import WaveStore
from cache.writing import FleetWriting

FILE = "fleet.db"


class FleetCache(OpenFile, FleetReading, FleetWriting, EvaluationStore, RoundStore, WaveStore, ProofStore, ReportStore, EnablingStore):
    """An open ``fleet.db``. Its subscribers hear of tables.

    ``quarantined`` is where a damaged file was moved when this one was opened, ``None`` if there was none.
    """

    def __init__(self, database: Database, clock: Clock, quarantined: Path | None) -> None:
        self._database = database
        self._clock = clock
        self._seen = {}
        self._dictionaries = Dictionaries()
        self._writer_version = -1
        self._landed = None
        self._followed = False
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

    @classmethod
    async def join(cls, folder: Path, clock: Clock) -> FleetCache:
        """Open the cache that another process of ours has open and has looked through: a damaged file is left where it is.

        Raises :class:`cache.errors.CacheError`.
        """
        return cls(await _open(folder / FILE, checked=True), clock, None)

    @property
    def database(self) -> Database:
        """The file as tables, for the indices."""
        return self._database

    async def poll_foreign_changes(self) -> bool:
        """Whether another process has changed something since this was last asked; subscribers are told what, as in that process."""
        if self._followed:
            return False
        changed = await self._database.tables_changed_elsewhere()
        self._database.tell(changed)
        return bool(changed)

    @contextmanager
    def following(self) -> Iterator[Callable[[frozenset[str]], None]]:
        """While another process writes for this one: what it says to have changed is told with the function that this gives.

        Whatever else was written meanwhile is found by :meth:`poll_foreign_changes` afterwards.
        """
        self._followed = True
        try:
            yield self._database.tell
        finally:
            self._followed = False


async def _open(path: Path, *, checked: bool = False) -> Database:
    return await Database.open(path, FLEET, durable=False, rebuildable=True, advice=REBUILT, checked=checked)

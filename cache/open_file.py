"""What the cache and the journal have in common: a database file that is open, and tells who asks when it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from cache.database import Database


class OpenFile:
    """An open database file. Use it as an async context manager, or call :meth:`close`: an open one keeps the process from exiting."""

    _database: Database

    async def close(self) -> None:
        """Finish the write under way and close the file."""
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def subscribe(self, callback: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Call ``callback`` with the names of what changed, once after each write; the returned function ends that."""
        return self._database.subscribe(callback)

"""Whose turn it is when several processes write to one file: who has just written lets those pass who wait."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_LOOK_SECONDS = 0.005


class Turnstile:
    """The way to the write lock of the files in a folder, passed by one process at a time; a lock on the folder itself.

    SQLite looks every 100 ms whether a lock is free. A process that writes one transaction after the other leaves gaps far too short to
    be found like that. Here it waits behind whoever stands in the turnstile, who gets the lock as soon as it is let go.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        with suppress(OSError):
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @asynccontextmanager
    async def passing(self, seconds: float) -> AsyncIterator[None]:
        """Wait, up to ``seconds``, until nobody else stands in it, and stand in it for as long as the block lasts.

        Where folders cannot be locked, and after that time, there is no turnstile: the lock behind it decides.
        """
        until = asyncio.get_running_loop().time() + seconds
        while self._occupied() and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            if self._descriptor is not None:
                with suppress(OSError):
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _occupied(self) -> bool:
        if self._descriptor is None:
            return False
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Let go of the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

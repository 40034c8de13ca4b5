"""Which of several consoles on one cache reads Azure: the one that holds a lock on a file, which ends with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

FILE = "sync.lock"


class Lead:
    """The lead over one folder of a cache. Whoever has it keeps it until :meth:`release` or until the process ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether this process has the lead, now or from before. Where files cannot be locked at all, everybody has it."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            return True
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another process have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

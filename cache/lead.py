"""Which of several consoles on one cache reads Azure, and which changes it: the one that holds a lock on a file.

A lock ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

FILE = "sync.lock"
APPLY_FILE = "apply.lock"
"""Held while a plan is applied, and while it is found out how changes ended that nobody saw the end of."""


class Lead:
    """The lead over one folder of a cache. Whoever has it keeps it until :meth:`release` or until the process ends."""

    def __init__(self, folder: Path, file: str = FILE) -> None:
        self._path = folder / file
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

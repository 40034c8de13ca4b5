"""What can go wrong with the files, as types whose text is the sentence that a user reads."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from cache.failure import Exit, Failure


class CacheError(Failure):
    """The cache or the journal cannot be used; the text says what, where and what to do."""

    exit_code = Exit.CACHE


class CacheTooNew(CacheError):
    """The file was written by a newer version of the console."""


class CacheUnwritable(CacheError):
    """The folder or file cannot be opened or written: rights, a read-only file system, something else of that name."""


class CacheBusy(CacheError):
    """Another process kept the file locked for longer than the console waits."""


class DiskFull(CacheError):
    """The disk, or the user's share of it, is full."""


class CacheDamaged(CacheError):
    """The file is not, or is no longer, a sound database of the console."""


REBUILT = "It only holds what can be read again from Azure: run again to rebuild it."
NEVER_REBUILT = (
    "It holds the audit trail and is never rebuilt by itself: restore the folder from a backup, or move the file away, together with "
    "journal.head beside it, to begin a new one."
)

_DISK_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def from_sqlite(error: sqlite3.Error, path: Path, advice: str) -> CacheError:
    """The error of ours that SQLite's ``error`` about ``path`` means. ``advice`` ends the sentence about damage."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python's module before or after SQLite: text in the file that is not UTF-8
        return damaged(path, str(error), advice)
    match code & 0xFF:  # the primary result code; the upper bits only detail it
        case sqlite3.SQLITE_FULL:
            return _disk_full(path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error), advice)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CacheBusy(
                f"{path} is in use by another process, which keeps it locked. Wait for that process, or end it, and try again."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_IOERR:
            return _unwritable(path, str(error))
        case _:
            return CacheError(f"{path} could not be used ({error}).")


def from_os(error: OSError, path: Path) -> CacheError:
    """The error of ours that the operating system's ``error`` about ``path`` means."""
    if error.errno in _DISK_FULL:
        return _disk_full(path)
    return _unwritable(path, error.strerror or type(error).__name__)


def damaged(path: Path, detail: str, advice: str) -> CacheDamaged:
    """``path`` is damaged, as ``detail`` says; ``advice`` is the sentence on what to do."""
    return CacheDamaged(f"{path} is damaged ({detail}). {advice}")


def too_new(path: Path, found: int, known: int) -> CacheTooNew:
    """``path`` has schema version ``found`` while this console knows versions up to ``known``."""
    return CacheTooNew(
        f"{path} was written by a newer version of mde-console (file version {found}; this one knows versions up to {known}). "
        "Use that newer version, or choose another folder with --home."
    )


def _disk_full(path: Path) -> DiskFull:
    return DiskFull(f"The disk is full: {path} could not be written. Free some space and try again; what was written before is kept.")


def _unwritable(path: Path, detail: str) -> CacheUnwritable:
    return CacheUnwritable(
        f"{path} cannot be read and written ({detail}). Check who owns it and that its file system is writable, "
        "or choose another folder with --home or MDE_CONSOLE_HOME."
    )

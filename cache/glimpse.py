"""A first look into ``fleet.db`` that waits for nothing: the worst machines, read before anything else of the console is imported.

What cannot be read at once is left to :class:`cache.fleet.FleetCache`, which knows what to do about it and says so.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cache.files import suspect
from cache.fleet import FILE
from cache.machine_store import FIRST_MACHINES, MACHINE_COUNT, MACHINE_LINES, machine_line
from cache.model import MachineRow
from cache.schema import FLEET
from cache.values import moment_or_none

_WAIT = 0.05
"""Seconds for which a file that is being set up by another console is waited for."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The first machines, worst first, how many there are in all, and when the stalest of them were read."""

    rows: tuple[MachineRow, ...]
    total: int
    read_at: datetime | None


def glimpse(folder: Path, limit: int) -> Glimpse | None:
    """The first ``limit`` machines of the cache in ``folder``, of the chosen subscriptions if any are. ``None`` if there are none, or if
    there is any doubt about the file."""
    with suppress(sqlite3.Error, OSError, ValueError):
        return _look(folder / FILE, limit)
    return None


def _look(path: Path, limit: int) -> Glimpse | None:
    if not path.is_file() or suspect(path).exists():
        return None
    wal = path.with_name(f"{path.name}-wal")
    # What another console has under way, or left behind, is not touched: a file after a crash is to be checked by who opens it for good.
    mode = "ro" if wal.exists() and wal.stat().st_size else "rw"
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=_WAIT)) as connection:
        connection.execute("PRAGMA query_only = ON")
        version, mark = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id"))
        if (version, mark) != (FLEET.version, FLEET.application_id):
            return None
        chosen = connection.execute("SELECT 1 FROM selection LIMIT 1").fetchone()
        where = (
            " WHERE place IN (SELECT key FROM places WHERE subscription_id IN (SELECT subscription_id FROM selection))" if chosen else ""
        )
        keys = [row[0] for row in connection.execute(FIRST_MACHINES.format(where=where), (limit,))]
        if not keys:
            return None
        marks = ", ".join("?" * len(keys))
        found = {row[18]: machine_line(row) for row in connection.execute(f"{MACHINE_LINES} WHERE m.key IN ({marks})", keys)}
        total = connection.execute(MACHINE_COUNT.format(where=where)).fetchone()[0]
        read_at = connection.execute("SELECT MIN(fetched_at) FROM freshness WHERE source = 'machines'").fetchone()[0]
    return Glimpse(tuple(found[key] for key in keys if key in found), int(total), moment_or_none(read_at))

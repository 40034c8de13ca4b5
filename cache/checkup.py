"""Looking through a database file without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic
from urllib.parse import quote

from cache.errors import damaged, from_sqlite, too_new
from cache.files import suspect
from cache.schema import Schema

_STEPS = 10_000
"""Instructions of SQLite's between two looks at the clock."""


def look_through(path: Path, schema: Schema, advice: str, seconds: float) -> None:
    """Look through every page of a file that is there. ``advice`` ends the sentence about damage.

    Raises :class:`cache.errors.CacheError` for what is wrong with it, and :class:`TimeoutError` when ``seconds`` are over before it has
    been looked through.
    """
    if suspect(path).exists():
        raise damaged(path, "damage was met when it was last used", advice)
    over = monotonic() + seconds
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=seconds)) as connection:
            connection.set_progress_handler(lambda: monotonic() > over, _STEPS)
            connection.execute("PRAGMA query_only = ON")
            ((application,),) = connection.execute("PRAGMA application_id")
            ((version,),) = connection.execute("PRAGMA user_version")
            if application != schema.application_id:
                raise damaged(path, "it is no database of the console", advice)
            if version > schema.version:
                raise too_new(path, version, schema.version)
            ((found,),) = connection.execute("PRAGMA quick_check(1)")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise TimeoutError from None
        raise from_sqlite(error, path, advice) from error
    if found != "ok":
        raise damaged(path, str(found), advice)

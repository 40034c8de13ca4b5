"""Writing to ``fleet.db`` with numbered changes: what the stores of machines and of alerts have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TypeVar

import aiosqlite

from cache.clock import Clock
from cache.database import Database, Values
from cache.dictionaries import Dictionaries
from cache.text import clean
from cache.values import to_json

T = TypeVar("T")
Ids = Collection[str]

_KEPT_GONE = 200_000


class FleetEditing:
    """An open ``fleet.db`` and what its writer knows of it."""

    _database: Database
    _clock: Clock
    _dictionaries: Dictionaries
    _seen: dict[tuple[str, str], tuple[str, set[int]]]
    _writer_version: int
    _landed: set[str] | None
    """The ids, in lower case, of all machines that are in the file, while that is known: from a listing into an empty one on."""

    async def edit(self, work: Callable[[aiosqlite.Connection, int], Awaitable[tuple[T, frozenset[str]]]]) -> T:
        """Run ``work`` as one transaction that may use the dictionaries. It gets the number of this change for the rows it touches."""

        async def run(writer: aiosqlite.Connection) -> tuple[T, frozenset[str]]:
            try:
                version = await number(writer, "PRAGMA data_version")
                if version != self._writer_version:
                    self._dictionaries.forget()
                    self._landed = None
                    self._writer_version = version
                await self._dictionaries.load(writer)
                change = 1 + await number(writer, "SELECT change FROM feed")
                result, changed = await work(writer, change)
                await self._dictionaries.store(writer)
                if changed:
                    await writer.execute("UPDATE feed SET change = ?", (change,))
            except BaseException:
                self._dictionaries.forget()
                self._landed = None
                raise
            return result, changed

        return await self._database.transact(run)

    def _seen_of(self, what: str, subscription_id: str, sync_id: str) -> set[int]:
        """The keys that a listing has shown. One of a kind is under way for a subscription at a time: a new one forgets the one before."""
        known, seen = self._seen.get((what, subscription_id.lower()), ("", set()))
        if known != sync_id:
            seen = set()
            self._seen[what, subscription_id.lower()] = (sync_id, seen)
        return seen

    def _finished(self, what: str, subscription_id: str, sync_id: str) -> set[int]:
        known, seen = self._seen.pop((what, subscription_id.lower()), ("", set()))
        return seen if known == sync_id else set()


def within_places(column: str, subscription_ids: Ids | None) -> tuple[str, Values]:
    """A WHERE clause, and its value, that narrows the column of a place to ``subscription_ids``."""
    if subscription_ids is None:
        return "", ()
    sql = f" WHERE {column} IN (SELECT key FROM places WHERE subscription_id IN (SELECT value FROM json_each(?)))"
    return sql, (to_json(sorted(clean(one) for one in subscription_ids)),)


async def bury(writer: aiosqlite.Connection, kind: str, keys: Iterable[int], change: int) -> None:
    """Remember that rows are gone, for readers that have them. Of very many only the newest: a reader that missed the rest reads anew."""
    await writer.executemany("INSERT INTO gone (kind, change, key) VALUES (?, ?, ?)", [(kind, change, key) for key in keys])
    if await number(writer, "SELECT COUNT(*) FROM gone") > _KEPT_GONE:
        await writer.execute("DELETE FROM gone")
        await writer.execute("UPDATE feed SET floor = ?", (change,))


async def number(connection: aiosqlite.Connection, sql: str, values: Values = ()) -> int:
    """The one number that ``sql`` selects; 0 where there is none."""
    found = next(iter(await connection.execute_fetchall(sql, values)), (0,))
    return int(found[0] or 0)

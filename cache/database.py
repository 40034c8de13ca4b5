"""One SQLite file: opened privately and durably, brought to the current schema, read without waiting and written by one at a time."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from cache.errors import CacheBusy, CacheDamaged, CacheError, CacheTooNew, CacheUnwritable, DiskFull, damaged, from_os, from_sqlite, too_new
from cache.files import on_network, private_file, private_folder, suspect
from cache.schema import Schema
from cache.turnstile import Turnstile

__all__ = ["CacheBusy", "CacheDamaged", "CacheError", "CacheTooNew", "CacheUnwritable", "Database", "DiskFull", "Step"]

T = TypeVar("T")
Values = Sequence[object]
Row = Sequence[Any]

_BUSY_SECONDS = 30.0
_AT_ONCE = 1000
_MANY = 500  # rows from which turning them into records is left to a thread, so that the event loop keeps its pace

# aiosqlite logs each statement with its values at DEBUG; what Azure says about machines does not belong in a log.
logging.getLogger("aiosqlite").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a write, run for each of ``rows``; ``table`` is what subscribers are told if it changes anything (empty: nothing).

    ``rows`` may be lazy: it is consumed outside the event loop's thread.
    """

    table: str
    sql: str
    rows: Iterable[Values]


class Database:
    """An open file: a connection that reads and one that writes, with one write at a time.

    Made with :meth:`open`, ended with :meth:`close`. Under WAL a reader never waits for the writer. Every method raises
    :class:`cache.errors.CacheError` or a subclass of it.
    """

    def __init__(
        self, path: Path, advice: str, rebuildable: bool, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, counts: bool
    ) -> None:
        self.path = path
        self._advice = advice
        self._rebuildable = rebuildable
        self._writer = writer
        self._reader = reader
        self._turn = asyncio.Lock()
        self._turnstile = Turnstile(path.parent) if rebuildable else None
        self._closed = False
        self._seen_version = 0
        self._counts = counts
        self._told: dict[str, int] = {}
        self._subscribers: list[Callable[[frozenset[str]], None]] = []

    @classmethod
    async def open(cls, path: Path, schema: Schema, *, durable: bool, rebuildable: bool, advice: str, checked: bool = False) -> Database:
        """Open ``path``, making or migrating it. ``durable``: a committed write survives a power failure (``synchronous=FULL``).

        ``rebuildable``: damage met in use is remembered beside the file, so that the next ``open`` reports it at once.
        ``advice`` is what the sentence about damage tells the user to do. ``checked``: who has it open has looked for damage.
        """
        private_folder(path.parent)
        if rebuildable and suspect(path).exists():
            raise damaged(path, "damage was met when it was last used", advice)
        unclean = not checked and (_size(Path(f"{path}-wal")) > 0 or _size(Path(f"{path}-journal")) > 0)
        private_file(path)
        mode = "DELETE" if on_network(path) else "WAL"
        opened: list[aiosqlite.Connection] = []
        try:
            for _ in range(2):
                opened.append(await aiosqlite.connect(path, timeout=_BUSY_SECONDS, isolation_level=None))
            writer, reader = opened
            await _migrate(writer, path, schema, advice)
            if unclean:
                await _check(writer, path, advice)
            await _configure(writer, mode, durable)
            await _configure(reader, mode, durable)
            await reader.execute("PRAGMA query_only = ON")
            database = cls(path, advice, rebuildable, writer, reader, counts="told" in schema.tables)
            await database.changed_elsewhere()
            await database._told_elsewhere()
        except BaseException as error:
            for connection in opened:
                await asyncio.shield(connection.close())
            if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.ProgrammingError):
                raise from_sqlite(error, path, advice) from error
            raise
        return database

    async def fetch(self, sql: str, values: Values = ()) -> list[Row]:
        """Every row that ``sql`` selects."""
        self._require_open()
        try:
            return [*await self._reader.execute_fetchall(sql, values)]
        except sqlite3.Error as error:
            raise self._translated(error) from error

    async def records(self, record: Callable[[Row], T], sql: str, values: Values = ()) -> list[T]:
        """What ``record`` makes of every row that ``sql`` selects; of many rows it is made in a thread."""
        found = await self.fetch(sql, values)
        if len(found) < _MANY:
            return [record(row) for row in found]
        return await asyncio.to_thread(lambda: [record(row) for row in found])

    def subscribe(self, callback: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Call ``callback`` with the tables that changed, once after each write that changed any; the returned function ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def tell(self, tables: frozenset[str]) -> None:
        """Tell subscribers that ``tables`` changed, if there are any."""
        if tables:
            for callback in tuple(self._subscribers):
                callback(tables)

    async def write(self, steps: Iterable[Step]) -> None:
        """Run ``steps`` as one transaction and tell subscribers which tables it changed."""

        async def work(writer: aiosqlite.Connection) -> tuple[None, frozenset[str]]:
            changed = set()
            for step in steps:
                before = writer.total_changes
                await writer.executemany(step.sql, step.rows)
                if step.table and writer.total_changes != before:
                    changed.add(step.table)
            return None, frozenset(changed)

        await self.transact(work)

    async def transact(self, work: Callable[[aiosqlite.Connection], Awaitable[tuple[T, frozenset[str]]]]) -> T:
        """Run ``work`` on the writing connection as one transaction: all of it happens or nothing.

        ``work`` returns its result, which is passed on, and the tables it changed, which subscribers are told. A caller that is
        cancelled does not interrupt it, so that a write is never left half done or untold.
        """
        return await asyncio.shield(asyncio.ensure_future(self._transact(work)))

    async def _transact(self, work: Callable[[aiosqlite.Connection], Awaitable[tuple[T, frozenset[str]]]]) -> T:
        async with self._turn:
            self._require_open()
            try:
                async with self._turnstile.passing(_BUSY_SECONDS) if self._turnstile is not None else nullcontext():
                    await self._writer.execute("BEGIN IMMEDIATE")
                result, changed = await work(self._writer)
                times = await self._count(changed)
                await self._writer.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):
                    if self._writer.in_transaction:
                        await self._writer.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise self._translated(error) from error
                raise
            for name, number in times.items():
                if number == self._told.get(name, 0) + 1:  # else another process has written too: that is still to be found
                    self._told[name] = number
        self.tell(changed)
        return result

    async def _count(self, tables: frozenset[str]) -> dict[str, int]:
        """Write down, where that is kept, that these tables changed, so that other processes find out; how often each has by now."""
        if not self._counts or not tables:
            return {}
        names = sorted(tables)
        sql = "INSERT INTO told (name, times) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET times = times + 1"
        await self._writer.executemany(sql, [(name,) for name in names])
        places = ", ".join("?" * len(names))
        found = await self._writer.execute_fetchall(f"SELECT name, times FROM told WHERE name IN ({places})", names)
        return {str(name): int(times) for name, times in found}

    async def tables_changed_elsewhere(self) -> frozenset[str]:
        """The tables that another process has said to have changed since this was last asked. Of a file that keeps no count: none."""
        return await self._told_elsewhere() if self._counts and await self.changed_elsewhere() else frozenset()

    async def _told_elsewhere(self) -> frozenset[str]:
        if not self._counts:
            return frozenset()
        before, now = self._told, {str(name): int(times) for name, times in await self.fetch("SELECT name, times FROM told")}
        self._told = now
        return frozenset(name for name, times in now.items() if before.get(name, 0) != times)

    async def changed_elsewhere(self) -> bool:
        """Whether another process has written since this was last asked."""
        async with self._turn:
            self._require_open()
            try:
                rows = list(await self._writer.execute_fetchall("PRAGMA data_version"))
            except sqlite3.Error as error:
                raise self._translated(error) from error
        version = int(rows[0][0])
        changed = version != self._seen_version
        self._seen_version = version
        return changed

    async def close(self) -> None:
        """Finish the write under way and close both connections; their threads end, so the process can. Closing twice does no harm."""
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        async with self._turn:
            if self._closed:
                return
            self._closed = True
            if self._turnstile is not None:
                self._turnstile.close()
            try:
                await self._reader.close()
            finally:
                try:
                    await self._writer.close()
                except sqlite3.Error as error:
                    raise self._translated(error) from error

    def _require_open(self) -> None:
        if self._closed:
            raise CacheError(f"{self.path} is closed.")

    def _translated(self, error: sqlite3.Error) -> Exception:
        if isinstance(error, sqlite3.ProgrammingError):
            return error  # a mistake in this program, not something a user can do anything about
        ours = from_sqlite(error, self.path, self._advice)
        if self._rebuildable and isinstance(ours, CacheDamaged):
            with suppress(OSError):
                suspect(self.path).touch(mode=0o600)
        return ours


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise from_os(error, path) from error


async def _configure(connection: aiosqlite.Connection, mode: str, durable: bool) -> None:
    await connection.execute("PRAGMA foreign_keys = ON")
    await connection.execute("PRAGMA trusted_schema = OFF")
    await connection.execute("PRAGMA temp_store = MEMORY")
    await connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    with suppress(sqlite3.OperationalError):  # busy: another process is setting the same, lasting mode at this moment
        await connection.execute_fetchall(f"PRAGMA journal_mode = {mode}")


async def _number(connection: aiosqlite.Connection, pragma: str) -> int:
    return int(next(iter(await connection.execute_fetchall(f"PRAGMA {pragma}")))[0])


async def _tables(connection: aiosqlite.Connection) -> set[str]:
    return {str(row[0]) for row in await connection.execute_fetchall("SELECT name FROM sqlite_master WHERE type = 'table'")}


async def _check(connection: aiosqlite.Connection, path: Path, advice: str) -> None:
    found = str(next(iter(await connection.execute_fetchall("PRAGMA quick_check(1)")))[0])
    if found != "ok":
        raise damaged(path, found, advice)


async def _migrate(connection: aiosqlite.Connection, path: Path, schema: Schema, advice: str) -> None:
    """Bring the file to the current version. Asked again inside the transaction, since another console may be doing the same."""
    if await _number(connection, "user_version") < schema.version:
        await connection.execute("BEGIN IMMEDIATE")
        try:
            version = await _number(connection, "user_version")
            if version == 0 and await _tables(connection):
                raise damaged(path, "it holds tables that are not the console's", advice)
            for migration in schema.migrations[version:]:
                for statement in migration:
                    await connection.execute(statement)
            if version < schema.version:
                await connection.execute(f"PRAGMA application_id = {schema.application_id}")
                await connection.execute(f"PRAGMA user_version = {schema.version}")
            await connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    await connection.execute("ROLLBACK")
            raise
    version = await _number(connection, "user_version")
    if version > schema.version:
        raise too_new(path, version, schema.version)
    if await _number(connection, "application_id") != schema.application_id:
        raise damaged(path, "it is a database of another program", advice)
    lost = schema.tables - await _tables(connection)
    if lost:
        raise damaged(path, f"it lacks the table {min(lost)}", advice)


async def insert(writer: aiosqlite.Connection, table: str, columns: str, rows: Sequence[Values]) -> None:
    """Add rows, a thousand in a statement: the interpreter's lock is asked for once a statement, so that the event loop keeps its pace."""
    one = f"({', '.join('?' * (columns.count(',') + 1))})"
    whole = len(rows) - len(rows) % _AT_ONCE
    if whole:
        many = f"INSERT INTO {table} ({columns}) VALUES {', '.join([one] * _AT_ONCE)}"
        await writer.executemany(many, ([*chain.from_iterable(rows[start : start + _AT_ONCE])] for start in range(0, whole, _AT_ONCE)))
    await writer.executemany(f"INSERT INTO {table} ({columns}) VALUES {one}", rows[whole:])

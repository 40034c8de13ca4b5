"""What was done and what is about to be done: ``journal.db``, written before a change is sent.

A change that cannot be written down is not made. Unlike the cache the journal cannot be read again from Azure, so damage ends in a
sentence and never in a new file. Beside it, ``journal.head`` remembers how far the audit trail went.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

import aiosqlite

from cache import chain
from cache.chain import Head
from cache.clock import Clock
from cache.database import Database, Row
from cache.errors import NEVER_REBUILT, damaged, from_os
from cache.files import private_folder, write_private
from cache.model import AuditEntry, Intent, Plan, Tick
from cache.open_file import OpenFile
from cache.plans import PlanUnreadable, plan_from_json, plan_to_json
from cache.schema import JOURNAL
from cache.text import clean, clean_lines
from cache.values import from_json, moment_or, stamp, to_json

T = TypeVar("T")

FILE = "journal.db"
HEAD_FILE = "journal.head"
STARTED = "started"
DONE = "done"

_ENTRY = "sequence, at, actor, action, target, before, after, outcome, hash"
_CHAINED = ", ".join((*chain.FIELDS, "hash"))
_ADD_ENTRY = f"INSERT INTO audit ({_CHAINED}) VALUES ({', '.join('?' * (len(chain.FIELDS) + 1))})"
_UNFINISHED = """SELECT sequence, at, action, target, before, after FROM audit AS started
    WHERE outcome = 'started' AND intent IS NULL
    AND NOT EXISTS (SELECT 1 FROM audit WHERE intent = started.sequence AND outcome NOT LIKE 'unknown%') ORDER BY sequence"""
_PUT_TICK = """INSERT INTO ticks (subscription_id, check_id, who, at) VALUES (?, ?, ?, ?)
    ON CONFLICT (subscription_id, check_id) DO UPDATE SET who = excluded.who, at = excluded.at"""


class Journal(OpenFile):
    """An open ``journal.db``. Its subscribers hear of ``audit``, ``plans`` and ``ticks``.

    Every method raises :class:`cache.errors.CacheError` if the file cannot be read or written. What was written is on the disk when a
    method returns.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, folder: Path, clock: Clock) -> Journal:
        """Open the journal in ``folder``, making both at first use.

        Raises :class:`cache.errors.CacheError` if it cannot be used, is of a newer version, is damaged, or is gone although
        ``journal.head`` remembers entries.
        """
        path = folder / FILE
        private_folder(folder)
        remembered = _remembered(folder)
        try:
            empty = not path.exists() or path.stat().st_size == 0
        except OSError as error:
            raise from_os(error, path) from error
        if empty and remembered is not None and remembered.count:
            raise damaged(path, f"it is empty although {HEAD_FILE} remembers {remembered.count} entries", NEVER_REBUILT)
        journal = cls(await Database.open(path, JOURNAL, durable=True, rebuildable=False, advice=NEVER_REBUILT), clock)
        if empty:
            try:
                await journal._remember(Head())
            except BaseException:
                await journal.close()
                raise
        return journal

    async def poll_foreign_changes(self) -> bool:
        """Whether another process has written since this was last asked; if so, subscribers are told that everything changed."""
        changed = await self._database.changed_elsewhere()
        if changed:
            self._database.tell(frozenset(("audit", "plans", "ticks")))
        return changed

    async def save_plan(self, plan: Plan) -> None:
        """Keep ``plan``; it is then the latest."""
        document = to_json(plan_to_json(plan))

        async def work(writer: aiosqlite.Connection) -> tuple[None, frozenset[str]]:
            await writer.execute(
                "INSERT INTO plans (id, saved, document) VALUES (?, (SELECT COALESCE(MAX(saved), 0) + 1 FROM plans), ?) "
                "ON CONFLICT (id) DO UPDATE SET saved = excluded.saved, document = excluded.document",
                (plan.id, document),
            )
            return None, frozenset(("plans",))

        await self._database.transact(work)

    async def plan(self, plan_id: str) -> Plan | None:
        """The plan of that id. Raises :class:`cache.plans.PlanUnreadable` if a newer version wrote it or it is damaged."""
        return await self._plan("SELECT document FROM plans WHERE id = ?", (plan_id,))

    async def latest_plan(self) -> Plan | None:
        """The plan that was saved last. Raises :class:`cache.plans.PlanUnreadable`."""
        return await self._plan("SELECT document FROM plans ORDER BY saved DESC LIMIT 1")

    async def latest_plan_id(self) -> str:
        """The id of the plan that was saved last, empty if there is none: a look at whether there is another one."""
        found = await self._database.fetch("SELECT id FROM plans ORDER BY saved DESC LIMIT 1")
        return clean(found[0][0]) if found else ""

    async def begin(self, actor: str, action: str, target: str, before: str, after: str) -> int:
        """Write down a change that is about to be sent; returns the sequence by which :meth:`finish` knows it."""

        async def work(writer: aiosqlite.Connection) -> tuple[int, frozenset[str]]:
            sequence = await self._append(writer, (actor, action, target, before, after), STARTED, None)
            return sequence, frozenset(("audit",))

        return await self._audited(work)

    async def finish(self, sequence: int, outcome: str) -> None:
        """Write down how the change ``sequence`` ended, as a further entry. Saying the same again adds nothing.

        Raises :class:`ValueError` if no change of that sequence was begun.
        """
        ended = clean_lines(outcome)

        async def work(writer: aiosqlite.Connection) -> tuple[None, frozenset[str]]:
            begun = list(
                await writer.execute_fetchall(
                    "SELECT actor, action, target, before, after FROM audit WHERE sequence = ? AND outcome = ? AND intent IS NULL",
                    (sequence, STARTED),
                )
            )
            if not begun:
                raise ValueError(f"No change {sequence} was begun.")
            last = list(
                await writer.execute_fetchall("SELECT outcome FROM audit WHERE intent = ? ORDER BY sequence DESC LIMIT 1", (sequence,))
            )
            if last and last[0][0] == ended:
                return None, frozenset()
            await self._append(writer, tuple(begun[0]), ended, sequence)
            return None, frozenset(("audit",))

        await self._audited(work)

    async def note(self, actor: str, action: str, target: str, before: str, after: str, outcome: str) -> int:
        """Write down something that is over as it is written, or that changes nothing in Azure; returns its sequence."""

        async def work(writer: aiosqlite.Connection) -> tuple[int, frozenset[str]]:
            return await self._append(writer, (actor, action, target, before, after), outcome, None), frozenset(("audit",))

        return await self._audited(work)

    async def unfinished(self) -> list[Intent]:
        """The changes that were begun and of which it is not written down how they ended, or only that it is ``unknown``; oldest first."""
        return [
            Intent(int(row[0]), moment_or(row[1]), clean(row[2]), clean(row[3]), clean_lines(row[4]), clean_lines(row[5]))
            for row in await self._database.fetch(_UNFINISHED)
        ]

    async def last(self, action: str, target: str | None = None) -> AuditEntry | None:
        """The last entry of the audit trail about ``action``, on ``target`` if that is named."""
        where, values = ("action = ?", [action]) if target is None else ("action = ? AND target = ?", [action, target])
        found = await self._database.records(_entry, f"SELECT {_ENTRY} FROM audit WHERE {where} ORDER BY sequence DESC LIMIT 1", values)
        return found[0] if found else None

    async def entries(self, limit: int | None = None, after: int = 0) -> list[AuditEntry]:
        """The audit trail, or its last ``limit`` entries, oldest first; only those behind the entry number ``after``."""
        sql = f"SELECT {_ENTRY} FROM audit WHERE sequence > ? ORDER BY sequence DESC LIMIT ?"
        found = await self._database.records(_entry, sql, (after, -1 if limit is None else limit))
        return found[::-1]

    async def entries_about(self, actions: Collection[str]) -> list[AuditEntry]:
        """The entries of the audit trail about these actions, oldest first."""
        sql = f"SELECT {_ENTRY} FROM audit WHERE action IN (SELECT value FROM json_each(?)) ORDER BY sequence"
        return await self._database.records(_entry, sql, (to_json(sorted(actions)),))

    async def verify(self) -> tuple[bool, str]:
        """Whether the audit trail is as it was written, and a sentence that says so or names the first entry that is not."""
        remembered = _remembered(self.path.parent)  # first, since it may lag behind the entries but not run ahead of them

        async def work(writer: aiosqlite.Connection) -> tuple[tuple[list[Row], list[Row]], frozenset[str]]:
            heads: list[Row] = [*await writer.execute_fetchall("SELECT count, hash FROM head")]
            entries: list[Row] = [*await writer.execute_fetchall(f"SELECT {_CHAINED} FROM audit ORDER BY sequence")]
            return (entries, heads), frozenset()

        entries, heads = await self._database.transact(work)
        return await asyncio.to_thread(chain.verify, entries, _head(*heads[0]) if heads else None, remembered)

    async def tick(self, subscription_id: str, check_id: str, who: str) -> None:
        """Somebody confirmed a manual step."""
        now = self._clock.now()

        async def work(writer: aiosqlite.Connection) -> tuple[None, frozenset[str]]:
            await writer.execute(_PUT_TICK, (clean(subscription_id), clean(check_id), clean(who), stamp(now)))
            await self._append(writer, (who, "tick", f"{subscription_id}/{check_id}", "", "confirmed"), DONE, None)
            return None, frozenset(("audit", "ticks"))

        await self._audited(work)

    async def untick(self, subscription_id: str, check_id: str, who: str) -> None:
        """Somebody took back the confirmation of a manual step. Without one nothing happens."""

        async def work(writer: aiosqlite.Connection) -> tuple[None, frozenset[str]]:
            before = writer.total_changes
            await writer.execute("DELETE FROM ticks WHERE subscription_id = ? AND check_id = ?", (clean(subscription_id), clean(check_id)))
            if writer.total_changes == before:
                return None, frozenset()
            await self._append(writer, (who, "untick", f"{subscription_id}/{check_id}", "confirmed", ""), DONE, None)
            return None, frozenset(("audit", "ticks"))

        await self._audited(work)

    async def ticks(self) -> list[Tick]:
        """The manual steps that are confirmed."""
        sql = "SELECT subscription_id, check_id, who, at FROM ticks ORDER BY subscription_id, check_id"
        return [Tick(clean(row[0]), clean(row[1]), clean(row[2]), moment_or(row[3])) for row in await self._database.fetch(sql)]

    async def _append(self, writer: aiosqlite.Connection, what: tuple[str, ...], outcome: str, intent: int | None) -> int:
        """Add an entry to the trail: ``what`` is actor, action, target, before and after."""
        heads = list(await writer.execute_fetchall("SELECT count, hash FROM head"))
        if not heads:
            raise damaged(self.path, "its head record is missing", NEVER_REBUILT)
        count, previous = heads[0]
        actor, action, target, before, after = what
        texts = (clean(actor), clean(action), clean(target), clean_lines(before), clean_lines(after), clean_lines(outcome))
        fields = (count + 1, stamp(self._clock.now()), *texts, intent)
        digest = chain.link(fields, previous)
        await writer.execute(_ADD_ENTRY, (*fields, digest))
        await writer.execute("UPDATE head SET count = ?, hash = ?", (count + 1, digest))
        return int(count) + 1

    async def _audited(self, work: Callable[[aiosqlite.Connection], Awaitable[tuple[T, frozenset[str]]]]) -> T:
        """Run ``work`` as one transaction, then remember the new head beside the file; a caller that is cancelled interrupts neither."""

        async def run() -> T:
            async with self._turn:
                result = await self._database.transact(work)
                head = await self._database.fetch("SELECT count, hash FROM head")
                await self._remember(Head(*head[0]))
                return result

        return await asyncio.shield(asyncio.ensure_future(run()))

    async def _remember(self, head: Head) -> None:
        content = json.dumps({"count": head.count, "hash": head.hash}).encode()
        await asyncio.to_thread(write_private, self.path.with_name(HEAD_FILE), content)

    async def _plan(self, sql: str, values: Sequence[object] = ()) -> Plan | None:
        """The plan that ``sql`` selects, made in a thread: it may name each machine of a large fleet."""
        found = await self._database.fetch(sql, values)

        def made() -> Plan:
            document = from_json(found[0][0])
            if document is None:
                raise PlanUnreadable(f"A plan in {self.path} cannot be read: it is not JSON. Make the plan again.")
            return plan_from_json(document)

        return await asyncio.to_thread(made) if found else None


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        sequence=int(row[0]),
        at=moment_or(row[1]),
        actor=clean(row[2]),
        action=clean(row[3]),
        target=clean(row[4]),
        before=clean_lines(row[5]),
        after=clean_lines(row[6]),
        outcome=clean_lines(row[7]),
        hash=clean(row[8]),
    )


def _remembered(folder: Path) -> Head | None:
    """The head record beside the journal, ``None`` if it is missing or makes no sense."""
    path = folder / HEAD_FILE
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os(error, path) from error
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return _head(value.get("count"), value.get("hash"))


def _head(count: object, digest: object) -> Head | None:
    """A head record, ``None`` if it makes no sense."""
    return Head(count, digest) if isinstance(count, int) and isinstance(digest, str) else None

"""What workers write: each method one transaction on ``fleet.db`` that rewrites only what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import aiosqlite

from cache import rows
from cache.alert_store import AlertStore
from cache.database import Step
from cache.machine_store import MachineStore
from cache.model import Assessment, Permission, Problem, Subscription
from cache.text import clean, clean_lines
from cache.values import stamp, stamp_or_none, to_json

_KEPT_LOG_LINES = 2000

AGES = "ages"
"""What subscribers are told when nothing but the age of what is known has changed."""


def _upsert(table: str, key: str, columns: str, silent: str = "") -> str:
    """Insert a row, or rewrite the one of that ``key`` if any of ``columns`` differs; ``silent`` follows but is no reason to rewrite."""
    compared = [name.strip() for name in columns.split(",")]
    names = [*compared, silent] if silent else compared
    changing = [name for name in compared if name not in key.split(", ")]
    assigned = [*changing, silent] if silent else changing
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in assigned)} "
        f"WHERE ({', '.join(f'{table}.{name}' for name in changing)}) IS NOT ({', '.join(f'excluded.{name}' for name in changing)})"
    )


def _update_subscription(columns: str) -> str:
    """Set ``columns`` of a subscription (``?1``), whose new values are ``?2`` and on, if any of them differs."""
    names = columns.split(", ")
    values = [f"?{number}" for number, _ in enumerate(names, start=2)]
    return (
        f"UPDATE subscriptions SET {', '.join(f'{name} = {value}' for name, value in zip(names, values, strict=True))} "
        f"WHERE id = ?1 AND ({columns}, 0) IS NOT ({', '.join(values)}, 0)"
    )


_PUT_SUBSCRIPTION = _upsert("subscriptions", "id", "id, name, state, tenant_id, tags", "fetched_at")

# Linux was enabled at the earliest time known, until it is switched off or excluded.
_ENABLED_AT = """CASE
    WHEN ?2 = 'off' OR ?3 = 'excluded' THEN NULL
    WHEN ?5 IS NULL OR enabled_at < ?5 THEN enabled_at
    ELSE ?5 END"""
_PUT_SETTINGS = f"""UPDATE subscriptions SET integration = ?2, linux = ?3, unified = ?4, enabled_at = {_ENABLED_AT}
    WHERE id = ?1 AND (integration, linux, unified, enabled_at) IS NOT (?2, ?3, ?4, {_ENABLED_AT})"""

_PUT_ASSESSMENT = _upsert("assessments", "machine_id, key", "machine_id, subscription_id, key, status, cause, description")
_PUT_PROBLEM = _upsert("problems", "source, subscription_id", "source, subscription_id, code, message, at")


class FleetWriting(MachineStore, AlertStore):
    """The writes. Subscribers are told of a table only if a row of it changed.

    Every method raises :class:`cache.errors.CacheError` if the file cannot be written, and then nothing of that write has happened.
    """

    async def put_subscriptions(self, subscriptions: Iterable[Subscription], complete: bool) -> None:
        """Write what a listing tells (name, state, tenant, tags); what other sources tell stays.

        ``complete``: these are all there are, so every other subscription goes, with all that belongs to it.
        """
        now = self._clock.now()
        listed = [rows.subscription_row(one, now) for one in subscriptions]

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
            changed: set[str] = set()

            async def step(table: str, sql: str, values: Iterable[Sequence[object]]) -> None:
                before = writer.total_changes
                await writer.executemany(sql, values)
                if writer.total_changes != before:
                    changed.add(table)

            await step("subscriptions", _PUT_SUBSCRIPTION, listed)
            if complete:
                ids = to_json(["", *(row[0] for row in listed)])
                gone = "NOT IN (SELECT value FROM json_each(?1))"
                places = f"place IN (SELECT key FROM places WHERE subscription_id {gone})"
                machines = await writer.execute_fetchall(f"SELECT key, place FROM machines WHERE {places}", (ids,))
                changed.update((await self._remove_machines(writer, [(row[0], row[1]) for row in machines], change))[1])
                alerts = await writer.execute_fetchall(f"SELECT key FROM alerts WHERE {places}", (ids,))
                changed.update(await self._remove_alerts(writer, [row[0] for row in alerts], change))
                for table in ("assessments", "checks", "problems", "freshness", "selection", "enablings"):
                    await step(table, f"DELETE FROM {table} WHERE subscription_id {gone}", [(ids,)])
                await step("subscriptions", f"DELETE FROM subscriptions WHERE id {gone}", [(ids,)])
                await step("", f"DELETE FROM outdated WHERE subscription_id {gone}", [(ids,)])
            return None, frozenset(changed - {""})

        await self.edit(work)

    async def put_rights(
        self,
        subscription_id: str,
        permissions: Sequence[Permission] | None,
        can_enable: bool | None,
        can_triage: bool | None,
        can_see_machines: bool | None,
        can_set_plan: bool | None,
    ) -> None:
        """Write what the caller may do in a subscription that has been listed."""
        values = (rows.permissions_row(permissions), can_enable, can_triage, can_see_machines, can_set_plan)
        columns = "permissions, can_enable, can_triage, can_see_machines, can_set_plan"
        await self._write("subscriptions", _update_subscription(columns), (subscription_id, *values))

    async def put_provider(self, subscription_id: str, state: str | None) -> None:
        """Write the registration state of Microsoft.Security in a subscription that has been listed."""
        await self._write("subscriptions", _update_subscription("provider"), (subscription_id, _text(state)))

    async def put_settings(
        self,
        subscription_id: str,
        integration: str | None,
        linux: str | None,
        unified: str | None,
        enabled_at: datetime | None = None,
    ) -> None:
        """Write the three integration settings of a subscription that has been listed.

        Of all the ``enabled_at`` told, the earliest is kept; it is forgotten once the integration is ``off`` or Linux ``excluded``.
        """
        values = (subscription_id, _text(integration), _text(linux), _text(unified), stamp_or_none(enabled_at))
        await self._write("subscriptions", _PUT_SETTINGS, values)

    async def put_servers_plan(self, subscription_id: str, plan: str | None) -> None:
        """Write the Defender for Servers plan of a subscription that has been listed."""
        await self._write("subscriptions", _update_subscription("servers_plan"), (subscription_id, _text(plan)))

    async def put_assessments(self, subscription_id: str, assessments: Sequence[Assessment]) -> None:
        """Write all assessments of a subscription, replacing those before."""
        put = await asyncio.to_thread(lambda: [rows.assessment_row(one, subscription_id) for one in assessments])
        keep = to_json([f"{row[0]} {row[2]}" for row in put])
        gone = """DELETE FROM assessments WHERE subscription_id = ?1
            AND (machine_id || ' ' || key) COLLATE NOCASE NOT IN (SELECT value FROM json_each(?2))"""
        await self._database.write((Step("assessments", gone, [(subscription_id, keep)]), Step("assessments", _PUT_ASSESSMENT, put)))

    async def mark_fresh(self, source: str, subscription_id: str = "") -> None:
        """``source`` has just been read completely for a subscription, or for the tenant."""
        sql = """INSERT INTO freshness (source, subscription_id, fetched_at) VALUES (?, ?, ?)
            ON CONFLICT (source, subscription_id) DO UPDATE SET fetched_at = excluded.fetched_at"""
        await self._write("freshness", sql, (str(source), subscription_id, stamp(self._clock.now())))

    async def settle(self, source: str, subscription_ids: Collection[str]) -> None:
        """``source`` has just been read completely for each of these subscriptions: they are fresh, and problems of it are over."""
        at = stamp(self._clock.now())
        ids = to_json([*subscription_ids])
        await self._database.write(
            (
                Step(
                    "freshness",
                    "INSERT INTO freshness (source, subscription_id, fetched_at) SELECT ?1, value, ?2 FROM json_each(?3) WHERE 1 "
                    "ON CONFLICT (source, subscription_id) DO UPDATE SET fetched_at = excluded.fetched_at",
                    [(str(source), at, ids)],
                ),
                Step(
                    "problems",
                    "DELETE FROM problems WHERE source = ?1 AND subscription_id IN (SELECT value FROM json_each(?2))",
                    [(str(source), ids)],
                ),
            )
        )

    async def still_fresh(self, source: str) -> None:
        """A reading of what has changed lately brought all that was read of ``source`` up to date, except where a problem of it is left.

        Tells subscribers of ``ages`` alone: nothing differs but how old it is.
        """
        sql = """UPDATE freshness SET fetched_at = ?2 WHERE source = ?1 AND fetched_at < ?2 AND NOT EXISTS (SELECT 1 FROM problems p
            WHERE p.source = freshness.source AND p.subscription_id = freshness.subscription_id)"""
        await self._write(AGES, sql, (str(source), stamp(self._clock.now())))

    async def put_servers_plans(self, plans: Mapping[str, str]) -> frozenset[str]:
        """Write the Defender for Servers plans of subscriptions that have been listed. Returns the ids (lower case) where one changed."""
        put = to_json([[clean(key), clean(plan)] for key, plan in plans.items()])
        sql = """SELECT s.id, json_extract(told.value, '$[1]') AS plan FROM json_each(?) told
            JOIN subscriptions s ON s.id = json_extract(told.value, '$[0]') WHERE s.servers_plan IS NOT plan"""

        async def work(writer: aiosqlite.Connection, _: int) -> tuple[frozenset[str], frozenset[str]]:
            found = list(await writer.execute_fetchall(sql, (put,)))
            await writer.executemany("UPDATE subscriptions SET servers_plan = ?2 WHERE id = ?1", found)
            return frozenset(str(row[0]).lower() for row in found), frozenset({"subscriptions"} if found else ())

        return await self.edit(work)

    async def tidy(self) -> None:
        """Take away what nothing names any more: tags, answers and other shared values of machines that have changed. Tells nobody."""

        async def work(writer: aiosqlite.Connection, _: int) -> tuple[None, frozenset[str]]:
            await self._dictionaries.prune(writer)
            return None, frozenset()

        await self.edit(work)

    async def put_problem(self, problem: Problem) -> None:
        """Remember a problem; there is one for each source and subscription, the last."""
        values = (str(problem.source), problem.subscription_id, clean(problem.code), clean_lines(problem.message))
        await self._write("problems", _PUT_PROBLEM, (*values, stamp(problem.at)))

    async def clear_problem(self, source: str, subscription_id: str = "") -> None:
        """Reading ``source`` succeeded: its problem is over."""
        await self._write("problems", "DELETE FROM problems WHERE source = ? AND subscription_id = ?", (str(source), subscription_id))

    async def select(self, subscription_ids: Collection[str]) -> None:
        """Remember which subscriptions the user has chosen."""
        chosen = to_json(sorted(clean(one) for one in subscription_ids))
        await self._database.write(
            (
                Step("selection", "DELETE FROM selection WHERE subscription_id NOT IN (SELECT value FROM json_each(?))", [(chosen,)]),
                Step("selection", "INSERT OR IGNORE INTO selection (subscription_id) SELECT value FROM json_each(?)", [(chosen,)]),
            )
        )

    async def remember(self, key: str, value: str) -> None:
        """Remember a value of the console's own (where the user was, how a table is sorted) under ``key``. Tells nobody."""
        sql = "INSERT INTO remembered (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        await self._write("", sql, (key, clean_lines(value)))

    async def add_log(self, level: str, message: str) -> None:
        """Add a line (``level``: ``info``, ``warning`` or ``error``) to the log, which keeps the last 2,000."""
        line = (stamp(self._clock.now()), clean(level), clean_lines(message))
        await self._database.write(
            (
                Step("log", "INSERT INTO log (at, level, message) VALUES (?, ?, ?)", [line]),
                Step("log", "DELETE FROM log WHERE sequence <= (SELECT MAX(sequence) FROM log) - ?", [(_KEPT_LOG_LINES,)]),
            )
        )

    async def _write(self, table: str, sql: str, values: Sequence[object]) -> None:
        await self._database.write((Step(table, sql, (values,)),))


def _text(value: str | None) -> str | None:
    return None if value is None else clean(value)

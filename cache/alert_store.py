"""Alerts in ``fleet.db``: a narrow row for each, and the details of those that somebody looked at or that were told with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import aiosqlite

from cache import rows
from cache.database import Values
from cache.editing import FleetEditing, Ids, bury, within_places
from cache.model import Alert
from cache.sighting import Place
from cache.text import clean, clean_lines
from cache.values import microseconds, microseconds_or_none, moment_of, moment_or_none, to_json

_KNOWN = """SELECT id, key, name, place, kind, status, machine_id, compromised_entity, started, generated
    FROM alerts WHERE id IN (SELECT value FROM json_each(?))"""
_COLUMNS = "key, id, name, place, kind, status, machine_id, compromised_entity, started, generated, fetched_at, change"
_INSERT = f"INSERT INTO alerts ({_COLUMNS}) VALUES ({', '.join('?' * 12)})"
_UPDATE = (
    f"UPDATE alerts SET {', '.join(f'{name} = ?{place}' for place, name in enumerate(_COLUMNS.split(', '), 1) if place > 1)} WHERE key = ?1"
)
_DETAILS = "description, remediation, azure_link, defender_link, entities, facts"
_PUT_DETAILS = f"""INSERT INTO alert_details (alert, {_DETAILS}) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (alert) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _DETAILS.split(", "))}
    WHERE ({", ".join(f"alert_details.{name}" for name in _DETAILS.split(", "))})
    IS NOT ({", ".join(f"excluded.{name}" for name in _DETAILS.split(", "))})"""
_ALERTS = """SELECT a.id, a.name, p.subscription_id, p.resource_group, p.location, k.title, k.severity, a.status, k.product, k.alert_type,
    k.from_endpoint, a.machine_id, a.compromised_entity, a.started, a.generated, a.fetched_at, f.fetched_at, a.key,
    d.alert, d.description, d.remediation, d.azure_link, d.defender_link, d.entities, d.facts
    FROM alerts a JOIN places p ON p.key = a.place JOIN alert_kinds k ON k.key = a.kind
    LEFT JOIN alert_details d ON d.alert = a.key
    LEFT JOIN freshness f ON f.source = 'alerts' AND f.subscription_id = p.subscription_id"""
_NEWEST_FIRST = " ORDER BY a.generated DESC, a.id"
OPEN = "status IN ('Active', 'InProgress')"


_SECOND, _EPOCH = 1_000_000, 1_577_836_800
"""Microseconds in a second, and the seconds from 1970 to 2020, from which digests count."""

AlertDigest = dict[tuple[str, str], tuple[int, int]]
"""By two texts that alerts have in common: how many there are, and the sum of the whole seconds from 2020 to when each was generated."""


class AlertKind(NamedTuple):
    """What many alerts have in common."""

    title: str
    severity: str
    product: str
    alert_type: str
    from_endpoint: int


class AlertSighting(NamedTuple):
    """An alert as one listing shows it; every text has been cleaned, times are microseconds since 1970.

    ``details`` are the columns of the table ``alert_details``, ``None`` where the listing does not tell them.
    """

    id: str
    name: str
    place: Place
    kind: AlertKind
    status: str
    machine_id: str | None
    compromised_entity: str
    started: int | None
    generated: int | None
    details: tuple[str, str, str, str, str, str] | None


def alert_sighting(one: Alert, subscription_id: str) -> AlertSighting:
    """An alert as a listing of ``subscription_id`` shows it."""
    return AlertSighting(
        clean(one.id),
        clean(one.name),
        Place(clean(subscription_id), clean(one.resource_group), clean(one.location)),
        AlertKind(clean(one.title), clean(one.severity), clean(one.product), clean(one.alert_type), int(one.from_endpoint)),
        clean(one.status),
        None if one.machine_id is None else clean(one.machine_id),
        clean(one.compromised_entity),
        microseconds_or_none(one.started),
        microseconds_or_none(one.generated),
        (
            clean_lines(one.description),
            rows.lines_row(one.remediation),
            clean(one.azure_link),
            clean(one.defender_link),
            rows.pairs_row(one.entities),
            rows.pairs_row(one.facts),
        )
        if one.details_known
        else None,
    )


class AlertStore(FleetEditing):
    """Reading and writing alerts. Subscribers are told of ``alerts`` if a row changed."""

    # Writing

    async def put_alerts(self, subscription_id: str, alerts: Sequence[Alert], sync_id: str) -> None:
        """Write a page of the alerts of a subscription; ``sync_id`` ties the pages of one listing together for :meth:`finish_alerts`."""
        await self.see_alerts([alert_sighting(one, subscription_id) for one in alerts], sync_id)

    async def see_alerts(self, sightings: Sequence[AlertSighting], sync_id: str) -> None:
        """Write what a listing shows, of any subscriptions; only rows that differ are touched. Details that it does not tell stay."""

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
            empty = not list(await writer.execute_fetchall("SELECT 1 FROM alerts LIMIT 1"))
            ids = "" if empty else await asyncio.to_thread(lambda: to_json([one.id for one in sightings]))
            known = [] if empty else list(await writer.execute_fetchall(_KNOWN, (ids,)))
            told = next(iter(await writer.execute_fetchall("SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'alerts'")), (0,))
            inserts, updates, details = await asyncio.to_thread(self._compare_alerts, sightings, known, int(told[0] or 0), change, sync_id)
            before = writer.total_changes
            await writer.executemany(_INSERT, inserts)
            await writer.executemany(_UPDATE, updates)
            await writer.executemany(_PUT_DETAILS, details)
            return None, frozenset({"alerts"} if writer.total_changes != before else ())

        await self.edit(work)

    def _compare_alerts(
        self, sightings: Sequence[AlertSighting], known_rows: Iterable[Any], last: int, change: int, sync_id: str
    ) -> tuple[list[Values], list[Values], list[Values]]:
        """Rows to insert, rows to update and details to put."""
        place_of, kind_of = self._dictionaries.places.key, self._dictionaries.alert_kinds.key
        known: dict[str, tuple[Any, ...]] = {row[0].lower(): tuple(row[1:]) for row in known_rows}
        seen: dict[int, set[int]] = {}
        now = microseconds(self._clock.now())
        inserts: list[Values] = []
        updates: list[Values] = []
        details: list[Values] = []
        for one in sightings:
            place = place_of(one.place)
            keys = seen.get(place)
            if keys is None:
                keys = seen[place] = self._seen_of("alerts", one.place.subscription_id, sync_id)
            low = one.id.lower()
            old = known.get(low)
            machine_id = one.machine_id if one.machine_id is not None or old is None else old[5]  # a list may tell less than the details
            facts = (one.name, place, kind_of(one.kind), one.status, machine_id, one.compromised_entity, one.started, one.generated)
            if old is None:
                last += 1
            key = last if old is None else old[0]
            keys.add(key)
            if one.details is not None:
                details.append((key, *one.details))
            if old is not None and old[1:] == facts:
                continue
            known[low] = (key, *facts)
            (inserts if old is None else updates).append((key, one.id, *facts, now, change))
        return inserts, updates, details

    async def finish_alerts(self, subscription_id: str, sync_id: str) -> None:
        """The listing ``sync_id`` is complete: alerts that it did not show are gone."""
        await self.finish_alert_listing((subscription_id,), sync_id)

    async def finish_alert_listing(self, subscription_ids: Ids, sync_id: str) -> None:
        """The listing ``sync_id`` of all these subscriptions is complete: alerts that it did not show are gone."""
        seen: set[int] = set()
        for one in subscription_ids:
            seen |= self._finished("alerts", one, sync_id)
        where, values = within_places("place", subscription_ids)

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
            found = await writer.execute_fetchall(f"SELECT key FROM alerts{where}", values)
            return None, await self._remove_alerts(writer, [row[0] for row in found if row[0] not in seen], change)

        await self.edit(work)

    async def _remove_alerts(self, writer: aiosqlite.Connection, keys: Sequence[int], change: int) -> frozenset[str]:
        if not keys:
            return frozenset()
        gone = [(key,) for key in keys]
        await writer.executemany("DELETE FROM alerts WHERE key = ?", gone)
        await writer.executemany("DELETE FROM alert_details WHERE alert = ?", gone)
        await bury(writer, "alerts", keys, change)
        return frozenset({"alerts"})

    async def set_alert_status(self, alert_id: str, status: str) -> None:
        """Write the status that Azure told after a change."""

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
            before = writer.total_changes
            sql = "UPDATE alerts SET status = ?2, change = ?3 WHERE id = ?1 AND status <> ?2"
            await writer.execute(sql, (clean(alert_id), clean(status), change))
            return None, frozenset({"alerts"} if writer.total_changes != before else ())

        await self.edit(work)

    # Reading

    async def alerts(self, subscription_ids: Ids | None = None) -> list[Alert]:
        """The alerts, newest first by when they were generated."""
        where, values = within_places("a.place", subscription_ids)
        return await self._database.records(_alert, _ALERTS + where + _NEWEST_FIRST, values)

    async def alerts_since(self, since: datetime, subscription_ids: Ids | None = None) -> list[Alert]:
        """The alerts that were generated at ``since`` or later, newest first."""
        where, values = within_places("a.place", subscription_ids)
        sql = f"{_ALERTS}{where}{' AND' if where else ' WHERE'} a.generated >= ?{_NEWEST_FIRST}"
        return await self._database.records(_alert, sql, (*values, microseconds(since)))

    async def alert(self, alert_id: str) -> Alert | None:
        """One alert."""
        found = await self._database.fetch(f"{_ALERTS} WHERE a.id = ?", (clean(alert_id),))
        return _alert(found[0]) if found else None

    async def some_alerts(self, alert_ids: Ids) -> list[Alert]:
        """Those of the alerts with these ids that are known, newest first."""
        sql = f"{_ALERTS} WHERE a.id IN (SELECT value FROM json_each(?)){_NEWEST_FIRST}"
        return await self._database.records(_alert, sql, (to_json([clean(one) for one in alert_ids]),))

    async def alert_window(self, keys: Sequence[int]) -> dict[int, Alert]:
        """Some alerts by key; one that is gone is left out."""
        found = await self._database.fetch(f"{_ALERTS} WHERE a.key IN (SELECT value FROM json_each(?))", (to_json(list(keys)),))
        return {int(row[17]): _alert(row) for row in found}

    async def first_alerts(self, limit: int, subscription_ids: Ids | None = None) -> list[int]:
        """The keys of the newest alerts."""
        where, values = within_places("place", subscription_ids)
        sql = f"SELECT key FROM alerts INDEXED BY alerts_by_time{where} ORDER BY generated DESC, id LIMIT ?"
        return [int(row[0]) for row in await self._database.fetch(sql, (*values, limit))]

    async def alert_total(self, subscription_ids: Ids | None = None) -> int:
        """How many alerts there are."""
        where, values = within_places("place", subscription_ids)
        return int((await self._database.fetch(f"SELECT COUNT(*) FROM alerts{where}", values))[0][0])

    async def alerts_of_machine(self, machine_id: str) -> list[Alert]:
        """The alerts about one machine, newest first."""
        return await self._database.records(_alert, f"{_ALERTS} WHERE a.machine_id = ?{_NEWEST_FIRST}", (clean(machine_id),))

    async def alert_counts(self, subscription_ids: Ids | None = None) -> dict[str, int]:
        """How many alerts are Active or InProgress, by severity; severities without are left out."""
        where, values = within_places("a.place", subscription_ids)
        sql = (
            f"SELECT k.severity, SUM(n) FROM (SELECT a.kind, COUNT(*) AS n FROM alerts a{where}{' AND' if where else ' WHERE'} a.{OPEN} "
            "GROUP BY a.kind) JOIN alert_kinds k ON k.key = kind GROUP BY k.severity"
        )
        return {clean(severity): int(count) for severity, count in await self._database.fetch(sql, values)}

    async def alert_digest(self) -> AlertDigest:
        """The digest of all alerts by status and severity."""
        return await self._digest("a.status, k.severity", "JOIN alert_kinds k ON k.key = a.kind")

    async def alert_digest_by_subscription(self) -> AlertDigest:
        """The digest of all alerts by subscription id in lower case and status."""
        return await self._digest("lower(p.subscription_id), a.status", "JOIN places p ON p.key = a.place")

    async def _digest(self, keys: str, join: str) -> AlertDigest:
        seconds = f"COALESCE(SUM(a.generated / {_SECOND} - {_EPOCH}), 0)"
        found = await self._database.fetch(f"SELECT {keys}, COUNT(*), {seconds} FROM alerts a {join} GROUP BY 1, 2")
        return {(clean(row[0]), clean(row[1])): (int(row[2]), int(row[3])) for row in found}

    async def newest_alert(self) -> datetime | None:
        """When the newest alert was generated."""
        found = await self._database.fetch("SELECT MAX(generated) FROM alerts INDEXED BY alerts_by_time")
        return moment_of(found[0][0])

    async def newest_without_details(self, among: int) -> list[str]:
        """The ids of those of the newest ``among`` alerts of which only a list has told."""
        sql = """SELECT id FROM (SELECT id, key FROM alerts INDEXED BY alerts_by_time ORDER BY generated DESC, id LIMIT ?) a
            LEFT JOIN alert_details d ON d.alert = a.key WHERE d.alert IS NULL"""
        return [clean(row[0]) for row in await self._database.fetch(sql, (among,))]

    async def open_alerts_by_subscription(self) -> dict[str, int]:
        """How many alerts are Active or InProgress, by subscription id in lower case."""
        sql = f"""SELECT p.subscription_id, SUM(n) FROM (SELECT place, COUNT(*) AS n FROM alerts WHERE {OPEN} GROUP BY place)
            JOIN places p ON p.key = place GROUP BY 1"""
        return {clean(one).lower(): int(count) for one, count in await self._database.fetch(sql)}


def _alert(row: rows.Row) -> Alert:
    known = row[18] is not None
    times = [one for one in (moment_of(row[15]), moment_or_none(row[16])) if one is not None]
    return Alert(
        id=clean(row[0]),
        name=clean(row[1]),
        subscription_id=clean(row[2]),
        resource_group=clean(row[3]),
        location=clean(row[4]),
        title=clean(row[5]),
        severity=clean(row[6]),
        status=clean(row[7]),
        product=clean(row[8]),
        alert_type=clean(row[9]),
        from_endpoint=bool(row[10]),
        machine_id=None if row[11] is None else clean(row[11]),
        compromised_entity=clean(row[12]),
        description=clean_lines(row[19]) if known else "",
        remediation=rows.lines(row[20]) if known else (),
        started=moment_of(row[13]),
        generated=moment_of(row[14]),
        azure_link=clean(row[21]) if known else "",
        defender_link=clean(row[22]) if known else "",
        entities=rows.pairs(row[23]) if known else (),
        facts=rows.pairs(row[24]) if known else (),
        as_of=max(times, default=None),
        details_known=known,
    )

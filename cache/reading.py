"""What screens and workers ask of the fleet: questions to ``fleet.db``, answered with records."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

from cache import rows
from cache.database import Database, Values
from cache.model import (
    Alert,
    Assessment,
    Check,
    Diagnosis,
    Freshness,
    LogEntry,
    Machine,
    MachineEvent,
    MachineRow,
    MachineState,
    Onboarding,
    Problem,
    Subscription,
    SubscriptionRow,
)
from cache.text import clean, clean_lines
from cache.values import moment_or_none, one_of, to_json

T = TypeVar("T")
Ids = Collection[str]

_MANY = 500  # rows from which turning them into records is left to a thread, so that the event loop keeps its pace

# A row that a later fetch found unchanged is not written again: its data is as fresh as the last complete fetch of its source.
_SUBSCRIPTIONS = f"""
    SELECT {rows.SUBSCRIPTION.removesuffix(", s.fetched_at")},
        MIN(COALESCE(listed.fetched_at, s.fetched_at), COALESCE(settings.fetched_at, '9'), COALESCE(plan.fetched_at, '9'))
    FROM subscriptions s
    LEFT JOIN freshness listed ON listed.source = 'subscriptions' AND listed.subscription_id = ''
    LEFT JOIN freshness settings ON settings.source = 'settings' AND settings.subscription_id = s.id
    LEFT JOIN freshness plan ON plan.source = 'plan' AND plan.subscription_id = s.id"""
_MACHINES = f"""
    SELECT {rows.MACHINE}, MAX(m.fetched_at, COALESCE(f.fetched_at, '')) FROM machines m
    LEFT JOIN freshness f ON f.source = 'machines' AND f.subscription_id = m.subscription_id"""
_MACHINE_LINES = f"""
    SELECT {rows.MACHINE_LINE}, MAX(m.fetched_at, COALESCE(f.fetched_at, '')) FROM machines m
    LEFT JOIN subscriptions s ON s.id = m.subscription_id
    LEFT JOIN onboarding o ON o.machine_id = m.id
    LEFT JOIN freshness f ON f.source = 'machines' AND f.subscription_id = m.subscription_id"""
_ONBOARDINGS = f"SELECT {rows.ONBOARDING} FROM onboarding o JOIN machines m ON m.id = o.machine_id"
_EVENTS = "SELECT machine_id, at, before, after, reason FROM events"
_ALERTS = f"""
    SELECT {rows.ALERT}, MAX(a.fetched_at, COALESCE(f.fetched_at, '')) FROM alerts a
    LEFT JOIN freshness f ON f.source = 'alerts' AND f.subscription_id = a.subscription_id"""
_NEWEST_ALERT_FIRST = " ORDER BY a.generated DESC, a.id"
_OPEN = "status IN ('Active', 'InProgress')"
_PROBLEMS = "SELECT code, message, source, at, subscription_id FROM problems"


class FleetReading:
    """The questions. ``subscription_ids`` narrows an answer to those subscriptions; ``None`` stands for all, an empty collection for none.

    Every method raises :class:`cache.errors.CacheError` if the file cannot be read; no content of a row makes one fail.
    """

    _database: Database

    async def subscriptions(self) -> list[SubscriptionRow]:
        """Every subscription by name, with its machines by state, its open alerts and its problems."""
        states: dict[str, dict[str, int]] = defaultdict(dict)
        for subscription_id, state, count in await self._database.fetch(
            "SELECT m.subscription_id, COALESCE(o.state, 'unknown'), COUNT(*) FROM machines m "
            "LEFT JOIN onboarding o ON o.machine_id = m.id GROUP BY 1, 2"
        ):
            states[clean(subscription_id).lower()][clean(state)] = int(count)
        alerts = {
            clean(subscription_id).lower(): int(count)
            for subscription_id, count in await self._database.fetch(
                f"SELECT subscription_id, COUNT(*) FROM alerts WHERE {_OPEN} GROUP BY 1"
            )
        }
        problems: dict[str, list[Problem]] = defaultdict(list)
        for problem in await self.problems():
            problems[problem.subscription_id.lower()].append(problem)
        selected = {one.lower() for one in await self.selection()}
        found = [rows.subscription(row) for row in await self._database.fetch(_SUBSCRIPTIONS)]
        return [
            SubscriptionRow(
                subscription=one,
                states=states.get(one.id.lower(), {}),
                problems=tuple(problems.get(one.id.lower(), ())),
                alerts=alerts.get(one.id.lower(), 0),
                selected=one.id.lower() in selected,
            )
            for one in sorted(found, key=lambda one: (one.name.casefold(), one.id.lower()))
        ]

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """One subscription."""
        return await self._one(rows.subscription, f"{_SUBSCRIPTIONS} WHERE s.id = ?", (clean(subscription_id),))

    async def selection(self) -> frozenset[str]:
        """The ids of the subscriptions that the user has chosen."""
        return frozenset(clean(row[0]) for row in await self._database.fetch("SELECT subscription_id FROM selection"))

    async def machine_rows(self, subscription_ids: Ids | None = None) -> list[MachineRow]:
        """The lines of the machines' table, by name. A machine whose state nobody has worked out yet is ``unknown``."""
        where, values = _within("m.subscription_id", subscription_ids)
        return await self._many(rows.machine_line, f"{_MACHINE_LINES}{where} ORDER BY m.name COLLATE NOCASE, m.id", values)

    async def machines(self, subscription_ids: Ids | None = None) -> list[Machine]:
        """The machines as Azure describes them, by name."""
        where, values = _within("m.subscription_id", subscription_ids)
        return await self._many(rows.machine, f"{_MACHINES}{where} ORDER BY m.name COLLATE NOCASE, m.id", values)

    async def machine(self, machine_id: str) -> Machine | None:
        """One machine."""
        return await self._one(rows.machine, f"{_MACHINES} WHERE m.id = ?", (clean(machine_id),))

    async def onboarding(self, machine_id: str) -> Onboarding | None:
        """The state of one machine, ``None`` until it has been worked out."""
        return await self._one(rows.onboarding, f"{_ONBOARDINGS} WHERE o.machine_id = ?", (clean(machine_id),))

    async def onboardings(self, subscription_ids: Ids | None = None) -> dict[str, Onboarding]:
        """The states that have been worked out, by machine id in lower case."""
        where, values = _within("m.subscription_id", subscription_ids)
        return {one.machine_id.lower(): one for one in await self._many(rows.onboarding, _ONBOARDINGS + where, values)}

    async def events(self, machine_id: str) -> list[MachineEvent]:
        """The changes of one machine's state, newest last."""
        return await self._many(rows.event, f"{_EVENTS} WHERE machine_id = ? ORDER BY sequence", (clean(machine_id),))

    async def recent_events(self, limit: int) -> list[MachineEvent]:
        """The last ``limit`` changes of any machine's state, newest last."""
        newest_first = await self._many(rows.event, f"{_EVENTS} ORDER BY sequence DESC LIMIT ?", (limit,))
        return newest_first[::-1]

    async def state_counts(self, subscription_ids: Ids | None = None) -> dict[str, int]:
        """How many machines are in each state; states without machines are left out."""
        where, values = _within("m.subscription_id", subscription_ids)
        sql = (
            f"SELECT COALESCE(o.state, 'unknown'), COUNT(*) FROM machines m LEFT JOIN onboarding o ON o.machine_id = m.id{where} GROUP BY 1"
        )
        return {clean(state): int(count) for state, count in await self._database.fetch(sql, values)}

    async def diagnosis_counts(self, subscription_ids: Ids | None = None) -> list[tuple[MachineState, Diagnosis, int]]:
        """How many machines share a diagnosis in a state, most first; machines without a diagnosis are left out."""
        where, values = _within("m.subscription_id", subscription_ids)
        told = f"{' AND' if where else ' WHERE'} o.diagnosis IS NOT NULL"
        sql = f"SELECT o.state, o.diagnosis, COUNT(*) FROM onboarding o JOIN machines m ON m.id = o.machine_id{where}{told} GROUP BY 1, 2"
        counts: dict[tuple[MachineState, Diagnosis], int] = defaultdict(int)
        for state, diagnosis, count in await self._database.fetch(sql, values):
            if (found := rows.diagnosis(diagnosis)) is not None:
                counts[one_of(MachineState, state, MachineState.UNKNOWN), found] += int(count)
        return sorted(((state, one, count) for (state, one), count in counts.items()), key=lambda item: (-item[2], item[0], item[1].code))

    async def assessments(self, subscription_ids: Ids | None = None) -> list[Assessment]:
        """Defender for Cloud's recommendations."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT machine_id, subscription_id, key, status, cause, description FROM assessments{where} ORDER BY machine_id, key"
        return await self._many(rows.assessment, sql, values)

    async def checks(self, subscription_ids: Ids | None = None) -> list[Check]:
        """The checklists, each in the order in which it was put."""
        where, values = _within("subscription_id", subscription_ids)
        return await self._many(rows.check, f"SELECT {rows.CHECK} FROM checks{where} ORDER BY subscription_id, position", values)

    async def alerts(self, subscription_ids: Ids | None = None) -> list[Alert]:
        """The alerts, newest first by when they were generated."""
        where, values = _within("a.subscription_id", subscription_ids)
        return await self._many(rows.alert, _ALERTS + where + _NEWEST_ALERT_FIRST, values)

    async def alert(self, alert_id: str) -> Alert | None:
        """One alert."""
        return await self._one(rows.alert, f"{_ALERTS} WHERE a.id = ?", (clean(alert_id),))

    async def alerts_of_machine(self, machine_id: str) -> list[Alert]:
        """The alerts about one machine, newest first."""
        return await self._many(rows.alert, f"{_ALERTS} WHERE a.machine_id = ?{_NEWEST_ALERT_FIRST}", (clean(machine_id),))

    async def alert_counts(self, subscription_ids: Ids | None = None) -> dict[str, int]:
        """How many alerts are Active or InProgress, by severity; severities without are left out."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT severity, COUNT(*) FROM alerts{where}{' AND' if where else ' WHERE'} {_OPEN} GROUP BY severity"
        return {clean(severity): int(count) for severity, count in await self._database.fetch(sql, values)}

    async def freshness(self, subscription_ids: Ids | None = None) -> list[Freshness]:
        """When each source was last read. What concerns the whole tenant is among them only if ``""`` is asked for, or all."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT source, subscription_id, fetched_at FROM freshness{where} ORDER BY source, subscription_id"
        return await self._many(rows.freshness, sql, values)

    async def oldest(self, source: str, subscription_ids: Ids | None = None) -> datetime | None:
        """When the stalest of ``subscription_ids`` was last read from ``source``, among those that ever were; ``None`` if none was."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT MIN(fetched_at) FROM freshness{where}{' AND' if where else ' WHERE'} source = ?"
        found = await self._database.fetch(sql, (*values, source))
        return moment_or_none(found[0][0])

    async def problems(self, subscription_ids: Ids | None = None) -> list[Problem]:
        """The problems that have not gone away. Those of the whole tenant are among them only if ``""`` is asked for, or all."""
        where, values = _within("subscription_id", subscription_ids)
        return await self._many(rows.problem, f"{_PROBLEMS}{where} ORDER BY subscription_id, source", values)

    async def log(self, limit: int = 500) -> list[LogEntry]:
        """The last ``limit`` lines of the console's log, newest first."""
        return await self._many(rows.log_entry, "SELECT at, level, message FROM log ORDER BY sequence DESC LIMIT ?", (limit,))

    async def remembered(self, key: str) -> str | None:
        """What was last remembered under ``key``."""
        found = await self._database.fetch("SELECT value FROM remembered WHERE key = ?", (key,))
        return clean_lines(found[0][0]) if found else None

    async def _one(self, record: Callable[[rows.Row], T], sql: str, values: Values) -> T | None:
        found = await self._database.fetch(sql, values)
        return record(found[0]) if found else None

    async def _many(self, record: Callable[[rows.Row], T], sql: str, values: Values) -> list[T]:
        found = await self._database.fetch(sql, values)
        if len(found) < _MANY:
            return [record(row) for row in found]
        return await asyncio.to_thread(lambda: [record(row) for row in found])


def _within(column: str, subscription_ids: Ids | None) -> tuple[str, Values]:
    """A WHERE clause, and its value, that narrows to ``subscription_ids``."""
    if subscription_ids is None:
        return "", ()
    return f" WHERE {column} IN (SELECT value FROM json_each(?))", (to_json(sorted(clean(one) for one in subscription_ids)),)

"""What screens and workers ask of the fleet: questions to ``fleet.db``, answered with records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

from cache import rows
from cache.alert_store import AlertStore
from cache.database import Values
from cache.machine_store import MachineStore
from cache.model import Assessment, Check, Freshness, LogEntry, Problem, Subscription, SubscriptionRow
from cache.text import clean, clean_lines
from cache.values import moment_or_none, to_json

T = TypeVar("T")
Ids = Collection[str]

# A row that a later fetch found unchanged is not written again: its data is as fresh as the last complete fetch of its source.
_SUBSCRIPTIONS = f"""
    SELECT {rows.SUBSCRIPTION.removesuffix(", s.fetched_at")},
        MIN(COALESCE(listed.fetched_at, s.fetched_at), COALESCE(settings.fetched_at, '9'), COALESCE(plan.fetched_at, '9'))
    FROM subscriptions s
    LEFT JOIN freshness listed ON listed.source = 'subscriptions' AND listed.subscription_id = ''
    LEFT JOIN freshness settings ON settings.source = 'settings' AND settings.subscription_id = s.id
    LEFT JOIN freshness plan ON plan.source = 'plan' AND plan.subscription_id = s.id"""
_PROBLEMS = "SELECT code, message, source, at, subscription_id FROM problems"


class FleetReading(MachineStore, AlertStore):
    """The questions. ``subscription_ids`` narrows an answer to those subscriptions; ``None`` stands for all, an empty collection for none.

    Every method raises :class:`cache.errors.CacheError` if the file cannot be read; no content of a row makes one fail.
    """

    async def subscriptions(self) -> list[SubscriptionRow]:
        """Every subscription by name, with its machines by state, its open alerts and its problems."""
        states = await self.states_by_subscription()
        alerts = await self.open_alerts_by_subscription()
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

    async def assessments(self, subscription_ids: Ids | None = None) -> list[Assessment]:
        """Defender for Cloud's recommendations."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT machine_id, subscription_id, key, status, cause, description FROM assessments{where} ORDER BY machine_id, key"
        return await self._database.records(rows.assessment, sql, values)

    async def checks(self, subscription_ids: Ids | None = None) -> list[Check]:
        """The checklists, each in the order in which it was put."""
        where, values = _within("subscription_id", subscription_ids)
        return await self._database.records(
            rows.check, f"SELECT {rows.CHECK} FROM checks{where} ORDER BY subscription_id, position", values
        )

    async def freshness(self, subscription_ids: Ids | None = None) -> list[Freshness]:
        """When each source was last read. What concerns the whole tenant is among them only if ``""`` is asked for, or all."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT source, subscription_id, fetched_at FROM freshness{where} ORDER BY source, subscription_id"
        return await self._database.records(rows.freshness, sql, values)

    async def knows_subscriptions(self) -> bool:
        """Whether any subscription is known."""
        return bool(await self._database.fetch("SELECT 1 FROM subscriptions LIMIT 1"))

    async def stalest(self) -> Freshness | None:
        """The source and subscription that were read the longest ago; ``None`` before anything was read."""
        sql = "SELECT source, subscription_id, MIN(fetched_at) FROM freshness"
        found = await self._database.fetch(sql)
        return rows.freshness(found[0]) if found and found[0][2] is not None else None

    async def problem_count(self) -> int:
        """How many problems have not gone away."""
        return int((await self._database.fetch("SELECT COUNT(*) FROM problems"))[0][0])

    async def oldest(self, source: str, subscription_ids: Ids | None = None) -> datetime | None:
        """When the stalest of ``subscription_ids`` was last read from ``source``, among those that ever were; ``None`` if none was."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT MIN(fetched_at) FROM freshness{where}{' AND' if where else ' WHERE'} source = ?"
        found = await self._database.fetch(sql, (*values, source))
        return moment_or_none(found[0][0])

    async def problems(self, subscription_ids: Ids | None = None) -> list[Problem]:
        """The problems that have not gone away. Those of the whole tenant are among them only if ``""`` is asked for, or all."""
        where, values = _within("subscription_id", subscription_ids)
        return await self._database.records(rows.problem, f"{_PROBLEMS}{where} ORDER BY subscription_id, source", values)

    async def log(self, limit: int = 500) -> list[LogEntry]:
        """The last ``limit`` lines of the console's log, newest first."""
        return await self._database.records(rows.log_entry, "SELECT at, level, message FROM log ORDER BY sequence DESC LIMIT ?", (limit,))

    async def remembered(self, key: str) -> str | None:
        """What was last remembered under ``key``."""
        found = await self._database.fetch("SELECT value FROM remembered WHERE key = ?", (key,))
        return clean_lines(found[0][0]) if found else None

    async def _one(self, record: Callable[[rows.Row], T], sql: str, values: Values) -> T | None:
        found = await self._database.fetch(sql, values)
        return record(found[0]) if found else None


def _within(column: str, subscription_ids: Ids | None) -> tuple[str, Values]:
    """A WHERE clause, and its value, that narrows to ``subscription_ids``."""
    if subscription_ids is None:
        return "", ()
    return f" WHERE {column} IN (SELECT value FROM json_each(?))", (to_json(sorted(clean(one) for one in subscription_ids)),)

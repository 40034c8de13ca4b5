"""What screens and workers ask of the fleet: questions to ``fleet.db``, answered with records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from cache import rows
from cache.alert_store import AlertStore
from cache.check_sources import RESTS_ON, evidence_read
from cache.database import Values
from cache.enabling import Enabling
from cache.enabling_store import EnablingStore
from cache.machine_store import MachineStore
from cache.model import POLLED, Assessment, Check, Freshness, LogEntry, Problem, Reading, Standing, Subscription, SubscriptionRow
from cache.text import clean, clean_lines
from cache.values import moment_or_none, stamp, to_json

T = TypeVar("T")
Ids = Collection[str]

# A row that a later fetch found unchanged is not written again: its data is as fresh as the last complete fetch of its source.
_AS_OF = "MIN(COALESCE(listed.fetched_at, s.fetched_at), COALESCE(settings.fetched_at, '9'), COALESCE(plan.fetched_at, '9'))"
_FRESHNESS = """
    LEFT JOIN freshness listed ON listed.source = 'subscriptions' AND listed.subscription_id = ''
    LEFT JOIN freshness settings ON settings.source = 'settings' AND settings.subscription_id = s.id
    LEFT JOIN freshness plan ON plan.source = 'plan' AND plan.subscription_id = s.id"""
_SUBSCRIPTIONS = f"SELECT {rows.SUBSCRIPTION.removesuffix(', s.fetched_at')}, {_AS_OF} FROM subscriptions s {_FRESHNESS}"
_CHECKS = f"""SELECT {rows.CHECK}, MAX(COALESCE(c.fetched_at, ''), COALESCE({_AS_OF}, ''))
    FROM checks c JOIN answers a ON a.key = c.answer LEFT JOIN subscriptions s ON s.id = c.subscription_id {_FRESHNESS}"""
_PROBLEMS = "SELECT code, message, source, at, subscription_id FROM problems"


def subscription_rows(
    known: Iterable[Subscription],
    states: Mapping[str, Mapping[str, int]],
    alerts: Mapping[str, int],
    problems: Iterable[Problem],
    selection: Collection[str],
    enablings: Mapping[str, Enabling],
) -> list[SubscriptionRow]:
    """A row for each of the subscriptions that are known. ``states``, ``alerts`` and ``enablings`` are by id in lower case."""
    told: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        told[problem.subscription_id.lower()].append(problem)
    selected = {one.lower() for one in selection}
    ids = ((one, one.id.lower()) for one in known)
    return [
        SubscriptionRow(one, states.get(key, {}), tuple(told.get(key, ())), alerts.get(key, 0), key in selected, enablings.get(key))
        for one, key in ids
    ]


class FleetReading(MachineStore, AlertStore, EnablingStore):
    """The questions. ``subscription_ids`` narrows an answer to those subscriptions; ``None`` stands for all, an empty collection for none.

    Every method raises :class:`cache.errors.CacheError` if the file cannot be read; no content of a row makes one fail.
    """

    async def subscriptions(self) -> list[SubscriptionRow]:
        """Every subscription by name, with its machines by state, its open alerts and its problems."""
        known = (await self.subscription_records()).values()
        return subscription_rows(
            sorted(known, key=lambda one: (one.name.casefold(), one.id.lower())),
            await self.states_by_subscription(),
            await self.open_alerts_by_subscription(),
            await self.problems(),
            await self.selection(),
            await self.enablings(),
        )

    async def subscription_names(self) -> dict[str, str]:
        """The name of every subscription, by its id in lower case."""
        return {clean(row[0]).lower(): clean(row[1]) for row in await self._database.fetch("SELECT id, name FROM subscriptions")}

    async def subscription_records(self, subscription_ids: Ids | None = None) -> dict[str, Subscription]:
        """The subscriptions by id in lower case, without all that is counted for :meth:`subscriptions`."""
        where, values = _within("s.id", subscription_ids)
        found = await self._database.records(rows.subscription, f"{_SUBSCRIPTIONS}{where}", values)
        return {one.id.lower(): one for one in found}

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """One subscription."""
        return await self._one(rows.subscription, f"{_SUBSCRIPTIONS} WHERE s.id = ?", (clean(subscription_id),))

    async def servers_plans(self) -> dict[str, str]:
        """The Defender for Servers plans that are known, by subscription id in lower case."""
        found = await self._database.fetch("SELECT id, servers_plan FROM subscriptions WHERE servers_plan IS NOT NULL")
        return {clean(row[0]).lower(): clean(row[1]) for row in found}

    async def subscription_ids(self) -> list[str]:
        """The ids of all subscriptions that are known."""
        return [clean(row[0]) for row in await self._database.fetch("SELECT id FROM subscriptions ORDER BY id")]

    async def selection(self) -> frozenset[str]:
        """The ids of the subscriptions that the user has chosen."""
        return frozenset(clean(row[0]) for row in await self._database.fetch("SELECT subscription_id FROM selection"))

    async def assessments(self, subscription_ids: Ids | None = None) -> list[Assessment]:
        """Defender for Cloud's recommendations."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT machine_id, subscription_id, key, status, cause, description FROM assessments{where} ORDER BY machine_id, key"
        return await self._database.records(rows.assessment, sql, values)

    async def checks(self, subscription_ids: Ids | None = None) -> list[Check]:
        """The checklists, each in the order in which it was put. A check is as old as the oldest of what it rests on."""
        where, values = _within("c.subscription_id", subscription_ids)
        read = await self.read_at(subscription_ids)

        def check(row: rows.Row) -> Check:
            found = rows.check(row)
            if found.id not in RESTS_ON:
                return found
            return replace(found, as_of=evidence_read(found.id, read.get(found.subscription_id.lower(), {})))

        return await self._database.records(check, f"{_CHECKS}{where} ORDER BY c.subscription_id, c.position", values)

    async def machines_of_checks(self, checks: Collection[tuple[str, str]]) -> frozenset[int]:
        """The keys of the machines that these checks (subscription id and check id) concern."""
        wanted = to_json([f"{clean(subscription_id).lower()}/{check_id}" for subscription_id, check_id in checks])
        sql = """SELECT DISTINCT n.value FROM checks c, json_each(c.machines) n
            WHERE lower(c.subscription_id) || '/' || c.id IN (SELECT value FROM json_each(?)) AND n.type = 'integer'"""
        return frozenset(int(row[0]) for row in await self._database.fetch(sql, (wanted,)))

    async def read_at(self, subscription_ids: Ids | None = None) -> dict[str, dict[str, datetime]]:
        """When each source was last read, by subscription id in lower case; what is read of the tenant as a whole counts for each."""
        read: dict[str, dict[str, datetime]] = defaultdict(dict)
        for one in await self.freshness(None if subscription_ids is None else ["", *subscription_ids]):
            read[one.subscription_id.lower()][one.source] = one.fetched_at
        whole = read.pop("", {})
        return {key: {**whole, **told} for key, told in read.items()}

    async def freshness(self, subscription_ids: Ids | None = None) -> list[Freshness]:
        """When each source was last read. What concerns the whole tenant is among them only if ``""`` is asked for, or all."""
        where, values = _within("subscription_id", subscription_ids)
        sql = f"SELECT source, subscription_id, fetched_at FROM freshness{where} ORDER BY source, subscription_id"
        return await self._database.records(rows.freshness, sql, values)

    async def readings(self) -> list[Reading]:
        """When each source was read, with how many subscriptions (and the tenant) were read at that moment."""
        sql = "SELECT source, fetched_at, COUNT(*) FROM freshness GROUP BY source, fetched_at"
        return await self._database.records(rows.reading, sql)

    async def knows_subscriptions(self) -> bool:
        """Whether any subscription is known."""
        return bool(await self._database.fetch("SELECT 1 FROM subscriptions LIMIT 1"))

    async def standing(self, sources: Collection[str], polled_after: datetime, others_after: datetime) -> Standing:
        """How fresh the data of ``sources`` is, if what is polled is stale when read before ``polled_after``, and other data when read
        before ``others_after``."""
        limits = to_json({str(one): stamp(polled_after if one in POLLED else others_after) for one in sources})
        counted = "p.subscription_id <> '' AND p.source <> 'extensions'"  # machines are read also where those of one are not
        told = f"""SELECT f.source, f.subscription_id, f.fetched_at, f.fetched_at < l.value AS old,
            p.code IS NOT NULL AS shut FROM freshness f JOIN json_each(?1) l ON l.key = f.source
            LEFT JOIN problems p ON p.source = f.source AND p.subscription_id = f.subscription_id AND {counted}"""
        counts = f"""SELECT COUNT(DISTINCT CASE WHEN old THEN subscription_id END), COALESCE(MAX(old AND subscription_id = ''), 0),
            COUNT(DISTINCT NULLIF(subscription_id, '')) FROM ({told}) WHERE NOT shut"""
        unreadable = f"""SELECT COUNT(DISTINCT p.subscription_id) FROM problems p JOIN json_each(?1) l ON l.key = p.source
            WHERE {counted}"""
        ((stale, whole, readable),) = await self._database.fetch(counts, (limits,))
        ((failing,),) = await self._database.fetch(unreadable, (limits,))
        partly = 0 < stale < readable and not whole
        which = ("NOT shut" if readable else "1") + (" AND NOT old" if partly else "")
        oldest = f"SELECT source, subscription_id, MIN(fetched_at) FROM ({told}) WHERE {which}"
        found = await self._database.fetch(oldest, (limits,))
        if not found or found[0][2] is None:
            return Standing(unreadable=failing)
        return Standing(rows.freshness(found[0]), stale if partly else 0, readable, failing)

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

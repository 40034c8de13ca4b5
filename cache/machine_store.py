"""Machines in ``fleet.db``: what listings show of them, the states they are judged to be in, and the history of these."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiosqlite

from cache import rows
from cache.database import Values
from cache.dictionaries import Dictionaries
from cache.editing import FleetEditing, Ids, bury, number, within_places
from cache.model import STATES_WORST_FIRST, Diagnosis, Extension, Machine, MachineEvent, MachineRow, MachineState, Onboarding
from cache.sighting import Sighting, sighting_of
from cache.text import clean
from cache.values import NEVER, microseconds, moment_of, moment_or_none, one_of, to_json

Judge = Callable[[Sighting, Onboarding | None], Onboarding]
"""Says in which state a machine is, from what a listing shows and the state it was in. The ``machine_id`` of its answer counts for
nothing, so that one answer may stand for many machines."""

RANKS: Mapping[str, int] = {str(state): place for place, state in enumerate(STATES_WORST_FIRST)}
_UNKNOWN_RANK = RANKS[str(MachineState.UNKNOWN)]

_KNOWN = """SELECT id, key, name, place, system, condition, extensions, tags, status_at, created_at, verdict, since, due
    FROM machines WHERE id IN (SELECT value FROM json_each(?))"""
_COLUMNS = "key, id, name, place, system, condition, extensions, tags, status_at, created_at, verdict, rank, since, due, fetched_at, change"
_INSERT = f"INSERT INTO machines ({_COLUMNS}) VALUES ({', '.join('?' * 16)})"
_SET = ", ".join(f"{name} = ?{place}" for place, name in enumerate(_COLUMNS.split(", "), 1) if place > 1)
_UPDATE = f"UPDATE machines SET {_SET} WHERE key = ?1"
_ADD_EVENT = "INSERT INTO events (machine, at, before, verdict) VALUES (?, ?, ?, ?)"
_JUDGE = "UPDATE machines SET verdict = ?2, rank = ?3, since = ?4, due = ?5, change = ?6 WHERE key = ?1"

_JOINS = """FROM machines m
    JOIN places p ON p.key = m.place
    JOIN systems y ON y.key = m.system
    JOIN conditions c ON c.key = m.condition
    LEFT JOIN extension_sets e ON e.key = m.extensions
    LEFT JOIN freshness f ON f.source = 'machines' AND f.subscription_id = p.subscription_id"""
_MACHINES = f"""SELECT m.id, m.name, y.kind, p.subscription_id, p.resource_group, p.location, y.os_type, y.os_name, y.os_version, y.image,
    c.power, c.provisioning_state, c.agent_version, m.status_at, m.created_at, t.tags, e.extensions, m.fetched_at, f.fetched_at
    {_JOINS} JOIN tag_sets t ON t.key = m.tags"""
_LINES = f"""SELECT m.id, m.name, y.kind, p.subscription_id, s.name, p.resource_group, p.location, y.os_type, y.os_name, c.power,
    v.state, v.reason, m.since, m.due, e.extensions, v.diagnosis, m.fetched_at, f.fetched_at, m.key
    {_JOINS} LEFT JOIN verdicts v ON v.key = m.verdict LEFT JOIN subscriptions s ON s.id = p.subscription_id"""
_ONBOARDINGS = """SELECT m.id, v.state, v.reason, m.since, m.due, v.explanation, v.evidence, v.diagnosis
    FROM machines m JOIN verdicts v ON v.key = m.verdict JOIN places p ON p.key = m.place"""
_EVENTS = """SELECT m.id, e.at, e.before, v.state, v.reason
    FROM events e JOIN machines m ON m.key = e.machine JOIN verdicts v ON v.key = e.verdict"""
_COUNTS = """SELECT p.subscription_id, COALESCE(v.state, 'unknown'), SUM(n.machines) FROM counts n
    JOIN places p ON p.key = n.place LEFT JOIN verdicts v ON v.key = n.verdict"""
_BY_NAME = " ORDER BY m.name COLLATE NOCASE, m.id"


@dataclass(slots=True)
class _Comparison:
    """What a batch of sightings changes."""

    inserts: list[Values] = field(default_factory=list)
    updates: list[Values] = field(default_factory=list)
    events: list[Values] = field(default_factory=list)
    places: set[int] = field(default_factory=set)
    judged: bool = False


class MachineStore(FleetEditing):
    """Reading and writing machines. Subscribers are told of ``machines``, ``onboarding`` and ``events`` if a row of theirs changed."""

    # Writing

    async def put_machines(self, subscription_id: str, machines: Sequence[Machine], sync_id: str) -> None:
        """Write a page of the machines of a subscription; ``sync_id`` ties the pages of one listing together for :meth:`finish_machines`.

        A machine whose extensions this listing does not tell (``extensions_known`` false) keeps those that are known.
        """
        await self.see_machines([sighting_of(one, subscription_id) for one in machines], sync_id)

    async def see_machines(self, sightings: Sequence[Sighting], sync_id: str, judge: Judge | None = None) -> frozenset[str]:
        """Write what a listing shows, of any subscriptions: only rows that differ are touched, and only those are judged.

        Returns the ids (in lower case) of the subscriptions whose machines changed.
        """

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[frozenset[str], frozenset[str]]:
            empty = not list(await writer.execute_fetchall("SELECT 1 FROM machines LIMIT 1"))
            ids = "" if empty else await asyncio.to_thread(lambda: to_json([one.id for one in sightings]))
            known = [] if empty else list(await writer.execute_fetchall(_KNOWN, (ids,)))
            last = await number(writer, "SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'machines'")
            found = await asyncio.to_thread(self._compare, sightings, known, last, change, sync_id, judge)
            await writer.executemany(_INSERT, found.inserts)
            await writer.executemany(_UPDATE, found.updates)
            await writer.executemany(_ADD_EVENT, found.events)
            await _recount(writer, found.places)
            told = {"machines"} if found.inserts or found.updates else set()
            if found.events:
                told |= {"events"}
            if found.judged:
                told |= {"onboarding"}
            places = self._dictionaries.places
            return frozenset(str(places.value(one)[0]).lower() for one in found.places), frozenset(told)

        return await self.edit(work)

    def _compare(
        self, sightings: Sequence[Sighting], known_rows: Iterable[Any], last: int, change: int, sync_id: str, judge: Judge | None
    ) -> _Comparison:
        """What differs between ``sightings`` and the rows that are known of them."""
        dictionaries = self._dictionaries
        place_of, system_of, condition_of = dictionaries.places.key, dictionaries.systems.key, dictionaries.conditions.key
        extensions_of, tags_of = dictionaries.extension_sets.key, dictionaries.tag_sets.key
        known: dict[str, tuple[Any, ...]] = {row[0].lower(): tuple(row[1:]) for row in known_rows}
        seen: dict[int, set[int]] = {}
        verdicts = _Verdicts(dictionaries)
        now = microseconds(self._clock.now())
        found = _Comparison()
        for one in sightings:
            place = place_of(one.place)
            keys = seen.get(place)
            if keys is None:
                keys = seen[place] = self._seen_of("machines", one.place.subscription_id, sync_id)
            extensions = None if one.extensions is None else extensions_of((one.extensions,))
            low = one.id.lower()
            old = known.get(low)
            if old is not None and extensions is None:
                extensions = old[5]
            facts = (
                one.name,
                place,
                system_of(one.system),
                condition_of(one.condition),
                extensions,
                tags_of((one.tags,)),
                one.status_at,
                one.created_at,
            )
            if old is not None:
                key, verdict, since, due = old[0], old[9], old[10], old[11]
                keys.add(key)
                if old[1:9] == facts and (verdict is not None or judge is None):
                    continue
                found.places.add(old[2])
            else:
                last += 1
                key, verdict, since, due = last, None, None, None
                keys.add(key)
            state = verdicts.state(verdict)
            if judge is not None:
                if one.extensions is None and extensions is not None:
                    one = one._replace(extensions=dictionaries.extension_sets.value(extensions)[0])
                judged = judge(one, verdicts.onboarding(verdict, since, due))
                new = verdicts.of(judged)
                if (new.key, new.since, new.due) != (verdict, since, due):
                    found.judged = True
                if new.state != state:
                    found.events.append((key, now, state, new.key))
                verdict, since, due, state = new.key, new.since, new.due, new.state
            row = (key, one.id, *facts, verdict, RANKS.get(state, _UNKNOWN_RANK), since, due, now, change)
            (found.inserts if old is None else found.updates).append(row)
            known[low] = (key, *facts, verdict, since, due)
            found.places.add(place)
        return found

    async def finish_machines(self, subscription_id: str, sync_id: str) -> None:
        """The listing ``sync_id`` is complete: machines that it did not show are gone, with their states and events."""
        await self.finish_listing((subscription_id,), sync_id)

    async def finish_listing(self, subscription_ids: Ids, sync_id: str) -> frozenset[str]:
        """The listing ``sync_id`` of all these subscriptions is complete: machines that it did not show are gone.

        Returns the ids (in lower case) of the subscriptions that lost any.
        """
        seen: set[int] = set()
        for one in subscription_ids:
            seen |= self._finished("machines", one, sync_id)
        where, values = within_places("place", subscription_ids)

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[frozenset[str], frozenset[str]]:
            known = await writer.execute_fetchall(f"SELECT key, place FROM machines{where}", values)
            return await self._remove_machines(writer, [(row[0], row[1]) for row in known if row[0] not in seen], change)

        return await self.edit(work)

    async def _remove_machines(
        self, writer: aiosqlite.Connection, gone: Sequence[tuple[int, int]], change: int
    ) -> tuple[frozenset[str], frozenset[str]]:
        if not gone:
            return frozenset(), frozenset()
        keys = [(key,) for key, _ in gone]
        events = writer.total_changes
        await writer.executemany("DELETE FROM events WHERE machine = ?", keys)
        told = {"machines", "onboarding"} | ({"events"} if writer.total_changes != events else set())
        await writer.executemany("DELETE FROM machines WHERE key = ?", keys)
        await bury(writer, "machines", (key for key, _ in gone), change)
        places = {place for _, place in gone}
        await _recount(writer, places)
        lost = frozenset(str(self._dictionaries.places.value(one)[0]).lower() for one in places)
        return lost, frozenset(told)

    async def put_extensions(self, machine_id: str, extensions: Sequence[Extension]) -> None:
        """Write all extensions of one machine that is known."""

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
            key = self._dictionaries.extension_sets.key((rows.extensions_row(extensions),))
            sql = "UPDATE machines SET extensions = ?2, change = ?3 WHERE id = ?1 AND extensions IS NOT ?2"
            before = writer.total_changes
            await writer.execute(sql, (clean(machine_id), key, change))
            return None, frozenset({"machines"} if writer.total_changes != before else ())

        await self.edit(work)

    async def put_onboardings(self, onboardings: Sequence[Onboarding]) -> None:
        """Write the states of machines that are known; what is told of others is left out. A changed state adds an event at this time."""
        if not onboardings:
            return
        ids = to_json([clean(one.machine_id) for one in onboardings])

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
            sql = "SELECT id, key, place, verdict, since, due FROM machines WHERE id IN (SELECT value FROM json_each(?))"
            known = {str(row[0]).lower(): tuple(row[1:]) for row in await writer.execute_fetchall(sql, (ids,))}
            verdicts = _Verdicts(self._dictionaries)
            now = microseconds(self._clock.now())
            updates: list[Values] = []
            events: list[Values] = []
            places: set[int] = set()
            for one in onboardings:
                old = known.get(clean(one.machine_id).lower())
                if old is None:
                    continue
                key, place, verdict, since, due = old
                new = verdicts.of(one)
                if (new.key, new.since, new.due) == (verdict, since, due):
                    continue
                updates.append((key, new.key, RANKS.get(new.state, _UNKNOWN_RANK), new.since, new.due, change))
                if new.key != verdict:
                    places.add(place)
                state = verdicts.state(verdict)
                if new.state != state:
                    events.append((key, now, state, new.key))
            await writer.executemany(_JUDGE, updates)
            await writer.executemany(_ADD_EVENT, events)
            await _recount(writer, places)
            told = ({"onboarding"} if updates else set()) | ({"events"} if events else set())
            return None, frozenset(told)

        await self.edit(work)

    # Reading

    async def machine_rows(self, subscription_ids: Ids | None = None) -> list[MachineRow]:
        """The lines of the machines' table, by name. A machine whose state nobody has worked out yet is ``unknown``."""
        where, values = within_places("m.place", subscription_ids)
        return await self._database.records(_line, f"{_LINES}{where}{_BY_NAME}", values)

    async def machine_window(self, keys: Sequence[int]) -> dict[int, MachineRow]:
        """The lines of some machines by key; one that is gone is left out."""
        sql = f"{_LINES} WHERE m.key IN (SELECT value FROM json_each(?))"
        found = await self._database.fetch(sql, (to_json(list(keys)),))
        return {int(row[18]): _line(row) for row in found}

    async def first_machines(self, limit: int, subscription_ids: Ids | None = None) -> list[int]:
        """The keys of the first machines, worst state first, then by name."""
        where, values = within_places("place", subscription_ids)
        sql = f"SELECT key FROM machines INDEXED BY machines_by_rank{where} ORDER BY rank, name COLLATE NOCASE LIMIT ?"
        return [int(row[0]) for row in await self._database.fetch(sql, (*values, limit))]

    async def machines(self, subscription_ids: Ids | None = None) -> list[Machine]:
        """The machines as Azure describes them, by name."""
        where, values = within_places("m.place", subscription_ids)
        return await self._database.records(_machine, f"{_MACHINES}{where}{_BY_NAME}", values)

    async def machine(self, machine_id: str) -> Machine | None:
        """One machine."""
        found = await self._database.fetch(f"{_MACHINES} WHERE m.id = ?", (clean(machine_id),))
        return _machine(found[0]) if found else None

    async def due_machines(self, now: datetime, limit: int = 5000) -> list[Machine]:
        """Machines about which something was expected by ``now``, the longest overdue first."""
        sql = f"{_MACHINES} WHERE m.due <= ? ORDER BY m.due LIMIT ?"
        return await self._database.records(_machine, sql, (microseconds(now), limit))

    async def onboarding(self, machine_id: str) -> Onboarding | None:
        """The state of one machine, ``None`` until it has been worked out."""
        found = await self._database.fetch(f"{_ONBOARDINGS} WHERE m.id = ?", (clean(machine_id),))
        return rows.onboarding(found[0]) if found else None

    async def onboardings(self, subscription_ids: Ids | None = None) -> dict[str, Onboarding]:
        """The states that have been worked out, by machine id in lower case."""
        where, values = within_places("m.place", subscription_ids)
        return {one.machine_id.lower(): one for one in await self._database.records(rows.onboarding, _ONBOARDINGS + where, values)}

    async def events(self, machine_id: str) -> list[MachineEvent]:
        """The changes of one machine's state, newest last."""
        return await self._database.records(_event, f"{_EVENTS} WHERE m.id = ? ORDER BY e.sequence", (clean(machine_id),))

    async def recent_events(self, limit: int) -> list[MachineEvent]:
        """The last ``limit`` changes of any machine's state, newest last."""
        newest_first = await self._database.records(_event, f"{_EVENTS} ORDER BY e.sequence DESC LIMIT ?", (limit,))
        return newest_first[::-1]

    async def state_counts(self, subscription_ids: Ids | None = None) -> dict[str, int]:
        """How many machines are in each state; states without machines are left out."""
        counts: dict[str, int] = defaultdict(int)
        for states in (await self.states_by_subscription(subscription_ids)).values():
            for state, count in states.items():
                counts[state] += count
        return dict(counts)

    async def states_by_subscription(self, subscription_ids: Ids | None = None) -> dict[str, dict[str, int]]:
        """How many machines are in each state, by subscription id in lower case."""
        where, values = within_places("n.place", subscription_ids)
        states: dict[str, dict[str, int]] = defaultdict(dict)
        for subscription_id, state, count in await self._database.fetch(f"{_COUNTS}{where} GROUP BY 1, 2", values):
            states[clean(subscription_id).lower()][clean(state)] = int(count)
        return states

    async def diagnosis_counts(self, subscription_ids: Ids | None = None) -> list[tuple[MachineState, Diagnosis, int]]:
        """How many machines share a diagnosis in a state, most first; machines without a diagnosis are left out."""
        where, values = within_places("n.place", subscription_ids)
        told = f"{' AND' if where else ' WHERE'} v.diagnosis <> ''"
        sql = f"SELECT v.state, v.diagnosis, SUM(n.machines) FROM counts n JOIN verdicts v ON v.key = n.verdict{where}{told} GROUP BY 1, 2"
        counts: dict[tuple[MachineState, Diagnosis], int] = defaultdict(int)
        for state, diagnosis, count in await self._database.fetch(sql, values):
            if (found := rows.diagnosis(diagnosis)) is not None:
                counts[one_of(MachineState, state, MachineState.UNKNOWN), found] += int(count)
        return sorted(((state, one, count) for (state, one), count in counts.items()), key=lambda item: (-item[2], item[0], item[1].code))


async def _recount(writer: aiosqlite.Connection, places: Collection[int]) -> None:
    if places:
        these = (to_json(sorted(places)),)
        await writer.execute("DELETE FROM counts WHERE place IN (SELECT value FROM json_each(?))", these)
        await writer.execute(
            "INSERT INTO counts (place, verdict, machines) SELECT place, COALESCE(verdict, 0), COUNT(*) FROM machines "
            "WHERE place IN (SELECT value FROM json_each(?)) GROUP BY 1, 2",
            these,
        )


@dataclass(frozen=True, slots=True)
class _Verdict:
    key: int
    since: int | None
    due: int | None
    state: str


class _Verdicts:
    """States between records and numbers, for one transaction. The same record is turned into numbers once."""

    def __init__(self, dictionaries: Dictionaries) -> None:
        self._dictionary = dictionaries.verdicts
        self._made: dict[int, tuple[Onboarding, _Verdict]] = {}
        self._records: dict[tuple[int, int | None, int | None], Onboarding] = {}

    def of(self, one: Onboarding) -> _Verdict:
        """The numbers of a record."""
        made = self._made.get(id(one))
        if made is None:
            state, reason, since, due, explanation, evidence, diagnosis = rows.onboarding_row(one)
            key = self._dictionary.key((state, reason, explanation, evidence, diagnosis))
            made = self._made[id(one)] = (one, _Verdict(key, since, due, state))
        return made[1]

    def state(self, key: int | None) -> str:
        """The state behind a number; empty where there is none."""
        return "" if key is None else str(self._dictionary.value(key)[0])

    def onboarding(self, key: int | None, since: int | None, due: int | None) -> Onboarding | None:
        """The record of a number."""
        if key is None:
            return None
        record = self._records.get((key, since, due))
        if record is None:
            state, reason, explanation, evidence, diagnosis = self._dictionary.value(key)
            record = rows.onboarding(("", state, reason, since, due, explanation, evidence, diagnosis))
            self._records[key, since, due] = record
        return record


def _newest(fetched: object, complete: object) -> datetime | None:
    """An unchanged row is not written again: its data is as fresh as the last complete fetch of its source."""
    times = [one for one in (moment_of(fetched), moment_or_none(complete)) if one is not None]
    return max(times, default=None)


def _machine(row: rows.Row) -> Machine:
    return Machine(
        id=clean(row[0]),
        name=clean(row[1]),
        kind=clean(row[2]),
        subscription_id=clean(row[3]),
        resource_group=clean(row[4]),
        location=clean(row[5]),
        os_type=clean(row[6]),
        os_name=clean(row[7]),
        os_version=clean(row[8]),
        image=clean(row[9]),
        power=clean(row[10]),
        provisioning_state=clean(row[11]),
        agent_version=clean(row[12]),
        status_at=moment_of(row[13]),
        created_at=moment_of(row[14]),
        tags=rows.tags(row[15]),
        extensions=rows.extensions(row[16]),
        extensions_known=row[16] is not None,
        as_of=_newest(row[17], row[18]),
    )


def _line(row: rows.Row) -> MachineRow:
    return MachineRow(
        id=clean(row[0]),
        name=clean(row[1]),
        kind=clean(row[2]),
        subscription_id=clean(row[3]),
        subscription_name=clean(row[4]),
        resource_group=clean(row[5]),
        location=clean(row[6]),
        os_type=clean(row[7]),
        os_name=clean(row[8]),
        power=clean(row[9]),
        state=one_of(MachineState, row[10], MachineState.UNKNOWN),
        reason=rows.NOT_EVALUATED if row[10] is None else clean(row[11]),
        since=moment_of(row[12]),
        due=moment_of(row[13]),
        extension=rows.defender(row[14]),
        diagnosis=rows.diagnosis(row[15]),
        as_of=_newest(row[16], row[17]),
    )


def _event(row: rows.Row) -> MachineEvent:
    return MachineEvent(clean(row[0]), moment_of(row[1]) or NEVER, clean(row[2]), clean(row[3]), clean(row[4]))

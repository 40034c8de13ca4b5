"""Machines in ``fleet.db``: what listings show of them, the states they are judged to be in, and the history of these."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiosqlite

from cache import rows
from cache.database import Values, insert
from cache.editing import FleetEditing, Ids, bury, number, within_places
from cache.model import Diagnosis, Extension, Machine, MachineEvent, MachineRow, MachineState, Onboarding
from cache.sighting import Judge, Place, Sighting, Unchanged
from cache.text import clean
from cache.values import NEVER, microseconds, moment_of, moment_or_none, one_of, to_json
from cache.verdicts import RANKS, UNKNOWN_RANK, Verdicts, places_changed

_FACTS = "name, place, system, condition, extensions, tags, status_at, created_at"
_KNOWN = f"SELECT id, key, {_FACTS}, verdict, since, due, digest FROM machines WHERE id IN (SELECT value FROM json_each(?))"
_COLUMNS = f"key, id, {_FACTS}, verdict, rank, since, due, digest, fetched_at, change"
_SET = ", ".join(f"{name} = ?{place}" for place, name in enumerate(_COLUMNS.split(", "), 1) if place > 1)
_UPDATE = f"UPDATE machines SET {_SET} WHERE key = ?1"

_JOINS = """FROM machines m
    JOIN places p ON p.key = m.place
    JOIN systems y ON y.key = m.system
    JOIN conditions c ON c.key = m.condition
    LEFT JOIN extension_sets e ON e.key = m.extensions
    LEFT JOIN freshness f ON f.source = 'machines' AND f.subscription_id = p.subscription_id"""
_MACHINES = f"""SELECT m.id, m.name, y.kind, p.subscription_id, p.resource_group, p.location, y.os_type, y.os_name, y.os_version, y.image,
    c.power, c.provisioning_state, c.agent_version, m.status_at, m.created_at, t.tags, e.extensions, m.fetched_at, f.fetched_at
    {_JOINS} JOIN tag_sets t ON t.key = m.tags"""
MACHINE_LINES = f"""SELECT m.id, m.name, y.kind, p.subscription_id, s.name, p.resource_group, p.location, y.os_type, y.os_name, c.power,
    v.state, v.reason, m.since, m.due, e.extensions, v.diagnosis, m.fetched_at, f.fetched_at, m.key
    {_JOINS} LEFT JOIN verdicts v ON v.key = m.verdict LEFT JOIN subscriptions s ON s.id = p.subscription_id"""
"""The lines of the machines' table, as :func:`machine_line` takes them."""

FIRST_MACHINES = "SELECT key FROM machines INDEXED BY machines_by_rank{where} ORDER BY rank, name COLLATE NOCASE LIMIT ?"
"""The keys of the first machines, worst state first, then by name."""

MACHINE_COUNT = "SELECT COALESCE(SUM(machines), 0) FROM counts{where}"
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
    digests: list[Values] = field(default_factory=list)
    events: list[Values] = field(default_factory=list)
    places: set[int] = field(default_factory=set)
    judged: bool = False


class MachineStore(FleetEditing):
    """Reading and writing machines. Subscribers are told of ``machines``, ``onboarding`` and ``events`` if a row of theirs changed."""

    # Writing

    async def see_machines(self, sightings: Sequence[Sighting | Unchanged], sync_id: str, judge: Judge | None = None) -> frozenset[str]:
        """Write what a listing shows, of any subscriptions: only rows that differ are touched, and only those are judged.

        ``sync_id`` ties the pages of one listing together for :meth:`finish_listing`. A machine whose extensions are not told
        (``extensions_known`` false) keeps those that are known.

        Returns the ids (in lower case) of the subscriptions whose machines changed.
        """

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[frozenset[str], frozenset[str]]:
            if not list(await writer.execute_fetchall("SELECT 1 FROM machines LIMIT 1")):
                self._landed = set()
            ids = await asyncio.to_thread(self._perhaps_known, sightings)
            known = list(await writer.execute_fetchall(_KNOWN, (ids,))) if ids else []
            last = await number(writer, "SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'machines'")
            found = await asyncio.to_thread(self._compare, sightings, known, last, change, sync_id, judge)
            await insert(writer, "machines", _COLUMNS, found.inserts)
            await writer.executemany(_UPDATE, found.updates)
            await writer.executemany("UPDATE machines SET digest = ?2 WHERE key = ?1", found.digests)
            await insert(writer, "events", "machine, at, before, verdict", found.events)
            owners = await places_changed(writer, self._dictionaries, found.places, judged=judge is not None)
            told = {"machines"} if found.inserts or found.updates else set()
            if found.events:
                told |= {"events"}
            if found.judged:
                told |= {"onboarding"}
            return owners, frozenset(told)

        return await self.edit(work)

    def _perhaps_known(self, sightings: Sequence[Sighting | Unchanged]) -> str:
        """The ids, as JSON, of the sightings that there may be rows of; empty if none. In a first listing only machines shown twice are."""
        ids = [one.id for one in sightings if isinstance(one, Sighting)]
        if self._landed is not None:
            low = [one.lower() for one in ids]
            ids = [one for one, key in zip(ids, low, strict=True) if key in self._landed]
            self._landed.update(low)
        return to_json(ids) if ids else ""

    def _compare(
        self,
        sightings: Sequence[Sighting | Unchanged],
        known_rows: Iterable[Any],
        last: int,
        change: int,
        sync_id: str,
        judge: Judge | None,
    ) -> _Comparison:
        """What differs between ``sightings`` and the rows that are known of them."""
        dictionaries = self._dictionaries
        systems, conditions = dictionaries.systems.keys, dictionaries.conditions.keys
        sets, tag_sets = dictionaries.extension_sets.keys, dictionaries.tag_sets.keys
        known: dict[str, tuple[Any, ...]] = {row[0].lower(): tuple(row[1:]) for row in known_rows}
        owners: dict[str, set[int]] = {}
        places: dict[Place, tuple[int, set[int]]] = {}
        verdicts = Verdicts(dictionaries)
        now = microseconds(self._clock.now())
        found = _Comparison()

        def seen_in(owner: str) -> set[int]:
            if owner not in owners:
                owners[owner] = self._seen_of("machines", owner, sync_id)
            return owners[owner]

        for one in sightings:
            if isinstance(one, Unchanged):
                seen_in(dictionaries.places.value(one.place)[0]).add(one.key)
                continue
            there = places.get(one.place)
            if there is None:
                there = places[one.place] = (dictionaries.places.key(one.place), seen_in(one.place.subscription_id))
            place, keys = there
            told = one.extensions
            extensions = None if told is None else sets.get((told,)) or dictionaries.extension_sets.key((told,))
            low = one.id.lower()
            old = known.get(low)
            if old is not None and extensions is None:
                extensions = old[5]
            facts = (
                one.name,
                place,
                systems.get(one.system) or dictionaries.systems.key(one.system),
                conditions.get(one.condition) or dictionaries.conditions.key(one.condition),
                extensions,
                tag_sets.get((one.tags,)) or dictionaries.tag_sets.key((one.tags,)),
                one.status_at,
                one.created_at,
            )
            if old is not None:
                key, verdict, since, due = old[0], old[9], old[10], old[11]
                keys.add(key)
                if old[1:9] == facts and (verdict is not None or judge is None):
                    if one.digest is not None and one.digest != old[12]:
                        found.digests.append((key, one.digest))
                    continue
                found.places.add(old[2])
            else:
                last += 1
                key, verdict, since, due = last, None, None, None
                keys.add(key)
            state, digest = verdicts.state(verdict), one.digest
            if judge is not None:
                if one.extensions is None and extensions is not None:
                    one = one._replace(extensions=dictionaries.extension_sets.value(extensions)[0])
                judged = judge(one, verdicts.onboarding(verdict, since, due))
                if judged is not None:
                    new = verdicts.of(judged)
                    if (new.key, new.since, new.due) != (verdict, since, due):
                        found.judged = True
                    if new.state != state:
                        found.events.append((key, now, state, new.key))
                    verdict, since, due, state = new.key, new.since, new.due, new.state
            row = (key, one.id, *facts, verdict, RANKS.get(state, UNKNOWN_RANK), since, due, digest, now, change)
            (found.inserts if old is None else found.updates).append(row)
            known[low] = (key, *facts, verdict, since, due, digest)
            found.places.add(place)
        return found

    async def digests(self, subscription_ids: Ids) -> dict[int, Unchanged]:
        """The machines by the digest of the row in which a listing told them, those whose state has been worked out."""
        where, values = within_places("place", subscription_ids)
        sql = f"SELECT digest, id, key, place FROM machines{where} AND digest IS NOT NULL AND verdict IS NOT NULL"
        found = await self._database.fetch(sql, values)
        return await asyncio.to_thread(lambda: {row[0]: Unchanged._make(row[1:]) for row in found})

    async def finish_listing(self, subscription_ids: Ids, sync_id: str) -> frozenset[str]:
        """The listing ``sync_id`` of all these subscriptions is complete: machines that it did not show are gone, with states and events.

        Returns the ids (in lower case) of the subscriptions that lost any.
        """
        seen: set[int] = set()
        for one in subscription_ids:
            seen |= self._finished("machines", one, sync_id)
        where, values = within_places("place", subscription_ids)
        self._landed = None

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[frozenset[str], frozenset[str]]:
            known = await writer.execute_fetchall(f"SELECT key, place FROM machines{where}", values)
            return await self._remove_machines(writer, [(row[0], row[1]) for row in known if row[0] not in seen], change)

        return await self.edit(work)

    async def forget_machines(self, machine_ids: Ids) -> frozenset[str]:
        """These machines are gone, with their states and events. Returns the ids (in lower case) of the subscriptions that lost any."""
        cleaned = [clean(one) for one in machine_ids]
        ids, wide = to_json(cleaned), {one.lower() for one in cleaned if not one.isascii()}

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[frozenset[str], frozenset[str]]:
            sql = "SELECT key, place FROM machines WHERE id IN (SELECT value FROM json_each(?))"
            known = {(row[0], row[1]) for row in await writer.execute_fetchall(sql, (ids,))}
            if wide:  # SQLite knows no capitals but those of ASCII
                rest = await writer.execute_fetchall("SELECT key, place, id FROM machines WHERE id GLOB '*[^ -~]*'")
                known |= {(row[0], row[1]) for row in rest if row[2].lower() in wide}
            return await self._remove_machines(writer, sorted(known), change)

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
        await writer.executemany("DELETE FROM machine_reports WHERE machine = ?", keys)
        await writer.executemany("DELETE FROM machines WHERE key = ?", keys)
        await bury(writer, "machines", (key for key, _ in gone), change)
        lost = await places_changed(writer, self._dictionaries, {place for _, place in gone})
        return lost, frozenset(told)

    # Reading

    async def machine_rows(self, subscription_ids: Ids | None = None) -> list[MachineRow]:
        """The lines of the machines' table, by name. A machine whose state nobody has worked out yet is ``unknown``."""
        where, values = within_places("m.place", subscription_ids)
        return await self._database.records(machine_line, f"{MACHINE_LINES}{where}{_BY_NAME}", values)

    async def machine_window(self, keys: Sequence[int]) -> dict[int, MachineRow]:
        """The lines of some machines by key; one that is gone is left out."""
        sql = f"{MACHINE_LINES} WHERE m.key IN (SELECT value FROM json_each(?))"
        found = await self._database.fetch(sql, (to_json(list(keys)),))
        return {int(row[18]): machine_line(row) for row in found}

    async def first_machines(self, limit: int, subscription_ids: Ids | None = None) -> list[int]:
        """The keys of the first machines, worst state first, then by name."""
        where, values = within_places("place", subscription_ids)
        return [int(row[0]) for row in await self._database.fetch(FIRST_MACHINES.format(where=where), (*values, limit))]

    async def machines(self, subscription_ids: Ids | None = None) -> list[Machine]:
        """The machines as Azure describes them, by name."""
        where, values = within_places("m.place", subscription_ids)
        return await self._database.records(_machine, f"{_MACHINES}{where}{_BY_NAME}", values)

    async def some_machines(self, machine_ids: Ids) -> list[Machine]:
        """Those of the machines with these ids that are known, by name."""
        sql = f"{_MACHINES} WHERE m.id IN (SELECT value FROM json_each(?)){_BY_NAME}"
        return await self._database.records(_machine, sql, (to_json([clean(one) for one in machine_ids]),))

    async def machines_named(self, name: str) -> list[Machine]:
        """The machines of this name, in whatever case."""
        return await self._database.records(_machine, f"{_MACHINES} WHERE m.name = ? COLLATE NOCASE ORDER BY m.id", (clean(name),))

    async def machines_to_prove(self, subscription_ids: Ids | None = None) -> list[MachineRow]:
        """One onboarded machine that runs of each system, a healthy one where there is: those to run a detection test on."""
        where, values = within_places("m.place", subscription_ids)
        aboard = """v.state IN ('healthy', 'onboarded') AND c.power COLLATE NOCASE IN ('running', 'connected')
            AND COALESCE(s.state, '') COLLATE NOCASE NOT IN ('disabled', 'deleted', 'expired')"""
        found = []
        for system in ("Linux", "Windows"):
            sql = f"""{MACHINE_LINES}{where}{" AND" if where else " WHERE"} {aboard} AND y.os_type = ? COLLATE NOCASE
                ORDER BY v.state <> 'healthy', m.name COLLATE NOCASE, m.id LIMIT 1"""
            found += await self._database.records(machine_line, sql, (*values, system))
        return found

    async def machines_with(self, told: Callable[[tuple[Extension, ...]], bool], subscription_ids: Ids) -> list[Machine]:
        """The machines whose extensions are such as ``told`` says."""
        sets = await self._database.fetch("SELECT key, extensions FROM extension_sets")
        keys = await asyncio.to_thread(lambda: [row[0] for row in sets if told(rows.extensions(row[1]))])
        if not keys:
            return []
        where, values = within_places("m.place", subscription_ids)
        sql = f"{_MACHINES}{where} AND m.extensions IN (SELECT value FROM json_each(?)){_BY_NAME}"
        return await self._database.records(_machine, sql, (*values, to_json(keys)))

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

    async def machine_count(self, subscription_ids: Ids | None = None) -> int:
        """How many machines there are."""
        where, values = within_places("place", subscription_ids)
        return int((await self._database.fetch(MACHINE_COUNT.format(where=where), values))[0][0])

    async def state_counts(self, subscription_ids: Ids | None = None) -> dict[str, int]:
        """How many machines are in each state; states without machines are left out."""
        where, values = within_places("n.place", subscription_ids)
        sql = f"""SELECT COALESCE(v.state, 'unknown'), SUM(n.total) FROM
            (SELECT n.verdict AS verdict, SUM(n.machines) AS total FROM counts n{where} GROUP BY n.verdict) n
            LEFT JOIN verdicts v ON v.key = n.verdict GROUP BY 1"""
        return {clean(state): int(count) for state, count in await self._database.fetch(sql, values)}

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


def machine_line(row: rows.Row) -> MachineRow:
    """A line of the machines' table."""
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

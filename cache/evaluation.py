"""What is worked out from the fleet, in ``fleet.db``: which subscriptions need it anew, the states of their machines, and their checks.

The tables ``subscriptions``, ``problems`` and ``assessments`` mark a subscription as outdated by themselves (see :mod:`cache.schema`),
the store of machines where machines change. A mark is taken away by who has worked out what it stood for, unless it has grown meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import aiosqlite

from cache import rows
from cache.database import Values, insert
from cache.editing import FleetEditing, Ids, within_places
from cache.model import Check, Machine, MachineState, Onboarding, Tick
from cache.sighting import Condition, Judge, Place, Sighting, System, machine_of
from cache.text import clean
from cache.values import microseconds, moment_of, moment_or, one_of, stamp_or_none, to_json
from cache.verdicts import RANKS, UNKNOWN_RANK, Verdicts, places_changed

_FACTS = """SELECT key, id, name, place, system, condition, extensions, tags, status_at, created_at, verdict, since, due
    FROM machines WHERE key IN ({keys})"""
_ALIKE = "SELECT place, system, condition, extensions, verdict, id, status_at, key FROM machines"
_JUDGE = "UPDATE machines SET verdict = ?2, rank = ?3, since = ?4, due = ?5, change = ?6 WHERE key = ?1"
_CHECKS = """SELECT subscription_id, id, position, answer, machines, ticked_by, ticked_at FROM checks
    WHERE subscription_id IN (SELECT value FROM json_each(?))"""
_CHECK_COLUMNS = "subscription_id, id, position, answer, machines, ticked_by, ticked_at, fetched_at"


@dataclass(frozen=True, slots=True)
class Outdated:
    """What must be worked out anew for a subscription: its checks, and with ``states`` the states of all its machines.

    ``mark`` is another one after each change.
    """

    states: bool
    mark: int


class Alike(NamedTuple):
    """Machines of one subscription that run the same system, are in the same condition, have the same extensions and are in one state.

    ``machine`` tells what they have in common; it is the same object in every subscription. ``silent_since`` is the earliest
    time at which one of them last changed its status, as far as told.
    """

    machine: Machine
    state: MachineState | None
    ids: tuple[str, ...]
    silent_since: datetime | None


class EvaluationStore(FleetEditing):
    """Reading and writing what is worked out."""

    async def alike(self, subscription_ids: Ids) -> tuple[dict[str, list[Alike]], dict[str, int]]:
        """The machines of subscriptions, put together where they are alike, by subscription id in lower case; and their keys by id."""
        where, values = within_places("place", subscription_ids)
        found = await self._database.fetch(f"{_ALIKE}{where}", values)
        here, values = within_places("key", subscription_ids)
        owners = {row[0]: row[1] for row in await self._database.fetch(f"SELECT key, subscription_id FROM places{here}", values)}
        states = {row[0]: row[1] for row in await self._database.fetch("SELECT key, state FROM verdicts")}
        systems = {row[0]: row[1:] for row in await self._database.fetch(f"SELECT key, {', '.join(System._fields)} FROM systems")}
        sql = f"SELECT key, {', '.join(Condition._fields)} FROM conditions"
        conditions = {row[0]: row[1:] for row in await self._database.fetch(sql)}
        extensions: dict[int | None, str | None] = {None: None}
        extensions |= {row[0]: row[1] for row in await self._database.fetch("SELECT key, extensions FROM extension_sets")}
        machines: dict[tuple[int, int, int | None], Machine] = {}

        def machine(system: int, condition: int, extension: int | None) -> Machine:
            made = machines.get((system, condition, extension))
            if made is None:
                nowhere = Place("", "", "")
                said, seen = System._make(map(clean, systems[system])), Condition._make(map(clean, conditions[condition]))
                made = machine_of(Sighting("", "", nowhere, said, seen, extensions[extension], "{}", None, None))
                machines[system, condition, extension] = made
            return made

        def together() -> tuple[dict[str, list[Alike]], dict[str, int]]:
            groups: dict[tuple[Any, ...], list[str]] = {}
            silent: dict[tuple[Any, ...], int] = {}
            for place, system, condition, extension, verdict, whole, status_at, _ in found:
                key = (owners.get(place, ""), system, condition, extension, states.get(verdict))
                ids = groups.get(key)
                if ids is None:
                    groups[key] = [whole]
                else:
                    ids.append(whole)
                if status_at is not None:
                    silent[key] = min(status_at, silent.get(key, status_at))
            owned: dict[str, list[Alike]] = defaultdict(list)
            for key, ids in groups.items():
                owner, system, condition, extension, state = key
                known = None if state is None else one_of(MachineState, state, MachineState.UNKNOWN)
                made = machine(system, condition, extension)
                owned[clean(owner).lower()].append(Alike(made, known, tuple(ids), moment_of(silent.get(key))))
            return owned, {row[5]: row[7] for row in found}

        return await asyncio.to_thread(together)

    async def outdated(self, subscription_ids: Ids | None = None) -> dict[str, Outdated]:
        """The subscriptions that must be worked out anew, by id in lower case."""
        sql = "SELECT s.id, o.states, o.mark FROM outdated o JOIN subscriptions s ON s.id = o.subscription_id"
        if subscription_ids is None:
            found = await self._database.fetch(sql)
        else:
            ids = to_json(sorted(clean(one) for one in subscription_ids))
            found = await self._database.fetch(f"{sql} WHERE o.subscription_id IN (SELECT value FROM json_each(?))", (ids,))
        return {clean(row[0]).lower(): Outdated(bool(row[1]), int(row[2])) for row in found}

    async def outdate(self, rules: str) -> None:
        """Mark every subscription as outdated, states and all, unless what is known was worked out by these ``rules``."""

        async def work(writer: aiosqlite.Connection, _: int) -> tuple[None, frozenset[str]]:
            known = list(await writer.execute_fetchall("SELECT value FROM remembered WHERE key = 'rules'"))
            if [row[0] for row in known] != [rules]:
                await writer.execute(
                    "INSERT INTO outdated (subscription_id, states, mark) SELECT id, 1, 1 FROM subscriptions WHERE 1 "
                    "ON CONFLICT (subscription_id) DO UPDATE SET states = 1, mark = mark + 1"
                )
                await writer.execute("INSERT OR REPLACE INTO remembered (key, value) VALUES ('rules', ?)", (rules,))
            return None, frozenset()

        await self.edit(work)

    async def ticked(self) -> list[Tick]:
        """The manual steps that count as done in the checks."""
        found = await self._database.fetch("SELECT subscription_id, id, ticked_by, ticked_at FROM checks WHERE ticked_by <> ''")
        return [Tick(clean(row[0]), clean(row[1]), clean(row[2]), moment_or(row[3])) for row in found]

    async def judge_machines(
        self,
        judge: Judge,
        outdated: Mapping[str, Outdated],
        *,
        within: Ids | None = None,
        due: datetime | None = None,
        states: Collection[MachineState] = (),
    ) -> None:
        """Judge machines anew, in one transaction, and write what differs; a changed state adds an event at this time.

        These are all machines of the ``outdated`` subscriptions, whose need of it is over with that; and of the subscriptions ``within``
        (``None``: of all) those that nobody has judged yet, those about which something was expected by ``due``, and those in
        one of ``states``.
        """

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
            sql, values = _which([*outdated], within, due, states)
            known = list(await writer.execute_fetchall(_FACTS.format(keys=sql), values))
            updates, events, places = await asyncio.to_thread(self._judge, judge, known, change)
            over = [(key, one.mark) for key, one in outdated.items()]
            await writer.executemany("UPDATE outdated SET states = 0 WHERE subscription_id = ? AND mark = ?", over)
            await writer.executemany(_JUDGE, updates)
            await insert(writer, "events", "machine, at, before, verdict", events)
            await places_changed(writer, self._dictionaries, places)
            return None, frozenset(({"onboarding"} if updates else set()) | ({"events"} if events else set()))

        await self.edit(work)

    def _judge(self, judge: Judge, known: Sequence[Any], change: int) -> tuple[list[Values], list[Values], set[int]]:
        """Rows to update, events to add, and the places whose counts change."""
        dictionaries = self._dictionaries
        place_of, system_of, condition_of = dictionaries.places.value, dictionaries.systems.value, dictionaries.conditions.value
        extensions_of, tags_of = dictionaries.extension_sets.value, dictionaries.tag_sets.value
        verdicts = Verdicts(dictionaries)
        now = microseconds(self._clock.now())
        updates: list[Values] = []
        events: list[Values] = []
        places: set[int] = set()
        for key, whole, name, place, system, condition, extensions, tags, status_at, created_at, verdict, since, due in known:
            sighting = Sighting(
                whole,
                name,
                Place._make(place_of(place)),
                System._make(system_of(system)),
                Condition._make(condition_of(condition)),
                None if extensions is None else extensions_of(extensions)[0],
                tags_of(tags)[0],
                status_at,
                created_at,
            )
            judged = judge(sighting, verdicts.onboarding(verdict, since, due))
            if judged is None:
                continue
            new = verdicts.of(judged)
            if (new.key, new.since, new.due) == (verdict, since, due):
                continue
            updates.append((key, new.key, RANKS.get(new.state, UNKNOWN_RANK), new.since, new.due, change))
            if new.key != verdict:
                places.add(place)
            before = verdicts.state(verdict)
            if new.state != before:
                events.append((key, now, before, new.key))
        return updates, events, places

    async def put_onboardings(self, onboardings: Sequence[Onboarding]) -> None:
        """Write the states of machines that are known; what is told of others is left out. A changed state adds an event at this time."""
        told = {clean(one.machine_id).lower(): one for one in onboardings}
        if not told:
            return
        ids = to_json([clean(one.machine_id) for one in onboardings])  # as Azure spells them: SQLite knows no capitals but those of ASCII

        def as_told(sighting: Sighting, _: Onboarding | None) -> Onboarding | None:
            return told.get(sighting.id.lower())

        async def work(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
            sql = _FACTS.format(keys="SELECT key FROM machines WHERE id IN (SELECT value FROM json_each(?))")
            known = list(await writer.execute_fetchall(sql, (ids,)))
            updates, events, places = await asyncio.to_thread(self._judge, as_told, known, change)
            await writer.executemany(_JUDGE, updates)
            await insert(writer, "events", "machine, at, before, verdict", events)
            await places_changed(writer, self._dictionaries, places)
            return None, frozenset(({"onboarding"} if updates else set()) | ({"events"} if events else set()))

        await self.edit(work)

    async def put_checklists(
        self, checklists: Mapping[str, Sequence[Check]], outdated: Mapping[str, Outdated], machines: Mapping[str, int] | None = None
    ) -> None:
        """Write the checklists of subscriptions, each in its order, replacing those before; those that were ``outdated`` are so no more.

        ``machines``: the keys of the machines in these subscriptions by their ids, as :meth:`alike` tells them; by default they are read.
        A mere change of ``as_of`` tells nobody.
        """

        async def work(writer: aiosqlite.Connection, _: int) -> tuple[None, frozenset[str]]:
            ids = to_json([clean(key) for key in checklists])
            known = await writer.execute_fetchall(_CHECKS, (ids,))
            keys = machines
            if keys is None:
                where, values = within_places("place", checklists)
                keys = {row[0]: row[1] for row in await writer.execute_fetchall(f"SELECT id, key FROM machines{where}", values)}
            put, gone = await asyncio.to_thread(self._check_rows, checklists, known, keys)
            await writer.executemany("DELETE FROM checks WHERE subscription_id = ? AND id = ?", gone)
            await insert(writer, "checks", _CHECK_COLUMNS, put)
            over = [(key, outdated[key.lower()].mark) for key in checklists if key.lower() in outdated]
            await writer.executemany("DELETE FROM outdated WHERE subscription_id = ? AND mark = ? AND states = 0", over)
            return None, frozenset({"checks"} if put or gone else ())

        await self.edit(work)

    def _check_rows(
        self, checklists: Mapping[str, Sequence[Check]], known: Iterable[Any], machines: Mapping[str, int]
    ) -> tuple[list[Values], list[tuple[str, str]]]:
        """The rows of checks to write, and which to take away before: those that are no more and those that differ."""
        answers: dict[tuple[str, ...], int] = {}
        stamps: dict[datetime | None, str | None] = {}
        before = {(row[0].lower(), row[1]): row for row in known}
        put: list[Values] = []
        gone = []
        for subscription_id, checks in checklists.items():
            owner = clean(subscription_id)
            for position, one in enumerate(checks):
                said = (one.title, one.status, one.evidence, one.remedy, one.who, one.command, one.link, one.reference)
                answer = answers.get(said)
                if answer is None:
                    answer = answers[said] = self._dictionaries.answers.key(rows.answer_row(one))
                named = to_json([machines.get(whole) or clean(whole) for whole in one.machine_ids]) if one.machine_ids else "[]"
                ticked_by = clean(one.ticked_by) if one.ticked_by else ""
                row = (owner, one.id, position, answer, named, ticked_by, stamp_or_none(one.ticked_at))
                old = before.pop((owner.lower(), row[1]), None)
                if old is not None and old[2:] == row[2:]:
                    continue
                if old is not None:
                    gone.append((old[0], old[1]))
                if one.as_of not in stamps:
                    stamps[one.as_of] = stamp_or_none(one.as_of)
                put.append((*row, stamps[one.as_of]))
        return put, [*gone, *((row[0], row[1]) for row in before.values())]


def _which(outdated: Ids, within: Ids | None, due: datetime | None, states: Collection[MachineState]) -> tuple[str, list[object]]:
    """The statement that selects the keys of the machines to judge, and its values."""
    parts: dict[str, list[object]] = defaultdict(list)
    only, only_values = within_places("place", within)
    also = only.replace(" WHERE ", " AND ", 1)

    def add(sql: str, *values: object) -> None:
        parts[sql] += values

    add(f"SELECT key FROM machines WHERE verdict IS NULL AND place IN (SELECT place FROM counts WHERE verdict = 0){also}", *only_values)
    if outdated:
        where, values = within_places("place", outdated)
        add(f"SELECT key FROM machines{where}", *values)
    if due is not None:
        add(f"SELECT key FROM machines WHERE due <= ?{also}", microseconds(due), *only_values)
    if states:
        these = to_json([str(one) for one in states])
        verdicts = "SELECT key FROM verdicts WHERE state IN (SELECT value FROM json_each(?))"
        add(f"SELECT key FROM machines WHERE verdict IN ({verdicts}){also}", these, *only_values)
    return " UNION ".join(parts), [value for values in parts.values() for value in values]

"""Columns of machines and of alerts, kept up with ``fleet.db`` by asking only for what has changed.

Importing this brings in NumPy: do it in a thread, after the first rows are on the screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cache import rows
from cache.columns import MISSING, Columns, Dimension, KeyOrder, Keys, Mask, Order
from cache.fields import ENDPOINT
from cache.filter import Filter
from cache.fleet import FleetCache
from cache.model import ALERT_STATUSES, ON_THE_WAY, SEVERITIES, Diagnosis, MachineGroup, MachineState
from cache.text import clean, resource_name
from cache.values import microseconds, moment_of, one_of
from cache.verdicts import RANKS

_CHUNK = 2_000
"""Rows that are read at a time: what they are made of lies in memory while they are taken over."""

_FOLDED_STATES = {state.casefold(): rank for state, rank in RANKS.items()}
_FOLDED_STATUSES = {status.casefold(): rank for rank, status in enumerate(ALERT_STATUSES)}
_FOLDED_SEVERITIES = {severity.casefold(): rank for rank, severity in enumerate(SEVERITIES)}


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows to show, and how: those that pass every filter, in ``order``. What is among ``always`` need not pass the first of them.

    ``within``: the ids of the chosen subscriptions, ``None`` for all. ``only``: the keys of the rows that there are to be at all.
    """

    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    within: frozenset[str] | None = None
    always: frozenset[int] = frozenset()
    only: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows in their order, and how many there are ``within`` before any filter.

    Of machines: the ``groups`` in which those that are shown are, how many of these are ``expected`` to change by themselves, and when the
    next and the last of them. Of alerts: how many are shown in each of ``statuses``.
    """

    order: KeyOrder
    total: int
    groups: tuple[MachineGroup, ...] = ()
    expected: int = 0
    next_due: datetime | None = None
    last_due: datetime | None = None
    statuses: Mapping[str, int] = field(default_factory=dict)


class FleetIndex:
    """What both indices do: refresh from the numbered changes, answer questions. One call at a time is under way, in a thread."""

    TABLE = ""
    COLUMNS = ""

    def __init__(self, fleet: FleetCache, columns: Columns) -> None:
        self._fleet = fleet
        self.columns = columns
        self._change = -1
        self._known: dict[str, int] = {}
        self._subscriptions: dict[str, str] = {}
        self._cleaned: dict[object, str] = {}
        self._turn = asyncio.Lock()

    async def refresh(self) -> bool:
        """Take over what has changed in the cache since the last time; whether anything has."""
        async with self._turn:
            fetch = self._fleet.database.fetch
            change, floor, last = (await fetch(f"SELECT change, floor, (SELECT MAX(key) FROM {self.TABLE}) FROM feed"))[0]
            names = {clean(row[0]).lower(): clean(row[1]) for row in await fetch("SELECT id, name FROM subscriptions")}
            renamed = names != self._subscriptions
            self._subscriptions = names
            if change == self._change and not renamed:
                return False
            if self._change >= 0 and (change < self._change or floor > self._change):
                self._reset()
            if renamed:
                await self._values(renamed=True)
            if self._change >= 0:
                sql = "SELECT key FROM gone WHERE kind = ? AND change > ?"
                self.columns.remove([row[0] for row in await fetch(sql, (self.TABLE, self._change))])
            else:
                self.columns.grow((last or 0) + 1)
            sql = (
                f"SELECT key, {self.COLUMNS}, change FROM {self.TABLE} INDEXED BY {self.TABLE}_by_change "
                f"WHERE (change, key) > (?, ?) ORDER BY change, key LIMIT {_CHUNK}"
            )
            seen = (self._change + 1, 0)
            while True:
                found = await fetch(sql, seen)
                if found:
                    await self._values(renamed=False)  # after the rows, so that no row names a value that is not there
                    await asyncio.to_thread(self._put, found)
                    seen = (found[-1][-1], found[-1][0])
                if len(found) < _CHUNK:
                    break
            self._change = change
            return True

    async def answer(self, question: Question, now: datetime) -> Answer:
        """The rows that a question asks for."""
        async with self._turn:
            return await asyncio.to_thread(self._answer, question, microseconds(now))

    async def value_counts(self, text_field: str, within: frozenset[str] | None = None) -> list[tuple[str, int]]:
        """The values of a field with how many rows have each, most first."""
        async with self._turn:
            return await asyncio.to_thread(lambda: self.columns.value_counts(text_field, self._within(within)))

    async def alive(self, keys: frozenset[int]) -> frozenset[int]:
        """Those of ``keys`` whose rows are still there."""
        async with self._turn:
            return await asyncio.to_thread(self.columns.present, keys)

    def _answer(self, question: Question, now: int) -> Answer:
        self.columns.make_ready()
        within = self.columns.narrowed(self._within(question.within), question.only)
        keys = self.columns.arrange(question.filters, question.order, now, within=within, always=question.always)
        total = len(self.columns) if within is None else int((self.columns.alive & within).sum())
        return self._told(keys, total, now)

    def _told(self, keys: Keys, total: int, now: int) -> Answer:
        raise NotImplementedError

    def _within(self, subscription_ids: frozenset[str] | None) -> Mask | None:
        if subscription_ids is None:
            return None
        wanted = {one.lower() for one in subscription_ids}
        return self.columns.dimensions["place"].mask_of("subscription id", wanted.__contains__)

    def _reset(self) -> None:
        self.columns.remove(range(len(self.columns.alive)))
        self._change = -1

    async def _values(self, renamed: bool) -> None:
        raise NotImplementedError

    def _put(self, found: Sequence[Sequence[Any]]) -> None:
        raise NotImplementedError

    async def _dictionary(
        self, table: str, columns: str, dimension: str, value: Callable[[Sequence[Any]], Sequence[str]], again: bool = False
    ) -> None:
        known = 0 if again else self._known.get(table, 0)
        target = self.columns.dimensions[dimension]
        if not known:
            target.grow(((await self._fleet.database.fetch(f"SELECT MAX(key) FROM {table}"))[0][0] or 0) + 1)
        while True:
            sql = f"SELECT key, {columns} FROM {table} WHERE key > ? ORDER BY key LIMIT {_CHUNK}"
            found = await self._fleet.database.fetch(sql, (known,))
            if found:
                await asyncio.to_thread(_put_values, target, found, value)
                self.columns.values_changed()
                known = self._known[table] = found[-1][0]
            if len(found) < _CHUNK:
                return

    def _clean(self, text: object) -> str:
        """A text as it may be shown; places repeat theirs, so each is cleaned once."""
        found = self._cleaned.get(text)
        if found is None:
            found = self._cleaned[text] = clean(text)
        return found

    async def _places(self, renamed: bool) -> None:
        def place(row: Sequence[Any]) -> Sequence[str]:
            subscription_id = self._clean(row[1])
            low = subscription_id.lower()
            return self._subscriptions.get(low) or subscription_id, self._clean(row[2]), self._clean(row[3]), low

        await self._dictionary("places", "subscription_id, resource_group, location", "place", place, again=renamed)
        self._cleaned.clear()


def _put_values(target: Dimension, found: Sequence[Sequence[Any]], value: Callable[[Sequence[Any]], Sequence[str]]) -> None:
    columns = zip(*map(value, found), strict=True)
    target.put([row[0] for row in found], dict(zip(target.fields, columns, strict=True)))


PLACE = ("subscription", "group", "location", "subscription id")
"""The fields of a place. The last is found by free text and narrows to chosen subscriptions; it is no field of the filter."""


class MachineIndex(FleetIndex):
    """The machines."""

    TABLE = "machines"
    COLUMNS = (
        "name, place, system, condition, COALESCE(extensions, 0), COALESCE(verdict, 0), "
        f"COALESCE(since, {MISSING}), COALESCE(due, {MISSING})"
    )

    def __init__(self, fleet: FleetCache) -> None:
        dimensions = {
            "place": Dimension(PLACE),
            "system": Dimension(("kind", "os", "system", "version")),
            "condition": Dimension(("power",)),
            "extensions": Dimension(("extension", "extension name")),
            "verdict": Dimension(("state", "reason", "diagnosis")),
        }
        state_rank = RANKS[str(MachineState.UNKNOWN)]
        ranks = {"state": lambda state: _FOLDED_STATES.get(state, state_rank)}
        super().__init__(fleet, Columns(dimensions, "name", ("since", "due"), ranks))
        dimensions["verdict"].put((0,), {"state": [str(MachineState.UNKNOWN)], "reason": [rows.NOT_EVALUATED], "diagnosis": [""]})
        self._expecting: set[int] = set()
        self._verdicts: dict[int, tuple[MachineState, str, Diagnosis | None]] = {0: (MachineState.UNKNOWN, rows.NOT_EVALUATED, None)}

    async def _values(self, renamed: bool) -> None:
        await self._places(renamed)

        def system(row: Sequence[Any]) -> Sequence[str]:
            return tuple(clean(text) for text in row[1:])

        def condition(row: Sequence[Any]) -> Sequence[str]:
            return (clean(row[1]),)

        def extensions(row: Sequence[Any]) -> Sequence[str]:
            found = rows.defender(row[1])
            return ("", "") if found is None else (f"{found.state} {found.version}".rstrip(), found.name)

        def verdict(row: Sequence[Any]) -> Sequence[str]:
            diagnosis = rows.diagnosis(row[3])
            state = clean(row[1])
            if state in ON_THE_WAY:
                self._expecting.add(row[0])
            self._verdicts[row[0]] = (one_of(MachineState, state, MachineState.UNKNOWN), clean(row[2]), diagnosis)
            return state, clean(row[2]), "" if diagnosis is None else diagnosis.code

        await self._dictionary("systems", "kind, os_type, os_name, os_version", "system", system)
        await self._dictionary("conditions", "power", "condition", condition)
        await self._dictionary("extension_sets", "extensions", "extensions", extensions)
        await self._dictionary("verdicts", "state, reason, diagnosis", "verdict", verdict)

    def _put(self, found: Sequence[Sequence[Any]]) -> None:
        keys, names, place, system, condition, extensions, verdict, since, due, _ = zip(*found, strict=True)
        codes = {"place": place, "system": system, "condition": condition, "extensions": extensions, "verdict": verdict}
        self.columns.put(keys, [str(name) for name in names], codes, {"since": _times(since), "due": _times(due)})

    def _told(self, keys: Keys, total: int, now: int) -> Answer:
        tally = self.columns.tally(keys, "verdict")
        due = self.columns.times(keys, "due", "verdict", self._expecting & tally.keys())
        coming = due[due > now]
        groups = tuple(MachineGroup(*self._verdicts[code], count) for code, count in tally.items())
        return Answer(
            KeyOrder(keys),
            total,
            groups,
            len(coming),
            moment_of(int(coming.min())) if len(coming) else None,
            moment_of(int(coming.max())) if len(coming) else None,
        )


class AlertIndex(FleetIndex):
    """The alerts."""

    TABLE = "alerts"
    COLUMNS = f"name, COALESCE(machine_id, ''), compromised_entity, place, kind, status, COALESCE(generated, {MISSING})"

    def __init__(self, fleet: FleetCache) -> None:
        dimensions = {
            "place": Dimension(PLACE),
            "kind": Dimension(("title", "severity", "product", "type", "word")),
            "status": Dimension(("status", "status word")),
        }
        ranks = {
            "severity": lambda severity: _FOLDED_SEVERITIES.get(severity, 1),
            "status": lambda status: _FOLDED_STATUSES.get(status, -1),
        }
        super().__init__(fleet, Columns(dimensions, "machine", ("age",), ranks, texts=("id",)))
        self._statuses: dict[str, int] = {}

    def _told(self, keys: Keys, total: int, now: int) -> Answer:
        status = self.columns.dimensions["status"]
        statuses = {status.text(code, "status"): count for code, count in self.columns.tally(keys, "status").items()}
        return Answer(KeyOrder(keys), total, statuses=statuses)

    async def _values(self, renamed: bool) -> None:
        await self._places(renamed)

        def kind(row: Sequence[Any]) -> Sequence[str]:
            title, severity, product, alert_type = (clean(text) for text in row[1:5])
            return title or alert_type, severity, ENDPOINT if row[5] else product, alert_type, "mde endpoint" if row[5] else ""

        await self._dictionary("alert_kinds", "title, severity, product, alert_type, from_endpoint", "kind", kind)

    def _put(self, found: Sequence[Sequence[Any]]) -> None:
        keys, own, machines, entities, place, kind, statuses, generated, _ = zip(*found, strict=True)
        numbers = []
        for status in statuses:
            text = clean(status)
            code = self._statuses.get(text)
            if code is None:
                code = self._statuses[text] = len(self._statuses) + 1
                self.columns.dimensions["status"].put((code,), {"status": [text], "status word": [STATUS_WORDS.get(text, "")]})
            numbers.append(code)
        names = [resource_name(str(machine)) if machine else str(entity) for machine, entity in zip(machines, entities, strict=True)]
        codes: dict[str, Sequence[int]] = {"place": place, "kind": kind, "status": numbers}
        self.columns.put(keys, names, codes, {"age": _times(generated)}, {"id": [str(name) for name in own]})


STATUS_WORDS = {"InProgress": "in progress"}


def _times(values: Sequence[Any]) -> list[int]:
    return [value if isinstance(value, int) else MISSING for value in values]


__all__ = ["AlertIndex", "Answer", "FleetIndex", "MachineIndex", "Order", "Question"]

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
from cache.filter import Filter
from cache.fleet import FleetCache
from cache.machine_store import RANKS
from cache.model import ALERT_STATUSES, ON_THE_WAY, SEVERITIES, Diagnosis, MachineGroup, MachineState
from cache.text import clean, resource_name
from cache.values import microseconds, moment_of, one_of

_CHUNK = 10_000

_FOLDED_STATES = {state.casefold(): rank for state, rank in RANKS.items()}
_FOLDED_STATUSES = {status.casefold(): rank for rank, status in enumerate(ALERT_STATUSES)}
_FOLDED_SEVERITIES = {severity.casefold(): rank for rank, severity in enumerate(SEVERITIES)}


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows to show, and how: those that pass every filter, or are among ``always``, in ``order``.

    ``within``: the ids of the chosen subscriptions, ``None`` for all.
    """

    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    within: frozenset[str] | None = None
    always: frozenset[int] = frozenset()


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
        self._place_subscriptions: list[str] = [""]
        self._turn = asyncio.Lock()

    async def refresh(self) -> bool:
        """Take over what has changed in the cache since the last time; whether anything has."""
        async with self._turn:
            fetch = self._fleet.database.fetch
            change, floor = (await fetch("SELECT change, floor FROM feed"))[0]
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
            newer = f"INDEXED BY {self.TABLE}_by_change WHERE change > ?2 AND" if self._change >= 0 else "WHERE ?2 < 0 AND"
            last = 0
            while True:
                sql = f"SELECT key, {self.COLUMNS} FROM {self.TABLE} {newer} key > ?1 ORDER BY key LIMIT {_CHUNK}"
                found = await fetch(sql, (last, self._change))
                if found:
                    await self._values(renamed=False)  # after the rows, so that no row names a value that is not there
                    await asyncio.to_thread(self._put, found)
                    last = found[-1][0]
                if len(found) < _CHUNK:
                    break
            self._change = change
            return True

    async def answer(self, question: Question, now: datetime) -> Answer:
        """The rows that a question asks for."""
        async with self._turn:
            return await asyncio.to_thread(self._answer, question, microseconds(now))

    def value_counts(self, text_field: str, within: frozenset[str] | None = None) -> list[tuple[str, int]]:
        """The values of a field with how many rows have each, most first."""
        return self.columns.value_counts(text_field, self._within(within))

    def _answer(self, question: Question, now: int) -> Answer:
        within = self._within(question.within)
        keys = self.columns.arrange(question.filters, question.order, now, within=within, always=question.always)
        total = len(self.columns) if within is None else int((self.columns.alive & within).sum())
        return self._told(keys, total, now)

    def _told(self, keys: Keys, total: int, now: int) -> Answer:
        raise NotImplementedError

    def _within(self, subscription_ids: frozenset[str] | None) -> Mask | None:
        if subscription_ids is None:
            return None
        wanted = {one.lower() for one in subscription_ids}
        places = self._place_subscriptions
        return self.columns.mask_of_values("place", lambda code: code < len(places) and places[code] in wanted)

    def _reset(self) -> None:
        self.columns.remove(range(len(self.columns.alive)))
        self._change = -1

    async def _values(self, renamed: bool) -> None:
        raise NotImplementedError

    def _put(self, found: Sequence[Sequence[Any]]) -> None:
        raise NotImplementedError

    async def _dictionary(
        self, table: str, columns: str, dimension: str, value: Callable[[Sequence[Any]], tuple[Mapping[str, str], str]], again: bool = False
    ) -> None:
        known = 0 if again else self._known.get(table, 0)
        found = await self._fleet.database.fetch(f"SELECT key, {columns} FROM {table} WHERE key > ? ORDER BY key", (known,))
        if found:
            target = self.columns.dimensions[dimension]

            def put() -> None:
                for row in found:
                    target.put(row[0], *value(row))
                self.columns.values_changed()

            await asyncio.to_thread(put)
            self._known[table] = found[-1][0]

    async def _places(self, renamed: bool) -> None:
        def place(row: Sequence[Any]) -> tuple[Mapping[str, str], str]:
            subscription_id = clean(row[1])
            low = subscription_id.lower()
            while len(self._place_subscriptions) <= row[0]:
                self._place_subscriptions.append("")
            self._place_subscriptions[row[0]] = low
            name = self._subscriptions.get(low) or subscription_id
            return {"subscription": name, "group": clean(row[2]), "location": clean(row[3])}, subscription_id

        await self._dictionary("places", "subscription_id, resource_group, location", "place", place, again=renamed)


class MachineIndex(FleetIndex):
    """The machines."""

    TABLE = "machines"
    COLUMNS = (
        "name, place, system, condition, COALESCE(extensions, 0), COALESCE(verdict, 0), "
        f"COALESCE(since, {MISSING}), COALESCE(due, {MISSING})"
    )

    def __init__(self, fleet: FleetCache) -> None:
        dimensions = {
            "place": Dimension(("subscription", "group", "location")),
            "system": Dimension(("kind", "os", "system")),
            "condition": Dimension(("power",)),
            "extensions": Dimension(("extension",)),
            "verdict": Dimension(("state", "reason", "diagnosis")),
        }
        state_rank = RANKS[str(MachineState.UNKNOWN)]
        ranks = {"state": lambda state: _FOLDED_STATES.get(state, state_rank)}
        super().__init__(fleet, Columns(dimensions, "name", ("since", "due"), ranks))
        dimensions["verdict"].put(0, {"state": str(MachineState.UNKNOWN), "reason": rows.NOT_EVALUATED, "diagnosis": ""})
        self._expecting: set[int] = set()
        self._verdicts: dict[int, tuple[MachineState, str, Diagnosis | None]] = {0: (MachineState.UNKNOWN, rows.NOT_EVALUATED, None)}

    async def _values(self, renamed: bool) -> None:
        await self._places(renamed)

        def system(row: Sequence[Any]) -> tuple[Mapping[str, str], str]:
            return {"kind": clean(row[1]), "os": clean(row[2]), "system": clean(row[3])}, clean(row[4])

        def condition(row: Sequence[Any]) -> tuple[Mapping[str, str], str]:
            return {"power": clean(row[1])}, ""

        def extensions(row: Sequence[Any]) -> tuple[Mapping[str, str], str]:
            found = rows.defender(row[1])
            text = "" if found is None else f"{found.state} {found.version}".rstrip()
            return {"extension": text}, "" if found is None else found.name

        def verdict(row: Sequence[Any]) -> tuple[Mapping[str, str], str]:
            diagnosis = rows.diagnosis(row[3])
            state = clean(row[1])
            if state in ON_THE_WAY:
                self._expecting.add(row[0])
            self._verdicts[row[0]] = (one_of(MachineState, state, MachineState.UNKNOWN), clean(row[2]), diagnosis)
            return {"state": state, "reason": clean(row[2]), "diagnosis": "" if diagnosis is None else diagnosis.code}, ""

        await self._dictionary("systems", "kind, os_type, os_name, os_version", "system", system)
        await self._dictionary("conditions", "power", "condition", condition)
        await self._dictionary("extension_sets", "extensions", "extensions", extensions)
        await self._dictionary("verdicts", "state, reason, diagnosis", "verdict", verdict)

    def _put(self, found: Sequence[Sequence[Any]]) -> None:
        keys, names, place, system, condition, extensions, verdict, since, due = zip(*found, strict=True)
        codes = {"place": place, "system": system, "condition": condition, "extensions": extensions, "verdict": verdict}
        self.columns.put(keys, [str(name) for name in names], codes, {"since": _times(since), "due": _times(due)})

    def _told(self, keys: Keys, total: int, now: int) -> Answer:
        due = self.columns.times(keys, "due")
        waiting = self.columns.mask_of_values("verdict", self._expecting.__contains__)[keys]
        coming = due[waiting & (due > now)]
        groups = tuple(MachineGroup(*self._verdicts[code], count) for code, count in self.columns.tally(keys, "verdict").items())
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
    COLUMNS = f"COALESCE(machine_id, ''), compromised_entity, place, kind, status, COALESCE(generated, {MISSING})"

    def __init__(self, fleet: FleetCache) -> None:
        dimensions = {
            "place": Dimension(("subscription", "group", "location")),
            "kind": Dimension(("title", "severity", "product", "type")),
            "status": Dimension(("status",)),
        }
        ranks = {
            "severity": lambda severity: _FOLDED_SEVERITIES.get(severity, 1),
            "status": lambda status: _FOLDED_STATUSES.get(status, -1),
        }
        super().__init__(fleet, Columns(dimensions, "machine", ("age",), ranks))
        self._statuses: dict[str, int] = {}

    def _told(self, keys: Keys, total: int, now: int) -> Answer:
        status = self.columns.dimensions["status"]
        statuses = {status.text(code, "status"): count for code, count in self.columns.tally(keys, "status").items()}
        return Answer(KeyOrder(keys), total, statuses=statuses)

    async def _values(self, renamed: bool) -> None:
        await self._places(renamed)

        def kind(row: Sequence[Any]) -> tuple[Mapping[str, str], str]:
            product = "Defender for Endpoint" if row[5] else clean(row[3])
            value = {"title": clean(row[1]) or clean(row[4]), "severity": clean(row[2]), "product": product, "type": clean(row[4])}
            return value, "mde endpoint" if row[5] else ""

        await self._dictionary("alert_kinds", "title, severity, product, alert_type, from_endpoint", "kind", kind)

    def _put(self, found: Sequence[Sequence[Any]]) -> None:
        keys, machines, entities, place, kind, statuses, generated = zip(*found, strict=True)
        numbers = []
        for status in statuses:
            text = clean(status)
            code = self._statuses.get(text)
            if code is None:
                code = self._statuses[text] = len(self._statuses) + 1
                self.columns.dimensions["status"].put(code, {"status": text}, STATUS_WORDS.get(text, ""))
            numbers.append(code)
        names = [resource_name(str(machine)) if machine else str(entity) for machine, entity in zip(machines, entities, strict=True)]
        codes: dict[str, Sequence[int]] = {"place": place, "kind": kind, "status": numbers}
        self.columns.put(keys, names, codes, {"age": _times(generated)})


STATUS_WORDS = {"InProgress": "in progress"}


def _times(values: Sequence[Any]) -> list[int]:
    return [value if isinstance(value, int) else MISSING for value in values]


__all__ = ["AlertIndex", "Answer", "FleetIndex", "MachineIndex", "Order", "Question"]

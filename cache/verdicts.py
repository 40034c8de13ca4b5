"""States of machines between records and the numbers that rows hold of them, and how many machines are in each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import aiosqlite

from cache import rows
from cache.dictionaries import Dictionaries
from cache.model import STATES_WORST_FIRST, MachineState, Onboarding
from cache.values import to_json

RANKS: Mapping[str, int] = {str(state): place for place, state in enumerate(STATES_WORST_FIRST)}
"""The place of each state, the worst first."""

UNKNOWN_RANK = RANKS[str(MachineState.UNKNOWN)]


async def places_changed(
    writer: aiosqlite.Connection, dictionaries: Dictionaries, places: Collection[int], *, judged: bool = True
) -> frozenset[str]:
    """Machines in ``places`` came, went or differ: they are counted anew, and their subscriptions must be evaluated anew.

    ``judged``: their states have been worked out already. Returns the ids of these subscriptions, in lower case.
    """
    if not places:
        return frozenset()
    these = to_json(sorted(places))
    await writer.execute("DELETE FROM counts WHERE place IN (SELECT value FROM json_each(?))", (these,))
    await writer.execute(
        "INSERT INTO counts (place, verdict, machines) SELECT place, COALESCE(verdict, 0), COUNT(*) FROM machines "
        "WHERE place IN (SELECT value FROM json_each(?)) GROUP BY 1, 2",
        (these,),
    )
    ids = frozenset(str(dictionaries.places.value(one)[0]).lower() for one in places)
    await writer.execute(
        "INSERT INTO outdated (subscription_id, states, mark) SELECT value, ?2, 1 FROM json_each(?1) WHERE 1 "
        "ON CONFLICT (subscription_id) DO UPDATE SET states = MAX(states, excluded.states), mark = mark + 1",
        (to_json(sorted(ids)), not judged),
    )
    return ids


@dataclass(frozen=True, slots=True)
class Verdict:
    """The numbers of a state, and its name."""

    key: int
    since: int | None
    due: int | None
    state: str


class Verdicts:
    """States between records and numbers, for one transaction. The same record is turned into numbers once."""

    def __init__(self, dictionaries: Dictionaries) -> None:
        self._dictionary = dictionaries.verdicts
        self._made: dict[int, tuple[Onboarding, Verdict]] = {}
        self._records: dict[tuple[int, int | None, int | None], Onboarding] = {}

    def of(self, one: Onboarding) -> Verdict:
        """The numbers of a record."""
        made = self._made.get(id(one))
        if made is None:
            state, reason, since, due, explanation, evidence, diagnosis = rows.onboarding_row(one)
            key = self._dictionary.key((state, reason, explanation, evidence, diagnosis))
            made = self._made[id(one)] = (one, Verdict(key, since, due, state))
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

"""What ``fleet.db`` tells for a report, counted where the rows are: its cost follows the groups and the subscriptions, not the machines."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache

from cache import rows
from cache.editing import FleetEditing, Ids, within_places
from cache.model import ABOARD, STATES_WORST_FIRST, MachineState
from cache.proof import CauseGroup, HealthGroup
from cache.text import clean, clean_lines
from cache.values import microseconds, moment_of, one_of, to_json
from cache.verdicts import RANKS

_READ_BY = "Read by "
"""How the evidence begins of what a machine said of itself."""

_SAID = tuple(RANKS[state] for state in (MachineState.HEALTHY, MachineState.UNHEALTHY))
_CODE = "CASE WHEN json_valid(v.diagnosis) THEN COALESCE(json_extract(v.diagnosis, '$.code'), '') ELSE '' END"


class ProofStore(FleetEditing):
    """Reading what a report needs. ``subscription_ids`` narrows an answer to those; ``None`` stands for all. Ids are in lower case."""

    async def states_by_system(self, subscription_ids: Ids | None = None) -> dict[str, dict[str, dict[str, int]]]:
        """How many machines are in each state, by subscription and system (``Linux``, ``Windows``, or what Azure says)."""
        where, values = within_places("m.place", subscription_ids)
        found = await self._database.fetch(
            f"""SELECT p.subscription_id, y.os_type, n.rank, SUM(n.total) FROM
                (SELECT m.place AS place, m.system AS system, m.rank AS rank, COUNT(*) AS total FROM machines m{where} GROUP BY 1, 2, 3) n
                JOIN places p ON p.key = n.place JOIN systems y ON y.key = n.system GROUP BY 1, 2, 3""",
            values,
        )
        told: dict[str, dict[str, dict[str, int]]] = {}
        by_id, system = cache(_low), cache(_system)  # a few texts in very many rows
        for subscription_id, os_type, rank, total in found:
            states = told.setdefault(by_id(subscription_id), {}).setdefault(system(os_type), {})
            state = str(STATES_WORST_FIRST[int(rank)] if 0 <= int(rank) < len(STATES_WORST_FIRST) else MachineState.UNKNOWN)
            states[state] = states.get(state, 0) + int(total)
        return told

    async def health_groups(self, since: datetime, subscription_ids: Ids | None = None) -> dict[str, list[HealthGroup]]:
        """What machines said of themselves, by subscription: how many said what, in which way it was read, and when."""
        where, values = within_places("m.place", subscription_ids)
        found = await self._database.fetch(
            f"""SELECT p.subscription_id, y.os_type, v.state, CASE WHEN json_valid(v.evidence) THEN json_extract(v.evidence, '$[0]') END,
                COUNT(*), MIN(m.since), MAX(m.since), SUM(m.since >= ?)
                FROM machines m JOIN verdicts v ON v.key = m.verdict JOIN places p ON p.key = m.place JOIN systems y ON y.key = m.system
                {where}{" AND" if where else " WHERE"} m.rank IN ({", ".join(map(str, _SAID))}) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
            (microseconds(since), *values),
        )
        told: dict[str, list[HealthGroup]] = {}
        by_id, system = cache(_low), cache(_system)
        for subscription_id, os_type, state, way, machines, oldest, newest, recent in found:
            words = clean(way)
            group = HealthGroup(
                system(os_type),
                one_of(MachineState, state, MachineState.UNKNOWN),
                words.removeprefix(_READ_BY) if words.startswith(_READ_BY) else "",
                int(machines),
                moment_of(oldest),
                moment_of(newest),
                int(recent or 0),
            )
            told.setdefault(by_id(subscription_id), []).append(group)
        return told

    async def cause_groups(self, subscription_ids: Ids | None = None) -> dict[str, list[CauseGroup]]:
        """The machines that are not aboard, or are and say that they are not healthy, by subscription and cause: the largest group first.

        Machines of one state share a cause when they share a diagnosis, or the reason where there is none.
        """
        where, values = within_places("n.place", subscription_ids)
        good = to_json([one for one in ABOARD if one is not MachineState.UNHEALTHY])
        found = await self._database.fetch(
            f"""SELECT p.subscription_id, COALESCE(v.state, 'unknown'), {_CODE} AS code, MIN(COALESCE(v.reason, ?)),
                MIN(COALESCE(v.diagnosis, '')), MIN(COALESCE(v.explanation, '')), SUM(n.machines)
                FROM counts n JOIN places p ON p.key = n.place LEFT JOIN verdicts v ON v.key = n.verdict
                {where}{" AND" if where else " WHERE"} COALESCE(v.state, 'unknown') NOT IN (SELECT value FROM json_each(?))
                GROUP BY 1, 2, 3, CASE WHEN {_CODE} IN ('', 'unknown') THEN v.reason END""",
            (rows.NOT_EVALUATED, *values, good),
        )
        told: dict[str, list[CauseGroup]] = {}
        by_id = cache(_low)
        for subscription_id, state, code, reason, diagnosis, explanation, machines in found:
            if not machines:
                continue
            known = rows.diagnosis(diagnosis)
            plain = clean(code) in ("", "unknown") or known is None
            group = CauseGroup(
                one_of(MachineState, state, MachineState.UNKNOWN),
                clean(code),
                clean(reason) if plain or known is None else known.cause,
                known.remedy if known is not None and known.remedy else clean_lines(explanation),
                int(machines),
            )
            told.setdefault(by_id(subscription_id), []).append(group)
        for groups in told.values():
            groups.sort(key=lambda one: (RANKS[one.state], -one.machines, one.cause))
        return told

    async def newest_titled(self, titles: Collection[str], subscription_ids: Ids | None = None) -> list[int]:
        """The keys of the newest alert of Defender for Endpoint with each of these titles, in each subscription."""
        where, values = within_places("a.place", subscription_ids)
        found = await self._database.fetch(
            f"""SELECT a.key, MAX(a.generated) FROM alerts a JOIN alert_kinds k ON k.key = a.kind JOIN places p ON p.key = a.place
                {where}{" AND" if where else " WHERE"} k.from_endpoint AND lower(k.title) IN (SELECT value FROM json_each(?))
                GROUP BY lower(p.subscription_id), lower(k.title)""",
            (*values, to_json(sorted(one.lower() for one in titles))),
        )
        return [int(row[0]) for row in found]


def _low(subscription_id: object) -> str:
    return clean(subscription_id).lower()


def _system(os_type: object) -> str:
    return system_of(clean(os_type))


def system_of(os_type: str) -> str:
    """The system as it is written here, whatever the case of Azure's word; ``other`` where it says none."""
    return {"linux": "Linux", "windows": "Windows"}.get(os_type.lower(), os_type or "other")

"""What ``fleet.db`` tells of the wave, counted where the rows are: of a hundred thousand changes a few hundred numbers are read."""

from __future__ import annotations

from datetime import datetime, timedelta

from cache import rows
from cache.editing import FleetEditing, Ids, within_places
from cache.model import ABOARD, ON_THE_WAY, MachineState
from cache.text import clean
from cache.values import microseconds, moment_of, one_of, to_json
from cache.wave import NOT_SEEN_COMING, RATE_WINDOW, STUCK, Held, Move, Wave, grid

_MICROSECOND = timedelta(microseconds=1)
_ON_THE_WAY, _ABOARD, _NOT_SEEN_COMING = (
    ", ".join(f"'{state}'" for state in sorted(states)) for states in (ON_THE_WAY, ABOARD, NOT_SEEN_COMING)
)
_NOT_EVALUATED = "Its state has not been worked out yet. Press r to read Azure again."


class WaveStore(FleetEditing):
    """Reading how the fleet changes. ``subscription_ids`` narrows an answer to those subscriptions; ``None`` stands for all."""

    async def wave(self, now: datetime, span: timedelta, buckets: int, subscription_ids: Ids | None = None) -> Wave:
        """The last ``span`` of time before ``now``."""
        begin, width = grid(now, span, buckets)
        within, values = within_places("m.place", subscription_ids)
        chosen = f" JOIN machines m ON m.key = e.machine{within} AND" if within else " WHERE"
        fetch = self._database.fetch
        moves = await fetch(
            f"""SELECT n.bucket, n.before, v.state, SUM(n.machines) FROM
                (SELECT (e.at - ?) / ? AS bucket, e.before AS before, e.verdict AS verdict, COUNT(*) AS machines
                    FROM events e{chosen} e.at >= ? GROUP BY 1, 2, 3) n
                JOIN verdicts v ON v.key = n.verdict GROUP BY 1, 2, 3""",
            (microseconds(begin), width // _MICROSECOND, *values, microseconds(begin)),
        )
        at, alone = within_places("n.place", subscription_ids)
        counts = await fetch(
            f"""SELECT COALESCE(v.state, 'unknown'), SUM(n.total) FROM
                (SELECT n.verdict AS verdict, SUM(n.machines) AS total FROM counts n{at} GROUP BY n.verdict) n
                LEFT JOIN verdicts v ON v.key = n.verdict GROUP BY 1""",
            alone,
        )
        states = {clean(state): int(count) for state, count in counts if count}
        due = await fetch(
            f"""SELECT MAX(m.due) FROM machines m JOIN verdicts v ON v.key = m.verdict{within}{" AND" if within else " WHERE"}
                m.due IS NOT NULL AND v.state IN (SELECT value FROM json_each(?))""",
            (*values, to_json(list(ON_THE_WAY - {MachineState.LATE}))),
        )
        watched = moment_of((await fetch("SELECT MIN(at) FROM events"))[0][0])
        since = now - RATE_WINDOW if watched is None else max(watched, now - RATE_WINDOW)
        changes = f"FROM events e CROSS JOIN verdicts v ON v.key = e.verdict{chosen} e.at >= ?"
        ((first, more),) = await fetch(
            f"""SELECT MIN(CASE WHEN arrives THEN at END), SUM(arrives) - SUM(leaves) FROM
                (SELECT e.at, v.state IN ({_ON_THE_WAY}) AND e.before NOT IN ({_ON_THE_WAY}) AS arrives,
                    v.state NOT IN ({_ON_THE_WAY}) AND e.before IN ({_ON_THE_WAY}) AS leaves {changes})""",
            (*values, microseconds(since)),
        )
        set_out = moment_of(first)
        if set_out is not None and int(more) >= sum(states.get(one, 0) for one in ON_THE_WAY):
            since = max(since, set_out)  # nothing was on the way before
        aboard = f"v.state IN ({_ABOARD}) AND e.before NOT IN ({_ABOARD}, {_NOT_SEEN_COMING})"
        ((arrivals,),) = await fetch(f"SELECT COUNT(*) {changes} AND {aboard}", (*values, microseconds(since)))
        return Wave(
            begin,
            width,
            buckets,
            states,
            tuple(Move(int(bucket), clean(before), clean(after), int(count)) for bucket, before, after, count in moves),
            watched,
            int(arrivals),
            since,
            moment_of(due[0][0]),
        )

    async def held(self, subscription_ids: Ids | None = None) -> list[Held]:
        """How many machines are stuck in each state, by reason and diagnosis."""
        where, values = within_places("n.place", subscription_ids)
        found = await self._database.fetch(
            f"""SELECT COALESCE(v.state, 'unknown'), COALESCE(v.reason, ?), COALESCE(v.diagnosis, ''), MIN(COALESCE(v.explanation, ?)),
                SUM(n.machines) FROM counts n LEFT JOIN verdicts v ON v.key = n.verdict{where}{" AND" if where else " WHERE"}
                COALESCE(v.state, 'unknown') IN (SELECT value FROM json_each(?)) GROUP BY 1, 2, 3""",
            (rows.NOT_EVALUATED, _NOT_EVALUATED, *values, to_json(list(STUCK))),
        )
        return [
            Held(
                one_of(MachineState, state, MachineState.UNKNOWN), clean(reason), clean(explanation), rows.diagnosis(diagnosis), int(count)
            )
            for state, reason, diagnosis, explanation, count in found
            if count
        ]

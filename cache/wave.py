"""The wave of machines that come aboard: how many are in each state over time, how fast they come, when that ends, and who is stuck why.

Pure functions over counts that :mod:`cache.wave_store` reads; times are those at which a change was seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cache.filter_language import quoted
from cache.model import ABOARD, ON_THE_WAY, STATES_WORST_FIRST, Diagnosis, MachineState

NOT_SEEN_COMING = ("", str(MachineState.UNKNOWN))
"""The states before being aboard that tell nothing of when a machine came: it may have been there for long."""

STUCK = (
    MachineState.FAILED,
    MachineState.UNHEALTHY,
    MachineState.OVERDUE,
    MachineState.LATE,
    MachineState.BLOCKED,
    MachineState.UNKNOWN,
)
"""The states in which a machine stays until somebody acts, or may: worst first."""

RATE_WINDOW = timedelta(hours=3)
"""The rate is that of this time, or of as much of it as the wave has gone on and was watched."""

SHORTEST_WINDOW = timedelta(minutes=15)
FEWEST_ARRIVALS = 3
"""From less time, or from fewer machines, no finish is foretold."""

FARTHEST = timedelta(days=60)
"""A finish that is farther away is no more than *not soon*."""

UNKNOWN_DIAGNOSIS = "unknown"


@dataclass(frozen=True, slots=True)
class Move:
    """So many machines went from one state (empty: seen for the first time) to another in one bucket of time."""

    bucket: int
    before: str
    after: str
    machines: int


@dataclass(frozen=True, slots=True)
class Wave:
    """What is known of the wave, in ``buckets`` of ``width`` from ``begin`` on; now lies in the last one.

    ``states`` are the machines in each state now. ``watched``: since when changes are kept. ``arrivals``: machines that came aboard since
    ``arrivals_since``, which is :data:`RATE_WINDOW` ago, or when watching began or the first of those on the way set out, if that was
    later. ``last_due``: by when the last machine that is on time is expected.
    """

    begin: datetime
    width: timedelta
    buckets: int
    states: Mapping[str, int] = field(default_factory=dict)
    moves: Sequence[Move] = ()
    watched: datetime | None = None
    arrivals: int = 0
    arrivals_since: datetime | None = None
    last_due: datetime | None = None

    @property
    def end(self) -> datetime:
        """When the last bucket ends."""
        return self.begin + self.width * self.buckets

    @property
    def on_the_way(self) -> int:
        """Machines that are expected to come aboard by themselves."""
        return sum(self.states.get(state, 0) for state in ON_THE_WAY)

    @property
    def aboard(self) -> int:
        """Machines that have come."""
        return sum(self.states.get(state, 0) for state in ABOARD)

    @property
    def late(self) -> int:
        """Machines on the way that are not aboard in the usual time."""
        return self.states.get(MachineState.LATE, 0)

    @property
    def stuck(self) -> int:
        """Machines about which somebody must do something; those that are late may still come by themselves."""
        return sum(self.states.get(state, 0) for state in STUCK) - self.late


def grid(now: datetime, span: timedelta, buckets: int) -> tuple[datetime, timedelta]:
    """Where the first of ``buckets`` begins and how long each is: together ``span`` or a little less, the last one holding ``now``.

    Buckets lie at whole multiples of their length, so that a later grid has the same ones until the next begins.
    """
    width = timedelta(seconds=max(1, int(span.total_seconds()) // buckets))
    epoch = datetime.fromtimestamp(0, now.tzinfo)
    last = epoch + (now - epoch) // width * width
    return last - width * (buckets - 1), width


def history(wave: Wave) -> dict[str, list[int | None]]:
    """How many machines were in each state at the end of each bucket, worst state first; ``None`` before anybody watched.

    Reckoned backwards from now, so that the last number is what is so now. States that held no machine all the time are left out.
    """
    flow: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for move in wave.moves:
        place = min(move.bucket, wave.buckets - 1)
        flow[place][move.after] += move.machines
        flow[place][move.before] -= move.machines
    names = {*wave.states, *(state for change in flow.values() for state in change)} - {""}
    rank = {str(state): place for place, state in enumerate(STATES_WORST_FIRST)}
    found: dict[str, list[int | None]] = {}
    for state in sorted(names, key=lambda one: (rank.get(one, len(rank)), one)):
        number = wave.states.get(state, 0)
        line: list[int | None] = []
        for place in range(wave.buckets - 1, -1, -1):
            seen = wave.watched is not None and wave.begin + wave.width * (place + 1) > wave.watched
            line.append(max(0, number) if seen else None)
            number -= flow[place][state] if place in flow else 0
        if any(line):
            found[state] = line[::-1]
    return found


@dataclass(frozen=True, slots=True)
class Outlook:
    """How fast machines come aboard and when the last one will. ``per_hour`` and ``finish`` are ``None`` where that cannot be said:
    ``why`` says why not."""

    per_hour: float | None
    finish: datetime | None
    why: str = ""


def outlook(wave: Wave, now: datetime) -> Outlook:
    """The rate of the last hours, and the finish if it stays so. Nothing is foretold from too little."""
    if wave.watched is None or wave.arrivals_since is None:
        return Outlook(None, None, "no change has been seen yet")
    watched = now - wave.arrivals_since
    if watched < SHORTEST_WINDOW:
        minutes = max(0, int(watched.total_seconds() // 60))
        return Outlook(None, None, f"it has been watched for {minutes} minutes only, and {SHORTEST_WINDOW.seconds // 60} are needed")
    per_hour = wave.arrivals / (watched.total_seconds() / 3600)
    if not wave.on_the_way:
        return Outlook(per_hour, None, "no machine is on the way")
    if wave.arrivals < FEWEST_ARRIVALS:
        came = "no machine" if not wave.arrivals else f"only {wave.arrivals}"
        return Outlook(per_hour, None, f"{came} came aboard in the last {_hours(watched)}")
    left = timedelta(hours=min(wave.on_the_way / per_hour, FARTHEST.total_seconds()))
    if left > FARTHEST:
        return Outlook(per_hour, None, "at this rate it takes more than two months")
    return Outlook(per_hour, now + left)


def _hours(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"


@dataclass(frozen=True, slots=True)
class Held:
    """Machines in one state for one reason, as the cache keeps them: several of these can share a cause."""

    state: MachineState
    reason: str
    explanation: str
    diagnosis: Diagnosis | None
    machines: int


@dataclass(frozen=True, slots=True)
class Cause:
    """Machines that are stuck for one cause. ``remedy`` says what to do about all of them and who must; ``differs``: in some detail, such
    as the name of a subscription, it is another one for some. ``filter_text`` finds exactly these machines."""

    state: MachineState
    cause: str
    remedy: str
    code: str
    machines: int
    differs: bool
    filter_text: str

    @property
    def id(self) -> str:
        """What tells causes apart."""
        return f"{self.state} {self.code} {self.cause}"


def causes(held: Iterable[Held]) -> list[Cause]:
    """The machines that are stuck, grouped by cause: the worst state first, in it the largest group."""
    groups: dict[tuple[MachineState, str, str], list[Held]] = defaultdict(list)
    for one in held:
        if one.state in STUCK:
            code = one.diagnosis.code if one.diagnosis is not None else ""
            groups[one.state, code, one.reason if code in ("", UNKNOWN_DIAGNOSIS) else ""].append(one)
    found = [_cause(*key, members) for key, members in groups.items()]
    return sorted(found, key=lambda one: (STUCK.index(one.state), -one.machines, one.id))


def _cause(state: MachineState, code: str, reason: str, members: Sequence[Held]) -> Cause:
    largest = max(members, key=lambda one: (one.machines, one.reason, one.explanation))
    diagnosis = largest.diagnosis
    remedies = {one.diagnosis.remedy if one.diagnosis is not None else one.explanation for one in members}
    terms = [f"state={state}", f"diagnosis={quoted(code)}" if code else "diagnosis:none"]
    if reason:
        terms.append(f"reason={quoted(reason)}")
    return Cause(
        state,
        reason or (diagnosis.cause if diagnosis is not None else largest.reason),
        diagnosis.remedy if diagnosis is not None and diagnosis.remedy else largest.explanation or largest.reason,
        code,
        sum(one.machines for one in members),
        len(remedies) > 1,
        " ".join(terms),
    )

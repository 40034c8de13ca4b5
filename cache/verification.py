"""A verification of machines as screens see it: what is planned, what is under way, what came of it. No file keeps it:
what machines answered is kept in the cache, with its age, and what was sent in the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from cache.machine_reports import HEALTH


class Phase(StrEnum):
    """How far a verification is. ``STOPPING``: nothing more is sent, and what was sent is waited for."""

    NONE = "none"
    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class Standing(StrEnum):
    """How one machine stands in a verification, what somebody must look at first."""

    FAILED = "failed"
    UNHEALTHY = "unhealthy"
    BAD = "bad"
    DOUBTFUL = "in doubt"
    UNREADABLE = "unreadable"
    UNKNOWN = "not known"
    CANNOT = "cannot run"
    NOT_SENT = "not sent"
    UNDER_WAY = "under way"
    WAITING = "waiting"
    TO_RUN = "to run"
    GOOD = "good"
    HEALTHY = "healthy"


AT_WORK = frozenset((Phase.RUNNING, Phase.STOPPING))
"""While a verification is at one of these, no other one can begin."""


@dataclass(frozen=True, slots=True)
class VerifyRow:
    """One machine of a verification.

    ``way``: how the script is run there, in words, with the ``right`` that takes; both empty where it cannot be run, which ``reason`` then
    explains. ``by_hand``: the shortest command that somebody can run on the machine instead, empty where its system is not known.
    ``reason``, ``remedy``, ``notes``: what it answered, or why it did not, and what to do. ``at``: when. ``kept``: it is its state now.
    """

    machine_id: str
    name: str
    subscription: str
    system: str
    way: str
    right: str
    by_hand: str
    standing: Standing
    reason: str = ""
    remedy: str = ""
    notes: tuple[str, ...] = ()
    at: datetime | None = None
    kept: bool = False


@dataclass(slots=True)
class Verification:
    """The verification that was planned last. ``asked``: of which machines, in words. ``check``: what they are asked, as in
    :mod:`cache.machine_reports`. ``problem``: why planning or running came to nothing.

    Subscribers are called after every change.
    """

    phase: Phase = Phase.NONE
    asked: str = ""
    check: str = HEALTH
    plan_id: str = ""
    created_at: datetime | None = None
    scripts: Mapping[str, str] = field(default_factory=dict)
    rows: dict[str, VerifyRow] = field(default_factory=dict)
    problem: str = ""
    _subscribers: list[Callable[[], None]] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many machines can run the script."""
        return sum(1 for one in self.rows.values() if one.way)

    @property
    def counts(self) -> Counter[Standing]:
        """How many machines stand how."""
        return Counter(one.standing for one in self.rows.values())

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after every change; the returned function ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def plan(self, asked: str, check: str = HEALTH) -> None:
        """A plan is being made; the one before it is forgotten."""
        self.phase, self.asked, self.plan_id, self.created_at, self.problem = Phase.PLANNING, asked, "", None, ""
        self.check = check
        self.scripts, self.rows = {}, {}
        self._tell()

    def show(self, plan_id: str, created_at: datetime, scripts: Mapping[str, str], rows: Iterable[VerifyRow]) -> None:
        """The plan is made."""
        self.phase, self.plan_id, self.created_at, self.scripts = Phase.PLANNED, plan_id, created_at, scripts
        self.rows = {one.machine_id.lower(): one for one in rows}
        self._tell()

    def begin(self) -> None:
        """The plan was confirmed and is being carried out."""
        self.phase, self.problem = Phase.RUNNING, ""
        for key, one in self.rows.items():
            if one.way:
                self.rows[key] = replace(one, standing=Standing.WAITING)
        self._tell()

    def change(self, machine_id: str, **values: Any) -> None:
        """A machine stands otherwise now. One that is not part of the verification is left alone."""
        if (row := self.rows.get(machine_id.lower())) is not None:
            self.rows[machine_id.lower()] = replace(row, **values)
            self._tell()

    def stop(self) -> None:
        """Nothing more is sent; what was sent is waited for."""
        self.phase = Phase.STOPPING
        self._never(Standing.WAITING, Standing.NOT_SENT, "Nothing was sent: it was stopped before its turn.")
        self._tell()

    def end(self, problem: str = "") -> None:
        """It is over. Machines of which nothing was heard stand as not known, or not sent."""
        self.phase = Phase.ENDED if self.rows else Phase.NONE
        self.problem = problem
        why = "It was interrupted while the script was being run, which changes nothing. Verify the machine again."
        self._never(Standing.UNDER_WAY, Standing.UNKNOWN, why)
        self._never(Standing.WAITING, Standing.NOT_SENT, "Nothing was sent.")
        self._tell()

    def _never(self, before: Standing, after: Standing, why: str) -> None:
        """Machines that stand so will not get on."""
        self.rows |= {key: replace(one, standing=after, reason=why) for key, one in self.rows.items() if one.standing is before}

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            callback()

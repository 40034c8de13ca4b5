"""The clock of a machine on its way: when it began, by when it is expected, from when it is late or overdue, and by how much.

Sources: seed, *Enable the integration* (up to 24 hours); today's documentation (up to 12 hours for the first subscription of a tenant, up
to one hour for later machines).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cache.model import MachineState

EXPECTED = timedelta(hours=1)
"""A machine is expected aboard within this after enabling."""

EXPECTED_FIRST = timedelta(hours=12)
"""The same for the first subscription of a tenant."""

OVERDUE = timedelta(hours=24)
"""After this the seed's promise is broken and somebody must look."""

LATE_FIRST = "no extension in the 12 hours of a first subscription"
"""The reason of a machine that is late in the first subscription of a tenant: its clock goes by that longer time."""


class Pace(StrEnum):
    """How a machine keeps to its time."""

    ON_TIME = "on-time"
    LATE = "late"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class MachineClock:
    """``began``: when waiting began. ``expected``: it is late after that. ``overdue``: it is overdue from then on. ``by``: how long it has
    been late or overdue; while it is on time, zero."""

    began: datetime
    expected: datetime
    overdue: datetime
    pace: Pace
    by: timedelta

    @property
    def next(self) -> datetime | None:
        """When it comes to be called otherwise; ``None`` when it is overdue."""
        return {Pace.ON_TIME: self.expected, Pace.LATE: self.overdue}.get(self.pace)


def machine_clock(state: MachineState, reason: str, since: datetime | None, due: datetime | None, now: datetime) -> MachineClock | None:
    """The clock of a machine in ``state`` for ``reason``, ``since`` then and ``due`` then; ``None`` for one that nobody waits for."""
    if since is None:
        return None
    match state:
        case MachineState.PENDING | MachineState.INSTALLING:
            expected = due if due is not None else since + EXPECTED
        case MachineState.LATE | MachineState.OVERDUE:
            expected = since + (EXPECTED_FIRST if reason == LATE_FIRST else EXPECTED)
        case _:
            return None
    expected = max(since, expected)
    overdue = max(expected, since + OVERDUE)
    if now >= overdue:
        return MachineClock(since, expected, overdue, Pace.OVERDUE, now - overdue)
    if now >= expected:
        return MachineClock(since, expected, overdue, Pace.LATE, now - expected)
    return MachineClock(since, expected, overdue, Pace.ON_TIME, timedelta(0))

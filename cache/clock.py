"""The time, injected: everything that asks what time it is asks a clock it was given."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

Origin = tuple[datetime, float, float]


class Clock(Protocol):
    """Tells the time in UTC."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        return datetime.now(UTC)


class ScaledClock:
    """A clock that showed ``start`` when this machine's clock showed ``wall_start`` (epoch seconds) and runs ``speed`` times as fast.

    Two of the same ``origin``, which is these three, show the same time, in whatever process.
    """

    def __init__(self, start: datetime, wall_start: float, speed: float, wall: Callable[[], float] = time.time) -> None:
        self.origin: Origin = (start, wall_start, speed)
        self._wall = wall

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        start, wall_start, speed = self.origin
        return start + timedelta(seconds=(self._wall() - wall_start) * speed)


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        return self._now

    def advance(self, **span: float) -> None:
        """Move on by ``timedelta(**span)``."""
        self._now += timedelta(**span)


def origin_of(clock: Clock) -> Origin | None:
    """What a :class:`ScaledClock` in another process is made of to show the same time; ``None`` for a clock that none can follow."""
    if isinstance(clock, SystemClock):
        return datetime.fromtimestamp(0, UTC), 0.0, 1.0
    return clock.origin if isinstance(clock, ScaledClock) else None

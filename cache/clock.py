"""The time, injected: everything that asks what time it is asks a clock it was given."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


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
    """A clock that showed ``start`` when this machine's clock showed ``wall_start`` (epoch seconds) and runs ``speed`` times as fast."""

    def __init__(self, start: datetime, wall_start: float, speed: float, wall: Callable[[], float] = time.time) -> None:
        self._start = start
        self._wall_start = wall_start
        self._speed = speed
        self._wall = wall

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        return self._start + timedelta(seconds=(self._wall() - self._wall_start) * self._speed)


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

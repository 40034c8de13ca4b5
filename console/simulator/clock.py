"""The simulated clock: starts where it is told, runs as fast as it is told, and can be pushed forward.

Everything that changes by itself in the box (machines coming aboard, alerts arriving) is a function of this clock, so a test
advances it and a demo runs it fast. Tokens alone expire by wall time, since the clients that hold them compare with the wall.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock:
    """`now()` is seconds since the epoch, in simulated time."""

    def __init__(self, start: float | None = None, speed: float = 1.0, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.wall_start = wall()
        self.start = self.wall_start if start is None else start
        self.speed = speed
        self._pushed = 0.0

    def now(self) -> float:
        return self.start + (self._wall() - self.wall_start) * self.speed + self._pushed

    def advance(self, seconds: float) -> float:
        """Push the clock forward; it never goes back, as Azure's does not."""
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        self._pushed += seconds
        return self.now()


def iso(moment: float) -> str:
    """An instant as Azure's services write it: seven decimals and a Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")[:26] + "0Z"


def iso_offset(moment: float) -> str:
    """An instant as Compute writes it: with an explicit offset."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")[:26] + "0+00:00"


def parse_iso(text: str) -> float:
    """Seconds since the epoch for an ISO 8601 instant; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

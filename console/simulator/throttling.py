"""Resource Manager's token buckets: what is left is always told, and refused only where limits are enforced.

Reads 250 refilling 25 a second, writes 200 refilling 10 a second, for each principal and subscription (facts, section 8). By wall time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from console.simulator.wire import ArmError

_READS, _WRITES = (250.0, 25.0), (200.0, 10.0)


class Buckets:
    def __init__(self, *, enforce: bool, wall: Callable[[], float] = time.monotonic) -> None:
        self._enforce = enforce
        self._wall = wall
        self._levels: dict[tuple[str, str, bool], tuple[float, float]] = {}

    def take(self, principal: str, subscription: str, *, write: bool) -> dict[str, str]:
        """Take one token; the header that tells what is left."""
        size, refill = _WRITES if write else _READS
        key, now = (principal, subscription, write), self._wall()
        level, since = self._levels.get(key, (size, now))
        level = min(size, level + (now - since) * refill)
        kind = "write" if write else "read"
        if level < 1 and self._enforce:
            wait = math.ceil((1 - level) / refill)
            raise ArmError(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of '{kind}' requests for subscription '{subscription}' actor '{principal}' exceeded. Please try again "
                f"after '{wait}' seconds after additional tokens are available. "
                "Refer to https://aka.ms/arm-throttling for additional information.",
                headers={"Retry-After": str(wait)},
            )
        level = max(0.0, level - 1)
        self._levels[key] = (level, now)
        scope = "tenant" if subscription == "tenant" else "subscription"
        return {f"x-ms-ratelimit-remaining-{scope}-{kind}s": str(int(level))}


QUERIES, WINDOW = 15, 5.0
"""Resource Graph: queries that a user may make in a window of seconds."""


class QueryQuota:
    """Each user's window of Resource Graph queries. By wall time."""

    def __init__(self, *, enforce: bool, wall: Callable[[], float] = time.monotonic) -> None:
        self._enforce = enforce
        self._wall = wall
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, principal: str) -> tuple[bool, dict[str, str]]:
        """Count a query: whether it may run, and the headers that tell what is left and when the window starts anew."""
        now = self._wall()
        began, used = self._windows.get(principal, (now, 0))
        if now - began >= WINDOW:
            began, used = now, 0
        granted = used < QUERIES or not self._enforce
        used += granted
        self._windows[principal] = (began, used)
        resets = math.ceil(WINDOW - (now - began))
        remaining = max(0, QUERIES - used)
        return granted, {"x-ms-user-quota-remaining": str(remaining), "x-ms-user-quota-resets-after": f"00:00:{resets:02}"}

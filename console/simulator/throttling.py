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
                f"Number of '{kind}' requests for subscription '{subscription}' actor '{principal}' exceeded. Please try again after '{wait}' "
                "seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.",
                headers={"Retry-After": str(wait)},
            )
        level = max(0.0, level - 1)
        self._levels[key] = (level, now)
        scope = "tenant" if subscription == "tenant" else "subscription"
        return {f"x-ms-ratelimit-remaining-{scope}-{kind}s": str(int(level))}

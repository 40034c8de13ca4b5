"""The pace of readings: Resource Manager allows so many in each subscription, and gives them back a few at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from console.gateway.reading import Send
from console.gateway.transport import Sleep

GIVEN_BACK = 24
"""Readings a second for a caller in a subscription who has used up what there is (250): 25 are given back, which must not be outrun."""


class _Left:
    """What is left in one subscription: how many readings were sent, of which of them the latest answer is, and what is left after it."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.sent = 0
        self.heard = 0
        self.known: int | None = None


class Pace:
    """Lets the readings of each subscription go as long as any are left there, and then at the pace at which they are given back."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._left: dict[str, _Left] = defaultdict(_Left)

    def of(self, subscription_id: str, send: Send) -> Send:
        """``send`` at the pace of a subscription."""
        left = self._left[subscription_id.lower()]

        async def paced(*values: Any, **options: Any) -> Any:
            async with left.turn:
                if left.known is not None and left.known <= 0:
                    await self._sleep(1 / GIVEN_BACK)
                elif left.known is not None:
                    left.known -= 1
                left.sent += 1
                number = left.sent
            response = await send(*values, **options)
            remaining = str(response.headers.get("x-ms-ratelimit-remaining-subscription-reads", ""))
            if remaining.isdecimal() and number > left.heard:  # an answer may come after that to a later reading
                left.heard, left.known = number, int(remaining) - (left.sent - number)
            return response

        return paced

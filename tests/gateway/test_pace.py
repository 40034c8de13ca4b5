"""Readings of a subscription go as fast as they like while any are left in it, and then at the pace at which they are given back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from console.gateway.pace import GIVEN_BACK, Pace


class Server:
    """Answers when told to, with how many readings are left."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Any]] = []

    async def send(self, *_: Any, **__: Any) -> Any:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]

    def answer(self, number: int, left: int | str) -> None:
        self.asked[number].set_result(SimpleNamespace(headers={"x-ms-ratelimit-remaining-subscription-reads": str(left)}))


class Time:
    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def sent(pace: Pace, server: Server, count: int, subscription_id: str = "a") -> list[asyncio.Task[Any]]:
    """As many readings, sent and not answered."""
    before = len(server.asked)
    tasks = [asyncio.create_task(pace.of(subscription_id, server.send)()) for _ in range(count)]
    while len(server.asked) < before + count:
        await asyncio.sleep(0)
    return tasks


async def test_a_reading_waits_its_turn_when_those_under_way_use_up_what_is_left() -> None:
    server, time = Server(), Time()
    pace = Pace(time.sleep)
    first = await sent(pace, server, 3)
    server.answer(0, 2)
    await first[0]
    assert time.slept == [], "nothing was known when they were sent"
    await sent(pace, server, 2, "A")
    assert time.slept == [1 / GIVEN_BACK] * 2, "two were left, for the two that were sent after it"
    await sent(pace, server, 5, "b")
    assert time.slept == [1 / GIVEN_BACK] * 2, "another subscription has its own"


async def test_what_an_answer_tells_counts_unless_a_later_reading_was_answered_before() -> None:
    server, time = Server(), Time()
    pace = Pace(time.sleep)
    first = await sent(pace, server, 3)
    server.answer(2, 1)
    await first[2]
    server.answer(0, 200)
    await first[0]
    second = await sent(pace, server, 2)
    assert time.slept == [1 / GIVEN_BACK], "one is left"
    server.answer(3, "?")
    await second[0]
    server.answer(4, 200)
    await second[1]
    await sent(pace, server, 50)
    assert time.slept == [1 / GIVEN_BACK], "what is told to be there is used"

"""Queries of several chains share one quota."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from console.gateway.errors import Throttled
from console.gateway.graph import Pacer


def quota(left: int, seconds: int = 4) -> Mapping[str, str]:
    return {"x-ms-user-quota-remaining": str(left), "x-ms-user-quota-resets-after": f"00:00:{seconds:02}"}


class Server:
    """Answers when told to, in the order in which it was asked."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[tuple[bytes, Mapping[str, str]]]] = []

    async def ask(self) -> tuple[bytes, Mapping[str, str]]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


async def test_a_query_waits_while_those_under_way_use_the_quota_up() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    server, pacer = Server(), Pacer(None, sleep)
    sent = [asyncio.create_task(pacer.send(server.ask)) for _ in range(3)]
    await asyncio.sleep(0)
    server.asked[0].set_result((b"", quota(2)))
    await sent[0]
    assert slept == []
    fourth = asyncio.create_task(pacer.send(server.ask))
    await asyncio.sleep(0)
    assert slept == [4.0], "two are left, and two are under way"
    for one in server.asked[1:]:
        one.set_result((b"", quota(9)))
    await asyncio.gather(*sent, fourth)
    await asyncio.wait_for(asyncio.gather(pacer.send(_answered), pacer.send(_answered)), 5)
    assert slept == [4.0], "a quota that is told to be there is used"


async def _answered() -> tuple[bytes, Mapping[str, str]]:
    return b"", quota(9)


async def test_a_wait_beyond_all_patience_is_refused() -> None:
    async def sleep(seconds: float) -> None:
        raise AssertionError("nobody waits that long")

    async def spent() -> tuple[bytes, Mapping[str, str]]:
        return b"", {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "02:00:00"}

    pacer = Pacer(None, sleep)
    await pacer.send(spent)
    with pytest.raises(Throttled, match="too long"):
        await pacer.send(spent)

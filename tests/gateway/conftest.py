"""The gateway against the simulator and against a server of odd answers: real SDKs, real TLS, and nobody waits for real."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from console.clouds import Cloud, load_cloud
from console.gateway.azure import Azure
from console.gateway.transport import Wait
from console.identity import SignedIn, StaticToken
from console.simulator import Simulator
from tests.gateway.odd_server import OddServer
from tests.moments import START


class Waits:
    """Remembers how long requests would have waited, and what was told about it."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.told: list[Wait] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(machines=40, speed=0, start=START, page_size=3) as running:
        yield running


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncIterator[OddServer]:
    async with OddServer(tmp_path) as running:
        yield running


Open = Callable[..., Awaitable[Azure]]


@pytest.fixture
async def open_azure(waits: Waits) -> AsyncIterator[Open]:
    """Opens Azure in a cloud with a token; everything is closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_now(cloud: Cloud, token: str, *, read_only: bool = False) -> Azure:
            signed_in = SignedIn(StaticToken(token, int(time.time()) + 3600), "token", (), "", "ada", "")
            azure = await Azure.open(cloud, signed_in, on_wait=waits.told.append, sleep=waits.sleep, read_only=read_only)
            return await stack.enter_async_context(azure)

        yield open_now


@pytest.fixture
async def azure(simulator: Simulator, open_azure: Open) -> Azure:
    """The simulator as Ada."""
    return await open_azure(load_cloud(str(simulator.cloud_file)), simulator.token())


@pytest.fixture
async def odd_azure(odd: OddServer, open_azure: Open) -> Azure:
    """The server of odd answers."""
    return await open_azure(odd.cloud(), "a-token")

"""Workers against the simulator: real SDKs over real TLS, a real cache, and the simulator's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cache.activity import Activity
from console.clouds import load_cloud
from console.gateway.transport import Sleep
from console.paths import Paths
from console.session import Connection, Setup, connect
from console.settings import Settings
from console.simulator import Simulator
from tests.moments import START


class SimulatedTime:
    """The simulator's clock, as the console's."""

    def __init__(self, simulator: Simulator) -> None:
        self._clock = simulator.clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


async def no_wait(_: float) -> None:
    """Requests that are tried again are tried again at once."""


Connect = Callable[..., Awaitable[Connection]]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(machines=60, speed=0, start=START, page_size=7) as running:
        yield running


@pytest.fixture
async def connect_as(simulator: Simulator, tmp_path: Path) -> AsyncIterator[Connect]:
    """Connects as a principal of the simulator (Ada unless said otherwise) with a home of its own; everything is closed at the end."""
    async with AsyncExitStack() as stack:

        async def connect_now(
            principal: str = "ada", sleep: Sleep = no_wait, simulator: Simulator = simulator, **options: Any
        ) -> Connection:
            setup = Setup(
                Paths(tmp_path / "home"),
                Settings(),
                load_cloud(str(simulator.cloud_file)),
                "token",
                "",
                clock=SimulatedTime(simulator),
                environ={"MDE_CONSOLE_TOKEN": simulator.token(principal)},
                sleep=sleep,
                **options,
            )
            connection = await connect(setup, Activity(setup.clock))
            stack.push_async_callback(connection.close)
            return connection

        yield connect_now


@pytest.fixture
async def ada(connect_as: Connect) -> Connection:
    return await connect_as()

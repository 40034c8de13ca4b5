"""A console that reads an odd fleet: what it read last, and how long its requests would have waited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cache.activity import Activity
from console.paths import Paths
from console.session import Connection, Setup, connect
from console.settings import Settings
from console.workers.sync import sync
from tests.workers.hard.odd_fleet import OddFleet, alert, machine
from tests.workers.hard.reading import KINDS, known, there


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncIterator[OddFleet]:
    async with OddFleet(tmp_path) as running:
        running.machines = [machine(number) for number in range(8)]
        running.alerts = [alert(number) for number in range(8)]
        yield running


@pytest.fixture
def slept() -> list[float]:
    return []


@asynccontextmanager
async def console_at(odd: OddFleet, folder: Path, slept: list[float] | None = None) -> AsyncIterator[Connection]:
    """A console of an odd fleet with a home in ``folder``."""

    async def sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)

    environ = {"MDE_CONSOLE_TOKEN": "a-token"}
    setup = Setup(Paths(folder / "home"), Settings(), odd.cloud(), "token", "", clock=odd.clock, environ=environ, sleep=sleep)
    connection = await connect(setup, Activity(setup.clock))
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def console(odd: OddFleet, slept: list[float], tmp_path: Path) -> AsyncIterator[Connection]:
    async with console_at(odd, tmp_path, slept) as connection:
        yield connection


@pytest.fixture
async def synced(console: Connection, odd: OddFleet) -> Connection:
    """Everything is known, and an hour passed."""
    await sync(console.work)
    assert [await known(console, kind) for kind in KINDS] == [there(odd, kind) for kind in KINDS]
    odd.clock.advance(3600)
    odd.told.queries.clear()
    return console

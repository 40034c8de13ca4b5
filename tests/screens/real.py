"""The whole console with Textual's pilot against the simulator: real sign-in, real workers, a real cache, and the simulator's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from console.app import ConsoleApp
from console.clouds import load_cloud
from console.paths import Paths
from console.session import Setup
from console.settings import Settings
from console.simulator import Simulator
from tests.screens.stage import SMALL, shown
from tests.workers.conftest import SimulatedTime

PATIENCE = 100
"""Seconds after which what does not come is called missing, with what is on the screen instead."""


async def until(pilot: Pilot[Any], there: Callable[[], bool]) -> None:
    """Let the console go on until something holds. Fails with what is on the screen."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        await pilot.pause()
        if there():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it did not come to that\n{shown(pilot.app)}")


async def until_shown(pilot: Pilot[Any], *words: str) -> str:
    """Let the console go on until all these words are on the screen. Returns the screen."""
    await until(pilot, lambda: all(word in shown(pilot.app) for word in words))
    return shown(pilot.app)


@asynccontextmanager
async def console(simulator: Simulator, home: Path, size: tuple[int, int] = SMALL, **options: Any) -> AsyncIterator[Pilot[Any]]:
    """The console, signed in as Ada, with the fleet read. Waiting of workers moves the simulator's clock."""

    async def sleep(seconds: float) -> None:
        simulator.clock.advance(seconds / 4)  # several wait at the same time
        await asyncio.sleep(0)

    setup = Setup(
        Paths(home),
        options.pop("settings", None) or Settings(),
        load_cloud(str(simulator.cloud_file)),
        "token",
        "",
        **{
            "clock": SimulatedTime(simulator),
            "environ": {"MDE_CONSOLE_TOKEN": simulator.token("ada")},
            "plan_minutes": 60.0 * 24,
            "sleep": sleep,
            **options,
        },
    )
    app = ConsoleApp(setup)
    try:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.desk is not None and app.desk.session.signed_in)
            await until(pilot, lambda: app.desk is not None and not app.desk.activity.tasks() and "data " in shown(app))
            yield pilot
    finally:
        await app.shut_down()

"""Scripts that are run on machines of the simulator: the time that passes meanwhile, what was sent, and runs that are broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from console.simulator import Simulator


def passing(simulator: Simulator):  # type: ignore[no-untyped-def]  # a test's shorthand
    """A sleep that moves the simulator's clock and lets others go on."""

    async def sleep(seconds: float) -> None:
        simulator.clock.advance(seconds / 4)  # several wait at the same time
        await asyncio.sleep(0)

    return sleep


def sent(simulator: Simulator) -> list[str]:
    return [one.path for one in simulator.requests if one.method in {"PUT", "POST"} and "/runcommand" in one.path.lower()]


async def broken_off(simulator: Simulator, run: Awaitable[Any]) -> None:
    """Cancel what runs scripts once it waits for one to end."""
    held = asyncio.Event()

    async def hold(method: str, path: str) -> None:
        if method == "GET" and "/operations/" in path.lower():
            held.set()
            await asyncio.sleep(3600)

    simulator.box.on_request = hold
    task = asyncio.ensure_future(run)
    await held.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    simulator.box.on_request = None

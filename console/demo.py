"""The demo: a simulator in a process of its own, which ends with ours, and the clock that it runs by."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cache.clock import ScaledClock
from cache.failure import Failure

READY_WITHIN = 60.0
"""Seconds that the simulator may take to start."""


class DemoError(Failure):
    """The simulator did not start; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running simulator: the cloud file that describes it and the clock it runs by."""

    cloud_file: Path
    tenant_id: str
    clock: ScaledClock


@asynccontextmanager
async def running(arguments: Sequence[str]) -> AsyncIterator[Demo]:
    """Run the simulator for as long as the block lasts. Raises :class:`DemoError`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "console.simulator",
        "--json",
        "--exit-with-stdin",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(_last_line(process.stderr))
    try:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), READY_WITHIN)
        except TimeoutError:
            raise DemoError("The simulator did not get ready in a minute. Try again on a less busy machine.") from None
        if not line:
            raise DemoError(f"The simulator did not start: {await errors or 'it said nothing'}")
        told = json.loads(line)
        clock = ScaledClock(datetime.fromisoformat(told["start"]), float(told["wall_start"]), float(told["speed"]))
        yield Demo(Path(told["cloud_file"]), str(told["tenant_id"]), clock)
    finally:
        errors.cancel()
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _last_line(stream: asyncio.StreamReader) -> str:
    """Read to the end, so that the child never blocks on a full pipe; the last line tells why it ended."""
    last = ""
    async for line in stream:
        last = line.decode(errors="replace").strip() or last
    return last

"""Of very many alerts a list leaves out the details; whoever opens one gets them, or is told why not."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from console.simulator import Simulator
from tests.terminal.terminal import Terminal


@pytest.mark.slow
async def test_the_details_of_an_old_alert_are_read_when_it_is_opened(tmp_path: Path) -> None:
    async with Simulator(machines=60, alerts=700, speed=0) as simulator:
        command = [sys.executable, "-m", "console", "--home", str(tmp_path), "--cloud", str(simulator.cloud_file), "--auth", "token"]
        environ = {"HOME": str(tmp_path), "MDE_CONSOLE_TOKEN": simulator.token(), "TEXTUAL_ANIMATIONS": "none"}
        with Terminal(command, columns=120, rows=40, environ=environ) as terminal:

            async def press(*keys: str) -> None:
                await asyncio.to_thread(terminal.press, *keys)

            async def sees(*wanted: str, gone: str = "") -> None:
                await asyncio.to_thread(terminal.wait_for, *wanted, timeout=60, gone=gone)

            await sees("Contoso Platform", "● enabled")
            await press("5")
            await sees("700 of 700 alerts")
            simulator.faults.add("latency=2:1:ResourceGraph")
            await press("G", "enter")
            await sees("Esc goes back", "Reading the details of this alert…")
            await sees("What to do", gone="Reading the details")
            simulator.faults.clear()
            simulator.faults.add("403:1:ResourceGraph")
            await press("escape")
            await sees("700 of 700 alerts")
            await press("k", "enter")
            await sees("The details of this alert could not be read: You have no right for asking Resource Graph.")
            await press("q")
            assert await asyncio.to_thread(terminal.wait_end) == 0

"""Two consoles on one home, in two processes: one reads Azure, the other shows what it wrote, and takes over when it ends."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from console.simulator import Simulator
from console.simulator.machines import NEVER, VM, Machine
from console.simulator.recording import mark_of
from tests.terminal.terminal import Terminal


def console(home: Path, simulator: Simulator, token: str) -> Terminal:
    command = [sys.executable, "-m", "console", "--home", str(home), "--cloud", str(simulator.cloud_file), "--auth", "token"]
    environ = {"HOME": str(home), "MDE_CONSOLE_TOKEN": token, "TEXTUAL_ANIMATIONS": "none"}
    return Terminal([*command, "--screen", "machines"], columns=200, rows=50, environ=environ)


def running(simulator: Simulator) -> list[Machine]:
    machines = simulator.world.machines(simulator.subscription("all-on"))
    return [one for one in machines if one.kind == VM and one.stopped == NEVER and one.name.isascii() and len(one.name) < 18]


def switch_off(simulator: Simulator, machine: Machine) -> None:
    simulator.clock.advance(60)
    simulator.world.set_running(machine, False)


async def shows_as_off(terminal: Terminal, machine: Machine) -> None:
    """Wait until the machine's row, which is in view, says that it is off."""
    async with asyncio.timeout(60):
        while not any(machine.name in line and ("deallocated" in line or "stopped" in line) for line in terminal.text.splitlines()):
            await asyncio.sleep(0.05)  # the simulator answers from this loop too


async def answered(simulator: Simulator) -> None:
    """Wait until the last that a console sent before it ended has been answered: such a request is remembered only then."""
    for _ in range(20):  # turns of the loop: from the bytes on the socket to a request under way
        await asyncio.sleep(0)
        while simulator.requests.under_way:
            await asyncio.sleep(0)


@pytest.mark.slow
async def test_one_reads_the_other_follows_and_takes_over_when_the_first_ends(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("poll_seconds = 5\nmoving_seconds = 2\n")
    async with Simulator(machines=40, speed=0) as simulator:
        tokens = simulator.token(), simulator.token()
        marks = [mark_of(f"Bearer {one}") for one in tokens]
        asking = {one.id: one for one in running(simulator)}
        first_off, second_off = list(asking.values())[:2]

        def asked_by() -> set[str]:
            return {one.sign_in for one in simulator.requests} & set(marks)

        first = console(tmp_path, simulator, tokens[0])
        with first:
            await asyncio.to_thread(first.wait_for, "Contoso Platform", "● enabled", timeout=60)
            while not [one for one in simulator.requests.of("POST", "ResourceGraph") if "assessments" in one.body["query"]]:
                await asyncio.sleep(0)  # the last of a complete reading
            with console(tmp_path, simulator, tokens[1]) as second:
                await asyncio.to_thread(second.wait_for, "Contoso", "onboarded", timeout=60)
                simulator.requests.clear()
                switch_off(simulator, first_off)
                await shows_as_off(second, first_off)
                assert asked_by() == {marks[0]}, "who follows asks Azure nothing"
                await asyncio.to_thread(first.press, "q")
                assert await asyncio.to_thread(first.wait_end) == 0
                await answered(simulator)
                simulator.requests.clear()
                switch_off(simulator, second_off)
                await shows_as_off(second, second_off)
                assert asked_by() == {marks[1]}, "who follows takes over"
                assert not simulator.requests.of("GET"), "and reads on from where the first one ended"
                await asyncio.to_thread(second.press, "q")
                assert await asyncio.to_thread(second.wait_end) == 0

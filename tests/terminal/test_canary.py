"""The whole way at 80×24 by keys alone: a plan for several subscriptions, its canary, the wait for its machines, the rest; killed twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from cache.clock import SystemClock
from cache.journal import Journal
from console.simulator import Simulator
from tests.terminal.terminal import Terminal

CANARY = "Contoso Research"


def console(home: Path, simulator: Simulator, token: str) -> Terminal:
    command = [sys.executable, "-m", "console", "--home", str(home), "--cloud", str(simulator.cloud_file), "--auth", "token"]
    return Terminal(command, environ={"HOME": str(home), "MDE_CONSOLE_TOKEN": token, "TEXTUAL_ANIMATIONS": "none"})


async def keys(terminal: Terminal, *pressed: str, then: tuple[str, ...], gone: str = "") -> str:
    """Press, then wait for what is to be seen; the simulator answers from this loop."""
    terminal.press(*pressed)
    return await asyncio.to_thread(terminal.wait_for, *then, timeout=60, gone=gone)


def kill(terminal: Terminal) -> None:
    os.killpg(terminal.process.pid, signal.SIGKILL)


def written(simulator: Simulator) -> Counter[str]:
    """How often Azure carried out a write, by subscription's name and setting."""
    names = {one.id: one.name for one in simulator.world.subscriptions.values()}
    puts = [one for one in simulator.requests.of("PUT") if one.status in {200, 201}]
    return Counter(f"{names[one.path.split('/')[2]]}: {one.path.rsplit('/', 1)[-1]}" for one in puts)


def journal_folder(home: Path) -> Path:
    (path,) = home.rglob("journal.db")
    return path.parent


@pytest.mark.slow
async def test_a_canary_is_waited_for_left_and_found_again_and_the_rest_is_killed_and_finished(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("poll_seconds = 5\nmoving_seconds = 2\n")
    async with Simulator(machines=60, speed=0) as simulator:
        token = simulator.token()
        with console(tmp_path, simulator, token) as terminal:
            await keys(terminal, then=("Contoso Web", "enabled"))
            await keys(terminal, "1", "/", "name~Retail|Research|Web", "enter", then=("3 of 12",))
            await keys(terminal, "*", then=("▌  Contoso Web",))
            await keys(terminal, "c", then=("✓ Contoso Web",))
            await keys(terminal, "3", then=("3 subscriptions chosen, no plan yet",))
            await keys(terminal, "e", then=("3 settings to write", "f applies it"))
            await keys(terminal, "f", then=("To confirm, type", CANARY, "2 subscriptions after it"))
            await keys(terminal, CANARY, "enter", then=("Waiting for the canary", "are aboard", "2 subscriptions that are left"))
            assert written(simulator) == {f"{CANARY}: WDATP": 1}
            kill(terminal)

        with console(tmp_path, simulator, token) as terminal:
            await keys(terminal, then=("A plan waits after its canary",))
            await keys(terminal, "3", then=("Waiting for the canary", CANARY))
            simulator.clock.advance(3 * 3600)
            await keys(terminal, then=("To confirm, type enable 2 subscriptions", "The canary: "))
            last, sent = simulator.subscription("linux-not-set"), asyncio.Event()

            async def kill_between_the_two(method: str, path: str) -> None:
                if method == "PUT":
                    sent.set()
                elif path.startswith(f"/subscriptions/{last}/") and path.endswith("/permissions"):
                    await sent.wait()
                    kill(terminal)

            simulator.box.on_request = kill_between_the_two
            terminal.press("enable 2 subscriptions", "enter")
            assert await asyncio.to_thread(terminal.wait_end) == -signal.SIGKILL
            simulator.box.on_request = None

        with console(tmp_path, simulator, token) as terminal:
            await keys(terminal, then=("A plan was interrupted",))
            await keys(terminal, "3", then=("It was interrupted", "1 subscription that is left"))
            await keys(terminal, "a", then=("To confirm, type Contoso Web [/x]",))
            await keys(terminal, "Contoso Web [/x]", "enter", then=("3 confirmed",), gone="applying")  # while which q asks first
            terminal.press("q")
            assert await asyncio.to_thread(terminal.wait_end) == 0
        assert set(written(simulator).values()) == {1}
        assert len(written(simulator)) == 3
    async with await Journal.open(journal_folder(tmp_path), SystemClock()) as journal:
        assert (await journal.verify())[0]
        assert await journal.unfinished() == []


@pytest.mark.slow
async def test_where_azure_changed_since_the_plan_that_subscription_alone_is_asked_about_again(tmp_path: Path) -> None:
    async with Simulator(machines=60, speed=0) as simulator, asyncio.timeout(240):
        with console(tmp_path, simulator, simulator.token()) as terminal:
            await keys(terminal, then=("Contoso Web", "enabled"))
            await keys(terminal, "1", "/", "name~Retail|Research", "enter", then=("2 of 12",))
            await keys(terminal, "*", then=("▌  Contoso Retail",))
            await keys(terminal, "c", then=("✓ Contoso Retail",))
            await keys(terminal, "3", then=("2 subscriptions chosen, no plan yet",))
            await keys(terminal, "e", then=("2 settings to write",))
            simulator.world.subscriptions[simulator.subscription("never-enabled")].settings["WDATP"] = False
            await keys(terminal, "a", then=("To confirm, type enable 2 subscriptions",))
            shown = await keys(terminal, "enable 2 subscriptions", "enter", then=("Azure has changed since the plan", f"type {CANARY}"))
            assert "planned before: WDATP not set → true" in shown
            assert written(simulator) == {"Contoso Retail [prod]: WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW": 1}
            await keys(terminal, "escape", then=("planned anew", "a shows what is different"), gone="To confirm")
            await keys(terminal, "a", then=(f"To confirm, type {CANARY}",))
            await keys(terminal, CANARY, "enter", then=("2 confirmed",))
            assert written(simulator) == {"Contoso Retail [prod]: WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW": 1, f"{CANARY}: WDATP": 1}
            terminal.press("q")
            assert await asyncio.to_thread(terminal.wait_end) == 0

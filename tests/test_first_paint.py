"""The first useful screen comes from the cache, before any module of Azure is imported: proved in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEADLESS = """
import sys
import {module}
wrong = sorted(name for name in sys.modules if name.split(".")[0] in {forbidden})
print(" ".join(wrong))
"""

PAINT = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path

from cache.clock import SystemClock
from cache.model import Machine, Onboarding, MachineState, Source, Subscription
from console.clouds import load_cloud
from console.paths import Paths
from console.session import Setup, open_cache, remember
from console.settings import Settings

home = Path(sys.argv[1])
setup = Setup(Paths(home), Settings(), load_cloud("public"), "token", "", environ={})


async def fill():
    fleet, journal = await open_cache(setup, "tenant", "ann")
    await fleet.put_subscriptions([Subscription("s1", "Remembered", "Enabled", "tenant")], complete=True)
    await fleet.mark_fresh(Source.SUBSCRIPTIONS)
    await fleet.close()
    await journal.close()
    remember(setup, "tenant", "ann")


asyncio.run(fill())
azure_before = [name for name in sys.modules if name.split(".")[0] in ("azure", "msal")]
from console.app import ConsoleApp

seen = []


class Watched(ConsoleApp):
    def __init__(self, setup):
        super().__init__(setup)
        self.signing_in.start = self.note

    def note(self):
        text = "\\n".join(line.text for line in self.screen._compositor.render_strips())
        azure = [name for name in sys.modules if name.split(".")[0] in ("azure", "msal")]
        seen.append((text, azure))


async def run():
    app = Watched(setup)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(200):
            await pilot.pause(0.01)
            if seen:
                break
        await pilot.press("1")
        for _ in range(200):
            await pilot.pause(0.01)
            text = "\\n".join(line.text for line in app.screen._compositor.render_strips())
            if "Remembered" in text:
                print("painted")
                break
    await app.shut_down()


asyncio.run(run())
print("azure:", azure_before + seen[0][1] + [name for name in sys.modules if name.split(".")[0] in ("azure", "msal")])
"""


def python(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_remembered_is_painted_before_any_azure_module_is_imported(tmp_path: Path) -> None:
    said = python(PAINT, str(tmp_path)).splitlines()
    assert "painted" in said
    assert said[-1] == "azure: []"


def test_the_command_line_loads_neither_textual_nor_azure() -> None:
    assert python(HEADLESS.format(module="console.cli", forbidden=("textual", "azure", "msal", "duckdb"))) == ""


def test_workers_rules_gateway_and_cache_never_load_textual() -> None:
    for module in ("cache.fleet", "console.workers.watch", "console.rules.planning", "console.gateway.azure", "console.verbs"):
        assert python(HEADLESS.format(module=module, forbidden=("textual",))) == ""


def test_screens_never_load_azure() -> None:
    for module in ("screens.machines", "screens.enable", "screens.checklist", "screens.subscriptions"):
        assert python(HEADLESS.format(module=module, forbidden=("azure", "msal"))) == ""

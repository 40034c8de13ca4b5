"""Keys that somebody gave to actions in their settings."""

from __future__ import annotations

from pathlib import Path

from console.settings import Settings
from console.simulator import Simulator
from tests.screens.real import console, until_shown

OWN = Settings(keys={"everywhere.quit": "Q", "everywhere.help": "f5"})


async def test_they_are_in_force_and_told_wherever_keys_are(tmp_path: Path) -> None:
    async with Simulator(machines=10, speed=0) as simulator, console(simulator, tmp_path, (100, 40), settings=OWN) as pilot:
        await until_shown(pilot, "f5 Help Q Quit")
        await pilot.press("f5", *"keeps", "space", *"known")
        told = await until_shown(pilot, "Quit: Leave; the cache keeps what is known")
        assert " Q " in next(line for line in told.splitlines() if "Quit: Leave" in line)
        await pilot.press("escape", "escape", "colon", *"quit")
        await until_shown(pilot, "Quit  (Q)")

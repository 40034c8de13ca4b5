"""What a start of the whole console meets that a sign-in alone does not."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from cache.changes import PUT_SETTING
from cache.errors import CacheError
from console.app import ConsoleApp
from console.simulator import Simulator
from tests.screens.real import console


async def test_a_journal_that_takes_nothing_when_the_console_starts_is_told_and_ends_it(tmp_path: Path) -> None:
    async with Simulator(machines=10, speed=0) as simulator:
        async with console(simulator, tmp_path / "home") as pilot:
            assert isinstance(pilot.app, ConsoleApp)
            connection = pilot.app.signing_in.connection
            assert connection is not None
            subscription_id = next(iter(await connection.fleet.subscription_names()))
            await connection.journal.begin("ada", PUT_SETTING, f"{subscription_id}/WDATP", "false", "true")
            path, setup = connection.journal.path, pilot.app.setup
        with sqlite3.connect(path) as journal:
            journal.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
        app = ConsoleApp(setup)
        async with app.run_test(size=(80, 24)), asyncio.timeout(100):
            while app.failure is None:
                await asyncio.sleep(0.02)
        await app.shut_down()
        assert isinstance(app.failure, CacheError)
        assert str(path) in str(app.failure)

"""Promises of a screen whose reading takes long: it is there soon after its key, and keys act on what was read."""

from __future__ import annotations

import asyncio

from screens.desk import Desk
from screens.log import LogScreen
from screens.words import BEING_READ
from tests.screens.stage import SMALL, settle
from tests.screens.test_uncovered import Painting


class SlowLog(LogScreen):
    """A log that is read when the test says so."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.may_read = asyncio.Event()

    async def load(self) -> None:
        await self.may_read.wait()
        await super().load()


async def test_a_screen_that_takes_long_to_read_is_there_before_its_rows(desk: Desk) -> None:
    first, slow = LogScreen(desk), SlowLog(desk)
    slow.TITLE_TEXT = "Slow"
    app = Painting(desk, first)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        app.push_screen(slow)
        async with asyncio.timeout(60):
            while "Slow" not in app.on_the_terminal() or BEING_READ not in app.on_the_terminal():
                await asyncio.sleep(0.01)
        assert not slow.table.count
        app.simulate_key("down")
        slow.may_read.set()
        await settle(pilot)
        assert slow.table.cursor_row == slow.table.rows[1]

"""Promises of the machines' table at a size at which only the rows in view are read."""

from __future__ import annotations

import asyncio

from cache.model import MachineState
from screens.desk import Desk
from screens.machines import MachinesScreen
from tests.screens.stage import (
    ALL_ON,
    SMALL,
    Stage,
    a_machine,
    a_subscription,
    an_onboarding,
    put_machines,
    put_subscriptions,
    settle,
    text_of,
)

MANY = 600


async def filled(desk: Desk) -> MachinesScreen:
    await put_subscriptions(desk, [a_subscription(ALL_ON)])
    machines = [a_machine(f"web-{number:03}") for number in range(MANY)]
    await put_machines(desk, [(one, an_onboarding(one, MachineState.ONBOARDED)) for one in machines])
    return MachinesScreen(desk)


async def test_only_rows_near_the_view_are_read_and_every_key_finds_its_row(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert screen.table.count == MANY
        assert len(screen.table.rows) < MANY // 2
        assert screen.table.cursor_id.endswith("/web-000")
        await pilot.press("end")
        await settle(pilot)
        assert screen.table.cursor_id.endswith(f"/web-{MANY - 1}")
        await pilot.press("home", "pagedown", "down")
        await settle(pilot)
        assert screen.table.cursor_id.endswith(f"/web-{screen.table.size.height - 2 + 1:03}")


async def test_all_can_be_marked_and_a_filter_hides_marks(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.action_mark_all()
        await settle(pilot)
        assert f"{MANY} marked" in text_of(app, "#count")
        screen.set_filter("name:web-01")
        await settle(pilot)
        assert screen.table.count == 10
        assert f"{MANY} marked ({MANY - 10} not shown)" in text_of(app, "#count")


async def test_of_filters_that_follow_each_other_at_once_the_last_is_shown(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await asyncio.gather(screen.load(), _typed(screen), screen.load())
        await settle(pilot)
        assert screen.filter_text == "web-123"
        assert [row.name for row in screen.table.rows] == ["web-123"]
        screen.set_filter("name~(")
        await settle(pilot)
        assert "filter:" in text_of(app, "#count")
        assert screen.table.count == 1, "the last filter that could be read stays"


async def _typed(screen: MachinesScreen) -> None:
    for length in range(1, len("web-123") + 1):
        screen.set_filter("web-123"[:length])
        await asyncio.sleep(0)

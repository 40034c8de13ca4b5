"""Promises of the machines' table at a size at which only the rows in view are read."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from textual import events
from textual.geometry import Region
from textual.pilot import Pilot

from cache.model import MachineState
from screens.desk import Desk
from screens.machines import MachinesScreen
from screens.widgets.line_table import LineTable
from tests.screens.paint import painted
from tests.screens.stage import (
    ALL_ON,
    NOW,
    SMALL,
    Stage,
    a_machine,
    a_subscription,
    advance,
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


async def test_what_nobody_expected_is_told_and_logged_and_the_rows_that_were_shown_stay(empty_desk: Desk, caplog: Any) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert screen._index is not None
        screen._index.columns.dimensions.pop("verdict")  # what a fault in the columns would leave
        screen.set_filter("web-1")
        await settle(pilot)
        (sentence,) = app.toasts()
        assert "filter and order" in sentence
        assert "log file" in sentence
        assert screen.table.count == MANY
        assert [entry.message for entry in await empty_desk.fleet.log()] == [sentence]
        assert any(record.exc_info for record in caplog.records)
        await pilot.press("down", "down")
        assert screen.table.cursor_id.endswith("/web-002")


async def test_a_hint_about_some_machines_claims_nothing_about_the_others(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert (
            text_of(app, "#hint")
            == "Every supported machine is aboard. v asks whether Defender works on them, a proves one by its test alert."
        )
        screen.set_filter("web-12")
        await settle(pilot)
        assert text_of(app, "#hint") == "Every supported machine that is shown is aboard."


async def rest(pilot: Pilot[Any], screen: MachinesScreen) -> None:
    """Wait until no row is being fetched any more."""
    await settle(pilot)
    while screen.table._prefetching:
        await pilot.pause(0.01)
    await settle(pilot)


async def test_the_wheel_shows_rows_without_a_key(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await rest(pilot, screen)
        table = screen.table
        for _ in range(150):
            table.post_message(events.MouseScrollDown(table, 5, 5, 0, 1, 0, False, False, False))
        await rest(pilot, screen)
        top = table.scroll_offset.y
        assert top > 250, "the view went further than what was fetched before"
        assert f"web-{top:03}" in painted(app)
        assert f"web-{top + table.size.height - 2:03}" in painted(app)
        assert " …  " not in painted(app)


async def test_a_scrollbar_that_is_dragged_far_shows_rows_too(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await rest(pilot, screen)
        for place in (300, 550, 400):
            screen.table.scroll_to(y=place, animate=False)
        await rest(pilot, screen)
        assert "web-400" in painted(app)


async def test_in_the_minute_after_a_reading_no_second_paints_a_line(empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await filled(empty_desk)
    machines = [a_machine(f"web-{number:03}") for number in range(MANY)]
    await put_machines(
        empty_desk, [(one, an_onboarding(one, MachineState.PENDING, since=NOW, due=NOW + timedelta(seconds=1250))) for one in machines]
    )
    app = Stage(empty_desk, screen)
    lines: list[int] = []
    render_line = LineTable.render_line

    def noted(table: LineTable[Any], y: int) -> Any:
        lines.append(y)
        return render_line(table, y)

    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        monkeypatch.setattr(LineTable, "render_line", noted)
        for _ in range(50):
            advance(empty_desk, seconds=1)
            screen.clock_moved()
        await settle(pilot)
        assert lines == []
        advance(empty_desk, seconds=10)
        screen.clock_moved()
        await settle(pilot)
        assert lines


async def test_rows_that_are_arranged_anew_tell_their_age_anew(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    machines = [a_machine(f"web-{number:03}") for number in range(MANY)]
    await put_machines(empty_desk, [(one, an_onboarding(one, MachineState.ONBOARDED, since=NOW - timedelta(hours=1))) for one in machines])
    app = Stage(empty_desk, screen)
    async with app.run_test(size=(140, 24)) as pilot:
        await settle(pilot)
        assert " 1h " in painted(app)
        advance(empty_desk, hours=2)
        screen.rearrange()
        await screen.arranged()
        screen.paint_now()
        assert " 3h " in painted(app)
        assert " 1h " not in painted(app)


async def test_a_letter_of_the_filter_and_the_rows_that_it_leaves_are_one_frame(empty_desk: Desk, monkeypatch: Any) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("slash", "w")
        await settle(pilot)
        compositor = screen._compositor
        paint, frames = compositor.render_update, list[set[Region]]()

        def render_update(*values: Any, **options: Any) -> Any:
            frames.append(set(compositor._dirty_regions))
            return paint(*values, **options)

        monkeypatch.setattr(compositor, "render_update", render_update)
        line, rows = screen.query_one("#filter").region, screen.table.region.shrink((1, 1, 0, 0))
        await pilot.press("e")
        await settle(pilot)
        with_line = [one for one in frames if any(region.overlaps(line) for region in one)]
        with_rows = [one for one in frames if any(region.overlaps(rows) for region in one)]
        assert len(with_line) == 1
        assert with_rows == with_line

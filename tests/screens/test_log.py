"""Promises of the log: nothing that went wrong is lost, and all of a text can be read."""

from __future__ import annotations

from cache.model import LogEntry
from screens.desk import Desk
from screens.log import LogScreen, lines
from screens.requests import CopyRequested
from tests.screens.stage import ALL_ON, NOW, SMALL, Stage, advance, settle, shown, text_of


async def test_errors_and_problems_stand_there_newest_first(desk: Desk) -> None:
    advance(desk, minutes=2)
    await desk.fleet.add_log("warning", "the newest [line]")
    screen = LogScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert [row.level for row in screen.table.rows][0] == "warning"
        assert len(screen.table.rows) == 6
        for part in ("the newest [line]", "✗ error", "✗ problem", "· info", "! warning"):
            assert part in shown(app)


async def test_the_full_text_of_the_row_stands_below(desk: Desk) -> None:
    screen = LogScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        row = next(row for row in screen.table.rows if row.level == "error")
        screen.table.move_to(row.id)
        await pilot.pause()
        assert "It will be asked again in 30 s." in text_of(app, "#full-text")
        assert "It will be asked again in 30 s." in shown(app)
        await pilot.press("y")
        await pilot.pause()
        assert "“[prod] web”" in app.asked(CopyRequested)[-1].text


async def test_the_cursor_keeps_its_line_while_the_log_grows(desk: Desk) -> None:
    screen = LogScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("down", "down")
        before = screen.table.cursor_id
        for number in range(5):
            advance(desk, seconds=1)
            await desk.fleet.add_log("error", f"again {number % 2}")
        await settle(pilot)
        assert len(screen.table.rows) == 10
        assert screen.table.cursor_id == before


async def test_it_can_be_filtered_and_an_empty_one_says_so(desk: Desk, empty_desk: Desk) -> None:
    screen = LogScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"503")
        await pilot.pause()
        assert len(screen.table.rows) == 1
        await pilot.press(*"zzz")
        await pilot.pause()
        assert "No line passes the filter" in shown(app)
        assert text_of(app, "#full-text") == ""


def test_what_could_not_be_read_is_told_with_the_name_of_its_subscription_beside_it() -> None:
    (entry,) = lines([LogEntry(NOW, "error", f"alerts ({ALL_ON.upper()}): Microsoft.Security is not registered.")], [], {ALL_ON: "All on"})
    assert (entry.where, entry.message) == ("All on: alerts", "Microsoft.Security is not registered.")
    (entry,) = lines([LogEntry(NOW, "error", f"alerts ({ALL_ON}): No.")], [], {})
    assert (entry.where, entry.message) == (f"{ALL_ON}: alerts", "No.")
    (entry,) = lines([LogEntry(NOW, "info", "Verified: 3 healthy.")], [], {})
    assert (entry.where, entry.message) == ("", "Verified: 3 healthy.")


def test_the_same_words_at_the_same_time_are_two_lines() -> None:
    entry = LogEntry(NOW, "error", "twice")
    assert len({line.id for line in lines([entry, entry], [], {})}) == 2
    older = {line.id for line in lines([entry], [], {})}
    assert older < {line.id for line in lines([entry, entry], [], {})}


async def test_nothing_went_wrong(empty_desk: Desk) -> None:
    app = Stage(empty_desk, LogScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "Nothing went wrong so far" in shown(app)

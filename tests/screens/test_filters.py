"""Promises of the filter on every list screen: one language, completion with counts, errors at their place, hits marked, saved by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from rich.cells import cell_len
from textual import events
from textual.app import App

from screens.alerts import AlertsScreen
from screens.checklist import ChecklistScreen
from screens.desk import Desk
from screens.log import LogScreen
from screens.machines import MachinesScreen
from screens.saved_filters import SavedFiltersDialog
from screens.subscriptions import SubscriptionsScreen
from screens.table_screen import TableScreen
from screens.widgets.filter_field import FilterField
from tests.screens.paint import painted
from tests.screens.stage import (
    ALL_ON,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    an_onboarding,
    put_machines,
    put_subscriptions,
    settle,
    text_of,
)

EVERY: Sequence[type[TableScreen[Any]]] = (SubscriptionsScreen, ChecklistScreen, MachinesScreen, AlertsScreen, LogScreen)


def underlined(app: App[Any]) -> list[str]:
    """The texts on the screen that are marked as hits."""
    found = [
        segment.text for strip in app.screen._compositor.render_strips() for segment in strip if segment.style and segment.style.underline
    ]
    return [text for text in found if text.strip()]


@pytest.mark.parametrize("kind", EVERY)
async def test_while_a_filter_does_not_parse_the_last_good_rows_stay_and_its_line_says_where_it_is_wrong(
    desk: Desk, kind: type[TableScreen[Any]]
) -> None:
    screen = kind(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        everything = screen.table.count
        await pilot.press("slash", *"web")
        await settle(pilot)
        some = screen.table.count
        assert 0 < some < everything
        await pilot.press("space", '"')
        await settle(pilot)
        assert screen.table.count == some
        line = next(one for one in painted(app).splitlines() if "the quote at 5 is not closed" in one and "^" in one)
        assert line.index("^") == 1 + len("web ")
        await pilot.press("escape")
        await settle(pilot)
        assert screen.table.count == everything
        assert "not closed" not in painted(app)
        assert app.focused is screen.table


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        (SubscriptionsScreen, "plan=free OR right:no", 2),
        (SubscriptionsScreen, "-is:linux-enabled state:disabled", 1),
        (SubscriptionsScreen, "machines:failed", 1),
        (SubscriptionsScreen, 'name:"[prod]" problem:none', 1),
        (SubscriptionsScreen, "has:none problem:forbidden", 1),
        (ChecklistScreen, "status=fail check:rights", 1),
        (ChecklistScreen, "machine:app-1", 1),
        (ChecklistScreen, "is:manual ticked:none", 1),
        (ChecklistScreen, "read<1m -is:pass", 12),
        (ChecklistScreen, "read:none check:tenant-move", 1),  # a step by hand rests on nothing that is read
        (LogScreen, "level=problem where:tenant", 1),
        (LogScreen, "message~5.3 age<1m", 1),
    ],
)
async def test_screens_whose_rows_are_all_in_memory_know_the_same_language(
    desk: Desk, kind: type[TableScreen[Any]], text: str, number: int
) -> None:
    screen = kind(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        screen.set_filter(text)
        await settle(pilot)
        assert screen._filter_error is None
        assert screen.table.count == number, [screen.identify(row) for row in screen.table.rows]


@pytest.mark.parametrize("kind", EVERY)
async def test_every_field_of_every_screen_can_be_filtered_by_and_completed(desk: Desk, kind: type[TableScreen[Any]]) -> None:
    screen = kind(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        everything = screen.table.count
        for field in screen.FIELDS:
            if field.kind == "text":
                assert all(isinstance(text, str) and number > 0 for text, number in await screen.values(field.key))
            found = 0
            for value in ("*", "none"):
                screen.set_filter(f"{field.key}:{value}")
                await settle(pilot)
                found += screen.table.count
            assert found == everything, field.key


async def test_values_are_completed_with_the_number_of_rows_that_have_them(desk: Desk) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"stat", "tab")
        assert screen.query_one("#filter", FilterField).text == "state:"
        await pilot.press("n", "tab")
        await settle(pilot)
        assert screen.filter_text == "state:not-enabled"
        assert screen.table.count == 5
        await pilot.press("escape")
        await settle(pilot)
        await pilot.press("slash", *"os:", "tab")
        await settle(pilot)
        listed = [line.split() for line in painted(app).splitlines()[2:4]]
        assert [one[:2] for one in listed] == [["Linux", "15"], ["Windows", "1"]]
        await pilot.press("down", "enter", "enter")
        await settle(pilot)
        assert screen.filter_text == "os:Windows"
        assert [row.name for row in screen.table.rows] == ["old-windows"]


async def test_keys_that_come_all_at_once_are_taken_in_their_order(desk: Desk) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("slash")
        for key in ("o", "s", "colon", "l", "tab", "space", *"web-1x", "backspace", "0", "enter", "space", "V"):
            app.post_message(events.Key(key, {"colon": ":", "space": " "}.get(key, key if len(key) == 1 else None)))
        for _ in range(5):
            await settle(pilot)
        assert screen.filter_text == "os:Linux web-10"
        assert [row.name for row in screen.table.rows] == ["web-10"]
        assert app.focused is screen.table
        assert len(screen.table.marks) == 1, "what follows Enter is for the table, and for the rows that the filter leaves"
        for key in ("slash", "x", "escape", "down", "space"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
            if key == "slash":
                await settle(pilot)
        await settle(pilot)
        assert screen.filter_text == ""
        assert len(screen.table.marks) == 2, "what follows Escape too"


async def test_what_was_found_is_marked_where_the_filter_looks_and_nowhere_else(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON, "Ten")])
    names = ("web-10", "漢字10の名前", "db-🚀10🚀", "e\u0301tude10", "no")
    machines = [a_machine(name) for name in names]
    await put_machines(empty_desk, [(one, an_onboarding(one)) for one in machines])
    screen = MachinesScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        plain = painted(app).splitlines()
        screen.set_filter("10")
        await settle(pilot)
        assert underlined(app) == ["10"] * 4
        for line in painted(app).splitlines()[2:]:
            assert not line.strip() or cell_len(line) <= WIDE[0]
        marked = {line for line in painted(app).splitlines() if "the [reason]" in line}
        assert marked <= set(plain), "marking moves no character"
        screen.set_filter("name:10 state:pend -sub:zzz")
        await settle(pilot)
        assert sorted(underlined(app)) == sorted(["10", "pend"] * 4)
        screen.set_filter("名 OR 🚀 OR name~^.tud")
        await settle(pilot)
        assert sorted(underlined(app)) == sorted(["名", "🚀", "🚀"]), "a letter is never torn from its accent"
        screen.set_filter("")
        await settle(pilot)
        assert underlined(app) == []


async def test_a_filter_is_saved_under_a_name_and_chosen_again_for_the_same_screen(desk: Desk) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.set_filter("state:failed")
        await settle(pilot)
        await pilot.press("F")
        await settle(pilot)
        assert isinstance(app.screen, SavedFiltersDialog)
        await pilot.press("s", *"broken", "enter")
        await pilot.pause(0.1)
        await pilot.press("escape", "escape")
        await settle(pilot)
        assert screen.filter_text == ""
        await pilot.press("F")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert screen.filter_text == "state:failed"
        assert screen.table.count == 1
        assert screen.query_one("#filter", FilterField).text == "state:failed"
        assert "filter “state:failed”" in text_of(app, "#count")
        other = AlertsScreen(desk)
        await app.push_screen(other)
        await settle(pilot)
        await pilot.press("F")
        await settle(pilot)
        assert "None yet" in painted(app)


async def test_a_file_of_filters_that_cannot_be_read_is_told_and_nothing_else_happens(desk: Desk) -> None:
    (desk.home / "filters.json").mkdir()
    screen = LogScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("F")
        await settle(pilot)
        assert app.screen is screen
        assert "filters.json" in app.toasts()[0]


async def test_escape_while_typing_closes_the_line_and_the_table_gets_it_back(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        height = screen.table.size.height
        await pilot.press("slash", "a", "l", "escape")
        await settle(pilot)
        assert screen.table.size.height == height
        assert not screen.query_one("#filter").has_class("-open")

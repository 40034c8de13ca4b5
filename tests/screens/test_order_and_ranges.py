"""Promises of the order and the marks of the list screens: several keys, ranges by id, and no mark without its row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cache.model import MachineState
from screens.alerts import AlertsScreen
from screens.checklist import ChecklistScreen
from screens.desk import Desk
from screens.log import LogScreen
from screens.machines import MachinesScreen
from screens.sorting import SortDialog
from screens.subscriptions import SubscriptionsScreen
from screens.table_screen import TableScreen
from screens.widgets.columns import arrow, sorted_first
from tests.screens.paint import painted
from tests.screens.stage import (
    ALL_ON,
    NOW,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    an_alert,
    an_onboarding,
    put_alerts,
    put_machines,
    put_subscriptions,
    settle,
    text_of,
)


async def test_a_column_that_is_chosen_comes_first_and_the_order_before_stays_behind_it(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON)])
    severities = ("High", "Low", "High", "Low")
    alerts = [
        an_alert(f"a{place}", a_machine(f"m{place % 2}"), severity=severity, generated=NOW - timedelta(minutes=place))
        for place, severity in enumerate(severities)
    ]
    await put_alerts(empty_desk, alerts)
    screen = AlertsScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("S", "b")
        await settle(pilot)
        assert isinstance(app.screen, SortDialog)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert screen.table.order == (("severity", False), ("age", True))
        assert [row.name for row in screen.table.rows] == ["a2", "a0", "a3", "a1"]
        header = painted(app).splitlines()[1]
        assert "Severity▲1" in header
        assert "Age▼2" in header
        await pilot.press("b")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert [row.name for row in screen.table.rows] == ["a3", "a1", "a2", "a0"]
        await pilot.press("b")
        await settle(pilot)
        await pilot.press("d", "d", "escape")
        await settle(pilot)
        assert screen.table.order == (("age", True),)
        assert "Age▼ " in painted(app).splitlines()[1]


@pytest.mark.parametrize("kind", [SubscriptionsScreen, ChecklistScreen, MachinesScreen, AlertsScreen, LogScreen])
async def test_every_pair_of_columns_sorts_by_the_first_then_by_the_second(desk: Desk, kind: type[TableScreen[Any]]) -> None:
    screen = kind(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        shown = {screen.identify(row) for row in screen.table.rows}
        for first in screen.SORT_KEYS:
            for second in screen.SORT_KEYS[:3]:
                screen.sort(sorted_first(((second, True),), first))
                await settle(pilot)
                assert {screen.identify(row) for row in screen.table.rows} == shown
                if kind in (SubscriptionsScreen, ChecklistScreen, LogScreen) and first != second:
                    values = [screen.sort_value(row, first) for row in screen.table.rows]
                    assert values == sorted(values)
                    for one, other in zip(screen.table.rows, screen.table.rows[1:], strict=False):
                        if screen.sort_value(one, first) == screen.sort_value(other, first):
                            assert screen.sort_value(one, second) >= screen.sort_value(other, second)


def test_a_header_shows_direction_and_place() -> None:
    order = sorted_first((("name", False), ("state", True), ("due", False)), "power")
    assert order == (("power", False), ("name", False), ("state", True))
    assert [arrow(order, key) for key in ("power", "name", "state", "due")] == ["▲1", "▲2", "▼3", ""]
    assert sorted_first(order, "power")[0] == ("power", True)
    assert arrow((("name", True),), "name") == "▼"


async def with_machines(desk: Desk, number: int) -> MachinesScreen:
    await put_subscriptions(desk, [a_subscription(ALL_ON)])
    machines = [a_machine(f"web-{place:04}") for place in range(number)]
    await put_machines(desk, [(one, an_onboarding(one, MachineState.ONBOARDED)) for one in machines])
    return MachinesScreen(desk)


async def test_how_many_are_marked_stands_where_no_width_cuts_it_off(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(number) for number in range(1, 40)])
    app = Stage(empty_desk, SubscriptionsScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("*")
        await settle(pilot)
        assert text_of(app, "#count").startswith("39 marked · 39 of 39")


async def test_a_range_is_marked_from_the_last_mark_to_the_cursor_also_over_rows_that_were_never_read(empty_desk: Desk) -> None:
    screen = await with_machines(empty_desk, 1500)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("V")
        assert "Mark the first row with space" in app.toasts()[0]
        await pilot.press("down", "space", "end", "up", "V")
        await settle(pilot)
        assert len(screen.table.marks) == 1498
        assert "1,498 marked" in text_of(app, "#count")
        await pilot.press("end", "V")
        await settle(pilot)
        assert len(screen.table.marks) == 1499, "a range goes on from where the last one ended"
        screen.set_filter("web-000")
        await settle(pilot)
        await pilot.press("V")
        assert len(screen.table.marks) == 1499, "from a row that is not shown there is no range"


async def test_the_mark_of_a_machine_that_is_gone_goes_with_it(empty_desk: Desk) -> None:
    screen = await with_machines(empty_desk, 5)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("asterisk")
        await settle(pilot)
        kept = [a_machine(f"web-{place:04}") for place in range(3)]
        await put_machines(empty_desk, [(one, an_onboarding(one, MachineState.ONBOARDED)) for one in kept])
        await settle(pilot)
        assert screen.table.count == 3
        assert "3 marked" in text_of(app, "#count")
        assert "not shown" not in text_of(app, "#count")


async def test_a_range_in_a_table_that_is_all_in_memory(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("end", "space", "up", "up", "up", "V")
        await settle(pilot)
        assert len(screen.table.marks) == 4

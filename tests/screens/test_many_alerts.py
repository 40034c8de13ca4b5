"""Promises of the alerts' table at a size at which only the rows in view are read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from textual.widgets import Button

from screens.alerts import AlertsScreen
from screens.desk import Desk
from screens.dialogs import ConfirmDialog
from screens.requests import AlertStatusRequested
from tests.screens.paint import painted
from tests.screens.stage import (
    ALL_ON,
    NOW,
    SMALL,
    Stage,
    a_machine,
    a_subscription,
    an_alert,
    put_alerts,
    put_subscriptions,
    settle,
    text_of,
)

MANY = 1200


async def filled(desk: Desk) -> AlertsScreen:
    await put_subscriptions(desk, [a_subscription(ALL_ON)])
    machine = a_machine("web-1")
    alerts = [
        an_alert(
            f"a{place:04}",
            machine,
            generated=NOW - timedelta(minutes=place),
            status="Resolved" if place % 3 == 0 else "Active",
            from_endpoint=place % 2 == 0,
        )
        for place in range(MANY)
    ]
    await put_alerts(desk, alerts)
    return AlertsScreen(desk)


async def test_only_alerts_near_the_view_are_read_newest_first(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert screen.table.count == MANY
        assert len(screen.table.rows) < MANY // 2
        assert screen.table.cursor_id.endswith("/a0000")
        assert f"{MANY:,} of {MANY:,} alerts · {MANY * 2 // 3} open" in text_of(app, "#count")
        await pilot.press("end")
        await settle(pilot)
        assert screen.table.cursor_id.endswith(f"/a{MANY - 1}")
        await pilot.press("S")
        await settle(pilot)
        await pilot.press("home")
        await settle(pilot)
        assert screen.table.cursor_id.endswith(f"/a{MANY - 1}"), "the oldest first"


async def test_a_status_can_be_asked_for_all_marked_alerts_of_which_most_were_never_in_view(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("asterisk", "v")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmDialog)
        assert f"Resolve: {MANY * 2 // 3} alerts?" in painted(app)
        assert f"{MANY // 3} alerts are resolved already." in app.toasts()
        app.screen.query_one("#confirm", Button).press()
        await settle(pilot)
        ((request),) = app.asked(AlertStatusRequested)
        assert len(request.alert_ids) == MANY * 2 // 3
        assert [one.rpartition("/")[2] for one in request.alert_ids[:3]] == ["a0001", "a0002", "a0004"]
        assert len(screen.table.marks) == MANY // 3


async def test_what_was_changed_stays_among_the_open_ones_but_no_other_toggle_nor_the_filter_lets_it_pass(empty_desk: Desk) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        await pilot.press("v")
        await settle(pilot)
        (request,) = app.asked(AlertStatusRequested)
        await empty_desk.fleet.set_alert_status(request.alert_ids[0], request.status)
        await settle(pilot)
        assert screen.table.cursor_id.endswith("/a0001")
        assert screen.table.cursor_row is not None
        assert screen.table.cursor_row.status == "Resolved"
        screen.set_filter("title:a0002")
        await settle(pilot)
        assert [row.name for row in screen.table.rows] == ["a0002"]
        screen.set_filter("title:a0001")
        await settle(pilot)
        assert [row.name for row in screen.table.rows] == ["a0001"]
        await pilot.press("e")
        await settle(pilot)
        assert screen.table.count == 0


@pytest.mark.parametrize(
    ("text", "number"), [("status:active", 800), ("severity:low -status=resolved a00", 66), ("mde", 600), ("age<10m", 10)]
)
async def test_alerts_are_filtered_by_the_language_of_filters(empty_desk: Desk, text: str, number: int) -> None:
    screen = await filled(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.set_filter(text)
        await settle(pilot)
        assert screen.table.count == number

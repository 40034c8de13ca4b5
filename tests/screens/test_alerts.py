"""The alerts: newest first, and a status that is asked for only where it may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from textual.widgets import Button

from screens.alerts import ENDPOINT_MARK, AlertsScreen
from screens.desk import Desk
from screens.dialogs import ConfirmDialog
from screens.requests import AlertStatusRequested, OpenAlert, OpenMachine
from screens.triage import NOTE
from tests.screens.paint import HOSTILE, HOSTILE_SHOWN, painted
from tests.screens.stage import (
    ALL_ON,
    NOW,
    READER,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    an_alert,
    close_desk,
    fill,
    open_desk,
    put_alerts,
    put_subscriptions,
    settle,
    text_of,
)


def asked(app: Stage) -> list[tuple[tuple[str, ...], str]]:
    return [(one.alert_ids, one.status) for one in app.asked(AlertStatusRequested)]


def names(screen: AlertsScreen) -> list[str]:
    return [row.name for row in screen.table.rows]


async def numbered(desk: Desk, number: int, **more: Any) -> None:
    """That many alerts, the newest first, in a subscription of which the alerts may be changed."""
    machine = a_machine("web-1")
    await put_subscriptions(desk, [a_subscription(ALL_ON)])
    await put_alerts(desk, [an_alert(f"a{place}", machine, generated=NOW - timedelta(minutes=place), **more) for place in range(number)])


async def test_the_newest_comes_first_with_severity_and_status_as_shape_and_word(desk: Desk) -> None:
    screen = AlertsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        times = [row.generated for row in screen.table.rows if row.generated]
        assert times == sorted(times, reverse=True)
        lines = painted(app)
        for text in ("▲ High", "▲ Medium", "△ Low", "· Informational", "? Critical", "○ active", "◐ in progress", "✓ resolved", "? Odd"):
            assert text in lines
        assert f"{NOTE}" in lines


async def test_the_note_about_the_defender_portal_is_always_on_the_screen(empty_desk: Desk) -> None:
    app = Stage(empty_desk, AlertsScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert NOTE in painted(app)
        assert "press r to read Azure" in painted(app)


async def test_alerts_of_defender_for_endpoint_are_marked_and_can_be_shown_alone(desk: Desk) -> None:
    screen = AlertsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        everything = len(screen.table.rows)
        assert painted(app).count(ENDPOINT_MARK) == 4
        await pilot.press("e")
        await settle(pilot)
        assert {row.from_endpoint for row in screen.table.rows} == {True}
        assert "Defender for Endpoint only" in text_of(app, "#count")
        await pilot.press("e")
        await settle(pilot)
        assert len(screen.table.rows) == everything


async def test_an_alert_that_is_resolved_here_stays_among_the_open_ones_so_that_it_can_be_taken_back(empty_desk: Desk) -> None:
    await numbered(empty_desk, 3)
    screen = AlertsScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("o", "v")
        await settle(pilot)
        ((changed,), status) = asked(app)[0]
        await empty_desk.fleet.set_alert_status(changed, status)
        await settle(pilot)
        assert names(screen) == ["a0", "a1", "a2"]
        await pilot.press("a")
        await settle(pilot)
        assert asked(app)[1] == ((changed,), "Active")
        await pilot.press("o", "o")
        await settle(pilot)
        assert names(screen) == ["a1", "a2"]


@pytest.mark.parametrize(("key", "status"), [("i", "InProgress"), ("v", "Resolved"), ("d", "Dismissed"), ("a", "Active")])
async def test_one_alert_is_asked_for_at_once(empty_desk: Desk, key: str, status: str) -> None:
    await numbered(empty_desk, 2, status="Odd")
    screen = AlertsScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
        assert asked(app) == [((screen.table.rows[0].id,), status)]
        assert app.screen is screen


async def test_several_are_confirmed_by_number_and_name_and_cancel_has_the_focus(empty_desk: Desk) -> None:
    await numbered(empty_desk, 8)
    screen = AlertsScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("space", "space", "v")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        assert "Resolve: 2 alerts?" in painted(app)
        assert "[sensitive] data a0" in painted(app)
        await pilot.press("enter")
        await settle(pilot)
        assert asked(app) == []
        await pilot.press("asterisk", "v")
        await pilot.pause()
        assert "and 3 more" in painted(app)
        app.screen.query_one("#confirm", Button).press()
        await settle(pilot)
        ((ids, status),) = asked(app)
        assert (ids, status) == (tuple(row.id for row in screen.table.rows), "Resolved")
        assert screen.table.marks == frozenset()


async def test_marks_that_the_filter_hides_are_left_alone(empty_desk: Desk) -> None:
    await numbered(empty_desk, 3)
    screen = AlertsScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("asterisk")
        screen.set_filter("a1")
        await settle(pilot)
        await pilot.press("v")
        await settle(pilot)
        assert asked(app) == [((screen.table.rows[0].id,), "Resolved")]
        assert len(screen.table.marks) == 2


async def test_a_read_only_console_says_so_and_asks_for_nothing(tmp_path: Any) -> None:
    desk = await open_desk(tmp_path, read_only=True)
    await fill(desk)
    app = Stage(desk, AlertsScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("v", "a", "i", "d")
        await settle(pilot)
        assert asked(app) == []
        assert "read-only" in app.toasts()[0]
    await close_desk(desk)


async def test_without_the_right_a_sentence_names_who_can(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON), a_subscription(READER, "[only] read", can_triage=False)])
    await put_alerts(
        empty_desk,
        [
            an_alert("mine", a_machine("web-1")),
            an_alert("theirs", subscription_id=READER, generated=NOW),
            an_alert("done", status="Resolved"),
        ],
    )
    screen = AlertsScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert names(screen)[0] == "theirs"
        await pilot.press("v")
        await settle(pilot)
        assert asked(app) == []
        assert app.toasts() == ["You have no right to change 1 alert in “[only] read”: Security Admin, Contributor or Owner of it can."]
        await pilot.press("asterisk", "v")
        await settle(pilot)
        ((ids, _),) = asked(app)
        assert [one.rpartition("/")[2] for one in ids] == ["mine"]
        assert "1 alert is resolved already." in app.toasts()


async def test_enter_opens_the_alert_and_m_its_machine(desk: Desk) -> None:
    screen = AlertsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        first = screen.table.rows[0]
        await pilot.press("enter", "m")
        await settle(pilot)
        assert [one.alert_id for one in app.asked(OpenAlert)] == [first.id]
        assert [one.machine_id for one in app.asked(OpenMachine)] == [first.machine_id]
        screen.set_filter("e-native")
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert len(app.asked(OpenMachine)) == 1
        assert "This alert names no machine of Azure." in app.toasts()


async def test_no_alerts_after_a_reading_is_told_from_no_reading(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON)])
    await empty_desk.fleet.mark_fresh("alerts", ALL_ON)
    app = Stage(empty_desk, AlertsScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "No alerts, as of 0s ago" in painted(app)


async def test_every_order_can_be_chosen(desk: Desk) -> None:
    screen = AlertsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        for key in AlertsScreen.SORT_KEYS[1:]:
            await pilot.press("s")
            await settle(pilot)
            assert screen.table.sorted_by == key
            assert len(screen.table.rows) == 6
        await pilot.press("s", "s")
        await settle(pilot)
        assert screen.table.rows[0].severity == "High"


@pytest.mark.parametrize("size", [(20, 5), SMALL, WIDE])
async def test_no_text_of_azure_reaches_the_terminal_as_anything_but_text(empty_desk: Desk, size: tuple[int, int]) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON, HOSTILE)])
    texts = dict.fromkeys(("title", "severity", "status", "product", "compromised_entity", "resource_group"), HOSTILE)
    await put_alerts(empty_desk, [an_alert(name, from_endpoint=False, **texts) for name in ("one", "two")])
    app = Stage(empty_desk, AlertsScreen(empty_desk))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        lines = painted(app)
        assert size[0] < 140 or HOSTILE_SHOWN in lines
        await pilot.press("asterisk", "v")
        await settle(pilot)
        assert size[0] < 80 or HOSTILE_SHOWN in painted(app)

"""Promises of the subscriptions screen: how far each has come, what is next, and a choice that is remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cache.fleet import FleetCache
from cache.model import Problem, Source, SubscriptionRow
from screens.coverage import Coverage, compact_states, coverage, next_step
from screens.desk import Desk
from screens.requests import CopyRequested, GoTo, SelectionChanged
from screens.subscriptions import SubscriptionsScreen
from screens.widgets.line_table import LineTable
from tests.screens.stage import (
    ALL_ON,
    BLIND,
    DISABLED,
    EXCLUDED,
    MOVED,
    NAMES,
    NEVER,
    NO_PLAN,
    NOW,
    READER,
    SMALL,
    SUBSCRIPTIONS,
    UNREGISTERED,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    an_onboarding,
    put_machines,
    settle,
    shown,
    text_of,
)


def row_of(**more: Any) -> SubscriptionRow:
    states, problems = more.pop("states", {}), more.pop("problems", ())
    return SubscriptionRow(a_subscription(1, "one", **more), states, problems)


@pytest.mark.parametrize(
    ("more", "expected", "says"),
    [
        ({}, Coverage.ENABLED, "Linux is enabled"),
        ({"linux": "excluded"}, Coverage.EXCLUDED, "choose it and press 3"),
        ({"linux": "excluded", "can_enable": False}, Coverage.EXCLUDED, "no right"),
        ({"linux": "not-set"}, Coverage.NOT_SET, "never set"),
        ({"integration": "off", "linux": "not-set"}, Coverage.OFF, "Windows and Linux"),
        ({"integration": "off", "servers_plan": "free"}, Coverage.NO_PLAN, "Defender for Servers"),
        ({"integration": None}, Coverage.UNKNOWN, "not known yet: press r"),
        ({"integration": None, "problems": (Problem("forbidden", "No.", Source.SETTINGS, NOW),)}, Coverage.UNKNOWN, "Security Reader"),
        ({"provider": "NotRegistered"}, Coverage.NOT_REGISTERED, "az provider register"),
        ({"state": "Disabled"}, Coverage.UNAVAILABLE, "Disabled"),
        ({"state": "Warned"}, Coverage.ENABLED, "Linux is enabled"),
        ({"can_see_machines": False}, Coverage.ENABLED, "no right to see the machines"),
        ({"states": {"failed": 1}}, Coverage.ENABLED, "1 machine needs attention"),
        ({"states": {"pending": 2}}, Coverage.ENABLED, "2 machines on the way"),
    ],
)
def test_every_situation_has_a_coverage_and_a_next_step(more: dict[str, Any], expected: Coverage, says: str) -> None:
    row = row_of(**more)
    assert coverage(row.subscription) is expected
    assert says in next_step(row)


def test_a_cloud_without_the_integration_offers_alerts_only() -> None:
    assert "only alerts" in next_step(row_of(), integration_supported=False)


def test_states_are_compact_and_an_unknown_state_is_counted() -> None:
    assert compact_states(row_of(states={"onboarded": 5, "failed": 1, "odd": 2})) == "8: 1✗ 5● 2?"
    assert compact_states(row_of()) == "0"


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_every_subscription_is_listed_as_it_is_called(desk: Desk, size: tuple[int, int]) -> None:
    app = Stage(desk, SubscriptionsScreen(desk))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        screen = shown(app)
        for name in ("[prod] web", "No plan [/]", NAMES[ALL_ON]):
            assert name in screen
        assert "[@click=app.quit]" in screen
        assert NAMES[MOVED] in screen
        assert "10 of 10 · none chosen" in screen
        assert "✗ excluded" in screen
        assert ALL_ON in screen or size == SMALL
        first = app.screen.query_one("#table", LineTable).cursor_id
        assert first in screen.replace("\n", ""), (
            "the id of the row under the cursor stands below the table where there is no column for it"
        )
        assert "no right" in screen


async def test_below_the_table_stands_what_is_next_for_the_row_under_the_cursor(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        for one, says in (
            (EXCLUDED, "Linux machines are excluded: choose it and press 3."),
            (NEVER, "Never enabled"),
            (NO_PLAN, "Defender for Servers is off"),
            (READER, "You have no right"),
            (BLIND, "You may not read machines: Security Admin has no right to [Compute]."),
            (UNREGISTERED, "Microsoft.Security is not registered"),
            (DISABLED, "The subscription is Disabled"),
        ):
            assert screen.table.move_to(one)
            await pilot.pause()
            assert says in text_of(app, "#hint")
            assert one in text_of(app, "#hint")


async def test_c_chooses_the_row_under_the_cursor_or_the_marked_ones(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.table.move_to(EXCLUDED)
        await pilot.press("c")
        await pilot.pause()
        assert app.asked(SelectionChanged)[-1].subscription_ids == {EXCLUDED}
        screen.table.move_to(NEVER)
        await pilot.press("space")
        screen.table.move_to(ALL_ON)
        await pilot.press("space", "c")
        await pilot.pause()
        assert app.asked(SelectionChanged)[-1].subscription_ids == {NEVER, ALL_ON}
        assert screen.table.marks == frozenset()
        assert app.asked(GoTo) == []


async def test_marks_that_a_filter_hides_are_counted_and_chosen_too(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.table.move_to(NEVER)
        await pilot.press("space", "slash", *"prod", "enter", "space")
        await pilot.pause()
        assert "2 marked (1 not shown)" in text_of(app, "#count")
        await pilot.press("c")
        await pilot.pause()
        assert app.asked(SelectionChanged)[-1].subscription_ids == {NEVER, EXCLUDED}


async def test_enter_chooses_and_goes_on_to_the_checklist(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.table.move_to(EXCLUDED)
        await pilot.press("enter")
        await pilot.pause()
        assert [type(one) for one in app.requests] == [SelectionChanged, GoTo]
        assert app.asked(GoTo)[0].screen == "checklist"


async def test_the_remembered_choice_is_marked_and_can_be_given_up(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await desk.fleet.select([EXCLUDED, NEVER])
        await settle(pilot)
        assert "2 chosen" in text_of(app, "#count")
        assert sum("✓" in line for line in shown(app).splitlines()[2:]) == 2
        await pilot.press("C")
        await pilot.pause()
        assert app.asked(SelectionChanged)[-1].subscription_ids == frozenset()


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("prod", {EXCLUDED}),
        ("is:linux-excluded", {EXCLUDED, READER}),
        ("not-registered", {UNREGISTERED}),
        ("is:no-right", {READER}),
        ("DISABLED", {DISABLED}),
    ],
)
async def test_the_filter_looks_at_everything(desk: Desk, typed: str, found: set[str]) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("slash")
        for key in typed:
            await pilot.press({":": "colon", "-": "minus"}.get(key, key))
        await pilot.pause()
        assert {row.subscription.id for row in screen.table.rows} == found
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.table.rows) == len(SUBSCRIPTIONS)


async def test_cursor_and_filter_outlive_a_change_of_the_cache(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.table.move_to(NEVER)
        await desk.fleet.put_subscriptions([*SUBSCRIPTIONS, a_subscription(99, "AAA first")], complete=True)
        await settle(pilot)
        assert len(screen.table.rows) == len(SUBSCRIPTIONS) + 1
        assert screen.table.cursor_id == NEVER


async def test_without_subscriptions_it_says_what_to_do(empty_desk: Desk) -> None:
    app = Stage(empty_desk, SubscriptionsScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "No subscriptions yet: press r to read Azure." in shown(app)
        await pilot.press("c", "enter", "C")
        assert app.requests == []
        await empty_desk.fleet.mark_fresh(Source.SUBSCRIPTIONS)
        await empty_desk.fleet.put_problem(Problem("forbidden", "Nothing may be read.", Source.SUBSCRIPTIONS, NOW))
        await settle(pilot)
        assert "You can see no subscription here" in shown(app)
        assert "Nothing may be read." in text_of(app, "#hint")


async def test_every_column_can_be_sorted_by(desk: Desk) -> None:
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        for _ in screen.SORT_KEYS:
            await pilot.press("s", "S")
            await pilot.pause()
            assert len(screen.table.rows) == len(SUBSCRIPTIONS)
        await pilot.press("y")
        await pilot.pause()
        assert app.asked(CopyRequested)[-1].text == screen.table.cursor_id


@pytest.mark.parametrize("size", [(20, 5), (39, 24), (80, 9), (1, 1)])
async def test_a_terminal_that_is_too_small_gets_a_sentence_and_no_key_works_unseen(desk: Desk, size: tuple[int, int]) -> None:
    app = Stage(desk, SubscriptionsScreen(desk))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("c", "C")
        assert app.requests == []
        if size != (1, 1):
            assert "too small" in " ".join(shown(app).split())
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "[prod] web" in shown(app)
        await pilot.press("c")
        await pilot.pause()
        assert len(app.asked(SelectionChanged)) == 1


async def test_a_changed_session_is_read_only_by_word(desk: Desk) -> None:
    desk.session = replace(desk.session, read_only=True)
    app = Stage(desk, SubscriptionsScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "READ-ONLY" in shown(app)


async def test_a_choice_reads_the_choice_alone_and_a_changed_machine_no_alert(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(name: str) -> None:
        true = getattr(FleetCache, name)

        async def call(fleet: FleetCache, *values: Any) -> Any:
            read.append(name)
            return await true(fleet, *values)

        monkeypatch.setattr(FleetCache, name, call)

    for name in ("subscription_records", "states_by_subscription", "open_alerts_by_subscription"):
        noted(name)
    screen = SubscriptionsScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert sorted(read) == ["open_alerts_by_subscription", "states_by_subscription", "subscription_records"]
        read.clear()
        await desk.fleet.select({EXCLUDED})
        await settle(pilot)
        assert read == []
        assert "1 chosen" in text_of(app, "#count")
        machine = a_machine("another", EXCLUDED)
        await put_machines(desk, [(machine, an_onboarding(machine))])
        await settle(pilot)
        assert read == ["states_by_subscription"]

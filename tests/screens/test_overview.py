"""Promises of the overview: every machine, alert and subscription is counted, and each line leads to what it speaks of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.activity import READING
from cache.model import Intent, MachineState, Problem, Reading, Source
from screens.attention import Facts, attention
from screens.desk import Desk
from screens.overview import OverviewScreen, flow, proportions, summary
from screens.requests import GoTo
from tests.screens.stage import ALL_ON, EXCLUDED, NOW, SMALL, WIDE, Stage, a_subscription, advance, put_subscriptions, settle, shown

STATES = [str(state) for state in MachineState]


@given(st.dictionaries(st.sampled_from(STATES), st.integers(0, 100_000)), st.integers(0, 200))
def test_the_bar_is_as_wide_as_it_may_be_and_hides_no_state(counts: dict[str, int], width: int) -> None:
    cells = proportions(counts, width)
    there = {state for state, number in counts.items() if number}
    if not there or not width:
        assert cells == {}
        return
    assert set(cells) == there
    assert min(cells.values()) >= 1
    assert sum(cells.values()) == max(width, len(there))
    ordered = sorted(there, key=counts.__getitem__)
    assert all(cells[less] <= cells[more] + 1 for less, more in zip(ordered, ordered[1:], strict=False))


@given(st.lists(st.tuples(st.text("ab漢 ", min_size=1, max_size=30), st.just("good")), max_size=12), st.integers(15, 120))
def test_a_flow_never_is_wider_than_its_room(parts: list[tuple[str, str]], width: int) -> None:
    for line in flow("Label", parts, width):
        assert line.cell_length <= width


def test_the_summary_of_nothing_says_so() -> None:
    text = "\n".join(line.plain for line in summary(Facts(), 80, NOW, lambda _: timedelta(minutes=30)))
    assert "none known yet" in text
    assert "nothing read yet: press r" in text


def test_nothing_to_attend_to_is_nothing() -> None:
    assert attention(Facts(states={"healthy": 3, "onboarded": 2, "pending": 1})) == []


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_the_fleet_is_counted_in_one_look(desk: Desk, size: tuple[int, int]) -> None:
    app = Stage(desk, OverviewScreen(desk))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        screen = shown(app)
        for part in (
            "16 in all subscriptions",
            "✗ 1 failed",
            "– 5 not-enabled",
            "3 open:",
            "▲ 1 High",
            "● 2 Linux enabled",
            "✗ 2 Linux excluded",
            "✗ 3:",
        ):
            assert part in screen
        assert "What needs attention next" in screen
        assert ("Lately" in screen) == (size == WIDE)


def test_scripts_under_way_are_one_line_and_no_change_in_doubt() -> None:
    begun = [Intent(number, NOW, "run-script", f"/m/{number}", "", "health script") for number in range(32)]
    (one,) = attention(Facts(unfinished=begun))
    assert one.text.startswith("32 scripts that only read")
    assert (one.screen, one.tone) == ("audit", "busy")
    first, second = attention(Facts(unfinished=[*begun, Intent(99, NOW, "put-setting", "s/WDATP", "false", "true")]))
    assert "nobody knows how it ended: put-setting" in first.text
    assert second == one
    (test,) = attention(Facts(unfinished=[Intent(1, NOW, "run-detection-test", "/m/1", "", "detection test")]))
    assert test.text.startswith("1 detection test begun")
    assert (test.screen, test.tone) == ("audit", "busy")


async def test_attention_is_ordered_and_each_line_leads_to_what_it_speaks_of(desk: Desk) -> None:
    await desk.journal.begin("ann", "put-setting", "WDATP", "off", "on")
    screen = OverviewScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        ids = [row.id for row in screen.table.rows]
        assert ids[:5] == ["intent 1", "failed fanotify-conflict", "unhealthy", "overdue", "alerts High"]
        assert ids[-1] == "problems"
        for row in list(screen.table.rows):
            screen.table.move_to(row.id)
            await pilot.press("enter")
            await pilot.pause()
            asked = app.asked(GoTo)[-1]
            assert (asked.screen, asked.filter_text) == (row.screen, row.filter_text)
        went = {row.id: (row.screen, row.filter_text) for row in screen.table.rows}
        assert went["failed fanotify-conflict"] == ("machines", "failed fanotify-conflict")
        assert went["alerts High"] == ("alerts", "High")
        assert went["coverage Linux excluded"] == ("subscriptions", "is:linux-excluded")
        assert went["problems"] == ("log", "problem")


async def test_only_the_chosen_subscriptions_are_counted(desk: Desk) -> None:
    await desk.fleet.select([EXCLUDED])
    app = Stage(desk, OverviewScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "3 in 1 chosen subscription:" in shown(app)
        assert "failed" not in shown(app)
        await desk.fleet.select([ALL_ON])
        await settle(pilot)
        assert "12 in 1 chosen subscription:" in shown(app)


async def test_stale_sources_are_called_stale(desk: Desk) -> None:
    advance(desk, minutes=31)
    app = Stage(desk, OverviewScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "machines 31m STALE" in shown(app)


async def test_the_second_column_comes_and_goes_with_the_width(desk: Desk) -> None:
    app = Stage(desk, OverviewScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.resize_terminal(*WIDE)
        await settle(pilot)
        assert "Lately" in shown(app)
        await pilot.resize_terminal(*SMALL)
        await settle(pilot)
        assert "Lately" not in shown(app)
        await pilot.resize_terminal(20, 5)
        await settle(pilot)
        assert "too small" in " ".join(shown(app).split())


async def test_an_empty_cache_says_what_to_do(empty_desk: Desk) -> None:
    app = Stage(empty_desk, OverviewScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "No subscriptions yet: press r to read Azure." in shown(app)
        assert "Press r to read Azure, then 1 to choose subscriptions." in shown(app)
        empty_desk.activity.begin(READING, "reading subscriptions")
        await settle(pilot)
        assert "No subscriptions yet: Azure is being read at this moment." in shown(app)


async def test_settings_that_were_never_read_are_told_apart_from_those_that_could_not_be_read(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(number, integration=None) for number in (1, 2, 3)])
    await empty_desk.fleet.put_problem(Problem("forbidden", "You may not read settings.", Source.SETTINGS, NOW, a_subscription(1).id))
    screen = OverviewScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        told = [row.text for row in screen.table.rows]
        assert "2 subscriptions with settings that have not been read yet" in told
        assert "1 subscription with settings that could not be read: Security Reader may be missing" in told


async def test_what_becomes_most_urgent_is_in_view_unless_the_cursor_was_moved(desk: Desk) -> None:
    screen = OverviewScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=(80, 20)) as pilot:
        await settle(pilot)
        await desk.journal.begin("ann", "put-setting", "WDATP", "off", "on")
        await settle(pilot)
        assert screen.table.cursor_id == screen.table.rows[0].id == "intent 1"
        assert "A change was begun" in shown(app)
        await pilot.press("down")
        moved_to = screen.table.cursor_id
        await desk.journal.begin("ann", "put-setting", "WDATP", "off", "on")
        await settle(pilot)
        assert screen.table.cursor_id == moved_to != screen.table.rows[0].id


def test_how_old_the_data_is_is_told_by_minutes_and_one_subscription_makes_not_a_source_stale() -> None:
    ages = [Reading(Source.MACHINES, NOW - timedelta(seconds=20), 1999), Reading(Source.MACHINES, NOW - timedelta(hours=3))]
    old = Reading(Source.ALERTS, NOW - timedelta(hours=1))
    text = "\n".join(line.plain for line in summary(Facts(readings=[*ages, old]), 140, NOW, lambda _: timedelta(minutes=30)))
    assert "machines <1m (1 of 2,000 STALE)" in text
    assert "alerts 1h STALE" in text


async def test_what_is_read_of_the_ages_of_two_thousand_subscriptions_is_a_line_for_each_reading(empty_desk: Desk) -> None:
    many = [a_subscription(number) for number in range(2000)]
    await empty_desk.fleet.put_subscriptions(many, complete=True)
    await empty_desk.fleet.settle(Source.MACHINES, [one.id for one in many[:1500]])
    advance(empty_desk, minutes=40)
    await empty_desk.fleet.settle(Source.MACHINES, [one.id for one in many[1500:]])
    screen = OverviewScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert [one.subscriptions for one in screen._facts.readings] == [1500, 500]
        assert "machines <1m (1,500 of 2,000 STALE)" in " ".join(shown(app).split())
        await empty_desk.fleet.still_fresh(Source.MACHINES)
        await settle(pilot)
        assert [one.subscriptions for one in screen._facts.readings] == [2000]


async def test_scripts_under_way_are_shown_with_the_way_to_them(desk: Desk) -> None:
    await desk.journal.begin("ann", "run-script", "/m/1", "", "health script")
    app = Stage(desk, OverviewScreen(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "script that only read" in shown(app)
        assert "→ 8 Audit" in shown(app)

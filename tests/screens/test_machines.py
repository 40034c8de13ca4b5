"""The machines' table: worst first, live, and never moving beneath the user's hands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache.activity import READING
from cache.filter_language import quoted
from cache.model import MachineGroup, MachineRow, MachineState, Problem, Source
from screens.checklist import ChecklistScreen
from screens.desk import Desk
from screens.machines import MachinesScreen, expectation, outlook, state_counts, worst_group
from screens.requests import OpenMachine
from screens.words import STATE_SHAPES
from tests.screens.paint import HOSTILE, painted
from tests.screens.stage import (
    ALL_ON,
    BLIND,
    EXCLUDED,
    MACHINE_NAMES,
    NOW,
    SMALL,
    WIDE,
    Stage,
    a_check,
    a_machine,
    a_subscription,
    advance,
    an_onboarding,
    machine_id,
    put_machines,
    put_subscriptions,
    sample_machines,
    settle,
    text_of,
)


async def test_the_worst_state_comes_first_and_every_state_has_its_shape_and_word(desk: Desk) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        states = [row.state for row in screen.table.rows]
        assert states == sorted(states, key=list(STATE_SHAPES).index)
        assert len(states) == 16
        lines = painted(app)
        for state, (shape, _) in STATE_SHAPES.items():
            assert f"{shape} {state}" in lines


@pytest.mark.parametrize("size", [(20, 5), (40, 10), SMALL, WIDE])
async def test_names_and_reasons_are_shown_as_they_are_at_every_size(empty_desk: Desk, size: tuple[int, int]) -> None:
    await put_subscriptions(empty_desk, [a_subscription(1, HOSTILE)])
    machine = a_machine(HOSTILE, a_subscription(1).id, os_name=HOSTILE, power=HOSTILE, resource_group=HOSTILE, location=HOSTILE)
    await put_machines(empty_desk, [(machine, an_onboarding(machine, MachineState.FAILED, reason=HOSTILE))])
    app = Stage(empty_desk, MachinesScreen(empty_desk))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        lines = painted(app)
        assert size[0] < 80 or "[@click=app.quit]x[" in lines


def groups_of(rows: list[MachineRow]) -> list[MachineGroup]:
    return [MachineGroup(row.state, row.reason, row.diagnosis, 1) for row in rows]


def line_of(app: Stage, machine_id: str) -> int:
    """The line of the screen on which a machine is."""
    name = machine_id.rpartition("/")[2]
    return next(place for place, line in enumerate(painted(app).split("\n")) if line.startswith(f" {name} "))


async def test_a_state_that_changes_moves_no_cursor_no_scroll_no_filter_and_no_mark(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON)])
    machines = [a_machine(f"web-{number:03}") for number in range(100)]
    await put_machines(empty_desk, [(one, an_onboarding(one, reason="waiting")) for one in machines])
    screen = MachinesScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.set_filter("web")
        await pilot.press("space", *["pagedown"] * 3, "j")
        await settle(pilot)
        cursor, marks = screen.table.cursor_id, screen.table.marks
        before = line_of(app, cursor)
        later = machines[90]
        await empty_desk.fleet.put_onboardings([an_onboarding(later, MachineState.FAILED, reason="broke")])
        await settle(pilot)
        assert screen.table.rows[0].id == later.id, "the failed one is first now"
        assert (screen.table.cursor_id, screen.table.marks, screen.filter_text) == (cursor, marks, "web")
        assert line_of(app, cursor) == before
        assert "✗ 1 failed" in text_of(app, "#count")


async def test_only_the_chosen_subscriptions_are_shown(desk: Desk) -> None:
    await desk.fleet.select([EXCLUDED])
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert {row.subscription_id for row in screen.table.rows} == {EXCLUDED}
        assert "in 1 chosen subscription" in text_of(app, "#count")
        await desk.fleet.select([])
        await settle(pilot)
        assert len({row.subscription_id for row in screen.table.rows}) == 3


@pytest.mark.parametrize("words", ["failed", "fanotify-conflict", "conflict [reason]", "ubuntu 22.04 failed"])
async def test_a_filter_finds_states_diagnoses_and_reasons(desk: Desk, words: str) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.set_filter(words)
        await settle(pilot)
        assert [row.state for row in screen.table.rows] == [MachineState.FAILED]
        screen.set_filter("no such machine")
        await settle(pilot)
        assert "No machine passes the filter" in painted(app)


async def test_enter_opens_the_machine_under_the_cursor(desk: Desk) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("j", "enter")
        await settle(pilot)
        assert [one.machine_id for one in app.asked(OpenMachine)] == [screen.table.rows[1].id]


async def test_every_order_can_be_chosen_and_turned_round(desk: Desk) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        for key in (*MachinesScreen.SORT_KEYS[1:], MachinesScreen.SORT_KEYS[0]):
            await pilot.press("s")
            await settle(pilot)
            assert screen.table.sorted_by == key
            assert len(screen.table.rows) == 16
        first = screen.table.rows[0].state
        await pilot.press("S")
        await settle(pilot)
        assert screen.table.rows[-1].state is first


async def test_what_is_aboard_can_be_hidden(desk: Desk) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        assert {MachineState.ONBOARDED, MachineState.HEALTHY}.isdisjoint(row.state for row in screen.table.rows)
        assert "not aboard only" in text_of(app, "#count")


async def test_the_worst_group_and_its_remedy_are_told_and_who_may_not_look(desk: Desk) -> None:
    app = Stage(desk, MachinesScreen(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        hint = text_of(app, "#hint")
        assert "✗ 1 failed: Another product holds fanotify: [ds_agent]. → Remove it" in hint
        assert "Security Admin alone: You may not read machines" in hint


async def test_without_machines_the_screen_says_what_to_do(empty_desk: Desk) -> None:
    await empty_desk.fleet.put_problem(Problem("forbidden", "You may not read machines.", Source.MACHINES, NOW, BLIND))
    app = Stage(empty_desk, MachinesScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "press r to read Azure" in painted(app)
        empty_desk.activity.begin(READING, "reading machines")
        await settle(pilot)
        assert "No machines known yet: Azure is being read at this moment." in painted(app)
        empty_desk.activity.end(READING)
        await settle(pilot)
        assert "press r to read Azure" in painted(app)
        assert "You may not read machines." in text_of(app, "#hint")


async def test_when_the_time_has_come_fewer_are_expected(desk: Desk) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "2 expected by 12:20 UTC" in text_of(app, "#count")
        advance(desk, minutes=21)
        screen.clock_moved()
        await settle(pilot)
        assert "expected" not in text_of(app, "#count")
        assert "1m ago" in painted(app)


async def test_what_comes_next_is_told_when_nothing_needs_attention(desk: Desk) -> None:
    rows = await desk.fleet.machine_rows()
    of = {state: [row for row in rows if row.state is state] for state in MachineState}
    of = {state: groups_of(of[state]) for state in of}
    assert worst_group(of[MachineState.PENDING]) == ""
    assert "nothing to do but watch" in outlook(of[MachineState.PENDING])
    assert "press 3 to enable" in outlook(of[MachineState.NOT_ENABLED])
    assert "aboard" in outlook(of[MachineState.HEALTHY])
    assert outlook([]) == ""
    assert "who must act" in worst_group(of[MachineState.BLOCKED])
    assert expectation(0, None, NOW) == ""


async def test_the_larger_of_two_groups_in_the_same_state_is_told(desk: Desk) -> None:
    (row,) = [row for row in await desk.fleet.machine_rows() if row.state is MachineState.FAILED]
    other = replace(row, diagnosis=replace(row.diagnosis, code="other", cause="Something else.")) if row.diagnosis else row
    assert worst_group(groups_of([row, other, other])).startswith("✗ 2 failed: Something else.")


def test_counts_leave_their_words_where_there_is_no_room() -> None:
    assert state_counts([], 80) == ""
    assert len(sample_machines()) == 16


async def test_the_machines_of_a_check_alone_are_shown_until_escape(desk: Desk) -> None:
    ids = tuple(machine_id(name) for name in MACHINE_NAMES[:3])
    await desk.fleet.put_checklists(
        {ALL_ON: [a_check(ALL_ON, "running", machine_ids=ids), a_check(ALL_ON, "linux", machine_ids=ids[:1])]}, {}
    )
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        everything = screen.table.count
        screen.show_affected(((ALL_ON, "running"),), "The machines [run]")
        await pilot.pause(0.3)
        await settle(pilot)
        assert screen.table.count == screen.total == 3
        assert "affected by “The machines [run]”" in text_of(app, "#count")
        screen.set_filter(f"name={quoted(MACHINE_NAMES[1])}")
        await settle(pilot)
        await screen.arranged()
        assert screen.table.count == 1
        await pilot.press("escape")
        await settle(pilot)
        await screen.arranged()
        assert screen.table.count == 3
        await desk.fleet.put_checklists({ALL_ON: [a_check(ALL_ON, "running", machine_ids=ids[:2])]}, {})
        await pilot.pause(0.3)
        await settle(pilot)
        assert screen.table.count == 2
        await pilot.press("escape")
        await pilot.pause(0.3)
        await settle(pilot)
        assert screen.table.count == everything


async def test_a_screen_that_opens_on_the_machines_of_a_check_never_shows_others(desk: Desk) -> None:
    await desk.fleet.put_checklists({ALL_ON: [a_check(ALL_ON, "running", machine_ids=(machine_id(MACHINE_NAMES[0]),))]}, {})
    app = Stage(desk, ChecklistScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen = MachinesScreen(desk)
        screen.show_affected(((ALL_ON, "running"),), "It runs")
        await app.push_screen(screen)
        await settle(pilot)
        assert (screen.table.count, screen.total) == (1, 1)

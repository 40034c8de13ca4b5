"""The checklist: what fails first, what to do about it, and manual steps that are remembered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from cache.model import Check, CheckStatus, MachineState, Source
from console.exporting import export
from screens.affected import AffectedDialog
from screens.checklist import ChecklistScreen, next_step
from screens.desk import Desk
from screens.requests import CopyRequested, ExportRequested, GoTo, OpenMachine, SyncRequested, TickRequested
from screens.widgets.document import Document
from screens.words import CHECK_SHAPES, STATE_SHAPES
from tests.screens.paint import painted
from tests.screens.stage import (
    ALL_ON,
    EXCLUDED,
    MOVED,
    NEVER,
    SMALL,
    WIDE,
    Stage,
    a_check,
    advance,
    close_desk,
    machine_id,
    open_desk,
    settle,
    text_of,
)


def detail(screen: ChecklistScreen) -> str:
    return screen.query_one("#document", Document).plain


def to_row(screen: ChecklistScreen, subscription_id: str, check_id: str) -> None:
    assert screen.table.move_to(f"{subscription_id}/{check_id}")


async def test_what_fails_stands_first_with_shape_and_word(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        statuses = [row.status for row in screen.table.rows]
        assert statuses[0] is CheckStatus.FAIL
        assert statuses == sorted(statuses, key=list(CHECK_SHAPES).index)
        text = painted(app)
        assert "✗ fail" in text
        assert "✗ 2 fail" in text_of(app, "#count")


async def test_only_the_chosen_subscriptions_are_listed(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    screen = ChecklistScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert {row.subscription_id for row in screen.table.rows} == {EXCLUDED}


async def test_the_detail_tells_evidence_remedy_who_command_and_portal(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    async with Stage(desk, screen).run_test(size=WIDE) as pilot:
        await settle(pilot)
        to_row(screen, ALL_ON, "connectivity")
        await settle(pilot)
        said = detail(screen)
        for text in (
            "What was [read] in Azure.",
            "Do this.",
            "Security Admin",
            "az security setting show",
            "https://portal.azure.com",
            "Machines",
        ):
            assert text in said


async def test_open_only_hides_what_holds(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        before = len(screen.table.rows)
        await pilot.press("o")
        assert 0 < len(screen.table.rows) < before
        assert all(row.status is not CheckStatus.PASS for row in screen.table.rows)
        await pilot.press("o")
        assert len(screen.table.rows) == before


async def test_the_remedy_is_copied_the_command_before_the_address(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        to_row(screen, ALL_ON, "connectivity")
        await pilot.press("y")
        to_row(screen, ALL_ON, "plan")
        await pilot.press("y")
        assert [one.text for one in app.asked(CopyRequested)] == ["az security setting show --name connectivity"]
        assert any("nothing to copy" in one for one in app.toasts())


async def test_a_manual_step_is_ticked_and_a_checked_one_is_not(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        to_row(screen, MOVED, "tenant-move")
        await pilot.press("x")
        to_row(screen, ALL_ON, "plan")
        await pilot.press("x")
        assert [(one.subscription_id, one.check_id, one.done) for one in app.asked(TickRequested)] == [(MOVED, "tenant-move", True)]


async def test_a_ticked_step_says_who_and_when_and_can_be_taken_back(desk: Desk) -> None:
    ticked = a_check(MOVED, "tenant-move", CheckStatus.PASS, ticked_by="bo@contoso.example", ticked_at=desk.clock.now())
    await desk.fleet.put_checklists({MOVED: [ticked]}, {})
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        to_row(screen, MOVED, "tenant-move")
        await settle(pilot)
        assert "bo@contoso.example" in detail(screen)
        await pilot.press("x")
        assert [one.done for one in app.asked(TickRequested)] == [False]


async def test_one_affected_machine_is_shown_by_its_page(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        one = next(row for row in screen.table.rows if row.affected == 1)
        to_row(screen, one.subscription_id, one.id)
        await pilot.press("m")
        assert [request.machine_id for request in app.asked(OpenMachine)] == [one.machine_ids[0]]


async def test_many_affected_machines_are_listed_worst_first_and_enter_opens_one(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        to_row(screen, ALL_ON, "connectivity")
        await pilot.press("m")
        await settle(pilot)
        assert isinstance(app.screen, AffectedDialog)
        states = [row.state for row in app.screen.table.rows]
        assert len(states) == len(MachineState)
        assert states == sorted(states, key=list(STATE_SHAPES).index)
        assert "'single'" in painted(app)
        await pilot.press("escape", "m")
        await settle(pilot)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert [request.machine_id for request in app.asked(OpenMachine)] == [machine_id("web-10")]


async def test_many_manual_steps_are_ticked_at_once_by_marks(desk: Desk) -> None:
    for one in (EXCLUDED, NEVER):
        await desk.fleet.put_checklists({one: [a_check(one, "tenant-move", CheckStatus.MANUAL), a_check(one, "rights")]}, {})
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("*", "x")
        asked = [(one.subscription_id, one.check_id, one.done) for one in app.asked(TickRequested)]
        assert sorted(asked) == [(one, "tenant-move", True) for one in sorted((EXCLUDED, NEVER, MOVED))]
        assert screen.table.marks == frozenset()
        assert any("ann@contoso.example" in one for one in app.toasts())


async def test_a_long_text_about_a_check_can_be_read_by_keys_and_escape_leads_back(desk: Desk) -> None:
    await desk.fleet.put_checklists({EXCLUDED: [a_check(EXCLUDED, "rights", CheckStatus.FAIL, remedy="Do this. " * 200)]}, {})
    await desk.fleet.select({EXCLUDED})
    screen = ChecklistScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("enter", "end")
        await settle(pilot)
        assert screen.query_one("#detail").scroll_y > 0
        await pilot.press("escape")
        assert screen.table.has_focus


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ([], ""),
        ([a_check("a", "linux")], "1 subscription enabled already: press 4"),
        ([a_check("a", "linux", CheckStatus.FAIL), a_check("a", "rights")], "Nothing blocks this subscription: press 3"),
        ([a_check("a", "fanotify", CheckStatus.FAIL, machine_ids=("m",)), a_check("b", "rights")], "Nothing blocks these 2 subscriptions"),
        (
            [a_check("a", "rights", CheckStatus.FAIL), a_check("b", "rights")],
            "1 subscription fails a prerequisite; nothing blocks the other one",
        ),
        ([a_check("a", "rights", CheckStatus.FAIL)], "then r"),
    ],
)
def test_what_is_next_follows_from_the_checks(checks: list[Check], words: str) -> None:
    assert words in next_step(checks)


async def test_an_empty_checklist_says_what_to_do(empty_desk: Desk) -> None:
    app = Stage(empty_desk, ChecklistScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "press r to read Azure" in painted(app)
        await pilot.press("m", "x", "y", "o", "enter")


async def test_old_evidence_is_called_stale(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "STALE" not in detail(screen)
        advance(desk, hours=2)
        screen.clock_moved()
        assert "2h ago, STALE" in detail(screen)


async def test_hostile_names_are_shown_as_they_are(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = painted(app)
        assert "[@click=" in text
        assert "]x[/]" in text
        assert "[prod] web" in text


async def test_evidence_has_the_age_of_what_the_check_rests_on(desk: Desk) -> None:
    await desk.fleet.put_checklists({ALL_ON: [a_check(ALL_ON, "running"), a_check(ALL_ON, "cloud"), a_check(ALL_ON, "linux")]}, {})
    await desk.fleet.mark_fresh(Source.MACHINES, ALL_ON)
    await desk.fleet.mark_fresh(Source.PERMISSIONS, ALL_ON)
    advance(desk, minutes=20)
    await desk.fleet.mark_fresh(Source.SETTINGS, ALL_ON)
    await desk.fleet.mark_fresh(Source.MACHINES, ALL_ON)
    await desk.fleet.select({ALL_ON})
    screen = ChecklistScreen(desk)
    async with Stage(desk, screen).run_test(size=WIDE) as pilot:
        await settle(pilot)
        ages = {row.id: screen.cell(row, "age")[0] for row in screen.table.rows}
        assert ages == {"running": "20m", "cloud": "–", "linux": "<1m"}
        to_row(screen, ALL_ON, "running")
        await settle(pilot)
        assert "machines 0s ago, permissions 20m ago" in detail(screen)
        to_row(screen, ALL_ON, "cloud")
        await settle(pilot)
        assert "follows from the cloud" in detail(screen)
        await desk.fleet.mark_fresh(Source.PERMISSIONS, ALL_ON)
        await pilot.pause(0.3)
        await settle(pilot)
        assert {row.id: screen.cell(row, "age")[0] for row in screen.table.rows}["running"] == "<1m"
        advance(desk, hours=3)
        screen.clock_moved()
        to_row(screen, ALL_ON, "running")
        await settle(pilot)
        assert "STALE" in detail(screen)


async def test_one_check_is_read_again_alone(desk: Desk) -> None:
    await desk.fleet.put_checklists({ALL_ON: [a_check(ALL_ON, "running"), a_check(ALL_ON, "cloud"), a_check(ALL_ON, "linux")]}, {})
    await desk.fleet.select({ALL_ON, EXCLUDED})
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        to_row(screen, ALL_ON, "linux")
        await pilot.press("c")
        await settle(pilot)
        (asked,) = app.asked(SyncRequested)
        assert (set(asked.subscription_ids), asked.sources) == ({ALL_ON, EXCLUDED}, {Source.SETTINGS})
        to_row(screen, ALL_ON, "cloud")
        await pilot.press("c")
        await settle(pilot)
        assert len(app.asked(SyncRequested)) == 1
        assert "Nothing in Azure is read for this check" in app.toasts()[-1]
        for one in ("running", "linux"):
            to_row(screen, ALL_ON, one)
            await pilot.press("space")
        await pilot.press("c")
        await settle(pilot)
        asked = app.asked(SyncRequested)[-1]
        assert asked.subscription_ids == (ALL_ON,)
        assert asked.sources == {Source.SETTINGS, Source.MACHINES, Source.PERMISSIONS}


async def test_nothing_is_said_to_be_read_while_nobody_is_signed_in(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, signed_in=False)
    await desk.fleet.put_checklists({ALL_ON: [a_check(ALL_ON, "linux")]}, {})
    app = Stage(desk, ChecklistScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await settle(pilot)
        assert not app.asked(SyncRequested)
        assert "Not signed in" in app.toasts()[-1]
    await close_desk(desk)


async def test_the_machines_of_a_check_are_shown_on_their_screen(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        to_row(screen, ALL_ON, "connectivity")
        await pilot.press("M")
        await settle(pilot)
        (asked,) = app.asked(GoTo)
        assert (asked.screen, asked.checks, asked.title) == ("machines", ((ALL_ON, "connectivity"),), "The [connectivity] prerequisite")
        to_row(screen, ALL_ON, "rights")
        await pilot.press("M")
        assert len(app.asked(GoTo)) == 1


async def test_what_is_shown_of_the_checklist_is_exported(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)

    def tell(sentence: str, *, error: bool = False) -> None:
        assert not error

    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("E", "enter")
        await settle(pilot)
        every = app.asked(ExportRequested)[-1]
        assert every.shown is None
        await export(desk, every, tell)
        text = await asyncio.to_thread(Path(every.path).read_text)
        assert "\\[prod\\] web" in text
        assert "machines" in text
        screen.set_filter("status:fail")
        await settle(pilot)
        await pilot.press("E", "tab", "enter")
        await settle(pilot)
        some = app.asked(ExportRequested)[-1]
        await export(desk, some, tell)
        items = json.loads(await asyncio.to_thread(Path(some.path).read_text))["items"]
        assert {one["status"] for one in items} == {"fail"}
        assert len(items) == len(screen.table.rows)

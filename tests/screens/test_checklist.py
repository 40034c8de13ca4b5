"""The checklist: what fails first, what to do about it, and manual steps that are remembered."""

from __future__ import annotations

from cache.model import CheckStatus
from screens.checklist import ChecklistScreen
from screens.desk import Desk
from screens.requests import CopyRequested, GoTo, OpenMachine, TickRequested
from screens.widgets.document import Document
from screens.words import CHECK_SHAPES
from tests.screens.paint import painted
from tests.screens.stage import ALL_ON, EXCLUDED, MOVED, SMALL, WIDE, Stage, a_check, settle, text_of


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
    await desk.fleet.put_checks(MOVED, [ticked])
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        to_row(screen, MOVED, "tenant-move")
        await settle(pilot)
        assert "bo@contoso.example" in detail(screen)
        await pilot.press("x")
        assert [one.done for one in app.asked(TickRequested)] == [False]


async def test_the_affected_machines_are_shown_one_as_its_page_many_as_a_list(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        to_row(screen, ALL_ON, "connectivity")
        await pilot.press("m")
        one = next(row for row in screen.table.rows if row.affected == 1)
        to_row(screen, one.subscription_id, one.id)
        await pilot.press("enter")
        assert [request.screen for request in app.asked(GoTo)] == ["machines"]
        assert [request.machine_id for request in app.asked(OpenMachine)] == [one.machine_ids[0]]


async def test_hostile_names_are_shown_as_they_are(desk: Desk) -> None:
    screen = ChecklistScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = painted(app)
        assert "[@click=app.quit]" in text
        assert "[prod] web" in text

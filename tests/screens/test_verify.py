"""Verify: the plan is shown whole with its script, nothing runs that was not confirmed, each answer appears, and pasting is a place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual import events

from cache.machine_reports import Finding, MachineReport
from cache.model import CheckStatus
from cache.verification import Phase, Standing, VerifyRow
from screens.desk import Desk
from screens.dialogs import ConfirmDialog
from screens.machine import MachinePage
from screens.machines import MachinesScreen
from screens.paste import LONGEST, Pasted, PasteDialog
from screens.requests import CopyRequested, OpenMachine, PasteRequested, VerifyPlanRequested, VerifyRequested, VerifyStopRequested
from screens.verify import VerifyScreen
from screens.widgets.document import Document
from tests.screens.stage import NOW, SMALL, WIDE, Stage, advance, close_desk, machine_id, open_desk, settle, shown

SCRIPTS = {"Linux": "#!/bin/sh\nmdatp health\n", "Windows": "Get-Service -Name sense\n"}


def a_row(name: str, system: str = "Linux", **more: Any) -> VerifyRow:
    values: dict[str, Any] = {
        "machine_id": machine_id(name),
        "name": name,
        "subscription": "[prod] web",
        "system": system,
        "way": "a managed run command",
        "right": "Microsoft.Compute/virtualMachines/runCommands/write",
        "by_hand": "mdatp health" if system == "Linux" else "",
        "standing": Standing.TO_RUN,
    }
    return VerifyRow(**{**values, **more})


OFF = a_row("vm-off", way="", right="", standing=Standing.CANNOT, reason="It is stopped; scripts need a machine that runs. Start it first.")


def plan(desk: Desk, *rows: VerifyRow) -> None:
    desk.verification.plan("all onboarded machines of 2 subscriptions")
    desk.verification.show("p1", NOW, SCRIPTS, rows or (a_row("web[/]1"), a_row("win-1", "Windows"), OFF))


def said(screen: VerifyScreen) -> str:
    return f"{screen.query_one('#head', Document).plain}\n{screen.query_one('#document', Document).plain}"


async def test_the_plan_is_a_line_for_each_machine_with_its_way_or_why_not_and_the_script_whole(desk: Desk) -> None:
    plan(desk)
    screen = VerifyScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = shown(app)
        assert "can run on 2 machines; 1 cannot, and says why" in text
        assert "■ cannot run" in text
        assert "It is stopped" in text
        assert "asked by a managed run command" in text
        assert "activity log" in text
        assert "Start it first" in said(screen)  # the one that cannot comes first
        assert "“mdatp health” on the machine (c copies it), then o takes what it printed" in said(screen)
        await pilot.press("j")
        await settle(pilot)
        assert "The script for Linux, whole\n#!/bin/sh\nmdatp health" in said(screen)
        assert "web[/]1" in said(screen)
        assert "right to Microsoft.Compute/virtualMachines/runCommands/write" in said(screen)
        await pilot.press("j")
        await settle(pilot)
        assert "The script for Windows, whole\nGet-Service -Name sense" in said(screen)


async def test_nothing_runs_before_the_script_was_shown_and_confirmed(desk: Desk) -> None:
    plan(desk)
    app = Stage(desk, VerifyScreen(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmDialog)
        text = shown(app)
        for words in (
            "Run this script on 2 machines?",
            "mdatp health",
            "Get-Service -Name sense",
            "activity log",
            "removed again",
            "x stops",
        ):
            assert words in text
        await pilot.press("enter")  # Cancel has the focus
        await settle(pilot)
        assert app.asked(VerifyRequested) == []
        await pilot.press("a")
        await settle(pilot)
        await pilot.press("right", "enter")
        await settle(pilot)
        assert [one.plan_id for one in app.asked(VerifyRequested)] == ["p1"]


async def test_a_plan_that_may_not_be_run_says_why(desk: Desk) -> None:
    app = Stage(desk, VerifyScreen(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("a")
        assert "e plans for every onboarded machine" in app.toasts()[-1]
        plan(desk, OFF)
        await settle(pilot)
        await pilot.press("a")
        assert "None of these machines can run a script" in app.toasts()[-1]
        plan(desk)
        desk.verification.begin()
        await settle(pilot)
        await pilot.press("a")
        assert "stop it with x" in app.toasts()[-1]
        assert app.asked(VerifyRequested) == []


async def test_a_read_only_console_says_so_and_still_takes_output(tmp_path: Any) -> None:
    desk = await open_desk(tmp_path, read_only=True)
    plan(desk)
    app = Stage(desk, VerifyScreen(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "read-only: nothing is run" in shown(app)
        await pilot.press("a")
        assert "read-only" in app.toasts()[-1]
        await pilot.press("o")
        await settle(pilot)
        assert isinstance(app.screen, PasteDialog)
    assert app.asked(VerifyRequested) == []
    await close_desk(desk)


async def test_a_plan_that_grew_too_old_says_so(desk: Desk) -> None:
    plan(desk)
    app = Stage(desk, VerifyScreen(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        advance(desk, minutes=16)
        app.screen.clock_moved()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "too old to be run" in shown(app)


async def test_answers_appear_as_they_come_and_the_worst_stands_first_at_the_end(desk: Desk) -> None:
    plan(desk)
    screen = VerifyScreen(desk)
    app = Stage(desk, screen)
    verification = desk.verification
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        verification.begin()
        verification.change(machine_id("win-1"), standing=Standing.UNDER_WAY)
        await settle(pilot)
        assert "0 of 2 machines done" in shown(app)
        assert "○ waiting" in shown(app)
        assert "◐ under way" in shown(app)
        verification.change(machine_id("win-1"), standing=Standing.HEALTHY, reason="The service “sense” runs.", at=NOW, kept=True)
        await settle(pilot)
        assert "1 of 2 machines done" in shown(app)
        assert "♥ healthy" in shown(app)
        await pilot.press("x")
        assert len(app.asked(VerifyStopRequested)) == 1
        verification.stop()
        await settle(pilot)
        assert "what was sent is waited for" in shown(app)
        assert "– not sent" in shown(app)
        verification.end()
        await settle(pilot)
        assert "Verified all onboarded machines of 2 subscriptions: 1 cannot run, 1 not sent, 1 healthy." in said(screen)
        assert screen.table.cursor_id == OFF.machine_id
        assert verification.phase is Phase.ENDED
        await pilot.press("x")
        assert "No verification is under way" in app.toasts()[-1]


async def test_what_is_to_do_stands_below_the_line(desk: Desk) -> None:
    sick = a_row("web-1", standing=Standing.UNHEALTHY, reason="It has no license.", remedy="Look at MDE.Linux.", notes=("Passive mode.",))
    plan(desk, sick)
    screen = VerifyScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "♡ unhealthy: It has no license." in said(screen)
        assert "What to do: Look at MDE.Linux." in said(screen)
        assert "Passive mode." in said(screen)
        await pilot.press("m")
        assert [one.machine_id for one in app.asked(OpenMachine)] == [machine_id("web-1")]
        await pilot.press("c")
        assert [one.text for one in app.asked(CopyRequested)] == ["mdatp health"]


async def test_those_that_failed_are_asked_again(desk: Desk) -> None:
    plan(desk)
    desk.verification.begin()
    desk.verification.end()
    screen = VerifyScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("E")
        assert set(app.asked(VerifyPlanRequested)[-1].machine_ids) == {machine_id("web[/]1"), machine_id("win-1"), OFF.machine_id}
        screen.table.move_to(machine_id("win-1"))
        await pilot.press("space", "E")
        assert app.asked(VerifyPlanRequested)[-1].machine_ids == (machine_id("win-1"),)
        assert not screen.table.marks
    assert len(app.asked(VerifyPlanRequested)) == 2


async def test_pasted_output_is_asked_to_be_judged_for_the_machine_under_the_cursor(desk: Desk) -> None:
    plan(desk, OFF)
    app = Stage(desk, VerifyScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        assert "“mdatp health”" in shown(app)
        await pilot.press("f2")
        assert "Nothing was pasted yet" in shown(app)
        field = app.screen.query_one(Pasted)
        for piece in ("healthy : true\r\nlicen", "sed : true\n\x1b[31mred\x1b]0;owned\x07\u202e\n"):
            field.post_message(events.Paste(piece))
        await settle(pilot)
        assert field.text == "healthy : true\nlicensed : true\nred\n"
        field.post_message(events.Paste("x" * LONGEST))
        await settle(pilot)
        assert "longer than 1,000,000 characters" in shown(app)
        assert field.text == "healthy : true\nlicensed : true\nred\n"
        await pilot.press("f2")
        await settle(pilot)
    (asked,) = app.asked(PasteRequested)
    assert (asked.machine_id, asked.text) == (OFF.machine_id, "healthy : true\nlicensed : true\nred\n")


async def test_escape_leaves_the_place_for_output_without_asking_for_anything(desk: Desk) -> None:
    plan(desk, OFF)
    app = Stage(desk, VerifyScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        await pilot.press("h", "e", "escape")
        await settle(pilot)
        assert isinstance(app.screen, VerifyScreen)
    assert app.asked(PasteRequested) == []


async def test_a_machines_page_plans_for_that_machine_and_takes_its_output(desk: Desk) -> None:
    (machine, *_) = await desk.fleet.machines()
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("v")
        assert [one.machine_ids for one in app.asked(VerifyPlanRequested)] == [(machine.id,)]
        await pilot.press("o")
        await settle(pilot)
        assert isinstance(app.screen, PasteDialog)
        app.screen.query_one(Pasted).post_message(events.Paste("healthy : true"))
        await settle(pilot)
        await pilot.press("f2")
        await settle(pilot)
        assert [one.machine_id for one in app.asked(PasteRequested)] == [machine.id]


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("v", "enter"), "under the cursor"),
        (("v", "down", "enter"), "every onboarded machine"),
        (("space", "space", "v", "enter"), "marked"),
    ],
)
async def test_on_machines_one_chooses_this_one_the_marked_ones_or_all(desk: Desk, keys: tuple[str, ...], asked: str) -> None:
    screen = MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        first = [screen.identify(row) for row in screen.table.rows[:2] if row is not None]
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
            if key == "v":
                assert asked in shown(app)
        await settle(pilot)
    (request,) = app.asked(VerifyPlanRequested)
    expected = {"under the cursor": tuple(first[:1]), "every onboarded machine": (), "marked": tuple(first)}[asked]
    assert set(request.machine_ids) == set(expected)


async def test_nothing_is_planned_before_anybody_signed_in(tmp_path: Any) -> None:
    desk = await open_desk(tmp_path, signed_in=False)
    app = Stage(desk, VerifyScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("e")
        assert "Not signed in yet" in app.toasts()[-1]
    assert app.asked(VerifyPlanRequested) == []
    await close_desk(desk)


@pytest.mark.parametrize("which", ["page", "table", "marked"])
async def test_w_chooses_what_a_machine_is_asked_and_nothing_is_planned_without_a_choice(desk: Desk, which: str) -> None:
    (machine, *_) = await desk.fleet.machines()
    screen = MachinePage(desk, machine.id) if which == "page" else MachinesScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        if which == "marked":
            await pilot.press("asterisk")
        await pilot.press("w")
        await settle(pilot)
        assert "What is asked of" in shown(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.asked(VerifyPlanRequested) == []
        await pilot.press("w")
        await settle(pilot)
        await pilot.press("end", "enter")
        await settle(pilot)
        (asked,) = app.asked(VerifyPlanRequested)
        assert asked.check == "system"
        assert (len(asked.machine_ids) > 1) == (which == "marked")


async def test_a_machine_tells_on_its_page_what_it_said_last_with_its_age_and_that_it_was_not_asked(desk: Desk) -> None:
    findings = (
        Finding("kernel", "The kernel is 3.10.0-327 or later", CheckStatus.PASS, "The kernel is 5.15.", ""),
        Finding("memory", "There is 1 GB of memory", CheckStatus.FAIL, "It has [b]900 MB.", "Resize the machine."),
    )
    (machine, *_) = await desk.fleet.machines()
    told = MachineReport(machine.id, "system", NOW, "hand", "bad", "memory", "It has [b]900 MB.", "Resize the machine.", findings)
    assert await desk.fleet.put_report(told)
    advance(desk, minutes=120)
    page = MachinePage(desk, machine.id)
    app = Stage(desk, page)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = page.query_one(Document).plain
        assert "not asked yet (w asks)" in text
        assert "bad, 2h ago, read by hand" in text
        assert "It has [b]900 MB. Resize the machine." in text
        assert "fail: There is 1 GB of memory. It has [b]900 MB." in text
        assert "The kernel is 5.15." not in text
        await desk.fleet.put_report(replace(told, outcome="good", reason="The machine meets all.", remedy="", findings=()))
        await settle(pilot)
        assert "good, 2h ago" in page.query_one(Document).plain

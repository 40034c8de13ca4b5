"""Verify with the whole console and the simulator: planned, confirmed, run, heard, kept; stopped; refused twice; pasted."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot

from cache.verification import Phase, Standing
from console.simulator import Simulator
from console.simulator.machines import Machine
from screens.check_choice import CheckChoice
from screens.dialogs import ConfirmDialog
from screens.paste import Pasted
from screens.requests import OpenMachine, PasteRequested, VerifyPlanRequested, VerifyRequested, VerifyStopRequested
from screens.widgets.document import Document
from screens.words import age
from tests.rules.health_samples import ERA_2020_07, ERA_2023
from tests.rules.machine_samples import LINUX_WELL
from tests.screens.real import console, until, until_shown
from tests.screens.stage import WIDE, settle, shown
from tests.test_verify_verb import ran


def toasts(pilot: Pilot[Any]) -> list[str]:
    return [one.message for one in pilot.app._notifications]


def aboard(simulator: Simulator, *, linux: bool = True) -> list[Machine]:
    """Virtual machines that run, with Defender."""
    now = simulator.clock.now()
    found = []
    for one in simulator.world.machines(simulator.subscription("all-on")):
        extension = simulator.world.defender(one, now)
        runs = simulator.world.stopped_since(one) > now
        if one.kind == "vm" and one.system.linux == linux and runs and extension is not None and extension.outcome == "succeeded":
            found.append(one)
    return found


async def plan(pilot: Pilot[Any], machine_ids: Collection[str] = ()) -> Any:
    """Ask for a plan and wait for it; returns the verification."""
    app: Any = pilot.app
    app.post_message(VerifyPlanRequested(tuple(machine_ids)))
    verification = app.desk.verification
    await until(pilot, lambda: verification.phase is Phase.PLANNED)
    await until(pilot, lambda: "the script can run on" in shown(app))
    return verification


async def confirm(pilot: Pilot[Any]) -> None:
    await pilot.press("a")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
    await pilot.press("right", "enter")


async def test_all_onboarded_machines_are_planned_confirmed_run_and_keep_what_they_said(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator, console(simulator, tmp_path, WIDE) as pilot:
        app: Any = pilot.app
        await pilot.press("7")
        await until_shown(pilot, "e plans it for every onboarded machine")
        await pilot.press("e")
        verification = app.desk.verification
        await until_shown(pilot, "the script can run on")
        assert ran(simulator) == []
        runs = verification.runs
        await confirm(pilot)
        await until(pilot, lambda: verification.phase is Phase.ENDED)
        await until_shown(pilot, "Verified all onboarded machines")
        assert len(ran(simulator)) == runs
        assert not any(simulator.box.run_commands.known.values())
        for row in verification.rows.values():
            assert row.standing not in (Standing.WAITING, Standing.UNDER_WAY, Standing.TO_RUN)
            assert row.reason
            if row.kept:
                onboarding = await app.desk.fleet.onboarding(row.machine_id)
                assert (onboarding.state, onboarding.since) == (str(row.standing), row.at)
        entries = [one for one in await app.desk.journal.entries() if one.action == "run-script"]
        assert len(entries) == 2 * runs
        await pilot.press("a")
        assert "no plan that was not run yet" in toasts(pilot)[-1]


async def test_a_run_goes_on_when_its_screen_is_left_a_second_is_refused_and_stopping_sends_nothing_more(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("console.workers.run_script.AT_ONCE", 2)
    async with Simulator(machines=40, speed=0) as simulator, console(simulator, tmp_path, WIDE) as pilot:
        app: Any = pilot.app
        verification = await plan(pilot)
        let_go, held = asyncio.Event(), asyncio.Event()

        async def hold(method: str, path: str) -> None:
            if method == "GET" and "/operations/" in path.lower() and not let_go.is_set():
                held.set()
                await let_go.wait()

        simulator.box.on_request = hold
        await confirm(pilot)
        await until(pilot, held.is_set)
        await pilot.press("0")
        await until(pilot, lambda: app.screen.NAME == "overview")
        for second in (VerifyPlanRequested(), VerifyRequested(verification.plan_id)):
            app.clear_notifications()
            app.post_message(second)
            await until(pilot, lambda: any("A verification is under way" in one for one in toasts(pilot)))
        assert verification.phase is Phase.RUNNING
        await pilot.press("q")
        await until_shown(pilot, "Leave although this is under way?", "A verification is under way")
        await pilot.press("escape", "7")
        await until_shown(pilot, "It goes on when you leave this screen", "◐ under way", "○ waiting")
        await pilot.press("x")
        await until(pilot, lambda: verification.phase is Phase.STOPPING)
        sent = len(ran(simulator))
        let_go.set()
        await until(pilot, lambda: verification.phase is Phase.ENDED)
        assert len(ran(simulator)) == sent == 2
        counts = verification.counts
        assert counts[Standing.NOT_SENT] == verification.runs - 2
        assert counts[Standing.UNKNOWN] == 0  # those that were sent were heard
        assert await app.desk.journal.unfinished() == []


async def test_a_plan_is_used_once_and_nothing_is_sent_for_one_that_nobody_saw(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator, console(simulator, tmp_path) as pilot:
        app: Any = pilot.app
        await plan(pilot, [aboard(simulator)[0].id])
        app.post_message(VerifyRequested("another"))
        await until(pilot, lambda: any("was not confirmed" in one for one in toasts(pilot)))
        assert app.desk.verification.phase is Phase.PLANNED
        app.post_message(VerifyStopRequested())
        await settle(pilot)
        assert ran(simulator) == []


async def test_a_read_only_console_refuses_where_the_call_is_made(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator, console(simulator, tmp_path, read_only=True) as pilot:
        app: Any = pilot.app
        verification = await plan(pilot, [aboard(simulator)[0].id])
        app.post_message(VerifyRequested(verification.plan_id))
        await until(pilot, lambda: any("read-only" in one for one in toasts(pilot)))
        assert ran(simulator) == []
        assert await app.desk.journal.entries() == []


async def test_rights_lost_and_machines_deleted_half_way_are_told_on_their_lines(tmp_path: Path) -> None:
    async with Simulator(machines=60, speed=0) as simulator, console(simulator, tmp_path, WIDE) as pilot:
        app: Any = pilot.app
        first, second, third = aboard(simulator)[:3]
        verification = await plan(pilot, [one.id for one in (first, second, third)])
        simulator.box.run_commands.troubles |= {first.id.lower(): "revoked", second.id.lower(): "vanishes", third.id.lower(): "foreign"}
        await confirm(pilot)
        await until(pilot, lambda: verification.phase is Phase.ENDED)
        rows = verification.rows
        assert rows[first.id.lower()].standing is Standing.FAILED
        assert "no right" in rows[first.id.lower()].reason
        assert rows[second.id.lower()].standing is Standing.FAILED
        assert "does not find it any more" in rows[second.id.lower()].reason
        assert rows[third.id.lower()].standing is Standing.UNREADABLE
        assert await app.desk.journal.unfinished() == []


async def test_output_that_is_pasted_on_a_machines_page_becomes_its_state_and_nonsense_does_not(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator, console(simulator, tmp_path) as pilot:
        app: Any = pilot.app
        machine = aboard(simulator)[0]
        app.post_message(OpenMachine(machine.id))
        await until_shown(pilot, machine.name, "onboarded")
        for text, said, state in (
            (ERA_2023, "healthy.", "healthy"),
            ("Fehler: Zeitüberschreitung \x1b[2J\x9b5n", "Nothing was kept", "healthy"),
            ("{" + '"healthy": true, "licen', "Nothing was kept", "healthy"),
            (ERA_2020_07, "unhealthy.", "unhealthy"),
        ):
            app._notifications.clear()
            await pilot.press("o")
            await until(pilot, lambda: bool(app.screen.query(Pasted)))
            app.screen.query_one(Pasted).post_message(events.Paste(text))
            await until(pilot, lambda: bool(app.screen.query_one(Pasted).text))
            await pilot.press("f2")
            await until(pilot, lambda said=said: any(said in one for one in toasts(pilot)))  # type: ignore[misc]
            assert (await app.desk.fleet.onboarding(machine.id)).state == state
        entries = [one for one in await app.desk.journal.entries() if one.action == "paste-health"]
        app.post_message(PasteRequested(machine.id, "x" * 1_000_001))
        await until(pilot, lambda: any("longer than 1,000,000 bytes" in one for one in toasts(pilot)))
        assert [one for one in await app.desk.journal.entries() if one.action == "paste-health"] == entries
        assert ran(simulator) == []


async def test_what_is_asked_is_chosen_and_the_script_about_that_is_run_and_what_machines_tell_stands_on_their_pages(
    tmp_path: Path,
) -> None:
    async with Simulator(machines=60, speed=0) as simulator, console(simulator, tmp_path, WIDE) as pilot:
        app: Any = pilot.app
        verification = app.desk.verification
        for down, check, script, about in (
            (1, "connectivity", "mdatp connectivity test", "all onboarded machines (connectivity)"),
            (2, "system", "fanotify_holders", "all machines that are enabled and not aboard (system)"),
        ):
            await pilot.press("7")
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, CheckChoice))
            await pilot.press("home", *["down"] * down, "enter")
            await until(pilot, lambda check=check: verification.phase is Phase.PLANNED and verification.check == check)
            assert verification.asked.startswith(about)
            assert all(script in one for system, one in verification.scripts.items() if system == "Linux")
            before = len(ran(simulator))
            await until_shown(pilot, "the script can run on")
            await confirm(pilot)
            await until(pilot, lambda: verification.phase is Phase.ENDED)
            assert len(ran(simulator)) - before == verification.runs
            answered = [one for one in verification.rows.values() if one.kept]
            assert {one.standing for one in answered} <= {Standing.GOOD, Standing.DOUBTFUL, Standing.BAD}
            await until_shown(pilot, "on the machines' pages and in the checklist")
            bad = next(one for one in answered if one.standing is Standing.BAD)
            assert any(one.startswith("fail: ") for one in bad.notes)
            app.post_message(OpenMachine(bad.machine_id))
            await until(pilot, lambda: app.screen.NAME == "machine" and "Verify on the machine" in app.screen.query_one(Document).plain)
            page = app.screen.query_one(Document).plain
            assert f"bad, {age(bad.at, app.desk.clock.now())} ago, read by {bad.way}" in page
            assert bad.reason in page
            await pilot.press("escape")


async def test_output_about_the_system_that_was_run_by_hand_is_judged_as_such(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator, console(simulator, tmp_path, WIDE) as pilot:
        app: Any = pilot.app
        machine = aboard(simulator)[0]
        app.post_message(VerifyPlanRequested((machine.id,), "system"))
        verification = app.desk.verification
        await until(pilot, lambda: verification.phase is Phase.PLANNED)
        for text, standing in (
            (LINUX_WELL, Standing.GOOD),
            (LINUX_WELL.replace("memory_mb : 3931", "memory_mb : 700"), Standing.BAD),
            (ERA_2023, Standing.UNREADABLE),
        ):
            app.post_message(PasteRequested(machine.id, text, "system"))
            await until(pilot, lambda standing=standing: verification.rows[machine.id.lower()].standing is standing)
        (report,) = await app.desk.fleet.reports_of_machine(machine.id)
        assert (report.outcome, report.code) == ("bad", "memory")
        assert "paste-system" in {one.action for one in await app.desk.journal.entries()}
        assert ran(simulator) == []

"""The detection test with the whole console and the simulator: typed, run, waited for elsewhere, told, linked and resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cache.detection import DetectionPhase
from console.simulator import Simulator
from screens.dialogs import TypedConfirmDialog
from screens.requests import DetectionPlanRequested, DetectionRunRequested, DetectionTestRequested, DetectionWaitRequested
from tests.screens.real import console, until, until_shown
from tests.screens.stage import WIDE, shown
from tests.screens.test_verify_in_azure import aboard, toasts
from tests.test_verify_verb import ran


@pytest.mark.parametrize("linux", [True, False])
async def test_the_test_is_typed_run_and_its_alert_told_wherever_one_is_and_resolved_on_its_page(tmp_path: Path, linux: bool) -> None:
    async with Simulator(machines=60, speed=0) as simulator, console(simulator, tmp_path, WIDE) as pilot:
        app: Any = pilot.app
        machine = next(one for one in aboard(simulator, linux=linux) if one.name.isascii())
        app.post_message(DetectionTestRequested(machine.id))
        await until_shown(pilot, "a plans to run the test")
        await pilot.press("a")
        await until_shown(pilot, "It can be run by a managed run command")
        assert ran(simulator) == []
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, TypedConfirmDialog))
        await pilot.press(*app.screen.expected, "enter")
        await until(pilot, lambda: app.desk.detections.of(machine.id).phase is not DetectionPhase.PLANNED)
        await pilot.press("0")
        await until(pilot, lambda: any("Defender for Endpoint works there" in one for one in toasts(pilot)))
        assert app.screen.NAME == "overview"
        assert len(ran(simulator)) == 1
        assert not any(simulator.box.run_commands.known.values())
        app.post_message(DetectionTestRequested(machine.id))
        await until_shown(pilot, f"The test alert of {machine.name} came", "after the test was sent", "v resolves it")
        detection = app.desk.detections.of(machine.id)
        assert detection.alert_id in [one.id for one in await app.desk.fleet.alerts_of_machine(machine.id)]
        await pilot.press("v")
        await until_shown(pilot, "It is resolved")
        trail = [(one.action, one.outcome.partition(":")[0]) for one in await app.desk.journal.entries()]
        assert trail == [
            ("run-detection-test", "started"),
            ("run-detection-test", "confirmed"),
            ("detection-test", "begun"),
            ("detection-test", "confirmed"),
            ("set-alert-status", "started"),
            ("set-alert-status", "confirmed"),
        ]


async def test_what_keeps_the_test_from_running_is_told_and_nothing_is_waited_for(tmp_path: Path) -> None:
    async with Simulator(machines=60, speed=0) as simulator, console(simulator, tmp_path, WIDE) as pilot:
        app: Any = pilot.app
        machine = aboard(simulator)[0]
        simulator.box.run_commands.troubles[machine.id.lower()] = "no-download"
        app.post_message(DetectionTestRequested(machine.id))
        app.post_message(DetectionPlanRequested(machine.id))
        await until(pilot, lambda: app.desk.detections.of(machine.id).phase is DetectionPhase.PLANNED)
        app.post_message(DetectionRunRequested(machine.id, "another"))
        await until(pilot, lambda: any("was not confirmed" in one for one in toasts(pilot)))
        assert ran(simulator) == []
        app.post_message(DetectionRunRequested(machine.id, app.desk.detections.of(machine.id).plan_id))
        await until_shown(pilot, "could not download the test tool", "a plans anew")
        assert app.desk.detections.of(machine.id).phase is DetectionPhase.NONE
        assert [one.action for one in await app.desk.journal.entries()] == ["run-detection-test"] * 2


async def test_waiting_by_hand_is_ended_by_a_key_and_a_second_one_is_refused(tmp_path: Path) -> None:
    async with Simulator(machines=60, speed=0) as simulator, console(simulator, tmp_path, WIDE) as pilot:
        app: Any = pilot.app
        machine = aboard(simulator)[0]
        app.signing_in.connection.work.sleep = _for_ever
        app.post_message(DetectionTestRequested(machine.id))
        await until_shown(pilot, "w waits for the alert")
        await pilot.press("w")
        await until_shown(pilot, "◐ Waiting for the alert")
        app.post_message(DetectionWaitRequested(machine.id))
        await until(pilot, lambda: any("at this moment" in one for one in toasts(pilot)))
        assert any("waiting for the test alert" in one.what for one in app.activity.tasks())
        await pilot.press("q")
        await until_shown(pilot, "Leave although this is under way?", f"The test alert of {machine.name} is waited for")
        await pilot.press("escape")
        await pilot.press("x")
        await until_shown(pilot, "The waiting was ended")
        assert app.desk.detections.of(machine.id).phase is DetectionPhase.NOT_SEEN
        assert "w waits for the alert" in shown(app)
        ends = [one.outcome for one in await app.desk.journal.entries() if one.action == "detection-test"]
        assert ends[-1].startswith("interrupted")


async def _for_ever(_: float) -> None:
    import asyncio

    await asyncio.Event().wait()

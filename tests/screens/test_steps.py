"""A machine's detection test on its page: nothing is sent before the name was typed, and what goes on is told wherever one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cache.detection import DetectionPhase
from cache.model import MachineState
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.machines import MachinesScreen
from screens.overview import OverviewScreen
from screens.proof_choice import ProofChoice
from screens.requests import (
    AlertStatusRequested,
    DetectionPlanRequested,
    DetectionRunRequested,
    DetectionStopRequested,
    DetectionTestRequested,
    DetectionWaitRequested,
    OpenAlert,
)
from screens.steps import StepsPage
from tests.screens.stage import (
    DISABLED,
    NOW,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    advance,
    an_alert,
    an_onboarding,
    close_desk,
    open_desk,
    put_alerts,
    put_machines,
    put_subscriptions,
    settle,
    shown,
)

STEPS = (("Open a shell.", ""), ("Run this.", "./mde_linux_edr_diy"))
MACHINE = a_machine("web-1")


def page(desk: Desk) -> StepsPage:
    return StepsPage(desk, MACHINE.id, MACHINE.name, "“Enumeration” (Low)", STEPS, "Then remove it.")


async def put(desk: Desk, state: MachineState = MachineState.ONBOARDED) -> None:
    await put_subscriptions(desk, [a_subscription(MACHINE.subscription_id)])
    await put_machines(desk, [(MACHINE, an_onboarding(MACHINE, state))])


def planned(desk: Desk, **more: Any) -> None:
    values = {
        "phase": DetectionPhase.PLANNED,
        "plan_id": "p1",
        "planned_at": NOW,
        "script": "#!/bin/sh\ncurl https://aka.ms/LinuxDIY\n",
        "way": "a managed run command",
        "right": "Microsoft.Compute/virtualMachines/runCommands/write",
    }
    desk.detections.change(MACHINE.id, **{**values, **more})


async def test_it_is_planned_first_then_the_name_is_typed_under_the_whole_script(empty_desk: Desk) -> None:
    desk = empty_desk
    await put(desk)
    app = Stage(desk, page(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "./mde_linux_edr_diy" in shown(app)
        await pilot.press("a")
        assert [one.machine_id for one in app.asked(DetectionPlanRequested)] == [MACHINE.id]
        planned(desk)
        await settle(pilot)
        for words in ("a managed run command", "runCommands/write", "activity log", "removed again", "curl https://aka.ms/LinuxDIY"):
            assert words in shown(app)
        await pilot.press("a")
        await settle(pilot)
        assert isinstance(app.screen, TypedConfirmDialog)
        assert "curl https://aka.ms/LinuxDIY" in shown(app)
        await pilot.press(*"web-2", "enter")
        await settle(pilot)
        assert "that is something else" in shown(app) or "not yet" in shown(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.asked(DetectionRunRequested) == []
        await pilot.press("a")
        await settle(pilot)
        await pilot.press(*"web-1", "enter")
        await settle(pilot)
    assert [(one.machine_id, one.plan_id) for one in app.asked(DetectionRunRequested)] == [(MACHINE.id, "p1")]


async def test_one_that_cannot_be_run_or_is_not_aboard_says_why(empty_desk: Desk) -> None:
    desk = empty_desk
    await put(desk, MachineState.PENDING)
    planned(desk, obstacle="It is stopped; scripts need a machine that runs. Start it first.", way="")
    app = Stage(desk, page(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "The machine is pending, not onboarded" in shown(app)
        assert "It cannot be run from here: It is stopped" in shown(app)
        await pilot.press("a")
        assert len(app.asked(DetectionPlanRequested)) == 1  # plans anew
    assert app.asked(DetectionRunRequested) == []


async def test_a_plan_that_grew_too_old_is_made_anew(empty_desk: Desk) -> None:
    desk = empty_desk
    await put(desk)
    planned(desk)
    app = Stage(desk, page(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        advance(desk, minutes=16)
        await pilot.press("a")
        await settle(pilot)
        assert len(app.asked(DetectionPlanRequested)) == 1


async def test_a_read_only_console_runs_nothing(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, read_only=True)
    await put(desk)
    planned(desk)
    app = Stage(desk, page(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "read-only: nothing is run" in shown(app)
        await pilot.press("a")
        assert "read-only" in app.toasts()[-1]
    assert app.asked(DetectionRunRequested) == []
    await close_desk(desk)


async def test_waiting_is_shown_can_be_ended_and_the_alert_is_opened_and_resolved(empty_desk: Desk) -> None:
    desk = empty_desk
    await put(desk)
    app = Stage(desk, page(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("w")
        assert [one.machine_id for one in app.asked(DetectionWaitRequested)] == [MACHINE.id]
        desk.detections.change(MACHINE.id, phase=DetectionPhase.WAITING, began=NOW, said="The detection test ran on the machine.")
        await settle(pilot)
        assert "✓ The detection test ran on the machine." in shown(app)
        assert "◐ Waiting for the alert" in shown(app)
        desk.detections.change(MACHINE.id, said="The machine answered nothing.", certain=False)
        await settle(pilot)
        assert "? The machine answered nothing." in shown(app)
        await pilot.press("a")
        assert "at this moment" in app.toasts()[-1]
        await pilot.press("x")
        assert len(app.asked(DetectionStopRequested)) == 1
        await pilot.press("v")
        assert "No alert of this test has come yet" in app.toasts()[-1]
        alert = an_alert("t", MACHINE, title="Enumeration")
        await put_alerts(desk, [alert])
        came = "The test alert of web-1 came 7 minutes after."
        desk.detections.change(MACHINE.id, phase=DetectionPhase.SEEN, said=came, alert_id=alert.id)
        await settle(pilot)
        await settle(pilot)
        assert f"● {came}" in shown(app)
        assert "Enter opens it, v resolves it" in shown(app)
        await pilot.press("enter")
        assert [one.alert_id for one in app.asked(OpenAlert)] == [alert.id]
        await pilot.press("v")
        await settle(pilot)
        assert [(one.alert_ids, one.status) for one in app.asked(AlertStatusRequested)] == [((alert.id,), "Resolved")]
        await desk.fleet.set_alert_status(alert.id, "Resolved")
        await settle(pilot)
        assert "It is resolved" in shown(app)


@pytest.mark.parametrize("where", ["machines", "overview"])
async def test_an_onboarded_machine_of_each_system_is_offered_a_healthy_one_first(empty_desk: Desk, where: str) -> None:
    desk = empty_desk
    await put_subscriptions(desk, [a_subscription(MACHINE.subscription_id), a_subscription(DISABLED, state="Disabled")])
    kinds = [
        ("a-linux", "Linux", MachineState.ONBOARDED, "running"),
        ("b-linux", "Linux", MachineState.HEALTHY, "running"),
        ("c-linux", "Linux", MachineState.HEALTHY, "stopped"),
        ("d-linux", "Linux", MachineState.FAILED, "running"),
        ("e-windows", "Windows", MachineState.PENDING, "running"),
        ("f-windows", "Windows", MachineState.ONBOARDED, "running"),
    ]
    machines = [(a_machine(name, os_type=system, power=power), state) for name, system, state, power in kinds]
    machines.append((a_machine("a-a-linux", DISABLED), MachineState.HEALTHY))
    await put_machines(desk, [(one, an_onboarding(one, state)) for one, state in machines])
    screen = MachinesScreen(desk) if where == "machines" else OverviewScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert isinstance(app.screen, ProofChoice)
        offered = [row.name for row in app.screen.table.rows if row is not None]
        assert offered[-2:] == ["b-linux", "f-windows"]
        assert offered[:-2] == (["d-linux"] if where == "machines" else [])  # the one under the cursor, which is the worst
        await pilot.press("end", "enter")
        await settle(pilot)
    (asked,) = app.asked(DetectionTestRequested)
    assert asked.machine_id == machines[5][0].id

"""The page of one machine: why it is where it is, what happens next, and who must act."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from shlex import quote
from typing import Any

import pytest

from cache.machine_clock import LATE_FIRST
from cache.model import Machine, MachineState, Onboarding
from screens.desk import Desk
from screens.machine import MachinePage
from screens.page import PageScroll
from screens.requests import CopyRequested, DetectionTestRequested, OpenAlert, RetryRequested, SyncRequested
from screens.steps import StepsPage
from screens.widgets.document import Document
from tests.listed import list_machines
from tests.screens.paint import HOSTILE, HOSTILE_SHOWN, painted
from tests.screens.stage import (
    ALL_ON,
    CONFLICT,
    EXCLUDED,
    NOW,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    advance,
    an_alert,
    an_extension,
    an_onboarding,
    put_alerts,
    put_machines,
    put_subscriptions,
    sample_machines,
    settle,
    shown,
)


def of_state(state: MachineState) -> tuple[Machine, Onboarding]:
    return next((machine, onboarding) for machine, onboarding in sample_machines() if onboarding.state is state)


def says(app: Stage) -> str:
    """Everything that the page says, scrolled into view or not."""
    return app.screen.query_one(Document).plain


async def test_a_failed_machine_tells_why_what_next_and_who(desk: Desk) -> None:
    machine, onboarding = of_state(MachineState.FAILED)
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        first = painted(app)
        assert "✗ failed for 40m, since 2026-03-01 11:20 UTC" in first
        assert onboarding.explanation in first
        assert CONFLICT.remedy.split(",")[0] in first
        page = says(app)
        for text in (
            CONFLICT.cause,
            CONFLICT.remedy,
            CONFLICT.reference,
            *onboarding.evidence,
            "found conflicting applications: [ds_agent]",
        ):
            assert text in page
        for text in (machine.id, machine.image, "2.9.1", "westeurope", "team = [web]", "All on 🚀", "ProvisioningState/failed/5"):
            assert text in page


async def test_a_pending_machine_tells_when_the_next_step_is_expected_and_then_that_it_was(desk: Desk) -> None:
    machine, _ = of_state(MachineState.PENDING)
    page = MachinePage(desk, machine.id)
    app = Stage(desk, page)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "On time: expected by 2026-03-01 12:20 UTC, in 20m. Overdue from 2026-03-02 11:20 UTC." in says(app)
        assert "Its clock began 2026-03-01 11:20 UTC, when it was first seen to wait." in says(app)
        advance(desk, minutes=21)
        page.clock_moved()
        await settle(pilot)
        assert "Late by 1m, since 2026-03-01 12:20 UTC. Overdue from 2026-03-02 11:20 UTC, in 22h." in says(app)
        advance(desk, hours=24)
        page.clock_moved()
        await settle(pilot)
        assert "Overdue by 1h, since 2026-03-02 11:20 UTC; it was expected by 2026-03-01 12:20 UTC." in says(app)


@pytest.mark.parametrize("state", [MachineState.HEALTHY, MachineState.UNHEALTHY])
async def test_what_the_machine_said_of_itself_is_shown_with_its_age_and_when_it_is_old(desk: Desk, state: MachineState) -> None:
    machine, _ = of_state(MachineState.PENDING)
    page = MachinePage(desk, machine.id)
    app = Stage(desk, page)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "none that is known" in says(app)
        assert f"mde-console verify --machine {quote(machine.id)}" in says(app)
        said = Onboarding(machine.id, state, "it says so", NOW, None, "As it said.", ("healthy: true", "licensed: true"))
        await desk.fleet.put_onboardings([said])
        advance(desk, minutes=5)
        page.clock_moved()
        await settle(pilot)
        assert f"{state}, as it said 5m ago: 2026-03-01 12:00 UTC" in painted(app)
        assert "licensed: true" in says(app)
        assert "none that is known" not in says(app)
        assert "verify it again" not in says(app)
        advance(desk, minutes=60 * 24 * 8)
        page.clock_moved()
        await settle(pilot)
        assert "verify it again" in says(app)


async def test_the_page_follows_the_machine_and_stays_where_it_was_scrolled(desk: Desk) -> None:
    machine, _ = of_state(MachineState.PENDING)
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("j", "j", "j")
        advance(desk, minutes=5)
        await desk.fleet.put_onboardings([an_onboarding(machine, MachineState.INSTALLING, reason="being provisioned", since=NOW)])
        await settle(pilot)
        assert "◐ installing for 5m" in says(app)
        assert "pending → installing  (0s so far)" in says(app)
        assert "first seen pending  (5m)" in says(app)
        assert app.screen.query_one(PageScroll).scroll_y == 3


async def test_trying_the_extension_again_is_asked_for_and_not_in_a_console_that_is_read_only(desk: Desk) -> None:
    machine, _ = of_state(MachineState.FAILED)
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "x tries it again" in says(app)
        await pilot.press("x")
        assert [one.machine_id for one in app.asked(RetryRequested)] == [machine.id]
        desk.session = replace(desk.session, read_only=True)
        await pilot.press("x")
        await settle(pilot)
        assert len(app.asked(RetryRequested)) == 1
        assert any("read-only" in one for one in app.toasts())


async def test_keys_scroll_the_page(desk: Desk) -> None:
    machine, _ = of_state(MachineState.FAILED)
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        scroll = app.screen.query_one(PageScroll)
        await pilot.press("G")
        assert scroll.scroll_y == scroll.max_scroll_y > 20
        await pilot.press("pageup", "k", "g")
        assert scroll.scroll_y == 0
        await pilot.press("pagedown", "down", "up")
        assert scroll.scroll_y == scroll.size.height - 1


@pytest.mark.parametrize(
    ("system", "command", "answer"),
    [("Linux", "mdatp health", "healthy : true\nlicensed: true"), ("Windows", "sc.exe query sense", "STATE : 4 RUNNING")],
)
async def test_the_command_that_verifies_is_shown_and_copied(desk: Desk, system: str, command: str, answer: str) -> None:
    machine = a_machine("one", os_type=system)
    await put_machines(desk, [(machine, an_onboarding(machine, MachineState.ONBOARDED))])
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert command in says(app)
        assert answer in says(app)
        await pilot.press("y", "l", "r")
        await settle(pilot)
        assert [one.text for one in app.asked(CopyRequested)] == [command, f"https://portal.azure.com/#resource{machine.id}"]
        assert [one.subscription_ids for one in app.asked(SyncRequested)] == [(ALL_ON,)]


async def test_an_unknown_system_has_no_command_and_says_so(desk: Desk) -> None:
    machine = a_machine("one", os_type="Plan9", extensions_known=False)
    await put_machines(desk, [(machine, an_onboarding(machine, MachineState.UNKNOWN))])
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "“Plan9” is not known" in says(app)
        assert "They could not be read" in says(app)
        await pilot.press("y")
        await settle(pilot)
        assert not app.asked(CopyRequested)
        assert "There is no command to copy." in app.toasts()


async def test_a_machine_that_goes_away_says_so_in_a_sentence(desk: Desk) -> None:
    machine = a_machine("short-lived", EXCLUDED)
    await put_machines(desk, [(machine, an_onboarding(machine))])
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "short-lived" in painted(app)
        await list_machines(desk.fleet, EXCLUDED, [], "again")
        await desk.fleet.finish_listing((EXCLUDED,), "again")
        await settle(pilot)
        assert "This machine is gone." in painted(app)
        await pilot.press("y", "l", "enter", "G")
        await settle(pilot)
        assert not app.asked(CopyRequested)


async def test_a_machine_that_nobody_has_looked_at_yet_is_unknown_and_not_a_crash(desk: Desk) -> None:
    machine = a_machine("new", EXCLUDED)
    await list_machines(desk.fleet, EXCLUDED, [machine], "again")
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "? unknown" in painted(app)
        assert "No change of its state has been seen yet." in says(app)


async def test_enter_opens_the_alert_of_the_machine_and_tab_chooses_among_several(desk: Desk) -> None:
    machine, _ = of_state(MachineState.FAILED)
    alerts = [an_alert(name, machine) for name in ("one", "two")]
    await put_alerts(desk, alerts)
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("enter", "tab", "j", "enter")
        await settle(pilot)
        assert [one.alert_id for one in app.asked(OpenAlert)] == [one.id for one in alerts]
        assert "2 alerts; Enter opens" in says(app)


async def test_stale_data_is_called_stale(desk: Desk) -> None:
    machine, _ = of_state(MachineState.FAILED)
    advance(desk, hours=2)
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "2h ago, STALE: press r" in says(app)


def hostile_machine() -> tuple[Machine, Onboarding]:
    fields = ("os_name", "os_version", "image", "power", "agent_version", "provisioning_state", "location", "resource_group")
    texts: dict[str, Any] = dict.fromkeys(fields, HOSTILE)
    broken = an_extension("Failed", name=HOSTILE, version=HOSTILE, code=HOSTILE, message=f"{HOSTILE}\r\n\t{HOSTILE}")
    machine = a_machine(HOSTILE, tags={HOSTILE: HOSTILE}, extensions=(broken,), **texts)
    evil = an_onboarding(machine, MachineState.FAILED, reason=HOSTILE, explanation=f"{HOSTILE}\n{HOSTILE}", evidence=(HOSTILE,))
    return machine, evil


@pytest.mark.parametrize("size", [(20, 5), SMALL, WIDE])
async def test_no_text_of_azure_reaches_the_terminal_as_anything_but_text(empty_desk: Desk, size: tuple[int, int]) -> None:
    machine, onboarding = hostile_machine()
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON, HOSTILE)])
    await put_machines(empty_desk, [(machine, onboarding)])
    await put_alerts(empty_desk, [an_alert("a", machine, title=HOSTILE, status=HOSTILE, severity=HOSTILE)])
    rows = await empty_desk.fleet.machine_rows()
    app = Stage(empty_desk, MachinePage(empty_desk, rows[0].id))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert says(app).count(HOSTILE_SHOWN) > 12
        for _ in range(60):
            lines = painted(app)
            await pilot.press("pagedown")
        assert size[0] < 80 or "[@click=app.quit]x[/]" in lines
        assert app.is_running


async def test_the_test_alert_is_asked_for_by_key(desk: Desk) -> None:
    machine, _ = of_state(MachineState.ONBOARDED)
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("a")
        assert [one.machine_id for one in app.asked(DetectionTestRequested)] == [machine.id]


async def test_the_clock_of_a_machine_says_what_it_began_with(desk: Desk) -> None:
    machine, _ = of_state(MachineState.PENDING)
    enabled = NOW - timedelta(minutes=30)
    await desk.fleet.put_settings(ALL_ON, "on", "enabled", "on", enabled_at=enabled)
    await desk.fleet.put_onboardings([an_onboarding(machine, MachineState.LATE, since=enabled, reason=LATE_FIRST)])
    advance(desk, hours=12)
    app = Stage(desk, MachinePage(desk, machine.id))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "Late by 30m, since 2026-03-01 23:30 UTC" in says(app)
        assert "Its clock began 2026-03-01 11:30 UTC, when the integration was switched on for its system" in says(app)


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_steps_stand_in_full_and_their_commands_are_copied_as_they_are(desk: Desk, size: tuple[int, int]) -> None:
    long = "powershell.exe " + "x" * 150
    steps = [("Open it.", ""), ("Run this.", "mkdir 'C:\\x'"), ("Then.", long)]
    app = Stage(desk, StepsPage(desk, "/m", "[web]", "“Test” (Low)", steps, "After."))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        for text in ("Detection test for [web]", "1.  Open it.", "mkdir 'C:\\x'", "After."):
            assert text in shown(app)
        assert shown(app).count("x" * 20) >= 1
        await pilot.press("y")
        assert app.asked(CopyRequested)[-1].text == f"mkdir 'C:\\x'\n{long}"

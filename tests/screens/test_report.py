"""The report on the screen: four proofs for each chosen subscription, on what they rest, and the file that they are written to."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from textual.widgets import Input, Static

from cache.changes import PUT_SETTING
from cache.model import MachineState, Source
from cache.proof import TEST_ALERTS, Proof
from cache.trail import DETECTION_TEST
from cache.values import stamp
from console.exporting import export
from screens.desk import Desk
from screens.export import ExportDialog
from screens.report import ReportScreen
from screens.requests import ExportRequested, GoTo
from screens.widgets.document import Document
from tests.listed import list_machines
from tests.screens.paint import painted
from tests.screens.stage import (
    EXCLUDED,
    NOW,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    advance,
    an_alert,
    an_onboarding,
    settle,
    subscription_id,
)

WHOLE, HALF = subscription_id(21), subscription_id(22)


async def proven(desk: Desk) -> None:
    """One subscription in which everything is proven, and one of which the machines were never asked."""
    await desk.fleet.put_subscriptions([a_subscription(WHOLE, "[whole]"), a_subscription(HALF, "half")], complete=True)
    for one in (WHOLE, HALF):
        await desk.fleet.put_settings(one, "on", "enabled", "on")
        await desk.fleet.put_servers_plan(one, "P2")
        for source in (Source.SETTINGS, Source.PLAN, Source.MACHINES, Source.ALERTS):
            await desk.fleet.mark_fresh(source, one)
        machine = a_machine("web", one)
        await list_machines(desk.fleet, one, [machine], "s")
        state = MachineState.HEALTHY if one == WHOLE else MachineState.ONBOARDED
        await desk.fleet.put_onboardings([an_onboarding(machine, state, since=NOW, evidence=("Read by a managed run command",))])
    machine = a_machine("web", WHOLE)
    alert = an_alert("proof", machine, title=TEST_ALERTS["Linux"], status="Resolved")
    await desk.fleet.put_alerts(WHOLE, [alert], "s")
    written = await desk.journal.begin("ann", PUT_SETTING, f"{WHOLE}/WDATP", "false", "true")
    await desk.journal.finish(written, "confirmed")
    await desk.journal.note("ann", DETECTION_TEST, machine.id, "", alert.title, "begun")
    began = stamp(NOW - timedelta(minutes=5))
    await desk.journal.note(
        "ann", DETECTION_TEST, machine.id, began, alert.id, "confirmed: the alert was seen 300 s after the waiting began"
    )


def detail(screen: ReportScreen) -> str:
    return screen.query_one("#document", Document).plain


async def test_what_is_not_proven_stands_first_and_each_says_on_what_it_rests(empty_desk: Desk) -> None:
    desk = empty_desk
    await proven(desk)
    screen = ReportScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert [(row.name, row.verdict) for row in screen.table.rows] == [("half", Proof.PARTLY), ("[whole]", Proof.PROVEN)]
        assert "All four are proven for 1 of 2 subscriptions" in painted(app)
        assert "No detection test was run" in detail(screen)
        assert screen.table.move_to(WHOLE)
        await settle(pilot)
        said = detail(screen)
        for words in ("Enabled by", "ann", "a managed run command", "entry 2", "Resolved", "https://security.microsoft.com/alerts/1"):
            assert words in said


async def test_only_the_chosen_subscriptions_are_told_and_they_follow_the_cache(empty_desk: Desk) -> None:
    desk = empty_desk
    await proven(desk)
    await desk.fleet.select({WHOLE})
    screen = ReportScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert [row.verdict for row in screen.table.rows] == [Proof.PROVEN]
        await desk.fleet.put_settings(WHOLE, "on", "excluded", "on")
        await pilot.pause(0.3)
        await settle(pilot)
        assert [row.enabled.proof for row in screen.table.rows] == [Proof.NOT_PROVEN]


async def test_what_time_makes_too_old_proves_nothing_any_more(empty_desk: Desk) -> None:
    desk = empty_desk
    await proven(desk)
    advance(desk, hours=25)
    screen = ReportScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert {row.enabled.proof for row in screen.table.rows} == {Proof.UNKNOWN}
        assert "proves nothing of now" in detail(screen)


async def test_the_filter_finds_proofs_and_a_key_leads_to_the_machines(empty_desk: Desk) -> None:
    desk = empty_desk
    await proven(desk)
    screen = ReportScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.set_filter("healthy:not-proven")
        await settle(pilot)
        assert [row.name for row in screen.table.rows] == ["half"]
        await pilot.press("m")
        (asked,) = app.asked(GoTo)
        assert (asked.screen, asked.filter_text.split()[0]) == ("machines", "subscription=half")


async def test_the_export_asks_where_and_writes_what_is_shown(empty_desk: Desk) -> None:
    desk = empty_desk
    await proven(desk)
    screen = ReportScreen(desk)
    app = Stage(desk, screen)
    told: list[str] = []

    def tell(sentence: str, *, error: bool = False) -> None:
        told.append(sentence)

    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("E")
        await settle(pilot)
        assert isinstance(app.screen, ExportDialog)
        field = app.screen.query_one("#export-path", Input)
        assert field.value == str(desk.home / "reports" / "report-2026-03-01-1200.md")
        await pilot.press("enter")
        await settle(pilot)
        (asked,) = app.asked(ExportRequested)
        await export(desk, asked, tell)
        text = await asyncio.to_thread(Path(asked.path).read_text)
        assert "## \\[whole\\]" in text
        assert "✓ proven" in text
        assert told == [f"The report is in {asked.path}"]
        await pilot.press("E", "enter")
        await settle(pilot)
        assert "there already" in str(app.screen.query_one("#export-told", Static).content)
        await pilot.press("enter")
        await settle(pilot)
        again = app.asked(ExportRequested)[-1]
        assert again.force
        await export(desk, again, tell)
        await pilot.press("E", "tab", "enter")
        await settle(pilot)
        assert app.asked(ExportRequested)[-1].path.endswith(".json")


async def test_the_dialog_says_what_is_wrong_with_a_path_and_escape_writes_nothing(empty_desk: Desk) -> None:
    screen = ReportScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=(40, 10)) as pilot:
        await settle(pilot)
        assert "nothing is proven" in screen.table.empty
        await pilot.press("E")
        await settle(pilot)
        field = app.screen.query_one("#export-path", Input)
        field.value = str(empty_desk.home / "x.pdf")
        await pilot.press("enter")
        assert ".json" in str(app.screen.query_one("#export-told", Static).content)
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen is screen
        assert not app.asked(ExportRequested)


async def test_the_sample_world_is_told_with_all_its_odd_names(desk: Desk) -> None:
    screen = ReportScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert len(screen.table.rows) == 10
        assert not any(row.verdict is Proof.PROVEN for row in screen.table.rows)
        assert screen.table.move_to(EXCLUDED)
        await settle(pilot)
        assert "[prod] web" in painted(app)

"""Applying a plan: nothing is sent that was not confirmed, and what became of it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cache.model import Blocker, Plan, PlanAction, SettingChange
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.enable import EnableScreen
from screens.requests import ApplyRequested
from tests.screens.paint import painted
from tests.screens.plan_samples import EXCLUDE, a_plan, a_subscription_plan, enabling, said
from tests.screens.stage import (
    EXCLUDED,
    NEVER,
    NOW,
    READER,
    SMALL,
    WIDE,
    Stage,
    close_desk,
    fill,
    open_desk,
    settle,
)


async def test_applying_wants_the_name_typed_and_cancel_has_the_focus(desk: Desk) -> None:
    async with enabling(desk, a_plan()) as (screen, app, pilot):
        await pilot.press("a")
        await settle(pilot)
        assert isinstance(app.screen, TypedConfirmDialog)
        assert app.focused is not None
        assert app.focused.id == "cancel"
        await pilot.press("enter")
        await settle(pilot)
        assert app.asked(ApplyRequested) == []
        await pilot.press("a")
        await settle(pilot)
        await pilot.press(*"[prod] web", "enter")
        await settle(pilot)
        assert [one.plan_id for one in app.asked(ApplyRequested)] == ["p1"]


async def test_many_subscriptions_are_confirmed_by_their_number(desk: Desk) -> None:
    async with enabling(
        desk,
        a_plan(a_subscription_plan(), a_subscription_plan(NEVER, name="Never enabled", case="never-enabled")),
        chosen={EXCLUDED, NEVER},
    ) as (_, app, pilot):
        await pilot.press("a")
        await settle(pilot)
        await pilot.press(*"enable 2 subscriptions", "enter")
        await settle(pilot)
        assert len(app.asked(ApplyRequested)) == 1


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (a_plan(a_subscription_plan(settings=(), case="already-on")), "nothing to apply"),
        (a_plan(a_subscription_plan(blockers=(Blocker("rights", "You have no right.", "Owner"),))), "You have no right."),
        (a_plan(created_at=NOW - timedelta(hours=1)), "too old"),
    ],
)
async def test_what_cannot_be_applied_says_why(desk: Desk, plan: Plan, words: str) -> None:
    async with enabling(desk, plan) as (screen, app, pilot):
        await pilot.press("a")
        await settle(pilot)
        assert not isinstance(app.screen, TypedConfirmDialog)
        assert any(words in one for one in app.toasts())


@pytest.mark.parametrize(("session", "words"), [({"read_only": True}, "read-only"), ({"signed_in": False}, "Not signed in")])
async def test_who_may_not_change_is_told_so(tmp_path: Any, session: dict[str, Any], words: str) -> None:
    desk = await open_desk(tmp_path, **session)
    try:
        await fill(desk)
        await desk.fleet.select({EXCLUDED})
        await desk.journal.save_plan(a_plan())
        app = Stage(desk, EnableScreen(desk))
        async with app.run_test(size=SMALL) as pilot:
            await settle(pilot)
            await pilot.press("a")
            await settle(pilot)
            assert not isinstance(app.screen, TypedConfirmDialog)
            assert any(words in one for one in app.toasts())
    finally:
        await close_desk(desk)


async def test_the_outcome_is_what_the_journal_says(desk: Desk) -> None:
    async with enabling(desk, a_plan(), size=WIDE) as (screen, app, pilot):
        sequence = await desk.journal.begin("ann", "put-setting", f"{EXCLUDED}/{EXCLUDE}", "true", "false")
        desk.activity.begin("apply", "applying")
        await settle(pilot)
        assert "is sent and read back" in said(screen)
        await desk.journal.finish(sequence, "confirmed")
        desk.activity.end("apply")
        await settle(pilot)
        assert "confirmed: Azure was read back" in said(screen)
        assert "Press 4" in said(screen)
        await pilot.press("a")
        await settle(pilot)
        assert any("applied already" in one for one in app.toasts())


async def test_where_azure_changed_that_subscription_alone_is_asked_about_again_with_what_is_different(desk: Desk) -> None:
    never = a_subscription_plan(NEVER, name="Never enabled", case="never-enabled", settings=(SettingChange("WDATP", None, True),))
    async with enabling(desk, a_plan(a_subscription_plan(), never), chosen={EXCLUDED, NEVER}, size=WIDE) as (screen, app, pilot):
        applied = await desk.journal.begin("ann", "apply-plan", "p1", "", "2 settings")
        await desk.journal.finish(await desk.journal.begin("ann", "put-setting", f"{EXCLUDED}/{EXCLUDE}", "true", "false"), "confirmed")
        why = "Nothing was sent: Azure has changed since the plan (WDATP is false, not absent). Plan again."
        await desk.journal.note("ann", "not-applied", NEVER, "p1", "", f"moved: {why}")
        await desk.journal.finish(applied, "done: 1 of 2 subscriptions as planned")
        await settle(pilot)
        assert "≠ Never enabled · changed: Nothing was sent" in said(screen)
        again = replace(never, settings=(SettingChange("WDATP", False, True),))
        await desk.journal.save_plan(a_plan(again, id="p2", again="p1"))
        await settle(pilot)
        assert isinstance(app.screen, TypedConfirmDialog)
        shown = painted(app)
        for part in ("WDATP is false, not absent", "planned before: WDATP not set → true", "planned now: WDATP false → true"):
            assert part in shown
        assert "[prod] web: " not in shown
        await pilot.press("escape")
        await settle(pilot)
        told = said(screen)
        assert "Azure had changed in 1 subscription since: planned anew" in told
        assert "Azure changed, so it was planned anew. Before: WDATP not set → true." in told
        assert "✓ [prod] web · confirmed" in told
        await pilot.press("a")
        await settle(pilot)
        await pilot.press(*"Never enabled", "enter")
        await settle(pilot)
        assert [(one.plan_id, one.resume) for one in app.asked(ApplyRequested)] == [("p2", False)]
        desk.activity.begin("apply", "applying")
        await desk.journal.finish(await desk.journal.begin("ann", "put-setting", f"{NEVER}/WDATP", "false", "true"), "confirmed")
        desk.activity.end("apply")
        await settle(pilot)
        assert "2 confirmed" in said(screen)
        assert "It has been applied" in said(screen)


async def test_a_plan_that_was_interrupted_before_anything_was_sent_can_be_finished(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    await desk.journal.save_plan(a_plan())
    await desk.journal.finish(await desk.journal.begin("ann", "apply-plan", "p1", "", "1 settings"), "interrupted: 0 of 1 settings")
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "It was interrupted." in said(screen)
        await pilot.press("a")
        await settle(pilot)
        await pilot.press(*"[prod] web", "enter")
        await settle(pilot)
        assert [(one.plan_id, one.resume) for one in app.asked(ApplyRequested)] == [("p1", True)]


async def test_a_change_that_was_interrupted_stands_on_top(desk: Desk) -> None:
    await desk.journal.begin("ann", "put-setting", f"{READER}/{EXCLUDE}", "true", "false")
    async with enabling(desk) as (screen, _, _):
        assert said(screen).startswith("! A change was begun")


async def test_an_interrupted_change_is_told_also_when_nothing_is_chosen_and_no_longer_once_settled(desk: Desk) -> None:
    await desk.journal.begin("ann", "put-setting", f"{READER}/{EXCLUDE}", "true", "false")
    screen = EnableScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "Security Reader: WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW true → false" in said(screen)
        again = await desk.journal.begin("ann", "put-setting", f"{READER}/{EXCLUDE}", "true", "false")
        await desk.journal.finish(again, "confirmed")
        await settle(pilot)
        assert "A change was begun" not in said(screen)


async def test_a_change_of_another_subscription_does_not_use_up_the_plan(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    await desk.journal.save_plan(a_plan())
    await desk.journal.finish(await desk.journal.begin("bo", "put-setting", f"{NEVER}/WDATP", "absent", "true"), "confirmed")
    app = Stage(desk, EnableScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert isinstance(app.screen, TypedConfirmDialog)


async def test_what_failed_stands_before_what_was_confirmed_and_what_was_not_sent_says_so(desk: Desk) -> None:
    chosen = {EXCLUDED: "[prod] web", NEVER: "Never enabled", READER: "Security Reader"}
    async with enabling(
        desk, a_plan(*(a_subscription_plan(one, name=name) for one, name in chosen.items())), chosen=set(chosen), size=WIDE
    ) as (screen, _, pilot):
        desk.activity.begin("apply", "applying the plan", total=3)
        for one, outcome in ((EXCLUDED, "confirmed"), (NEVER, "failed: it reads true after the write, not false")):
            await desk.journal.finish(await desk.journal.begin("ann", "put-setting", f"{one}/{EXCLUDE}", "absent", "false"), outcome)
        await settle(pilot)
        assert "Security Reader · waiting" in said(screen)
        desk.activity.end("apply")
        await settle(pilot)
        told = said(screen)
        assert "1 failed, 1 not sent, 1 confirmed" in told
        assert told.index("✗ Never enabled · failed: it reads true") < told.index("✓ [prod] web · confirmed")
        assert "Security Reader · not sent: 9 (Log) says why" in told


async def test_a_plan_that_could_not_be_sent_at_all_is_not_offered_again(desk: Desk) -> None:
    async with enabling(desk, a_plan()) as (screen, app, pilot):
        desk.activity.begin("apply", "applying the plan")
        desk.activity.end("apply")
        assert "not sent: 9 (Log) says why" in said(screen)
        await pilot.press("a")
        assert any("applied already" in one for one in app.toasts())


async def test_enabling_for_the_first_time_says_windows_too_and_disabling_that_linux_goes_along(desk: Desk) -> None:
    never = a_subscription_plan(NEVER, name="Never enabled", case="never-enabled", settings=(SettingChange("WDATP", None, True),))
    async with enabling(desk, a_plan(never), chosen={NEVER}, size=WIDE) as (_, app, pilot):
        await pilot.press("a")
        await settle(pilot)
        assert "Enable for Windows and Linux machines" in painted(app)
        assert "WDATP not set → true" in painted(app)
        await pilot.press("escape")
        off = a_subscription_plan(
            NEVER, name="Never enabled", case="disable", settings=(SettingChange("WDATP", True, False),), irreversible=()
        )
        await desk.journal.save_plan(a_plan(off, id="p2", action=PlanAction.DISABLE))
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert "for Windows and Linux together" in painted(app)
        assert app.asked(ApplyRequested) == []


async def test_a_blocked_subscription_says_who_can_clear_it_and_promises_nothing(desk: Desk) -> None:
    blocked = a_subscription_plan(READER, name="Security Reader", blockers=(Blocker("rights", "You have no right.", "Owner"),))
    async with enabling(desk, a_plan(blocked, a_subscription_plan()), chosen={EXCLUDED, READER}, size=WIDE) as (screen, app, pilot):
        told = said(screen)
        for words in ("1 blocked", "BLOCKED: You have no right.", "Who can clear it: Owner", "Would write", "If it were not blocked:"):
            assert words in told
        assert told.index("[prod] web (") < told.index("Security Reader (")
        await pilot.press("a")
        await settle(pilot)
        assert "1 blocked subscription left as it is" in painted(app)
        assert isinstance(app.screen, TypedConfirmDialog)
        assert app.screen.expected == "[prod] web"


async def test_what_becomes_of_it_is_in_view_once_it_is_confirmed(desk: Desk) -> None:
    async with enabling(desk, a_plan(a_subscription_plan(warnings=tuple(f"Warning {n}." for n in range(40))))) as (_, app, pilot):
        await pilot.press("end")
        await settle(pilot)
        assert "Case:" not in painted(app)
        await pilot.press("a")
        await settle(pilot)
        await pilot.press(*"[prod] web", "enter")
        await settle(pilot)
        desk.activity.begin("apply", "applying the plan", total=1)
        await settle(pilot)
        assert "Applying the plan" in painted(app)
        assert "○ [prod] web · waiting: nothing is sent yet" in painted(app)

"""Enable for Linux machines: the plan is shown whole, and nothing is asked for that was not confirmed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cache.model import Blocker, Fate, MachineFate, Plan, PlanAction, SettingChange, SubscriptionPlan
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.enable import EnableScreen
from screens.requests import ApplyRequested, PlanRequested
from screens.widgets.document import Document
from tests.screens.paint import painted
from tests.screens.stage import EXCLUDED, NEVER, NOW, READER, SMALL, WIDE, Stage, close_desk, fill, open_desk, settle

EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"


def a_subscription_plan(subscription_id: str = EXCLUDED, **more: Any) -> SubscriptionPlan:
    values: dict[str, Any] = {
        "id": subscription_id,
        "name": "[prod] web",
        "case": "existing-windows",
        "why": "The integration is on for Windows and Linux is excluded.",
        "settings": (SettingChange(EXCLUDE, True, False),),
        "fates": (
            MachineFate("/m/1", "web-1", "Linux", Fate.ONBOARD, "will be onboarded"),
            MachineFate("/m/2", "vm[/x]", "Linux", Fate.IGNORED, "fanotify is held by ds_agent"),
        ),
        "irreversible": ("Linux alone cannot be switched off again.",),
        "warnings": ("Onboarding may take up to 24 hours.",),
    }
    return SubscriptionPlan(**{**values, **more})


def a_plan(*subscriptions: SubscriptionPlan, **more: Any) -> Plan:
    values: dict[str, Any] = {
        "id": "p1",
        "created_at": NOW,
        "action": PlanAction.ENABLE,
        "cloud": "public",
        "tenant_id": "t",
        "principal": "ann",
        "subscriptions": subscriptions or (a_subscription_plan(),),
    }
    return Plan(**{**values, **more})


def said(screen: EnableScreen) -> str:
    return screen.query_one("#document", Document).plain


async def test_without_a_choice_it_says_how_to_choose(desk: Desk) -> None:
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "Press 1" in said(screen)
        await pilot.press("e")
        assert app.asked(PlanRequested) == []


async def test_planning_is_asked_for_the_chosen_subscriptions_alone(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED, NEVER})
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "excluded" in said(screen)
        await pilot.press("e", "d")
        asked = [(set(one.subscription_ids), one.action) for one in app.asked(PlanRequested)]
        assert asked == [({EXCLUDED, NEVER}, PlanAction.ENABLE), ({EXCLUDED, NEVER}, PlanAction.DISABLE)]


async def test_the_plan_is_shown_whole(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await desk.journal.save_plan(a_plan())
        await settle(pilot)
        text = said(screen)
        for part in (
            f"{EXCLUDE}: true → false",
            "1 machine will be onboarded",
            "vm[/x]: fanotify is held by ds_agent",
            "Cannot be undone",
            "24 hours",
        ):
            assert part in text
        assert "vm[/x]" in painted(app)


async def test_applying_wants_the_name_typed_and_cancel_has_the_focus(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    await desk.journal.save_plan(a_plan())
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
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
    await desk.fleet.select({EXCLUDED, NEVER})
    await desk.journal.save_plan(a_plan(a_subscription_plan(), a_subscription_plan(NEVER, name="Never enabled", case="never-enabled")))
    app = Stage(desk, EnableScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
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
    await desk.fleet.select({EXCLUDED})
    await desk.journal.save_plan(plan)
    app = Stage(desk, EnableScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
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
    await desk.fleet.select({EXCLUDED})
    await desk.journal.save_plan(a_plan())
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        sequence = await desk.journal.begin("ann", "put-setting", f"{EXCLUDED}/{EXCLUDE}", "true", "false")
        desk.activity.begin("apply", "applying")
        await settle(pilot)
        assert "reading back" in said(screen)
        await desk.journal.finish(sequence, "confirmed")
        desk.activity.end("apply")
        await settle(pilot)
        assert "confirmed: Azure was read back" in said(screen)
        assert "Press 4" in said(screen)
        await pilot.press("a")
        await settle(pilot)
        assert any("applied already" in one for one in app.toasts())


async def test_a_change_that_was_interrupted_stands_on_top(desk: Desk) -> None:
    await desk.journal.begin("ann", "put-setting", f"{READER}/{EXCLUDE}", "true", "false")
    await desk.fleet.select({EXCLUDED})
    screen = EnableScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert said(screen).startswith("A change was interrupted")

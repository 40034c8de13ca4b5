"""Enable for Linux machines: the plan is shown whole, and nothing is asked for that was not confirmed."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cache.model import Blocker, Extras, Fate, MachineFate, MachineState, Plan, PlanAction, SettingChange, Step, SubscriptionPlan
from console.exporting import export
from console.plan_files import read_plan
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.enable import EnableScreen
from screens.requests import ApplyRequested, ExportRequested, PlanRequested
from screens.widgets.document import Document
from tests.screens.paint import painted
from tests.screens.stage import (
    EXCLUDED,
    NEVER,
    NOW,
    READER,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    an_onboarding,
    close_desk,
    fill,
    machine_id,
    open_desk,
    settle,
)

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
    """The head, and line by line the text that stands below the table while the cursor is there."""
    shown = Document()
    told = [screen.query_one("#head", Document).plain]
    for row in screen.table.rows:
        shown.show(screen.details(row))
        told.append(shown.plain)
    return "\n".join(told)


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
        assert "is sent and read back" in said(screen)
        await desk.journal.finish(sequence, "confirmed")
        desk.activity.end("apply")
        await settle(pilot)
        assert "confirmed: Azure was read back" in said(screen)
        assert "Press 4" in said(screen)
        await pilot.press("a")
        await settle(pilot)
        assert any("applied already" in one for one in app.toasts())


async def test_one_subscription_comes_first_and_the_rest_is_asked_about_with_how_its_machines_stand(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED, NEVER})
    await desk.journal.save_plan(a_plan(coming(), a_subscription_plan(NEVER, name="Never enabled", case="never-enabled")))
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "f applies it to one first" in said(screen)
        screen.table.move_to(EXCLUDED)
        await pilot.press("f")
        await settle(pilot)
        assert "1 subscription after it only when you say so" in painted(app)
        await pilot.press(*"[prod] web", "enter")
        await settle(pilot)
        applied = await desk.journal.begin("ann", "apply-plan", "p1", "", "canary: [prod] web")
        await desk.journal.finish(await desk.journal.begin("ann", "put-setting", f"{EXCLUDED}/{EXCLUDE}", "true", "false"), "confirmed")
        await desk.journal.finish(applied, "stopped after the canary: 1 of 2 subscriptions as planned, 1 wait")
        await settle(pilot)
        assert "a asks before 1 subscription that is left" in said(screen)
        await pilot.press("f")
        await settle(pilot)
        assert any("a asks about what is left" in one for one in app.toasts())
        await pilot.press("a")
        await settle(pilot)
        shown = painted(app)
        assert "So far:" in shown
        assert "[prod] web: " in shown
        await pilot.press(*"Never enabled", "enter")
        await settle(pilot)
        asked = [(one.plan_id, one.first, one.resume) for one in app.asked(ApplyRequested)]
        assert asked == [("p1", (EXCLUDED,), False), ("p1", (), True)]


async def canary_applied(desk: Desk) -> None:
    """What the journal says once the plan has been applied to its canary."""
    applied = await desk.journal.begin("ann", "apply-plan", "p1", "", "canary: [prod] web")
    await desk.journal.finish(await desk.journal.begin("ann", "put-setting", f"{EXCLUDED}/{EXCLUDE}", "true", "false"), "confirmed")
    await desk.journal.finish(applied, "stopped after the canary: 1 of 2 subscriptions as planned, 1 wait")


def coming() -> SubscriptionPlan:
    """A plan that brings two machines of the sample."""
    fates = tuple(MachineFate(machine_id(name, EXCLUDED), name, "Linux", Fate.ONBOARD, "is onboarded") for name in ("app-0", "app-1"))
    return a_subscription_plan(fates=fates)


async def moved_on(desk: Desk, *states: MachineState) -> None:
    """The machines of the canary are in these states now."""
    machines = [a_machine(f"app-{number}", EXCLUDED) for number in range(len(states))]
    await desk.fleet.put_onboardings([an_onboarding(one, state) for one, state in zip(machines, states, strict=True)])


async def test_the_canary_is_waited_for_and_then_the_rest_is_asked_about_by_itself_once(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED, NEVER})
    await desk.journal.save_plan(a_plan(coming(), a_subscription_plan(NEVER, name="Never enabled", case="never-enabled")))
    await canary_applied(desk)
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "Waiting for the canary: After 0 min 0 of 2 machines are aboard, 2 on their way. At most 1h" in said(screen)
        await moved_on(desk, MachineState.ONBOARDED, MachineState.INSTALLING)
        await settle(pilot)
        assert "1 of 2 machines are aboard, 1 on their way" in said(screen)
        assert not isinstance(app.screen, TypedConfirmDialog)
        await moved_on(desk, MachineState.ONBOARDED, MachineState.FAILED)
        await settle(pilot)
        assert isinstance(app.screen, TypedConfirmDialog)
        assert "The canary: After 0 min 1 of 2 machines are aboard, 1 failed or blocked, 0 on their way." in painted(app)
        await pilot.press("escape")
        await settle(pilot)
        await moved_on(desk, MachineState.HEALTHY, MachineState.FAILED)
        await settle(pilot)
        assert not isinstance(app.screen, TypedConfirmDialog)
        assert app.asked(ApplyRequested) == []
        await pilot.press("a")
        await settle(pilot)
        await pilot.press(*"Never enabled", "enter")
        await settle(pilot)
        assert [(one.plan_id, one.first, one.resume) for one in app.asked(ApplyRequested)] == [("p1", (), True)]


async def test_a_canary_is_waited_for_no_longer_than_the_settings_say(desk: Desk) -> None:
    desk.canary = timedelta(minutes=20)
    await desk.fleet.select({EXCLUDED, NEVER})
    await desk.journal.save_plan(a_plan(coming(), a_subscription_plan(NEVER, name="Never enabled", case="never-enabled")))
    await canary_applied(desk)
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "At most 20m more" in said(screen)
        desk.clock.advance(minutes=19)  # type: ignore[attr-defined]  # the clock of the tests
        screen.clock_moved()
        await settle(pilot)
        assert not isinstance(app.screen, TypedConfirmDialog)
        desk.clock.advance(minutes=1)  # type: ignore[attr-defined]
        screen.clock_moved()
        await settle(pilot)
        assert isinstance(app.screen, TypedConfirmDialog)
        assert "The canary: After 20 min 0 of 2 machines are aboard, 2 on their way." in painted(app)


async def test_a_few_that_are_marked_come_first_together(desk: Desk) -> None:
    chosen = {EXCLUDED: "[prod] web", NEVER: "Never enabled", READER: "Security Reader"}
    await desk.fleet.select(set(chosen))
    await desk.journal.save_plan(a_plan(*(a_subscription_plan(one, name=name) for one, name in chosen.items())))
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        for one in (EXCLUDED, READER):
            screen.table.move_to(one)
            await pilot.press("x")
        await pilot.press("f")
        await settle(pilot)
        assert "These first; 1 subscription after them only when you say so" in painted(app)
        await pilot.press(*"enable 2 subscriptions", "enter")
        await settle(pilot)
        assert [set(one.first) for one in app.asked(ApplyRequested)] == [{EXCLUDED, READER}]


async def test_what_a_plan_does_besides_is_chosen_before_it_is_made(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "o adds what is missing" in said(screen)
        await pilot.press("o")
        await settle(pilot)
        assert "It is billed by machine" in painted(app)
        await pilot.press("space", "enter", "down", "space", "escape")
        await settle(pilot)
        assert "The next plan (e) does besides: the provider, Defender for Servers P2." in said(screen)
        await pilot.press("e", "d")
        extras = [one.extras for one in app.asked(PlanRequested)]
        assert extras == [Extras(servers_plan="P2", register=True), Extras()]
        await desk.journal.save_plan(
            a_plan(a_subscription_plan(steps=(Step("servers-plan", "free", "P2"),)), extras=Extras(servers_plan="P2", register=True))
        )
        await settle(pilot)
        assert "Besides: the provider, Defender for Servers P2." in said(screen)
        assert "Write Defender for Servers: free → P2" in said(screen)


async def test_what_several_subscriptions_are_billed_for_is_told_together(desk: Desk) -> None:
    bought = Step("servers-plan", "free", "P2")
    bill = "Defender for Servers P2 is billed by machine. It would bill 2 machines."
    chosen = {EXCLUDED: "[prod] web", NEVER: "Never enabled"}
    await desk.fleet.select(set(chosen))
    await desk.journal.save_plan(
        a_plan(*(a_subscription_plan(one, name=name, steps=(bought,), warnings=(bill,)) for one, name in chosen.items()))
    )
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        told = "Billed by machine: Defender for Servers in 2 subscriptions, 4 machines known."
        assert told in said(screen)
        await pilot.press("a")
        await settle(pilot)
        shown = painted(app)
        assert "4 machines known. What one" in shown
        assert "It would bill 2 machines" not in shown.partition("To confirm")[0].partition("Enable for Linux machines: 2 sub")[2]


async def test_less_is_asked_for_only_with_p1(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("o", "G", "space", "escape", "e")
        await pilot.press("o", "space", "G", "space", "escape", "e")
        extras = [one.extras for one in app.asked(PlanRequested)]
        assert extras == [Extras(), Extras(servers_plan="P1", downgrade=True)]


async def test_where_azure_changed_that_subscription_alone_is_asked_about_again_with_what_is_different(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED, NEVER})
    never = a_subscription_plan(NEVER, name="Never enabled", case="never-enabled", settings=(SettingChange("WDATP", None, True),))
    await desk.journal.save_plan(a_plan(a_subscription_plan(), never))
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
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


async def test_the_rest_of_a_plan_whose_canary_had_changed_is_asked_about_after_it(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED, NEVER})
    never = a_subscription_plan(NEVER, name="Never enabled", case="never-enabled")
    await desk.journal.save_plan(a_plan(a_subscription_plan(fates=()), never))
    applied = await desk.journal.begin("ann", "apply-plan", "p1", "", "canary: [prod] web")
    await desk.journal.note("ann", "not-applied", EXCLUDED, "p1", "", "moved: Nothing was sent: Azure has changed since the plan (x).")
    await desk.journal.finish(applied, "stopped after the canary: 0 of 2 subscriptions as planned, 1 wait")
    again = a_subscription_plan(settings=(SettingChange(EXCLUDE, None, False),), fates=())
    await desk.journal.save_plan(a_plan(again, id="p2", again="p1"))
    await desk.journal.finish(await desk.journal.begin("ann", "apply-plan", "p2", "", "1 settings"), "done: 1 of 1")
    await desk.journal.finish(await desk.journal.begin("ann", "put-setting", f"{EXCLUDED}/{EXCLUDE}", "absent", "false"), "confirmed")
    app = Stage(desk, EnableScreen(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, TypedConfirmDialog)  # no machine was to come, so nothing is waited for
        await pilot.press(*"Never enabled", "enter")
        await settle(pilot)
        assert [(one.plan_id, one.resume) for one in app.asked(ApplyRequested)] == [("p1", True)]


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
    await desk.fleet.select({EXCLUDED})
    screen = EnableScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
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


async def test_a_plan_of_a_newer_version_is_a_sentence_and_not_the_end(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    await desk.journal.save_plan(a_plan())
    with sqlite3.connect(desk.journal.path) as other:
        other.execute("UPDATE plans SET document = json_set(document, '$.schema', 99)")
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "The last plan cannot be shown." in said(screen)
        await pilot.press("e")
        assert len(app.asked(PlanRequested)) == 1


async def test_planning_says_how_far_it_is_and_is_not_asked_for_twice(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED, NEVER})
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        desk.activity.begin("plan", "planning", total=2)
        desk.activity.advance("plan", done=1)
        assert "Planning from fresh reads of Azure, 1 of 2 subscriptions" in said(screen)
        await pilot.press("e")
        assert app.asked(PlanRequested) == []
        desk.activity.end("plan")
        assert "Planning from" not in said(screen)


async def test_a_plan_for_other_subscriptions_is_not_shown(desk: Desk) -> None:
    await desk.fleet.select({NEVER})
    await desk.journal.save_plan(a_plan())
    screen = EnableScreen(desk)
    async with Stage(desk, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "no plan yet" in said(screen)


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
    await desk.fleet.select(set(chosen))
    await desk.journal.save_plan(a_plan(*(a_subscription_plan(one, name=name) for one, name in chosen.items())))
    screen = EnableScreen(desk)
    async with Stage(desk, screen).run_test(size=WIDE) as pilot:
        await settle(pilot)
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
    await desk.fleet.select({EXCLUDED})
    await desk.journal.save_plan(a_plan())
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        desk.activity.begin("apply", "applying the plan")
        desk.activity.end("apply")
        assert "not sent: 9 (Log) says why" in said(screen)
        await pilot.press("a")
        assert any("applied already" in one for one in app.toasts())


async def test_enabling_for_the_first_time_says_windows_too_and_disabling_that_linux_goes_along(desk: Desk) -> None:
    await desk.fleet.select({NEVER})
    never = a_subscription_plan(NEVER, name="Never enabled", case="never-enabled", settings=(SettingChange("WDATP", None, True),))
    await desk.journal.save_plan(a_plan(never))
    app = Stage(desk, EnableScreen(desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
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
    await desk.fleet.select({EXCLUDED, READER})
    blocked = a_subscription_plan(READER, name="Security Reader", blockers=(Blocker("rights", "You have no right.", "Owner"),))
    await desk.journal.save_plan(a_plan(blocked, a_subscription_plan()))
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
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
    await desk.fleet.select({EXCLUDED})
    await desk.journal.save_plan(a_plan(a_subscription_plan(warnings=tuple(f"Warning {n}." for n in range(40)))))
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
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


async def test_the_filter_finds_a_machine_and_tells_its_fate(desk: Desk) -> None:
    fates = tuple(MachineFate(f"/m/{number}", f"web-{number:03}", "Linux", Fate.ONBOARD, f"reason {number}") for number in range(200))
    await desk.fleet.select({EXCLUDED, NEVER})
    await desk.journal.save_plan(a_plan(a_subscription_plan(fates=fates), a_subscription_plan(NEVER, name="Never enabled", fates=())))
    screen = EnableScreen(desk)
    async with Stage(desk, screen).run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert len(screen.table.rows) == 2
        for text in ("machine:web-137", "web-137"):
            screen.set_filter(text)
            await settle(pilot)
            assert [row.id for row in screen.table.rows] == [EXCLUDED]
            told = screen.query_one("#document", Document).plain
            assert "The filter finds 1 machine" in told
            assert "web-137 will be onboarded: reason 137" in told
        screen.set_filter("machine:web-")
        await settle(pilot)
        assert "and 190 more" in screen.query_one("#document", Document).plain


async def test_the_plan_that_is_shown_is_exported(desk: Desk) -> None:
    await desk.fleet.select({EXCLUDED})
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    told: list[str] = []

    def tell(sentence: str, *, error: bool = False) -> None:
        told.append(sentence)

    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("E")
        assert not app.asked(ExportRequested)
        assert "There is no plan yet" in app.toasts()[-1]
        plan = a_plan()
        await desk.journal.save_plan(plan)
        await pilot.pause(0.3)
        await settle(pilot)
        for keys in (("E", "enter"), ("E", "tab", "enter")):
            await pilot.press(*keys)
            await settle(pilot)
            await export(desk, app.asked(ExportRequested)[-1], tell)
    text, document = [asked.path for asked in app.asked(ExportRequested)]
    assert "vm\\[/x\\]" in await asyncio.to_thread(Path(text).read_text)
    assert read_plan(document) == plan, "enable --plan takes it"
    assert len(told) == 2

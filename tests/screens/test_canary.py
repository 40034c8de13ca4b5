"""The canary on its screen: one subscription first, and the rest is asked about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from textual.pilot import Pilot

from cache.model import Fate, MachineFate, MachineState, SettingChange, SubscriptionPlan
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.enable import EnableScreen
from screens.requests import ApplyRequested
from tests.screens.paint import painted
from tests.screens.plan_samples import EXCLUDE, a_plan, a_subscription_plan, enabling, said
from tests.screens.stage import (
    EXCLUDED,
    NEVER,
    READER,
    WIDE,
    Stage,
    a_machine,
    an_onboarding,
    machine_id,
    settle,
)


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


async def test_one_subscription_comes_first_and_the_rest_is_asked_about_with_how_its_machines_stand(desk: Desk) -> None:
    async with enabling(
        desk, a_plan(coming(), a_subscription_plan(NEVER, name="Never enabled", case="never-enabled")), chosen={EXCLUDED, NEVER}, size=WIDE
    ) as (screen, app, pilot):
        assert "f applies it to one first" in said(screen)
        screen.table.move_to(EXCLUDED)
        await pilot.press("f")
        await settle(pilot)
        assert "1 subscription after it only when you say so" in painted(app)
        await pilot.press(*"[prod] web", "enter")
        await settle(pilot)
        await canary_applied(desk)
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


@asynccontextmanager
async def waiting(desk: Desk) -> AsyncIterator[tuple[EnableScreen, Stage, Pilot[int]]]:
    """The screen while a plan for two subscriptions waits after its canary, whose machines come aboard."""
    await desk.journal.save_plan(a_plan(coming(), a_subscription_plan(NEVER, name="Never enabled", case="never-enabled")))
    await canary_applied(desk)
    async with enabling(desk, chosen={EXCLUDED, NEVER}, size=WIDE) as found:
        yield found


async def test_the_canary_is_waited_for_and_then_the_rest_is_asked_about_by_itself_once(desk: Desk) -> None:
    async with waiting(desk) as (screen, app, pilot):
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
    async with waiting(desk) as (screen, app, pilot):
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
    async with enabling(
        desk, a_plan(*(a_subscription_plan(one, name=name) for one, name in chosen.items())), chosen=set(chosen), size=WIDE
    ) as (screen, app, pilot):
        for one in (EXCLUDED, READER):
            screen.table.move_to(one)
            await pilot.press("x")
        await pilot.press("f")
        await settle(pilot)
        assert "These first; 1 subscription after them only when you say so" in painted(app)
        await pilot.press(*"enable 2 subscriptions", "enter")
        await settle(pilot)
        assert [set(one.first) for one in app.asked(ApplyRequested)] == [{EXCLUDED, READER}]


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

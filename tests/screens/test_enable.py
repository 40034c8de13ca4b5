"""Planning: what is asked for, and the plan that is shown whole."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from cache.model import Blocker, Extras, Fate, MachineFate, PlanAction, Step
from console.exporting import export
from console.plan_files import read_plan
from screens.desk import Desk
from screens.enable import EnableScreen
from screens.requests import ExportRequested, PlanRequested
from screens.widgets.document import Document
from tests.screens.paint import painted
from tests.screens.plan_samples import EXCLUDE, a_plan, a_subscription_plan, enabling, said
from tests.screens.stage import (
    EXCLUDED,
    NEVER,
    NO_PLAN,
    SMALL,
    WIDE,
    Stage,
    settle,
)


async def test_without_a_choice_it_says_how_to_choose(desk: Desk) -> None:
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "Press 1" in said(screen)
        await pilot.press("e")
        assert app.asked(PlanRequested) == []


async def test_planning_is_asked_for_the_chosen_subscriptions_alone(desk: Desk) -> None:
    async with enabling(desk, chosen={EXCLUDED, NEVER}) as (screen, app, pilot):
        assert "excluded" in said(screen)
        await pilot.press("e", "d")
        asked = [(set(one.subscription_ids), one.action) for one in app.asked(PlanRequested)]
        assert asked == [({EXCLUDED, NEVER}, PlanAction.ENABLE), ({EXCLUDED, NEVER}, PlanAction.DISABLE)]


async def test_the_plan_is_shown_whole(desk: Desk) -> None:
    async with enabling(desk, size=WIDE) as (screen, app, pilot):
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


async def test_what_blocks_a_plan_and_another_plan_could_do_is_offered_on_the_line_of_what_to_do(desk: Desk) -> None:
    free = (Blocker("plan", "Defender for Servers is off.", "Owner"),)
    others = (a_subscription_plan(), a_subscription_plan(NEVER, name="Never enabled"))
    blocked = a_subscription_plan(NO_PLAN, name="No plan [/]", blockers=free, settings=())
    async with enabling(desk, a_plan(blocked), chosen=[NO_PLAN]) as (screen, _, _):
        assert "Nothing can be applied before the blockers are cleared; o adds what is missing." in said(screen)
    async with enabling(desk, a_plan(blocked, *others, id="p2"), chosen=[NO_PLAN, EXCLUDED, NEVER]) as (screen, _, _):
        assert "f applies it to one first, or those marked with x; o adds what is missing." in said(screen)


async def test_what_a_plan_does_besides_is_chosen_before_it_is_made(desk: Desk) -> None:
    async with enabling(desk) as (screen, app, pilot):
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
    async with enabling(desk) as (_, app, pilot):
        await pilot.press("o", "G", "space", "escape", "e")
        await pilot.press("o", "space", "G", "space", "escape", "e")
        extras = [one.extras for one in app.asked(PlanRequested)]
        assert extras == [Extras(), Extras(servers_plan="P1", downgrade=True)]


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
    async with enabling(desk, chosen={EXCLUDED, NEVER}) as (screen, app, pilot):
        desk.activity.begin("plan", "planning", total=2)
        desk.activity.advance("plan", done=1)
        assert "Planning from fresh reads of Azure, 1 of 2 subscriptions" in said(screen)
        await pilot.press("e")
        assert app.asked(PlanRequested) == []
        desk.activity.end("plan")
        assert "Planning from" not in said(screen)


async def test_a_plan_for_other_subscriptions_is_not_shown(desk: Desk) -> None:
    async with enabling(desk, a_plan(), chosen={NEVER}) as (screen, _, _):
        assert "no plan yet" in said(screen)


async def test_the_filter_finds_a_machine_and_tells_its_fate(desk: Desk) -> None:
    fates = tuple(MachineFate(f"/m/{number}", f"web-{number:03}", "Linux", Fate.ONBOARD, f"reason {number}") for number in range(200))
    async with enabling(
        desk,
        a_plan(a_subscription_plan(fates=fates), a_subscription_plan(NEVER, name="Never enabled", fates=())),
        chosen={EXCLUDED, NEVER},
        size=WIDE,
    ) as (screen, _, pilot):
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

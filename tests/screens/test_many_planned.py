"""Promises of the plan at two thousand subscriptions: what a key press or a change of the cache costs is what is on the screen."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from textual.pilot import Pilot

from cache.journal import Journal
from cache.model import AuditEntry, Blocker, Fate, MachineFate, Plan, SettingChange
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.enable import EnableScreen
from screens.requests import ApplyRequested
from screens.widgets.document import Block, Document
from screens.widgets.line_table import LineTable
from tests.screens.paint import painted
from tests.screens.plan_samples import EXCLUDE, a_plan, a_subscription_plan
from tests.screens.stage import SMALL, Stage, a_subscription, advance, put_subscriptions, settle, text_of

MANY = 2000
MACHINES = 20
NUMBERS = range(1000, 1000 + MANY)


def planned(number: int) -> Any:
    """Of ten subscriptions one is blocked, in one there is nothing to do."""
    one = a_subscription(number)
    fates = tuple(MachineFate(f"/m/{number}/{place}", f"vm-{number}-{place}", "Linux", Fate.ONBOARD, "") for place in range(MACHINES))
    blockers = (Blocker("rights", "You have no right.", "Owner of the subscription"),) if number % 10 == 3 else ()
    settings = () if number % 10 == 7 else (SettingChange(EXCLUDE, True, False),)
    irreversible = ("Linux alone cannot be switched off again.",) if settings else ()
    return a_subscription_plan(
        one.id, name=one.name, fates=fates, blockers=blockers, settings=settings, irreversible=irreversible, warnings=()
    )


PLAN: Plan = a_plan(*(planned(number) for number in NUMBERS))


@pytest.fixture
async def many(empty_desk: Desk) -> Desk:
    subscriptions = [a_subscription(number) for number in NUMBERS]
    await empty_desk.fleet.put_subscriptions(subscriptions, complete=True)
    await empty_desk.fleet.select({one.id for one in subscriptions})
    await empty_desk.journal.save_plan(PLAN)
    return empty_desk


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the lines that tables paint, the blocks that documents wrap, and what is read."""
    counts: Counter[str] = Counter()

    def counted(owner: type, name: str, what: str) -> None:
        true = getattr(owner, name)

        def call(*values: Any, **more: Any) -> Any:
            counts[what] += 1
            return true(*values, **more)

        monkeypatch.setattr(owner, name, call)

    counted(LineTable, "render_line", "lines")
    counted(Block, "lines", "blocks")
    counted(Journal, "latest_plan", "plans")
    counted(Journal, "entries", "trails")
    return counts


def on_screen(app: Stage) -> int:
    """The lines that there are."""
    return app.size.height


async def pressed(pilot: Pilot[Any], work: Counter[str], *keys: str) -> Counter[str]:
    work.clear()
    await pilot.press(*keys)
    await settle(pilot)
    return work


async def test_no_key_costs_more_than_what_is_on_the_screen(many: Desk, work: Counter[str]) -> None:
    app = Stage(many, EnableScreen(many))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        for key in ("down", "pagedown", "end", "home", "space", "enter", "pagedown", "escape", "s", "S"):
            done = await pressed(pilot, work, key)
            assert done["lines"] <= 2 * on_screen(app), key
            assert done["blocks"] <= on_screen(app), key
            assert done["plans"] == done["trails"] == 0, key


async def test_a_change_of_the_cache_reads_only_what_changed_and_paints_only_what_differs(many: Desk, work: Counter[str]) -> None:
    screen = EnableScreen(many)
    app = Stage(many, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        work.clear()
        await put_subscriptions(many, [a_subscription(NUMBERS[-1], linux="excluded")], complete=False)
        await settle(pilot)
        assert work == {}, "a line that is out of sight"
        sequence = await many.journal.begin("ann", "put-setting", f"{PLAN.subscriptions[0].id}/{EXCLUDE}", "true", "false")
        many.activity.begin("apply", "applying the plan", total=MANY)
        await settle(pilot)
        await many.journal.finish(sequence, "confirmed")
        await settle(pilot)
        assert work["plans"] == 0
        assert work["lines"] <= 4 * on_screen(app)
        assert work["blocks"] <= 4 * on_screen(app)
        assert "1 confirmed" in painted(app)


async def test_a_second_that_passes_paints_no_line(many: Desk, work: Counter[str]) -> None:
    screen = EnableScreen(many)
    async with Stage(many, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        advance(many, seconds=600)
        work.clear()
        screen.clock_moved()
        await settle(pilot)
        assert work["lines"] == 0
        assert work["blocks"] <= 10


async def test_of_the_audit_trail_only_what_is_new_is_read(many: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[AuditEntry] = []
    entries = Journal.entries

    async def noted(journal: Journal, limit: int | None = None, after: int = 0) -> list[AuditEntry]:
        found = await entries(journal, limit, after)
        read.extend(found)
        return found

    for number in range(30):
        await many.journal.finish(await many.journal.begin("bo", "put-setting", f"{number}/WDATP", "absent", "true"), "confirmed")
    monkeypatch.setattr(Journal, "entries", noted)
    async with Stage(many, EnableScreen(many)).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert len(read) == 60
        await many.journal.begin("ann", "put-setting", f"{PLAN.subscriptions[0].id}/{EXCLUDE}", "true", "false")
        await settle(pilot)
        assert len(read) == 61


async def test_the_head_adds_up_what_no_screen_shows_at_once(many: Desk) -> None:
    app = Stage(many, EnableScreen(many))
    async with app.run_test(size=(140, 45)) as pilot:
        await settle(pilot)
        seen = painted(app)
        for words in (
            "2,000 subscriptions, 1,600 settings to write, 200 blocked, 200 with nothing to do",
            "Machines: 32,000 onboard.",
            "Cannot be undone in 1,600 of 1,600 subscriptions.",
            "Who can clear what is blocked: 200 Owner.",
            "Linux excluded true → false",
            "20 onboard",
        ):
            assert words in seen
        assert "2,000 of 2,000 · → 1,600 to write  ■ 200 blocked  – 200 no change" in text_of(app, "#count")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("status:blocked", 200),
        ('status:"no change"', 200),
        ("vm-1042-7", 1),
        ("machine:vm-1042-7", 1),
        ("who:owner", 200),
        ("setting:exclude_linux", 1800),
        ("undo:no", 1800),
        (f"id:{a_subscription(1042).id}", 1),
    ],
)
async def test_a_filter_finds_a_subscription_by_all_that_the_plan_says_of_it(many: Desk, words: str, left: int) -> None:
    screen = EnableScreen(many)
    async with Stage(many, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("slash", *words, "enter")
        await settle(pilot)
        assert screen.table.count == left


async def test_a_new_plan_is_read_from_its_top(many: Desk) -> None:
    screen = EnableScreen(many)
    async with Stage(many, screen).run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("end", "space")
        await settle(pilot)
        await many.journal.save_plan(a_plan(*PLAN.subscriptions, id="p2"))
        await settle(pilot)
        assert screen.table.cursor_id == screen.table.rows[0].id
        assert screen.query_one("#detail").scroll_offset.y == 0


async def test_what_is_filtered_is_looked_at_and_the_whole_plan_is_confirmed(many: Desk) -> None:
    screen = EnableScreen(many)
    app = Stage(many, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.set_filter("vm-1042-7")
        assert f"subscription {1042}" in screen.query_one("#document", Document).plain
        await pilot.press("a")
        await settle(pilot)
        assert isinstance(app.screen, TypedConfirmDialog)
        await pilot.press(*"enable 1600 subscriptions", "enter")
        await settle(pilot)
        assert [one.plan_id for one in app.asked(ApplyRequested)] == [PLAN.id]


async def test_with_one_subscription_the_keys_scroll_its_text(desk: Desk) -> None:
    one = a_subscription_plan(warnings=tuple(f"Warning {number}." for number in range(40)))
    await desk.fleet.select({one.id})
    await desk.journal.save_plan(a_plan(one))
    app = Stage(desk, EnableScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("pagedown")
        await settle(pilot)
        assert app.screen.query_one("#detail").scroll_offset.y > 0

"""Promises of the sentences that stand over the screen for a while: they cover little, and not what was told after them."""

from __future__ import annotations

from textual.widgets._toast import Toast, ToastHolder

from screens.desk import Desk
from screens.log import LogScreen
from screens.toasts import MOST
from screens.widgets.key_line import KeyLine
from screens.widgets.status_bar import StatusBar
from tests.screens.stage import SMALL, Stage, settle, shown

LONG = "The canary of the plan: 2 of 2 machines came aboard in 34 minutes. Press 3, which asks about the rest of them."


def standing(app: Stage) -> list[str]:
    return [one.message for one in app._notifications]


async def test_of_what_was_done_the_newest_sentence_stands_there_alone(desk: Desk) -> None:
    app = Stage(desk, LogScreen(desk))
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settle(pilot)
        for number in range(4):
            app.notify(f"sentence {number}", timeout=600)
        await settle(pilot)
        assert standing(app) == ["sentence 3"]
        app.notify("sentence 4", timeout=600)
        await settle(pilot)
        assert "sentence 4" in shown(app)
        assert "sentence 3" not in shown(app)
        assert len(app.screen.query(ToastHolder)) == 1


async def test_what_went_wrong_stays_beside_what_was_done_and_stands_there_once(desk: Desk) -> None:
    app = Stage(desk, LogScreen(desk))
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settle(pilot)
        for sentence in ("the disk is full", "the disk is full", "no right to write"):
            app.notify(sentence, severity="error", timeout=600)
        app.notify("1 alert set to resolved", timeout=600)
        await settle(pilot)
        assert standing(app) == ["the disk is full", "no right to write", "1 alert set to resolved"]
        for number in range(9):
            app.notify(f"failure {number}", severity="error", timeout=600)
        await settle(pilot)
        assert standing(app) == [f"failure {number}" for number in range(9)][-MOST:]


async def test_a_sentence_covers_no_more_than_its_words_and_neither_status_bar_nor_keys(desk: Desk) -> None:
    app = Stage(desk, LogScreen(desk))
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settle(pilot)
        screen = app.screen
        app.notify("Saved.", timeout=600)
        await settle(pilot)
        assert screen.query_one(Toast).region.size == (9, 1)
        app.notify(LONG, timeout=600)
        await settle(pilot)
        covered = screen.query_one(Toast).region
        assert covered.height == 2
        assert not covered.overlaps(screen.query_one(StatusBar).region)
        assert not covered.overlaps(screen.query_one(KeyLine).region)

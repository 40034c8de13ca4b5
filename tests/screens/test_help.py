"""Promises of help and palette: they are the registry, whole, those of the screen in front first."""

from __future__ import annotations

from textual.command import CommandPalette

from screens.actions import ACTIONS, SCOPES
from screens.desk import Desk
from screens.help import HelpScreen, help_blocks, key_names
from screens.palette import ActionProvider
from screens.requests import SelectionChanged
from screens.subscriptions import SubscriptionsScreen
from tests.screens.stage import SMALL, Stage, settle, shown


def test_every_action_stands_in_the_help_once() -> None:
    text = [block for block in help_blocks(("machines", "table"), {}) if block.label]
    for action in ACTIONS:
        assert sum(block.label == key_names(action, {}) and action.help in block.text for block in text) >= 1
    assert all(action.scope in SCOPES for action in ACTIONS)


def test_the_keys_of_the_screen_in_front_come_first() -> None:
    titles = [block.text for block in help_blocks(("alerts", "table"), {}) if block.bold]
    assert titles[:3] == ["Alerts", "In tables", "Everywhere"]
    assert all(title.endswith("(another screen)") for title in titles[3:])


def test_what_leads_to_a_change_is_said_to() -> None:
    texts = [block.text for block in help_blocks(("enable",), {})]
    assert any("Apply" in text and "leads to a change in Azure" in text for text in texts)


async def test_typing_filters_and_escape_clears_then_closes(desk: Desk) -> None:
    app = Stage(desk, SubscriptionsScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        assert "Choose the marked subscriptions" in shown(app)
        await pilot.press("pagedown", "down")
        await pilot.pause()
        await pilot.press(*"tenant")
        await pilot.pause()
        assert "Switch to another tenant" in shown(app)
        assert "Choose the marked" not in shown(app)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, SubscriptionsScreen)


async def test_the_key_that_opened_the_help_closes_it(desk: Desk) -> None:
    app = Stage(desk, SubscriptionsScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("question_mark", "question_mark")
        await pilot.pause()
        assert isinstance(app.screen, SubscriptionsScreen)


async def test_help_on_a_tiny_terminal_does_not_break(desk: Desk) -> None:
    app = Stage(desk, SubscriptionsScreen(desk))
    async with app.run_test(size=(20, 5)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark", "x", "escape", "escape")
        await pilot.pause()
        assert isinstance(app.screen, SubscriptionsScreen)


class Searching(Stage):
    """A stage whose palette is the registry."""

    ENABLE_COMMAND_PALETTE = True
    COMMANDS = {ActionProvider}


async def test_the_palette_finds_an_action_and_runs_it(desk: Desk) -> None:
    app = Searching(desk, SubscriptionsScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"choose")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "Choose  (c)" in shown(app)
        await pilot.press("enter")
        await settle(pilot)
        assert len(app.asked(SelectionChanged)) == 1

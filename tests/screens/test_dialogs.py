"""Promises of the dialogs: nobody confirms by accident, and whatever a subscription is called, it can be confirmed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.widgets import Button, Input

from screens.dialogs import ConfirmDialog, Dialog, TypedConfirmDialog, typeable, what_to_type
from tests.screens.stage import RTL, SIXTY, SMALL, shown, subscription_id

ID = subscription_id(3)


class Asking(App[None]):
    """Asks one question and keeps the answer."""

    def __init__(self, dialog: Dialog) -> None:
        super().__init__()
        self.dialog = dialog
        self.answers: list[bool | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.answers.append)


def confirm(**more: Any) -> ConfirmDialog:
    values: dict[str, Any] = {"title": "Resolve: 2 alerts?", "lines": ["· [prod] web", "· vm[/x]"], "confirm_label": "Resolve"}
    return ConfirmDialog(**{**values, **more})


def typed(expected: str = "Production", **more: Any) -> TypedConfirmDialog:
    return TypedConfirmDialog("Enable for Linux?", ["12 machines will be onboarded."], expected, "Enable", **more)


async def answer(dialog: Dialog, *keys: str, size: tuple[int, int] = SMALL) -> list[bool | None]:
    app = Asking(dialog)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
    return app.answers


async def test_cancel_has_the_focus_so_enter_cancels() -> None:
    assert await answer(confirm(), "enter") == [False]
    assert await answer(typed(), "enter") == [False]


async def test_escape_cancels_wherever_the_focus_is() -> None:
    assert await answer(confirm(), "escape") == [False]
    assert await answer(typed(), "P", "escape") == [False]


@pytest.mark.parametrize("move", ["tab", "right", "left"])
async def test_the_confirm_button_is_one_key_away(move: str) -> None:
    assert await answer(confirm(), move, "enter") == [True]


async def test_markup_in_a_question_is_shown_as_it_is() -> None:
    app = Asking(confirm(title="[@click=app.quit]x[/]?", confirm_label="[b]Do[/b]"))
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        screen = shown(app)
    assert "[@click=app.quit]x[/]?" in screen
    assert "· vm[/x]" in screen
    assert "[b]Do[/b]" in screen


async def test_the_name_typed_exactly_confirms() -> None:
    assert await answer(typed(), *"Production", "enter") == [True]


@pytest.mark.parametrize("wrong", ["production", "Productio", "Productions", " Production"])
async def test_anything_but_the_exact_name_does_not_confirm(wrong: str) -> None:
    keys = ["space" if one == " " else one for one in wrong]
    assert await answer(typed(), *keys, "enter") == []
    assert await answer(typed(), *keys, "tab", "tab", "enter") == []  # the button cannot be reached


async def test_the_button_opens_once_the_name_is_typed() -> None:
    app = Asking(typed())
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        button = app.screen.query_one("#confirm", Button)
        assert button.disabled
        await pilot.press(*"Production")
        await pilot.pause()
        assert app.screen.query_one(Input).value == "Production"
        assert not button.disabled


@pytest.mark.parametrize("name", [RTL, "db-🚀-01", "Müller", "а-cyrillic-letter", "two  blanks", " blank", "", "n" * 65])
async def test_a_name_that_cannot_be_typed_is_confirmed_by_the_start_of_the_id(name: str) -> None:
    dialog = typed(name, subscription_id=ID)
    app = Asking(dialog)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        assert f"type {ID[:8]}" in shown(app)
        await pilot.press(*ID[:8], "enter")
        await pilot.pause()
    assert app.answers == [True]


@pytest.mark.parametrize("name", ["[prod] web", "vm[/x]", "[@click=app.quit]x[/]", SIXTY, 'it\'s "quoted"'])
async def test_brackets_and_quotes_are_typed_like_anything_else(name: str) -> None:
    assert typeable(name)
    assert await answer(typed(name, subscription_id=ID), *["space" if one == " " else one for one in name], "enter") == [True]


@given(st.text(max_size=80))
def test_what_is_to_be_typed_can_be_typed(name: str) -> None:
    what = what_to_type(name, ID)
    assert typeable(what)
    assert what == name or what == ID[:8]


async def test_a_long_text_scrolls_and_leaves_the_buttons_in_view() -> None:
    app = Asking(confirm(lines=[f"line {number}" for number in range(100)]))
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        await pilot.pause()
        before = shown(app)
        assert "Cancel" in before
        assert "Resolve" in before
        assert "scroll" in before
        assert "line 0" in before
        await pilot.press("pagedown", "pagedown")
        await pilot.pause()
        assert "line 16" in shown(app)
        assert "Cancel" in shown(app)


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (10, 3)])
async def test_a_dialog_on_a_tiny_terminal_still_cancels(size: tuple[int, int]) -> None:
    assert await answer(confirm(), "enter", size=size) == [False]
    assert await answer(typed(), "escape", size=size) == [False]

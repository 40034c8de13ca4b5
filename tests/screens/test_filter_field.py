"""The line of the filter: no key is lost, Tab completes, an error points at its place, and nothing in it is markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from textual import events, on
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Static

from cache.filter import Field, FilterError
from cache.filter_language import LONGEST_TEXT, parse
from screens.widgets.filter_field import MOST_LINES, FilterField, FilterLine
from tests.screens.paint import HOSTILE, HOSTILE_SHOWN, painted

FIELDS = (Field("name", "Machine"), Field("state", "State"), Field("status", "Status"), Field("since", "Since", kind="time"))


@dataclass
class Kept(Message):
    """Enter was pressed."""

    text: str


class Left(Message):
    """Escape was pressed."""


class Stage(App[None]):
    """A field over a text, which notes what the field tells, in order."""

    CSS = "#behind { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Message] = []
        self.asked: list[str] = []
        self.field = FilterField(FIELDS, self.values, self.leave, "type a filter")

    async def leave(self, kept: bool) -> None:
        self.told.append(Kept(self.field.text) if kept else Left())

    async def values(self, key: str) -> Sequence[tuple[str, int]]:
        self.asked.append(key)
        return {
            "state": [("late", 1200), ("overdue", 9), ("not enabled", 5), ("[bold]x[/]", 1)],
            "name": [(f"vm-{number}", number) for number in range(20)],
        }.get(key, [])

    def compose(self) -> ComposeResult:
        yield self.field
        yield Static("\n".join(f"row {number}" for number in range(30)), id="behind")

    def on_mount(self) -> None:
        self.field.take_focus()

    @on(FilterField.Changed)
    @on(FilterField.Moved)
    def _note(self, message: Message) -> None:
        self.told.append(message)
        if isinstance(message, FilterField.Changed):
            try:
                parse(message.text, FIELDS)
            except FilterError as error:
                self.field.show_error(error)
            else:
                self.field.show_error(None)

    def kinds(self) -> list[str]:
        return [type(one).__name__ for one in self.told]

    def lines(self) -> list[str]:
        return painted(self).splitlines()


async def typed(pilot: Pilot[Any], text: str) -> None:
    await pilot.press(*text)
    await pilot.pause()


def at_once(app: Stage, *keys: str) -> None:
    """Keys as a fast typist or a paste over a slow line delivers them: all before the first is handled."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_each_edit_is_told_then_what_was_kept() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await pilot.press("a", "b", "backspace", "enter")
        await pilot.pause()
        assert [one.text for one in app.told if isinstance(one, (FilterField.Changed, Kept))] == ["a", "ab", "a", "a"]
        assert app.kinds()[-1] == "Kept"
        assert app.field.text == "a"


async def test_keys_typed_fast_keep_their_order() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        at_once(app, "s", "t", "a", "x", "backspace", "t", "e", "tab", "l", "a", "tab", "left", "!", "end", "z", "enter", "down")
        for _ in range(5):
            await pilot.pause()
        assert app.field.text == "state:lat!ez"
        assert [one.text for one in app.told if isinstance(one, Kept)] == ["state:lat!ez"]
        assert app.kinds()[-1] == "Moved"


async def test_up_and_down_move_what_is_behind_and_escape_leaves() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await pilot.press("up", "down", "escape")
        await pilot.pause()
        assert app.kinds() == ["Moved", "Moved", "Left"]
        assert [one.step for one in app.told if isinstance(one, FilterField.Moved)] == [-1, 1]


async def test_tab_completes_the_common_part_then_opens_a_list() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await typed(pilot, "st")
        await pilot.press("tab")
        assert (app.field.text, app.field.is_open) == ("stat", False)
        await pilot.press("tab")
        await pilot.pause()
        assert app.field.is_open
        assert [line.split()[0] for line in app.lines()[1:3]] == ["state:", "status:"]
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert (app.field.text, app.field.is_open) == ("status:", False)
        assert "Kept" not in app.kinds()
        assert app.lines()[1].strip() == "row 0"


async def test_values_are_listed_with_their_counts_and_taken_in_quotes() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await typed(pilot, "state:")
        assert app.asked == []
        await pilot.press("tab")
        await pilot.pause()
        lines = app.lines()
        assert lines[1].split()[:2] == ["late", "1,200"]
        assert lines[4].split()[:2] == ["[bold]x[/]", "1"]
        await pilot.press("down", "down", "down", "up", "enter")
        assert app.field.text == 'state:"not enabled"'


async def test_a_long_list_shows_six_lines_and_goes_around() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await typed(pilot, "name:vm-")
        await pilot.press("tab")
        await pilot.pause()
        lines = app.lines()
        assert lines[1].split()[0] == "vm-19"
        assert [line.split()[0] for line in lines[MOST_LINES : MOST_LINES + 2]] == ["vm-14", "row"]
        await pilot.press("shift+tab")
        await pilot.pause()
        assert app.lines()[MOST_LINES].split()[0] == "vm-0"
        await pilot.press("down", "enter")
        assert app.field.text == "name:vm-19"


async def test_typing_narrows_an_open_list_and_closes_it_when_nothing_is_left() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await typed(pilot, "name:vm-")
        await pilot.press("tab", "1")
        await pilot.pause()
        assert app.field.is_open
        assert app.lines()[1].split()[0] == "vm-19"
        await typed(pilot, "x")
        assert not app.field.is_open


async def test_escape_closes_the_list_first() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await pilot.press("tab", "escape")
        assert not app.field.is_open
        assert app.kinds() == []
        await pilot.press("escape")
        await pilot.pause()
        assert app.kinds() == ["Left"]


@pytest.mark.parametrize("text", ["xyz", '"st', "name~a"])
async def test_no_list_opens_where_there_is_nothing_to_complete(text: str) -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await typed(pilot, text)
        await pilot.press("tab")
        assert (app.field.text, app.field.is_open, app.field.is_typing) == (text, False, True)


async def test_a_click_takes_a_completion() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await pilot.press("tab")
        await pilot.pause()
        await pilot.click(offset=(3, 2))
        assert app.field.text == "state:"


async def test_an_error_points_at_its_place_and_goes_away() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await typed(pilot, "vm zz:x")
        assert app.lines()[1].startswith("    ^ unknown field “zz” at 4: put it in quotes if")
        assert app.lines()[1].endswith("…")
        assert app.lines()[2].strip() == "row 1"
        await pilot.press("backspace", "backspace")
        await pilot.pause()
        assert app.lines()[1].strip() == "row 0"


async def test_an_error_far_to_the_right_stands_before_its_caret() -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        app.field.set_text("a" * 50 + ' "b')
        app.field.show_error(FilterError("the quote at 52 is not closed, so far", 51, 53))
        await pilot.pause()
        assert app.lines()[1].endswith("the quote at 52 is not closed, so far ^")
        assert app.lines()[1].index("^") == 1 + 51


async def test_neither_error_nor_text_is_markup() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        app.field.set_text(HOSTILE)
        app.field.show_error(FilterError(HOSTILE, 0, 1))
        await pilot.pause()
        assert app.lines()[0].strip() == HOSTILE_SHOWN
        assert app.lines()[1].strip() == f"^ {HOSTILE_SHOWN}"
        assert app.told == []


async def test_what_is_pasted_becomes_one_clean_line() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await typed(pilot, "a")
        app.post_message(events.Paste("x\x1b[2Jy\nz" + "z" * LONGEST_TEXT))
        await pilot.pause()
        await pilot.pause()
        assert app.field.text.startswith("axy zzz")
        assert len(app.field.text) == LONGEST_TEXT


async def test_setting_the_text_tells_nothing() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        app.field.set_text("state:late")
        await pilot.pause()
        assert (app.field.text, app.told) == ("state:late", [])
        await typed(pilot, ",")
        assert app.field.text == "state:late,"


async def test_a_field_at_rest_paints_nothing() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await typed(pilot, "vm x:")
        field = app.screen.query_one(Input)
        before = app.lines()
        await pilot.pause(0.7)
        assert not field.cursor_blink
        assert app.lines() == before


async def test_an_error_lies_over_the_table_and_moves_nothing() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        before = app.query_one("#behind").region
        await typed(pilot, '"')
        assert app.lines()[1].startswith(" ^ the quote at 1")
        assert app.query_one("#behind").region == before


async def test_a_line_with_text_is_painted_as_textual_paints_it() -> None:
    app = Stage()
    async with app.run_test(size=(30, 8)) as pilot:
        line = app.field.query_one(FilterLine)
        app.field.take_focus()
        for number, text in enumerate(("", "a", "state:failed", "漢字 mit ß", "e\u0301 x", "👍🏽 ok", "long " * 12, "漢" * 30)):
            app.theme = ("textual-dark", "textual-light", "nord")[number % 3]
            line.value = text
            for place in range(len(text) + 1):
                line.cursor_position = place
                if place in (0, len(text) // 2, len(text)):
                    await pilot.pause()
                ours, theirs = line.render_line(0), Input.render_line(line, 0)
                assert [*ours.simplify()] == [*theirs.simplify()], (text, place)
                assert ours.cell_length == theirs.cell_length

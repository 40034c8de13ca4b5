"""The line of keys: what is meant to be shown, once each, and a click on one is as good as the key."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.binding import Binding

from screens.widgets.key_line import KeyLine


class Keys(App[None]):
    BINDINGS = [
        Binding("a", "add", "Add", show=True),
        Binding("b", "blocked", "Blocked", show=True),
        Binding("c", "hidden", "Hidden", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.added = 0
        self.blocked = True

    def compose(self) -> ComposeResult:
        yield KeyLine()

    def action_add(self) -> None:
        self.added += 1

    def action_blocked(self) -> None:
        self.added += 100

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "blocked" and self.blocked else True


def shown(app: App[None]) -> str:
    return "".join(segment.text for segment in app.query_one(KeyLine).render_line(0)).rstrip()


async def test_the_line_shows_the_keys_that_are_meant_to_be_shown() -> None:
    app = Keys()
    async with app.run_test(size=(80, 5)) as pilot:
        await pilot.pause()
        assert shown(app).startswith("a Add b Blocked")
        assert "Hidden" not in shown(app)


async def test_a_click_presses_the_key_that_works_and_no_other() -> None:
    app = Keys()
    async with app.run_test(size=(80, 5)) as pilot:
        await pilot.pause()
        await pilot.click(KeyLine, offset=(2, 0))
        await pilot.pause()
        assert app.added == 1
        await pilot.click(KeyLine, offset=(9, 0))
        await pilot.click(KeyLine, offset=(70, 0))
        await pilot.pause()
        assert app.added == 1
        app.blocked = False
        app.refresh_bindings()
        await pilot.pause()
        await pilot.click(KeyLine, offset=(9, 0))
        await pilot.pause()
        assert app.added == 101


class Crowded(App[None]):
    BINDINGS = [
        *(Binding(letter, f"one('{letter}')", "A long title", show=True) for letter in "abcdefgh"),
        Binding("question_mark", "help", "Help", show=True),
        Binding("q", "quit", "Quit", show=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.helped = False

    def compose(self) -> ComposeResult:
        yield KeyLine()

    def action_help(self) -> None:
        self.helped = True


async def test_where_there_is_no_room_for_all_keys_the_one_for_help_stays() -> None:
    app = Crowded()
    async with app.run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        line = "".join(segment.text for segment in app.query_one(KeyLine).render_line(0)).rstrip()
        assert line == "a A long title b A long title ? Help"
        await pilot.click(KeyLine, offset=(line.index("?"), 0))
        await pilot.pause()
        assert app.helped

"""The sign-in on the screen: what to do, how long, and what went wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from textual.app import App
from textual.widgets import Static

from cache.clock import ManualClock
from screens.requests import CopyRequested, Request, SignInRequested
from screens.sign_in import SignInScreen, qr_code
from tests.screens.paint import HOSTILE, HOSTILE_SHOWN, painted
from tests.screens.stage import NOW, shown


class Entrance(App[None]):
    """An app that has nothing but the sign-in."""

    def __init__(self, screen: SignInScreen) -> None:
        super().__init__()
        self.first = screen
        self.requests: list[Request] = []

    async def on_mount(self) -> None:
        await self.push_screen(self.first)

    def on_copy_requested(self, request: CopyRequested) -> None:
        self.requests.append(request)

    def on_sign_in_requested(self, request: SignInRequested) -> None:
        self.requests.append(request)


async def test_the_prompt_tells_address_code_and_time_left() -> None:
    clock = ManualClock(NOW)
    screen = SignInScreen(clock)
    app = Entrance(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen.show_prompt("https://login.example/device", "AB12CD34E", NOW + timedelta(minutes=15))
        await pilot.pause()
        text = shown(app)
        assert "https://login.example/device" in text
        assert "AB12CD34E" in text
        assert "15m" in text
        await pilot.press("y")
        await pilot.pause()
        assert [one.text for one in app.requests if isinstance(one, CopyRequested)] == ["AB12CD34E"]
        clock.advance(minutes=16)
        screen.show_prompt("https://login.example/device", "AB12CD34E", NOW + timedelta(minutes=15))
        await pilot.pause()
        assert "expired" in shown(app)


async def test_a_tall_terminal_shows_a_qr_code() -> None:
    screen = SignInScreen(ManualClock(NOW))
    app = Entrance(screen)
    async with app.run_test(size=(100, 45)) as pilot:
        screen.show_prompt("https://login.example/device", "AB12CD34E", NOW + timedelta(minutes=15))
        await pilot.pause()
        assert qr_code("https://login.example/device")[3] in shown(app)


async def test_a_failure_says_what_was_tried_and_r_tries_again() -> None:
    screen = SignInScreen(ManualClock(NOW))
    app = Entrance(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen.show_failure("Conditional access\x1b]52;c;eA==\x07 blocks [this].", [("cli", "The Azure CLI is not installed here.")])
        await pilot.pause()
        text = shown(app)
        assert "blocks [this]." in text
        assert "cli: The Azure CLI is not installed here." in text
        assert "\x1b" not in text
        await pilot.press("r")
        await pilot.pause()
        assert any(isinstance(one, SignInRequested) for one in app.requests)


@pytest.mark.parametrize("text", ["https://microsoft.com/devicelogin", "https://x.example/" + "a" * 120])
def test_a_qr_code_is_a_square_of_half_blocks(text: str) -> None:
    lines = qr_code(text)
    assert len({len(line) for line in lines}) == 1
    assert set("".join(lines)) <= set("█▀▄ ")
    assert len(lines[0]) in (len(lines) * 2, len(lines) * 2 - 1)


def test_an_address_too_long_for_a_qr_code_has_none() -> None:
    assert qr_code("https://x.example/" + "a" * 4000) == ()


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (30, 40)])
async def test_where_a_qr_code_has_no_room_address_and_code_stay_whole(size: tuple[int, int]) -> None:
    screen = SignInScreen(ManualClock(NOW))
    app = Entrance(screen)
    async with app.run_test(size=size) as pilot:
        screen.show_prompt("https://aka.ms/dl", "AB12CD34E", NOW + timedelta(minutes=15))
        await pilot.pause()
        assert "https://aka.ms/dl" in shown(app)
        assert "AB12CD34E" in shown(app)
        assert "███" not in shown(app)


async def test_the_screen_is_written_anew_only_when_a_word_changes() -> None:
    clock = ManualClock(NOW)
    screen = SignInScreen(clock)
    app = Entrance(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen.show_prompt("https://login.example/device", "AB12CD34E", NOW + timedelta(minutes=15))
        await pilot.pause()
        before = screen.query_one("#sign-in-text", Static).content
        clock.advance(seconds=1)
        screen._show()
        between = screen.query_one("#sign-in-text", Static).content
        clock.advance(seconds=2)
        screen._show()
        assert screen.query_one("#sign-in-text", Static).content is between
        assert "15m" in str(before)
        assert "14m" in str(between)


async def test_progress_takes_the_place_of_a_code_and_a_failure_that_of_progress() -> None:
    screen = SignInScreen(ManualClock(NOW))
    app = Entrance(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen.show_prompt("https://login.example/device", "AB12CD34E", NOW + timedelta(minutes=15))
        screen.show_progress("Signed in; opening the cache…")
        await pilot.pause()
        assert "AB12CD34E" not in shown(app)
        assert "opening the cache" in shown(app)
        await pilot.press("y", "u")
        assert app.requests == []
        screen.show_failure("The sign-in was declined.", [])
        await pilot.pause()
        assert "declined" in shown(app)
        assert "opening the cache" not in shown(app)
        screen.show_prompt("https://login.example/device", "ZZ99", NOW + timedelta(minutes=15))
        await pilot.press("u")
        await pilot.pause()
        assert [one.text for one in app.requests if isinstance(one, CopyRequested)] == ["https://login.example/device"]


async def test_hostile_texts_of_the_sign_in_are_shown_as_text() -> None:
    screen = SignInScreen(ManualClock(NOW))
    app = Entrance(screen)
    async with app.run_test(size=(100, 30)) as pilot:
        screen.show_prompt(f"https://x/{HOSTILE}", HOSTILE, NOW + timedelta(minutes=15))
        await pilot.pause()
        painted(app)
        screen.show_failure(HOSTILE, [(HOSTILE, HOSTILE)])
        await pilot.pause()
        assert HOSTILE_SHOWN in painted(app)

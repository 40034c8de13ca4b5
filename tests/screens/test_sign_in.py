"""The sign-in on the screen: what to do, how long, and what went wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from textual.app import App

from cache.clock import ManualClock
from screens.requests import CopyRequested, Request, SignInRequested
from screens.sign_in import SignInScreen, qr_code
from screens.tenant import TenantDialog
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


@pytest.mark.parametrize(("keys", "chosen"), [(["down", "enter"], "t2"), (["enter"], "t1"), (["escape"], None)])
async def test_the_tenant_under_the_cursor_is_chosen_and_escape_chooses_none(keys: list[str], chosen: str | None) -> None:
    answers: list[str | None] = []
    app: App[None] = App()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(TenantDialog([("t1", "Contoso"), ("t2", "[Fabrikam]")], "t1"), answers.append)
        await pilot.pause()
        assert "[Fabrikam]" in shown(app)
        await pilot.press(*keys)
        await pilot.pause()
    assert answers == [chosen]

"""What the app does by itself, without any Azure."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from console.app import ConsoleApp
from console.session import Setup, set_up
from console.settings import SettingsError


def setup_in(home: Path) -> Setup:
    return set_up(home=str(home), cloud=None, method=None, tenant=None, only=(), read_only=False, environ={})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('[keys]\n"table.fliter" = "f"', "“table.fliter” is no action. Did you mean “table.filter”?"),
        ('[keys]\n"zzz" = "f"', "“zzz” is no action. The names are scope.action"),
        ('theme = "mauve"', "“theme” must be one of .*terminal"),
    ],
)
def test_an_action_or_a_theme_that_there_is_not_is_named_before_the_console_opens(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "config.toml").write_text(written)
    with pytest.raises(SettingsError, match=said) as raised:
        ConsoleApp(setup_in(tmp_path))
    assert str(tmp_path / "config.toml") in str(raised.value)


async def test_a_picture_of_the_screen_is_the_users_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    app = ConsoleApp(setup_in(home))
    app.signing_in.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)):
        app.action_screenshot_svg()
    await app.shut_down()
    (picture,) = (home / "pictures").iterdir()
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600

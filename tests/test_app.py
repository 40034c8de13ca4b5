"""What the app does by itself, without any Azure."""

from __future__ import annotations

import stat
from pathlib import Path

from console.app import ConsoleApp
from console.session import set_up


async def test_a_picture_of_the_screen_is_the_users_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    app = ConsoleApp(set_up(home=str(home), cloud=None, method=None, tenant=None, only=(), read_only=False, environ={}))
    app.signing_in.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)):
        app.action_screenshot_svg()
    await app.shut_down()
    (picture,) = (home / "pictures").iterdir()
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600

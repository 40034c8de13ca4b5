"""A few screens as they look, in each kind of theme.

After a change that is meant: ``pytest tests/screens/test_pictures.py --snapshot-update``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from screens.console_screen import ConsoleScreen
from screens.log import LogScreen
from screens.overview import OverviewScreen
from screens.subscriptions import SubscriptionsScreen
from screens.themes import THEMES, following, register
from tests.screens.stage import SMALL, WIDE, Stage, close_desk, fill, open_desk, settle


class Picture(Stage):
    """Opens its own desk, since a picture is taken in an event loop of its own."""

    TITLE = "mde-console"

    def __init__(self, folder: Path, screen: type[ConsoleScreen], theme: str) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]  # both come with the event loop
        self.folder, self.kind = folder, screen
        register(self)
        self.theme = theme

    async def on_load(self) -> None:
        self.desk = await open_desk(self.folder)
        await fill(self.desk)
        self.first = self.kind(self.desk)

    async def on_unmount(self) -> None:
        await close_desk(self.desk)


@pytest.mark.parametrize(
    ("screen", "size", "theme"),
    [
        (OverviewScreen, SMALL, "textual-dark"),
        (OverviewScreen, WIDE, "textual-light"),
        (SubscriptionsScreen, SMALL, "terminal"),
    ],
)
def test_a_screen_looks_as_it_did(
    snap_compare: Any, tmp_path: Path, screen: type[ConsoleScreen], size: tuple[int, int], theme: str
) -> None:
    assert snap_compare(Picture(tmp_path, screen, theme), terminal_size=size, run_before=settle)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("screen", [OverviewScreen, SubscriptionsScreen, LogScreen])
async def test_every_screen_can_be_painted_in_every_theme(tmp_path: Path, screen: type[ConsoleScreen], theme: str) -> None:
    app = Picture(tmp_path, screen, theme)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "mde-console" in app.export_screenshot()


def test_the_theme_key_goes_round() -> None:
    assert [following(theme) for theme in THEMES] == [*THEMES[1:], THEMES[0]]
    assert following("nord") == THEMES[0]

"""Promises of what is left on the terminal when something goes: nothing."""

from __future__ import annotations

from typing import Any

import pyte
from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.screen import Screen
from textual.widgets._toast import Toast

from screens.desk import Desk
from screens.log import LogScreen
from screens.shown import Shown
from tests.screens.stage import SMALL, Stage, settle, shown

WORDS = "a word in your ear"


class Painting(Stage):
    """Every frame goes to a terminal."""

    def __init__(self, desk: Desk, screen: Screen[Any]) -> None:
        super().__init__(desk, screen)
        self.memory = Shown()
        self.terminal = pyte.Screen(*SMALL)
        self.stream = pyte.Stream(self.terminal)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:
            renderable = self.memory.difference(renderable)
            if isinstance(renderable, CompositorUpdate):
                self.stream.feed(renderable.render_segments(self.console))
        super()._display(screen, renderable)

    def on_the_terminal(self) -> str:
        return "\n".join(line.rstrip() for line in self.terminal.display)


async def test_a_toast_leaves_nothing_also_when_the_screen_was_arranged_meanwhile(desk: Desk) -> None:
    screen = LogScreen(desk)
    app = Painting(desk, screen)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settle(pilot)
        app.notify(WORDS, timeout=600)
        await settle(pilot)
        assert WORDS in app.on_the_terminal()
        toast = screen.query_one(Toast)
        compositor = screen._compositor
        with app.batch_update():  # no frame between what follows
            compositor._full_map_invalidated = True  # as after scrolling
            holder = toast.parent
            assert holder is not None
            await holder.remove()  # type: ignore[attr-defined]
            assert toast not in compositor.full_map
        await settle(pilot)
        assert app.on_the_terminal() == shown(app)

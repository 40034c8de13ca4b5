"""An app that finds out whether the line to its terminal is slow, and then paints no faster than the line carries.

On a slow line each frame is followed by a question that every terminal answers; further frames wait for the answers, so that what is
painted is never older than the line makes it. What is not painted meanwhile is in the next frame.
"""

from __future__ import annotations

from contextlib import ExitStack
from time import monotonic
from typing import Any

from rich.console import RenderableType
from rich.control import Control
from textual import events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate
from textual.driver import Driver
from textual.screen import Screen

from screens.line import PATIENCE, QUESTION, Line
from screens.shown import Shown
from screens.themes import TERMINAL, THEMES
from screens.toasts import BriefToasts

BETWEEN = 0.5
"""Seconds between an answer and the next question, while it is not known whether the line is slow."""

LAST_ANSWER = 2.0
"""Seconds that leaving waits at most for an answer that is on its way: later it would be typed into the shell."""


class PacedApp(BriefToasts):
    """``slow`` is whether the line is known to be slow; ``None``: find out. :meth:`line_slow` is called when it is, in either case."""

    def __init__(self, slow: bool | None, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self.line = Line(slow)
        self.shown = Shown()
        self._slow_mode = False
        self._hold = ExitStack()
        self._held = False
        self._missed = False
        self._leaving: int | None = None

    async def on_mount(self) -> None:
        """After a pause in the background the terminal shows what another program wrote."""
        self.app_resume_signal.subscribe(self, lambda _: self.shown.forget())

    def on_resize(self) -> None:
        """What a terminal shows while its size changes is its own affair, also when it comes back to the size that it had."""
        if self.shown.known:
            self.shown.forget()
            self.screen.refresh()

    def be_frugal(self) -> None:
        """What can be spared before the first frame: animation, and all colours but the terminal's own, unless others were chosen."""
        self.animation_level = "none"
        self.shown.frugal = True
        if self.theme == THEMES[0]:
            self.theme = TERMINAL.name

    def line_slow(self) -> None:
        """The line is slow: subclasses say so, and make their clocks coarser."""

    def watch_line(self) -> None:
        """The first screen is painted: ask the terminal, unless nothing would follow from its answer."""
        if self.is_headless or self.line.slow is False:
            return
        if self.line.slow:
            self._go_slow()
        self._ask()

    def leave(self, return_code: int = 0) -> None:
        """Leave, once no answer is on its way any more."""
        if self._leaving is not None or not self.line.waiting:
            self.exit(return_code=return_code)
            return
        self._leaving = return_code
        self.set_timer(LAST_ANSWER, self._leave_now)

    def on_cursor_position(self, event: events.CursorPosition) -> None:
        """The terminal has answered, and so has got all that was painted before."""
        undecided = self.line.slow is None
        self.line.answer(event.time)
        if self._leaving is not None:
            if not self.line.waiting:
                self._leave_now()
            return
        if self._held and not self.line.full:
            self._release()
        if undecided and self.line.slow:
            self._go_slow()
        elif undecided and self.line.slow is None:
            self.set_timer(BETWEEN, self._ask)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Write a frame: what of it the terminal does not show yet, and after it, on a slow line, a question."""
        if self._batch_count or self._driver is None or self.is_headless or not self._running or self._closed:
            self._missed = self._missed or self._held
            super()._display(screen, renderable)
            return
        if isinstance(renderable, CompositorUpdate):
            renderable = self.shown.difference(renderable)
            if renderable is not None:
                self._send(renderable)
        else:
            super()._display(screen, renderable)
        if renderable is not None and self._slow_mode and self.line.answers and self._leaving is None:
            self._ask()
            if self.line.full:
                self._held = True
                self._hold.enter_context(self.batch_update())

    def _send(self, frame: CompositorUpdate) -> None:
        """Write a frame as one text, which wakes the thread that writes but once; a terminal that can shows it as a whole."""
        assert self._driver is not None
        at = self.screen.outer_size.clamp_offset(self.cursor_position)
        text = frame.render_segments(self.console) + Control.move_to(*at).segment.text
        self._driver.write(f"{SYNC_START}{text}{SYNC_END}" if self._sync_available else text)
        self._driver.flush()

    def _ask(self) -> None:
        if self._driver is not None and self._leaving is None:
            self.line.ask(monotonic())
            self._driver.write(QUESTION)
            self._driver.flush()

    def _release(self) -> None:
        self._held = False
        self._hold.close()
        if self._missed:  # a frame that Textual takes for painted
            self._missed = False
            self.screen.refresh()
        self.screen.check_idle()

    def _stop_waiting(self) -> None:
        if self.line.overdue(monotonic()) and self._held:
            self._release()

    def _go_slow(self) -> None:
        if self._slow_mode:
            return
        self._slow_mode = True
        self.be_frugal()
        self.set_interval(PATIENCE / 2, self._stop_waiting)
        self.line_slow()

    def _leave_now(self) -> None:
        if self._leaving is not None:
            self.exit(return_code=self._leaving)

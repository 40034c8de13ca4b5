"""What a person sees in the first moment: the worst machines of the cache, while everything else is still being imported.

Textual takes the screen over without clearing it, once it has rows to show in their place.
"""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from console.session import Setup, cache_folder, remembered

ENTER = "\x1b[?1049h"
"""The alternate screen, which is entered once: a terminal may clear it when it is asked to enter it again."""

LEAVE = "\x1b[?25h\x1b[?1049l"
_AT_THE_TOP = "\x1b[?25l\x1b[?7l\x1b[2J\x1b[H"


class FirstPaint:
    """Whether something was painted, and whether Textual has taken over."""

    def __init__(self, painted: bool) -> None:
        self.painted = painted
        self.taken_over = False


@contextmanager
def first_paint(setup: Setup) -> Iterator[FirstPaint]:
    """Paint the first rows of the last sign-in, if there are any. At the end the terminal is as it was before, whatever happened."""
    stream = sys.__stderr__
    text = _text(setup) if stream is not None else ""
    if not text or stream is None:
        yield FirstPaint(painted=False)
        return
    with _silent_keys():
        paint = FirstPaint(painted=True)
        _write(stream, ENTER + _AT_THE_TOP + text)
        try:
            yield paint
        finally:
            if not paint.taken_over:
                _write(stream, "\x1b[?7h" + LEAVE)


def _text(setup: Setup) -> str:
    last = remembered(setup)
    if last is None:
        return ""
    try:
        width, height = os.get_terminal_size(sys.__stderr__.fileno() if sys.__stderr__ else 2)
    except OSError:
        return ""
    from cache.glimpse import glimpse
    from screens.first_rows import first_rows, room

    rows = room(width, height)
    found = glimpse(cache_folder(setup, last.tenant_id, last.principal), rows) if rows else None
    if found is None:
        return ""
    colours = not setup.environ.get("NO_COLOR")
    return "\r\n".join(first_rows(found.rows, found.total, found.read_at, setup.clock.now(), width, height, colours=colours))


def _write(stream: IO[str], text: str) -> None:
    with suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()


@contextmanager
def _silent_keys() -> Iterator[None]:
    """Keys that are pressed meanwhile are neither echoed nor held back until a line is complete: Textual reads them when it listens."""
    try:
        before = termios.tcgetattr(0)
        quiet = termios.tcgetattr(0)
        quiet[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(0, termios.TCSANOW, quiet)
    except (termios.error, OSError):
        yield
        return
    try:
        yield
    finally:
        with suppress(termios.error, OSError):
            termios.tcsetattr(0, termios.TCSANOW, before)

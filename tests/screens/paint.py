"""What a screen paints, looked at as the terminal will get it."""

from __future__ import annotations

from typing import Any

from textual.app import App

HOSTILE = "[@click=app.quit]x[/] vm[/x]\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\u202eevil\x00"
"""A text that tries to run an action, to break the markup, to write the clipboard, to clear the screen and to reorder."""

HOSTILE_SHOWN = "[@click=app.quit]x[/] vm[/x]evil"


def painted(app: App[Any]) -> str:
    """The lines on the screen. Fails if a segment holds what a terminal would obey, or an action that a click would run."""
    lines = []
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            assert segment.text.isprintable(), repr(segment.text)
            assert "quit" not in str(segment.style.meta if segment.style else ""), segment
        lines.append(strip.text.rstrip())
    return "\n".join(lines)

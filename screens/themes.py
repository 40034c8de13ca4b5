"""The themes between which a key switches: dark, light, and the colours of the user's own terminal."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.theme import Theme

TERMINAL = Theme(
    name="terminal",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_magenta",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-background": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_blue",
        "input-selection-foreground": "ansi_bright_white",
        "screen-selection-background": "ansi_blue",
        "screen-selection-foreground": "ansi_bright_white",
        "border-blurred": "ansi_default",
    },
)
"""The terminal's own sixteen colours on its own background, dark or light: fewest bytes on a slow line. The cursor is reversed, since
nothing is known of either ground."""

THEMES = ("textual-dark", "textual-light", TERMINAL.name)
"""In the order in which the key goes through them."""


def register(app: App[Any]) -> None:
    """Let ``app`` know the themes that Textual does not bring."""
    app.register_theme(TERMINAL)


def following(theme: str) -> str:
    """The theme after ``theme``; the first one after a theme that is not among ours."""
    place = THEMES.index(theme) if theme in THEMES else -1
    return THEMES[(place + 1) % len(THEMES)]

"""Screens on which nothing stays behind: what a widget that went had covered is painted.

Textual finds what to paint by comparing two arrangements of the screen, one made for each frame. Between them it makes others, when it is
asked where a widget is; where a toast or a line of a hint went just before, the next comparison finds no difference, and what was there
stayed on the terminal until something else was painted in its place.
"""

from __future__ import annotations

from typing import Any

from textual._compositor import Compositor, CompositorMap

from screens.covered import FrontCompositor


class UncoveringCompositor(FrontCompositor):
    """A compositor that also paints what differs from an arrangement made between two frames."""

    @property
    def full_map(self) -> CompositorMap:
        """Where every widget is."""
        before = self._full_map
        after = super().full_map
        if after is not before:
            for _, geometry in after.items() ^ before.items():
                if region := geometry.clip.intersection(geometry.region):
                    self._dirty_regions.add(region)
        return after


class Uncovering:
    """To be named before :class:`textual.screen.Screen` among the bases of a screen."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._compositor: Compositor = UncoveringCompositor()

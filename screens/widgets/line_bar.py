"""A vertical scrollbar of a few strips: most of its lines look the same, and are one strip that is made once."""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from textual.geometry import Region
from textual.scrollbar import ScrollBar
from textual.strip import Strip

_MOST_STRIPS = 64
"""Strips that are kept: there are as many as ends of the thumb look, in some colours."""


class LineBar(ScrollBar):
    """Textual's own, without a round through a console and the cascade of styles for each line that a frame paints again."""

    def __init__(self, *, thickness: int) -> None:
        super().__init__(vertical=True, name="vertical", thickness=thickness)
        self._strips: dict[tuple[object, ...], Strip] = {}

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._strips.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Some lines. What a click on a line does is part of its style, so that it tells strips apart that look the same."""
        bar: Any = self.render()
        segments = bar.render_bar(
            self.size.height,
            bar.virtual_size,
            bar.window_size,
            bar.position,
            self.thickness,
            back_color=bar.style.bgcolor,
            bar_color=bar.style.color,
        ).segments
        filters, background = self.get_line_filters(), self.background_colors[1]
        found: dict[int, Strip] = {}
        for segment in {id(segment): segment for segment in segments}.values():
            key = (*segment, background, *filters)
            strip = self._strips.get(key)
            if strip is None:
                if len(self._strips) >= _MOST_STRIPS:
                    self._strips.clear()
                strip = Strip([Segment(segment.text, self.rich_style + segment.style)], self.thickness)
                for one in filters:
                    strip = strip.apply_filter(one, background)
                self._strips[key] = strip
            found[id(segment)] = strip
        strips = [found[id(segment)] for segment in segments[crop.y : crop.bottom]]
        return strips if crop.column_span == (0, self.thickness) else [strip.crop(*crop.column_span) for strip in strips]

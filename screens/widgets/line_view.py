"""A scroll view of lines that are painted one by one, and of which those that read the same are not made anew."""

from __future__ import annotations

from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget


class LineView(ScrollView):
    """Subclasses say what a line reads, by ``render_line``. A line without border, padding and links is all there is."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._finished: dict[int, Strip] = {}
        self._finished_for: tuple[object, ...] = ()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Some lines, without looking for border, padding and links, which a table has none of. A line that was painted before and reads
        the same is the same strip, which remembers what was made of it: so a page that moves by a line costs little."""
        width, filters, background = self.size.width, self.get_line_filters(), self.background_colors[1]
        if self._finished_for != (width, filters, background):
            self._finished_for = (width, filters, background)
            self._finished.clear()
        found = []
        for y in crop.line_range:
            strip = self._finished.get(y)
            if strip is None:
                strip = self.render_line(y)
                for one in filters:
                    strip = strip.apply_filter(one, background)
                self._finished[y] = strip
            found.append(strip)
        return found if crop.column_span == (0, width) else [strip.crop(*crop.column_span) for strip in found]

    def repaint_line(self, y: int) -> None:
        """Paint a line of the screen again."""
        self.refresh(Region(0, y, self.size.width, 1))

    def is_finished(self, y: int) -> bool:
        """Whether a line stands as it was painted last; else it is painted again in any case."""
        return y in self._finished

    def grow(self, height: int) -> None:
        """There are more lines, or fewer. Where the scrollbar always stands, no layout can change by that, so none is made."""
        size = Size(self.size.width, height)
        if self.styles.overflow_y == "scroll" and self.is_mounted and self.show_vertical_scrollbar:
            self.set_reactive(Widget.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = height
        else:
            self.virtual_size = size

    def _set_dirty(self, *regions: Region) -> None:
        """Some lines, or all, are to be rendered again."""
        super()._set_dirty(*regions)
        for region in regions:
            for y in region.line_range:
                self._finished.pop(y, None)
        if not regions:
            self._finished.clear()

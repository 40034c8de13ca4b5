"""A scroll view of lines that are painted one by one, and of which those that read the same are not made anew."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.color import BLACK, Color
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widget import Widget

from screens.widgets.line_bar import LineBar


class LineView(ScrollView):
    """Subclasses say what a line reads, by ``render_line``, in styles that went through :meth:`finish`. A line without border, padding
    and links is all there is."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._finished: dict[int, Strip] = {}
        self.rendered_width = 0
        """Cells of a line: the scrollbar, where there is one, stands beside it, so that no line must be cut where it begins."""
        self._look: tuple[Sequence[LineFilter], Color] = ((), BLACK)

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """The scrollbar, made when it is needed first."""
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = LineBar(thickness=self.scrollbar_size_vertical)
            self._vertical_scrollbar.display = False
            self.app._start_widget(self, self._vertical_scrollbar)
        return self._vertical_scrollbar

    def render_lines(self, crop: Region) -> list[Strip]:
        """Some lines, without looking for border, padding and links, which a table has none of. A line that was painted before and reads
        the same is the same strip, which remembers what was made of it: so a page that moves by a line costs little."""
        width = self.size.width - self.scrollbar_size_vertical
        look = (self.get_line_filters(), self.background_colors[1])
        if (self.rendered_width, self._look) != (width, look):
            self.rendered_width, self._look = width, look
            self.look_changed()
        found = []
        for y in crop.line_range:
            strip = self._finished.get(y)
            if strip is None:
                strip = self._finished[y] = self.render_line(y)
            found.append(strip)
        return found if crop.column_span == (0, width) else [strip.crop(*crop.column_span) for strip in found]

    def finish(self, style: Style) -> Style:
        """What the terminal is to be told instead of a style: other colours where it has not as many. Lines are in such styles."""
        filters, background = self._look
        segments = [Segment(" ", style)]
        for one in filters:
            segments = one.apply(segments, background)
        return segments[0].style or style

    def look_changed(self) -> None:
        """Lines are of another width now, or their styles finished otherwise."""
        self._finished.clear()

    def repaint_lines(self, *lines: int) -> None:
        """Paint lines of the screen again, given from above to below; those that lie together as one region."""
        runs: list[list[int]] = []
        for y in lines:
            if runs and runs[-1][1] == y:
                runs[-1][1] = y + 1
            else:
                runs.append([y, y + 1])
        if runs:
            self.refresh(*(Region(0, start, self.size.width, end - start) for start, end in runs))

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

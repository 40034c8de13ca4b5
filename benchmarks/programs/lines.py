"""The floor for a table: 100,000 lines that are always the same, a cursor, and a repaint of nothing but the lines that changed."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

LINES = 100_000
WORDS = (
    "web-prod-sales-{:06d}  ● healthy  Protected and reporting.            3 d  –  Succeeded 1.0   ubuntu 22.04   running   "
    "Contoso Sales 0012   rg-sales-prod-01   VM"
)


class Lines(ScrollView, can_focus=True):
    """The lines."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("home", "edge(0)", show=False),
        Binding("end", f"edge({LINES})", show=False),
    ]

    cursor = 0
    at_cursor = Style(reverse=True)

    def on_mount(self) -> None:
        """As high as there are lines."""
        self.virtual_size = Size(self.size.width, LINES)

    def render_line(self, y: int) -> Strip:
        """One line."""
        place = self.scroll_offset.y + y
        style = self.at_cursor if place == self.cursor else self.rich_style
        return Strip([Segment(WORDS.format(place), style)]).adjust_cell_length(self.size.width, style)

    def action_move(self, step: int) -> None:
        """Some lines on."""
        self.put(self.cursor + step)

    def action_page(self, step: int) -> None:
        """A page on."""
        self.put(self.cursor + step * (self.size.height - 1))

    def action_edge(self, place: int) -> None:
        """The first line or the last."""
        self.put(place)

    def put(self, place: int) -> None:
        """Move the cursor, and the view after it."""
        place = max(0, min(place, LINES - 1))
        self.repaint(self.cursor)
        self.cursor = place
        self.repaint(place)
        top, height = self.scroll_offset.y, self.size.height
        if place < top:
            self.scroll_to(y=place, animate=False, force=True, immediate=True)
        elif place >= top + height:
            self.scroll_to(y=place - height + 1, animate=False, force=True, immediate=True)

    def repaint(self, place: int) -> None:
        """Paint one line again."""
        self.refresh(Region(0, place - self.scroll_offset.y, self.size.width, 1))


class LinesApp(App[None]):
    """The lines fill the screen."""

    def compose(self) -> ComposeResult:
        """The lines."""
        yield Lines()


if __name__ == "__main__":
    LinesApp().run()

"""A table of lines that are often longer than the screen is wide: the one under the cursor stands below it in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from textual import on
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from screens.table_screen import TableScreen
from screens.widgets.line_table import LineTable

Row = TypeVar("Row")


class FullTextScreen(TableScreen[Row]):
    """A table, its counts, and the full text of the line under the cursor."""

    DEFAULT_CSS = """
    FullTextScreen #full { height: 7; border-top: solid $primary; padding: 0 1; scrollbar-size-vertical: 1; }
    FullTextScreen #full-text { height: auto; }
    """

    def body(self) -> Iterator[Widget]:
        """The table, its counts, and the full text of a line."""
        yield from super().body()
        yield from self.above_text()
        with VerticalScroll(id="full", can_focus=True):
            yield Static("", id="full-text", markup=False)

    def above_text(self) -> Iterator[Widget]:
        """What stands between the counts and the full text."""
        yield from ()

    def full_text(self, row: Row) -> str:
        """Everything about a line."""
        raise NotImplementedError

    def rearrange(self) -> None:
        """Show the lines, and below them the one under the cursor in full."""
        self.table.empty = self.EMPTY if not self._all else "No line passes the filter: Esc clears it."
        super().rearrange()
        self._tell_full()

    @on(LineTable.Highlighted, "#table")
    def _cursor_moved(self) -> None:
        self._tell_full()

    def _tell_full(self) -> None:
        row = self.table.cursor_row
        text = "" if row is None else self.full_text(row)
        field = self.query_one("#full-text", Static)
        if str(field.content) != text:
            field.update(text)
            self.query_one("#full", VerticalScroll).scroll_home(animate=False)

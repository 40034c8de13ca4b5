"""A table, and below or beside it all about the row under the cursor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.widget import Widget

from screens.table_screen import TableScreen
from screens.widgets.document import Block, Document
from screens.widgets.line_table import LineTable

Row = TypeVar("Row")


class Detail(VerticalScroll):
    """What scrolls, with the keys that move the cursor of a table."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", "Up", show=False),
        Binding("j", "scroll_down", "Down", show=False),
        Binding("g", "scroll_home", "Top", show=False),
        Binding("G", "scroll_end", "End", show=False),
    ]


class DetailScreen(TableScreen[Row]):
    """A subclass writes ``details`` of a row. Enter goes to that text, to scroll it; Esc comes back to the table."""

    DEFAULT_CSS = """
    DetailScreen {
        #split { height: 1fr; layout: vertical; }
        #detail { border-top: solid $panel; scrollbar-size-vertical: 1; overflow-x: hidden; }
        #detail:focus { border-top: solid $accent; }
    }
    """

    def body(self) -> Iterator[Widget]:
        """The table and the text about a row."""
        field, table, line = super().body()
        yield from self.above()
        yield field
        with Container(id="split"):
            yield table
            with Detail(id="detail"):
                yield Document(id="document")
        yield line

    def above(self) -> Iterator[Widget]:
        """What stands above the filter and the table."""
        yield from ()

    @abstractmethod
    def details(self, row: Row) -> Sequence[Block]:
        """All about a row."""

    def rearrange(self) -> None:
        """Show the rows, and all about the one under the cursor."""
        super().rearrange()
        self.tell_details()

    def clear_filter(self) -> bool:
        """From the text about a row back to the table; from there clear the filter. False when there was nothing to leave."""
        if self.query_one("#detail").has_focus:
            self.table.focus()
            return True
        return super().clear_filter()

    def clock_moved(self) -> None:
        """Ages move on."""
        super().clock_moved()
        self.tell_details()

    def action_turn_details(self) -> None:
        """Scroll the text about the row by a page; from its end back to its top."""
        text = self.query_one("#detail")
        if text.scroll_offset.y >= text.max_scroll_y:
            text.scroll_home(animate=False)
        else:
            text.scroll_relative(y=max(1, text.size.height - 1), animate=False)

    def tell_details(self) -> None:
        """Write what there is to say about the row under the cursor."""
        row = self.table.cursor_row
        self.query_one("#document", Document).show(() if row is None else self.details(row))

    @on(LineTable.Highlighted, "#table")
    def _moved(self) -> None:
        self.tell_details()
        self.query_one("#detail").scroll_home(animate=False)

    @on(LineTable.Opened, "#table")
    def _opened(self) -> None:
        self.query_one("#detail").focus()

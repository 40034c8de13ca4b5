"""What the list screens share: a line table with a filter, an order and marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from screens.actions import TABLE, bindings
from screens.console_screen import ConsoleScreen
from screens.desk import Desk
from screens.requests import CopyRequested
from screens.widgets.line_table import Cell, Column, LineTable

Row = TypeVar("Row")


class TableScreen(ConsoleScreen, Generic[Row]):
    """A screen around one table. A subclass gives ``COLUMNS``, reads rows, renders cells, and says by what to sort and search."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    SORT_KEYS: ClassVar[tuple[str, ...]] = ()
    EMPTY: ClassVar[str] = "Nothing here."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TABLE)]
    AUTO_FOCUS: ClassVar[str | None] = "#table"

    DEFAULT_CSS = """
    TableScreen {
        #filter { height: 1; border: none; padding: 0 1; display: none; background: $surface; }
        #filter.-open { display: block; }
        #count { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._all: Sequence[Row] = ()
        self._haystacks: dict[str, str] = {}
        self.filter_text = ""
        self.table: LineTable[Row] = LineTable(self.COLUMNS, self.identify, self.cell, empty=self.EMPTY, id="table")
        self.table.sorted_by = self.SORT_KEYS[0] if self.SORT_KEYS else ""

    def body(self) -> Iterator[Widget]:
        """Filter, table, and a line that counts."""
        yield Input(placeholder="filter: every word must occur; Enter keeps it, Esc clears it", id="filter", select_on_focus=False)
        yield self.table
        yield Static("", id="count", markup=False)

    async def rows(self) -> Sequence[Row]:
        """Read the rows from the cache."""
        raise NotImplementedError

    def identify(self, row: Row) -> str:
        """The id of a row."""
        raise NotImplementedError

    def cell(self, row: Row, key: str) -> Cell:
        """A cell's text and tone."""
        raise NotImplementedError

    def sort_value(self, row: Row, key: str) -> Any:
        """What a row is sorted by under ``key``; all values of one key compare with each other."""
        raise NotImplementedError

    def haystack(self, row: Row) -> str:
        """Everything that the filter looks at."""
        raise NotImplementedError

    def keep(self, row: Row) -> bool:
        """Whether the row is shown before any filter text: for toggles such as *open only*."""
        return True

    def summary(self, shown: Sequence[Row]) -> str:
        """The line below the table."""
        return f"{len(shown):,} of {len(self._all):,}"

    async def load(self) -> None:
        """Read the rows and show them. The mark of a row that is gone for good goes with it."""
        self._all = await self.rows()
        self._haystacks.clear()
        if self.table.marks:
            there = {self.identify(row) for row in self._all}
            self.table.set_marks(self.table.marks & there)
        self.rearrange()

    def rearrange(self) -> None:
        """Filter and sort what was read and show it."""
        words = self.filter_text.casefold().split()
        shown = [row for row in self._all if self.keep(row)]
        if words:
            shown = [row for row in shown if self._matches(row, words)]
        key = self.table.sorted_by
        if key:
            shown.sort(key=self.identify)
            shown.sort(key=lambda row: self.sort_value(row, key), reverse=self.table.reversed)
        self.table.set_rows(shown)
        self._tell_count()

    def _matches(self, row: Row, words: Sequence[str]) -> bool:
        row_id = self.identify(row)
        haystack = self._haystacks.get(row_id)
        if haystack is None:
            haystack = self._haystacks[row_id] = self.haystack(row).casefold()
        return all(word in haystack for word in words)

    def _tell_count(self) -> None:
        self.query_one("#count", Static).update(self.count_line(), layout=False)

    def count_line(self) -> str:
        """What stands below the table."""
        text = self.summary_line()
        if marks := self.table.marks:
            hidden = len(marks) - self.table.shown_marks()
            text += f" · {len(marks):,} marked" + (f" ({hidden:,} not shown)" if hidden else "")
        if self.filter_text:
            text += f" · filter “{self.filter_text}”"
        return text

    def summary_line(self) -> str:
        """The rows in a few words."""
        return self.summary(self.table.rows)

    def set_filter(self, text: str) -> None:
        """Show only what matches ``text``."""
        self.filter_text = text
        field = self.query_one("#filter", Input)
        field.set_class(bool(text) or field.has_focus, "-open")
        if field.value != text:
            with self.prevent(Input.Changed):
                field.value = text
        self.rearrange()

    def action_filter(self) -> None:
        """Open the filter."""
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        self.set_focus(field)  # at once: what is typed next must not be taken for keys of the screen

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.filter_text = event.value
        self.rearrange()

    @on(Input.Submitted, "#filter")
    def _filter_kept(self) -> None:
        field = self.query_one("#filter", Input)
        field.set_class(bool(self.filter_text), "-open")
        self.table.focus()

    async def on_key(self, event: events.Key) -> None:
        """The arrows move the cursor of the table also while a filter is typed."""
        if event.key in ("up", "down") and self.query_one("#filter", Input).has_focus:
            event.stop()
            await self.table.action_move(-1 if event.key == "up" else 1)

    def clear_filter(self) -> bool:
        """Clear the filter; false when there was none."""
        field = self.query_one("#filter", Input)
        if not self.filter_text and not field.has_focus:
            return False
        self.set_filter("")
        field.remove_class("-open")
        self.table.focus()
        return True

    def action_sort_next(self) -> None:
        """Sort by the next column."""
        if self.SORT_KEYS:
            place = self.SORT_KEYS.index(self.table.sorted_by) if self.table.sorted_by in self.SORT_KEYS else -1
            self.table.sorted_by = self.SORT_KEYS[(place + 1) % len(self.SORT_KEYS)]
            self.sort()

    def action_sort_reverse(self) -> None:
        """Reverse the order."""
        self.table.reversed = not self.table.reversed
        self.sort()

    def sort(self) -> None:
        """The order is another one."""
        self.rearrange()
        self.table.repaint()

    def action_mark(self) -> None:
        """Mark or unmark the row under the cursor."""
        self.table.toggle_mark()

    def action_mark_all(self) -> None:
        """Mark or unmark every row that is shown."""
        self.table.toggle_all_marks()

    @on(LineTable.Marked)
    def _marks_changed(self) -> None:
        self._tell_count()

    def action_copy_id(self) -> None:
        """Copy the id under the cursor."""
        if self.table.cursor_id:
            self.post_message(CopyRequested(self.table.cursor_id, "id"))

    def clock_moved(self) -> None:
        """Ages in the table move on: paint the lines whose text changed."""
        self.table.repaint_changed()

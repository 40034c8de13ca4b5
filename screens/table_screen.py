"""What the list screens share: a line table with a filter, an order and marks."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache import saved_filters
from cache.errors import CacheError
from cache.failure import Failure
from cache.filter import Field, Filter, FilterError
from cache.filter_language import parse
from screens.actions import TABLE, bindings
from screens.console_screen import ConsoleScreen
from screens.desk import Desk
from screens.requests import CopyRequested
from screens.saved_filters import SavedFiltersDialog
from screens.sorting import SortDialog
from screens.widgets.columns import Cell, Column, Sorting, sorted_first
from screens.widgets.filter_field import FilterField
from screens.widgets.line_table import LineTable
from screens.words import BEING_READ

Row = TypeVar("Row")

PLACEHOLDER = "filter: words, field:value, -not this, age>2d; Tab completes, Enter keeps it, Esc clears it"


class TableScreen(ConsoleScreen, Generic[Row]):
    """A screen around one table. A subclass gives ``COLUMNS``, reads rows, renders cells, and says by what to sort and search."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    """What a filter can name. Where a field has the key of a column, what it finds is marked there."""

    SORT_KEYS: ClassVar[tuple[str, ...]] = ()
    THEN: ClassVar[tuple[str, ...]] = ()
    """By what rows are sorted that are equal otherwise."""

    EMPTY: ClassVar[str] = "Nothing here."
    UNREAD: ClassVar[str] = ""
    """What is not known before Azure has been read, as the beginning of a sentence."""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TABLE)]
    AUTO_FOCUS: ClassVar[str | None] = "#table"

    DEFAULT_CSS = """
    TableScreen {
        #filter { padding: 0; display: none; }
        #filter.-open { display: block; }
        #count { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._all: Sequence[Row] = ()
        self._in_order: tuple[tuple[Sorting, ...], list[Row]] | None = None
        self._texts: dict[tuple[str, str], str] = {}
        self._filter = Filter()
        self._filter_error: FilterError | None = None
        self._filter_read = ""
        self._under_way = 0
        self.filter_text = ""
        self.table: LineTable[Row] = LineTable(self.COLUMNS, self.identify, self.cell, empty=BEING_READ, id="table")
        self.table.order = tuple((key, False) for key in self.SORT_KEYS[:1])

    def body(self) -> Iterator[Widget]:
        """Filter, table, and a line that counts."""
        yield FilterField(self.FIELDS, self.values, self._leave_filter, PLACEHOLDER, id="filter")
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
        """What a row is sorted by under ``key``; all values of one key compare with each other. Of equal rows :attr:`THEN` decides."""
        return self.cell(row, key)[0].casefold()

    def haystack(self, row: Row) -> str:
        """Everything that a word of the filter is looked for in."""
        raise NotImplementedError

    def field_text(self, row: Row, key: str) -> str:
        """What a field of the filter reads."""
        return self.cell(row, key)[0]

    def field_time(self, row: Row, key: str) -> datetime | None:
        """The time of a field of the filter of that kind."""
        return None

    def keep(self, row: Row) -> bool:
        """Whether the row is shown before any filter text: for toggles such as *open only*."""
        return True

    def summary(self, shown: Sequence[Row]) -> str:
        """The line below the table."""
        return f"{len(shown):,} of {len(self._all):,}"

    async def values(self, key: str) -> Sequence[tuple[str, int]]:
        """The values of a field, each with the number of rows that have it, to complete a filter with."""
        return list(Counter(self.field_text(row, key) for row in self._all).items())

    async def load(self) -> None:
        """Read the rows and show them."""
        self._all = await self.rows()
        self.show_rows()

    def show_rows(self) -> None:
        """Show what was read. The mark of a row that is gone for good goes with it."""
        self._in_order = None
        self._texts.clear()
        if self.table.marks:
            there = {self.identify(row) for row in self._all}
            self.table.set_marks(self.table.marks & there)
        self.rearrange()

    def rearrange(self) -> None:
        """Filter and sort what was read and show it."""
        if self.table.empty == BEING_READ:
            self.table.empty = self.EMPTY
        self.read_filter()
        shown = [row for row in self._sorted() if self.keep(row)]
        if not self._filter.is_empty:
            now = self.desk.clock.now()
            shown = [row for row in shown if self._passes(row, now)]
        self.table.set_rows(shown)
        self.show_hits()
        self.table.repaint_header()
        self._tell_count()

    def _sorted(self) -> list[Row]:
        order = self.whole_order()
        if self._in_order is None or self._in_order[0] != order:
            rows = list(self._all)
            if order:
                rows.sort(key=self.identify)
            for key, backwards in reversed(order):
                rows.sort(key=lambda row, key=key: self.sort_value(row, key), reverse=backwards)  # type: ignore[misc]
            self._in_order = order, rows
        return self._in_order[1]

    def whole_order(self) -> tuple[Sorting, ...]:
        """By what rows are sorted: what the header shows, then what decides between equal ones."""
        there = {key for key, _ in self.table.order}
        return (*self.table.order, *((key, False) for key in self.THEN if key not in there))

    def _passes(self, row: Row, now: datetime) -> bool:
        row_id = self.identify(row)

        def text(key: str) -> str:
            known = self._texts.get((key, row_id))
            if known is None:
                known = self._texts[key, row_id] = (self.field_text(row, key) if key else self.haystack(row)).casefold()
            return known

        def age(key: str) -> float | None:
            then = self.field_time(row, key)
            return None if then is None else abs((now - then).total_seconds())

        return self._filter.matches(text, age)

    def read_filter(self) -> None:
        """Understand the text of the filter; one that cannot be read is told below its line, and the last that could be stays."""
        if self.filter_text == self._filter_read:
            return
        self._filter_read, error = self.filter_text, None
        try:
            self._filter = parse(self.filter_text, self.FIELDS)
        except FilterError as failure:
            error = failure
        if error is not None or self._filter_error is not None:
            self._filter_error = error
            self.query_one("#filter", FilterField).show_error(error)

    def show_hits(self) -> None:
        """Mark in the cells what the filter looks for there."""
        words = self._filter.words
        self.table.set_wanted(
            {
                field.key: tuple(test for key, test in words if key in ("", field.key))
                for field in self.FIELDS
                if words and field.kind == "text"
            }
        )

    def _tell_count(self) -> None:
        line, text = self.query_one("#count", Static), self.count_line()
        if str(line.content) != text:
            line.update(text, layout=False)

    def count_line(self) -> str:
        """What stands below the table, or first that the filter does not count."""
        text = self.summary_line()
        if self.filter_text and self._filter_error is None:
            text = f"filter “{self.filter_text}” · {text}"
        if marks := self.table.marks:  # first, where it is never cut off: keys act on them
            hidden = len(marks) - self.table.shown_marks()
            text = f"{len(marks):,} marked" + (f" ({hidden:,} not shown)" if hidden else "") + f" · {text}"
        return text if self._filter_error is None else f"filter: {self._filter_error} · {text}"

    def summary_line(self) -> str:
        """The rows in a few words."""
        return self.summary(self.table.rows)

    # What is not known yet

    def unread(self) -> str:
        """What stands in place of rows before Azure has been read."""
        return f"{self.UNREAD}: {self.desk.until_read}."

    def activity_moved(self) -> None:
        """A reading has begun or ended, and with it what there is to wait for."""
        if self.UNREAD and not self.table.count and self.table.empty.startswith(self.UNREAD) and self.table.empty != self.unread():
            self.table.empty = self.unread()
            self.table.refresh()

    # Work beside the keys

    @property
    def up_to_date(self) -> bool:
        """Whether everything that the cache has told of, and every key, is on the screen."""
        return super().up_to_date and not self._under_way

    def work(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the keys. That it failed is told on the screen; the screen stays as it was."""
        self._under_way += 1

        async def guarded() -> None:
            try:
                await work
            except CacheError as failure:
                self._tell_unreadable(failure)
            except Exception as failure:
                logging.getLogger("console").exception(what)
                await self._tell_unknown(what, failure)
            finally:
                self._under_way -= 1

        self.run_worker(guarded(), group=what, description=what, exit_on_error=False)

    async def _tell_unknown(self, what: str, failure: Exception) -> None:
        kind = type(failure).__name__
        sentence = f"{self.TITLE_TEXT} may show less than there is ({what}: {kind}). The log file has the details; r reads again."
        self.notify(sentence, severity="error", markup=False)
        with suppress(CacheError):
            await self.desk.fleet.add_log("error", sentence)

    # The filter

    def set_filter(self, text: str) -> None:
        """Show only what matches ``text``."""
        field = self.query_one("#filter", FilterField)
        if field.text != text:
            field.set_text(text)
        self.filter_text = field.text
        field.set_class(bool(self.filter_text) or field.is_typing, "-open")
        self.rearrange()

    def action_filter(self) -> None:
        """Open the filter."""
        field = self.query_one("#filter", FilterField)
        field.add_class("-open")
        field.take_focus()  # at once: what is typed next must not be taken for keys of the screen

    @on(FilterField.Changed)
    def _filter_changed(self) -> None:
        text = self.query_one("#filter", FilterField).text  # of letters that come fast the last counts
        if text != self.filter_text:
            self.filter_text = text
            self.rearrange()

    async def _leave_filter(self, kept: bool) -> None:
        """Give the focus to the table once it shows what the whole text leaves, so that the next key acts on what its presser means."""
        if kept:
            field = self.query_one("#filter", FilterField)
            field.set_class(bool(field.text), "-open")
            self._filter_changed()
        else:
            self.clear_filter()
        await self.arranged()
        self.set_focus(self.table)

    async def arranged(self) -> None:
        """Wait until the table shows what the filter leaves."""

    @on(FilterField.Moved)
    async def _moved_while_typing(self, event: FilterField.Moved) -> None:
        """The arrows move the cursor of the table also while a filter is typed."""
        await self.table.action_move(event.step)

    def clear_filter(self) -> bool:
        """Clear the filter; false when there was none."""
        field = self.query_one("#filter", FilterField)
        if not self.filter_text and not field.has_class("-open"):
            return False
        self.set_focus(self.table)
        self.set_filter("")
        field.remove_class("-open")  # last: the line learns later that it has lost the focus
        return True

    async def action_saved_filters(self) -> None:
        """Choose a filter that was saved, or save this one under a name."""
        folder = self.desk.home
        try:
            saved = await asyncio.to_thread(saved_filters.load, folder, self.desk.clock.now())
        except Failure as failure:
            self.notify(str(failure), title="Saved filters", severity="error", markup=False)
            return

        def chosen(text: str | None) -> None:
            if text is not None:
                self.set_filter(text)

        self.app.push_screen(SavedFiltersDialog(saved, folder, self.desk.clock, self.NAME, self.filter_text), chosen)

    # The order

    def action_sort_next(self) -> None:
        """Sort by the next column."""
        if self.SORT_KEYS:
            first, *rest = self.table.order or (("", False),)
            place = self.SORT_KEYS.index(first[0]) if first[0] in self.SORT_KEYS else -1
            key = self.SORT_KEYS[(place + 1) % len(self.SORT_KEYS)]
            self.sort(((key, first[1]), *(one for one in rest if one[0] != key)))

    def action_sort_reverse(self) -> None:
        """Reverse the order."""
        if self.table.order:
            (key, backwards), *rest = self.table.order
            self.sort(((key, not backwards), *rest))

    def action_sort_by(self) -> None:
        """Choose the column to sort by; what the rows were sorted by stays the second."""
        titles = {column.key: column.title for column in self.COLUMNS}

        def chosen(key: str | None) -> None:
            if key is not None:
                self.sort(sorted_first(self.table.order, key))

        dialog = SortDialog([(key, titles.get(key, key)) for key in self.SORT_KEYS], self.table.order, self.sort)
        self.app.push_screen(dialog, chosen)

    def sort(self, order: tuple[Sorting, ...]) -> None:
        """Sort by these columns."""
        self.table.order = order
        self.rearrange()

    # Marks

    def action_mark(self) -> None:
        """Mark or unmark the row under the cursor."""
        self.table.toggle_mark()

    def action_mark_all(self) -> None:
        """Mark or unmark every row that is shown."""
        self.table.toggle_all_marks()

    def action_mark_range(self) -> None:
        """Mark every row from the last that was marked to the cursor."""
        if not self.table.mark_range():
            self.notify("Mark the first row with space, go to the last, then press V.", markup=False)

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

"""A table of lines for any number of rows: only what is on screen is rendered, and rows are known by their ids.

Textual's own DataTable lays out every cell it was ever given; this one asks for the cells of a row when the row comes into
view. Cursor, marks and scroll position belong to ids, so rows can change, appear and go beneath them. The rows are either all in
memory (:meth:`LineTable.set_rows`), or keys of which only the rows near the view are fetched (:meth:`LineTable.set_keys`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from cache.filter import Test
from screens.widgets.columns import Cell, Column, Sorting, fit, lay_out
from screens.widgets.line_strips import MARK, LineStrips
from screens.widgets.line_view import LineView
from screens.widgets.lines import KeyLines, Lines, Order, RowLines

Row = TypeVar("Row")
__all__ = ["MARK", "Cell", "Column", "LineTable", "fit", "lay_out"]

_SMALL = 256
"""A table of so few keys holds all its rows."""


class LineTable(LineView, Generic[Row], can_focus=True):
    """A scrolling table over ``rows``; ``identify`` gives a row's id and ``render_cell`` a cell's text and tone by column key."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--header",
        "line-table--cursor",
        "line-table--cursor-blurred",
        "line-table--mark",
        "line-table--hit",
        "line-table--good",
        "line-table--bad",
        "line-table--warn",
        "line-table--busy",
        "line-table--muted",
        "line-table--accent",
    }

    DEFAULT_CSS = """
    LineTable {
        height: 1fr;
        scrollbar-size-horizontal: 0;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & > .line-table--header { text-style: bold; color: $foreground; background: $panel; }
        & > .line-table--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        & > .line-table--cursor-blurred { background: $panel; text-style: bold; }
        & > .line-table--mark { color: $text-accent; text-style: bold; }
        & > .line-table--hit { text-style: bold underline; }
        & > .line-table--good { color: $text-success; }
        & > .line-table--bad { color: $text-error; }
        & > .line-table--warn { color: $text-warning; }
        & > .line-table--busy { color: $text-primary; }
        & > .line-table--muted { text-style: dim; }
        & > .line-table--accent { color: $text-accent; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(-1)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
        Binding("enter", "open", "Open", show=True),
    ]

    class Highlighted(Message):
        """The cursor came to another row (or, with an empty id, there is none)."""

        def __init__(self, table: LineTable[Any], row_id: str) -> None:
            super().__init__()
            self.table = table
            self.row_id = row_id

        @property
        def control(self) -> LineTable[Any]:
            """The table that sent this."""
            return self.table

    class Opened(Highlighted):
        """Enter or a click on the row under the cursor."""

    class Marked(Highlighted):
        """The marks changed."""

    def __init__(
        self,
        columns: Sequence[Column],
        identify: Callable[[Row], str],
        render_cell: Callable[[Row, str], Cell],
        *,
        fetch: Callable[[Sequence[int]], Awaitable[Mapping[int, Row]]] | None = None,
        empty: str = "Nothing here.",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._identify = identify
        self._render_cell = render_cell
        self._fetch = fetch
        self._lines: Lines[Row] = RowLines[Row]((), identify)
        self._fetched: dict[int, Row] = {}
        self._prefetching = False
        self._header_shows: tuple[Sorting, ...] | None = None
        self._strips = LineStrips(columns, lambda: self.rich_style, self._tone, self.finish)
        self._cursor = 0
        self._cursor_id: Hashable = ""
        self._lost_id: Hashable = ""
        self._marks: set[Hashable] = set()
        self._last_marked: Hashable = ""
        self._painted: dict[int, tuple[Cell, ...]] = {}
        self.empty = empty
        self.order: tuple[Sorting, ...] = ()
        """What the header shows as the order of the rows, the first key first."""

    @property
    def sorted_by(self) -> str:
        """The first column that the rows are sorted by; empty when they are not."""
        return self.order[0][0] if self.order else ""

    @property
    def rows(self) -> Sequence[Row]:
        """The rows that are shown, in their order; of keys only those that have been fetched."""
        lines = self._lines
        if isinstance(lines, RowLines):
            return lines.rows
        found = (lines.row_at(place) for place in range(len(lines)))
        return [row for row in found if row is not None]

    @property
    def count(self) -> int:
        """How many rows are shown."""
        return len(self._lines)

    @property
    def cursor_id(self) -> str:
        """The id of the row under the cursor; empty when there are no rows."""
        row = self.cursor_row
        return "" if row is None else self._identify(row)

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._lines.row_at(self._cursor) if len(self._lines) else None

    @property
    def marks(self) -> frozenset[Any]:
        """The ids (or keys) of the marked rows; a mark outlives a filter."""
        return frozenset(self._marks)

    def chosen(self) -> list[Any]:
        """The ids (or keys) to act on: the marked rows in their order, else the row under the cursor."""
        marked = [row_id for row_id in self._lines.ids() if row_id in self._marks] if self._marks else []
        return marked or ([self._cursor_id] if len(self._lines) else [])

    def shown_marks(self) -> int:
        """How many marked rows are shown."""
        return self._lines.count(self._marks)

    def set_marks(self, ids: frozenset[Any] | set[Any]) -> None:
        """Mark exactly these rows."""
        if self._marks != set(ids):
            self._marks = set(ids)
            self.refresh()
            self.post_message(self.Marked(self, self.cursor_id))

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows instead; only changed lines are painted.

        The cursor stays on its id and on its line of the screen. Where its row is gone, it goes to the next that is left; if all are gone,
        it comes back with its row. A view that was scrolled away from the cursor stays where it is.
        """
        self._show(RowLines[Row](rows, self._identify))

    async def set_keys(self, order: Order, *, again: bool = True) -> None:
        """Show the rows of these keys instead, once those that will be in view have been fetched.

        ``again``: rows may have changed, so those in view are fetched anew.
        """
        lines = KeyLines(order, self._fetched)
        fresh: dict[int, Row] = {}
        while True:
            _, top = self._placed(lines)
            height = self._lines_of_rows
            wanted = order.slice(max(0, top), top + height) if len(order) > _SMALL else order.slice(0, _SMALL)
            missing = [key for key in wanted if key not in fresh and (again or key not in self._fetched)]
            if not missing:
                break
            found = await self._fetched_rows(missing)
            fresh |= {key: found[key] for key in missing if key in found}
            if len(fresh) < len(missing):  # some are gone already: the next reading of the cache tells
                for key in missing:
                    self._fetched.pop(key, None)
                break
        old = {place: self._lines.row_at(place) for place in self._visible()}
        if again:
            self._fetched.clear()
        lines.take(fresh, ())
        self._show(lines, old)
        self.call_after_refresh(self._prefetch)

    async def _fetched_rows(self, keys: Sequence[int]) -> Mapping[int, Row]:
        assert self._fetch is not None
        return await self._fetch(keys)

    def _placed(self, lines: Lines[Row]) -> tuple[int, int]:
        """Where cursor and top of the view will be when ``lines`` are shown."""
        top, height = self.scroll_offset.y, self._lines_of_rows
        old, cursor = self._lines, self._cursor
        place = self._place_after_change(lines)
        line = cursor - top
        most = max(0, len(lines) - height)
        if not len(old) or 0 <= line < height:
            same = len(lines) > 0 and len(old) > 0 and lines.id_at(place) == self._cursor_id
            top = min(max(0, place - line if same else top), most)
            if place < top:
                top = place
            elif place >= top + height:
                top = place - height + 1
        else:
            found = lines.find(old.id_at(top)) if top < len(old) else None
            top = min(max(0, top if found is None else found), most)
        return place, top

    def _show(self, lines: Lines[Row], before: Mapping[int, Row | None] | None = None) -> None:
        old, old_cursor_id = self._lines, self._cursor_id
        if len(lines) and len(lines) == len(old) and lines.same_order(old):
            seen = {place: old.row_at(place) for place in self._visible()} if before is None else before
            self._lines = lines
            self._repaint_places(*(place for place in self._visible() if lines.row_at(place) != seen.get(place)))
            self.repaint_changed()  # rows that are the same may tell another age
            return
        self._cursor, top = self._placed(lines)
        self._lines = lines
        self._cursor_id = lines.id_at(self._cursor) if len(lines) else ""
        if len(lines):
            self._lost_id = ""
        elif old_cursor_id != "":
            self._lost_id = old_cursor_id
        if len(lines) != len(old):
            self.grow(len(lines) + 1)
        self._view_from(top)
        self.refresh()
        if self._cursor_id != old_cursor_id:
            self.post_message(self.Highlighted(self, self.cursor_id))

    def _place_after_change(self, lines: Lines[Row]) -> int:
        if not len(lines):
            return 0
        wanted = self._cursor_id if self._cursor_id != "" else self._lost_id
        place = lines.find(wanted) if wanted != "" else None
        if place is None and len(self._lines):
            place = self._lines.left_after(self._cursor, lines)
        return min(self._cursor, len(lines) - 1) if place is None else place

    def _prefetch(self) -> None:
        """Fetch the rows around the view, so that the next keys find them there."""
        lines = self._lines
        if self._prefetching or self._fetch is None or not isinstance(lines, KeyLines):
            return
        top, height = self.scroll_offset.y, self._lines_of_rows
        missing = lines.missing(top - height, top + 2 * height)
        if not missing:
            return
        self._prefetching = True

        async def work() -> None:
            try:
                found = await self._fetched_rows(missing)
            finally:
                self._prefetching = False
            if self._lines is not lines:
                return
            near = lines.order.slice(max(0, self.scroll_offset.y - 2 * height), self.scroll_offset.y + 3 * height)
            unseen = [place for place in self._visible() if lines.row_at(place) is None]
            lines.take(found, near)
            self._repaint_places(*unseen)
            if unseen and found:
                self._prefetch()

        self.run_worker(work(), group="prefetch", description="rows around the view", exit_on_error=False)

    async def _ready(self, place: int) -> None:
        """Before the cursor goes to a place: fetch what will then be in view."""
        lines = self._lines
        if isinstance(lines, KeyLines) and len(lines):
            place = max(0, min(place, len(lines) - 1))
            height = self._lines_of_rows
            top = self.scroll_offset.y
            top = place if place < top else max(top, place - height + 1)
            missing = lines.missing(top, top + height)
            if missing:
                lines.take(await self._fetched_rows(missing), lines.order.slice(max(0, top - height), top + 2 * height))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The view has moved, be it by a key, the wheel or the scrollbar: fetch what it needs, once what is known is painted."""
        super().watch_scroll_y(old_value, new_value)
        self.call_after_refresh(self._prefetch)

    def move_to(self, row_id: Hashable) -> bool:
        """Put the cursor on a row; false when it is not shown."""
        place = self._lines.find(row_id)
        if place is None:
            return False
        self._put_cursor(place)
        return True

    def set_wanted(self, wanted: Mapping[str, Sequence[Test]]) -> None:
        """Mark in the cells of each column what these tests find there; lines in which that is something else are painted again."""
        if self._strips.wants(wanted):
            return
        differs = self._strips.want(wanted)
        self.repaint_lines(*sorted(y for y, values in self._painted.items() if self.is_finished(y) and differs(values)))

    def repaint_header(self) -> None:
        """Paint the header again if the order that it shows is another one."""
        if self.order != self._header_shows:
            self.repaint_lines(0)

    def repaint_changed(self) -> None:
        """Paint again the visible lines whose cells say something else than when they were painted: ages move on by themselves."""
        top, changed = self.scroll_offset.y, []
        for place in self._visible():
            y = place - top + 1
            row = self._lines.row_at(place)
            if row is not None and y in self._painted and self._cells(row) != self._painted[y]:
                changed.append(y)
        self.repaint_lines(*changed)

    async def action_move(self, step: int) -> None:
        """Move the cursor by ``step`` rows."""
        await self._go(self._cursor + step)

    async def action_page(self, step: int) -> None:
        """Move the cursor by a page."""
        await self._go(self._cursor + step * max(1, self.size.height - 2))

    async def action_edge(self, side: int) -> None:
        """Move the cursor to the first or the last row."""
        await self._go(0 if side < 0 else len(self._lines) - 1)

    async def _go(self, place: int) -> None:
        await self._ready(place)
        self._put_cursor(place)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.cursor_id:
            self.post_message(self.Opened(self, self.cursor_id))

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor and go on to the next."""
        if not len(self._lines):
            return
        self._marks ^= {self._cursor_id}
        self._last_marked = self._cursor_id
        self._repaint_places(self._cursor)
        self.post_message(self.Marked(self, self.cursor_id))
        self._put_cursor(self._cursor + 1)

    def mark_range(self) -> bool:
        """Mark every row from the one that was marked last to the cursor; false when that one is not shown."""
        start = self._lines.find(self._last_marked) if self._last_marked in self._marks else None
        if start is None:
            return False
        first, last = sorted((start, self._cursor))
        self.set_marks(self._marks.union(self._lines.slice(first, last + 1)))
        self._last_marked = self._cursor_id
        return True

    def toggle_all_marks(self) -> None:
        """Mark every row that is shown, or unmark them when all are marked."""
        shown = set(self._lines.ids())
        self.set_marks(self._marks - shown if shown <= self._marks else self._marks | shown)

    def on_resize(self, event: events.Resize) -> None:
        """Lay the columns out anew and keep the cursor in view."""
        self._strips.lay_out(event.size.width)
        self.virtual_size = Size(event.size.width, len(self._lines) + 1)
        self.call_after_refresh(self._scroll_to_cursor)
        self.call_after_refresh(self._prefetch)  # there may be room for more rows

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a row; a click on the cursor opens it."""
        place = self.scroll_offset.y + event.y - 1
        if event.y < 1 or not 0 <= place < len(self._lines):
            return
        if place == self._cursor:
            self.action_open()
        else:
            self._put_cursor(place)

    def on_focus(self) -> None:
        """The cursor looks different with the focus."""
        self._repaint_places(self._cursor)

    def on_blur(self) -> None:
        """The cursor looks different without the focus."""
        self._repaint_places(self._cursor)

    def notify_style_update(self) -> None:
        """The theme changed: the tones are looked up anew."""
        super().notify_style_update()
        self._strips.forget_styles()

    def look_changed(self) -> None:
        """Lines are of another width now, or their styles finished otherwise."""
        super().look_changed()
        self._strips.forget_styles()
        self._strips.lay_out(self.size.width)

    def render_line(self, y: int) -> Strip:
        """One line of the screen: the header, or the row that lies there."""
        width = self.rendered_width
        if y == 0:
            self._header_shows = self.order
            return self._strips.header(width, self.order)
        place = self.scroll_offset.y + y - 1
        if not 0 <= place < len(self._lines):
            return self._strips.note(width, self.empty) if not len(self._lines) and y == 2 else self._strips.blank(width)
        row, row_id = self._lines.row_at(place), self._lines.id_at(place)
        cursor = ("cursor" if self.has_focus else "cursor-blurred") if place == self._cursor else ""
        marked = row_id in self._marks
        if row is None:
            self._painted.pop(y, None)
            return self._strips.awaited(width, cursor, marked)
        values = self._painted[y] = self._cells(row)
        return self._strips.row(width, row_id, values, cursor, marked)

    def _cells(self, row: Row) -> tuple[Cell, ...]:
        return tuple(self._render_cell(row, column.key) for column, _ in self._strips.layout)

    def _tone(self, name: str) -> Style:
        return self.get_component_rich_style(f"line-table--{name}", partial=True)

    def _visible(self) -> range:
        top = self.scroll_offset.y
        return range(top, min(len(self._lines), top + self._lines_of_rows))

    def _repaint_places(self, *places: int) -> None:
        top, height = self.scroll_offset.y, self.size.height
        self.repaint_lines(*(place - top + 1 for place in places if 0 <= place - top < height - 1))

    def _put_cursor(self, place: int) -> None:
        if not len(self._lines):
            return
        place = max(0, min(place, len(self._lines) - 1))
        if place == self._cursor and self._cursor_id != "":
            return
        self._repaint_places(self._cursor)
        self._cursor = place
        self._cursor_id = self._lines.id_at(place)
        self._repaint_places(place)
        self._scroll_to_cursor()
        self.post_message(self.Highlighted(self, self.cursor_id))

    @property
    def _lines_of_rows(self) -> int:
        """Lines for rows, below the header."""
        return max(1, self.size.height - 1)

    def _scroll_to_cursor(self) -> None:
        top = self.scroll_offset.y
        if self._cursor < top:
            self._view_from(self._cursor)
        elif self._cursor >= top + self._lines_of_rows:
            self._view_from(self._cursor - self._lines_of_rows + 1)

    def _view_from(self, top: int) -> None:
        self.scroll_to(y=max(0, top), animate=False, force=True, immediate=True)

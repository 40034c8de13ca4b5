"""A table of lines for any number of rows: only what is on screen is rendered, and rows are known by their ids.

Textual's own DataTable lays out every cell it was ever given; this one asks for the cells of a row when the row comes into
view. Cursor, marks and scroll position belong to ids, so rows can change, appear and go beneath them. The rows are either all in
memory (:meth:`LineTable.set_rows`), or keys of which only the rows near the view are fetched (:meth:`LineTable.set_keys`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from screens.widgets.lines import KeyLines, Lines, Order, RowLines

Row = TypeVar("Row")
Cell = tuple[str, str]
"""A cell: its text, and its tone (see :data:`screens.words.TONES`) or an empty string."""

MARK = "▌"

_SMALL = 256
"""A table of so few keys holds all its rows."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. It is at least ``width`` cells wide, takes ``weight`` parts of what is left over, and goes away first where ``rank`` is
    highest when the terminal is narrow (rank 0 always stays). If that fits, it is ``roomy`` cells wide before the rest is shared."""

    key: str
    title: str
    width: int
    weight: int = 0
    rank: int = 0
    right: bool = False
    roomy: int = 0


def fit(text: str, width: int, right: bool = False) -> str:
    """``text`` cut or filled to exactly ``width`` cells; a cut shows as an ellipsis."""
    length = len(text) if text.isascii() and text.isprintable() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


def lay_out(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that fit into ``width`` cells with their widths; one cell lies between two."""
    kept = list(columns)
    while len(kept) > 1 and sum(column.width for column in kept) + len(kept) - 1 > width:
        worst = max(kept, key=lambda column: (column.rank, columns.index(column)))
        if worst.rank == 0:
            break
        kept.remove(worst)
    spare = max(0, width - sum(column.width for column in kept) - len(kept) + 1)
    grown: dict[str, int] = {}
    for column in kept:
        if 0 < column.roomy - column.width <= spare:
            grown[column.key] = column.roomy - column.width
            spare -= grown[column.key]
    weights = sum(column.weight for column in kept)
    widths = []
    for column in kept:
        share = spare * column.weight // weights if weights else 0
        widths.append((column, column.width + grown.get(column.key, 0) + share))
    return widths


class LineTable(ScrollView, Generic[Row], can_focus=True):
    """A scrolling table over ``rows``; ``identify`` gives a row's id and ``render_cell`` a cell's text and tone by column key."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--header",
        "line-table--cursor",
        "line-table--cursor-blurred",
        "line-table--mark",
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
        self._columns = tuple(columns)
        self._identify = identify
        self._render_cell = render_cell
        self._fetch = fetch
        self._lines: Lines[Row] = RowLines[Row]((), identify)
        self._fetched: dict[int, Row] = {}
        self._prefetching = False
        self._header_shows: tuple[str, bool] | None = None
        self._layout: list[tuple[Column, int]] = []
        self._laid_out = -1
        self._cursor = 0
        self._cursor_id: Hashable = ""
        self._lost_id: Hashable = ""
        self._marks: set[Hashable] = set()
        self._tones: dict[str, Style] = {}
        self._painted: dict[int, tuple[Cell, ...]] = {}
        self.empty = empty
        self.sorted_by = ""
        self.reversed = False

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
            for place in self._visible():
                if lines.row_at(place) != seen.get(place):
                    self._repaint_place(place)
            return
        self._cursor, top = self._placed(lines)
        self._lines = lines
        self._cursor_id = lines.id_at(self._cursor) if len(lines) else ""
        if len(lines):
            self._lost_id = ""
        elif old_cursor_id != "":
            self._lost_id = old_cursor_id
        if len(lines) != len(old):
            self._grow(len(lines) + 1)
        self._view_from(top)
        self.refresh()
        if self._cursor_id != old_cursor_id:
            self.post_message(self.Highlighted(self, self.cursor_id))

    def _grow(self, height: int) -> None:
        """There are more lines, or fewer. Where the scrollbar always stands, no layout can change by that, so none is made."""
        size = Size(self.size.width, height)
        if self.styles.overflow_y == "scroll" and self.is_mounted and self.show_vertical_scrollbar:
            self.set_reactive(Widget.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = height
        else:
            self.virtual_size = size

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
            for place in unseen:
                self._repaint_place(place)
            if unseen:
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

    def move_to(self, row_id: Hashable) -> bool:
        """Put the cursor on a row; false when it is not shown."""
        place = self._lines.find(row_id)
        if place is None:
            return False
        self._put_cursor(place)
        return True

    def repaint(self) -> None:
        """Paint the visible lines again: an age has moved on, or the order is shown differently."""
        self._tones.clear()
        self.refresh()

    def repaint_header(self) -> None:
        """Paint the header again if the order that it shows is another one."""
        if (self.sorted_by, self.reversed) != self._header_shows:
            self.refresh(Region(0, 0, self.size.width, 1))

    def repaint_changed(self) -> None:
        """Paint again the visible lines whose cells say something else than when they were painted: ages move on by themselves."""
        for place in self._visible():
            y = place - self.scroll_offset.y + 1
            row = self._lines.row_at(place)
            if row is not None and y in self._painted and self._cells(row) != self._painted[y]:
                self._repaint_place(place)

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
        self.call_after_refresh(self._prefetch)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.cursor_id:
            self.post_message(self.Opened(self, self.cursor_id))

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor and go on to the next."""
        if not len(self._lines):
            return
        self._marks ^= {self._cursor_id}
        self._repaint_place(self._cursor)
        self.post_message(self.Marked(self, self.cursor_id))
        self._put_cursor(self._cursor + 1)

    def toggle_all_marks(self) -> None:
        """Mark every row that is shown, or unmark them when all are marked."""
        shown = set(self._lines.ids())
        self.set_marks(self._marks - shown if shown <= self._marks else self._marks | shown)

    def on_resize(self, event: events.Resize) -> None:
        """Lay the columns out anew and keep the cursor in view."""
        self._lay_out(event.size.width)
        self.virtual_size = Size(event.size.width, len(self._lines) + 1)
        self.call_after_refresh(self._scroll_to_cursor)

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
        self._repaint_place(self._cursor)

    def on_blur(self) -> None:
        """The cursor looks different without the focus."""
        self._repaint_place(self._cursor)

    def notify_style_update(self) -> None:
        """The theme changed: the tones are looked up anew."""
        super().notify_style_update()
        self._tones.clear()

    def render_line(self, y: int) -> Strip:
        """One line of the screen: the header, or the row that lies there."""
        width = self.size.width
        if width != self._laid_out:  # a scrollbar has come or gone
            self._lay_out(width)
        base = self.rich_style
        if y == 0:
            return self._header(width, base)
        place = self.scroll_offset.y + y - 1
        if not 0 <= place < len(self._lines):
            if not len(self._lines) and y == 2:
                return Strip([Segment(fit("  " + self.empty, width), base + self._tone("muted"))], width)
            return Strip.blank(width, base)
        row = self._lines.row_at(place)
        row_id = self._lines.id_at(place)
        at_cursor = place == self._cursor
        under = base
        if at_cursor:
            under = base + self._tone("cursor" if self.has_focus else "cursor-blurred")
        marked = row_id in self._marks
        segments = [Segment(MARK if marked else " ", under + self._tone("mark") if marked and not at_cursor else under)]
        if row is None:
            self._painted.pop(y, None)
            return Strip([*segments, Segment(" …", under)]).adjust_cell_length(width, under)
        values = self._cells(row)
        self._painted[y] = values
        for number, ((column, cells), (text, tone)) in enumerate(zip(self._layout, values, strict=True)):
            style = under + self._tone(tone) if tone and not (at_cursor and self.has_focus) else under
            segments.append(Segment((" " if number else "") + fit(text, cells, column.right), style))
        return Strip(segments).adjust_cell_length(width, under)

    def _lay_out(self, width: int) -> None:
        self._laid_out = width
        self._layout = lay_out(self._columns, max(1, width - 2))

    def _cells(self, row: Row) -> tuple[Cell, ...]:
        return tuple(self._render_cell(row, column.key) for column, _ in self._layout)

    def _header(self, width: int, base: Style) -> Strip:
        style = base + self._tone("header")
        self._header_shows = (self.sorted_by, self.reversed)
        text = " "
        for number, (column, cells) in enumerate(self._layout):
            title = column.title
            if column.key == self.sorted_by:
                title = fit(title, min(cell_len(title), cells - 1)) + ("▼" if self.reversed else "▲")
            text += (" " if number else "") + fit(title, cells, column.right)
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _tone(self, name: str) -> Style:
        style = self._tones.get(name)
        if style is None:
            style = self._tones[name] = self.get_component_rich_style(f"line-table--{name}", partial=True)
        return style

    def _visible(self) -> range:
        top = self.scroll_offset.y
        return range(top, min(len(self._lines), top + self._lines_of_rows))

    def _repaint_place(self, place: int) -> None:
        y = place - self.scroll_offset.y + 1
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _put_cursor(self, place: int) -> None:
        if not len(self._lines):
            return
        place = max(0, min(place, len(self._lines) - 1))
        if place == self._cursor and self._cursor_id != "":
            return
        self._repaint_place(self._cursor)
        self._cursor = place
        self._cursor_id = self._lines.id_at(place)
        self._repaint_place(place)
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

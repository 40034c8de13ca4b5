"""A table of lines for any number of rows: only what is on screen is rendered, and rows are known by their ids.

Textual's own DataTable lays out every cell it was ever given; this one asks for the cells of a row when the row comes into
view. Cursor, marks and scroll position belong to ids, so rows can change, appear and go beneath them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

Row = TypeVar("Row")
Cell = tuple[str, str]
"""A cell: its text, and its tone (see :data:`screens.words.TONES`) or an empty string."""

MARK = "▌"


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
    length = cell_len(text)
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
        empty: str = "Nothing here.",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._identify = identify
        self._render_cell = render_cell
        self._rows: Sequence[Row] = ()
        self._places: dict[str, int] = {}
        self._layout: list[tuple[Column, int]] = []
        self._laid_out = -1
        self._cursor = 0
        self._cursor_id = ""
        self._lost_id = ""
        self._marks: set[str] = set()
        self._tones: dict[str, Style] = {}
        self._painted: dict[int, tuple[Cell, ...]] = {}
        self.empty = empty
        self.sorted_by = ""
        self.reversed = False

    @property
    def rows(self) -> Sequence[Row]:
        """The rows that are shown, in their order."""
        return self._rows

    @property
    def cursor_id(self) -> str:
        """The id of the row under the cursor; empty when there are no rows."""
        return self._cursor_id

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def marks(self) -> frozenset[str]:
        """The ids of the marked rows; a mark outlives a filter."""
        return frozenset(self._marks)

    def chosen(self) -> list[str]:
        """The ids to act on: the marked rows in their order, else the row under the cursor."""
        marked = [row_id for row_id in self._places if row_id in self._marks]
        return marked or ([self._cursor_id] if self._cursor_id else [])

    def set_marks(self, ids: frozenset[str] | set[str]) -> None:
        """Mark exactly these rows."""
        if self._marks != set(ids):
            self._marks = set(ids)
            self.refresh()
            self.post_message(self.Marked(self, self._cursor_id))

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows instead; only changed lines are painted.

        The cursor stays on its id and on its line of the screen. Where its row is gone, it goes to the next that is left; if all are gone,
        it comes back with its row. A view that was scrolled away from the cursor stays where it is.
        """
        old_rows, old_cursor_id, old_cursor, old_places = self._rows, self._cursor_id, self._cursor, self._places
        places = {self._identify(row): place for place, row in enumerate(rows)}
        same_order = len(rows) == len(old_rows) and list(places) == list(old_places)
        self._rows, self._places = rows, places
        if same_order and rows:
            for place in self._visible():
                if rows[place] != old_rows[place]:
                    self._repaint_place(place)
            return
        top, height = self.scroll_offset.y, self._lines_of_rows
        self._cursor = self._place_after_change(old_rows, old_cursor_id, old_cursor)
        self._cursor_id = self._identify(rows[self._cursor]) if rows else ""
        if rows:
            self._lost_id = ""
        elif old_cursor_id:
            self._lost_id = old_cursor_id
        self.virtual_size = Size(self.size.width, len(rows) + 1)
        line = old_cursor - top
        if not old_rows or 0 <= line < height:
            self._view_from(self._cursor - line if self._cursor_id == old_cursor_id else top)
            self._scroll_to_cursor()
        else:
            self._view_from(places.get(self._identify(old_rows[top]), top) if top < len(old_rows) else top)
        self.refresh()
        if self._cursor_id != old_cursor_id:
            self.post_message(self.Highlighted(self, self._cursor_id))

    def _place_after_change(self, old_rows: Sequence[Row], old_cursor_id: str, old_cursor: int) -> int:
        if not self._rows:
            return 0
        place = self._places.get(old_cursor_id or self._lost_id)
        if place is not None:
            return place
        for row in old_rows[old_cursor + 1 :]:
            place = self._places.get(self._identify(row))
            if place is not None:
                return place
        return min(old_cursor, len(self._rows) - 1)

    def move_to(self, row_id: str) -> bool:
        """Put the cursor on a row; false when it is not shown."""
        if row_id not in self._places:
            return False
        self._put_cursor(self._places[row_id])
        return True

    def repaint(self) -> None:
        """Paint the visible lines again: an age has moved on, or the order is shown differently."""
        self._tones.clear()
        self.refresh()

    def repaint_changed(self) -> None:
        """Paint again the visible lines whose cells say something else than when they were painted: ages move on by themselves."""
        for place in self._visible():
            y = place - self.scroll_offset.y + 1
            if y in self._painted and self._cells(self._rows[place]) != self._painted[y]:
                self._repaint_place(place)

    def action_move(self, step: int) -> None:
        """Move the cursor by ``step`` rows."""
        self._put_cursor(self._cursor + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by a page."""
        self._put_cursor(self._cursor + step * max(1, self.size.height - 2))

    def action_edge(self, side: int) -> None:
        """Move the cursor to the first or the last row."""
        self._put_cursor(0 if side < 0 else len(self._rows) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self._cursor_id:
            self.post_message(self.Opened(self, self._cursor_id))

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor and go on to the next."""
        if not self._cursor_id:
            return
        self._marks ^= {self._cursor_id}
        self._repaint_place(self._cursor)
        self.post_message(self.Marked(self, self._cursor_id))
        self._put_cursor(self._cursor + 1)

    def toggle_all_marks(self) -> None:
        """Mark every row that is shown, or unmark them when all are marked."""
        shown = set(self._places)
        self.set_marks(self._marks - shown if shown <= self._marks else self._marks | shown)

    def on_resize(self, event: events.Resize) -> None:
        """Lay the columns out anew and keep the cursor in view."""
        self._lay_out(event.size.width)
        self.virtual_size = Size(event.size.width, len(self._rows) + 1)
        self.call_after_refresh(self._scroll_to_cursor)

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a row; a click on the cursor opens it."""
        place = self.scroll_offset.y + event.y - 1
        if event.y < 1 or not 0 <= place < len(self._rows):
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
        if not 0 <= place < len(self._rows):
            if not self._rows and y == 2:
                return Strip([Segment(fit("  " + self.empty, width), base + self._tone("muted"))], width)
            return Strip.blank(width, base)
        row = self._rows[place]
        row_id = self._identify(row)
        at_cursor = place == self._cursor
        under = base
        if at_cursor:
            under = base + self._tone("cursor" if self.has_focus else "cursor-blurred")
        marked = row_id in self._marks
        segments = [Segment(MARK if marked else " ", under + self._tone("mark") if marked and not at_cursor else under)]
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
        return range(top, min(len(self._rows), top + self._lines_of_rows))

    def _repaint_place(self, place: int) -> None:
        y = place - self.scroll_offset.y + 1
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _put_cursor(self, place: int) -> None:
        if not self._rows:
            return
        place = max(0, min(place, len(self._rows) - 1))
        if place == self._cursor and self._cursor_id:
            return
        self._repaint_place(self._cursor)
        self._cursor = place
        self._cursor_id = self._identify(self._rows[place])
        self._repaint_place(place)
        self._scroll_to_cursor()
        self.post_message(self.Highlighted(self, self._cursor_id))

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

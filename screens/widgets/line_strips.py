"""The lines of a table as strips: the header, and a row as its cells read, with cursor, mark and what a filter has found."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from cache.filter import Span, Test
from screens.widgets.columns import Cell, Column, Sorting, arrow, fit, lay_out
from screens.widgets.hits import hits, with_hits

MARK = "▌"

_STRIPS = 256
"""Lines that are kept as they were painted, and cells of each column: some pages."""

Piece = tuple[str, Style]
Pieces = Sequence[Piece]
"""A part of a line: texts and their styles."""


class LineStrips:
    """Paints lines in the styles of a table: ``base`` tells the table's own, ``tone`` that of a tone or of another part by its name, and
    ``finish`` what the terminal is to be told instead of a style."""

    def __init__(
        self, columns: Sequence[Column], base: Callable[[], Style], tone: Callable[[str], Style], finish: Callable[[Style], Style]
    ) -> None:
        self.layout: list[tuple[Column, int]] = []
        self._taken = 0
        self._columns = tuple(columns)
        self._base = base
        self._look_up = tone
        self._finish = finish
        self._wanted: Mapping[str, Sequence[Test]] = {}
        self._styles: dict[tuple[str, ...], Style] = {}
        self._cells: dict[str, list[dict[Cell, Pieces]]] = {}
        self._strips: dict[Hashable, tuple[tuple[object, ...], Strip]] = {}

    def lay_out(self, width: int) -> None:
        """Share ``width`` cells out to the columns."""
        self._forget_lines()
        self.layout = lay_out(self._columns, max(1, width - 2))
        self._taken = sum(cells for _, cells in self.layout) + len(self.layout)  # and the mark, and the blanks between

    def forget_styles(self) -> None:
        """The theme is another one."""
        self._styles.clear()
        self._forget_lines()

    def _forget_lines(self) -> None:
        self._cells.clear()
        self._strips.clear()

    def want(self, wanted: Mapping[str, Sequence[Test]]) -> Callable[[Sequence[Cell]], bool]:
        """Mark in the cells of each column what these tests find there. The answer tells of a line by its cells whether it then reads
        otherwise than before."""
        before, self._wanted = self._wanted, wanted
        self._forget_lines()

        known: list[dict[str, bool]] = [{} for _ in self.layout]

        def differs(values: Sequence[Cell]) -> bool:
            for (column, _), (text, _), told in zip(self.layout, values, known, strict=False):
                found = told.get(text)
                if found is None:
                    found = told[text] = hits(before.get(column.key, ()), text) != self._hits(column.key, text)
                if found:
                    return True
            return False

        return differs

    def wants(self, wanted: Mapping[str, Sequence[Test]]) -> bool:
        """Whether it is these tests whose findings are marked."""
        return wanted == self._wanted

    def _hits(self, key: str, text: str) -> list[Span]:
        return hits(self._wanted.get(key, ()), text) if self._wanted else []

    def blank(self, width: int) -> Strip:
        """A line without a row."""
        return Strip.blank(width, self._style("", ""))

    def note(self, width: int, text: str) -> Strip:
        """A line that says something in place of rows."""
        return Strip([Segment(fit("  " + text, width), self._style("", "muted"))], width)

    def header(self, width: int, order: Sequence[Sorting]) -> Strip:
        """The titles of the columns, with arrows where the rows are sorted by them."""
        style = self._style("", "header")
        text = " "
        for number, (column, cells) in enumerate(self.layout):
            title = column.title
            if shown := arrow(order, column.key):
                title = fit(title, min(cell_len(title), cells - len(shown))) + shown
            text += (" " if number else "") + fit(title, cells, column.right)
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def awaited(self, width: int, cursor: str, marked: bool) -> Strip:
        """A row that has not been fetched yet. ``cursor``: the name of the cursor's style, empty where it is not."""
        style = self._style(cursor, "")
        return Strip([self._mark(cursor, marked), Segment(" …", style)]).adjust_cell_length(width, style)

    def row(self, width: int, row_id: Hashable, values: tuple[Cell, ...], cursor: str, marked: bool) -> Strip:
        """A row by its cells; one that reads as it did is the same strip. What follows in the same style is one segment, so that less is
        painted and sent."""
        shown = (width, cursor, marked, values)
        known = self._strips.get(row_id)
        if known is not None and known[0] == shown:
            return known[1]
        made = self._cells.get(cursor)
        if made is None:
            made = self._cells[cursor] = [{} for _ in self.layout]
        segments: list[Segment] = []
        text, style, _ = self._mark(cursor, marked)
        for number, cell in enumerate(values):
            pieces = made[number].get(cell)
            if pieces is None:
                pieces = self._made(made[number], number, cell, cursor)
            for piece, own in pieces:
                if own is style:
                    text += piece
                else:
                    segments.append(Segment(text, style))
                    text, style = piece, own
        segments.append(Segment(text, style))
        if self._taken < width:
            segments.append(Segment(" " * (width - self._taken), self._style(cursor, "")))
        strip = Strip(segments, max(self._taken, width)).adjust_cell_length(width)
        if len(self._strips) >= _STRIPS:
            self._strips.clear()
        self._strips[row_id] = (shown, strip)
        return strip

    def _made(self, made: dict[Cell, Pieces], number: int, cell: Cell, cursor: str) -> Pieces:
        """A cell cut or filled to the width of its column, what is found in it marked. Many rows read the same in most of their cells."""
        (column, cells), (text, tone) = self.layout[number], cell
        if cursor == "cursor":
            tone = ""
        style = self._style(cursor, tone)
        fitted = column.fit(text, cells)
        pieces: list[Piece] = [(" ", style)] if number else []
        if spans := self._hits(column.key, text):
            pieces += with_hits(text, fitted, spans, style, self._style(cursor, tone, "hit"))
        else:
            pieces.append((fitted, style))
        if len(made) >= _STRIPS:
            made.clear()
        made[cell] = pieces
        return pieces

    def _mark(self, cursor: str, marked: bool) -> Segment:
        return Segment(MARK if marked else " ", self._style(cursor, "mark" if marked and not cursor else ""))

    def _style(self, *names: str) -> Style:
        """The style of a cell: of the table, and over it those that are named, of the cursor if it lies there, and of its tone."""
        style = self._styles.get(names)
        if style is None:
            style = self._base()
            for name in filter(None, names):
                style += self._look_up(name)
            style = self._styles[names] = self._finish(style)
        return style

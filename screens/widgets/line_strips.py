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
"""Lines that are kept as they were painted: some pages."""


class LineStrips:
    """Paints lines in the styles of a table: ``base`` tells the table's own, ``tone`` that of a tone or of another part by its name."""

    def __init__(self, columns: Sequence[Column], base: Callable[[], Style], tone: Callable[[str], Style]) -> None:
        self.layout: list[tuple[Column, int]] = []
        self._columns = tuple(columns)
        self._base = base
        self._look_up = tone
        self._wanted: Mapping[str, Sequence[Test]] = {}
        self._tones: dict[str, Style] = {}
        self._styles: dict[tuple[str, str], Style] = {}
        self._strips: dict[Hashable, tuple[tuple[object, ...], Strip]] = {}

    def lay_out(self, width: int) -> None:
        """Share ``width`` cells out to the columns."""
        self._strips.clear()
        self.layout = lay_out(self._columns, max(1, width - 2))

    def forget_styles(self) -> None:
        """The theme is another one."""
        self._tones.clear()
        self._styles.clear()
        self._strips.clear()

    def want(self, wanted: Mapping[str, Sequence[Test]]) -> Callable[[Sequence[Cell]], bool]:
        """Mark in the cells of each column what these tests find there. The answer tells of a line by its cells whether it then reads
        otherwise than before."""
        before, self._wanted = self._wanted, wanted
        self._strips.clear()

        def differs(values: Sequence[Cell]) -> bool:
            cells = zip(self.layout, values, strict=False)
            return any(hits(before.get(column.key, ()), text) != self._hits(column.key, text) for (column, _), (text, _) in cells)

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
        style = self._style("", "") + self._tone("header")
        text = " "
        for number, (column, cells) in enumerate(self.layout):
            title = column.title
            if shown := arrow(order, column.key):
                title = fit(title, min(cell_len(title), cells - len(shown))) + shown
            text += (" " if number else "") + fit(title, cells, column.right)
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def awaited(self, width: int, cursor: str, marked: bool) -> Strip:
        """A row that has not been fetched yet. ``cursor``: the name of the cursor's style, empty where it is not."""
        runs = self._begun(cursor, marked)
        runs.add(" …", self._style(cursor, ""))
        return runs.strip(width, self._style(cursor, ""))

    def row(self, width: int, row_id: Hashable, values: tuple[Cell, ...], cursor: str, marked: bool) -> Strip:
        """A row by its cells; one that reads as it did is the same strip."""
        shown = (width, cursor, marked, values)
        known = self._strips.get(row_id)
        if known is not None and known[0] == shown:
            return known[1]
        runs = self._begun(cursor, marked)
        first = True
        for (column, cells), (text, tone) in zip(self.layout, values, strict=True):
            style = self._style(cursor, "" if cursor == "cursor" else tone)
            if not first:
                runs.add(" ", style)
            first = False
            fitted = column.fit(text, cells)
            if spans := self._hits(column.key, text):
                for segment in with_hits(text, fitted, spans, style, style + self._tone("hit")):
                    runs.add(*segment[:2])
            else:
                runs.add(fitted, style)
        strip = runs.strip(width, self._style(cursor, ""))
        if len(self._strips) >= _STRIPS:
            self._strips.clear()
        self._strips[row_id] = (shown, strip)
        return strip

    def _begun(self, cursor: str, marked: bool) -> _Runs:
        runs = _Runs()
        runs.add(MARK if marked else " ", self._style(cursor, "mark" if marked and not cursor else ""))
        return runs

    def _style(self, cursor: str, tone: str) -> Style:
        """The style of a cell: of the table, of the cursor if it lies there, and of its tone."""
        style = self._styles.get((cursor, tone))
        if style is None:
            style = self._base()
            for name in (cursor, tone):
                if name:
                    style += self._tone(name)
            self._styles[cursor, tone] = style
        return style

    def _tone(self, name: str) -> Style:
        style = self._tones.get(name)
        if style is None:
            style = self._tones[name] = self._look_up(name)
        return style


class _Runs:
    """A line in the making: what follows in the same style is one segment, so that less is painted and sent."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._texts: list[str] = []
        self._style: Style | None = None

    def add(self, text: str, style: Style | None) -> None:
        """The line goes on with a text."""
        if style is not self._style:
            self._end()
            self._style = style
        self._texts.append(text)

    def strip(self, width: int, style: Style) -> Strip:
        """The line, cut or filled to a width."""
        self._end()
        return Strip(self._segments).adjust_cell_length(width, style)

    def _end(self) -> None:
        if self._texts:
            self._segments.append(Segment("".join(self._texts), self._style))
            self._texts = []

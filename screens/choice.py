"""A list to choose one thing from, in front of everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.uncovered import Uncovering
from screens.widgets.line_table import Cell, Column, LineTable

Row = TypeVar("Row")


class ChoiceDialog(Uncovering, ModalScreen[str | None], Generic[Row]):
    """Asks a question that a row of a table answers: the id of the row, or ``None``. A subclass renders the rows."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    EMPTY: ClassVar[str] = "Nothing here."
    AUTO_FOCUS: ClassVar[str | None] = "LineTable"
    FRAME: ClassVar[int] = 5
    """Lines that the question (two at most), the hint and the border take."""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", show=False)]
    DEFAULT_CSS = """
    ChoiceDialog {
        align: center middle;
        #choice { width: 92%; max-width: 110; height: auto; max-height: 100%; border: round $primary; padding: 0 1; background: $surface; }
        #choice-question { height: auto; max-height: 2; text-style: bold; }
        #choice-hint { height: 1; color: $text-muted; }
    }
    """

    def __init__(self, question: str, hint: str, rows: Sequence[Row], current: str = "") -> None:
        super().__init__()
        self._question = question
        self._hint = hint
        self._rows = rows
        self._current = current
        self.table: LineTable[Row] = LineTable(self.COLUMNS, self.identify, self.cell, empty=self.EMPTY)

    def identify(self, row: Row) -> str:
        """The id of a row."""
        raise NotImplementedError

    def cell(self, row: Row, key: str) -> Cell:
        """A cell's text and tone."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Question, table, hint."""
        with Vertical(id="choice"):
            yield Static(Content(self._question), id="choice-question")
            yield self.table
            yield Static(Content(self._hint), id="choice-hint")

    def on_mount(self) -> None:
        """The cursor stands on the current row."""
        self.table.set_rows(self._rows)
        self.table.move_to(self._current)

    def on_resize(self, event: events.Resize) -> None:
        """As many rows as there is room for."""
        self.table.styles.height = max(2, min(max(2, len(self._rows)) + 1, event.size.height - self.FRAME))

    @on(LineTable.Opened)
    def _chosen(self, event: LineTable.Opened) -> None:
        event.stop()
        self.dismiss(event.row_id)

    def action_cancel(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

"""The columns to sort by: one is put first, and what the rows were sorted by stays behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from screens.choice import ChoiceDialog
from screens.widgets.columns import Cell, Column, Sorting, arrow

Choice = tuple[str, str]
"""A column's key and title."""


class SortDialog(ChoiceDialog[Choice]):
    """Answers the key of the column to sort by first. ``drop`` is called with what is left of the order when a column is taken out."""

    COLUMNS = (Column("title", "Column", 20, weight=1), Column("order", "Sorted", 8))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("d,delete", "drop", "Drop", show=False)]

    def __init__(self, columns: Sequence[Choice], order: tuple[Sorting, ...], drop: Callable[[tuple[Sorting, ...]], None]) -> None:
        hint = "Enter sorts by it first (again: the other way), d drops it, Esc closes."
        super().__init__("Sort by", hint, columns, order[0][0] if order else "")
        self._order = order
        self._drop = drop

    def identify(self, row: Choice) -> str:
        """The key."""
        return row[0]

    def cell(self, row: Choice, key: str) -> Cell:
        """A cell's text and tone."""
        sorted_by = arrow(self._order, row[0])
        return (row[1], "") if key == "title" else (sorted_by, "accent")

    def action_drop(self) -> None:
        """Sort by this column no longer; one always stays."""
        left = tuple(one for one in self._order if one[0] != self.table.cursor_id)
        if left and left != self._order:
            self._order = left
            self.table.repaint_changed()
            self._drop(left)

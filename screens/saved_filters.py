"""The filters of a screen that were given a name: apply one, save the current one, delete one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from cache import saved_filters
from cache.clock import Clock
from cache.failure import Failure
from cache.saved_filters import LONGEST_NAME, SavedFilters
from cache.text import clean
from screens.choice import ChoiceDialog
from screens.widgets.line_table import Cell, Column, LineTable

Saved = tuple[str, str]
"""A filter's name and text."""


class SavedFiltersDialog(ChoiceDialog[Saved]):
    """The saved filters of the screen ``name``. Answers the text of the chosen one, or ``None``.

    ``saved`` is what was loaded from ``folder``, into which changes are written at once; ``current`` is what *save* saves.
    """

    COLUMNS = (Column("name", "Name", 16, weight=1), Column("text", "Filter", 20, weight=2, rank=1))
    EMPTY = "None yet: s saves the current filter."
    FRAME: ClassVar[int] = 7
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "save", "Save", show=False),
        Binding("d,delete", "delete", "Delete", show=False),
    ]
    DEFAULT_CSS = """
    SavedFiltersDialog {
        #saved-told { height: 1; color: $text-warning; text-wrap: nowrap; text-overflow: ellipsis; }
        #saved-name { display: none; }
        #saved-name, #saved-name:focus { height: 1; border: none; padding: 0 1; background: $panel; }
        #saved-name.-open { display: block; }
    }
    """

    def __init__(self, saved: SavedFilters, folder: Path, clock: Clock, name: str, current: str) -> None:
        rows = list(saved.of(name).items())
        same = next((one for one, text in rows if text == current), "")
        super().__init__("Saved filters", "Enter applies, s saves the current filter, d deletes, Esc closes.", rows, same)
        self._saved = saved
        self._folder = folder
        self._clock = clock
        self._of = name
        self._text = clean(current)
        self._doubted = ""
        """The name that the same key once more deletes or replaces."""

    def compose(self) -> ComposeResult:
        """Question, table, the field for a name, what happened, hint."""
        with Vertical(id="choice"):
            yield Static(Content(self._question), id="choice-question")
            yield self.table
            field = Input(
                id="saved-name", placeholder="its name; Enter saves, Esc does not", select_on_focus=False, max_length=LONGEST_NAME
            )
            field.cursor_blink = False
            yield field
            yield Static(Content(self._saved.told), id="saved-told")
            yield Static(Content(self._hint), id="choice-hint")

    def identify(self, row: Saved) -> str:
        """The name."""
        return row[0]

    def cell(self, row: Saved, key: str) -> Cell:
        """A cell's text and tone."""
        name, text = row
        if key == "text":
            return text or "(everything)", "muted"
        return name, "accent" if text == self._text else ""

    @on(LineTable.Opened)
    def _apply(self, event: LineTable.Opened) -> None:
        event.stop()
        event.prevent_default()  # the base class would answer the name
        self.dismiss(self._saved.of(self._of).get(event.row_id))

    def action_save(self) -> None:
        """Ask for the name of the current filter."""
        if not self._text:
            self._tell("There is no filter to save: close this and type one.")
            return
        self._tell(f"Save “{self._text}” as:")
        field = self.query_one("#saved-name", Input)
        field.add_class("-open")
        self.set_focus(field)

    async def action_delete(self) -> None:
        """Delete the filter under the cursor, if asked twice."""
        name = self.table.cursor_id
        if not name:
            return
        if self._doubted != name:
            self._tell(f"Press d again to delete “{name}”.", name)
        elif await self._change(lambda now: saved_filters.delete(self._folder, now, self._of, name)):
            self._tell(f"Deleted “{name}”.")

    def action_cancel(self) -> None:
        """Close the field, else the dialog."""
        field = self.query_one("#saved-name", Input)
        if field.has_class("-open"):
            self._close_field(field)
            self._tell("")
        else:
            self.dismiss(None)

    @on(Input.Submitted, "#saved-name")
    async def _named(self, event: Input.Submitted) -> None:
        event.stop()
        name = clean(event.value, LONGEST_NAME)
        if name in self._saved.of(self._of) and self._doubted != name:
            self._tell(f"There is a filter “{name}”: Enter once more replaces it.", name)
        elif await self._change(lambda now: saved_filters.save(self._folder, now, self._of, name, self._text)):
            self._close_field(event.input)
            self.table.move_to(name)
            self._tell(f"Saved as “{name}”.")

    @on(LineTable.Highlighted)
    def _moved(self) -> None:
        self._doubted = ""

    async def _change(self, change: Callable[[datetime], SavedFilters]) -> bool:
        """Change the file and show what is in it then; false, and a sentence on the screen, if that failed."""
        try:
            self._saved = await asyncio.to_thread(change, self._clock.now())
        except Failure as failure:
            self._tell(str(failure))
            return False
        self._rows = list(self._saved.of(self._of).items())
        self.table.styles.height = max(2, min(max(2, len(self._rows)) + 1, self.size.height - self.FRAME))
        self.table.set_rows(self._rows)
        return True

    def _close_field(self, field: Input) -> None:
        field.value = ""
        field.remove_class("-open")
        self.set_focus(self.table)

    def _tell(self, sentence: str, doubted: str = "") -> None:
        self._doubted = doubted
        self.query_one("#saved-told", Static).update(Content(clean(sentence)), layout=False)

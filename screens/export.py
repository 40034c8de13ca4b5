"""Asking where a document is to be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from screens.requests import ExportRequested
from screens.uncovered import Uncovering

ENDINGS = (".md", ".json")
FOLDER = "reports"
"""The folder in the home folder that is offered."""


def offered(home: Path, name: str, now: datetime) -> str:
    """The path that is offered for a document: a new one each minute."""
    return str(home / FOLDER / f"{name}-{now:%Y-%m-%d-%H%M}.md")


class ExportDialog(Uncovering, ModalScreen[tuple[str, bool] | None]):
    """Asks for the path of a document. Answers it, and whether what is there already is to be replaced; ``None``: nothing is written."""

    AUTO_FOCUS: ClassVar[str | None] = "#export-path"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("tab", "other_ending", "Markdown or JSON", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    ExportDialog {
        align: center middle;
        #export { width: 92%; max-width: 110; height: auto; max-height: 100%; border: round $primary; padding: 0 1; background: $surface; }
        #export-question { height: auto; max-height: 2; text-style: bold; }
        #export-path { height: 1; border: none; padding: 0 1; background: $panel; margin: 1 0; }
        #export-told { height: auto; max-height: 3; color: $text-warning; }
        #export-hint { height: auto; max-height: 2; color: $text-muted; }
    }
    """

    def __init__(self, question: str, path: str) -> None:
        super().__init__()
        self._question = question
        self._path = path
        self._doubted = ""
        """The path at which something is, and which Enter once more replaces."""

    def compose(self) -> ComposeResult:
        """The question, the path, what is wrong with it, the keys."""
        with Vertical(id="export"):
            yield Static(Content(self._question), id="export-question")
            field = Input(self._path, id="export-path", select_on_focus=False)
            field.cursor_blink = False  # a blink is bytes
            yield field
            yield Static("", id="export-told", markup=False)
            yield Static(Content("Enter writes it, Tab changes between Markdown (.md) and JSON (.json), Esc does not."), id="export-hint")

    def action_other_ending(self) -> None:
        """Change between Markdown and JSON."""
        field = self.query_one("#export-path", Input)
        path = Path(field.value or self._path)
        field.value = str(path.with_suffix(".json" if path.suffix.lower() == ".md" else ".md"))
        field.cursor_position = len(field.value)

    def action_cancel(self) -> None:
        """Write nothing."""
        self.dismiss(None)

    @on(Input.Changed, "#export-path")
    def _typed(self) -> None:
        self._tell("")

    @on(Input.Submitted, "#export-path")
    def _named(self, event: Input.Submitted) -> None:
        event.stop()
        path = event.value.strip()
        whole = Path(path).expanduser()
        if whole.suffix.lower() not in ENDINGS:
            self._tell("Name a file that ends in .md for Markdown or .json for JSON.")
        elif whole.is_dir():
            self._tell("This is a folder: name a file in it.")
        elif os.path.lexists(whole) and self._doubted != path:
            self._tell("It is there already: Enter once more replaces it.", path)
        else:
            self.dismiss((path, self._doubted == path))

    def _tell(self, sentence: str, doubted: str = "") -> None:
        self._doubted = doubted
        self.query_one("#export-told", Static).update(sentence)


def ask(screen: Screen[Any], question: str, path: str, request: Callable[[str, bool], ExportRequested]) -> None:
    """Ask where a document is to be written, and then for it to be written there."""

    def answered(found: tuple[str, bool] | None) -> None:
        if found is not None:
            screen.post_message(request(*found))

    screen.app.push_screen(ExportDialog(question, path), answered)

"""A place for output that somebody ran on a machine by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Static, TextArea

from cache.text import clean_lines
from screens.uncovered import Uncovering

LONGEST = 1_000_000
"""Characters that are taken: the output of a machine is some thousand."""

TOO_LONG = f"✗ That is longer than {LONGEST:,} characters, so it is not such an output. Nothing of it was taken."


class Pasted(TextArea):
    """The field. What is pasted is cleaned before it is shown, so that it can do nothing to the terminal; too much is not taken."""

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        if len(event.text) + len(self.text) > LONGEST:
            self.post_message(self.Refused())
            return
        cleaned = clean_lines(f"|{event.text}|", LONGEST + 2)[1:-1]  # a terminal may send it in pieces, whose ends are to stay
        self.insert(cleaned, maintain_selection_offset=False)

    class Refused(Message):
        """Too much was pasted."""


class PasteDialog(Uncovering, ModalScreen[str | None]):
    """Asks for the output of one machine. Answers the text, or ``None``."""

    AUTO_FOCUS: ClassVar[str | None] = "#pasted"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("f2", "judge", "Judge", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    PasteDialog {
        align: center middle;
        #paste { width: 96%; max-width: 110; height: 90%; background: $surface; color: $foreground; border: round $primary; padding: 0 1; }
        #paste-title { height: auto; max-height: 2; text-style: bold; }
        #paste-hint { height: auto; max-height: 3; color: $text-muted; }
        #pasted { height: 1fr; border: none; padding: 0; background: $panel; }
        #paste-told { height: 1; color: $text-error; }
        #paste-buttons { height: 1; align-horizontal: right; }
        #paste-buttons Button { height: 1; min-width: 12; border: none; margin-left: 2; padding: 0 1; }
        #paste-buttons Button:focus { text-style: reverse bold; }
    }
    """

    def __init__(self, name: str, command: str) -> None:
        super().__init__()
        self._name = name
        self._command = command

    def compose(self) -> ComposeResult:
        """What to paste, the field, and the buttons."""
        what = f"“{self._command}”, or of the script that the plan shows," if self._command else "the script that the plan shows,"
        with Vertical(id="paste"):
            yield Static(Content(clean_lines(f"Output of {self._name}")), id="paste-title")
            yield Static(Content(f"Paste the whole output of {what} run there. F2 judges it, Esc leaves it."), id="paste-hint")
            field = Pasted(id="pasted", soft_wrap=False, show_line_numbers=False)
            field.cursor_blink = False  # a blink is bytes
            yield field
            yield Static("", id="paste-told", markup=False)
            yield from self._buttons()

    def _buttons(self) -> Iterator[Widget]:
        with Horizontal(id="paste-buttons"):
            yield Button(Content("Cancel"), id="cancel")
            yield Button(Content("Judge (F2)"), id="judge", variant="primary")

    @on(Pasted.Refused)
    def _refused(self) -> None:
        self._tell(TOO_LONG)

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._tell("")

    @on(Button.Pressed, "#judge")
    def action_judge(self) -> None:
        """Answer the text, if there is any."""
        text = self.query_one("#pasted", Pasted).text
        if len(text) > LONGEST:
            self._tell(TOO_LONG)
        elif text.strip():
            self.dismiss(text)
        else:
            self._tell("✗ Nothing was pasted yet.")

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    def _tell(self, sentence: str) -> None:
        self.query_one("#paste-told", Static).update(sentence, layout=False)

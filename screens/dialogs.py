"""Questions before something is done: *Cancel* has the focus, Esc cancels, and what cannot be typed need not be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from cache.text import clean_lines
from screens.uncovered import Uncovering

TYPED_OF_ID = 8
"""How many characters of a subscription's id are typed where its name cannot be."""

LONGEST_TYPED = 64
"""A longer name is not asked for: nobody types it, and it would not fit the field."""


def typeable(text: str) -> bool:
    """Whether ``text`` can be typed on any keyboard and read without doubt: printable ASCII, no blanks at its ends or in a row."""
    return bool(text) and len(text) <= LONGEST_TYPED and text.isascii() and text.isprintable() and text == " ".join(text.split())


def what_to_type(name: str, subscription_id: str) -> str:
    """What confirms a change of a subscription: its name, or the start of its id where the name cannot be typed."""
    return name if typeable(name) else subscription_id[:TYPED_OF_ID]


MINIMUM_LINES = 3
"""Lines of text that a dialog shows on the smallest terminal; the dialog as a whole scrolls then."""


class Dialog(Uncovering, ModalScreen[bool]):
    """A title, what there is to know, and two buttons. Answers whether it was confirmed."""

    AUTO_FOCUS: ClassVar[str | None] = "#cancel"
    FRAME: ClassVar[int] = 8
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("left,right", "app.focus_next", "Other button", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "scroll(-8)", "Page up", show=False),
        Binding("pagedown", "scroll(8)", "Page down", show=False),
    ]
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        #dialog {
            width: 90%; max-width: 100; height: auto; max-height: 100%; background: $surface; color: $foreground;
            border: round $primary; padding: 0 1;
        }
        &.-dangerous #dialog { border: round $error; }
        #dialog-title { height: auto; max-height: 3; text-style: bold; }
        &.-dangerous #dialog-title { color: $text-error; }
        #dialog-lines { height: auto; overflow-x: hidden; scrollbar-size-vertical: 1; }
        #dialog-text { height: auto; }
        #dialog-more { height: 1; color: $text-muted; display: none; }
        &.-scrolls #dialog-more { display: block; }
        #dialog-ask { height: auto; max-height: 3; margin-top: 1; }
        #dialog-typed { height: 1; border: none; padding: 0 1; background: $panel; }
        #dialog-difference { height: 1; color: $text-error; padding: 0 1; }
        #dialog-buttons { height: 1; margin-top: 1; align-horizontal: right; }
        #dialog-buttons Button { height: 1; min-width: 12; border: none; margin-left: 2; padding: 0 1; }
        #dialog-buttons Button:focus { text-style: reverse bold; }
    }
    """

    def __init__(self, title: str, lines: str | Sequence[str], confirm_label: str, dangerous: bool = False) -> None:
        super().__init__(classes="-dangerous" if dangerous else "")
        self._head = title
        self._lines = lines if isinstance(lines, str) else "\n".join(lines)
        self._confirm_label = confirm_label
        self._dangerous = dangerous

    def compose(self) -> ComposeResult:
        """The dialog in the middle."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static(Content(("! " if self._dangerous else "") + clean_lines(self._head)), id="dialog-title")
            with VerticalScroll(id="dialog-lines", can_focus=False):
                yield Static(Content(clean_lines(self._lines)), id="dialog-text")
            yield Static(Content("↑ ↓ scroll the text"), id="dialog-more")
            yield from self.question()
            with Horizontal(id="dialog-buttons"):
                yield Button(Content("Cancel"), id="cancel")
                yield Button(Content(self._confirm_label), id="confirm", variant="error" if self._dangerous else "primary")

    def question(self) -> Iterator[Widget]:
        """What stands between the text and the buttons."""
        yield from ()

    def allowed(self) -> bool:
        """Whether it may be confirmed now."""
        return True

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        """Confirm, if that is allowed."""
        if self.allowed():
            self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Answer no."""
        self.dismiss(False)

    def on_resize(self, event: events.Resize) -> None:
        """Title, question and buttons stay in view; the text between them gets the rest and scrolls."""
        lines = self.query_one("#dialog-lines", VerticalScroll)
        lines.styles.max_height = max(MINIMUM_LINES, event.size.height - self.FRAME)
        self.call_after_refresh(lambda: self.set_class(lines.max_scroll_y > 0, "-scrolls"))

    def action_scroll(self, step: int) -> None:
        """Scroll the text."""
        self.query_one("#dialog-lines", VerticalScroll).scroll_relative(y=step, animate=False)


class ConfirmDialog(Dialog):
    """Asks whether to do something. Answers true only for the confirm button."""


class TypedConfirmDialog(Dialog):
    """Asks to type ``expected`` before something that is hard to undo.

    Where ``expected`` cannot be typed (see :func:`typeable`), the start of ``subscription_id`` is asked for instead, and without one the
    label of the button. Keys that are typed go to the field wherever the focus is; *Cancel* keeps it until then.
    """

    FRAME: ClassVar[int] = 13

    def __init__(
        self,
        title: str,
        lines: str | Sequence[str],
        expected: str,
        confirm_label: str,
        subscription_id: str = "",
        dangerous: bool = True,
    ) -> None:
        super().__init__(title, lines, confirm_label, dangerous)
        self._named = typeable(expected)
        self.expected = what_to_type(expected, subscription_id or confirm_label)

    def question(self) -> Iterator[Widget]:
        """What to type, and the field."""
        why = "" if self._named else " (the name cannot be typed)"
        what = Content.assemble("To confirm, type ", Content.styled(self.expected, "bold"), why)
        yield Static(what, id="dialog-ask")
        field = Input(id="dialog-typed", placeholder="type it here", select_on_focus=False)
        field.cursor_blink = False  # a blink is bytes
        yield field
        yield Static("", id="dialog-difference", markup=False)

    def on_mount(self) -> None:
        """Nothing is confirmed before it is typed."""
        self.query_one("#confirm", Button).disabled = True

    def allowed(self) -> bool:
        """Whether exactly the expected text has been typed."""
        return self.query_one("#dialog-typed", Input).value == self.expected

    def on_key(self, event: events.Key) -> None:
        """What is typed goes to the field."""
        field = self.query_one("#dialog-typed", Input)
        if event.is_printable and event.character and not field.has_focus:
            event.stop()
            event.prevent_default()
            field.focus()
            field.insert_text_at_cursor(event.character)

    @on(Input.Changed, "#dialog-typed")
    def _typed(self, event: Input.Changed) -> None:
        self.query_one("#confirm", Button).disabled = not self.allowed()
        wrong = not self.expected.startswith(event.value)
        self.query_one("#dialog-difference", Static).update("✗ that is something else" if wrong else "", layout=False)

    @on(Input.Submitted, "#dialog-typed")
    def _submitted(self) -> None:
        if self.allowed():
            self.dismiss(True)
        else:
            self.query_one("#dialog-difference", Static).update(f"✗ not yet: type exactly {self.expected}", layout=False)

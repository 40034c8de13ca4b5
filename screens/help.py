"""All keys, those of the screen in front first, made from the registry of actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from screens.actions import EVERYWHERE, SCOPES, Action, of_scope
from screens.uncovered import Uncovering
from screens.widgets.document import Block, Document, heading

KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "asterisk": "*",
    "colon": ":",
    "escape": "Esc",
    "pageup": "Page up",
    "pagedown": "Page down",
    "space": "Space",
    "enter": "Enter",
    "up": "↑",
    "down": "↓",
    "home": "Home",
    "end": "End",
    "f1": "F1",
}
KEY_WIDTH = 18

MOVING = (
    ("↑ ↓  j k", "In tables: move the cursor"),
    ("Page up, down", "In tables: move by a page"),
    ("Home End  g G", "In tables: first and last row"),
    ("Enter", "In tables: open the row, or go on with it"),
    ("Tab", "Move on to the next field or button"),
)
"""Keys that belong to widgets and not to actions."""


def key_names(action: Action, own: Mapping[str, str]) -> str:
    """The keys of an action as they stand on a keyboard. ``own``: those that the user gave to actions, by their names."""
    return ", ".join(_key_name(key.strip()) for key in own.get(action.name, action.keys).split(","))


def _key_name(key: str) -> str:
    if key.startswith("ctrl+"):
        return "Ctrl-" + key.removeprefix("ctrl+")
    return KEY_NAMES.get(key, key)


def help_blocks(scopes: tuple[str, ...], own: Mapping[str, str], filter_text: str = "") -> Iterator[Block]:
    """The keys of ``scopes``, then everywhere, then elsewhere; with a filter only those in which every word of it occurs."""
    words = filter_text.casefold().split()
    first = [scope for scope in (*scopes, EVERYWHERE) if scope in SCOPES]
    found = False
    for scope in dict.fromkeys((*first, *SCOPES)):
        title = SCOPES[scope] if scope in first else f"{SCOPES[scope]} (another screen)"
        lines = [
            Block(
                f"{action.title}: {action.help}" + (" (! leads to a change in Azure)" if action.dangerous else ""),
                label=key_names(action, own),
                hang=KEY_WIDTH,
                indent=2,
            )
            for action in of_scope(scope)
            if _passes(words, title, key_names(action, own), action.title, action.help)
        ]
        if scope == EVERYWHERE:
            lines += [Block(text, label=keys, hang=KEY_WIDTH, indent=2) for keys, text in MOVING if _passes(words, title, keys, text)]
        if lines:
            found = True
            yield from heading(title)
            yield from lines
    if not found:
        yield Block("No key passes the filter.", "muted")


def _passes(words: list[str], *texts: str) -> bool:
    haystack = " ".join(texts).casefold()
    return all(word in haystack for word in words)


class HelpScreen(Uncovering, ModalScreen[None]):
    """The keys. What is typed filters them; Esc clears the filter, then closes."""

    AUTO_FOCUS: ClassVar[str | None] = "#help-filter"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("f1", "leave_help", "Close", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "turn(-1)", "Page up", show=False),
        Binding("pagedown", "turn(1)", "Page down", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        #help { width: 96%; max-width: 110; height: 94%; background: $surface; color: $foreground; border: round $primary; padding: 0 1; }
        #help-title { height: 1; text-style: bold; }
        #help-filter { height: 1; border: none; padding: 0 1; background: $panel; }
        #help-scroll { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    }
    """

    def __init__(self, scopes: tuple[str, ...], own: Mapping[str, str]) -> None:
        super().__init__()
        self._scopes = scopes
        self._own = own

    def compose(self) -> ComposeResult:
        """Title, filter, keys."""
        with Vertical(id="help"):
            yield Static("Keys   ↑ ↓ scroll, typing filters, Esc closes", id="help-title", markup=False)
            field = Input(placeholder="type to filter", id="help-filter", select_on_focus=False)
            field.cursor_blink = False  # a blink is bytes
            yield field
            with VerticalScroll(id="help-scroll", can_focus=False):
                yield Document(id="help-keys")

    def on_mount(self) -> None:
        """Show all keys."""
        self._show("")

    @on(Input.Changed, "#help-filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        if event.value == "?":  # the key that opened the help closes it
            self.dismiss()
            return
        self._show(event.value)
        self.query_one("#help-scroll", VerticalScroll).scroll_home(animate=False)

    def _show(self, filter_text: str) -> None:
        self.query_one("#help-keys", Document).show(list(help_blocks(self._scopes, self._own, filter_text)))

    def action_close(self) -> None:
        """Clear the filter, else close."""
        field = self.query_one("#help-filter", Input)
        if field.value:
            field.value = ""
        else:
            self.dismiss()

    def action_leave_help(self) -> None:
        """Close."""
        self.dismiss()

    def action_move(self, step: int) -> None:
        """Scroll by a line."""
        self.query_one("#help-scroll", VerticalScroll).scroll_relative(y=step, animate=False)

    def action_turn(self, step: int) -> None:
        """Scroll by a page."""
        scroll = self.query_one("#help-scroll", VerticalScroll)
        scroll.scroll_relative(y=step * max(1, scroll.size.height - 1), animate=False)

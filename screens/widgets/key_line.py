"""The keys that work now, in one line painted as a line: no widget and no layout for each key, and no byte where nothing has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is shown, and the one that a click on it stands for."""

    key: str
    display: str
    title: str
    enabled: bool
    last: bool = False
    """Whether it stays where there is no room for all: it leads to the others."""

    @property
    def cells(self) -> int:
        """The room that it takes."""
        return cell_len(f"{self.display} {self.title}")


class KeyLine(Widget):
    """The keys of the widget that has the focus, of the screen and of the app that are meant to be shown. A click on one presses it.

    Where there is no room for all of them, the last ones go; the one for help stays.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-line--key", "key-line--title"}
    DEFAULT_CSS = """
    KeyLine {
        dock: bottom;
        height: 1;
        background: $footer-background;
        color: $footer-foreground;
        & > .key-line--key { color: $footer-key-foreground; background: $footer-key-background; text-style: bold; }
        & > .key-line--title { color: $footer-description-foreground; background: $footer-description-background; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[Key, ...] = ()

    def on_mount(self) -> None:
        """Follow the keys that work."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)

    def on_unmount(self) -> None:
        """Follow no longer."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _follow(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen or not screen.app.app_focus:
            return
        found: dict[str, Key] = {}
        for _, binding, enabled, _ in screen.active_bindings.values():
            if binding.show and binding.action not in found:
                found[binding.action] = Key(
                    binding.key, self.app.get_key_display(binding), binding.description, enabled, binding.action == "help"
                )
        keys = tuple(found.values())
        if keys != self.keys:
            self.keys = keys
            self.refresh()

    def shown(self, width: int) -> list[Key]:
        """The keys for which there is room."""
        found = list(self.keys)
        while sum(one.cells + 1 for one in found) - 1 > width and any(not one.last for one in found):
            found.remove(next(one for one in reversed(found) if not one.last))
        return found

    def render_line(self, y: int) -> Strip:
        """The line."""
        base = self.rich_style
        key_style = base + self.get_component_rich_style("key-line--key", partial=True)
        title_style = base + self.get_component_rich_style("key-line--title", partial=True)
        segments: list[Segment] = []
        for one in self.shown(self.size.width):
            dim = Style(dim=not one.enabled or None)
            segments += [Segment(one.display, key_style + dim), Segment(f" {one.title}", title_style + dim), Segment(" ", base)]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the key that was clicked on."""
        left = 0
        for one in self.shown(self.size.width):
            right = left + one.cells
            if left <= event.x < right:
                if one.enabled:
                    self.app.simulate_key(one.key)
                else:
                    self.app.bell()
                return
            left = right + 1

"""The least that Textual does: one line of text."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class Hello(App[None]):
    """Hello world."""

    def compose(self) -> ComposeResult:
        """The line."""
        yield Static("Hello, world!")


if __name__ == "__main__":
    Hello().run()

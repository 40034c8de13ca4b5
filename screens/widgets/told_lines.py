"""A text of which every line is worked out anew whenever it is looked at, and that is painted again only when a word changes."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget


class ToldLines(Widget):
    """Lines of text as high as there are lines. Subclasses say which, by :meth:`lines`."""

    DEFAULT_CSS = """
    ToldLines { height: auto; width: 1fr; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._painted: list[str] = []

    def lines(self, width: int) -> list[Content]:
        """What is to be told now, in lines of at most ``width`` cells; ``width`` is more than 0."""
        raise NotImplementedError

    def tick(self) -> None:
        """Paint again if the words have changed; lay out again if the number of lines has."""
        lines = [line.plain for line in self._lines(self.content_size.width)]
        if lines != self._painted:
            self.refresh(layout=len(lines) != len(self._painted))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The lines."""
        lines = self._lines(self.content_size.width)
        self._painted = [line.plain for line in lines]
        return Content("\n").join(lines)

    def _lines(self, width: int) -> list[Content]:
        return self.lines(width) if width > 0 else [Content("Reading…")]

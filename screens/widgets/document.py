"""A text in blocks, wrapped to the width there is: what the page of one machine or one alert is written on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from screens.widgets.line_table import fit

LABEL_WIDTH = 16
"""Cells that the labels of facts take, the space behind them included."""

STYLES = {
    "good": "$text-success",
    "bad": "$text-error",
    "warn": "$text-warning",
    "busy": "$text-primary",
    "muted": "dim",
    "accent": "$text-accent",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph. ``label`` stands before its first line in at least ``hang`` cells, further lines hang below the text; ``tone``
    colours the text."""

    text: str
    tone: str = ""
    label: str = ""
    indent: int = 0
    bold: bool = False
    hang: int = LABEL_WIDTH

    def lines(self, width: int) -> Iterable[Content]:
        """The block as lines of at most ``width`` cells."""
        left = self.indent + (max(self.hang, cell_len(self.label) + 1) if self.label else 0)
        if left > width - 12:  # too narrow to hang: the label gets a line of its own
            left = min(2, max(0, width - 1))
            if self.label:
                yield from Content.styled(self.label, STYLES["muted"]).wrap(max(1, width))
            head = Content(" " * left)
        else:
            head = Content.styled(" " * self.indent + fit(self.label, left - self.indent), STYLES["muted"])
        style = " ".join(filter(None, ("bold" if self.bold else "", STYLES.get(self.tone, ""))))
        for line in self.text.split("\n"):
            text = Content.styled(line, style)
            for part in text.wrap(max(1, width - left)) if cell_len(line) > width - left else [text]:
                yield Content.assemble(head, part.rstrip())
                head = Content(" " * left)


def heading(title: str) -> list[Block]:
    """An empty line and the title of a section."""
    return [Block(""), Block(title, "accent", bold=True)]


def fact(label: str, text: str, tone: str = "") -> Block:
    """A labelled line."""
    return Block(text or "–", tone if text else "muted", label)


class Document(Widget):
    """Shows blocks. Nothing is laid out anew unless the number of lines changes, and nothing painted unless a word does."""

    DEFAULT_CSS = """
    Document { height: auto; width: 1fr; padding: 0 1; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._blocks: tuple[Block, ...] = ()
        self._wrapped: tuple[int, list[Content]] = (-1, [])

    @property
    def plain(self) -> str:
        """The blocks as they are before wrapping, for tests and searches."""
        return "\n".join(f"{block.label} {block.text}" if block.label else block.text for block in self._blocks)

    def show(self, blocks: Sequence[Block]) -> None:
        """Show these blocks instead."""
        if tuple(blocks) == self._blocks:
            return
        width, before = self._wrapped
        self._blocks = tuple(blocks)
        self._wrapped = (-1, [])
        same_height = width > 0 and len(self._lines(width)) == len(before)
        self.refresh(layout=not same_height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the wrapped text has."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The lines."""
        return Content("\n").join(self._lines(self.content_size.width))

    def render_line(self, y: int) -> Strip:
        """One line, without rendering the others; what is selected with the mouse can reach over several."""
        lines = self._lines(self.content_size.width)
        if self.text_selection is not None or not 0 <= y < len(lines):
            return super().render_line(y)
        return Visual.to_strips(self, lines[y], self.content_size.width, 1, self.visual_style)[0]

    def _lines(self, width: int) -> list[Content]:
        if self._wrapped[0] != width:
            self._wrapped = (width, [line for block in self._blocks for line in block.lines(width)])
        return self._wrapped[1]

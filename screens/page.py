"""What the pages of one machine and of one alert share: a document that scrolls by keys and follows the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.widget import Widget

from screens.actions import PAGE, bindings
from screens.console_screen import ConsoleScreen
from screens.requests import CopyRequested
from screens.widgets.document import Block, Document


class PageScroll(ScrollableContainer, inherit_bindings=False):
    """What scrolls. It takes the focus and leaves the keys to the page."""

    DEFAULT_CSS = """
    PageScroll { height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-horizontal: 0; scrollbar-size-vertical: 1; }
    """


class Page(ConsoleScreen):
    """A page about one thing. A subclass reads it in ``load``, then writes it in ``blocks``; a second later it may read otherwise, since
    ages move on."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(PAGE)]
    AUTO_FOCUS: ClassVar[str | None] = "PageScroll"

    def body(self) -> Iterator[Widget]:
        """The document in what scrolls."""
        with PageScroll(id="scroll"):
            yield Document(id="document")
            yield from self.below()

    def below(self) -> Iterator[Widget]:
        """Widgets below the document that scroll with it."""
        yield from ()

    def blocks(self) -> Sequence[Block]:
        """What the page says now."""
        raise NotImplementedError

    def title_line(self) -> Content:
        """The name of the page, and the way back."""
        return Content.assemble("mde-console  ", Content.styled(self.TITLE_TEXT, "reverse"), "  Esc goes back")

    def write(self) -> None:
        """Show what the page says now; the place to which it was scrolled stays."""
        self.query_one("#document", Document).show(self.blocks())

    async def ages_moved(self) -> None:
        """What the page says of when it was read has changed."""
        await self.load()

    def clock_moved(self) -> None:
        """Ages move on."""
        self.write()

    def action_line(self, step: int) -> None:
        """Scroll by a line."""
        self.query_one(PageScroll).scroll_relative(y=step, animate=False)

    def action_turn(self, step: int) -> None:
        """Scroll by a page."""
        scroll = self.query_one(PageScroll)
        scroll.scroll_relative(y=step * max(1, scroll.size.height - 1), animate=False)

    def action_edge(self, side: int) -> None:
        """Scroll to the top or the end."""
        scroll = self.query_one(PageScroll)
        scroll.scroll_to(y=0 if side < 0 else scroll.max_scroll_y, animate=False)

    def copy(self, text: str, what: str) -> None:
        """Ask for ``text`` to be copied, or say that there is none."""
        if text:
            self.post_message(CopyRequested(text, what))
        else:
            self.notify(f"There is no {what} to copy.", markup=False)

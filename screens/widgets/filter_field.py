"""The line in which a filter is typed: completes on Tab, and says below it what is wrong and where.

All keys are handled by the line itself, in the order in which they come. Textual's own way, through bindings, takes a key such as
backspace on a round through the parents, and letters that are typed fast overtake it. What appears below the line lies over what is
there, so that nothing moves and only those cells are sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from cache.filter import Field, FilterError
from cache.filter_completion import Completion, completions
from cache.filter_language import LONGEST_TEXT
from cache.text import clean
from screens.widgets.line_table import fit

MOST_LINES = 6
"""Lines of the list of completions."""

WIDEST_LIST = 60

Values = Callable[[str], Awaitable[Sequence[tuple[str, int]]]]
"""The values of a field by its key, each with the number of rows that have it."""


class FilterField(Widget):
    """A line for a filter over ``fields``; ``values`` is asked when the values of a field are completed, and not before.

    ``leave`` is awaited when Enter (true) or Escape is pressed while no list is open; it gives the focus to something else. Keys that come
    before that is done wait, and follow the focus.
    """

    DEFAULT_CSS = """
    FilterField { height: 1; background: $surface; }
    """

    @dataclass
    class Changed(Message):
        """The text was edited."""

        text: str

    @dataclass
    class Moved(Message):
        """Up (-1) or down (1) was pressed, and no list was open."""

        step: int

    def __init__(
        self,
        fields: Sequence[Field],
        values: Values,
        leave: Callable[[bool], Awaitable[None]],
        placeholder: str = "",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._leave = leave
        self._fields = fields
        self._values = values
        self._line = FilterLine(self._key, placeholder)
        self._below = FilterBelow(self._line, self._clicked)
        self._choices: Sequence[Completion] = ()

    def compose(self) -> ComposeResult:
        """The line, and what lies below it."""
        yield self._line
        yield self._below

    def on_mount(self) -> None:
        """Edits are told in the order of the keys."""
        self.watch(self._line, "value", self._edited, init=False)
        self.watch(self._line, "scroll_x", self._below.repaint_error, init=False)

    @property
    def text(self) -> str:
        """What stands in the line."""
        return self._line.value

    @property
    def is_open(self) -> bool:
        """Whether the list of completions is open."""
        return bool(self._choices)

    @property
    def is_typing(self) -> bool:
        """Whether the line has the focus."""
        return self._line.has_focus

    def set_text(self, text: str) -> None:
        """Put ``text`` into the line, the cursor behind it, without a :class:`Changed`."""
        with self.prevent(self.Changed):
            self._close()
            self._line.value = clean(text, LONGEST_TEXT)
            self._line.cursor_position = len(self._line.value)

    def take_focus(self) -> None:
        """Give the line the focus at once: what is typed next must not be taken for keys of the screen."""
        self.screen.set_focus(self._line)

    def show_error(self, error: FilterError | None) -> None:
        """Say below the line what is wrong with the text, or no longer."""
        self._below.show_error(error)

    @on(Input.Changed)
    @on(Input.Submitted)
    @on(Input.Blurred)
    def _keep_to_itself(self, event: Message) -> None:
        event.stop()
        if isinstance(event, Input.Blurred):
            self._close()

    def _edited(self, text: str) -> None:
        self.post_message(self.Changed(text))
        if self.is_open:
            self._line.call_next(self._narrow)  # the cursor follows the text

    async def _narrow(self) -> None:
        if self.is_open and (found := await self._found()) is not None and self.is_open:
            self._open(found)

    async def _key(self, key: str) -> bool:
        """What a key does here; false if it is one for the line."""
        match key:
            case "tab" | "shift+tab":
                await self._tab(-1 if key == "shift+tab" else 1)
            case "up" | "down":
                step = -1 if key == "up" else 1
                if self.is_open:
                    self._below.choose(step)
                else:
                    self.post_message(self.Moved(step))
            case "enter" if self.is_open:
                self._take(self._choices[self._below.chosen])
            case "enter":
                await self._leave(True)
            case "escape" if self.is_open:
                self._close()
            case "escape":
                await self._leave(False)
            case "left" | "right" | "home" | "end":
                self._close()
                return False
            case _:
                return False
        return True

    async def _found(self) -> Sequence[Completion] | None:
        """The completions, or ``None`` if the text became another one, or the line lost the focus, while values were asked for."""
        text, cursor = self.text, self._line.cursor_position
        asked: list[str] = []

        def ask(key: str) -> Sequence[tuple[str, int]]:
            asked.append(key)
            return ()

        found = completions(text, cursor, self._fields, ask)
        if asked:
            values = await self._values(asked[0])
            found = completions(text, cursor, self._fields, lambda _: values)
        return found if self.text == text and self.is_typing else None

    async def _tab(self, step: int) -> None:
        if self.is_open:
            self._below.choose(step)
            return
        found = await self._found()
        if not found:
            return
        if len(found) == 1:
            self._take(found[0])
        else:
            cursor = self._line.cursor_position
            before = self.text[:cursor]
            common = _common([one.text_after[: one.cursor_after] for one in found])
            longer = len(common) > cursor and common.casefold().startswith(before.casefold())
            if longer and common.count('"') % 2 == 0:
                self._take(Completion(common + self.text[cursor:], len(common), ""))
            else:
                self._open(found)

    def _take(self, choice: Completion) -> None:
        self._close()
        self._line.value = choice.text_after
        self._line.cursor_position = choice.cursor_after

    def _clicked(self, place: int) -> None:
        if place < len(self._choices):
            self._take(self._choices[place])

    def _open(self, found: Sequence[Completion]) -> None:
        self._choices = found
        self._below.show_list(found)

    def _close(self) -> None:
        if self.is_open:
            self._open(())


def _common(texts: Sequence[str]) -> str:
    """What all of ``texts`` begin with."""
    first, last = min(texts), max(texts)
    return next((first[:place] for place, one in enumerate(first) if last[place : place + 1] != one), first)


class FilterLine(Input):
    """The input; ``key`` may take each key before it."""

    DEFAULT_CSS = """
    FilterLine { &, &:focus { height: 1; border: none; padding: 0 1; background: $surface; } }
    """

    def __init__(self, key: Callable[[str], Awaitable[bool]], placeholder: str) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False, max_length=LONGEST_TEXT)
        self.cursor_blink = False
        self._take_key = key
        self._styles_of_line: tuple[Style, Style] | None = None
        self._seen: events.Key | None = None

    def validate_virtual_size(self, size: Size) -> Size:
        """As wide as the line while the text fits into it, so that a letter asks for no layout of the screen."""
        return Size(max(size.width, self.content_size.width), size.height)

    def notify_style_update(self) -> None:
        """The theme changed, or the focus came or went: the styles are looked up anew."""
        super().notify_style_update()
        self._styles_of_line = None

    def render_line(self, y: int) -> Strip:
        """What is typed and the cursor, without a round through Rich for each letter; all else as Textual has it."""
        value = self.value
        if y or not value or not self.has_focus or not self.selection.is_empty:
            return super().render_line(y)
        if self._styles_of_line is None:
            self._styles_of_line = self.rich_style, self.rich_style + self.get_component_rich_style("input--cursor")
        (style, at_cursor), cursor = self._styles_of_line, self.cursor_position
        room, left = self.scrollable_content_region.width + 1, self.scroll_offset.x
        parts = (value[:cursor], style), (value[cursor : cursor + 1] or " ", at_cursor), (value[cursor + 1 :], style)
        strip = Strip([Segment(text, own) for text, own in parts if text])
        return strip.crop(left, left + room).extend_cell_length(room, style)

    async def on_key(self, event: events.Key) -> None:
        """A key of the field, of the line, or (left to the base class) a character."""
        self._seen = event
        if self.screen.focused is not self:  # it was on its way when the line was left
            event.stop()
            event.prevent_default()
            self.app.post_message(events.Key(event.key, event.character))
        else:
            await self._took(event)

    async def late_key(self, event: events.Key) -> None:
        """Take a key that was on its way to another widget when the line got the focus: a slow line brings several keys at once."""
        if event is self._seen or await self._took(event) or not (event.is_printable and event.character):
            return
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(event.character)

    async def _took(self, event: events.Key) -> bool:
        if not await self._take_key(event.key):
            binding = None if event.is_printable else self._bindings.key_to_bindings.get(event.key)
            if not binding:
                return False
            await self.run_action(binding[0].action)
        event.stop()
        event.prevent_default()
        return True

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted becomes one line that no terminal would obey."""
        event.stop()
        event.prevent_default()
        start, end = sorted(self.selection)
        self.replace(clean(event.text, LONGEST_TEXT - len(self.value) + end - start), start, end)


class FilterBelow(Widget):
    """What lies below the line: the list of completions while there is one, else the error, else nothing."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"below--error", "below--chosen", "below--count"}

    DEFAULT_CSS = """
    FilterBelow {
        overlay: screen; constrain: none inside; display: none; height: 1; width: 100%; background: $panel; color: $foreground;
        & > .below--error { color: $text-error; }
        & > .below--chosen { background: $block-cursor-background; color: $block-cursor-foreground; text-style: $block-cursor-text-style; }
        & > .below--count { text-style: dim; }
    }
    """

    def __init__(self, line: Input, clicked: Callable[[int], None]) -> None:
        super().__init__()
        self._line = line
        self._clicked = clicked
        self._choices: Sequence[Completion] = ()
        self._first = 0
        self._error: FilterError | None = None
        self._painted = ""
        self.chosen = 0
        """The place of the completion that the cursor is on."""

    def show_list(self, choices: Sequence[Completion]) -> None:
        """Show these, the cursor on the first; for none, show the error again."""
        self._choices, self.chosen, self._first = choices, 0, 0
        self._lay_out()

    def show_error(self, error: FilterError | None) -> None:
        """Show this, unless a list lies over it."""
        self._error = error
        if not self._choices:
            self._lay_out()

    def choose(self, step: int) -> None:
        """Move the cursor, around the ends; only lines that change are painted."""
        old, self.chosen = self.chosen, (self.chosen + step) % len(self._choices)
        first = min(max(self._first, self.chosen - MOST_LINES + 1), self.chosen)
        if first != self._first:
            self._first = first
            self.refresh()
        else:
            for place in (old, self.chosen):
                self.refresh(Region(0, place - first, self.size.width, 1))

    def repaint_error(self) -> None:
        """Paint the error again if it says or points to something else now."""
        if not self._choices and self._error is not None and self._sentence() != self._painted:
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click takes a completion."""
        event.stop()
        self._clicked(self._first + event.y)

    def render_line(self, y: int) -> Strip:
        """A completion and its count, or the error."""
        width, base = self.size.width, self.rich_style
        if not self._choices:
            self._painted = self._sentence()
            return Strip([Segment(fit(self._painted, width), base + self.get_component_rich_style("below--error", partial=True))], width)
        place = self._first + y
        if place >= len(self._choices):
            return Strip.blank(width, base)
        choice = self._choices[place]
        count = "" if choice.count is None else f" {choice.count:,}"
        at_cursor = place == self.chosen
        style = base + self.get_component_rich_style("below--chosen", partial=True) if at_cursor else base
        dim = style if at_cursor else base + self.get_component_rich_style("below--count", partial=True)
        label = fit(" " + clean(choice.label, WIDEST_LIST), width - len(count) - 1)
        return Strip([Segment(label, style), Segment(count + " ", dim)]).adjust_cell_length(width, style)

    def _lay_out(self) -> None:
        if self._choices:
            wide = max(
                cell_len(clean(one.label, WIDEST_LIST)) + (0 if one.count is None else len(f" {one.count:,}")) for one in self._choices
            )
            self.styles.width = min(wide + 2, WIDEST_LIST)
        else:
            self.styles.width = "100%"
        self.styles.height = min(len(self._choices), MOST_LINES) or 1
        self.display = bool(self._choices) or self._error is not None
        if self._choices or (self._error is not None and self._sentence() != self._painted):
            self.refresh()

    def _sentence(self) -> str:
        """The error with a caret under its place, on the side where the sentence fits, or is cut less."""
        if self._error is None:
            return ""
        room = self._line.size.width or self.size.width
        column = 1 + cell_len(self._line.value[: self._error.start]) - round(self._line.scroll_x)
        column = min(max(column, 0), max(room - 1, 0))
        sentence = clean(self._error)
        behind, before = room - column - 2, column - 1
        if cell_len(sentence) <= behind or behind >= before:
            return " " * column + "^ " + fit(sentence, behind).rstrip()
        return fit(fit(sentence, min(before, cell_len(sentence))), before, right=True) + " ^"

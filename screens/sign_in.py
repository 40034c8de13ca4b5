"""Signing in: what the user must do, what was tried, and what went wrong. Shown before there is any cache, so it stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from cache.clock import Clock
from cache.text import clean, clean_lines
from screens.requests import CopyRequested, SignInRequested
from screens.uncovered import Uncovering
from screens.widgets.key_line import KeyLine
from screens.words import span

LINES = 12
"""Lines that the prompt takes without the QR code, on a narrow terminal."""

WIDTH = 83
"""Columns of text at most."""

FRAME = (12, 3)
"""Columns and rows that border, padding and footer take of the terminal."""


@lru_cache(maxsize=4)
def qr_code(text: str) -> tuple[str, ...]:
    """``text`` as a QR code of half blocks, two of its rows in a line, for white on black; nothing if it is too long for one."""
    import segno

    try:
        matrix = [list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=2)]
    except segno.DataOverflowError:
        return ()
    if len(matrix) % 2:
        matrix.append([0] * len(matrix[0]))
    shapes = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return tuple(
        "".join(shapes[bool(top), bool(bottom)] for top, bottom in zip(*pair, strict=True))
        for pair in zip(matrix[::2], matrix[1::2], strict=True)
    )


class SignInScreen(Uncovering, ModalScreen[None]):
    """The sign-in as it goes on. The app calls ``show_progress``, ``show_prompt`` and ``show_failure``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_code", "Copy code", id="sign_in.copy_code"),
        Binding("u", "copy_address", "Copy address", id="sign_in.copy_address"),
        Binding("r", "retry", "Try again", id="sign_in.retry"),
        Binding("q", "app.leave", "Quit", id="sign_in.quit"),
    ]
    DEFAULT_CSS = """
    SignInScreen {
        align: center middle;
        background: $background;
        #sign-in {
            width: 90%; max-width: 90; height: auto; max-height: 100%; background: $surface;
            border: round $primary; padding: 0 2; scrollbar-size-vertical: 1;
        }
        #sign-in-text { height: auto; }
    }
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._progress = "Signing in…"
        self._failure = ""
        self._attempts: tuple[tuple[str, str], ...] = ()
        self._address = ""
        self._code = ""
        self._expires_at: datetime | None = None
        self._shown: Content | None = None

    def compose(self) -> ComposeResult:
        """One text in the middle."""
        with VerticalScroll(id="sign-in"):
            yield Static(Content(""), id="sign-in-text")
        yield KeyLine()

    def on_mount(self) -> None:
        """Show what is known, and the time that is left each second."""
        self._show()
        self.set_interval(1.0, self._show)

    def on_resize(self) -> None:
        """There may be room for the QR code now."""
        self._show()

    def show_progress(self, sentence: str) -> None:
        """Something is going on that needs nobody."""
        self._progress, self._failure, self._code, self._address = clean(sentence), "", "", ""
        self._show()

    def show_prompt(self, verification_uri: str, user_code: str, expires_at: datetime) -> None:
        """The user must open an address and enter a code."""
        self._address, self._code, self._expires_at, self._failure = clean(verification_uri, 300), clean(user_code, 40), expires_at, ""
        self._show()

    def show_failure(self, sentence: str, attempts: Sequence[tuple[str, str]]) -> None:
        """The sign-in has failed; what was tried is listed."""
        self._failure, self._code, self._address = clean_lines(sentence), "", ""
        self._attempts = tuple((clean(method), clean(outcome)) for method, outcome in attempts)
        self._show()

    def action_copy_code(self) -> None:
        """Copy the code."""
        self._copy(self._code, "code")

    def action_copy_address(self) -> None:
        """Copy the address."""
        self._copy(self._address, "address")

    def action_retry(self) -> None:
        """Try again."""
        self.post_message(SignInRequested())

    def _copy(self, text: str, what: str) -> None:
        if text:
            self.post_message(CopyRequested(text, what))
        else:
            self.notify(f"There is no {what} to copy yet.", markup=False)

    def _show(self) -> None:
        """Write it anew if a word has changed; the clock ticks every second, the words seldom do."""
        if not self.is_mounted:
            return
        content = self._content()
        if content != self._shown:
            self._shown = content
            for text in self.query("#sign-in-text").results(Static):
                text.update(content)

    def _content(self) -> Content:
        lines = [Content.styled("mde-console · sign in", "bold"), Content("")]
        if self._failure:
            lines += self._failed()
        elif self._code:
            lines += self._prompted()
        else:
            lines.append(Content.styled(f"◐ {self._progress}", "$text-primary"))
        return Content("\n").join(lines)

    def _failed(self) -> Iterator[Content]:
        yield Content.styled(f"✗ {self._failure}", "$text-error")
        if self._attempts:
            yield Content("")
            yield Content("What was tried, and why it did not serve:")
            for method, outcome in self._attempts:
                yield Content.assemble(Content.styled(f"  {method}: ", "bold"), outcome)
        yield Content("")
        yield Content("r tries again, q leaves. With the Azure CLI: run “az login”, then mde-console --auth cli")

    def _prompted(self) -> Iterator[Content]:
        blank = " " * (cell_len(self._code) + 6)
        yield Content.assemble("Open   ", Content.styled(self._address, "bold $text-accent"))
        yield Content("")
        yield Content.assemble("       ", Content.styled(blank, "reverse"))
        yield Content.assemble("Enter  ", Content.styled(f"   {self._code}   ", "bold reverse"))
        yield Content.assemble("       ", Content.styled(blank, "reverse"))
        yield Content("")
        yield Content("On any device with a browser. Enter the code only if you started this sign-in yourself.")
        left = self._seconds_left()
        if left > 0:
            yield Content.styled(f"The code is good for {span(left)}. This screen goes on by itself.", "$text-muted")
        else:
            yield Content.styled("! The code has expired. r asks for another.", "$text-warning")
            return
        code = qr_code(self._address)
        width, height = self.app.size.width - FRAME[0], self.app.size.height - FRAME[1]
        if code and len(code) + LINES <= height and len(code[0]) <= min(width, WIDTH):
            yield Content("")
            for line in code:
                yield Content.styled(line, "#ffffff on #000000")  # a camera wants these two, whatever the theme

    def _seconds_left(self) -> float:
        return (self._expires_at - self._clock.now()).total_seconds() if self._expires_at else 0.0

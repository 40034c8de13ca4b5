"""Signing in: what the user must do, what was tried, and what went wrong. Shown before there is any cache, so it stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from cache.clock import Clock
from cache.text import clean, clean_lines
from screens.requests import CopyRequested, SignInRequested
from screens.words import span

QR_ROWS = 34
"""Rows that a terminal must have for the address to be shown as a QR code below the code."""


def qr_code(text: str) -> list[str]:
    """``text`` as a QR code of half blocks, two of its rows in a line; dark on light, with its quiet zone."""
    import segno

    matrix = [list(row) for row in segno.make(text, error="l").matrix_iter(border=2)]
    if len(matrix) % 2:
        matrix.append([0] * len(matrix[0]))
    shapes = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return [
        "".join(shapes[bool(top), bool(bottom)] for top, bottom in zip(*pair, strict=True))
        for pair in zip(matrix[::2], matrix[1::2], strict=True)
    ]


class SignInScreen(ModalScreen[None]):
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
        #sign-in { width: 90%; max-width: 90; height: auto; max-height: 100%; border: round $primary; padding: 0 2; background: $surface; }
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

    def compose(self) -> ComposeResult:
        """One text in the middle."""
        with VerticalScroll(id="sign-in"):
            yield Static(Content(""), id="sign-in-text")
        yield Footer(show_command_palette=False, compact=True)

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
        if self._code:
            self.post_message(CopyRequested(self._code, "code"))

    def action_copy_address(self) -> None:
        """Copy the address."""
        if self._address:
            self.post_message(CopyRequested(self._address, "address"))

    def action_retry(self) -> None:
        """Try again."""
        self.post_message(SignInRequested())

    def _show(self) -> None:
        if self.is_mounted:
            for text in self.query("#sign-in-text").results(Static):
                text.update(self._content())

    def _content(self) -> Content:
        parts: list[Content] = [Content.styled("mde-console · sign in", "bold"), Content("")]
        if self._failure:
            parts += [Content.styled(f"✗ {self._failure}", "$text-error"), Content("")]
            parts += [Content.styled(f"{method}: {outcome}", "$text-muted") for method, outcome in self._attempts]
            parts.append(Content("r tries again, q leaves. With the Azure CLI: run “az login”, then mde-console --auth cli"))
        elif self._code:
            parts += [
                Content.assemble("Open   ", Content.styled(self._address, "bold $text-accent")),
                Content.assemble("Enter  ", Content.styled(f" {self._code} ", "bold reverse")),
                Content(""),
                Content("On any device with a browser. Enter the code only if you started this sign-in yourself."),
                Content.styled(self._time_left(), "$text-muted"),
            ]
            if self.app.size.height >= QR_ROWS:
                parts += [Content(""), *(Content.styled(line, "#ffffff on #000000") for line in qr_code(self._address))]
        else:
            parts.append(Content(f"◐ {self._progress}"))
        return Content("\n").join(parts)

    def _time_left(self) -> str:
        if self._expires_at is None:
            return ""
        left = (self._expires_at - self._clock.now()).total_seconds()
        return f"The code is good for {span(left)}." if left > 0 else "The code has expired. r asks for another."

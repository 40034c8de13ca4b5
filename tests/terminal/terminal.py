"""A real terminal for tests: a program in a pty, its screen emulated by pyte, every byte it wrote kept."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence

import pyte
from wcwidth import wcwidth

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "down": "\x1b[B",
    "up": "\x1b[A",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "pagedown": "\x1b[6~",
    "pageup": "\x1b[5~",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "backspace": "\x7f",
    "space": " ",
    "ctrl+c": "\x03",
    "ctrl+q": "\x11",
    "ctrl+l": "\x0c",
    "ctrl+p": "\x10",
}

# What pyte would print as text: private modes with <, = and >, kitty keys, cursor shapes, DCS, APC and OSC strings.
_QUESTIONS = {b"\x1b[c": b"\x1b[?62;22c", b"\x1b[6n": b"\x1b[1;1R", b"\x1b[?2026$p": b"\x1b[?2026;2$y"}
"""What is asked, and what a terminal answers."""

_ASKED = re.compile(b"|".join(map(re.escape, _QUESTIONS)))

_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\[[0-9;]* q|\x1b\[\?u|\x1b[P_^X].*?\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)",
    re.DOTALL,
)


class Terminal:
    """Runs ``command`` in a pty of ``columns`` × ``rows``. Use as a context manager; the program is ended at the end."""

    def __init__(
        self, command: Sequence[str], *, columns: int = 80, rows: int = 24, environ: Mapping[str, str] | None = None, cwd: str | None = None
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._pending = b""
        self._unanswered = b""
        self.raw = bytearray()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        master, slave = pty.openpty()
        self._master = master
        _set_size(master, columns, rows)
        clean = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "TMUX", "COLUMNS", "LINES"}}
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**clean, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **(environ or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(5)
        os.close(self._master)

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        with self._lock:
            try:
                return "\n".join(line.rstrip() for line in self.screen.display)
            except IndexError:  # the emulator cannot show half a wide character
                return "\n".join(self._line(row).rstrip() for row in range(self.screen.lines))

    def _line(self, row: int) -> str:
        """A line of the screen. Half a wide character, as when the other half has just been written over, is a blank."""
        cells = [self.screen.buffer[row][column].data for column in range(self.screen.columns)]
        said = []
        for place, cell in enumerate(cells):
            second_half = not cell and place > 0 and wcwidth(cells[place - 1][:1] or " ") == 2
            if not second_half:
                said.append(cell or " ")
        return "".join(said)

    def press(self, *keys: str) -> None:
        """Send keys by name, or any other text as it is."""
        for key in keys:
            self._send(KEYS.get(key, key).encode())

    def _send(self, data: bytes) -> None:
        os.write(self._master, data)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        with self._lock:
            self.screen.resize(rows, columns)
        _set_size(self._master, columns, rows)

    def wait_for(self, *wanted: str, timeout: float = 30, gone: str = "") -> str:
        """Wait until all of ``wanted`` are on the screen and ``gone`` is not; returns the screen. Fails with what was there."""
        deadline = time.monotonic() + timeout
        while True:
            text = self.text
            if all(one in text for one in wanted) and not (gone and gone in text):
                return text
            left = deadline - time.monotonic()
            if left <= 0:
                missing = [one for one in wanted if one not in text]
                raise AssertionError(f"not on the screen after {timeout} s: {missing} (gone: {gone!r})\n{text}")
            if self.process.poll() is not None and not self._reader.is_alive():
                text = self.text
                if all(one in text for one in wanted):
                    return text
                raise AssertionError(f"the program ended with {self.process.returncode} before showing {wanted}\n{text}")
            with self._changed:
                self._changed.wait(min(left, 0.2))

    def wait_end(self, timeout: float = 20) -> int:
        """Wait until the program ends; returns its exit code."""
        code = self.process.wait(timeout)
        self._reader.join(5)
        return code

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                with self._changed:
                    self._changed.notify_all()
                return
            self._arrived(chunk)

    def _arrived(self, chunk: bytes) -> None:
        """Bytes have come to the terminal: answer what is asked, and show them."""
        whole = self._unanswered + chunk
        end = 0
        for asked in _ASKED.finditer(whole):
            end = asked.end()
            self._answer(asked.group())
        self._unanswered = whole[max(end, len(whole) - 8) :]
        with self._changed:
            self.raw += chunk
            self._feed(chunk)
            self._changed.notify_all()

    def _answer(self, question: bytes) -> None:
        self._send(_QUESTIONS[question])

    def _feed(self, chunk: bytes) -> None:
        whole = self._pending + chunk
        cut = whole.rfind(b"\x1b")
        self._pending = b""
        if cut >= 0 and not re.search(rb"[a-zA-Z~\\\x07]", whole[cut + 2 :]):
            whole, self._pending = whole[:cut], whole[cut:]
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", whole))


def _set_size(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

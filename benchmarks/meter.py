"""A program in a pty, and a clock on every byte that it writes. No screen is emulated: nothing slow stands in the path of the timing."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent

KEYS = {
    "down": "\x1b[B",
    "up": "\x1b[A",
    "pagedown": "\x1b[6~",
    "pageup": "\x1b[5~",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "escape": "\x1b",
    "enter": "\r",
    "backspace": "\x7f",
    "ctrl+q": "\x11",
}

LEAVING = 5.0
"""Seconds that a program may take to leave."""

QUIET = 0.06
"""Seconds without a byte after which a burst is over."""

SETTLE = 0.25
"""Seconds that a burst may pause and go on where work is done off the event loop, as with filters and orders."""

REPAINT = 400
"""Bytes from which something that comes after a pause counts as part of the answer; a clock that ticks writes less."""

_ASKED = re.compile(rb"\x1b\[(?:\?(\d+)\$p|(>?)0?c|(5|6)n|>0?q)")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[P_^X].*?\x1b\\|[()][A-Z0-9]|.)", re.DOTALL)
_LEFT_OUT = frozenset(
    ("NO_COLOR", "COLORTERM", "TMUX", "COLUMNS", "LINES", "MDE_CONSOLE_HOME", "MDE_CONSOLE_TOKEN", "PYTHONDONTWRITEBYTECODE")
)


class NotSeen(Exception):
    """A program did not do what was waited for; the message says what it did."""


class Program:
    """A program of our interpreter (``python -m …``) in a pty. A context manager.

    At the end the program is asked to leave (ctrl+q), as a person would, so that the next one does not find files to repair.
    """

    def __init__(self, arguments: Sequence[str], columns: int = 200, rows: int = 50) -> None:
        self._changed = threading.Condition()
        self._chunks: list[tuple[float, bytes]] = []
        master, slave = pty.openpty()
        self._master = master
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        kept = {key: value for key, value in os.environ.items() if key not in _LEFT_OUT and not key.startswith("TEXTUAL")}
        self._wake, self._stop = os.pipe()
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self.send("ctrl+q")
            try:
                self._process.wait(LEAVING)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._stop)
        self._reader.join(5)
        os.close(self._wake)
        os.close(self._master)

    # What is written and read

    @property
    def written(self) -> int:
        """Bytes that the program has written."""
        with self._changed:
            return sum(len(chunk) for _, chunk in self._chunks)

    def send(self, key: str) -> float:
        """Press a key; returns when."""
        now = time.perf_counter()
        os.write(self._master, KEYS.get(key, key).encode())
        return now

    def answer(self, key: str, *, settle: float = 0.0, timeout: float = 10.0) -> tuple[float, int]:
        """Press a key. Returns the milliseconds to the last byte of the burst that answers it, and the bytes of that burst.

        A burst ends when nothing comes for :data:`QUIET` seconds. With ``settle`` it may pause that long: a repaint that comes then
        still belongs to it, a mere tick of a clock does not.
        """
        first = self._count()
        at = self.send(key)
        return self._burst(first, at, key, settle, timeout)

    def next_burst(self, first: int, at: float, what: str, *, timeout: float = 10.0) -> tuple[float, int]:
        """The burst after chunk ``first`` (of :meth:`mark`), for what is not started by a key."""
        return self._burst(first, at, what, 0.0, timeout)

    def mark(self) -> int:
        """A place in what is written, for :meth:`next_burst` and :meth:`bytes_since`."""
        return self._count()

    def bytes_since(self, first: int) -> int:
        """Bytes since a mark."""
        with self._changed:
            return sum(len(chunk) for _, chunk in self._chunks[first:])

    def wait_for(self, wanted: str, timeout: float = 60.0) -> float:
        """Wait until a pattern has been written, escape sequences left out. Returns when its last byte came."""
        pattern = re.compile(wanted)
        deadline = time.perf_counter() + timeout
        tail, seen = "", 0
        while True:
            with self._changed:
                while seen == len(self._chunks):
                    left = deadline - time.perf_counter()
                    if left <= 0 or not self._reader.is_alive():
                        raise NotSeen(f"{wanted!r} was not shown; the last that was: {' '.join(_plain(tail).split())[-160:]!r}")
                    self._changed.wait(min(left, 0.2))
                when, chunk = self._chunks[seen]
            seen += 1
            tail += chunk.decode("utf-8", "replace")
            if pattern.search(_plain(tail)):
                return when
            tail = tail[-4000:]

    def settle(self, quiet: float = 0.5, timeout: float = 30.0) -> float:
        """Wait until nothing has come for ``quiet`` seconds; returns when the last byte came."""
        deadline = time.perf_counter() + timeout
        while True:
            with self._changed:
                last = self._chunks[-1][0] if self._chunks else self.started
            now = time.perf_counter()
            if now - last >= quiet or now >= deadline:
                return last
            time.sleep(max(0.005, quiet - (now - last)))

    def signal(self, number: int) -> None:
        """Send the program a signal."""
        os.kill(self._process.pid, number)

    def memory(self) -> float:
        """Resident megabytes of the program and everything that it started."""
        return sum(_resident(one) for one in _tree(self._process.pid)) / 1024

    def _count(self) -> int:
        with self._changed:
            return len(self._chunks)

    def _burst(self, first: int, at: float, what: str, settle: float, timeout: float) -> tuple[float, int]:
        wait = max(QUIET, settle)
        with self._changed:
            while True:
                chunks = self._chunks[first:]
                now = time.perf_counter()
                if chunks and now - chunks[-1][0] >= wait:
                    break
                if not chunks and (now - at > timeout or not self._reader.is_alive()):
                    raise NotSeen(f"nothing was written after {what!r}")
                if chunks and now - at > timeout:  # it never rests: what has come so far is the answer
                    break
                self._changed.wait(wait - (now - chunks[-1][0]) if chunks else 0.2)
        groups: list[list[tuple[float, bytes]]] = [[chunks[0]]]
        for one in chunks[1:]:
            if one[0] - groups[-1][-1][0] >= QUIET:
                groups.append([])
            groups[-1].append(one)
        last = max((place for place, group in enumerate(groups) if sum(len(chunk) for _, chunk in group) >= REPAINT), default=0)
        answer = [one for group in groups[: last + 1] for one in group]
        return (answer[-1][0] - at) * 1000, sum(len(chunk) for _, chunk in answer)

    def _read(self) -> None:
        tail = b""
        while True:
            ready, _, _ = select.select([self._master, self._wake], [], [])
            if self._master not in ready:
                break
            try:
                chunk = os.read(self._master, 65536)
            except OSError:
                break
            now = time.perf_counter()
            if not chunk:
                break
            whole = tail + chunk
            cut = 0
            for found in _ASKED.finditer(whole):
                cut = found.end()
                os.write(self._master, _said(found))
            tail = whole[max(cut, len(whole) - 12) :]
            with self._changed:
                self._chunks.append((now, chunk))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def _said(question: re.Match[bytes]) -> bytes:
    """What xterm answers; of the modes that are asked for only synchronised output is known to it."""
    whole = question.group()
    if whole.endswith(b"$p"):
        mode = question.group(1)
        return b"\x1b[?" + mode + (b";2$y" if mode == b"2026" else b";0$y")
    if whole.endswith(b"c"):
        return b"\x1b[>41;390;0c" if question.group(2) else b"\x1b[?62;22c"
    if whole.endswith(b"n"):
        return b"\x1b[1;1R" if question.group(3) == b"6" else b"\x1b[0n"
    return b"\x1bP>|XTerm(390)\x1b\\"


def _plain(text: str) -> str:
    return _ESCAPES.sub("", text)


def _resident(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def _tree(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for one in found:
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except OSError:
            children = []
        found += [int(child) for child in children]
    return found

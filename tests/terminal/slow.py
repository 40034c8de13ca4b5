"""A slow line for tests: between the program's pty and the terminal lie so many milliseconds and so few bytes a second, each way."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

from tests.terminal.terminal import Terminal

SEGMENT = 512
"""Bytes that travel together."""

WINDOW = 32_768
"""Bytes that may be on their way before the sender must wait, as in a channel of SSH; until then the pty is not read."""


class Way:
    """One direction: what is put in comes out in order, ``delay`` seconds after the last of its bytes fitted through."""

    def __init__(self, delay: float, rate: float) -> None:
        self._delay = delay
        self._rate = rate
        self._free = 0.0
        self._queue: deque[tuple[float, bytes]] = deque()
        self.backlog = 0

    def put(self, data: bytes, now: float) -> None:
        """Bytes go in."""
        for start in range(0, len(data), SEGMENT):
            part = data[start : start + SEGMENT]
            self._free = max(self._free, now) + len(part) / self._rate
            self._queue.append((self._free + self._delay, part))
            self.backlog += len(part)

    def due(self, now: float) -> bytes:
        """What has come out by now."""
        found = bytearray()
        while self._queue and self._queue[0][0] <= now:
            found += self._queue.popleft()[1]
        self.backlog -= len(found)
        return bytes(found)

    @property
    def next(self) -> float | None:
        """When the next bytes come out; ``None`` when there are none."""
        return self._queue[0][0] if self._queue else None


class SlowTerminal(Terminal):
    """A :class:`Terminal` at the far end of a line with ``round_trip`` seconds and ``rate`` bytes a second in each direction."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        round_trip: float = 0.2,
        rate: float = 8_000,
        columns: int = 80,
        rows: int = 24,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._up, self._down = Way(round_trip / 2, rate), Way(round_trip / 2, rate)
        self._ways = threading.Lock()
        self._wake, self._waker = os.pipe()
        super().__init__(command, columns=columns, rows=rows, environ=environ)

    def __exit__(self, *what: object) -> None:
        super().__exit__(*what)
        os.close(self._wake)
        os.close(self._waker)

    def rest(self, quiet: float = 1.0, timeout: float = 60) -> None:
        """Wait until nothing has come for ``quiet`` seconds, which is more than a key and its answer are on their way."""
        deadline = time.monotonic() + timeout
        seen = -1
        with self._changed:
            while seen != len(self.raw):
                assert time.monotonic() < deadline, "bytes never stop coming"
                seen = len(self.raw)
                self._changed.wait(quiet)

    def _send(self, data: bytes) -> None:
        with self._ways:
            self._up.put(data, time.monotonic())
        os.write(self._waker, b"!")

    def _read(self) -> None:
        """The line: it carries bytes both ways, and waits for nothing but the next that are due."""
        ended = False
        while not ended or self._down.next is not None:
            now = time.monotonic()
            with self._ways:
                typed = self._up.due(now)
                dues = [one for one in (self._up.next, self._down.next) if one is not None]
            if typed and not ended:
                os.write(self._master, typed)
            if shown := self._down.due(now):
                self._arrived(shown)
            sources = [self._wake] if ended or self._down.backlog > WINDOW else [self._wake, self._master]
            ready, _, _ = select.select(sources, [], [], max(0.0, min(dues) - time.monotonic()) if dues else None)
            if self._wake in ready:
                os.read(self._wake, 4096)
            if self._master in ready:
                try:
                    chunk = os.read(self._master, 4096)
                except OSError:
                    chunk = b""
                if chunk:
                    self._down.put(chunk, time.monotonic())
                ended = not chunk
        with self._changed:
            self._changed.notify_all()

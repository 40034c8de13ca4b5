"""Looks into a Textual program: how long each turn of its event loop takes, and which of them paint."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

FRAME = 16.7
"""Milliseconds of a frame at 60 a second."""


class Watched:
    """Measures the turns of an app's event loop between two SIGUSR1; after the second it writes them to a file.

    A turn is what happens between two waits of the loop; when the wait itself ends late, because a thread kept the interpreter, that
    belongs to the turn after it. A turn in which the app wrote to the terminal is a frame.
    """

    def __init__(self, app: Any, report: str) -> None:
        self._app = app
        self._report = Path(report)
        self._turns: list[float] = []
        self._frames: list[bool] = []
        self._painted = False
        self._recording = False
        self._since = 0.0

    def start(self) -> None:
        """Begin to look; to be called in the app's event loop."""
        loop: Any = asyncio.get_running_loop()
        wait = loop._selector.select
        write = self._app._driver.write

        def select(timeout: float | None = None) -> Any:
            now = time.perf_counter()
            if self._recording:
                self._turns.append((now - self._since) * 1000)
                self._frames.append(self._painted)
            self._painted = False
            events = wait(timeout)
            back = time.perf_counter()
            ended = timeout is not None and not events
            self._since = min(back, now + (timeout or 0.0) + 0.0015) if ended else back
            return events

        def written(data: str) -> None:
            self._painted = True
            write(data)

        loop._selector.select = select
        self._app._driver.write = written
        loop.add_signal_handler(signal.SIGUSR1, self._toggle)

    def _toggle(self) -> None:
        self._recording = not self._recording
        if self._recording:
            self._turns, self._frames = [], []
            return
        late = sum(one > FRAME for one in self._turns)
        in_time = sum(painted and one <= FRAME for painted, one in zip(self._frames, self._turns, strict=True))
        longest = max(self._turns, default=0.0)
        draft = self._report.with_suffix(".draft")
        draft.write_text(json.dumps({"in_time": in_time, "frames": sum(self._frames), "late": late, "longest": longest}))
        draft.replace(self._report)

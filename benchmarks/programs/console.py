"""The console with something inside: it changes states when it is told to through a pipe, and looks at the event loop.

``python -m benchmarks.programs.console PIPE REPORT OPTIONS…``. A line ``one`` changes the state of one machine in view when the table is
sorted by name; ``rate N`` changes N machines a second, in twenty writes; ``rate 0`` ends that. The changes go through the cache that the
app has open, as those of its own workers do.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from textual._context import active_app

from benchmarks import product
from benchmarks.fleet import first_by_name, machine
from benchmarks.programs.watched import Watched

STEP = 97
"""From one changed machine to the next: no machine has its turn again soon, and no page is hit twice in a row."""

WRITES = 20


class Changes:
    """What changes states."""

    def __init__(self, app: Any, pipe: str, report: str) -> None:
        self._app = app
        self._pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self._report = report
        self._count = 0
        self._rate = 0
        self._in_view: list[Any] = []

    def begin(self) -> None:
        """Listen to the pipe, and look at the event loop once the screen is there."""
        active_app.set(self._app)  # as it is for the app's own workers: timers that a change starts look for it
        asyncio.get_running_loop().add_reader(self._pipe, self._told)
        self._task = asyncio.create_task(self._run())

    def _told(self) -> None:
        for line in os.read(self._pipe, 4096).decode().split("\n"):
            word, _, number = line.partition(" ")
            if word == "one":
                self._once = asyncio.create_task(self._change_one())
            elif word == "rate":
                self._rate = int(number)

    async def _change_one(self) -> None:
        self._count += 1
        state = ("unhealthy", "The agent has stopped reporting.") if self._count % 2 else ("healthy", "Protected and reporting.")
        await product.change_states(product.fleet_of(self._app), [(self._in_view[3], *state)])

    async def _run(self) -> None:
        while product.fleet_of(self._app) is None or self._app._driver is None:
            await asyncio.sleep(0.05)
        fleet = product.fleet_of(self._app)
        total = sum((await fleet.state_counts()).values())
        self._in_view = await asyncio.to_thread(first_by_name, total, 10)
        Watched(self._app, self._report).start()
        number, due = 0, time.perf_counter()
        while True:
            due = max(due + 1 / WRITES, time.perf_counter() - 0.5)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if not self._rate:
                continue
            changed = []
            for _ in range(self._rate // WRITES):
                number += STEP
                state = ("installing", "The extension is being installed.") if number // total % 2 == 0 else ("onboarded", "Aboard.")
                changed.append((machine(number % total), *state))
            await product.change_states(fleet, changed)


def main(arguments: list[str]) -> int:
    """Run the console."""
    pipe, report, *options = arguments
    kept: list[Changes] = []

    def on_app(app: Any) -> None:
        kept.append(Changes(app, pipe, report))
        kept[-1].begin()

    return product.run_watched(options, on_app)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

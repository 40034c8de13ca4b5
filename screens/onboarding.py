"""Machines on their way: how many were in each state over the last hours, how fast they come aboard, and who is stuck for what cause."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from cache.model import Source
from cache.wave import Cause, Wave, causes
from screens.actions import bindings
from screens.console_screen import ConsoleScreen
from screens.desk import Desk
from screens.machine_cells import flat
from screens.requests import CopyRequested, GoTo
from screens.wave_plot import WavePlot, columns
from screens.widgets.line_table import Cell, Column, LineTable
from screens.words import STATE_SHAPES, count

SPANS = {6: "6 hours", 24: "24 hours", 168: "7 days"}
"""The times that can be looked at, in hours, and in words."""

TABLES = frozenset(("machines", "onboarding", "events", "selection"))

LINES = 3 + 5
"""Lines that the plot leaves to title, status bar and keys, and to the causes."""

REMEDY = 4
"""Lines of the remedy, where there are :data:`ROOMY` in all; one where there are fewer."""

ROOMY = 20


class OnboardingScreen(ConsoleScreen):
    """The wave and what holds it up. Enter on a cause shows its machines."""

    NAME = "onboarding"
    TITLE_TEXT = "Onboarding"
    BEFORE_TITLE = " │"
    SCOPES: ClassVar[tuple[str, ...]] = ("onboarding",)
    TABLES = TABLES
    SOURCES = frozenset((Source.MACHINES,))
    AUTO_FOCUS: ClassVar[str | None] = "#table"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("onboarding")]
    COLUMNS = (
        Column("state", "State", 11),
        Column("machines", "Machines", 8, right=True),
        Column("cause", "Stuck because", 24, weight=3),
        Column("remedy", "What to do", 24, weight=4, rank=1),
    )
    DEFAULT_CSS = """
    OnboardingScreen #table { min-height: 3; }
    OnboardingScreen #hint { height: 1; max-height: 4; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.hours = min(SPANS)
        self.wave: Wave | None = None
        self._read: tuple[int, int] | None = None
        self._chosen = 0
        self.plot = WavePlot(desk, self._room)
        self.table: LineTable[Cause] = LineTable(self.COLUMNS, lambda row: row.id, self._cell, empty="Reading…", id="table")

    def body(self) -> Iterator[Widget]:
        """The plot, the causes, and the remedy of the one under the cursor in full."""
        yield self.plot
        yield self.table
        yield Static("", id="hint", markup=False)

    def _room(self) -> int:
        """Lines for headline and plot."""
        return self.size.height - LINES - REMEDY if self.size.height >= ROOMY else self.size.height - LINES

    async def load(self) -> None:
        """Read the wave and the causes, if they changed or another time is wanted."""
        wanted = (self.hours, columns(self.size.width - 2))
        if wanted != self._read:
            self._rereads.pop(TABLES, None)
        await self.reread(TABLES, lambda: self._read_all(wanted))

    async def _read_all(self, wanted: tuple[int, int]) -> None:
        fleet = self.desk.fleet
        hours, buckets = wanted
        chosen = await fleet.selection()
        within = chosen or None
        wave = await fleet.wave(self.desk.clock.now(), timedelta(hours=hours), buckets, within)
        found = causes(await fleet.held(within))
        self.wave, self._read, self._chosen = wave, wanted, len(chosen)
        self.table.empty = self._nothing(wave)
        self.table.set_rows(found)
        self._show()
        self._tell_remedy()

    def _show(self) -> None:
        if self.wave is not None:
            scope = f" of {count(self._chosen, 'chosen subscription')}" if self._chosen else ""
            self.plot.show(self.wave, SPANS[self.hours], scope)

    def _nothing(self, wave: Wave) -> str:
        if not wave.states:
            return f"No machines known yet: {self.desk.until_read}."
        return "No machine is stuck. R tells what is proven." if not wave.on_the_way else "No machine is stuck: nothing to do but watch."

    async def action_span(self, hours: int) -> None:
        """Look at the last so many hours."""
        self.hours = hours
        self._dirty = True
        await self._reload()

    def action_copy_remedy(self) -> None:
        """Copy what to do about the cause under the cursor."""
        if row := self.table.cursor_row:
            self.post_message(CopyRequested(row.remedy, "remedy"))

    def on_resize(self, event: events.Resize) -> None:
        """More room, more columns of time."""
        super().on_resize(event)
        self.query_one("#hint").styles.height = REMEDY if event.size.height >= ROOMY else 1
        self.plot.refresh(layout=True)
        if self._read is not None and self._read[1] != columns(event.size.width - 2):
            self.cache_changed(TABLES)

    def clock_moved(self) -> None:
        """The finish moves on; where a new column begins, the numbers are read again."""
        if self.wave is not None and self.desk.clock.now() >= self.wave.end:
            self.cache_changed(TABLES)
        self.plot.tick()

    @on(LineTable.Opened, "#table")
    def _open(self) -> None:
        if row := self.table.cursor_row:
            self.post_message(GoTo("machines", filter_text=row.filter_text))

    @on(LineTable.Highlighted, "#table")
    def _moved(self) -> None:
        self._tell_remedy()

    def _tell_remedy(self) -> None:
        row = self.table.cursor_row
        text = ""
        if row is not None:
            same = flat(row.cause) == flat(row.remedy)
            text = flat(row.cause) if same else f"{flat(row.cause)} → {flat(row.remedy)}"
            if row.differs:
                text += " In its details it differs: each machine's page has its own."
        self.query_one("#hint", Static).update(text, layout=False)

    def _cell(self, row: Cause, key: str) -> Cell:
        match key:
            case "state":
                shape, tone = STATE_SHAPES[row.state]
                return f"{shape} {row.state}", tone
            case "machines":
                return f"{row.machines:,}", ""
            case "cause":
                return flat(row.cause), ""
            case _:
                return flat(row.remedy), "muted"

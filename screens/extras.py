"""What a plan is asked to do besides: a list of what can be asked for, each with what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from cache.model import Extras
from screens.choice import ChoiceDialog
from screens.widgets.line_table import Cell, Column, LineTable

SERVERS, REGISTER, UNIFIED, LESS = "servers", "register", "unified", "less"

ROWS: tuple[tuple[str, str], ...] = (
    (SERVERS, "Defender for Servers P1 or P2. It is billed by machine"),
    (REGISTER, "Register Microsoft.Security where it is not"),
    (UNIFIED, "Unified solution (Windows Server 2012 R2 and 2016)"),
    (LESS, "P1 also where P2 is on, which is then taken back"),
)

TURNS: dict[str, Callable[[Extras], Extras]] = {
    SERVERS: lambda now: replace(now, servers_plan={"": "P1", "P1": "P2", "P2": ""}[now.servers_plan], downgrade=False),
    REGISTER: lambda now: replace(now, register=not now.register),
    UNIFIED: lambda now: replace(now, unified=not now.unified),
    LESS: lambda now: replace(now, downgrade=not now.downgrade and now.servers_plan == "P1"),
}
"""What a press of the key makes of each."""


class ExtrasDialog(ChoiceDialog[tuple[str, str]]):
    """What is asked for besides; ``extras`` is what stands in it when it is closed. Each row turns to its next value."""

    COLUMNS = (Column("asked", "Asked", 6), Column("what", "What", 30, weight=1))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "turn", "Turn", show=False)]

    def __init__(self, extras: Extras) -> None:
        super().__init__(
            "What the next plan does besides. It will say for how many machines it is billed.",
            "Enter or space turns, Esc closes. Then e plans.",
            ROWS,
        )
        self.extras = extras

    def identify(self, row: tuple[str, str]) -> str:
        """The name of the choice."""
        return row[0]

    def cell(self, row: tuple[str, str], key: str) -> Cell:
        """A cell's text and tone."""
        if key == "what":
            return row[1], ""
        asked = {
            SERVERS: self.extras.servers_plan,
            REGISTER: "yes" if self.extras.register else "",
            UNIFIED: "yes" if self.extras.unified else "",
            LESS: "yes" if self.extras.downgrade else "",
        }[row[0]]
        return asked or "no", "accent" if asked else "muted"

    def action_turn(self) -> None:
        """Turn the choice under the cursor to its next value."""
        if name := self.table.cursor_id:
            self.extras = TURNS[name](self.extras)
            self.table.set_rows(list(ROWS))

    @on(LineTable.Opened)
    def _turned(self, event: LineTable.Opened) -> None:
        event.stop()
        event.prevent_default()  # the base class would answer the row
        self.action_turn()

"""The machines that a check affects, each with its state."""

from __future__ import annotations

from collections.abc import Sequence

from cache.model import MachineRow
from screens.choice import ChoiceDialog
from screens.widgets.line_table import Cell, Column
from screens.words import STATE_ORDER, STATE_SHAPES, count


class AffectedDialog(ChoiceDialog[MachineRow]):
    """The machines that ``title`` affects, worst first. Answers the id of the one whose page is wanted, or ``None``."""

    COLUMNS = (
        Column("name", "Machine", 20, weight=2, ends=True),
        Column("state", "State", 13),
        Column("reason", "Reason", 24, weight=3, rank=1),
        Column("system", "System", 14, weight=1, rank=2),
    )
    EMPTY = "None of them is known any more: press r to read Azure."

    def __init__(self, title: str, machines: Sequence[MachineRow]) -> None:
        super().__init__(
            f"{title}: {count(len(machines), 'machine')}",
            "Enter opens the machine's page, Esc closes.",
            sorted(machines, key=lambda row: (STATE_ORDER[str(row.state)], row.name.casefold(), row.id)),
        )

    def identify(self, row: MachineRow) -> str:
        """The resource id."""
        return row.id

    def cell(self, row: MachineRow, key: str) -> Cell:
        """A cell's text and tone."""
        match key:
            case "name":
                return row.name, ""
            case "state":
                shape, tone = STATE_SHAPES[row.state]
                return f"{shape} {row.state}", tone
            case "reason":
                return row.reason, ""
            case _:
                return row.os_name or row.os_type or "–", "muted"

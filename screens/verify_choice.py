"""Which machines to verify."""

from __future__ import annotations

from screens.choice import ChoiceDialog
from screens.widgets.columns import Cell, Column
from screens.words import count

MARKED, HERE, ALL = "marked", "here", "all"

Choice = tuple[str, str]
"""What is answered, and what it says."""


class VerifyChoice(ChoiceDialog[Choice]):
    """Answers :data:`MARKED`, :data:`HERE` or :data:`ALL`, the first that there is being proposed; ``None`` for nothing."""

    COLUMNS = (Column("what", "Machines", 20, weight=1),)

    def __init__(self, marked: int, name: str, scope: str) -> None:
        rows: list[Choice] = []
        if marked:
            rows.append((MARKED, f"the {count(marked, 'marked machine')}"))
        if name:
            rows.append((HERE, f"{name}, under the cursor"))
        rows.append((ALL, f"every onboarded machine {scope}"))
        hint = "Enter plans it and sends nothing yet. Esc cancels."
        super().__init__("Which machines are asked whether Defender works?", hint, rows, rows[0][0])

    def identify(self, row: Choice) -> str:
        """What is answered."""
        return row[0]

    def cell(self, row: Choice, key: str) -> Cell:
        """What it says."""
        return row[1], ""

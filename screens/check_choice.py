"""What machines are asked."""

from __future__ import annotations

from cache.machine_reports import CONNECTIVITY, HEALTH, SYSTEM
from screens.choice import ChoiceDialog
from screens.widgets.columns import Cell, Column

Choice = tuple[str, str]
"""What is answered, and what it says."""

CHECKS: tuple[Choice, ...] = (
    (HEALTH, "whether Defender works: mdatp health, or the Sense service"),
    (CONNECTIVITY, "whether they reach Defender's addresses: mdatp connectivity test"),
    (SYSTEM, "what their system lacks: kernel, memory, disk, noexec, Python, fanotify"),
)


class CheckChoice(ChoiceDialog[Choice]):
    """Answers the name of a check, as in :mod:`cache.machine_reports`; ``None`` for nothing. ``which``: the machines, in words."""

    COLUMNS = (Column("what", "Question", 20, weight=1),)

    def __init__(self, which: str, current: str = HEALTH) -> None:
        hint = "Enter plans it: nothing is sent before you have seen the script. Esc cancels."
        super().__init__(f"What is asked of {which}?", hint, CHECKS, current)

    def identify(self, row: Choice) -> str:
        """What is answered."""
        return row[0]

    def cell(self, row: Choice, key: str) -> Cell:
        """What it says."""
        return row[1], ""

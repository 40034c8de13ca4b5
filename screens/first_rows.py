"""The first rows as plain text with colours, painted while the rest of the console is still being imported.

They lie where the machines' screen will show the same rows a moment later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cache.model import MachineRow
from screens.machine_cells import MACHINE_COLUMNS, machine_cell
from screens.widgets.columns import fit, lay_out
from screens.words import SMALLEST, age

BELOW = 5
"""Lines below the table: its count, two of what to do next, where and how old, and the keys."""

BOLD, PLAIN, REVERSE = "\x1b[1m", "\x1b[0m", "\x1b[7m"
TONES = {"good": "\x1b[32m", "bad": "\x1b[31m", "warn": "\x1b[33m", "busy": "\x1b[34m", "muted": "\x1b[2m", "accent": "\x1b[35m"}


def room(width: int, height: int) -> int:
    """How many rows there is room for on a screen of this size; none where it is too small for the console."""
    return height - 2 - BELOW if width >= SMALLEST[0] and height >= SMALLEST[1] else 0


def first_rows(
    rows: Sequence[MachineRow], total: int, read_at: datetime | None, now: datetime, width: int, height: int, *, colours: bool = True
) -> list[str]:
    """A title, the header, the rows, and how old they are, for a screen with :func:`room`: at most ``height`` lines, none wider than
    ``width`` cells."""
    layout = lay_out(MACHINE_COLUMNS, max(1, width - 2))
    header = " " + " ".join(fit(column.title, cells, column.right) for column, cells in layout)
    found = [BOLD + fit(" mde-console", width) + PLAIN, BOLD + fit(header, width) + PLAIN]
    for number, row in enumerate(rows[: room(width, height)]):
        cells = [
            (column.fit(text, cells), tone) for column, cells in layout for text, tone in (machine_cell(row, column.key, lambda: now),)
        ]
        if number == 0:
            found.append(REVERSE + fit(" " + " ".join(text for text, _ in cells), width) + PLAIN)
        else:
            found.append(" " + " ".join(_toned(text, tone if colours else "") for text, tone in cells))
    found += [""] * (height - BELOW - len(found))
    told = f" {total:,} machines as they were {age(read_at, now)} ago, worst first · starting…"
    return [*found, fit(told, width)]


def _toned(text: str, tone: str) -> str:
    return f"{TONES[tone]}{text}{PLAIN}" if tone in TONES else text

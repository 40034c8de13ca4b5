"""Columns of a table, and how they share the width of the screen. No Textual here: the first rows are laid out before it is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cell = tuple[str, str]
"""A cell: its text, and its tone (see :data:`screens.words.TONES`) or an empty string."""

Sorting = tuple[str, bool]
"""The key of a column by which rows are sorted, and whether backwards."""

MOST_SORTINGS = 3

LEAST_WITH_ENDS = 10
"""Cells below which a cut text keeps its beginning alone."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. It is at least ``width`` cells wide, takes ``weight`` parts of what is left over, and goes away first where ``rank`` is
    highest when the terminal is narrow (rank 0 always stays). If that fits, it is ``roomy`` cells wide before the rest is shared.
    ``ends``: what does not fit loses its middle, for names that differ at their ends."""

    key: str
    title: str
    width: int
    weight: int = 0
    rank: int = 0
    right: bool = False
    roomy: int = 0
    ends: bool = False

    def fit(self, text: str, cells: int) -> str:
        """``text`` cut or filled to exactly ``cells`` cells, as this column does it."""
        return fit(text, cells, self.right, self.ends)


def fit(text: str, width: int, right: bool = False, ends: bool = False) -> str:
    """``text`` cut or filled to exactly ``width`` cells; a cut shows as an ellipsis: at the end, or with ``ends`` before the last third."""
    plain = text.isascii() and text.isprintable()
    length = len(text) if plain else _cell_len(text)
    if length > width:
        if ends and width >= LEAST_WITH_ENDS:
            end = text[-(width // 3) :] if plain else _end(text, width // 3)
            return fit(text, width - (len(end) if plain else _cell_len(end))) + end
        return (text[: width - 1] if plain else _cut(text, width - 1)) + "…" if width > 0 else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


def lay_out(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that fit into ``width`` cells with their widths; one cell lies between two."""
    kept = list(columns)
    while len(kept) > 1 and sum(column.width for column in kept) + len(kept) - 1 > width:
        worst = max(kept, key=lambda column: (column.rank, columns.index(column)))
        if worst.rank == 0:
            break
        kept.remove(worst)
    spare = max(0, width - sum(column.width for column in kept) - len(kept) + 1)
    grown: dict[str, int] = {}
    for column in kept:
        if 0 < column.roomy - column.width <= spare:
            grown[column.key] = column.roomy - column.width
            spare -= grown[column.key]
    weights = sum(column.weight for column in kept)
    widths = []
    for column in kept:
        share = spare * column.weight // weights if weights else 0
        widths.append((column, column.width + grown.get(column.key, 0) + share))
    return widths


def _cell_len(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _cut(text: str, width: int) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(text, width)


def _end(text: str, width: int) -> str:
    """As much of the end of ``text`` as fits into ``width`` cells, in whole displayed characters."""
    from rich.cells import split_graphemes

    place = len(text)
    for start, _, cells in reversed(split_graphemes(text)[0]):
        width -= cells
        if width < 0:
            break
        place = start
    return text[place:]


def sorted_first(order: Sequence[Sorting], key: str) -> tuple[Sorting, ...]:
    """``order`` with the column ``key`` put first, or turned round if it is first already."""
    backwards = bool(order) and order[0][0] == key and not order[0][1]
    return ((key, backwards), *(one for one in order if one[0] != key))[:MOST_SORTINGS]


def arrow(order: Sequence[Sorting], key: str) -> str:
    """How a header shows that rows are sorted by a column: the direction, and of several the place."""
    for place, (one, backwards) in enumerate(order, 1):
        if one == key:
            return ("▼" if backwards else "▲") + (str(place) if len(order) > 1 else "")
    return ""

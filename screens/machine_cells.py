"""The columns of the machines' table, and what a machine's line reads. No Textual here: the first rows are shown before it is imported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cache.model import ON_THE_WAY, MachineRow
from cache.text import clean
from screens.widgets.columns import Cell, Column
from screens.words import STATE_SHAPES, age, until

MACHINE_COLUMNS = (
    Column("name", "Machine", 18, weight=3, ends=True),
    Column("state", "State", 13),
    Column("reason", "Reason", 24, weight=5, rank=1),
    Column("since", "Since", 6, rank=2, right=True),
    Column("due", "Due", 8, rank=3, right=True),
    Column("extension", "Extension", 15, weight=1, rank=6),
    Column("system", "System", 14, weight=1, rank=5),
    Column("power", "Power", 12, rank=7),
    Column("subscription", "Subscription", 14, weight=1, rank=4, ends=True),
    Column("group", "Resource group", 14, rank=8),
    Column("kind", "Kind", 5, rank=9),
)


def flat(text: str) -> str:
    """A text as one line of at most 300 characters."""
    return clean(text, 300)


def machine_cell(row: MachineRow, key: str, clock: Callable[[], datetime]) -> Cell:
    """A cell's text and tone; ``clock`` is asked by a cell that tells an age. No age is told in seconds: after a reading each line would be
    painted anew each second."""
    match key:
        case "name":
            return row.name, ""
        case "state":
            shape, tone = STATE_SHAPES[row.state]
            return f"{shape} {row.state}", tone
        case "reason":
            return flat(row.reason), ""
        case "since":
            return age(row.since, clock(), coarse=True), "muted"
        case "due":
            now = clock()
            late = row.due is not None and row.due < now
            return until(row.due, now, coarse=True), "warn" if late and row.state in ON_THE_WAY else "muted"
        case "extension":
            return _extension_cell(row)
        case "system":
            return row.os_name or row.os_type or "–", ""
        case "power":
            return row.power or "–", "" if row.power.casefold() in ("running", "connected") else "warn" if row.power else "muted"
        case "subscription":
            return row.subscription_name or row.subscription_id, ""
        case "group":
            return row.resource_group, ""
        case _:
            return "Arc" if row.kind == "arc" else "VM" if row.kind == "vm" else row.kind, "muted"


def _extension_cell(row: MachineRow) -> Cell:
    if row.extension is None:
        return "–", "muted"
    state = row.extension.state
    tone = {"succeeded": "good", "failed": "bad"}.get(state.casefold(), "busy")
    return f"{state or '?'} {row.extension.version}".rstrip(), tone

"""Everything that went wrong, with its time: what the console noted, and the problems that have not gone away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from cache.fields import LOG_FIELDS
from cache.model import LogEntry, Problem
from screens.full_text import FullTextScreen
from screens.requests import CopyRequested
from screens.widgets.line_table import Cell, Column
from screens.words import age, moment

KEPT = 2000
"""Lines of the log that are shown; the cache keeps no more."""

OF_A_SUBSCRIPTION = re.compile(r"([a-z]+) \(([0-9a-fA-F-]{36})\): (?=\S)")
"""How an entry begins that tells what could not be read of a subscription."""

LEVELS: dict[str, tuple[int, str, str]] = {
    "problem": (0, "✗ problem", "bad"),
    "error": (1, "✗ error", "bad"),
    "warning": (2, "! warning", "warn"),
    "info": (3, "· info", "muted"),
}
"""For every level its rank, its shape and word, and its tone. A problem is what has not gone away yet."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log, or a problem that still is one."""

    id: str
    at: datetime
    level: str
    where: str
    message: str


def lines(entries: Sequence[LogEntry], problems: Sequence[Problem], names: dict[str, str]) -> list[Line]:
    """Entries (newest first, as the cache gives them) and problems as lines, each with an id that stays its own while the log grows."""
    found = [
        Line(f"problem {one.source} {one.subscription_id}", one.at, "problem", _where(one, names), f"{one.code}: {one.message}")
        for one in problems
    ]
    same: Counter[tuple[datetime, str]] = Counter()
    for entry in reversed(entries):  # from the oldest, so that a new line changes no id
        same[entry.at, entry.message] += 1
        number = same[entry.at, entry.message]
        where, message = _told_of(entry.message, names)
        found.append(Line(f"log {entry.at.isoformat()} {number} {entry.message}", entry.at, entry.level, where, message))
    return found


def _told_of(message: str, names: dict[str, str]) -> tuple[str, str]:
    """Of which subscription, by its name, an entry tells, and what; an empty text where of none."""
    about = OF_A_SUBSCRIPTION.match(message)
    if about is None:
        return "", message
    source, subscription_id = about.groups()
    return f"{names.get(subscription_id.lower(), subscription_id)}: {source}", message[about.end() :]


def _where(problem: Problem, names: dict[str, str]) -> str:
    if not problem.subscription_id:
        return f"tenant: {problem.source}"
    return f"{names.get(problem.subscription_id.lower(), problem.subscription_id)}: {problem.source}"


class LogScreen(FullTextScreen[Line]):
    """The log, newest first, with the full text of the line under the cursor below it."""

    NAME = "log"
    TITLE_TEXT = "Log"
    SCOPES: ClassVar[tuple[str, ...]] = ("log", "table")
    TABLES = frozenset(("log", "problems", "subscriptions"))
    COLUMNS = (
        Column("at", "Time (UTC)", 16),
        Column("age", "Age", 5, rank=3, right=True),
        Column("level", "Kind", 9),
        Column("where", "Where", 20, weight=1, rank=2, ends=True),
        Column("message", "Message", 20, weight=4, rank=1),
    )
    FIELDS = LOG_FIELDS
    SORT_KEYS = ("at", "level", "where", "message")
    THEN = ("at",)
    EMPTY = "Nothing went wrong so far, and nothing else was noted."

    async def rows(self) -> Sequence[Line]:
        """What was noted and what still is a problem."""
        fleet = self.desk.fleet
        return lines(await fleet.log(KEPT), await fleet.problems(), await fleet.subscription_names())

    def identify(self, row: Line) -> str:
        """An id of our own."""
        return row.id

    def cell(self, row: Line, key: str) -> Cell:
        """A cell's text and tone."""
        match key:
            case "at":
                return f"{row.at:%m-%d %H:%M:%S}", "muted"
            case "age":
                return age(row.at, self.desk.clock.now(), coarse=True), "muted"
            case "level":
                _, words, tone = LEVELS.get(row.level, (2, f"? {row.level}", "warn"))
                return words, tone
            case "where":
                return row.where, ""
            case _:
                return " ".join(row.message.split()), ""

    def sort_value(self, row: Line, key: str) -> Any:
        """Newest first; by kind: what is still a problem first."""
        match key:
            case "at":
                return -row.at.timestamp()
            case "level":
                return LEVELS.get(row.level, (2, "", ""))[0]
            case _:
                return self.cell(row, key)[0].casefold()

    def haystack(self, row: Line) -> str:
        """Everything that a word of the filter is looked for in."""
        return f"{row.at:%Y-%m-%d %H:%M:%S} {row.level} {row.where} {row.message}"

    def field_text(self, row: Line, key: str) -> str:
        """What a field of the filter reads."""
        return row.level if key == "level" else self.cell(row, key)[0]

    def field_time(self, row: Line, key: str) -> datetime | None:
        """When it was noted."""
        return row.at

    def summary(self, shown: Sequence[Line]) -> str:
        """How many of each kind."""
        counts = Counter(row.level for row in shown)
        kinds = "  ".join(f"{words.split()[0]} {counts[level]:,} {level}" for level, (_, words, _) in LEVELS.items() if counts[level])
        return " · ".join(filter(None, (f"{len(shown):,} of {len(self._all):,}", kinds)))

    def full_text(self, row: Line) -> str:
        """Everything about a line."""
        return f"{moment(row.at)} · {row.level}" + (f" · {row.where}" if row.where else "") + f"\n{row.message}"

    def action_copy_id(self) -> None:
        """Copy the line under the cursor: it has no id of Azure's."""
        if row := self.table.cursor_row:
            self.post_message(CopyRequested(f"{moment(row.at)} {row.level} {row.where} {row.message}", "line"))

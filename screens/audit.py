"""The audit trail: every change that was made from here, newest first, and whether the trail is as it was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual.widget import Widget
from textual.widgets import Static

from cache.fields import AUDIT_FIELDS
from cache.model import AuditEntry
from screens.desk import Desk
from screens.full_text import FullTextScreen
from screens.requests import CopyRequested
from screens.widgets.columns import Cell, Column
from screens.words import age, count

OUTCOMES: dict[str, tuple[str, str]] = {
    "started": ("◐", "busy"),
    "begun": ("◐", "busy"),
    "confirmed": ("✓", "good"),
    "done": ("✓", "good"),
    "failed": ("✗", "bad"),
}
"""For every kind of outcome its shape and tone; one that is not known is shown as doubtful."""


class AuditScreen(FullTextScreen[AuditEntry]):
    """The entries of the journal. They are only ever added, so only new ones are read, unless the chain shows that somebody wrote in it."""

    NAME = "audit"
    TITLE_TEXT = "Audit"
    SCOPES: ClassVar[tuple[str, ...]] = ("audit", "table")
    TABLES = frozenset(("audit", "subscriptions"))
    COLUMNS = (
        Column("at", "Time (UTC)", 19),
        Column("actor", "Who", 12, weight=1, rank=2),
        Column("action", "Action", 16, rank=3),
        Column("target", "What", 18, weight=4),
        Column("change", "Before → after", 16, weight=1, rank=1),
        Column("outcome", "Outcome", 11, weight=2),
        Column("age", "Age", 5, rank=4, right=True),
        Column("sequence", "No", 6, rank=5, right=True),
    )
    FIELDS = AUDIT_FIELDS
    SORT_KEYS = ("at", "actor", "action", "target", "change", "outcome")
    THEN = ("at",)
    EMPTY = "Nothing was changed from here so far."
    DEFAULT_CSS = """
    AuditScreen #chain { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._names: dict[str, str] = {}
        self._verified: int | None = None
        """The last entry that was there when the chain was looked at."""
        self._verifying = False

    def above_text(self) -> Iterator[Widget]:
        """Whether the trail is whole."""
        yield Static("", id="chain", markup=False)

    async def rows(self) -> Sequence[AuditEntry]:
        """The entries that are known, and those that have been written since."""
        self._names = await self.desk.fleet.subscription_names()
        known = self._all
        return [*known, *await self.desk.journal.entries(after=known[-1].sequence if known else 0)]

    async def load(self) -> None:
        """Show the entries; then look at the chain, if there are new ones."""
        await super().load()
        if not self._verifying and self._verified != self._last():
            self._verifying = True
            self.work("verify the audit trail", self._verify())

    async def _verify(self) -> None:
        try:
            while self._verified != self._last():
                last = self._last()
                whole, sentence = await self.desk.journal.verify()
                self._verified = last
                line = self.query_one("#chain", Static)
                line.set_classes("good" if whole else "bad")
                line.update(f"{'✓' if whole else '✗'} {sentence}", layout=False)
                if not whole:
                    self._all = await self.desk.journal.entries()
                    self.show_rows()
        finally:
            self._verifying = False

    def _last(self) -> int:
        return self._all[-1].sequence if self._all else 0

    def identify(self, row: AuditEntry) -> str:
        """The number of the entry, so written that texts sort as numbers do."""
        return f"{row.sequence:012}"

    def cell(self, row: AuditEntry, key: str) -> Cell:
        """A cell's text and tone."""
        match key:
            case "at":
                return f"{row.at:%Y-%m-%d %H:%M:%S}", "muted"
            case "age":
                return age(row.at, self.desk.clock.now(), coarse=True), "muted"
            case "sequence":
                return str(row.sequence), "muted"
            case "actor":
                return row.actor, ""
            case "action":
                return row.action, ""
            case "target":
                return self._target(row), ""
            case "change":
                return _flat(f"{row.before or '–'} → {row.after or '–'}"), ""
            case _:
                shape, tone = OUTCOMES.get(_kind(row), ("?", "warn"))
                return f"{shape} {_flat(row.outcome)}", tone

    def sort_value(self, row: AuditEntry, key: str) -> Any:
        """Newest first, else by what the column shows."""
        return -row.sequence if key == "at" else self.cell(row, key)[0].casefold()

    def haystack(self, row: AuditEntry) -> str:
        """Everything that a word of the filter is looked for in."""
        return f"{self.cell(row, 'at')[0]} {row.actor} {row.action} {self._target(row)} {row.target} {row.before} {row.after} {row.outcome}"

    def field_text(self, row: AuditEntry, key: str) -> str:
        """What a field of the filter reads."""
        match key:
            case "target":
                return f"{self._target(row)} {row.target}"
            case "before":
                return row.before
            case "after":
                return row.after
            case "outcome":
                return row.outcome
            case _:
                return self.cell(row, key)[0]

    async def values(self, key: str) -> Sequence[tuple[str, int]]:
        """The values of a field; of targets as they are shown, of outcomes the kind."""
        if key in ("target", "outcome"):
            texts = (self._target(row) if key == "target" else _kind(row) for row in self._all)
            return list(Counter(texts).items())
        return await super().values(key)

    def field_time(self, row: AuditEntry, key: str) -> datetime | None:
        """When it was written."""
        return row.at

    def full_text(self, row: AuditEntry) -> str:
        """Everything about an entry."""
        head = f"{row.sequence:,} · {row.at:%Y-%m-%d %H:%M:%S} UTC · {row.actor} · {row.action}"
        return f"{head}\n{row.target}\n{row.before or '–'} → {row.after or '–'}: {row.outcome}\nhash {row.hash}"

    def summary(self, shown: Sequence[AuditEntry]) -> str:
        """How many there are, and how they ended."""
        kinds = Counter(_kind(row) for row in shown)
        ended = "  ".join(f"{OUTCOMES.get(kind, ('?', ''))[0]} {number:,} {kind}" for kind, number in kinds.most_common(5))
        return " · ".join(filter(None, (f"{len(shown):,} of {count(len(self._all), 'entry', 'entries')}", ended)))

    def action_copy_id(self) -> None:
        """Copy the entry under the cursor: it has no id of Azure's."""
        if row := self.table.cursor_row:
            self.post_message(CopyRequested(self.full_text(row), "entry"))

    def _target(self, row: AuditEntry) -> str:
        """What was changed, with the subscription by its name where the target begins with its id."""
        one, slash, rest = row.target.partition("/")
        name = self._names.get(one.lower())
        return f"{name}{slash}{rest}" if name else row.target


def _kind(row: AuditEntry) -> str:
    return row.outcome.partition(":")[0].strip()


def _flat(text: str) -> str:
    return " ".join(text.split())

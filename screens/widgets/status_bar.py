"""The status bar: where, as whom, how old the data is, what is under way, what went wrong. One line, painted as a line."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from cache.model import Freshness
from screens.desk import Desk
from screens.words import age, count, span


class StatusBar(Widget):
    """One line for the whole console. ``facts`` are handed in by the screen after each reading of the cache."""

    DEFAULT_CSS = """
    StatusBar { height: 1; background: $panel; color: $foreground; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._oldest: Freshness | None = None
        self._problems = 0
        self._plain = ""

    def show(self, oldest: Freshness | None, problems: int) -> None:
        """The oldest data that the screen stands on, and how many problems are remembered."""
        self._oldest, self._problems = oldest, problems
        self.tick()

    def tick(self) -> None:
        """Paint again if the words have changed."""
        if self._content().plain != self._plain:
            self.refresh()

    def render(self) -> Content:
        """The line."""
        content = self._content()
        self._plain = content.plain
        return content

    def _content(self) -> Content:
        desk = self._desk
        session = desk.session
        right: list[tuple[str, str]] = []
        if session.read_only:
            right.append(("READ-ONLY", "bold $text-warning"))
        if desk.activity.paused:
            right.append(("paused", "$text-warning"))
        for task in desk.activity.tasks()[-1:]:
            progress = f" {task.done:,}/{task.total:,}" if task.total else (f" {task.done:,}" if task.done else "")
            took = span((desk.clock.now() - task.started).total_seconds())
            note = f" ({task.note})" if task.note else f" {took}"
            right.append((f"◐ {task.what}{progress}{note}", "$text-primary"))
        if not session.signed_in:
            right.append((session.message or "not signed in", "$text-warning"))
        if self._problems:
            right.append((f"✗ {count(self._problems, 'problem')}", "$text-error"))
        if self._oldest is None:
            right.append(("nothing read yet", "$text-warning"))
        else:
            old = desk.clock.now() - self._oldest.fetched_at
            words = f"data {age(self._oldest.fetched_at, desk.clock.now())} old"
            right.append((f"{words}, STALE", "bold $text-warning") if old > desk.stale_after else (words, "$text-success"))
        tail = Content(" · ").join([Content.styled(text, style) for text, style in right])
        room = self.size.width - tail.cell_length - 3
        where = f" {session.cloud} │ {session.tenant_id} │ {session.principal}"
        if cell_len(where) > room:
            where = f" {session.cloud} │ {session.tenant_id[:8]} │ {session.principal}"
        if cell_len(where) > room:
            where = f" {session.cloud} │ {session.principal.split('@')[0]}"
        head = Content(where).truncate(max(0, room), ellipsis=True)
        gap = " " * max(1, self.size.width - head.cell_length - tail.cell_length - 1)
        return Content.assemble(head, gap, tail)

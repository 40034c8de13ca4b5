"""The status bar: where, as whom, how old the data is, what is under way, what went wrong. One line, painted as a line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from cache.activity import Task
from cache.model import Freshness
from cache.text import clean
from screens.desk import Desk
from screens.words import age, count, span

SEPARATOR = Content(" · ")


@dataclass(frozen=True, slots=True)
class Part:
    """Something at the right end of the bar. Where the room is short, the part of the highest rank goes away first."""

    text: str
    style: str
    rank: int


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
        parts = self._parts()
        while len(parts) > 1 and _length(parts) + 2 > self.size.width:
            parts.remove(max(parts, key=lambda part: part.rank))
        tail = SEPARATOR.join([Content.styled(part.text, part.style) for part in parts])
        room = max(0, self.size.width - tail.cell_length - 3)
        head = Content(self._where(room)).truncate(room, ellipsis=True)
        gap = " " * max(1, self.size.width - head.cell_length - tail.cell_length - 1)
        return Content.assemble(head, gap, tail)

    def _where(self, room: int) -> str:
        """Cloud, tenant and principal, as much of them as there is room for."""
        session = self._desk.session
        cloud, tenant, principal = clean(session.cloud), clean(session.tenant_id), clean(session.principal)
        long = f" {cloud} │ {tenant} │ {principal}"
        short = f" {cloud} │ {tenant[:8]} │ {principal}"
        return next((where for where in (long, short) if cell_len(where) <= room), f" {cloud} │ {principal.split('@')[0]}")

    def _parts(self) -> list[Part]:
        desk, now = self._desk, self._desk.clock.now()
        session = desk.session
        parts: list[Part] = []
        if session.read_only:
            parts.append(Part("READ-ONLY", "bold $text-warning", 0))
        if desk.activity.paused:
            parts.append(Part("paused", "$text-warning", 2))
        tasks = desk.activity.tasks()
        if tasks:
            parts.append(Part(_progress(tasks, now), "$text-primary", 5))
        if not session.signed_in:
            parts.append(Part(clean(session.message) or "not signed in", "$text-warning", 3))
        if self._problems:
            parts.append(Part(f"✗ {count(self._problems, 'problem')}", "$text-error", 4))
        if self._oldest is None:
            parts.append(Part("nothing read yet", "$text-warning", 1))
        else:
            words = f"data {age(self._oldest.fetched_at, now)} old"
            stale = now - self._oldest.fetched_at > desk.stale_after
            parts.append(Part(f"{words}, STALE", "bold $text-warning", 1) if stale else Part(words, "$text-success", 1))
        return parts


def _length(parts: list[Part]) -> int:
    return sum(cell_len(part.text) for part in parts) + SEPARATOR.cell_length * (len(parts) - 1)


def _progress(tasks: tuple[Task, ...], now: datetime) -> str:
    """What the latest task has done, of how much, for how long or why it waits; and how many tasks more there are."""
    task = tasks[-1]
    done = f" {task.done:,}/{task.total:,}" if task.total else (f" {task.done:,}" if task.done else "")
    note = f" ({clean(task.note)})" if task.note else f" {span((now - task.started).total_seconds())}"
    more = f" +{len(tasks) - 1}" if len(tasks) > 1 else ""
    return f"◐ {clean(task.what)}{done}{note}{more}"

"""The status bar: where, as whom, how old the data is, what is under way, what went wrong. One line, painted as a line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from cache.activity import Task
from cache.model import Standing
from cache.text import clean
from screens.desk import Desk
from screens.words import age, count, span

SEPARATOR = Content(" · ")


@dataclass(frozen=True, slots=True)
class Part:
    """Something at the right end of the bar. Where the room is short, the part of the highest rank gives way first: it says the same in
    fewer words, if it has them, and then goes away."""

    text: str
    style: str
    rank: int
    short: str = ""


class StatusBar(Widget):
    """One line for the whole console. ``facts`` are handed in by the screen after each reading of the cache."""

    DEFAULT_CSS = """
    StatusBar { height: 1; background: $panel; color: $foreground; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._standing = Standing()
        self._problems = 0
        self._plain = ""

    def show(self, standing: Standing, problems: int) -> None:
        """How fresh the data is that the screen stands on, and how many problems are remembered."""
        self._standing, self._problems = standing, problems
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
        while _length(parts) + 2 > self.size.width and (len(parts) > 1 or parts[0].short):
            place = parts.index(max(parts, key=lambda part: part.rank))
            parts[place : place + 1] = [replace(parts[place], text=parts[place].short, short="")] if parts[place].short else []
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
            long, short = _progress(tasks, now, desk.slow_line)
            parts.append(Part(long, "$text-primary", 5, short))
        if desk.slow_line:
            parts.append(Part("slow line", "", 6))
        if not session.signed_in:
            parts.append(Part(clean(session.message) or "not signed in", "$text-warning", 3))
        if self._problems:
            parts.append(Part(f"✗ {count(self._problems, 'problem')}", "$text-error", 4))
        parts.append(self._freshness(now))
        return parts

    def _freshness(self, now: datetime) -> Part:
        """How old the oldest data is of what can be read, of how many subscriptions it is too old, and how many cannot be read."""
        standing, oldest = self._standing, self._standing.oldest
        unreadable = f", {standing.unreadable:,} unreadable" if standing.unreadable else ""
        if oldest is None:
            return Part(f"nothing read yet{unreadable}", "$text-warning", 1)
        words = f"data {age(oldest.fetched_at, now, self._desk.slow_line)} old"
        if now - oldest.fetched_at > self._desk.stale_limit(oldest.source):
            return Part(f"{words}, STALE{unreadable}", "bold $text-warning", 1)
        if standing.stale:
            stale = f"{standing.stale:,} of {count(standing.subscriptions, 'subscription')} STALE"
            return Part(f"{words}, {stale}{unreadable}", "bold $text-warning", 1, f"{words}, {standing.stale:,} STALE{unreadable}")
        return Part(f"{words}{unreadable}", "$text-warning" if unreadable else "$text-success", 1)


def _length(parts: list[Part]) -> int:
    return sum(cell_len(part.text) for part in parts) + SEPARATOR.cell_length * (len(parts) - 1)


def _progress(tasks: tuple[Task, ...], now: datetime, coarse: bool) -> tuple[str, str]:
    """What the latest task has done, of how much, how fast, for how much longer (or for how long so far, and in how many pages, while that
    is not known) or why it waits; and how many others run. The same in fewer words."""
    task = tasks[-1]
    what, more = clean(task.what), f" +{len(tasks) - 1}" if len(tasks) > 1 else ""
    seconds, left = (now - task.started).total_seconds(), task.seconds_left(now)
    done = f" {task.done:,}/{task.total:,}" if task.total else (f" {task.done:,}" if task.done else "")
    short = f" {min(100, task.done * 100 // task.total)} %" if task.total else done
    if task.pages and left is None:
        done += f" in {count(task.pages, 'page')}"
    if task.pages and seconds >= 1 and task.done >= seconds:
        done += f", {task.done / seconds:,.0f}/s"
    if task.note:
        told = short_told = f" ({clean(task.note)})"
    elif left is not None:
        told, short_told = f", about {span(left, coarse)} left", f", {span(left, coarse)} left"
    else:
        told = short_told = f" {span(seconds, coarse)}"
    return f"◐ {what}{done}{told}{more}", f"◐ {what}{short}{short_told}{more}"

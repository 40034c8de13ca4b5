"""What the console is doing right now: the only thing that workers tell screens and that is not kept in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cache.clock import Clock

READING = "sync"
"""The key of the task that reads Azure."""

SOON = 5
"""Seconds of a task after which its pace tells something."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something under way. ``done`` of ``total`` (``None``: not known yet), in ``pages`` of an answer; ``note`` says what holds it up.

    ``before`` of it was done when the task began: what was done long ago tells nothing of how fast it is.
    """

    key: str
    what: str
    started: datetime
    done: int = 0
    total: int | None = None
    note: str = ""
    pages: int = 0
    before: int = 0

    def seconds_left(self, now: datetime) -> float | None:
        """How long it still takes at the pace so far; ``None`` where nothing can be said yet."""
        seconds, got = (now - self.started).total_seconds(), self.done - self.before
        if self.total is None or self.done > self.total or got <= 0 or seconds < SOON:
            return None
        return (self.total - self.done) * seconds / got


class Activity:
    """The tasks under way, in the order in which they began. Subscribers are called after every change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, Task] = {}
        self._failures: dict[str, str] = {}
        self._subscribers: list[Callable[[], None]] = []
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether the user has paused the polling."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Remember whether polling is paused."""
        self._paused = paused
        self._tell()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after every change; the returned function ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def begin(self, key: str, what: str, total: int | None = None, done: int = 0) -> None:
        """A task starts, or starts over; ``done`` of it is done already."""
        self._failures.pop(key, None)
        self._tasks[key] = Task(key, what, self._clock.now(), done, total, before=done)
        self._tell()

    def advance(
        self, key: str, done: int | None = None, total: int | None = None, note: str | None = None, pages: int | None = None
    ) -> None:
        """A task got on, or says what holds it up. A task that is not under way is left alone."""
        task = self._tasks.get(key)
        if task is None:
            return
        self._tasks[key] = replace(
            task,
            done=task.done if done is None else done,
            total=task.total if total is None else total,
            note=task.note if note is None else note,
            pages=task.pages if pages is None else pages,
        )
        self._tell()

    def end(self, key: str, failure: str = "") -> None:
        """A task is over; ``failure`` says why it came to nothing, and is remembered until it begins anew."""
        if failure:
            self._failures[key] = failure
        if self._tasks.pop(key, None) is not None or failure:
            self._tell()

    def failure(self, key: str) -> str:
        """Why a task came to nothing the last time; empty if it did not."""
        return self._failures.get(key, "")

    def tasks(self) -> tuple[Task, ...]:
        """What is under way."""
        return tuple(self._tasks.values())

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            callback()

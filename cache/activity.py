"""What the console is doing right now: the only thing that workers tell screens and that is not kept in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cache.clock import Clock


@dataclass(frozen=True, slots=True)
class Task:
    """Something under way. ``done`` of ``total`` (``None``: not known yet); ``note`` says what holds it up, if anything."""

    key: str
    what: str
    started: datetime
    done: int = 0
    total: int | None = None
    note: str = ""


class Activity:
    """The tasks under way, in the order in which they began. Subscribers are called after every change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, Task] = {}
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

    def begin(self, key: str, what: str, total: int | None = None) -> None:
        """A task starts, or starts over."""
        self._tasks[key] = Task(key, what, self._clock.now(), total=total)
        self._tell()

    def advance(self, key: str, done: int | None = None, total: int | None = None, note: str | None = None) -> None:
        """A task got on, or says what holds it up. A task that is not under way is left alone."""
        task = self._tasks.get(key)
        if task is None:
            return
        self._tasks[key] = replace(
            task,
            done=task.done if done is None else done,
            total=task.total if total is None else total,
            note=task.note if note is None else note,
        )
        self._tell()

    def end(self, key: str) -> None:
        """A task is over, however it ended."""
        if self._tasks.pop(key, None) is not None:
            self._tell()

    def tasks(self) -> tuple[Task, ...]:
        """What is under way."""
        return tuple(self._tasks.values())

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            callback()

"""The detection tests of machines as screens see them: what is planned, under way or waited for, and what came of it. No file keeps it:
what was sent and what was waited for stands in the journal, and the alert in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class DetectionPhase(StrEnum):
    """How far the test of a machine is."""

    NONE = "none"
    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"
    WAITING = "waiting"
    SEEN = "seen"
    NOT_SEEN = "not seen"


UNDER_WAY = frozenset((DetectionPhase.PLANNING, DetectionPhase.RUNNING, DetectionPhase.WAITING))
"""While the test of a machine is at one of these, nothing else of it can begin."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The detection test of one machine.

    ``way``: how its script would be run, in words, with the ``right`` that takes; ``obstacle``: why it cannot be. ``began``: when it was
    sent, or the waiting for it began; ``until``: how long its alert is waited for. ``said``: what came of running it, and whether it ran
    for ``certain``; ``problem``: what went wrong; ``alert_id``: the alert that came.
    """

    machine_id: str
    name: str = ""
    phase: DetectionPhase = DetectionPhase.NONE
    plan_id: str = ""
    planned_at: datetime | None = None
    script: str = ""
    way: str = ""
    right: str = ""
    obstacle: str = ""
    began: datetime | None = None
    until: datetime | None = None
    ended: datetime | None = None
    said: str = ""
    certain: bool = True
    problem: str = ""
    alert_id: str = ""


class Detections:
    """The tests of all machines of which something is known. Subscribers are called after every change."""

    def __init__(self) -> None:
        self._known: dict[str, Detection] = {}
        self._subscribers: list[Callable[[], None]] = []

    def of(self, machine_id: str) -> Detection:
        """The test of a machine."""
        return self._known.get(machine_id.lower()) or Detection(machine_id)

    def known(self) -> tuple[Detection, ...]:
        """All of which something is known, in the order in which they were first asked for."""
        return tuple(self._known.values())

    def change(self, machine_id: str, **values: Any) -> None:
        """The test of a machine got on."""
        self._known[machine_id.lower()] = replace(self.of(machine_id), **values)
        for callback in tuple(self._subscribers):
            callback()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after every change; the returned function ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

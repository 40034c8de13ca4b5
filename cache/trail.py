"""What the audit trail proves: which setting was written from here when, by whom and under which plan, and which detection tests were run.

Pure functions over entries of the journal, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cache.changes import APPLY_PLAN, WRITES
from cache.model import AuditEntry
from cache.values import moment_or_none

DETECTION_TEST = "detection-test"
"""Somebody waits for the alert of a detection test; its target is the machine's id. One entry of the audit trail tells that the waiting
began (outcome ``begun``), with the alert's title as ``after``; another how it ended: ``before`` is when it began, ``after`` the id of the
alert (empty where none came), the outcome ``confirmed: …``, ``failed: …`` or ``interrupted: …``."""

RUN_TEST = "run-detection-test"
"""The script of a detection test is run on a machine, from here; its target is the machine's id."""

TOLD = WRITES | {APPLY_PLAN, DETECTION_TEST, RUN_TEST}
"""The actions that these functions read."""

STARTED, BEGUN, CONFIRMED = "started", "begun", "confirmed"


@dataclass(frozen=True, slots=True)
class Written:
    """The last write of a setting from here, also of the Defender for Servers plan and of the provider's registration: the entry that tells
    how it ended, and the plan that it belongs to (empty: none is known)."""

    setting: str
    before: str
    after: str
    outcome: str
    at: datetime
    by: str
    sequence: int
    hash: str
    plan_id: str = ""

    @property
    def confirmed(self) -> bool:
        """Whether Azure was read back and had the value."""
        return self.outcome == CONFIRMED


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody waited for the alert of a detection test on a machine. ``outcome``: ``begun`` (not ended, as far as is written down),
    ``confirmed``, ``failed`` or ``interrupted``; ``words`` say more. ``sequence`` and ``hash`` are those of the last entry about it."""

    machine_id: str
    title: str
    began: datetime
    by: str
    outcome: str
    words: str
    ended: datetime | None
    alert_id: str
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Run:
    """A detection test that was run on a machine from here: when it was sent, by whom, and the last entry about it."""

    machine_id: str
    at: datetime
    by: str
    sequence: int
    hash: str


def last_writes(entries: Iterable[AuditEntry]) -> dict[str, dict[str, Written]]:
    """The last write of each setting, by subscription id in lower case and name of the setting."""
    plan = ""
    plans: dict[str, str] = {}
    found: dict[str, dict[str, Written]] = {}
    for entry in entries:
        if entry.action == APPLY_PLAN:
            plan = entry.target if entry.outcome == STARTED else ""
        if entry.action not in WRITES:
            continue
        key = entry.target.lower()
        if entry.outcome == STARTED:
            plans[key] = plan
        subscription_id, _, setting = entry.target.partition("/")
        found.setdefault(subscription_id.lower(), {})[setting] = Written(
            setting,
            entry.before,
            entry.after,
            entry.outcome,
            entry.at,
            entry.actor,
            entry.sequence,
            entry.hash,
            plans.get(key, ""),
        )
    return found


def waitings(entries: Iterable[AuditEntry]) -> list[Waiting]:
    """Every waiting for a test alert, in the order in which they began."""
    found: dict[tuple[str, datetime | None], Waiting] = {}
    titles: dict[str, str] = {}
    for entry in entries:
        if entry.action != DETECTION_TEST:
            continue
        low = entry.target.lower()
        kind, _, words = entry.outcome.partition(":")
        if kind == BEGUN:
            titles[low] = entry.after
            found[low, entry.at] = Waiting(
                entry.target, entry.after, entry.at, entry.actor, BEGUN, "", None, "", entry.sequence, entry.hash
            )
            continue
        began = moment_or_none(entry.before) or entry.at
        known = [key for key, one in found.items() if key[0] == low and one.outcome == BEGUN and one.began >= began]
        key = known[0] if known else (low, began)
        found[key] = Waiting(
            entry.target,
            found[key].title if known else titles.get(low, ""),
            began,
            entry.actor,
            kind,
            words.strip(),
            entry.at,
            entry.after,
            entry.sequence,
            entry.hash,
        )
    return sorted(found.values(), key=lambda one: (one.began, one.sequence))


def runs_of_tests(entries: Iterable[AuditEntry]) -> list[Run]:
    """Every detection test that was run from here, in that order; not those of which it is written down that they did not run."""
    found: list[Run] = []
    places: dict[str, int] = {}
    for entry in entries:
        if entry.action != RUN_TEST:
            continue
        low = entry.target.lower()
        if entry.outcome == STARTED:
            places[low] = len(found)
            found.append(Run(entry.target, entry.at, entry.actor, entry.sequence, entry.hash))
        elif low in places:
            begun = found[places[low]]
            kept = "" if entry.outcome.startswith("failed") else begun.machine_id
            found[places[low]] = Run(kept, begun.at, begun.by, entry.sequence, entry.hash)
    return [one for one in found if one.machine_id]

"""What became of a plan, as the journal tells it: written down before each change was sent, and after Azure was read back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cache.changes import APPLY_PLAN, NOT_APPLIED, WRITES, kind_of, told_name, writes_of
from cache.journal import Journal
from cache.model import AuditEntry, Intent, Plan, SubscriptionPlan
from screens.words import moment

RECENT = 1000
"""Entries of the audit trail that are looked through, besides those that the last plan may have caused."""

CONFIRMED, STARTED, FAILED, UNKNOWN, WAITING, UNSENT = "confirmed", "under way", "failed", "not known", "waiting", "not sent"
MOVED = "changed"


class Trail:
    """The last write of each setting, and the writes that were begun and never ended. Of the audit trail only what is new is read."""

    def __init__(self) -> None:
        self.unfinished: list[Intent] = []
        """The writes of which nobody knows how they ended, and which no later write of the same setting has settled."""
        self._last = 0
        self._writes: dict[str, AuditEntry] = {}
        self._settled: dict[str, int] = {}
        self._applied: dict[str, AuditEntry] = {}
        self._refused: dict[str, AuditEntry] = {}

    async def read(self, journal: Journal, plan: Plan | None) -> None:
        """Read what has been written since the last time; at first as far back as ``plan`` may have been applied."""
        limit = None if self._last else RECENT + 4 * (plan.changes if plan is not None else 0)
        unfinished = await journal.unfinished()
        for entry in await journal.entries(limit, after=self._last):
            self._last = entry.sequence
            if entry.action == APPLY_PLAN:
                self._applied[entry.target] = entry
            if entry.action == NOT_APPLIED:
                self._refused[entry.target.lower()] = entry
            if entry.action in WRITES:
                self._writes[entry.target.lower()] = entry
                if kind_of(entry.outcome) == "confirmed":
                    self._settled[entry.target.lower()] = entry.sequence
        self.unfinished = [one for one in unfinished if one.action in WRITES and self._settled.get(one.target.lower(), 0) < one.sequence]

    def writes(self, plan: Plan, one: SubscriptionPlan) -> list[AuditEntry | None]:
        """The last entry about each write that ``plan`` has for a subscription; ``None`` where there is none since it was made."""
        found = [self._writes.get(write.target(one.id).lower()) for write in writes_of(one)]
        return [entry if entry is not None and entry.at >= plan.created_at else None for entry in found]

    def refusal(self, plan: Plan, one: SubscriptionPlan) -> str:
        """Why nothing was sent for a subscription when ``plan`` was applied, as ``code: message``; empty where that was not so."""
        entry = self._refused.get(one.id.lower())
        return entry.outcome if entry is not None and entry.before == plan.id else ""

    def applied(self, plan: Plan) -> str:
        """When and by whom ``plan`` was applied last, as the end of a sentence; empty where that is not known."""
        entry = self._applied.get(plan.id)
        return f", {moment(entry.at)} by {entry.actor}" if entry is not None else ""

    def left_off(self, plan: Plan) -> str:
        """``stopped`` after its canary or ``interrupted``, where ``plan`` was left off like that; else empty."""
        entry = self._applied.get(plan.id)
        kind = entry.outcome.partition(" ")[0].rstrip(":") if entry is not None else ""
        return kind if kind in {"stopped", "interrupted"} else ""

    def stopped_at(self, plan: Plan) -> datetime | None:
        """When ``plan`` was stopped after its canary, if it was left off like that."""
        return self._applied[plan.id].at if self.left_off(plan) == "stopped" else None

    def tells_of(self, plan: Plan) -> bool:
        """Whether anything has been written of what ``plan`` would write, or was refused to be."""
        return any(self.refusal(plan, one) or any(entry is not None for entry in self.writes(plan, one)) for one in plan.subscriptions)


def outcome(entries: Sequence[AuditEntry | None], running: bool, waits: bool = False, refusal: str = "") -> tuple[str, str]:
    """How a subscription stands of whose writes these are the last entries, and that in words. ``running``: the plan is being applied;
    ``waits``: what was not sent comes later, after the canary; ``refusal``: why nothing was sent, as ``code: message``."""
    sent = [entry for entry in entries if entry is not None]
    for entry in sent:
        kind, _, why = entry.outcome.partition(":")
        setting = told_name(entry.target.partition("/")[2])
        if kind == "failed":
            return FAILED, why.strip() or f"{setting} was not written"
        if kind == "started":
            if running:
                return STARTED, f"{setting} {_value(entry.before)} → {_value(entry.after)} is sent and read back"
            return UNKNOWN, f"{setting} was sent and nobody knows how that ended; plan again"
        if kind != "confirmed":
            return UNKNOWN, f"{why.strip() or entry.outcome}; plan again"
    if len(sent) == len(entries):
        last = max(sent, key=lambda entry: entry.sequence, default=None)
        return CONFIRMED, f"Azure was read back, {moment(last.at)}, {last.actor}" if last is not None else "Azure was read back"
    if running:
        return WAITING, "nothing is sent yet"
    if refusal:
        code, _, why = refusal.partition(": ")
        return MOVED if code == "moved" else UNSENT, why
    if waits and not sent:
        return WAITING, "it comes after the canary"
    return UNSENT, "the rest of its settings; plan again" if sent else "9 (Log) says why; plan again"


def _value(word: str) -> str:
    """A setting's value as plans have it."""
    return "not set" if word == "absent" else word

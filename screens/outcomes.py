"""What became of a plan, as the journal tells it: written down before each change was sent, and after Azure was read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cache.model import AuditEntry, Intent, Plan, PlanAction, SubscriptionPlan
from cache.plan_text import changed, setting_line
from screens.widgets.document import Block, heading

PUT_SETTING = "put-setting"
"""The audit trail's name of a write of a setting; its target is the subscription's id, a slash and the setting's name."""

CONFIRMED, STARTED, FAILED, UNKNOWN, WAITING, UNSENT = "confirmed", "under way", "failed", "not known", "waiting", "not sent"
SHAPES: dict[str, tuple[str, str]] = {
    FAILED: ("✗", "bad"),
    UNKNOWN: ("?", "warn"),
    UNSENT: ("–", "warn"),
    STARTED: ("◐", "busy"),
    WAITING: ("○", "muted"),
    CONFIRMED: ("✓", "good"),
}
"""How a subscription can stand, with shape and tone; what somebody must look at comes first."""


def entries_of(plan: Plan, entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """The entries that tell of this plan's writes."""
    targets = {f"{one.id}/{change.name}".lower() for one in plan.subscriptions for change in one.settings}
    return [one for one in entries if one.action == PUT_SETTING and one.at >= plan.created_at and one.target.lower() in targets]


def still_open(unfinished: Sequence[Intent], entries: Sequence[AuditEntry]) -> list[Intent]:
    """The writes that were begun, of which nobody knows how they ended, and which no later write of the same setting has settled."""
    settled = {one.target.lower(): one.sequence for one in entries if one.action == PUT_SETTING and one.outcome == "confirmed"}
    return [one for one in unfinished if one.action == PUT_SETTING and settled.get(one.target.lower(), 0) < one.sequence]


def outcome_blocks(plan: Plan, entries: Sequence[AuditEntry], *, running: bool) -> list[Block]:
    """What became of every subscription that was to be changed, and what comes next. ``running``: the plan is being applied now."""
    last = {entry.target.lower(): entry for entry in entries}
    told = [(one, *_outcome(one, last, running)) for one in changed(plan)]
    counts = Counter(how for _, how, _ in told)
    summary = ", ".join(f"{counts[how]:,} {how}" for how in SHAPES if counts[how])
    found = [*heading(f"What became of it: {summary}")[1:]]
    for one, how, words in sorted(told, key=lambda item: list(SHAPES).index(item[1])):
        shape, tone = SHAPES[how]
        found.append(Block(f"{shape} {one.name} · {how}: {words}", tone, indent=2))
        if how == CONFIRMED:
            found.append(Block(setting_line(one), "muted", indent=4))
    if counts[CONFIRMED] and not running:
        enabling = plan.action is PlanAction.ENABLE
        watch = "Press 4 to watch the machines come aboard. Onboarding might take up to 24 hours."
        found.append(Block(watch if enabling else "Machines that are aboard stay so until they are offboarded: press 4.", "accent"))
    return found


def _outcome(one: SubscriptionPlan, last: dict[str, AuditEntry], running: bool) -> tuple[str, str]:
    """How a subscription stands, and that in words."""
    entries = [last.get(f"{one.id}/{change.name}".lower()) for change in one.settings]
    sent = [entry for entry in entries if entry is not None]
    for entry in sent:
        kind, _, why = entry.outcome.partition(":")
        setting = entry.target.partition("/")[2]
        if kind == "failed":
            return FAILED, why.strip() or f"{setting} was not written"
        if kind == "started":
            if running:
                return STARTED, f"{setting} {_value(entry.before)} → {_value(entry.after)} is sent and read back"
            return UNKNOWN, f"{setting} was sent and nobody knows how that ended; plan again"
        if kind != "confirmed":
            return UNKNOWN, f"{why.strip() or entry.outcome}; plan again"
    if len(sent) == len(entries):
        return CONFIRMED, "Azure was read back"
    if running:
        return WAITING, "nothing is sent yet"
    return UNSENT, "the rest of its settings; plan again" if sent else "9 (Log) says why; plan again"


def _value(word: str) -> str:
    """A setting's value as plans have it."""
    return "not set" if word == "absent" else word

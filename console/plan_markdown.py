"""A plan as a document for people: everything that the JSON has, each machine included, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cache import markdown
from cache.markdown import table
from cache.model import Fate, MachineFate, Plan, SubscriptionPlan
from cache.plan_text import (
    CASE_WORDS,
    FATE_WORDS,
    PORTAL_WORDS,
    STEP_MEANS,
    STEP_WORDS,
    changed,
    headline,
    machines_told,
    setting_line,
    value_word,
)


def plan_markdown(plan: Plan) -> str:
    """The plan whole: what is written, what becomes of each machine, what cannot be undone, what blocks it and who can clear that."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    yield f"# Plan {markdown.text(plan.id)}"
    yield ""
    yield f"**{markdown.text(headline(plan))}.**"
    yield ""
    yield f"- Made: {plan.created_at:%Y-%m-%d %H:%M:%S} UTC by {markdown.text(plan.principal or 'an unknown user')}"
    yield f"- Cloud: {markdown.text(plan.cloud)}, tenant {markdown.text(plan.tenant_id)}"
    yield "- Nothing is written before somebody confirms exactly this plan."
    if told := machines_told(changed(plan)):
        yield from ("", "## Machines of all subscriptions to which something is written", "", *(f"- {one}" for one in told))
    yield from _blockers(plan)
    if plan.subscriptions:
        yield from ("", "## Each subscription", "")
        yield from table(
            ("Subscription", "Case", "Change", "Onboarded by it", "Undone", "Blocked by"), map(_row, plan.subscriptions), _RIGHT
        )
    for one in plan.subscriptions:
        yield from _subscription(one)


_RIGHT = ("Onboarded by it",)


def _row(one: SubscriptionPlan) -> tuple[object, ...]:
    undone = "not" if one.irreversible else ""
    blocked = "; ".join(each.message for each in one.blockers)
    onboards = "" if one.blockers else one.count(Fate.ONBOARD)
    return one.name, CASE_WORDS.get(one.case, one.case), setting_line(one) or "nothing", onboards, undone, blocked


def _blockers(plan: Plan) -> Iterator[str]:
    counts = Counter((each.message, each.who) for one in plan.subscriptions for each in one.blockers)
    if counts:
        yield from ("", "## What blocks it, and who can clear that", "")
        rows = [(message, who, number) for (message, who), number in counts.most_common()]
        yield from table(("What blocks", "Who can clear it", "Subscriptions"), rows, right=("Subscriptions",))


def _subscription(one: SubscriptionPlan) -> Iterator[str]:
    yield from ("", f"## {markdown.text(one.name)}", "")
    yield f"Id {markdown.text(one.id)}. Case: {markdown.text(CASE_WORDS.get(one.case, one.case))}. {markdown.text(one.why)}"
    if one.blockers:
        yield ""
        for blocker in one.blockers:
            who = f" Who can clear it: {markdown.text(blocker.who)}" if blocker.who else ""
            yield f"- **Blocked:** {markdown.text(blocker.message)}{who}"
    yield ""
    if one.changes:
        yield from table(("Would be written" if one.blockers else "Written", "Before", "After", "Which means"), _writes(one))
    else:
        yield "Nothing is written."
    notes = [*(f"**Cannot be undone:** {markdown.text(each)}" for each in one.irreversible), *map(markdown.text, one.warnings)]
    if notes:
        yield from ("", *(f"- {each}" for each in notes))
    if one.fates and one.blockers and one.changes:
        yield from ("", "If it were not blocked:")
    for fate, (single, many) in FATE_WORDS.items():
        if met := [machine for machine in one.fates if machine.fate is fate]:
            words = f"{len(met):,} machine{'' if len(met) == 1 else 's'} {single if len(met) == 1 else many}"
            yield from ("", f"### {markdown.text(words)}", "")
            yield from table(("Machine", "System", "Why"), map(_machine, met))


def _writes(one: SubscriptionPlan) -> Iterator[tuple[object, ...]]:
    for step in one.steps:
        yield STEP_WORDS.get(step.kind, step.kind), step.before, step.after, STEP_MEANS.get(step.kind, "")
    for change in one.settings:
        words = PORTAL_WORDS.get((change.name, change.after), "")
        yield change.name, value_word(change.before), value_word(change.after), words


def _machine(one: MachineFate) -> tuple[object, ...]:
    return one.name, one.os_type, one.reason

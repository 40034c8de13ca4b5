"""A plan in words: the same for the screen and for the verbs. Azure's names of settings beside the portal's words."""

from __future__ import annotations

from collections.abc import Iterator

from cache.model import Fate, Plan, PlanAction, SubscriptionPlan

PORTAL_WORDS = {
    "WDATP": "Allow Microsoft Defender for Endpoint to access my data",
    "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW": "exclude Linux machines (false is Enable for Linux machines)",
    "WDATP_UNIFIED_SOLUTION": "unified solution for Windows Server 2012 R2 and 2016",
}

FATE_WORDS: dict[Fate, str] = {
    Fate.ONBOARD: "will be onboarded",
    Fate.RECONFIGURE: "have an earlier Defender that will be reconfigured",
    Fate.ALREADY_ON: "are on already",
    Fate.IGNORED: "are ignored (another fanotify product)",
    Fate.BLOCKED: "are blocked for now",
    Fate.UNSUPPORTED: "have an unsupported system",
    Fate.UNKNOWN: "cannot be foretold",
    Fate.UNPROTECTED: "are no longer managed by the integration",
}
"""What becomes of machines, in the order in which it is told."""

NAMED = 5
"""Machines that are named for each fate that needs somebody's attention."""


def value_word(value: bool | None) -> str:
    """A setting's value: ``true``, ``false`` or ``not set``."""
    return "not set" if value is None else str(value).lower()


def headline(plan: Plan) -> str:
    """What the plan comes to, in a line."""
    blocked = sum(1 for one in plan.subscriptions if one.blockers)
    verb = "Enable" if plan.action is PlanAction.ENABLE else "Disable"
    many = len(plan.subscriptions)
    parts = [f"{verb}: {many} subscription{'s' if many != 1 else ''}", f"{plan.changes} setting{'s' if plan.changes != 1 else ''} to write"]
    if blocked:
        parts.append(f"{blocked} blocked")
    return ", ".join(parts)


def plan_lines(plan: Plan) -> list[str]:
    """The plan as lines of text."""
    found = [f"Plan {plan.id} of {plan.created_at:%Y-%m-%d %H:%M} UTC. {headline(plan)}."]
    for one in plan.subscriptions:
        found += ["", *subscription_lines(one)]
    return found


def subscription_lines(one: SubscriptionPlan) -> Iterator[str]:
    """One subscription of a plan as lines of text."""
    yield f"{one.name} ({one.id})"
    yield f"  Case: {one.case}. {one.why}"
    for change in one.settings:
        yield f"  Write {change.name}: {value_word(change.before)} → {value_word(change.after)}"
        if words := PORTAL_WORDS.get(change.name):
            yield f"    {words}"
    if not one.settings:
        yield "  Nothing to write."
    for fate, words in FATE_WORDS.items():
        met = [machine for machine in one.fates if machine.fate is fate]
        if not met:
            continue
        yield f"  {len(met)} machine{'s' if len(met) != 1 else ''} {words}"
        if fate in {Fate.IGNORED, Fate.BLOCKED, Fate.UNSUPPORTED, Fate.UNKNOWN, Fate.RECONFIGURE}:
            for machine in met[:NAMED]:
                yield f"    {machine.name}: {machine.reason}"
            if len(met) > NAMED:
                yield f"    and {len(met) - NAMED} more"
    for blocker in one.blockers:
        yield f"  BLOCKED: {blocker.message}"
        yield f"    Who can clear it: {blocker.who}"
    for sentence in one.warnings:
        yield f"  Note: {sentence}"
    for sentence in one.irreversible:
        yield f"  Cannot be undone: {sentence}"

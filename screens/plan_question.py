"""The question before a plan is applied: everything that is to be known first, and what has to be typed."""

from __future__ import annotations

from collections.abc import Sequence

from cache.model import Plan, PlanAction, SubscriptionPlan
from cache.plan_text import bill_told, machines_told, setting_line
from screens.dialogs import TypedConfirmDialog
from screens.words import count

NAMED = 10
"""Subscriptions that are listed one by one."""


def question(
    plan: Plan,
    ready: Sequence[SubscriptionPlan],
    *,
    after: int = 0,
    so_far: Sequence[str] = (),
    changed: Sequence[str] = (),
) -> TypedConfirmDialog:
    """Ask whether to write ``ready`` of ``plan``. ``after``: so many subscriptions come after it, when asked again; ``so_far``: how those
    stand that were written before; ``changed``: what Azure has now that it had not when it was planned before."""
    enabling = plan.action is PlanAction.ENABLE
    lines = ["Azure has changed since the plan, so nothing was sent there:", *changed, "Planned anew:"] if changed else []
    if so_far:
        lines += ["So far:", *so_far, "", "Now:"]
    lines += [f"{one.name}: {setting_line(one)}" for one in ready[:NAMED]]
    if len(ready) > NAMED:
        lines.append(f"and {count(len(ready) - NAMED, 'more subscription')}")
    warnings = [sentence for one in ready for sentence in one.warnings]
    bills = [sentence for sentence in warnings if "is billed by machine. " in sentence]
    lines += bills if len(ready) == 1 else [f"{bill} What one costs is not known here." for bill in (bill_told(ready),) if bill]
    if after:
        these = "This one" if len(ready) == 1 else "These"
        lines.append(f"{these} first; {count(after, 'subscription')} after {'it' if len(ready) == 1 else 'them'} only when you say so (a).")
    elif blocked := sum(1 for one in plan.subscriptions if one.blockers):
        lines.append(f"{count(blocked, 'blocked subscription')} left as {'it is' if blocked == 1 else 'they are'}")
    lines += ["", *machines_told(ready), ""]
    lines += dict.fromkeys(f"Cannot be undone: {sentence}" for one in ready for sentence in one.irreversible)
    lines += dict.fromkeys(sentence for sentence in warnings if sentence not in bills)
    verb = "Enable" if enabling else "Disable"
    if len(ready) == 1:
        expected, subscription_id, title = ready[0].name, ready[0].id, _title(plan, ready)
    else:
        expected, subscription_id = f"{verb.lower()} {len(ready)} subscriptions", ""
        title = f"{_title(plan, ready)}: {count(len(ready), 'subscription')}"
    return TypedConfirmDialog(title, lines, expected, verb, subscription_id, dangerous=True)


def _title(plan: Plan, ready: Sequence[SubscriptionPlan]) -> str:
    if plan.action is not PlanAction.ENABLE:
        return "Disable the integration, for Windows and Linux together"
    if not any(one.settings for one in ready):
        return "Prepare for the integration" if any(one.case == "unregistered" for one in ready) else "Switch Defender for Servers"
    if all(one.case == "already-on" for one in ready):
        return "Add to what is on already"
    windows_too = any(one.case == "never-enabled" for one in ready)
    return "Enable for Windows and Linux machines" if windows_too else "Enable for Linux machines"


def differences(before: SubscriptionPlan, now: SubscriptionPlan, refusal: str) -> list[str]:
    """What is planned otherwise than before, and why nothing was sent."""
    found = [f"{now.name}: {refusal}" if refusal else f"{now.name}:"]
    found.append(f"  planned before: {setting_line(before) or 'nothing'}")
    told = "; ".join(blocker.message for blocker in now.blockers) or setting_line(now) or "nothing to write any more"
    found.append(f"  planned now: {told}")
    return found

"""A plan in words: the same for the screen and for the verbs. Azure's names of settings beside the portal's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cache.model import Extras, Fate, MachineFate, Plan, PlanAction, SubscriptionPlan

PORTAL_WORDS: dict[tuple[str, bool], str] = {
    ("WDATP", True): "in the portal: “Allow Microsoft Defender for Endpoint to access my data” is selected",
    ("WDATP", False): "in the portal: “Allow Microsoft Defender for Endpoint to access my data” is cleared",
    ("WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", False): "in the portal: “Enable for Linux machines”",
    ("WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", True): "in the portal: Linux machines are left out",
    ("WDATP_UNIFIED_SOLUTION", True): "in the portal: the unified solution for Windows Server 2012 R2 and 2016 is on",
    ("WDATP_UNIFIED_SOLUTION", False): "in the portal: the unified solution for Windows Server 2012 R2 and 2016 is off",
}
"""What writing a setting's value means in the words of the portal (seed document, *Enable the integration*)."""

STEP_WORDS = {"provider": "the registration of Microsoft.Security", "servers-plan": "Defender for Servers"}
STEP_MEANS = {
    "provider": "Azure registers the provider, which takes minutes; what comes after it waits for that",
    "servers-plan": "the pricing VirtualMachines of Defender for Cloud, which is billed by machine",
}
"""The steps that come before the settings, and what each means."""

CASE_WORDS = {
    "existing-windows": "Windows is integrated already, Linux is added",
    "never-enabled": "never enabled before",
    "already-on": "on already",
    "already-off": "off already",
    "unregistered": "not registered yet",
    "disable": "disabling",
    "unknown": "not known",
}
"""The cases of the seed (and their opposites), in words. A case that is not among them is shown as it is."""

FATE_WORDS: dict[Fate, tuple[str, str]] = {
    Fate.ONBOARD: ("will be onboarded", "will be onboarded"),
    Fate.RECONFIGURE: ("has an earlier Defender that will be reconfigured", "have an earlier Defender that will be reconfigured"),
    Fate.IGNORED: ("is ignored (another fanotify product)", "are ignored (another fanotify product)"),
    Fate.BLOCKED: ("is blocked for now", "are blocked for now"),
    Fate.UNSUPPORTED: ("has an unsupported system", "have an unsupported system"),
    Fate.UNKNOWN: ("cannot be foretold", "cannot be foretold"),
    Fate.ALREADY_ON: ("is on already", "are on already"),
    Fate.UNPROTECTED: ("is no longer managed by the integration", "are no longer managed by the integration"),
}
"""What becomes of one machine and of many, in the order in which it is told."""

EXPLAINED = frozenset((Fate.RECONFIGURE, Fate.IGNORED, Fate.BLOCKED, Fate.UNSUPPORTED, Fate.UNKNOWN))
"""The fates of which each machine has a reason of its own."""

NAMED = 5
"""Machines that are named for each fate."""


class Part(StrEnum):
    """What a line of a plan is about."""

    TITLE = "title"
    CASE = "case"
    WRITE = "write"
    FATE = "fate"
    BLOCKER = "blocker"
    WARNING = "warning"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A line of a plan, and how deep it is indented. ``detail``: it explains the line above it."""

    part: Part
    text: str
    indent: int = 2
    detail: bool = False


def value_word(value: bool | None) -> str:
    """A setting's value: ``true``, ``false`` or ``not set``."""
    return "not set" if value is None else str(value).lower()


def extras_told(extras: Extras) -> str:
    """What is asked for besides, in words; empty where nothing is."""
    found = ["the provider"] if extras.register else []
    if extras.servers_plan:
        found.append(f"Defender for Servers {extras.servers_plan}{', also where P2 is on' if extras.downgrade else ''}")
    if extras.unified:
        found.append("the unified solution")
    return ", ".join(found)


def bill_told(subscriptions: Iterable[SubscriptionPlan]) -> str:
    """For how many machines these subscriptions together are billed by a plan that is switched; empty where none is."""
    bought = [one for one in subscriptions if any(step.kind == "servers-plan" for step in one.steps)]
    if not bought:
        return ""
    machines = sum(len(one.fates) for one in bought)
    return f"Billed by machine: Defender for Servers in {_count(len(bought), 'subscription')}, {_count(machines, 'machine')} known."


def changed(plan: Plan) -> list[SubscriptionPlan]:
    """The subscriptions to which applying ``plan`` writes something."""
    return [one for one in plan.subscriptions if one.changes and not one.blockers]


def headline(plan: Plan) -> str:
    """What the plan comes to, in a line."""
    blocked = sum(1 for one in plan.subscriptions if one.blockers)
    nothing = sum(1 for one in plan.subscriptions if not one.blockers and not one.changes)
    noun = "change" if any(one.steps for one in plan.subscriptions) else "setting"
    verb = "Enable for Linux machines" if plan.action is PlanAction.ENABLE else "Disable for Windows and Linux"
    parts = [f"{verb}: {_count(len(plan.subscriptions), 'subscription')}", f"{_count(plan.changes, noun)} to write"]
    if blocked:
        parts.append(f"{blocked:,} blocked")
    if nothing:
        parts.append(f"{nothing:,} with nothing to do")
    return ", ".join(parts)


def machines_told(subscriptions: Iterable[SubscriptionPlan]) -> list[str]:
    """What becomes of the machines of these subscriptions together, a line for each fate."""
    counts = Counter(machine.fate for one in subscriptions for machine in one.fates)
    return [_fate_line(fate, counts[fate]) for fate in FATE_WORDS if counts[fate]]


def setting_line(one: SubscriptionPlan) -> str:
    """The writes for one subscription in one line."""
    steps = [f"{STEP_WORDS[step.kind]} {step.before} → {step.after}" for step in one.steps]
    return ", ".join([*steps, *(f"{change.name} {value_word(change.before)} → {value_word(change.after)}" for change in one.settings)])


def plan_lines(plan: Plan) -> list[str]:
    """The plan as lines of text."""
    found = [f"Plan {plan.id} of {plan.created_at:%Y-%m-%d %H:%M} UTC. {headline(plan)}."]
    for one in plan.subscriptions:
        found += ["", *(" " * line.indent + line.text for line in subscription_lines(one))]
    return found


def subscription_lines(one: SubscriptionPlan) -> Iterator[PlanLine]:
    """One subscription of a plan: case, blockers, writes, what cannot be undone, what to know, and what becomes of each machine."""
    yield PlanLine(Part.TITLE, f"{one.name} ({one.id})", 0)
    yield PlanLine(Part.CASE, f"Case: {CASE_WORDS.get(one.case, one.case)}. {one.why}")
    for blocker in one.blockers:
        yield PlanLine(Part.BLOCKER, f"BLOCKED: {blocker.message}")
        if blocker.who:
            yield PlanLine(Part.BLOCKER, f"Who can clear it: {blocker.who}", 4, True)
    verb = "Would write" if one.blockers else "Write"
    for step in one.steps:
        yield PlanLine(Part.WRITE, f"{verb} {STEP_WORDS[step.kind]}: {step.before} → {step.after}")
        yield PlanLine(Part.WRITE, STEP_MEANS[step.kind], 4, True)
    for change in one.settings:
        yield PlanLine(Part.WRITE, f"{verb} {change.name}: {value_word(change.before)} → {value_word(change.after)}")
        if words := PORTAL_WORDS.get((change.name, change.after)):
            yield PlanLine(Part.WRITE, words, 4, True)
    if not one.changes:
        yield PlanLine(Part.WRITE, "Nothing to write.", detail=True)
    for sentence in one.irreversible:
        yield PlanLine(Part.IRREVERSIBLE, f"Cannot be undone: {sentence}")
    for sentence in one.warnings:
        yield PlanLine(Part.WARNING, f"Note: {sentence}")
    if one.fates and one.blockers and one.changes:
        yield PlanLine(Part.FATE, "If it were not blocked:", detail=True)
    for fate in FATE_WORDS:
        if met := [machine for machine in one.fates if machine.fate is fate]:
            yield PlanLine(Part.FATE, _fate_line(fate, len(met)))
            yield from (PlanLine(Part.FATE, text, 4, True) for text in _names(fate, met))


def _names(fate: Fate, met: list[MachineFate]) -> Iterator[str]:
    more = f"and {len(met) - NAMED:,} more" if len(met) > NAMED else ""
    if fate in EXPLAINED:
        yield from (f"{machine.name}: {machine.reason}" for machine in met[:NAMED])
        if more:
            yield more
    else:
        yield ", ".join(machine.name for machine in met[:NAMED]) + (f" {more}" if more else "")


def _fate_line(fate: Fate, number: int) -> str:
    return f"{_count(number, 'machine')} {FATE_WORDS[fate][number != 1]}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

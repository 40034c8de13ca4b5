"""What the fleet looks like as a whole, and what in it needs attention next: the most urgent first, each with the way there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cache.model import AuditEntry, Diagnosis, Intent, MachineEvent, MachineState, Problem, Reading, Subscription
from cache.trail import RUN_TEST
from screens.coverage import COVERAGE_SHAPES, NO_RIGHT, Coverage, coverage
from screens.words import STATE_SHAPES, count

RUN_SCRIPT = "run-script"
"""The audit trail's name of a script that is run on a machine to verify it; it changes nothing there."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the overview stands on. Machines and alerts are those of the chosen subscriptions, or of all when none is chosen."""

    subscriptions: Sequence[Subscription] = ()
    chosen: int = 0
    states: dict[str, int] = field(default_factory=dict)
    diagnoses: Sequence[tuple[MachineState, Diagnosis, int]] = ()
    alerts: dict[str, int] = field(default_factory=dict)
    readings: Sequence[Reading] = ()
    problems: Sequence[Problem] = ()
    events: Sequence[MachineEvent] = ()
    unfinished: Sequence[Intent] = ()
    applied: AuditEntry | None = None
    """The last entry of the audit trail about a plan that was applied, if what it left can still be finished."""

    @property
    def machines(self) -> int:
        """How many machines there are."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class Attention:
    """Something to attend to: a sentence, and the screen (through a filter) that shows it."""

    id: str
    shape: str
    tone: str
    text: str
    screen: str
    filter_text: str = ""


UNCOVERED: dict[Coverage, str] = {
    Coverage.EXCLUDED: "Linux machines excluded: choose with c, then press 3",
    Coverage.OFF: "the integration never enabled: choose with c, then press 3",
    Coverage.NOT_SET: "Linux never set: choose with c, then press 3",
    Coverage.NO_PLAN: "Defender for Servers off: choose with c, press 3, then o",
    Coverage.NOT_REGISTERED: "Microsoft.Security not registered: choose with c, press 3, then o",
    Coverage.UNKNOWN: "settings that could not be read: Security Reader may be missing",
}
"""What is to be said of subscriptions of each coverage that is not yet *enabled*; ``12 subscriptions with …``."""

ACTING = (MachineState.FAILED, MachineState.UNHEALTHY, MachineState.OVERDUE, MachineState.BLOCKED, MachineState.LATE, MachineState.UNKNOWN)


def attention(facts: Facts) -> list[Attention]:
    """What to attend to, the most urgent first."""
    return [
        *_intents(facts),
        *_machines(facts, ACTING[:3]),
        *_alerts(facts),
        *_machines(facts, ACTING[3:]),
        *_subscriptions(facts),
        *_rest(facts),
    ]


def _intents(facts: Facts) -> Iterator[Attention]:
    counts = Counter(intent.action for intent in facts.unfinished)
    scripts, tests = counts[RUN_SCRIPT], counts[RUN_TEST]
    for intent in facts.unfinished:
        if intent.action in (RUN_SCRIPT, RUN_TEST):
            continue
        text = f"A change was begun and nobody knows how it ended: {intent.action} {intent.target}"
        yield Attention(f"intent {intent.sequence}", "!", "bad", text, "enable")
    entry = facts.applied
    if entry is not None and entry.outcome.startswith(("stopped", "interrupted")):
        stopped = entry.outcome.startswith("stopped")
        text = (
            "A plan waits after its canary: 3 shows how it stands, and asks" if stopped else "A plan was interrupted: 3 shows what is left"
        )
        yield Attention("plan", "◐" if stopped else "!", "busy" if stopped else "bad", text, "enable")
    if scripts:
        text = f"{count(scripts, 'script')} that only read were begun on machines; their ends are not written down yet"
        yield Attention("scripts", "◐", "busy", text, "audit")
    if tests:
        text = f"{count(tests, 'detection test')} begun on machines, not yet written down how that ended; the alert tells"
        yield Attention("tests", "◐", "busy", text, "audit")


def _machines(facts: Facts, states: Sequence[MachineState]) -> Iterator[Attention]:
    for state in states:
        shape, tone = STATE_SHAPES[state]
        left = facts.states.get(state, 0)
        by_code: dict[str, tuple[Diagnosis, int]] = {}
        for where, diagnosis, number in facts.diagnoses:
            if where is state:
                first, before = by_code.get(diagnosis.code, (diagnosis, 0))
                by_code[diagnosis.code] = (first, before + number)
        for code, (diagnosis, number) in sorted(by_code.items(), key=lambda item: (-item[1][1], item[0])):
            left -= number
            text = f"{count(number, 'machine')} {state}: {_flat(diagnosis.cause)}"
            yield Attention(f"{state} {code}", shape, tone, text, "machines", f"{state} {code}")
        if left > 0:
            yield Attention(f"{state}", shape, tone, f"{count(left, 'machine')} {state}{_meaning(state)}", "machines", str(state))


def _meaning(state: MachineState) -> str:
    return {
        MachineState.OVERDUE: ": not aboard after more than 24 hours",
        MachineState.LATE: ": not aboard in the time that is usual",
        MachineState.BLOCKED: ": something on the machine prevents it",
        MachineState.UNKNOWN: ": rights or facts are missing to say",
    }.get(state, "")


def _alerts(facts: Facts) -> Iterator[Attention]:
    for severity, tone in (("High", "bad"), ("Medium", "warn")):
        if number := facts.alerts.get(severity, 0):
            yield Attention(
                f"alerts {severity}", "▲", tone, f"{count(number, 'open alert')} of {severity.lower()} severity", "alerts", severity
            )


def _subscriptions(facts: Facts) -> Iterator[Attention]:
    troubled = {one.subscription_id.lower() for one in facts.problems}
    unread = [one for one in facts.subscriptions if coverage(one) is Coverage.UNKNOWN and one.id.lower() not in troubled]
    counts = Counter(map(coverage, facts.subscriptions))
    counts[Coverage.UNKNOWN] -= len(unread)
    for where, words in UNCOVERED.items():
        if number := counts[where]:
            shape, tone = COVERAGE_SHAPES[where]
            yield Attention(
                f"coverage {where}", shape, tone, f"{count(number, 'subscription')} with {words}", "subscriptions", where.search
            )
    if unread:
        text = f"{count(len(unread), 'subscription')} with settings that have not been read yet"
        yield Attention("unread", "?", "muted", text, "subscriptions", Coverage.UNKNOWN.search)
    done = (Coverage.ENABLED, Coverage.UNAVAILABLE)
    no_right = sum(1 for one in facts.subscriptions if one.can_enable is False and coverage(one) not in done)
    if no_right:
        text = f"{count(no_right, 'subscription')} where you have no right to enable: Security Admin or Owner can"
        yield Attention("no right", "–", "warn", text, "subscriptions", f"is:{NO_RIGHT}")


def _rest(facts: Facts) -> Iterator[Attention]:
    if facts.problems:
        yield Attention("problems", "✗", "warn", f"{count(len(facts.problems), 'problem')} in reading Azure", "log", "problem")


def _flat(text: str) -> str:
    return " ".join(text.split())

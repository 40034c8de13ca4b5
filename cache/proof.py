"""The proof that ends the walk: of each subscription whether it is enabled, onboarded, healthy, and its test alert was seen, on what that
rests, and what is not proven.

Pure functions: what is not known proves nothing, and what was read or said too long ago proves nothing of now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cache.enabling import Enabling
from cache.model import ABOARD, Alert, MachineState, Problem, Source, Subscription
from cache.trail import CONFIRMED, Run, Waiting, Written

TEST_ALERTS = {"Linux": "Enumeration of files with sensitive data", "Windows": "Suspicious PowerShell CommandLine"}
"""The title of the alert that the detection test of each system raises (seed, *Send a test alert*)."""

READ_WITHIN = timedelta(days=1)
"""What was read of Azure longer ago proves nothing of now."""

GOOD_FOR = timedelta(days=30)
"""So long what a machine said of itself, and an alert that it raised, prove that it works."""

COMES_WITHIN = timedelta(days=1)
"""An alert that comes later than so after a test is not taken for that of the test."""

ON = {"WDATP": "true", "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW": "false"}
"""The settings that enable, with the value that does."""


class Proof(StrEnum):
    """Whether something is proven. ``nothing``: there is nothing to prove, since no machine could come aboard."""

    PROVEN = "proven"
    PARTLY = "partly"
    NOT_PROVEN = "not-proven"
    UNKNOWN = "unknown"
    NOTHING = "nothing"


WORST_FIRST = (Proof.NOT_PROVEN, Proof.UNKNOWN, Proof.PARTLY, Proof.PROVEN, Proof.NOTHING)
"""The order in which proofs are listed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One of the four proofs, and the sentence that says on what it rests or what is missing."""

    proof: Proof
    text: str


@dataclass(frozen=True, slots=True)
class HealthGroup:
    """Machines that said of themselves that they are healthy or not: by system and by the way in which that was read (empty: not told).

    ``recent`` of them said so within :data:`GOOD_FOR`.
    """

    system: str
    state: MachineState
    way: str
    machines: int
    oldest: datetime | None
    newest: datetime | None
    recent: int


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Machines in one state for one cause, and what to do about them. ``code``: that of the diagnosis, empty where there is none."""

    state: MachineState
    code: str
    cause: str
    remedy: str
    machines: int


@dataclass(frozen=True, slots=True)
class SystemTest:
    """The detection test of one system in a subscription.

    ``waiting`` is what the audit trail tells (``None``: nobody waited from here); ``alert`` is what is known of the alert now (``None``:
    none came, or Azure does not list it any more).
    """

    system: str
    shown: Shown
    machine_id: str = ""
    waiting: Waiting | None = None
    alert: Alert | None = None

    @property
    def seconds(self) -> int | None:
        """From when somebody began to wait until the alert was seen; ``None`` where that is not known."""
        if self.waiting is None or self.waiting.ended is None or not self.waiting.alert_id:
            return None
        return max(0, round((self.waiting.ended - self.waiting.began).total_seconds()))


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """What is known of one subscription. ``known`` is ``None`` for one that Azure does not list any more; ``read``: when each source was
    read last; ``systems``: machines by system and state; ``newest``: the newest alert with the title of each system's test;
    ``enabling``: what Azure's activity log tells of who enabled it."""

    id: str
    known: Subscription | None
    read: Mapping[str, datetime] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    systems: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    health: Sequence[HealthGroup] = ()
    causes: Sequence[CauseGroup] = ()
    writes: Mapping[str, Written] = field(default_factory=dict)
    waitings: Sequence[Waiting] = ()
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    newest: Mapping[str, Alert] = field(default_factory=dict)
    runs: Sequence[Run] = ()
    enabling: Enabling | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionProof:
    """The four proofs of one subscription with what they rest on."""

    facts: SubscriptionFacts
    enabled: Shown
    onboarded: Shown
    healthy: Shown
    alert: Shown
    tests: tuple[SystemTest, ...]

    @property
    def id(self) -> str:
        """The subscription's id."""
        return self.facts.id

    @property
    def name(self) -> str:
        """Its name, or its id where it has none."""
        return (self.facts.known.name if self.facts.known is not None else "") or self.facts.id

    @property
    def four(self) -> dict[str, Shown]:
        """The four by name, in the order of the walk."""
        return {"enabled": self.enabled, "onboarded": self.onboarded, "healthy": self.healthy, "alert_seen": self.alert}

    @property
    def verdict(self) -> Proof:
        """All four together. ``nothing``: it is enabled, and has no machine that could come aboard."""
        if self.onboarded.proof is Proof.NOTHING and self.enabled.proof is Proof.PROVEN:
            return Proof.NOTHING
        return together(one.proof for one in self.four.values())

    @property
    def states(self) -> dict[str, int]:
        """How many machines are in each state."""
        found: dict[str, int] = {}
        for states in self.facts.systems.values():
            for state, number in states.items():
                found[state] = found.get(state, 0) + number
        return found

    @property
    def enabled_elsewhere(self) -> Enabling | None:
        """What Azure tells of who enabled it, where it is enabled and that was not done from here."""
        return self.facts.enabling if self.enabled_by is None and self.enabled.proof is Proof.PROVEN else None

    @property
    def enabled_by(self) -> Written | None:
        """The write from here that enabled it last; ``None`` where it was not enabled from here."""
        found = [one for one in self.facts.writes.values() if one.confirmed and ON.get(one.setting) == one.after]
        return max(found, key=lambda one: one.sequence, default=None)


def together(proofs: Iterable[Proof]) -> Proof:
    """What several proofs come to, those left out that have nothing to prove: only where each is ``proven`` is it all."""
    told = [one for one in proofs if one is not Proof.NOTHING]
    if not told:
        return Proof.NOTHING
    if all(one is Proof.PROVEN for one in told):
        return Proof.PROVEN
    if any(one in (Proof.PROVEN, Proof.PARTLY) for one in told):
        return Proof.PARTLY
    return Proof.UNKNOWN if Proof.UNKNOWN in told else Proof.NOT_PROVEN


def prove(facts: SubscriptionFacts, now: datetime) -> SubscriptionProof:
    """The four proofs of one subscription as of ``now``."""
    states: dict[str, int] = {}
    for told in facts.systems.values():
        for state, number in told.items():
            states[state] = states.get(state, 0) + number
    onboarded = _onboarded(facts, states, now)
    healthy = _after(onboarded, states) or _healthy(facts, states, now)
    none = _after(onboarded, states)
    tests = () if none is not None else tuple(_tests(facts, now))
    return SubscriptionProof(facts, _enabled(facts, now), onboarded, healthy, none or _alert_seen(tests), tests)


def _unread(facts: SubscriptionFacts, sources: Sequence[Source], what: str, now: datetime) -> Shown | None:
    """That what is needed was not read, or too long ago; ``None`` when it was."""
    for source in sources:
        for problem in facts.problems:
            if problem.source == source:
                return Shown(Proof.UNKNOWN, f"{what} could not be read: {problem.message}")
        read = facts.read.get(source)
        if read is None:
            return Shown(Proof.UNKNOWN, f"{what} have not been read yet.")
        if now - read > READ_WITHIN:
            return Shown(Proof.UNKNOWN, f"{what} were read {ago(read, now)}, which proves nothing of now: read Azure again.")
    return None


def _enabled(facts: SubscriptionFacts, now: datetime) -> Shown:
    one = facts.known
    if one is None:
        return Shown(Proof.UNKNOWN, "It is not among the subscriptions that can be seen.")
    unread = _unread(facts, (Source.SETTINGS, Source.PLAN), "Its settings", now)
    if unread is not None:
        return unread
    if one.integration is None or one.linux is None or one.servers_plan is None:
        missing = "Defender for Servers plan" if one.servers_plan is None else "settings"
        return Shown(Proof.UNKNOWN, f"Azure does not tell its {missing}.")
    if one.servers_plan == "free":
        return Shown(Proof.NOT_PROVEN, "Defender for Servers is off, and without it no machine comes aboard.")
    if one.integration != "on":
        return Shown(Proof.NOT_PROVEN, "The integration with Defender for Endpoint is off.")
    if one.linux == "excluded":
        return Shown(Proof.NOT_PROVEN, "The integration is on, and Linux machines are excluded.")
    return Shown(
        Proof.PROVEN,
        f"Azure says that the integration is on, Linux is not excluded, and the Defender for Servers plan is {one.servers_plan}.",
    )


def _onboarded(facts: SubscriptionFacts, states: Mapping[str, int], now: datetime) -> Shown:
    one = facts.known
    if one is None:
        return Shown(Proof.UNKNOWN, "It is not among the subscriptions that can be seen.")
    if one.can_see_machines is False:
        return Shown(Proof.UNKNOWN, "You have no right to see its machines.")
    unread = _unread(facts, (Source.MACHINES,), "Its machines", now)
    if unread is not None:
        return unread
    unsupported = states.get(MachineState.UNSUPPORTED, 0)
    able = sum(states.values()) - unsupported
    aboard = sum(states.get(state, 0) for state in ABOARD)
    left_out = f" {_machines(unsupported)} of an unsupported system left out." if unsupported else ""
    if not able:
        return Shown(Proof.NOTHING, left_out.strip() or "It has no machine.")
    told = f"{aboard:,} of {_machines(able)} {'is' if aboard == 1 else 'are'} onboarded.{left_out}"
    proof = Proof.PROVEN if aboard == able else Proof.PARTLY if aboard else Proof.NOT_PROVEN
    return Shown(proof, told)


def _after(onboarded: Shown, states: Mapping[str, int]) -> Shown | None:
    """What there is to say of health and alerts where no machine is aboard, or that is not known."""
    if onboarded.proof is Proof.UNKNOWN:
        return Shown(Proof.UNKNOWN, onboarded.text)
    if onboarded.proof is Proof.NOTHING:
        return Shown(Proof.NOTHING, "There is no machine that could tell.")
    if not any(states.get(state, 0) for state in ABOARD):
        return Shown(Proof.NOT_PROVEN, "No machine is onboarded.")
    return None


def _healthy(facts: SubscriptionFacts, states: Mapping[str, int], now: datetime) -> Shown:
    aboard = sum(states.get(state, 0) for state in ABOARD)
    good = sum(one.recent for one in facts.health if one.state is MachineState.HEALTHY)
    bad = states.get(MachineState.UNHEALTHY, 0)
    old = states.get(MachineState.HEALTHY, 0) - good
    never = states.get(MachineState.ONBOARDED, 0)
    told = [f"{good:,} of {_machines(aboard)} that {'is' if aboard == 1 else 'are'} onboarded said to be healthy"]
    told += [f"{bad:,} said not to be"] if bad else []
    told += [f"{old:,} said so more than {GOOD_FOR.days} days ago, which proves nothing of now"] if old > 0 else []
    told += [f"{never:,} {'was' if never == 1 else 'were'} never asked: verify"] if never else []
    proof = Proof.PROVEN if good == aboard else Proof.PARTLY if good else Proof.NOT_PROVEN
    return Shown(proof, "; ".join(told) + ".")


def _tests(facts: SubscriptionFacts, now: datetime) -> Iterable[SystemTest]:
    """The test of each system of which a machine is aboard."""
    for system, states in sorted(facts.systems.items()):
        if any(states.get(state, 0) for state in ABOARD):
            yield _test(facts, system, now)


def _test(facts: SubscriptionFacts, system: str, now: datetime) -> SystemTest:
    title = TEST_ALERTS.get(system)
    if title is None:
        return SystemTest(system, Shown(Proof.UNKNOWN, "Azure does not tell whether these machines run Linux or Windows."))
    mine = [one for one in facts.waitings if one.title == title]
    came = [one for one in mine if one.alert_id]
    last = came[-1] if came else None
    alert = facts.alerts.get(last.alert_id.lower()) if last is not None else None
    newest = facts.newest.get(system)
    if last is None and newest is not None and (run := _run_of(facts, newest)) is not None:
        last = Waiting(
            run.machine_id, title, run.at, run.by, CONFIRMED, "run from here", newest.generated, newest.id, run.sequence, run.hash
        )
        alert = newest
    if last is None and newest is not None:
        at = newest.generated
        told = f"The alert “{title}” was generated {ago(at, now)}; that somebody ran the test is not written down here."
        return SystemTest(system, _dated(at, told, now), newest.machine_id or "", mine[-1] if mine else None, newest)
    if last is not None:
        at = (alert.generated if alert is not None else None) or last.ended
        how = "seen" if last in mine else "generated"
        told = f"The test was begun {ago(last.began, now)} and its alert was {how} {span(last.ended, last.began)} later."
        told += "" if alert is not None else " Azure does not list that alert any more."
        told += _later(mine, last)
        return SystemTest(system, _dated(at, told, now), last.machine_id, last, alert)
    if mine:
        ended = {"failed": "no alert came", "interrupted": "the waiting was ended"}.get(mine[-1].outcome, "no alert has come yet")
        told = f"The test was begun {ago(mine[-1].began, now)}, and {ended}."
        return SystemTest(system, Shown(Proof.NOT_PROVEN, told), mine[-1].machine_id, mine[-1])
    return SystemTest(system, Shown(Proof.NOT_PROVEN, "No detection test was run, as far as is known."))


def _run_of(facts: SubscriptionFacts, alert: Alert) -> Run | None:
    """The last run from here that raised an alert: the one on its machine, not long before."""
    if alert.generated is None or alert.machine_id is None:
        return None
    whose = [one for one in facts.runs if one.machine_id.lower() == alert.machine_id.lower()]
    return next((one for one in reversed(whose) if timedelta() <= alert.generated - one.at <= COMES_WITHIN), None)


def _later(mine: Sequence[Waiting], last: Waiting) -> str:
    """That a later test raised no alert: it must not be hidden behind an earlier one that did."""
    since = [one for one in mine if one.began > last.began and one.outcome == "failed"]
    return f" Of {'a later test' if len(since) == 1 else f'{len(since)} later tests'} no alert came." if since else ""


def _dated(at: datetime | None, told: str, now: datetime) -> Shown:
    if at is None or now - at > GOOD_FOR:
        return Shown(Proof.NOT_PROVEN, f"{told} That is more than {GOOD_FOR.days} days ago and proves nothing of now.")
    return Shown(Proof.PROVEN, told)


def _alert_seen(tests: Sequence[SystemTest]) -> Shown:
    if len(tests) == 1:
        return Shown(tests[0].shown.proof, f"{tests[0].system}: {tests[0].shown.text}")
    return Shown(together([one.shown.proof for one in tests]), " ".join(f"{one.system}: {one.shown.text}" for one in tests))


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago: ``3 hours ago``; ``at a time that is not known`` where there is none."""
    return "at a time that is not known" if then is None else f"{span(now, then)} ago"


def span(end: datetime | None, begin: datetime) -> str:
    """From one moment to another, in its largest unit."""
    if end is None:
        return "some time"
    seconds = max(0, round((end - begin).total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def _machines(number: int) -> str:
    return f"{number:,} machine{'' if number == 1 else 's'}"

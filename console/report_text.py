"""The report as documents: JSON for scripts, Markdown for people. Whatever is not proven is said as such in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cache import markdown
from cache.markdown import Made, table
from cache.model import STATES_WORST_FIRST, Alert
from cache.next_steps import next_steps
from cache.proof import CauseGroup, Proof, SubscriptionProof, SystemTest, ago
from cache.report import FOUR, DataAge, Report
from cache.trail import Written
from console.output import enabling_item, moment

TITLE = "Microsoft Defender for Endpoint: what is proven"

SHAPES = {
    Proof.PROVEN: "✓ proven",
    Proof.PARTLY: "◐ partly",
    Proof.NOT_PROVEN: "✗ not proven",
    Proof.UNKNOWN: "? not known",
    Proof.NOTHING: "– nothing to prove",
}
"""Each proof in words, with a shape."""

VERDICTS = {
    Proof.PROVEN: "All four are proven for every subscription that has machines.",
    Proof.PARTLY: "All four are proven for some subscriptions, not for all.",
    Proof.NOT_PROVEN: "There is no subscription for which all four are proven.",
}


def verdict_text(report: Report) -> str:
    """What the report comes to, in a sentence or two."""
    told = VERDICTS[report.verdict]
    proven = report.verdicts[Proof.PROVEN]
    if report.verdict is Proof.PARTLY and proven + report.verdicts[Proof.NOTHING] == len(report.subscriptions):
        told = "All four hold in every subscription that has machines."
    if report.trail is None:
        return f"{told} The audit trail was not looked at."
    return told if report.trail.sound else f"{told} The audit trail is not as it was written, so what it tells proves nothing."


# JSON


def report_item(report: Report) -> dict[str, Any]:
    """The report for scripts."""
    trail = report.trail
    return {
        "made_at": moment(report.made_at),
        "cloud": report.cloud,
        "tenant_id": report.tenant_id,
        "principal": report.principal,
        "verdict": str(report.verdict),
        "proofs": {name: str(proof) for name, proof in report.in_all.items()},
        "counts": {name: _counts(report.counts(name)) for name in FOUR} | {"all_four": _counts(report.verdicts)},
        "machines": _states(report.states),
        "causes": [_cause(one) for one in report.causes],
        "audit": None
        if trail is None
        else {"sound": trail.sound, "head": f"{trail.sequence}:{trail.hash}" if trail.sequence else "", "message": trail.text},
        "data": [_data(one) for one in report.ages],
        "subscriptions": [_subscription(one) for one in report.subscriptions],
    }


def _counts(counts: Counter[Proof]) -> dict[str, int]:
    return {str(proof): counts[proof] for proof in Proof}


def _states(states: Mapping[str, int]) -> dict[str, int]:
    return {str(state): states[state] for state in STATES_WORST_FIRST if states.get(state)}


def _cause(one: CauseGroup) -> dict[str, Any]:
    return {"state": str(one.state), "code": one.code or None, "cause": one.cause, "remedy": one.remedy or None, "machines": one.machines}


def _data(one: DataAge) -> dict[str, Any]:
    times = {"oldest": moment(one.oldest), "newest": moment(one.newest)}
    return {"source": one.source, **times, "never_read": one.unread, "failed": one.problems}


def _subscription(one: SubscriptionProof) -> dict[str, Any]:
    known, by = one.facts.known, one.enabled_by
    return {
        "id": one.id,
        "name": one.name,
        "verdict": str(one.verdict),
        "proofs": {name: {"proof": str(shown.proof), "text": shown.text} for name, shown in one.four.items()},
        "next": next_steps(one),
        "integration": known.integration if known else None,
        "linux": known.linux if known else None,
        "servers_plan": known.servers_plan if known else None,
        "enabled_by": None if by is None else {"plan": by.plan_id or None, "at": moment(by.at), "actor": by.by},
        "enabled_elsewhere": None if one.enabled_elsewhere is None else enabling_item(one.enabled_elsewhere),
        "settings": [_written(each) for each in one.facts.writes.values()],
        "machines": _states(one.states),
        "systems": {system: _states(states) for system, states in sorted(one.facts.systems.items())},
        "causes": [_cause(each) for each in one.facts.causes],
        "health": [
            {
                "system": each.system,
                "state": str(each.state),
                "way": each.way or None,
                "machines": each.machines,
                "recent": each.recent,
                "oldest": moment(each.oldest),
                "newest": moment(each.newest),
            }
            for each in one.facts.health
        ],
        "tests": [_test(each) for each in one.tests],
        "problems": [{"source": each.source, "code": each.code, "message": each.message} for each in one.facts.problems],
        "read": {source: moment(at) for source, at in sorted(one.facts.read.items())},
    }


def _written(one: Written) -> dict[str, Any]:
    return {
        "setting": one.setting,
        "before": one.before,
        "after": one.after,
        "outcome": one.outcome,
        "at": moment(one.at),
        "actor": one.by,
        "plan": one.plan_id or None,
        "sequence": one.sequence,
        "hash": one.hash,
    }


def _test(one: SystemTest) -> dict[str, Any]:
    waiting, alert = one.waiting, one.alert
    return {
        "system": one.system,
        "proof": str(one.shown.proof),
        "text": one.shown.text,
        "machine_id": one.machine_id or None,
        "began": moment(waiting.began) if waiting else None,
        "ended": moment(waiting.ended) if waiting else None,
        "actor": waiting.by if waiting else None,
        "outcome": waiting.outcome if waiting else None,
        "sequence": waiting.sequence if waiting else None,
        "hash": waiting.hash if waiting else None,
        "seconds": one.seconds,
        "alert": None if alert is None and not (waiting and waiting.alert_id) else _alert(alert, waiting.alert_id if waiting else ""),
    }


def _alert(alert: Alert | None, alert_id: str) -> dict[str, Any]:
    return {
        "id": alert.id if alert else alert_id,
        "title": alert.title if alert else None,
        "status": alert.status if alert else None,
        "resolved": None if alert is None else alert.status == "Resolved",
        "started": moment(alert.started) if alert else None,
        "generated": moment(alert.generated) if alert else None,
        "azure_link": alert.azure_link if alert else None,
        "defender_link": alert.defender_link if alert else None,
    }


# Markdown


def report_markdown(report: Report) -> str:
    """The report for people: what holds in all, what does not, on what each rests, and how old it is."""
    return "\n".join(_lines(report))


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else "not known"


def _lines(report: Report) -> Iterator[str]:
    number = len(report.subscriptions)
    whose = "the chosen ones" if report.chosen else "all that can be seen"
    yield f"# {TITLE}"
    yield ""
    yield f"**{SHAPES[report.verdict]}.** {verdict_text(report)}"
    yield ""
    yield f"- Made: {_when(report.made_at)}"
    yield f"- Cloud: {markdown.text(report.cloud)}, tenant {markdown.text(report.tenant_id)}"
    yield f"- As: {markdown.text(report.principal)}"
    yield f"- Subscriptions: {number:,} ({whose})"
    if not number:
        yield ""
        yield "No subscription is known, so nothing is proven."
    yield from _in_all(report)
    yield from _each(report)
    yield from _machines(report)
    yield from _data_lines(report)
    yield from _trail(report)
    for one in report.subscriptions:
        yield from _subscription_lines(one, report.made_at)


def _in_all(report: Report) -> Iterator[str]:
    yield from ("", "## In all", "")
    kinds = tuple(SHAPES)
    rows = []
    for name, words in FOUR.items():
        counts = report.counts(name)
        rows.append((words, SHAPES[report.in_all[name]], *(counts[kind] for kind in kinds)))
    rows.append(("All four", SHAPES[report.verdict], *(report.verdicts[kind] for kind in kinds)))
    titles = ("What", "In all", *SHAPES.values())
    yield from table(titles, rows, right=titles[2:])
    yield from ("", "The columns of numbers count subscriptions.")


def _each(report: Report) -> Iterator[str]:
    if report.subscriptions:
        yield from ("", "## Each subscription", "")
        rows = [(one.name, *(SHAPES[shown.proof] for shown in one.four.values())) for one in report.subscriptions]
        yield from table(("Subscription", *FOUR.values()), rows)


def _machines(report: Report) -> Iterator[str]:
    states = _states(report.states)
    yield from ("", "## Machines", "")
    if not states:
        yield "No machine is known."
        return
    yield from table(("State", "Machines"), states.items(), right=("Machines",))
    if report.causes:
        yield from ("", "### What keeps machines back", "")
        yield from _causes(report.causes)


def _causes(causes: list[CauseGroup]) -> Iterator[str]:
    rows = ((one.state, one.machines, one.cause, one.remedy) for one in causes)
    yield from table(("State", "Machines", "Cause", "What to do"), rows, right=("Machines",))


def _data_lines(report: Report) -> Iterator[str]:
    yield from ("", "## How old the data is", "")
    rows = [
        (one.source, _when(one.oldest), ago(one.oldest, report.made_at) if one.oldest else "", _when(one.newest), one.unread, one.problems)
        for one in report.ages
    ]
    titles = ("Source", "Oldest reading", "Age", "Newest reading", "Never read", "Failed last time")
    yield from table(titles, rows, right=titles[4:])
    yield from ("", "The last two columns count subscriptions.")


def _trail(report: Report) -> Iterator[str]:
    yield from ("", "## The audit trail", "")
    trail = report.trail
    if trail is None:
        yield "It was not looked at."
        return
    yield f"{'✓' if trail.sound else '✗'} {markdown.text(trail.text)}"
    if trail.sequence:
        yield ""
        yield f"Its head is {markdown.code(f'{trail.sequence}:{trail.hash}')}."


def _subscription_lines(one: SubscriptionProof, now: datetime) -> Iterator[str]:
    yield from ("", f"## {markdown.text(one.name)}", "")
    yield f"{SHAPES[one.verdict]}. Id {markdown.text(one.id)}."
    yield ""
    for name, shown in one.four.items():
        yield f"- **{FOUR[name]}: {SHAPES[shown.proof]}.** {markdown.text(shown.text)}"
    if steps := next_steps(one):
        yield from ("", "### What to do next", "")
        yield from (f"{place}. {markdown.text(step)}" for place, step in enumerate(steps, start=1))
    yield from _settings(one, now)
    if one.states:
        yield from ("", "### Machines", "")
        systems = sorted(one.facts.systems)
        rows = [
            (state, *(one.facts.systems[system].get(state, 0) for system in systems), total) for state, total in _states(one.states).items()
        ]
        yield from table(("State", *systems, "All"), rows, right=(*systems, "All"))
    if one.facts.causes:
        yield from ("", "### Not aboard or not healthy", "")
        yield from _causes(list(one.facts.causes))
    if one.facts.health:
        yield from ("", "### What machines said of themselves", "")
        titles = ("System", "Said", "Machines", "Read by", "Oldest", "Newest")
        health = (
            (each.system, each.state, each.machines, each.way or "not told", _when(each.oldest), _when(each.newest))
            for each in one.facts.health
        )
        yield from table(titles, health, right=("Machines",))
    if one.tests:
        yield from ("", "### Detection tests", "")
        yield from (line for each in one.tests for line in _test_lines(each))
    if one.facts.problems:
        yield from ("", "### What could not be read", "")
        yield from (f"- {markdown.text(each.source)}: {markdown.text(each.message)}" for each in one.facts.problems)
    if one.facts.read:
        told = ", ".join(f"{source} {ago(at, now)}" for source, at in sorted(one.facts.read.items()))
        yield from ("", f"Read: {markdown.text(told)}.")


def _settings(one: SubscriptionProof, now: datetime) -> Iterator[str]:
    by = one.enabled_by
    if by is not None:
        plan = f" under plan {markdown.text(by.plan_id)}" if by.plan_id else ""
        yield from ("", f"Enabled from here{plan} on {_when(by.at)} by {markdown.text(by.by)}.")
    elif (elsewhere := one.enabled_elsewhere) is not None:
        told = markdown.text(elsewhere.told().rstrip("."))
        yield from ("", f"It was not enabled from here. {told} (read {ago(elsewhere.read_at, now)}).")
    elif one.enabled.proof is Proof.PROVEN:
        yield from ("", "It was not enabled from here, so who did and when is not told: Azure's activity log was not read yet.")
    if one.facts.writes:
        yield from ("", "### Settings written from here", "")
        titles = ("Setting", "Before", "After", "Read back", "When", "By", "Plan", "Entry", "Hash")
        rows = (
            (each.setting, each.before, each.after, each.outcome, _when(each.at), each.by, each.plan_id, each.sequence, each.hash)
            for each in one.facts.writes.values()
        )
        yield from table(titles, rows, right=("Entry",))


def _test_lines(one: SystemTest) -> Iterator[str]:
    yield f"- **{markdown.text(one.system)}: {SHAPES[one.shown.proof]}.** {markdown.text(one.shown.text)}"
    facts: list[tuple[str, str]] = []
    if one.machine_id:
        facts.append(("Machine", markdown.text(one.machine_id)))
    if one.waiting is not None:
        facts.append(("Begun", f"{_when(one.waiting.began)} by {markdown.text(one.waiting.by)}"))
        if one.waiting.ended is not None:
            facts.append(("Ended", f"{_when(one.waiting.ended)}: {markdown.text(one.waiting.words or one.waiting.outcome)}"))
    if one.seconds is not None:
        facts.append(("Seen after", f"{one.seconds:,} s"))
    alert_id = one.alert.id if one.alert is not None else one.waiting.alert_id if one.waiting is not None else ""
    if alert_id:
        facts.append(("Alert", markdown.text(alert_id)))
    if one.alert is not None:
        facts += [("Generated", _when(one.alert.generated)), ("Status", markdown.text(one.alert.status))]
        links = (("Azure portal", one.alert.azure_link), ("Defender portal", one.alert.defender_link))
        if told := [Made(markdown.link(words, address)) for words, address in links if address]:
            facts.append(("See", ", ".join(told)))
    if one.waiting is not None:
        facts.append(("Entry", f"{one.waiting.sequence} of the audit trail, {markdown.code(one.waiting.hash)}"))
    yield from (f"  - {label}: {words}" for label, words in facts)

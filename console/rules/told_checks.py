"""Prerequisites that only the machines themselves can answer, by what they told when a script ran on them.

Until every machine that is concerned was asked, such a check is a step by hand; what a machine told is never told of another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from shlex import quote

from cache.machine_reports import BAD, CONNECTIVITY, DOUBTFUL, GOOD, SYSTEM, Finding, MachineReport
from cache.model import Check, CheckStatus, MachineState, Source
from console.rules.known import MACHINE_ADMIN, PREREQUISITES, Alike, Known, Question, count, number, of_all_machines, of_system, those
from console.rules.machine_requirements import all_requirements

CONNECTIVITY_LINUX = Question("connectivity-linux", "Linux machines reach Defender's addresses", PREREQUISITES)
CONNECTIVITY_WINDOWS = Question("connectivity-windows", "Windows machines reach Defender's addresses", PREREQUISITES)
MACHINE_SYSTEM = Question("machine-system", "Machines that are not aboard have what Defender needs", PREREQUISITES)

NOT_ABOARD = frozenset((MachineState.BLOCKED, MachineState.FAILED, MachineState.LATE, MachineState.OVERDUE, MachineState.PENDING))
"""Enabled, and not aboard: where what the system lacks may be why."""

_TITLES = {one.id: one.title for one in all_requirements()}
_MOST_NAMED = 3


def by_kind(reports: Iterable[MachineReport]) -> dict[str, dict[str, MachineReport]]:
    """Reports by what was asked and by id in lower case."""
    found: dict[str, dict[str, MachineReport]] = defaultdict(dict)
    for one in reports:
        found[one.kind][one.machine_id.lower()] = one
    return found


def findings(known: Known, one: str) -> dict[str, Finding]:
    """What the script about the system found of one thing, by machine id in lower case."""
    told = ((key, next((each for each in report.findings if each.id == one), None)) for key, report in _reports(known, SYSTEM).items())
    return {key: finding for key, finding in told if finding is not None}


def looked_at(machines: Sequence[Alike], untold: Sequence[Alike]) -> str:
    """How many of the machines were looked at; empty where none was."""
    looked = number(machines) - number(untold)
    return f" Of {number(machines)} machines {looked} were looked at, and have none." if looked else ""


def _reports(known: Known, kind: str) -> Mapping[str, MachineReport]:
    return known.reports.get(kind, {})


def _answer(known: Known, ask: Question, kind: str, machines: Sequence[Alike], by_hand: Check) -> Check:
    """The check by what its machines told; as long as that is nothing bad and not all were asked, it is done ``by_hand``."""
    told = _reports(known, kind)
    here = {whole.lower() for one in machines for whole in one.ids} & told.keys()
    if not here:
        return by_hand

    def of(outcome: str) -> list[Alike]:
        return those(machines, lambda whole: whole in here and told[whole].outcome == outcome)

    bad, doubtful, good = of(BAD), of(DOUBTFUL), of(GOOD)
    untold = those(machines, lambda whole: whole not in here)
    parts = [f"{number(some)} {word}" for some, word in ((bad, "bad"), (doubtful, "in doubt"), (good, "good")) if some]
    parts += [f"not run yet on {_machines(untold)}"] if untold else []
    oldest = min(told[whole].at for whole in here)
    evidence = f"Of {_machines(machines)}: {', '.join(parts)}. The oldest answer is of {oldest:%Y-%m-%d %H:%M} UTC."
    wrong = bad or doubtful
    if wrong:
        reports = [told[whole.lower()] for one in wrong for whole in one.ids]
        return ask.answer(
            known,
            CheckStatus.FAIL if bad else CheckStatus.WARN,
            f"{evidence} {_why(reports)}",
            who=MACHINE_ADMIN,
            remedy=" ".join(list(dict.fromkeys(one.remedy for one in reports if one.remedy))[:_MOST_NAMED]),
            command=by_hand.command,
            link=by_hand.link,
            machines=wrong,
        )
    if untold:
        return replace(by_hand, evidence=evidence, machine_ids=tuple(whole for one in untold for whole in one.ids))
    return ask.answer(known, CheckStatus.PASS, evidence)


def _machines(machines: Sequence[Alike]) -> str:
    return count(machines, "", "").rstrip()


def _why(reports: Sequence[MachineReport]) -> str:
    """What is wrong, by how often it is so; of one machine what it said."""
    if len(reports) == 1:
        return reports[0].reason
    failing = Counter(
        f"“{_TITLES[one.id]}”" if one.id in _TITLES else one.id
        for report in reports
        for one in report.findings
        if one.status in (CheckStatus.FAIL, CheckStatus.WARN)
    )
    named = [f"{name} ({times})" for name, times in failing.most_common(_MOST_NAMED)]
    more = f" and {len(failing) - len(named)} more" if len(failing) > len(named) else ""
    return f"Not so: {', '.join(named)}{more}." if named else reports[0].reason


def _verb(known: Known, kind: str) -> str:
    return f"mde-console verify --check {kind} --subscription {quote(known.subscription.id)}"


def _connectivity(known: Known, ask: Question, system: str, test: str, where: str, remedy: str) -> Check:
    machines = of_system(known, system.lower())
    if known.machines_known and not machines:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, f"No {system} machine is known here.")
    by_hand = ask.answer(
        known,
        CheckStatus.MANUAL,
        "It can only be tested on the machines: outbound 443 to Defender's addresses, no TLS inspection, no authentication by the proxy. "
        f"Not run yet on {_machines(machines)}.",
        who=MACHINE_ADMIN,
        remedy=f"{remedy} From here: {_verb(known, CONNECTIVITY)}",
        command=test,
        link=where,
        machines=machines,
    )
    return _answer(known, ask, CONNECTIVITY, machines, by_hand)


@of_all_machines
def connectivity_linux(known: Known) -> Check:
    """Proxy and firewall, for Linux: by the test on the machines, else a step by hand."""
    return _connectivity(
        known,
        CONNECTIVITY_LINUX,
        "Linux",
        "mdatp connectivity test",
        "https://learn.microsoft.com/defender-endpoint/linux-static-proxy-configuration",
        "Configure a static proxy where there is one, run the test on a machine that has Defender, and tick this.",
    )


@of_all_machines
def connectivity_windows(known: Known) -> Check:
    """Proxy and firewall, for Windows: by the test on the machines, else a step by hand."""
    return _connectivity(
        known,
        CONNECTIVITY_WINDOWS,
        "Windows",
        "Test-NetConnection -ComputerName winatp-gw-weu.microsoft.com -Port 443",
        "https://learn.microsoft.com/defender-endpoint/configure-proxy-internet",
        "Configure proxy and firewall as documented; the sensor speaks as SYSTEM, so anonymous traffic must pass. Test with the address of "
        "your region (weu is West Europe) and tick this.",
    )


@of_all_machines
def machine_system(known: Known) -> Check:
    """What only the machines know of themselves: kernel, memory, disk, noexec, Python, fanotify. Asked of those that are not aboard."""
    ask = MACHINE_SYSTEM
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES))
    waiting = [one for one in known.machines if one.state in NOT_ABOARD]
    if not waiting:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, "No machine is enabled and not aboard.")
    by_hand = ask.answer(
        known,
        CheckStatus.MANUAL,
        "It can only be seen on the machines: distribution, kernel, memory, disk, noexec, Python, who holds fanotify. "
        f"Not run yet on {_machines(waiting)}.",
        who=MACHINE_ADMIN,
        remedy=f"Have a script that only reads look at them, or look yourself and tick this. From here: {_verb(known, SYSTEM)}",
        command=_verb(known, SYSTEM),
        machines=waiting,
    )
    return _answer(known, ask, SYSTEM, waiting, by_hand)

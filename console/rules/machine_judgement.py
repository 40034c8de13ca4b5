"""What the output of the scripts ``connectivity`` and ``system`` means: one judgement of a machine, whatever the text is.

It is never an exception. What cannot be read for certain is ``unreadable`` with a reason; what a machine does not tell is unknown; neither
is ever good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from cache.machine_reports import BAD, CONNECTIVITY, DOUBTFUL, GOOD, SYSTEM, TITLES, Finding, MachineReport
from cache.model import CheckStatus, MachineState, Onboarding
from cache.text import clean
from console.rules.connectivity import NO_TOOL, Tested, addresses_of, tested, verdict_of
from console.rules.machine_requirements import findings_of
from console.rules.script_output import Cut, Told, read_text

UNREADABLE = "unreadable"

_QUOTED = 200
_FILES = {"Linux": "sh", "Windows": "ps1"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the output of one machine means.

    ``outcome``: ``good``, ``doubtful`` (nothing is bad, but something is in doubt or not told), ``bad`` or ``unreadable``; ``code`` is
    stable for scripts; ``reason`` a sentence; ``remedy`` what to do, empty where nothing is to be done. ``findings``: each thing that was
    looked at. ``notes`` are worth knowing and change no outcome. ``fields``: all that was told by name.
    """

    system: str
    outcome: str
    code: str
    reason: str
    remedy: str = ""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    fields: Mapping[str, str] | None = None


def script_of(kind: str, system: str, run: str, cloud: str) -> str:
    """The exact script about ``connectivity`` or ``system`` for ``Linux`` or ``Windows`` in a cloud; ``run`` stands in its sentinels."""
    addresses = " ".join(addresses_of(system, cloud))
    return _script(f"{kind}.{_FILES[system]}").replace("{run}", run).replace("{addresses}", addresses)


@cache
def _script(name: str) -> str:
    return (resources.files("console.rules") / "scripts" / name).read_text(encoding="utf-8")


def judge(kind: str, output: str | bytes, system: str, *, run: str | None = None) -> Judgement:
    """What ``output`` of the script about ``kind`` means for a machine that runs ``system``.

    ``run``: it must stand between the sentinels of that run; ``None``: pasted by hand.
    """
    told = read_text(output, run, kind)
    said = told.fields.get("system", "")
    if told.other:
        why = f"This is the output of the script about “{told.other}”, not of the one about {kind}."
        return _unreadable(system, told, "foreign", why)
    if told.cut:
        return _unreadable(system, told, f"cut-{told.cut}", _CUTS[told.cut])
    if told.contradiction:
        why = f"The output tells “{told.contradiction}” twice, and differently: it is not of one run on one machine."
        return _unreadable(system, told, "contradiction", why)
    if not told.text:
        return _unreadable(system, told, "empty", "The machine answered nothing.")
    if said in {"Linux", "Windows"} and said != system:
        return _unreadable(system, told, "foreign", f"The output is of a {said} machine, and this one runs {clean(system, 40)}.")
    return _JUDGES[kind](system, told)


_CUTS = {
    Cut.BEGIN: "The beginning of the output is missing: Azure keeps only the last 4,096 bytes.",
    Cut.END: "The end of the output is missing: the script was ended before it was done.",
    Cut.JSON: "The output is JSON, which this script does not print.",
}


def _unreadable(system: str, told: Told, code: str, reason: str) -> Judgement:
    return Judgement(system, UNREADABLE, code, reason, "Run the script on the machine again, and look at what it says.", fields=told.fields)


def _foreign(system: str, told: Told, what: str) -> Judgement:
    return _unreadable(system, told, "foreign", f"This is not the output of {what}: “{clean(told.text, _QUOTED)}”.")


def _system(system: str, told: Told) -> Judgement:
    if "system" not in told.fields or system not in _FILES:
        return _foreign(system, told, "the script about the system")
    findings = findings_of(system, told.fields)
    failed, doubted = _those(findings, CheckStatus.FAIL), _those(findings, CheckStatus.WARN, CheckStatus.UNKNOWN)
    if failed:
        return Judgement(system, BAD, failed[0].id, _told(failed), _what_to_do(failed), findings, fields=told.fields)
    if doubted:
        return Judgement(system, DOUBTFUL, doubted[0].id, _told(doubted), _what_to_do(doubted), findings, fields=told.fields)
    return Judgement(system, GOOD, "good", "The machine meets all that Defender needs of it.", "", findings, fields=told.fields)


def _those(findings: Sequence[Finding], *statuses: CheckStatus) -> list[Finding]:
    return [one for one in findings if one.status in statuses]


def _told(findings: Sequence[Finding]) -> str:
    return " ".join(one.evidence for one in findings)


def _what_to_do(findings: Sequence[Finding]) -> str:
    return " ".join(dict.fromkeys(one.remedy for one in findings if one.remedy))


def _connectivity(system: str, told: Told) -> Judgement:
    found: Tested = tested(told)
    if found.trouble == NO_TOOL:
        what = "There is no mdatp" if told.missing else "There is neither mdatp nor curl nor wget"
        return _unreadable(system, told, "no-tool", f"{what} on the machine with which to test it.")
    if found.trouble is None and not found.ours:
        return _foreign(system, told, "“mdatp connectivity test”")
    verdict = verdict_of(found)
    return Judgement(system, *verdict, found.findings(), found.notes(), told.fields)


_JUDGES: Mapping[str, Callable[[str, Told], Judgement]] = {CONNECTIVITY: _connectivity, SYSTEM: _system}


CITING = frozenset(
    (
        MachineState.BLOCKED,
        MachineState.FAILED,
        MachineState.INSTALLING,
        MachineState.PENDING,
        MachineState.LATE,
        MachineState.OVERDUE,
    )
)
"""States that may be explained by what a machine told of itself."""

_CITED = tuple(f"{title} of " for title in TITLES.values())


def with_reports(onboarding: Onboarding, reports: Iterable[MachineReport]) -> Onboarding:
    """The state of a machine with what it last told of itself as evidence; doing so again changes nothing."""
    if onboarding.state not in CITING:
        return onboarding
    kept = (one for one in onboarding.evidence if not one.startswith(_CITED))
    cited = (f"{TITLES[one.kind]} of {one.at:%Y-%m-%d %H:%M} UTC: {one.reason}" for one in _ordered(reports))
    return replace(onboarding, evidence=(*cited, *kept))


def _ordered(reports: Iterable[MachineReport]) -> list[MachineReport]:
    return sorted((one for one in reports if one.kind in TITLES), key=lambda one: one.kind)

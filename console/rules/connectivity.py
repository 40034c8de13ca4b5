"""What a test of connectivity says: which of Defender's addresses a machine reaches, and what keeps it from the others. Data, dated.

Sources: *Troubleshoot cloud connectivity issues for Defender for Endpoint on Linux* (2024-10: the addresses of `mdatp connectivity test`,
and curl's errors 35 and 60); *Prerequisites* (2026-03: what of proxies is not supported); field notes on connectivity. The addresses are
those of the commercial cloud; `mdatp` itself tests those of its own. *Standard connectivity URLs – US government* (2026-07): the hosts that
are required there, of GCC High and DoD, which are what Azure US Government serves. For Azure China Microsoft documents none: Defender for
Cloud has no integration there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cache.machine_reports import BAD, DOUBTFUL, GOOD, Finding
from cache.model import CheckStatus
from cache.text import clean
from console.rules.script_output import Told

ADDRESSES = (
    "x.cp.wd.microsoft.com/api/report",
    "cdn.x.cp.wd.microsoft.com/ping",
    "v20.events.data.microsoft.com/ping",
    "winatp-gw-cus.microsoft.com/test",
    "winatp-gw-eus.microsoft.com/test",
    "winatp-gw-neu.microsoft.com/test",
    "winatp-gw-weu.microsoft.com/test",
    "winatp-gw-uks.microsoft.com/test",
    "winatp-gw-ukw.microsoft.com/test",
    "us-v20.events.data.microsoft.com/ping",
    "eu-v20.events.data.microsoft.com/ping",
    "uk-v20.events.data.microsoft.com/ping",
)
"""What is asked where Defender's own test is not there."""

US_GOVERNMENT_ADDRESSES = (
    "us4-v20.events.data.microsoft.com/ping",
    "winatp-gw-usgt.microsoft.com/test",
    "winatp-gw-usgv.microsoft.com/test",
    "unitedstates1.x.cp.wd.microsoft.us/api/report",
    "unitedstates2.x.cp.wd.microsoft.us/api/report",
    "cdn.x.cp.wd.microsoft.com/ping",
)
"""The same in US Government. Microsoft's list has hosts only: the paths are those that the commercial cloud answers, so that *not found*
(HTTP 404) from one of these hosts is an answer as well."""

REPOSITORY = "packages.microsoft.com/keys/microsoft.asc"
"""On Linux the package comes from Microsoft's repository as well."""

US_GOVERNMENT = "usgovernment"
"""The key of that cloud."""


def addresses_of(system: str, cloud: str) -> tuple[str, ...]:
    """What is asked on a machine of ``system`` in a cloud, by its key; one that is none of Azure's own is taken for the commercial one."""
    addresses = US_GOVERNMENT_ADDRESSES if cloud == US_GOVERNMENT else ADDRESSES
    return (*addresses, REPOSITORY) if system == "Linux" else addresses


REGIONS = (
    ("United States", re.compile(r"(?:^|[-.])(?:us|cus|eus|wus|wu|unitedstates|(?:us|w)sus[0-9]\w*)(?=[-.])")),
    ("Europe", re.compile(r"(?:^|[-.])(?:eu|weu|neu|europe|(?:us|w)seu[0-9]\w*)(?=[-.])")),
    ("United Kingdom", re.compile(r"(?:^|[-.])(?:uk|ukw|uks|unitedkingdom|(?:us|w)suk[0-9]\w*)(?=[-.])")),
    ("GCC High", re.compile(r"^unitedstates1\.x\.cp\.wd\.microsoft\.us$")),
    ("DoD", re.compile(r"^(?:unitedstates2\.x\.cp\.wd\.microsoft\.us|winatp-gw-usgv\.microsoft\.com)$")),
    ("Australia", re.compile(r"(?:^|[-.])(?:au|aue|aus|australia)(?=[-.])")),
)
"""Whose addresses count only where the tenant keeps its data there; all others count everywhere."""

DOMAINS = (".microsoft.com", ".windows.com", ".windowsupdate.com", ".azure.us", ".microsoft.us")

NO_TOOL = "no-tool"
DAEMON_DOWN = "daemon-down"

_TESTING = re.compile(r"Testing connection with +(?:https?://)?(\S{1,300}?) *\.\.\.", re.IGNORECASE)
_RESULT = re.compile(r"^\s*\[? *(OK|FAILED|FAIL|ERROR) *\]?", re.IGNORECASE)
_DAEMON = re.compile(
    r"could not connect to the daemon|daemon (?:is )?not running|mdatp(?:\.service)? is not running|cannot connect to daemon", re.IGNORECASE
)
_GOVERNMENT = re.compile(r"^(?:us4-v20\.events\.data\.microsoft\.com|winatp-gw-usg[tv]\.microsoft\.com|.*\.microsoft\.us)$")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Cause:
    """What keeps a machine from an address. ``pattern`` is met in what the test says of it."""

    code: str
    pattern: re.Pattern[str]
    cause: str
    remedy: str
    source: str
    as_of: str


def _cause(code: str, pattern: str, cause: str, remedy: str, source: str, as_of: str) -> Cause:
    return Cause(code, re.compile(pattern, re.IGNORECASE), cause, remedy, source, as_of)


_CURL, _NET, _DOCS = "Error codes of libcurl", "System.Net.WebExceptionStatus", "Troubleshoot cloud connectivity on Linux"
CAUSES: tuple[Cause, ...] = (
    _cause(
        "tls-inspection",
        r"curl[ :(]*(?:error[ :(]*)?(?:35|60)\b|\bTrustFailure|\bSecureChannelFailure|wget error 5\b|certificate",
        "something between inspects TLS",
        "Have proxy and firewall pass Defender's addresses without TLS inspection: a certificate of their own does not help.",
        _DOCS,
        "2024-10",
    ),
    _cause(
        "proxy-authentication",
        r"\bHTTP 407\b|proxy authentication",
        "the proxy wants a sign-in",
        "Let anonymous traffic to Defender's addresses pass the proxy: the sensor speaks from the system context.",
        "The seed, Access the portal",
        "2021-08",
    ),
    _cause(
        "name",
        r"curl[ :(]*(?:error[ :(]*)?(?:5|6)\b|NameResolutionFailure|could not resolve",
        "its name is not found",
        "Mend the name server of the machine, or set the proxy that resolves names.",
        _CURL,
        "2026-03",
    ),
    _cause(
        "blocked",
        r"curl[ :(]*(?:error[ :(]*)?(?:7|28|52|56)\b|\bConnectFailure|\bTimeout|timed out|no answer|wget error 4\b|refused|\bHTTP 403\b",
        "it does not answer or is blocked",
        "Open outbound 443 to Defender's addresses in firewall and proxy; where there is a proxy, set it for Defender.",
        f"{_CURL}; {_NET}",
        "2026-03",
    ),
)
"""Known causes, asked in this order; what none of them fits keeps its own words."""

MEDDLING = frozenset(("tls-inspection", "proxy-authentication"))
"""Causes that concern every address, whichever region it serves."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address that was tested. ``reached`` is ``None`` where the test does not say; ``said`` is what it says beside that."""

    name: str
    reached: bool | None
    said: str

    @property
    def host(self) -> str:
        """The name of the computer in it."""
        found = _HOST.match(self.name)
        return found[0].lower() if found else ""

    @property
    def region(self) -> str:
        """The region that it serves; empty for one that counts everywhere."""
        return next((name for name, pattern in REGIONS if pattern.search(self.host)), "")

    @property
    def cause(self) -> Cause | None:
        """What keeps the machine from it, where that is known."""
        return next((one for one in CAUSES if one.pattern.search(self.said)), None)


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test says. ``reached``: how many addresses are only told by their number. ``trouble``: why there was no test."""

    addresses: tuple[Address, ...]
    reached: int
    tool: str
    complete: bool
    trouble: str | None = None
    sensor: bool = True

    @property
    def ours(self) -> bool:
        """Whether it is a test of Defender's addresses at all."""
        return bool(self.reached) or any(one.host.endswith(DOMAINS) for one in self.addresses)

    def findings(self) -> tuple[Finding, ...]:
        """One finding for each address, those that are not reached first."""
        found = []
        for one in sorted(self.addresses, key=lambda one: one.reached is True)[:_MOST]:
            if one.reached:
                found.append(Finding(one.name, "", CheckStatus.PASS, "It is reached."))
            elif one.reached is None:
                found.append(Finding(one.name, "", CheckStatus.UNKNOWN, "The test ended before it said anything of it."))
            else:
                cause = one.cause
                why = f"{cause.cause[0].upper()}{cause.cause[1:]}" if cause is not None else "It is not reached"
                said = f" ({clean(one.said, 120)})" if one.said else ""
                found.append(Finding(one.name, "", CheckStatus.FAIL, f"{why}{said}.", cause.remedy if cause is not None else ""))
        return tuple(found)

    def notes(self) -> tuple[str, ...]:
        """What is worth knowing about the test itself."""
        if not self.sensor:
            return ("Defender's sensor is not on the machine: it was tested without it.",)
        if self.tool in {"curl", "wget"} and self.trouble is None:
            return (
                f"Defender is not installed, so it was tested with {self.tool}, which does not see every inspection of TLS.",
                self._whose,
            )
        return ()

    @property
    def _whose(self) -> str:
        if any(_GOVERNMENT.search(one.host) for one in self.addresses):
            return "The addresses of US Government (GCC High and DoD) were tested, as Microsoft listed them in July 2026."
        return "The addresses of the commercial cloud were tested; those of US Government are others."


def tested(told: Told) -> Tested:
    """What the parts of an output say of a test: of `mdatp connectivity test`, or of our scripts, which print the same lines."""
    tool = told.fields.get("tool", "").lower()
    number = told.fields.get("reached", "")
    reached = int(number) if re.fullmatch(r"[0-9]{1,6}", number) else 0
    addresses = _addresses(told.text)
    trouble = None
    if not addresses and not reached:
        if tool == "none" or told.missing:
            trouble = NO_TOOL
        elif _DAEMON.search(told.text):
            trouble = DAEMON_DOWN
    return Tested(addresses, reached, tool, told.fields.get("ended") != "timeout", trouble, told.fields.get("sense_service") != "missing")


def _addresses(text: str) -> tuple[Address, ...]:
    """Each address once. What follows it up to the next one tells its result, also on lines of its own; told twice, the worse counts."""
    found: dict[str, Address] = {}
    marks = list(_TESTING.finditer(text))
    ends = [*(one.start() for one in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):
        rest = text[mark.end() : end]
        result = _RESULT.match(rest)
        said = clean(_own(rest[result.end() :]) if result is not None else "", 200).strip(" ()")
        reached = None if result is None else result[1].upper() == "OK"
        one = Address(clean(mark[1], 200), reached, said)
        if reached is False and said == "HTTP 404" and _GOVERNMENT.search(one.host):
            one = Address(one.name, True, said)
        before = found.get(one.name.lower())
        if before is None or (before.reached is not False and one.reached is not True):
            found[one.name.lower()] = one
    return tuple(found.values())


def _own(rest: str) -> str:
    """What is said of one address: its line, and the next one where that goes on in brackets or with an error of curl."""
    first, _, more = rest.partition("\n")
    second = more.split("\n", 1)[0].strip()
    return f"{first} {second}" if second.lower().startswith(("(", "curl", "error")) else first


Verdict = tuple[str, str, str, str]
"""Outcome, code, reason and remedy."""


def verdict_of(found: Tested) -> Verdict:
    """What a test means as a whole: good only where each address is reached."""
    if found.trouble == DAEMON_DOWN:
        why = "Defender does not run on the machine, so that its test could not be made."
        return BAD, DAEMON_DOWN, why, "Start the service mdatp on the machine, and test again."
    failed = [one for one in found.addresses if one.reached is False]
    untold = [one for one in found.addresses if one.reached is None]
    well = sum(one.reached is True for one in found.addresses) + found.reached
    total = well + len(failed) + len(untold)
    if failed:
        return _not_reached(found, failed, untold, total)
    if untold or not found.complete:
        which = f" ({_named(untold)})" if untold else ""
        why = f"The test ended before it was done: {well} are reached, of the others nobody knows{which}."
        return DOUBTFUL, "cut-off", why, "Test again; a test that hangs is mostly a firewall that drops what it should refuse."
    return GOOD, "reached", f"Each address that was tested is reached ({total}).", ""


def _not_reached(found: Tested, failed: Sequence[Address], untold: Sequence[Address], total: int) -> Verdict:
    """Bad, unless all that is not reached belongs to other regions than one that is reached whole, and nothing meddles."""
    causes = {cause.code for one in failed if (cause := one.cause) is not None}
    cause = next((one for one in CAUSES if one.code in causes), None)
    lost = {one.region for one in (*failed, *untold)}
    whole = {one.region for one in found.addresses if one.reached} - lost - {""}
    if "" not in lost and whole and not causes & MEDDLING:
        why = f"Not reached: {len(failed)} of {total} addresses, all of them of regions that count only for tenants there "
        why += f"({', '.join(sorted(lost))}); those of {', '.join(sorted(whole))} are."
        return DOUBTFUL, "region", why, "Where your tenant keeps its data in such a region, open its addresses; else nothing is to be done."
    said = f"Not reached: {len(failed)} of {total} addresses" if len(failed) < total else f"No address is reached, of {total}"
    because, remedy = (f": {cause.cause}", cause.remedy) if cause is not None else ("", "Look whether a proxy or firewall blocks them.")
    return BAD, cause.code if cause is not None else "not-reached", f"{said} ({_named(failed)}){because}.", remedy


def _named(addresses: Sequence[Address]) -> str:
    """Some of the addresses, those that count everywhere first."""
    names = list(dict.fromkeys(one.host or one.name for one in sorted(addresses, key=lambda one: (one.region != "", one.name))))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"

"""The support matrix: which systems Defender for Endpoint protects here, and what brings it to them. Data, dated, with its source.

Sources: seed (2021-08), *Availability* and *What's this "MDE.Windows"/"MDE.Linux" extension*; the Linux requirements of Defender for
Endpoint as of 2026-03. A system is recognised from the image reference, the instance view's system name and version, and the
properties of the Arc agent, which disagree and are often incomplete. What is not recognised is never called supported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cache.model import Machine

EXTENSION = "extension"
LOG_ANALYTICS = "log-analytics"


@dataclass(frozen=True, slots=True)
class Linux:
    """A distribution: how it is recognised, and the versions supported, from and to (inclusive; ``None``: open)."""

    name: str
    pattern: re.Pattern[str]
    low: tuple[int, ...]
    high: tuple[int, ...] | None = None


def _linux(name: str, pattern: str, low: tuple[int, ...], high: tuple[int, ...] | None = None) -> Linux:
    return Linux(name, re.compile(pattern, re.IGNORECASE), low, high)


AS_OF = "2026-03"

LINUX: tuple[Linux, ...] = (
    _linux("Oracle Linux", r"\boracle|\bol[ _-]?\d", (7, 2), (9, 99)),
    _linux("CentOS", r"\bcentos", (7, 2), (10, 99)),
    _linux("Rocky Linux", r"\brocky|resf", (8, 7), (9, 99)),
    _linux("AlmaLinux", r"\balma", (8, 4), (9, 99)),
    _linux("Red Hat Enterprise Linux", r"red ?hat|\brhel", (7, 2), (10, 99)),
    _linux("Ubuntu", r"\bubuntu|canonical", (16, 4), (24, 99)),
    _linux("Debian", r"\bdebian|credativ", (9,), (13, 99)),
    _linux("SUSE Linux Enterprise Server", r"\bsles\b|\bsuse\b(?!.*leap)", (12,), (15, 99)),
    _linux("Amazon Linux", r"\bamazon|\bamzn", (2,), (2023, 99)),
    _linux("Fedora", r"\bfedora", (33,), (42, 99)),
    _linux("Azure Linux (Mariner)", r"\bmariner|azure ?linux|cbl-mariner", (2,), (3, 99)),
)
"""The distributions supported as of :data:`AS_OF`; the seed's of 2021 are among them."""

NOT_LINUX_SUPPORTED = re.compile(
    r"freebsd|openbsd|alpine|gentoo|arch ?linux|\bcoreos|flatcar|opensuse|\bleap\b|kali|nixos|slackware", re.IGNORECASE
)

WINDOWS_SERVERS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("Windows Server 2025", re.compile(r"server[ _-]*(datacenter|standard|\w*)?[ _-]*2025|\b2025-", re.IGNORECASE), EXTENSION),
    ("Windows Server 2022", re.compile(r"server[ _-]*(datacenter|standard|\w*)?[ _-]*2022|\b2022-", re.IGNORECASE), EXTENSION),
    ("Windows Server 2019", re.compile(r"server[ _-]*(datacenter|standard|\w*)?[ _-]*2019|\b2019-", re.IGNORECASE), EXTENSION),
    ("Windows Server 2016", re.compile(r"server[ _-]*(datacenter|standard|\w*)?[ _-]*2016|\b2016-", re.IGNORECASE), LOG_ANALYTICS),
    ("Windows Server 2012 R2", re.compile(r"2012[ _-]*r2", re.IGNORECASE), LOG_ANALYTICS),
    ("Windows Server 2008 R2 SP1", re.compile(r"2008[ _-]*r2", re.IGNORECASE), LOG_ANALYTICS),
)
"""Windows Server, newest first, and what provisions Defender there unless the unified solution is on."""

UNIFIED_SERVERS = ("Windows Server 2016", "Windows Server 2012 R2")
"""Where the unified solution takes the place of the Log Analytics agent."""

_MULTI_SESSION = re.compile(r"multi[ -]?session|\bevd\b|[-_ ]avd\b|virtual desktop|\bwvd\b", re.IGNORECASE)
_CLIENT = re.compile(r"windows[ -]?(1[01]|8|7)\b|windowsdesktop|\bwin1[01]", re.IGNORECASE)
_OLD_SERVER = re.compile(r"server[ _-]*(2012|2008|2003)|\b2012-|\b2008-", re.IGNORECASE)
_VERSION = re.compile(r"(\d+)(?:[._-](\d+))?")


@dataclass(frozen=True, slots=True)
class SystemVerdict:
    """Whether a machine's system is supported (``None``: not recognised), what it was taken for, why, and what provisions Defender."""

    supported: bool | None
    name: str
    reason: str
    provisioned_by: str = EXTENSION


def judge_system(machine: Machine) -> SystemVerdict:
    """Judge a machine's system."""
    kind = machine.os_type.lower()
    told = " ".join(part for part in (machine.os_name, machine.os_version) if part)
    if kind == "linux":
        return _judge_linux(machine, told)
    if kind == "windows":
        return _judge_windows(machine, told)
    return SystemVerdict(None, told or "unknown system", "Azure does not tell whether it runs Linux or Windows")


def _judge_linux(machine: Machine, told: str) -> SystemVerdict:
    for text, version in ((told, machine.os_version), (machine.image, "")):
        if not text:
            continue
        if other := NOT_LINUX_SUPPORTED.search(text):
            return SystemVerdict(False, text, f"{other.group(0)} is not supported")
        for one in LINUX:
            found = one.pattern.search(text)
            if found is None:
                continue
            number = _number(one, version) or _number(one, text[found.start() :].replace(machine.image.split(":")[0] + ":", ""))
            if number is None:
                return SystemVerdict(None, one.name, f"{one.name} of unknown version")
            name = f"{one.name} {'.'.join(str(part) for part in number)}"
            if number[: len(one.low)] < one.low[: len(number)] or (one.high is not None and number > one.high):
                return SystemVerdict(False, name, f"{name} is not supported")
            return SystemVerdict(True, name, f"{name} is supported")
    return SystemVerdict(None, told or machine.image or "Linux", "Its Linux distribution is not recognised")


def _number(linux: Linux, text: str) -> tuple[int, ...] | None:
    """The version in ``text``. Image SKUs write 7.9 as ``79``, ``7_9`` or ``79-gen2``, and Ubuntu as ``20_04-lts``."""
    found = _VERSION.search(text)
    if found is None:
        return None
    major, minor = found.group(1), found.group(2)
    if linux.name == "Ubuntu" and len(major) == 4:
        return int(major[:2]), int(major[2:])
    if (
        linux.name not in {"Ubuntu", "Amazon Linux", "Fedora", "Debian", "SUSE Linux Enterprise Server"}
        and len(major) >= 2
        and major[0] in "6789"
    ):
        return int(major[0]), int(major[1:])
    if minor is None or len(minor) > 2:
        return (int(major),)
    return int(major), int(minor)


def _judge_windows(machine: Machine, told: str) -> SystemVerdict:
    for text in (told, machine.image):
        if not text:
            continue
        if _MULTI_SESSION.search(text):
            return SystemVerdict(True, "Windows Enterprise multi-session", "Windows multi-session (Virtual Desktop) is supported")
        if _CLIENT.search(text):
            return SystemVerdict(False, text, "Windows 10 and 11 are supported only as multi-session (Virtual Desktop)")
        for name, pattern, provisioned_by in WINDOWS_SERVERS:
            if pattern.search(text):
                return SystemVerdict(True, name, f"{name} is supported", provisioned_by)
        if _OLD_SERVER.search(text):
            return SystemVerdict(False, text, "This version of Windows Server is not supported")
    return SystemVerdict(None, told or machine.image or "Windows", "Its version of Windows is not recognised")

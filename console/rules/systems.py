"""The support matrix: which systems Defender for Endpoint protects here, and what brings it to them. Data, dated, with its source.

A system is recognised from the instance view's system name and version, the properties of the Arc agent and the image reference. They
disagree and are often incomplete: what runs on the machine (view, agent) outweighs what it was once made from (image), and a
version that could be a kernel's is not taken for the distribution's. An image makes exact what view or agent leave open about the same
distribution; where they name another one, or a system that is not known here, the image decides nothing. What is not recognised is never
called supported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cache.model import Machine, Subscription

EXTENSION = "extension"
LOG_ANALYTICS = "log-analytics"

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Linux:
    """A distribution: how it is recognised, and the ranges of versions that are supported, ends included."""

    name: str
    pattern: re.Pattern[str]
    ranges: tuple[tuple[Version, Version], ...]


@dataclass(frozen=True, slots=True)
class WindowsServer:
    """A Windows Server by its year, and what provisions Defender there unless the unified solution is on."""

    year: int
    name: str
    provisioned_by: str


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """What was supported as of a month, and who says so, for each of the two families."""

    as_of: str
    source: str
    linux: tuple[Linux, ...]
    windows_source: str
    servers: tuple[WindowsServer, ...]


ANY = 99


def _from(major: int, minor: int = 0) -> tuple[Version, Version]:
    """A major version from one of its minor versions on."""
    return (major, minor), (major, ANY)


def _majors(first: int, last: int) -> tuple[Version, Version]:
    return (first, 0), (last, ANY)


def _lts(*years: int) -> tuple[tuple[Version, Version], ...]:
    """Ubuntu's long-term releases, which come each second April."""
    return tuple(((year, 4), (year, 4)) for year in years)


ORACLE = re.compile(r"\boracle[ _-]?linux|\boracle\b|^ol$|\bol[ _-]?\d", re.IGNORECASE)
CENTOS_STREAM = re.compile(r"\bcentos[ _-]*stream", re.IGNORECASE)
CENTOS = re.compile(r"\bcentos", re.IGNORECASE)
ROCKY = re.compile(r"\brocky|\bresf\b", re.IGNORECASE)
ALMA = re.compile(r"\balma", re.IGNORECASE)
RHEL = re.compile(r"\bred ?hat|\brhel", re.IGNORECASE)
UBUNTU = re.compile(r"\bubuntu|\bcanonical\b", re.IGNORECASE)
DEBIAN = re.compile(r"\bdebian|\bcredativ\b", re.IGNORECASE)
SLES = re.compile(r"\bsles|\bsuse\b", re.IGNORECASE)
AMAZON = re.compile(r"\bamazon|\bamzn", re.IGNORECASE)
FEDORA = re.compile(r"\bfedora", re.IGNORECASE)
MARINER = re.compile(r"mariner|\bazure[ _-]?linux", re.IGNORECASE)

_SEED_SERVERS = (
    WindowsServer(2019, "Windows Server 2019", EXTENSION),
    WindowsServer(2016, "Windows Server 2016", LOG_ANALYTICS),
    WindowsServer(2012, "Windows Server 2012 R2", LOG_ANALYTICS),
    WindowsServer(2008, "Windows Server 2008 R2 SP1", LOG_ANALYTICS),
)
"""Of 2012 and 2008 only R2 counts, of 2008 R2 only with its service pack."""

SEED_2021 = Matrix(
    "2021-08",
    "Defender for Endpoint on Linux, system requirements, to which the seed of August 2021 refers",
    (
        Linux("Oracle Linux", ORACLE, (_from(7, 2), _majors(8, 8))),
        Linux("CentOS", CENTOS, (_from(7, 2), _majors(8, 8))),
        Linux("RHEL", RHEL, (_from(7, 2), _majors(8, 8))),
        Linux("Ubuntu", UBUNTU, _lts(16, 18, 20)),
        Linux("Debian", DEBIAN, (_majors(9, 11),)),
        Linux("SLES", SLES, (_majors(12, 12), _majors(15, 15))),
    ),
    "Seed of August 2021, Availability and What's this MDE.Windows/MDE.Linux extension",
    _SEED_SERVERS,
)
TODAY = Matrix(
    "2026-03",
    "Defender for Endpoint on Linux, prerequisites, March 2026",
    (
        Linux("CentOS Stream", CENTOS_STREAM, (_majors(8, 10),)),
        Linux("Oracle Linux", ORACLE, (_from(7, 2), _majors(8, 9))),
        Linux("CentOS", CENTOS, (_from(7, 2), _majors(8, 8))),
        Linux("Rocky Linux", ROCKY, (_from(8, 7), _from(9, 2))),
        Linux("AlmaLinux", ALMA, (_from(8, 4), _from(9, 2))),
        Linux("RHEL", RHEL, (_from(7, 2), _majors(8, 10))),
        Linux("Ubuntu", UBUNTU, _lts(16, 18, 20, 22, 24)),
        Linux("Debian", DEBIAN, (_majors(9, 13),)),
        Linux("SLES", SLES, (_majors(12, 12), _majors(15, 15))),
        Linux("Amazon Linux", AMAZON, (_majors(2, 2), _majors(2023, 2023))),
        Linux("Fedora", FEDORA, (_majors(33, 42),)),
        Linux("Azure Linux (Mariner)", MARINER, (_majors(2, 2),)),
    ),
    "As the seed of August 2021; Windows Server 2022 and 2025 are onboarded as 2019, Defender for Cloud, March 2026",
    (WindowsServer(2025, "Windows Server 2025", EXTENSION), WindowsServer(2022, "Windows Server 2022", EXTENSION), *_SEED_SERVERS),
)
"""The matrix by which machines are judged. The order matters where one name holds another."""

NOT_SUPPORTED = re.compile(
    r"freebsd|openbsd|netbsd|\balpine|\bgentoo|\barch ?linux|\bcoreos|\brhcos|flatcar|opensuse|\bleap\b|\bkali\b|\bnixos|slackware",
    re.IGNORECASE,
)
"""Systems that no matrix has ever held."""

UNIFIED_SERVERS = ("Windows Server 2016", "Windows Server 2012 R2")
"""Where the unified solution takes the place of the Log Analytics agent."""

_SP1_BUILD = "6.1.7601"
_RTM_BUILD = "6.1.7600"
_MULTI_SESSION = re.compile(r"multi[ -]?session|(?<![a-z])(?:evd|avd|wvd)(?![a-z])|virtual desktop", re.IGNORECASE)
_CLIENT = re.compile(r"windows[ _-]?(?:1[01]|8|7|vista|xp)(?![0-9])|windowsdesktop|(?<![a-z])win(?:1[01]|[78])(?![0-9])", re.IGNORECASE)
_SERVER = re.compile(r"server|(?<![a-z])ws20", re.IGNORECASE)
_YEAR = re.compile(r"(?<![0-9.])(?:20[0-9]{2})(?![0-9.])")
_WS_YEAR = re.compile(r"(?<![a-z])ws[ _-]?(20[0-9]{2})(?![0-9])", re.IGNORECASE)
_R2 = re.compile(r"r2(?![0-9])", re.IGNORECASE)
_SP1 = re.compile(r"sp1(?![0-9])|service pack 1", re.IGNORECASE)

_NOISE = re.compile(r"x86[_-]?64|x64|amd64|arm64|aarch64|gen[12]|(?<=-)g[12]\b|0001-com", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![0-9])([0-9]{1,4})(?:[._]([0-9]{1,2})(?![0-9]))?")
_SERVICE_PACK = re.compile(r"([0-9]{2})[ _-]*sp[ _-]?([0-9])", re.IGNORECASE)
_KERNEL = re.compile(r"^(?:[0-9]+\.[0-9]+\.[0-9]+-|[2-6]\.[0-9]+\.[0-9])")
_GENERIC = re.compile(r"(?:gnu[ /]*)?linux", re.IGNORECASE)
_COMPACT = {"CentOS", "RHEL", "Oracle Linux", "Rocky Linux", "AlmaLinux"}


@dataclass(frozen=True, slots=True)
class SystemVerdict:
    """Whether a machine's system is supported (``None``: not recognised), what it was taken for, why, and what provisions Defender."""

    supported: bool | None
    name: str
    reason: str
    provisioned_by: str = EXTENSION


def judge_system(machine: Machine, matrix: Matrix = TODAY) -> SystemVerdict:
    """Judge a machine's system by ``matrix``. The reason is a sentence without its full stop."""
    return _judge(machine.os_type.lower(), machine.os_name, machine.os_version, machine.image, matrix)


@lru_cache(maxsize=4096)
def _judge(kind: str, os_name: str, os_version: str, image: str, matrix: Matrix) -> SystemVerdict:
    """The same from the few texts that decide: a fleet holds few different systems."""
    told = " ".join(part for part in (os_name, os_version) if part)
    if kind == "linux":
        return _judge_linux(os_name, os_version, image, told, matrix)
    if kind == "windows":
        return _judge_windows(os_name, os_version, image, told, matrix)
    return SystemVerdict(None, told or "unknown system", "not recognised: Azure tells neither Linux nor Windows")


def needs_log_analytics(verdict: SystemVerdict, subscription: Subscription) -> bool | None:
    """Whether the Log Analytics agent is what brings Defender to a system; ``None`` when that hangs on a setting that is not known."""
    if verdict.provisioned_by != LOG_ANALYTICS:
        return False
    if verdict.name not in UNIFIED_SERVERS:
        return True
    return None if subscription.unified is None else subscription.unified != "on"


def _judge_linux(os_name: str, os_version: str, image: str, told: str, matrix: Matrix) -> SystemVerdict:
    if other := NOT_SUPPORTED.search(os_name):
        return SystemVerdict(False, os_name, f"{other.group(0)} is not supported")
    runs, made_from = _distribution(os_name, matrix), _distribution(image, matrix)
    if runs is not None:
        number = _told_version(runs, os_name, os_version)
        verdict = _by_version(runs, number, matrix)
        if verdict.supported is not None or made_from is not runs:
            return verdict
        of_image = _image_version(runs, image)
        # The image may only add what is left open: the whole version, or the minor one.
        if number is None or (of_image is not None and of_image[0] == number[0]):
            return _by_version(runs, of_image, matrix)
        return verdict
    if os_name and _GENERIC.fullmatch(os_name) is None:
        return SystemVerdict(None, told, "its Linux distribution is not recognised")
    if other := NOT_SUPPORTED.search(image):
        return SystemVerdict(False, image, f"{other.group(0)} is not supported")
    if made_from is not None:
        return _by_version(made_from, _image_version(made_from, image), matrix)
    return SystemVerdict(None, told or image or "Linux", "its Linux distribution is not recognised")


def _distribution(text: str, matrix: Matrix) -> Linux | None:
    return None if NOT_SUPPORTED.search(text) else next((one for one in matrix.linux if one.pattern.search(text)), None)


def _by_version(linux: Linux, number: tuple[int, int | None] | None, matrix: Matrix) -> SystemVerdict:
    if number is None:
        return SystemVerdict(None, linux.name, f"{linux.name} of a version that Azure does not tell")
    major, minor = number
    name = f"{linux.name} {major}"
    if minor is not None:
        name += f".{minor:02}" if linux.name == "Ubuntu" else f" SP{minor}" if linux.name == "SLES" and minor else f".{minor}"
    if minor is not None:
        if any(low <= (major, minor) <= high for low, high in linux.ranges):
            return SystemVerdict(True, name, f"{name} is supported")
    elif within := [(low, high) for low, high in linux.ranges if low[0] <= major <= high[0]]:
        if all(low <= (major, 0) for low, _ in within) and all(high[1] == ANY for _, high in within):
            return SystemVerdict(True, name, f"{name} is supported")
        return SystemVerdict(None, name, f"{name} of a minor version that Azure does not tell")
    if (major, minor or 0) > max(high for _, high in linux.ranges):
        return SystemVerdict(None, name, f"{name} is newer than the list of {matrix.as_of}")
    return SystemVerdict(False, name, f"{name} is not supported")


def _told_version(linux: Linux, name: str, version: str) -> tuple[int, int | None] | None:
    """What view or agent say: the name's version, made more exact by the version field where both agree on the major one."""
    in_name = _number(linux, _after_name(linux, name))
    if linux.name == "SLES" and (pack := _SERVICE_PACK.search(f"{name} {version}")):
        return int(pack.group(1)), int(pack.group(2))
    in_field = None if _KERNEL.match(version) else _number(linux, version)
    if in_name is None or in_field is None:
        return in_name or in_field
    return in_field if in_name[0] == in_field[0] and in_name[1] is None else in_name


def _image_version(linux: Linux, image: str) -> tuple[int, int | None] | None:
    """What the image reference says: its SKU first (``79-gen2``, ``22_04-lts``), then its offer (``debian-12``)."""
    parts = _NOISE.sub(" ", image).split(":")
    for part in reversed(parts[1:]):
        if linux.name == "SLES" and (pack := _SERVICE_PACK.search(part)):
            return int(pack.group(1)), int(pack.group(2))
        if number := _number(linux, _after_name(linux, part)):
            return number
    return None


def _after_name(linux: Linux, text: str) -> str:
    """What follows the name of the distribution in ``text``, where versions stand (``sql2019-ubuntu2004``); all of it without the name."""
    found = linux.pattern.search(text)
    if found is None:
        return text
    return text[found.end() :] if not found[0][-1:].isdigit() else text[found.end() - 1 :]


def _number(linux: Linux, text: str) -> tuple[int, int | None] | None:
    """The first version in ``text``: ``7.9``, ``7_9``, ``79`` and ``810`` of the Red Hat family, ``2204`` of Ubuntu."""
    found = _NUMBER.search(text)
    if found is None:
        return None
    digits, minor = found.group(1), found.group(2)
    if minor is not None:
        return int(digits), int(minor)
    if linux.name == "Ubuntu" and len(digits) == 4:
        return int(digits[:2]), int(digits[2:])
    if linux.name in _COMPACT and len(digits) > 1:
        if digits[0] in "56789":
            return int(digits[0]), int(digits[1:])
        if len(digits) == 3:
            return int(digits[:2]), int(digits[2:])
    return int(digits), None


def _judge_windows(os_name: str, os_version: str, image: str, told: str, matrix: Matrix) -> SystemVerdict:
    # The version alone tells nothing: clients and servers share their builds, so that "windows 10.0.17763" may be either.
    believed = (os_name, image) if not os_name or "windows" in os_name.lower() else (os_name,)
    for text in believed:
        if _SERVER.search(text) and (year := _year(text)):
            return _judge_server(text, year, os_version, matrix)
        # View and agent often leave out that a client is multi-session; its image tells.
        client = _CLIENT.search(text)
        if _MULTI_SESSION.search(text) or (client and _MULTI_SESSION.search(image)):
            return SystemVerdict(True, "Windows Enterprise multi-session", "Windows multi-session (Virtual Desktop) is supported")
        if client:
            return SystemVerdict(False, text, "Windows clients are supported only as multi-session")
    return SystemVerdict(None, told or image or "Windows", "its version of Windows is not recognised")


def _year(text: str) -> int | None:
    """The year of a Windows Server. Database images name two (``sql2022-ws2019``): the one of Windows counts."""
    found = _WS_YEAR.search(text)
    years = [found.group(1)] if found else _YEAR.findall(text)
    return int(years[0]) if years else None


def _judge_server(text: str, year: int, version: str, matrix: Matrix) -> SystemVerdict:
    known = next((one for one in matrix.servers if one.year == year), None)
    if known is None:
        name = f"Windows Server {year}"
        if year > max(one.year for one in matrix.servers):
            return SystemVerdict(None, name, f"{name} is newer than the list of {matrix.as_of}")
        return SystemVerdict(False, name, f"{name} is not supported")
    name, provisioned_by = known.name, known.provisioned_by
    if year in {2012, 2008} and not _R2.search(text):
        return SystemVerdict(False, f"Windows Server {year}", f"Windows Server {year} without R2 is not supported")
    if year == 2008 and not (_SP1.search(text) or version.startswith(_SP1_BUILD)):
        if version.startswith(_RTM_BUILD):
            return SystemVerdict(False, "Windows Server 2008 R2", "Windows Server 2008 R2 needs Service Pack 1")
        return SystemVerdict(None, "Windows Server 2008 R2", "Windows Server 2008 R2 of an unknown service pack", provisioned_by)
    return SystemVerdict(True, name, f"{name} is supported", provisioned_by)

"""What Defender for Endpoint needs of a machine that only the machine itself can tell, as data: each with its source and date.

The script ``system`` tells names and values; each requirement here makes one finding of them. What is not told, or told as something
that is not understood, is unknown and never good. Auditd is not asked for: the package brings it along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cache.machine_reports import Finding
from cache.model import CheckStatus, Machine
from cache.text import clean
from console.rules.systems import LOG_ANALYTICS, UNIFIED_SERVERS, SystemVerdict, judge_system

PASS, WARN, FAIL, UNKNOWN = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.UNKNOWN

KERNEL = (3, 10, 0, 327)
CORES = 1
MEMORY_MB = 1024
DISK_MB = 2048

ARCHITECTURES = {"x86_64": PASS, "amd64": PASS, "aarch64": WARN, "arm64": WARN}
"""Processors: ARM64 is supported on some distributions only (RHEL and Oracle 8 and 9, Ubuntu 20.04 and later, Debian 11 and 12, …)."""

ALLOWED_HOLDERS = {"fapolicyd": re.compile(r"red ?hat|\brhel|fedora", re.IGNORECASE)}
"""Programs that may hold fanotify beside Defender, and where."""

OWN_HOLDERS = frozenset(("wdavdaemon", "mdatp"))

PROGRAMS = {"opt": "/opt/microsoft", "var": "/var/opt/microsoft", "waagent": "/var/lib/waagent", "arc": "/var/lib/GuestConfig"}
"""Folders from which programs of Defender or of its extension run, by the name that the script gives them."""

PREREQUISITES = "Defender for Endpoint on Linux, prerequisites"
INSTALLER = "Microsoft's Linux installer, minimum requirements and conflicting applications"
TROUBLESHOOTING = "Defender for Endpoint on Linux, troubleshoot installation; VM agent and Azure Arc on noexec"
EXTENSION = "Messages of the extension MDE.Linux"
SEED = "The seed, Availability"

Told = tuple[CheckStatus, str, str]
"""Status, evidence, and what to do (empty where nothing is)."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is needed. ``source`` says so, as of the month ``as_of``."""

    id: str
    title: str
    judge: Callable[[Mapping[str, str]], Told]
    source: str
    as_of: str

    def finding(self, fields: Mapping[str, str]) -> Finding:
        """What the fields mean for it."""
        status, evidence, remedy = self.judge(fields)
        return Finding(self.id, self.title, status, evidence, remedy)


def findings_of(system: str, fields: Mapping[str, str]) -> tuple[Finding, ...]:
    """One finding for each requirement of ``Linux`` or ``Windows``, in the order of the tables."""
    return tuple(one.finding(fields) for one in (WINDOWS if system == "Windows" else LINUX))


def told(fields: Mapping[str, str], name: str) -> str:
    """A value; empty where it is not told."""
    value = fields.get(name, "").strip()
    return "" if value.lower() == "unknown" else value


def _number(fields: Mapping[str, str], name: str) -> int | None:
    value = told(fields, name)
    return int(value) if re.fullmatch(r"[0-9]{1,12}", value) else None


def _untold(what: str) -> Told:
    return UNKNOWN, f"The machine does not tell {what}.", "Look on the machine."


# Linux


def _system_name(fields: Mapping[str, str]) -> tuple[str, SystemVerdict]:
    """How the machine calls its system, and what the support matrix says of that."""
    pretty, version, release = (told(fields, name).strip("\"'") for name in ("os_pretty_name", "os_version_id", "release"))
    verdict = judge_system(_machine("Linux", pretty, version))
    if verdict.supported is None and release:  # where os-release has no minor version, the file of the release has
        closer = judge_system(_machine("Linux", release, ""))
        if closer.supported is not None:
            return release, closer
    return pretty, verdict


def _machine(os_type: str, name: str, version: str) -> Machine:
    return Machine("", "", "vm", "", "", "", os_type, name, version)


def _support(name: str, verdict: SystemVerdict, what: str, refusal: str) -> Told:
    """Whether the system of this name is supported; ``what`` it is where there is no name, ``refusal`` what follows the name where not."""
    if not name:
        return _untold(what)
    if verdict.supported is None:
        return UNKNOWN, f"{clean(name, 80)}: it is not known whether this is supported.", "Look into Microsoft's list of supported systems."
    if not verdict.supported:
        return FAIL, f"{clean(name, 80)}{refusal}.", "Move the workload to a supported system, or protect it by other means."
    return PASS, f"{clean(name, 80)} is supported.", ""


def _distribution(fields: Mapping[str, str]) -> Told:
    return _support(*_system_name(fields), "its distribution", " is not supported")


def _kernel(fields: Mapping[str, str]) -> Told:
    value = told(fields, "kernel")
    found = re.match(r"([0-9]{1,4})\.([0-9]{1,6})(?:\.([0-9]{1,6}))?(?:-([0-9]{1,6}))?", value)
    if found is None:
        return _untold("its kernel")
    if tuple(int(part or 0) for part in found.groups()) < KERNEL:
        return FAIL, f"The kernel {clean(value, 60)} is older than 3.10.0-327.", "Update the kernel."
    return PASS, f"The kernel is {clean(value, 60)}.", ""


def _architecture(fields: Mapping[str, str]) -> Told:
    value = told(fields, "architecture")
    if not value:
        return _untold("its processor")
    status = ARCHITECTURES.get(value.lower(), FAIL)
    if status is PASS:
        return PASS, f"The processor is {clean(value, 40)}.", ""
    if status is WARN:
        return WARN, f"The processor is {clean(value, 40)}: only some distributions are supported on it.", "Look into Microsoft's list."
    return FAIL, f"The processor {clean(value, 40)} is not supported.", "Protect the machine by other means."


def _systemd(fields: Mapping[str, str]) -> Told:
    value = told(fields, "init")
    if not value:
        return _untold("what starts its services")
    if value != "systemd":
        return FAIL, f"Services are started by {clean(value, 40)}, not by systemd.", "Defender needs systemd."
    return PASS, "Services are started by systemd.", ""


def _cores(fields: Mapping[str, str]) -> Told:
    number = _number(fields, "cores")
    if number is None:
        return _untold("its processors")
    return (PASS, f"It has {number} cores.", "") if number >= CORES else (FAIL, f"It has {number} cores.", "Resize the machine.")


def _memory(fields: Mapping[str, str]) -> Told:
    number = _number(fields, "memory_mb")
    if number is None:
        return _untold("its memory")
    if number < MEMORY_MB:
        why = f"It has {number:,} MB of memory; the installer wants {MEMORY_MB:,} MB."
        return FAIL, why, "Resize the machine. The kernel keeps a part for itself, so one of 1 GB has too little."
    return PASS, f"It has {number:,} MB of memory.", ""


def _disk(fields: Mapping[str, str]) -> Told:
    free = {PROGRAMS[name]: _number(fields, f"free_{name}_mb") for name in ("opt", "var")}
    short = [f"{number:,} MB at {where}" for where, number in free.items() if number is not None and number < DISK_MB]
    if short:
        return FAIL, f"Free are only {' and '.join(short)}; needed are {DISK_MB:,} MB.", "Free disk space."
    if any(number is None for number in free.values()):
        return _untold("how much of its disks is free")
    return PASS, f"Free are {min(number for number in free.values() if number is not None):,} MB.", ""


def _noexec(fields: Mapping[str, str]) -> Told:
    bad = [where for name, where in PROGRAMS.items() if told(fields, f"noexec_{name}") == "yes"]
    if bad:
        why = f"Programs may not run from {', '.join(bad)}: the file system is mounted noexec."
        return FAIL, why, "Remount it with exec, also in /etc/fstab."
    if any(told(fields, f"noexec_{name}") != "no" for name in PROGRAMS):
        return _untold("how its file systems are mounted")
    if told(fields, "noexec_tmp") == "yes":
        return WARN, "/tmp is mounted noexec: scripts of some packages cannot run there.", "Where the installation fails, remount /tmp."
    return PASS, "Programs may run from the folders of Defender and of its extension.", ""


def _python(fields: Mapping[str, str]) -> Told:
    value = told(fields, "python")
    if not value:
        return _untold("whether it has Python")
    if value == "none":
        return FAIL, "It has no Python, which the extension needs.", "Install Python 3."
    if value.endswith("platform-python"):
        return WARN, f"It has only {clean(value, 80)}, which the extension may not find.", "Install Python 3."
    return PASS, f"It has {clean(value, 80)}.", ""


def _fanotify(fields: Mapping[str, str]) -> Told:
    value = told(fields, "fanotify")
    if value == "yes":
        return PASS, "The kernel has fanotify.", ""
    if value == "no":
        return FAIL, "The kernel has no fanotify (CONFIG_FANOTIFY).", "Run a kernel that has it."
    return _untold("whether its kernel has fanotify")


def _names(value: str) -> list[str]:
    return [] if value == "none" else list(dict.fromkeys(value.split()))


def _holders(fields: Mapping[str, str]) -> Told:
    holders, services = told(fields, "fanotify_holders"), told(fields, "other_services")
    system = f"{told(fields, 'os_pretty_name')} {told(fields, 'release')}"
    others = [one for one in _names(holders) if one not in OWN_HOLDERS and not _allowed(one, system)]
    others += [one for one in _names(services) if one not in others]
    if others:
        named = clean(", ".join(others), 120)
        why = f"Other products are there that hold fanotify: {named}. The integration ignores such machines."
        return FAIL, why, "Remove that product, or install Defender by hand in passive mode."
    own = [one for one in _names(holders) if one in OWN_HOLDERS]
    if own and told(fields, "mdatp") == "not-installed":
        return FAIL, f"A half-installed Defender ({', '.join(own)}) holds fanotify.", "Uninstall mdatp, and let the integration retry."
    if not holders:
        return _untold("which programs hold fanotify")
    watchers = [one for one in _names(told(fields, "fanotify_watchers")) if one not in OWN_HOLDERS]
    if watchers:
        named = clean(", ".join(watchers), 120)
        return WARN, f"No program holds fanotify for whole file systems; single files are watched by {named}.", "Nothing, unless it fails."
    allowed = [one for one in _names(holders) if one not in OWN_HOLDERS]
    said = f"Beside Defender only {', '.join(allowed)} holds fanotify, which may." if allowed else "No other program holds fanotify."
    return PASS, said, ""


def _allowed(name: str, system: str) -> bool:
    return name in ALLOWED_HOLDERS and ALLOWED_HOLDERS[name].search(system) is not None


LINUX: tuple[Requirement, ...] = (
    Requirement("distribution", "The distribution is supported", _distribution, PREREQUISITES, "2026-03"),
    Requirement("kernel", "The kernel is 3.10.0-327 or later", _kernel, PREREQUISITES, "2026-03"),
    Requirement("architecture", "The processor is supported", _architecture, PREREQUISITES, "2026-03"),
    Requirement("systemd", "Services are started by systemd", _systemd, PREREQUISITES, "2026-03"),
    Requirement("cores", "There is 1 core", _cores, INSTALLER, "2026-02"),
    Requirement("memory", "There is 1 GB of memory", _memory, INSTALLER, "2026-02"),
    Requirement("disk", "2 GB of disk are free", _disk, INSTALLER, "2026-02"),
    Requirement("noexec", "Programs may run where they are installed", _noexec, TROUBLESHOOTING, "2024-10"),
    Requirement("python", "There is a Python", _python, EXTENSION, "2026-03"),
    Requirement("fanotify", "The kernel has fanotify", _fanotify, PREREQUISITES, "2026-03"),
    Requirement("fanotify-holders", "No other product holds fanotify", _holders, INSTALLER, "2026-02"),
)
"""What a Linux machine must have."""


# Windows


def _windows_verdict(fields: Mapping[str, str]) -> tuple[str, SystemVerdict]:
    name = told(fields, "os_name")
    pack = told(fields, "service_pack")
    whole = f"{name} SP{pack}" if re.fullmatch(r"[1-9]", pack) else name
    return name, judge_system(_machine("Windows", whole, told(fields, "os_version")))


def _windows(fields: Mapping[str, str]) -> Told:
    name, verdict = _windows_verdict(fields)
    return _support(name, verdict, "its version of Windows", f": {verdict.reason}")


def _provisioned(fields: Mapping[str, str]) -> Told:
    name, verdict = _windows_verdict(fields)
    if not name:
        return _untold("its version of Windows")
    if verdict.provisioned_by != LOG_ANALYTICS:
        return PASS, "The extension brings Defender to it.", ""
    if told(fields, "log_analytics_agent").lower() == "running":
        return PASS, "The Log Analytics agent, which brings Defender to it, runs.", ""
    way = "switch the unified solution on" if verdict.name in UNIFIED_SERVERS else "move the workload to a later system"
    agent = told(fields, "log_analytics_agent").lower() or "not told"
    why = f"{verdict.name} gets Defender by the unified solution or by the Log Analytics agent, which is {clean(agent, 40)}."
    return WARN, why, f"To have it without that agent, which was retired in August 2024, {way}."


WINDOWS: tuple[Requirement, ...] = (
    Requirement("windows", "The version of Windows is supported", _windows, SEED, "2026-03"),
    Requirement("provisioning", "Something brings Defender to it", _provisioned, "The seed, FAQ", "2026-03"),
)
"""What a Windows machine must have: the seed names no hardware."""


def all_requirements() -> Iterator[Requirement]:
    """Every one, of both systems."""
    yield from (*LINUX, *WINDOWS)

"""What a failed extension means: a cause and a remedy, matched layer by layer. What matches nothing keeps its raw text.

Sources: Microsoft's Linux installer (exit codes), public reports of extension failures, the Azure Arc troubleshooting pages, the WDATP
onboarding events of Windows. "51" and "52" mean one thing as an extension's code and another as the installer's: the layer is part
of the match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cache.model import Diagnosis, Extension, Machine

INSTALLER = "installer"
EXTENSION = "extension"
ARC = "arc"
PLATFORM = "platform"

LINUX_LOG = "/var/log/azure/Microsoft.Azure.AzureDefenderForServers.MDE.Linux/"

_RETRY = "then delete the extension; Defender for Cloud installs it again by itself."

INSTALLER_CODES: dict[int, tuple[str, str]] = {
    1: ("The installer met an internal error.", f"Read {LINUX_LOG} on the machine, {_RETRY}"),
    2: ("The installer was called with wrong arguments.", f"Delete the extension so that it is installed anew; read {LINUX_LOG}."),
    3: ("The installer did not run as root.", "Check that the VM agent runs as root."),
    4: ("The machine has no way to the internet.", "Allow outbound access to Defender's addresses, or set a static proxy."),
    5: ("Another product on the machine holds fanotify.", f"Remove that product, or install Defender by hand in passive mode, {_RETRY}"),
    10: ("The Linux distribution is not supported.", "Move the workload to a supported distribution."),
    11: ("The version of the Linux distribution is not supported.", "Upgrade to a supported version."),
    12: ("The machine is too small: 1 core, 1 GB memory and 2 GB disk are needed.", "Resize the machine or free disk space."),
    15: ("An earlier installation of Defender is corrupt.", f"Uninstall mdatp on the machine, {_RETRY}"),
    20: ("Defender is not installed where it should be.", f"Read {LINUX_LOG} on the machine, {_RETRY}"),
    21: ("Installing the package failed.", f"Check the package manager on the machine (held locks, broken packages), {_RETRY}"),
    22: ("Removing an earlier Defender failed.", f"Uninstall mdatp by hand, {_RETRY}"),
    23: ("A package that Defender needs could not be installed.", f"Repair the package manager and install Python 3, {_RETRY}"),
    24: ("Microsoft's package repository could not be set up.", f"Allow packages.microsoft.com; on new Ubuntu install gnupg, {_RETRY}"),
    25: ("The release channel is not known.", "Remove the tag or setting that chooses a channel."),
    26: ("Cleaning up the package repository failed.", f"Remove Microsoft's repository file by hand, {_RETRY}"),
    30: ("The onboarding information is missing.", "Let Defender for Cloud install the extension; do not deploy it by hand."),
    31: ("Onboarding to the tenant failed.", f"Check outbound access to Defender's addresses, {_RETRY}"),
    32: ("The offboarding information is missing.", "Get the offboarding package from the Defender portal."),
    33: ("Offboarding failed.", "Offboard by hand with the package of the Defender portal."),
    40: ("The device tag could not be set.", "Correct the tag in the extension's settings."),
    41: ("A parameter could not be set.", "Correct the extension's settings."),
    51: ("The installation folder could not be set up.", "Check the free space and the file system of the installation path."),
    52: ("The installation folder has wrong rights.", "Correct owner and mode of the installation path."),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A text that tells a cause: where it must be found, its stable code, the cause and the remedy."""

    code: str
    pattern: re.Pattern[str]
    layer: str
    cause: str
    remedy: str


def _rule(code: str, pattern: str, layer: str, cause: str, remedy: str) -> Rule:
    return Rule(code, re.compile(pattern, re.IGNORECASE), layer, cause, remedy)


RULES: tuple[Rule, ...] = (
    _rule(
        "half-installed",
        r"conflicting applications:\s*\[[^\]]*wdavdaemon",
        INSTALLER,
        "A half-installed Defender is in its own way.",
        f"Uninstall mdatp on the machine, {_RETRY}",
    ),
    _rule(
        "repository-key",
        r"NO_PUBKEY EB3E94ADBE1229CF|SIGNATURES NOT OK",
        INSTALLER,
        "The key of Microsoft's package repository is missing.",
        f"Import Microsoft's repository key on the machine, {_RETRY}",
    ),
    _rule(
        "apt-key",
        r"apt-key: command not found",
        INSTALLER,
        "The extension is too old for this Ubuntu: it calls apt-key, which is gone.",
        f"Install gnupg, {_RETRY}",
    ),
    _rule("bad-package", r"no digest", INSTALLER, "The package in the repository is a bad build.", "Try again after the next release."),
    _rule(
        "no-python",
        r"No Python interpreter found",
        EXTENSION,
        "The machine has no Python, which the extension needs.",
        "Install Python 3 on the machine and delete the extension; it comes back by itself.",
    ),
    _rule(
        "no-onboarding-script",
        r"defenderForEndpointOnboardingScript does not exist|null-valued expression",
        EXTENSION,
        "The extension was deployed by hand without the onboarding information.",
        "Delete it and let Defender for Cloud install it; do not deploy it by hand or by a template.",
    ),
    _rule(
        "policy-scope",
        r"Microsoft\.Security/mdeOnboardings/read",
        PLATFORM,
        "The identity that deploys the extension has too few rights.",
        "Give the policy's identity Security Reader on the subscription.",
    ),
    _rule(
        "none-type",
        r"argument of type 'NoneType' is not iterable",
        EXTENSION,
        "The extension got incomplete settings.",
        "Delete it and let Defender for Cloud install it.",
    ),
    _rule(
        "arc-noexec",
        r"noexec",
        ARC,
        "The file system that holds the agent's extensions forbids execution.",
        "Remount it executable (mount -o remount,exec) and delete the extension; it comes back by itself.",
    ),
    _rule(
        "arc-stuck",
        r"HandlerManifest\.json.*(not exist|not found)",
        ARC,
        "The extension is stuck half-way.",
        "Delete it, remove its folder on the machine, and let it be installed again.",
    ),
    _rule(
        "os-not-supported",
        r"for this operating system is not supported",
        EXTENSION,
        "Defender for Endpoint does not support this system here.",
        "Move the workload to a supported system, or onboard the machine by hand where Defender supports it.",
    ),
    _rule(
        "not-onboarded",
        r"No license found|missing license|org_id\W+unavailable",
        INSTALLER,
        "Defender is installed but not onboarded.",
        f"Check outbound access to Defender's addresses, {_RETRY}",
    ),
    _rule(
        "auditd",
        r"no active supplementary event provider",
        INSTALLER,
        "A rule of auditd keeps Defender's events away.",
        "Remove the conflicting audit rules (auditctl -l shows them) and restart auditd.",
    ),
    _rule(
        "tls-inspection",
        r"curl(?: error|:)? ?\(?(?:35|60)\)?",
        INSTALLER,
        "Something between the machine and Defender inspects TLS.",
        "Take Defender's addresses out of TLS inspection.",
    ),
    _rule(
        "not-registered",
        r"Subscription Not Registered",
        PLATFORM,
        "Microsoft.Security is not registered on the subscription.",
        "az provider register --namespace Microsoft.Security",
    ),
    _rule(
        "disallowed",
        r"DisallowedProvider",
        PLATFORM,
        "The offer of the subscription forbids Microsoft.Security.",
        "Leave the subscription out; Defender for Cloud cannot be used with this offer.",
    ),
)

WINDOWS_EVENTS: dict[str, tuple[str, str]] = {
    "5": (
        "Defender's registry keys cannot be written.",
        "Check the rights of SYSTEM on the registry keys of Windows Advanced Threat Protection.",
    ),
    "10": (
        "Defender's registry keys cannot be written.",
        "Check the rights of SYSTEM on the registry keys of Windows Advanced Threat Protection.",
    ),
    "15": ("The SENSE service does not start.", "Start it with “sc start sense” and read its event log."),
    "30": ("The SENSE service did not start in time.", "Wait, restart the machine, and look again."),
    "35": ("The onboarding status is missing.", "Check the rights of the registry key, and onboard again."),
    "40": ("The SENSE service runs but is not onboarded.", "Read the event log of SENSE and check outbound access."),
    "65": ("The onboarding did not run as an administrator.", "Check that the extension's service runs as SYSTEM."),
    "70": ("The machine belongs to another organisation's Defender.", "Offboard it there first."),
}

_EXITING = re.compile(r"exiting \((\d+)\)", re.IGNORECASE)
_APPS = re.compile(r"conflicting applications:\s*\[([^\]]*)\]", re.IGNORECASE)
_WINDOWS_EVENT = re.compile(r"WDATPOnboarding\D{0,40}?(?:event(?: id)?|EventID)\D{0,4}(\d+)", re.IGNORECASE)


def diagnose(machine: Machine, extension: Extension) -> Diagnosis:
    """What the failure of ``extension`` means. A failure that is not known has code ``unknown`` and its own text as the cause."""
    message = extension.message
    for rule in RULES:
        if rule.pattern.search(message):
            return Diagnosis(rule.code, rule.cause, rule.remedy, rule.layer)
    if found := _EXITING.search(message):
        return _installer(int(found.group(1)), message)
    if found := _WINDOWS_EVENT.search(message):
        event = WINDOWS_EVENTS.get(found.group(1))
        if event is not None:
            return Diagnosis(f"windows-event-{found.group(1)}", event[0], event[1], "windows")
    code = extension.code.rsplit("/", 1)[-1]
    if code == "51":
        rule = next(one for one in RULES if one.code == "os-not-supported")
        return Diagnosis(rule.code, rule.cause, rule.remedy, EXTENSION)
    if code == "52" and machine.os_type.lower() == "linux" and not message:
        rule = next(one for one in RULES if one.code == "no-python")
        return Diagnosis(rule.code, rule.cause, rule.remedy, EXTENSION)
    if code.isdecimal() and int(code) in INSTALLER_CODES and machine.os_type.lower() == "linux" and code not in {"51", "52"}:
        return _installer(int(code), message)
    told = message or (f"The extension failed with code {extension.code}." if extension.code else "Azure gives no reason.")
    where = (
        LINUX_LOG
        if machine.os_type.lower() == "linux"
        else r"C:\WindowsAzure\Logs\Plugins\Microsoft.Azure.AzureDefenderForServers.MDE.Windows"
    )
    return Diagnosis("unknown", told, f"Read {where} on the machine, {_RETRY}", EXTENSION)


def _installer(code: int, message: str) -> Diagnosis:
    known = INSTALLER_CODES.get(code)
    if known is None:
        return Diagnosis("unknown", message or f"The installer ended with {code}.", f"Read {LINUX_LOG} on the machine, {_RETRY}", INSTALLER)
    cause, remedy = known
    if code == 5 and (found := _APPS.search(message)):
        cause = f"Another product on the machine holds fanotify: {found.group(1)}."
    name = "fanotify-conflict" if code == 5 else f"installer-{code}"
    return Diagnosis(name, cause, remedy, INSTALLER)

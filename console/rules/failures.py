"""What goes wrong on machines, as a table: how each failure is recognised, its cause, its remedy, and where that is known from.

Sources: Microsoft's Linux installer (microsoft/mdatp-xplat, exit codes), public reports of extension failures, the Azure Arc
troubleshooting pages, the WDATPOnboarding events of Windows; as of 2026-03.
Text that is read from machines is matched, never shown as a remedy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

INSTALLER = "installer"
EXTENSION = "extension"
ARC = "arc"
WINDOWS = "windows"
PLATFORM = "platform"

LINUX_LOG = "/var/log/azure/Microsoft.Azure.AzureDefenderForServers.MDE.Linux/"
WINDOWS_LOG = r"C:\WindowsAzure\Logs\Plugins\Microsoft.Azure.AzureDefenderForServers.MDE.Windows"

RETRY = "then delete the extension; Defender for Cloud installs it again while the integration is on."

_XPLAT = "https://github.com/microsoft/mdatp-xplat"
INSTALLER_REFERENCE = f"{_XPLAT}/blob/master/linux/installation/mde_installer.sh"
LINUX_REFERENCE = "https://learn.microsoft.com/defender-endpoint/mde-linux-prerequisites"
LINUX_TROUBLE = "https://learn.microsoft.com/defender-endpoint/linux-support-install"
CONNECTIVITY = "https://learn.microsoft.com/defender-endpoint/linux-support-connectivity"
CLOUD_REFERENCE = "https://learn.microsoft.com/azure/defender-for-cloud/enable-defender-for-endpoint"
ARC_REFERENCE = "https://learn.microsoft.com/azure/azure-arc/servers/troubleshoot-vm-extensions"
ARC_AGENT = "https://learn.microsoft.com/azure/azure-arc/servers/troubleshoot-agent-onboard"
WINDOWS_REFERENCE = "https://learn.microsoft.com/defender-endpoint/troubleshoot-onboarding"

FANOTIFY_CAUSE = "Another product on the machine holds fanotify"

INSTALLER_CODES: dict[int, tuple[str, str]] = {
    1: ("The installer met an internal error.", f"Read {LINUX_LOG} on the machine, {RETRY}"),
    2: ("The installer was called with wrong arguments.", f"Read {LINUX_LOG} on the machine, {RETRY}"),
    3: ("The installer did not run as root.", f"Check that the VM agent or the Arc agent runs as root, {RETRY}"),
    4: ("The machine has no way to the internet.", f"Allow outbound access to Defender's addresses or set a static proxy, {RETRY}"),
    5: (f"{FANOTIFY_CAUSE}.", f"Remove that product, or install Defender by hand in passive mode, {RETRY}"),
    10: ("The Linux distribution is not supported.", "Move the workload to a supported distribution."),
    11: ("The version of the Linux distribution is not supported.", f"Upgrade to a supported version, {RETRY}"),
    12: ("The machine has less than 1 core, 1 GB memory or 2 GB disk.", f"Resize the machine or free disk space, {RETRY}"),
    15: ("An earlier installation of Defender is corrupt.", f"Uninstall mdatp on the machine, {RETRY}"),
    20: ("Defender is not installed where it should be.", f"Read {LINUX_LOG} on the machine, {RETRY}"),
    21: ("Installing the package failed.", f"Check the package manager on the machine (held locks, broken packages), {RETRY}"),
    22: ("Removing an earlier Defender failed.", f"Uninstall mdatp by hand, {RETRY}"),
    23: ("A package that Defender needs could not be installed.", f"Repair the package manager and install Python 3, {RETRY}"),
    24: ("Microsoft's package repository cannot be used.", f"Allow packages.microsoft.com and check that it serves this release, {RETRY}"),
    25: ("The release channel is not known.", f"Remove the setting that chooses a channel, {RETRY}"),
    26: ("Cleaning up the package repository failed.", f"Remove Microsoft's repository file by hand, {RETRY}"),
    30: ("The onboarding information is missing.", f"Do not deploy the extension by hand: {RETRY.removeprefix('then ')}"),
    31: ("Onboarding to the tenant failed.", f"Check outbound access to Defender's addresses, {RETRY}"),
    32: ("The offboarding information is missing.", "Get the offboarding package from the Defender portal."),
    33: ("Offboarding failed.", "Offboard by hand with the package of the Defender portal."),
    40: ("The device tag could not be set.", f"Correct the tag in the extension's settings, {RETRY}"),
    41: ("A parameter could not be set.", f"Correct the extension's settings, {RETRY}"),
    51: ("The installation folder could not be set up.", f"Check free space and file system of the installation path, {RETRY}"),
    52: ("The installation folder has wrong permissions.", f"Correct owner and mode of the installation path, {RETRY}"),
}
"""The exit codes of Microsoft's Linux installer. As codes of the *extension*, 51 and 52 mean something else: see :data:`RULES`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A text that tells a cause. ``layer`` is who reported it."""

    code: str
    pattern: re.Pattern[str]
    layer: str
    cause: str
    remedy: str
    reference: str


def _rule(code: str, pattern: str, layer: str, cause: str, remedy: str, reference: str) -> Rule:
    return Rule(code, re.compile(pattern, re.IGNORECASE | re.DOTALL), layer, cause, remedy, reference)


RULES: tuple[Rule, ...] = (
    _rule(
        "half-installed",
        r"conflicting applications:\s*\[[^\]]*wdavdaemon",
        INSTALLER,
        "A half-installed Defender is in its own way.",
        f"Uninstall mdatp on the machine, {RETRY}",
        f"{_XPLAT}/issues/51",
    ),
    _rule(
        "repository-key",
        r"NO_PUBKEY EB3E94ADBE1229CF|SIGNATURES NOT OK",
        INSTALLER,
        "The key of Microsoft's package repository is missing.",
        f"Import https://packages.microsoft.com/keys/microsoft.asc on the machine, {RETRY}",
        f"{_XPLAT}/issues/142",
    ),
    _rule(
        "apt-key",
        r"apt-key: (?:command )?not found",
        INSTALLER,
        "This Ubuntu has no apt-key, which the installer calls.",
        f"Let the extension update itself to a version without apt-key, {RETRY}",
        f"{_XPLAT}/issues/213",
    ),
    _rule(
        "bad-package",
        r"\bno digest\b",
        INSTALLER,
        "The package in the repository is a bad build.",
        f"Wait for the next release of mdatp, {RETRY}",
        LINUX_TROUBLE,
    ),
    _rule(
        "no-python",
        r"No Python interpreter found",
        EXTENSION,
        "The machine has no Python, which the extension needs.",
        f"Install Python 3 on the machine, {RETRY}",
        CLOUD_REFERENCE,
    ),
    _rule(
        "no-onboarding-script",
        r"defenderForEndpointOnboardingScript does not exist|null-valued expression",
        EXTENSION,
        "The extension was deployed without the onboarding information.",
        "Delete it and let Defender for Cloud install it; do not deploy it by hand or by a template of your own.",
        CLOUD_REFERENCE,
    ),
    _rule(
        "policy-scope",
        r"Microsoft\.Security/mdeOnboardings/read",
        PLATFORM,
        "The identity that deploys the extension has too few rights.",
        "Give the identity of the policy assignment the role Security Reader on the whole subscription.",
        CLOUD_REFERENCE,
    ),
    _rule(
        "incomplete-settings",
        r"argument of type 'NoneType' is not iterable",
        EXTENSION,
        "The extension got incomplete settings.",
        "Delete it and let Defender for Cloud install it; do not deploy it by hand or by a template of your own.",
        CLOUD_REFERENCE,
    ),
    _rule(
        "arc-noexec",
        r"exit code for Install: 64\b.*noexec|\bnoexec\b",
        ARC,
        "The file system of the agent's extensions forbids execution.",
        f"Remount it executable (mount -o remount,exec), {RETRY}",
        ARC_REFERENCE,
    ),
    _rule(
        "arc-stuck",
        r"HandlerManifest\.json.*(?:not exist|not found)",
        ARC,
        "The extension is stuck half-way.",
        "Delete the extension, remove what is left of its folder on the machine, and let it be installed again.",
        ARC_REFERENCE,
    ),
    _rule(
        "os-not-supported",
        r"for this operating system is not supported",
        EXTENSION,
        "Defender for Endpoint does not support this system here.",
        "Move the workload to a supported system, or protect the machine by other means.",
        CLOUD_REFERENCE,
    ),
    _rule(
        "not-onboarded",
        r"No license found|missing license|org_?id\W{1,80}unavailable",
        INSTALLER,
        "Defender is installed but not onboarded.",
        f"Check outbound access to Defender's addresses, {RETRY}",
        "https://learn.microsoft.com/defender-endpoint/health-status",
    ),
    _rule(
        "auditd",
        r"no active supplementary event provider",
        INSTALLER,
        "A rule of auditd keeps Defender's events away.",
        "Remove the conflicting audit rules (auditctl -l shows them) and restart auditd.",
        LINUX_TROUBLE,
    ),
    _rule(
        "tls-inspection",
        r"\bcurl\b\D{0,12}\b(?:35|60)\b",
        INSTALLER,
        "Something between the machine and Defender inspects TLS.",
        "Take Defender's addresses out of TLS inspection, and test with “mdatp connectivity test”.",
        CONNECTIVITY,
    ),
    _rule(
        "not-registered",
        r"Subscription Not Registered",
        PLATFORM,
        "Microsoft.Security is not registered on the subscription.",
        "Run “az provider register --namespace Microsoft.Security --subscription {subscription}”.",
        CLOUD_REFERENCE,
    ),
    _rule(
        "disallowed-provider",
        r"DisallowedProvider",
        PLATFORM,
        "The offer of the subscription forbids Microsoft.Security.",
        "Leave the subscription out: Defender for Cloud cannot be used with this offer.",
        CLOUD_REFERENCE,
    ),
)
"""Texts that tell more than any code, the most telling first. ``{subscription}`` in a remedy stands for the subscription's id."""

WINDOWS_EVENTS: dict[int, tuple[str, str]] = {
    5: (
        "Defender's registry keys cannot be written.",
        "Give SYSTEM full rights on the keys of Windows Advanced Threat Protection, {retry}",
    ),
    10: (
        "Defender's registry keys cannot be written.",
        "Give SYSTEM full rights on the keys of Windows Advanced Threat Protection, {retry}",
    ),
    15: ("The SENSE service does not start.", "Start it with “sc start sense”, read its event log, {retry}"),
    30: ("The SENSE service did not start in time.", "Restart the machine, {retry}"),
    35: ("The onboarding status is missing in the registry.", "Check the rights of SYSTEM on Defender's registry keys, {retry}"),
    40: ("The SENSE service runs but is not onboarded.", "Read the event log of SENSE, check outbound access, {retry}"),
    65: ("The onboarding did not run as an administrator.", "Check that the VM agent or the Arc agent runs as SYSTEM, {retry}"),
    70: ("The machine belongs to another organisation's Defender.", "Offboard it there first, {retry}"),
}
"""The WDATPOnboarding events of Windows."""

ARC_STATUS: dict[str, tuple[str, str]] = {
    "disconnected": (
        "The Arc agent has sent no heartbeat for 15 to 30 minutes.",
        "Start the himds service on the machine and check its outbound access; “azcmagent show” tells more.",
    ),
    "expired": (
        "The Arc agent has been silent for 45 days and its identity has expired.",
        "Delete the Arc resource, run “azcmagent disconnect --force-local-only” on the machine, and connect it again.",
    ),
    "error": ("The Arc agent reports an error.", "Run “azcmagent show” and “azcmagent check” on the machine."),
}
"""What the status of an Arc agent means when it is not connected."""

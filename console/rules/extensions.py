"""Extensions: which one is whose, and what its state means on a VM and on an Arc machine, which tell it differently.

Source: the instance views of Microsoft.Compute and Microsoft.HybridCompute; seed, *What's this "MDE.Windows"/"MDE.Linux" extension*;
as of 2026-03.
"""

from __future__ import annotations

import re

from cache.model import Extension, Machine

DEFENDER_PUBLISHER = "microsoft.azure.azuredefenderforservers"
DEFENDER_TYPES = ("mde.linux", "mde.windows")
LOG_ANALYTICS_PUBLISHER = "microsoft.enterprisecloud.monitoring"
LOG_ANALYTICS_TYPES = ("microsoftmonitoringagent", "omsagentforlinux")

SUCCEEDED = "succeeded"
INSTALLING = "installing"
FAILED = "failed"
DELETING = "deleting"
UNKNOWN = "unknown"

_STATES = {
    "succeeded": SUCCEEDED,
    "failed": FAILED,
    "canceled": FAILED,
    "creating": INSTALLING,
    "updating": INSTALLING,
    "accepted": INSTALLING,
    "transitioning": INSTALLING,
    "running": INSTALLING,
    "pending": INSTALLING,
    "deleting": DELETING,
    "deleted": DELETING,
}
_CODES = _STATES | {"success": SUCCEEDED, "0": SUCCEEDED, "error": FAILED}
_IN_PROGRESS = re.compile(r"status\s*=\s*transitioning", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[0-9]+")


def defender_extension(machine: Machine) -> Extension | None:
    """The Defender for Endpoint extension of the machine, the one for its own system first."""
    found = _find(machine, DEFENDER_PUBLISHER, DEFENDER_TYPES)
    wanted = f"mde.{machine.os_type.lower()}"
    return next((one for one in found if wanted in {one.type.lower(), one.name.lower()}), found[0] if found else None)


def log_analytics_extension(machine: Machine) -> Extension | None:
    """The Log Analytics agent of the machine (retired in August 2024)."""
    found = _find(machine, LOG_ANALYTICS_PUBLISHER, LOG_ANALYTICS_TYPES)
    return found[0] if found else None


def _find(machine: Machine, publisher: str, types: tuple[str, ...]) -> list[Extension]:
    """The machine's extensions of this publisher and these types; by name where Azure tells neither publisher nor type."""
    told = [one for one in machine.extensions if one.publisher.lower() == publisher and one.type.lower() in types]
    return told or [one for one in machine.extensions if not one.publisher and not one.type and one.name.lower() in types]


def extension_state(extension: Extension) -> str:
    """``succeeded``, ``installing``, ``failed``, ``deleting`` or ``unknown``.

    The provisioning state and the code of the instance view (VM: ``ProvisioningState/failed/51``; Arc: ``success``, ``0``, ``51``) both
    have a say: a failure in either is a failure, work in either is work, and it has succeeded only when nothing contradicts it.
    A word that is not known is never a success.
    """
    state = _STATES.get(extension.state.lower(), UNKNOWN) if extension.state else None
    code = _code_means(extension)
    if code == INSTALLING and state != FAILED:
        return DELETING if state == DELETING else INSTALLING
    told = {one for one in (state, code) if one is not None}
    for meaning in (FAILED, DELETING, INSTALLING, UNKNOWN, SUCCEEDED):
        if meaning in told:
            return meaning
    return UNKNOWN


def is_unclear(extension: Extension) -> bool:
    """Whether a reason is missing: it has failed or is on its way, and its instance view has not been told."""
    return not extension.code and extension_state(extension) in {FAILED, INSTALLING}


def _code_means(extension: Extension) -> str | None:
    """What the instance view says; ``None`` when it says nothing."""
    if _IN_PROGRESS.search(extension.message):
        return INSTALLING
    words = [word for word in extension.code.lower().split("/") if word and word != "provisioningstate"]
    if not words:
        return None
    for word in words:
        if word in _CODES:
            return _CODES[word]
    # "1" is both the code of work in progress and of an internal error: which one, only the state can tell.
    if words[-1] == "1" and len(words) == 1:
        return INSTALLING if _STATES.get(extension.state.lower()) == INSTALLING else UNKNOWN
    return FAILED if _NUMBER.fullmatch(words[-1]) else UNKNOWN

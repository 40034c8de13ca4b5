"""Extensions: which one is whose, and what its state means on a VM and on an Arc machine, which tell it differently.

Source: the instance views of Microsoft.Compute and Microsoft.HybridCompute; seed, *What's this "MDE.Windows"/"MDE.Linux" extension*.
"""

from __future__ import annotations

from cache.model import Extension, Machine

DEFENDER_PUBLISHER = "microsoft.azure.azuredefenderforservers"
DEFENDER_TYPES = ("mde.linux", "mde.windows")
LOG_ANALYTICS_PUBLISHER = "microsoft.enterprisecloud.monitoring"
LOG_ANALYTICS_TYPES = ("microsoftmonitoringagent", "omsagentforlinux")

_INSTALLING = ("creating", "updating", "accepted", "transitioning", "running", "pending")


def defender_extension(machine: Machine) -> Extension | None:
    """The Defender for Endpoint extension of the machine."""
    return _find(machine, DEFENDER_PUBLISHER, DEFENDER_TYPES)


def log_analytics_extension(machine: Machine) -> Extension | None:
    """The Log Analytics agent of the machine (retired in August 2024)."""
    return _find(machine, LOG_ANALYTICS_PUBLISHER, LOG_ANALYTICS_TYPES)


def _find(machine: Machine, publisher: str, types: tuple[str, ...]) -> Extension | None:
    for extension in machine.extensions:
        if extension.publisher.lower() == publisher and extension.type.lower() in types:
            return extension
    for extension in machine.extensions:
        if not extension.publisher and not extension.type and extension.name.lower() in types:
            return extension
    return None


def extension_state(extension: Extension) -> str:
    """``succeeded``, ``installing``, ``failed``, ``deleting`` or ``unknown``: the instance view's code outweighs the provisioning state."""
    code = extension.code.lower()
    words = [word for word in code.split("/") if word]
    if "failed" in words or "canceled" in words:
        return "failed"
    if "transitioning" in words or "status=transitioning" in extension.message.lower():
        return "installing"
    state = extension.state.lower()
    if state in {"failed", "canceled"}:
        return "failed"
    if state in _INSTALLING:
        return "installing"
    if state in {"deleting", "deleted"}:
        return "deleting"
    if words and words[-1].isdecimal() and words[-1] not in {"0", "1"}:
        return "failed"
    if state == "succeeded":
        return "succeeded"
    if not state and words and words[-1] in {"succeeded", "success", "0"}:
        return "succeeded"
    return "unknown"

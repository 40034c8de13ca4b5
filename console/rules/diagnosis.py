"""What a failed extension means: a cause and a remedy, matched layer by layer. What matches nothing keeps its raw text.

The table is :mod:`console.rules.failures`; rules of the user's own (:mod:`console.rules.own`) are asked before it. "51" and "52" mean
one thing as an extension's code and another as the installer's: the layer is part of the match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cache.model import Diagnosis, Extension, Machine
from console.rules import failures
from console.rules.conflicts import conflicting_applications
from console.rules.failures import RETRY, Rule
from console.rules.own import FILE, OwnRule

UNKNOWN = "unknown"

_EXITING = re.compile(r"exiting \(([0-9]{1,6})\)", re.IGNORECASE)
_WINDOWS_EVENT = re.compile(
    r"WDATPOnboarding\D{0,60}?([0-9]{1,6})\b|\bevent(?: id)?[ :=]{1,3}([0-9]{1,6})\b.{0,60}WDATPOnboarding", re.IGNORECASE
)
_EXIT_CODE = re.compile(r"exit code for \w+: ([0-9]{1,6})\b", re.IGNORECASE)
_BY_CODE = {rule.code: rule for rule in failures.RULES}
_EXTENSIONS_OWN = {51: "os-not-supported", 52: "no-python"}
"""What the extension itself means by these codes, which the installer uses for other things. Only believed where no message is given:
the extension ends with 51 for more than one reason."""


def diagnose(machine: Machine, extension: Extension, own: Sequence[OwnRule] = ()) -> Diagnosis:
    """What the failure of ``extension`` means. One that is not known has code ``unknown`` and its own text as the cause.

    ``own``: the user's rules. What one of them says has a code that begins with ``own-`` and names the user's file beside its layer.
    """
    message = extension.message
    for one in own:
        if one.fits(machine, message, extension.code):
            remedy = one.remedy.replace("{subscription}", machine.subscription_id)
            return Diagnosis(f"own-{one.code}", one.meaning, remedy, f"{one.layer} (as your {FILE} says)", one.reference)
    for rule in failures.RULES:
        if rule.pattern.search(message):
            return _told(rule, machine)
    if found := _EXITING.search(message):
        return _installer(int(found.group(1)), message)
    if named := conflicting_applications(message):
        return _installer(5, f"conflicting applications: [{named}]")
    if found := _WINDOWS_EVENT.search(message):
        number = int(found.group(1) or found.group(2))
        if (event := failures.WINDOWS_EVENTS.get(number)) is not None:
            remedy = event[1].format(retry=RETRY)
            return Diagnosis(f"windows-event-{number}", event[0], remedy, failures.WINDOWS, failures.WINDOWS_REFERENCE)
    code = _exit_code(extension)
    if code in _EXTENSIONS_OWN:
        return _unknown(machine, extension) if message else _told(_BY_CODE[_EXTENSIONS_OWN[code]], machine)
    if machine.os_type.lower() == "linux" and code in failures.INSTALLER_CODES:
        return _installer(code, message)
    return _unknown(machine, extension)


def diagnose_agent(machine: Machine) -> Diagnosis | None:
    """What the status of an Arc agent that is not connected means; ``None`` for one that is, that tells nothing, and for VMs."""
    if machine.kind != "arc" or machine.power.lower() in {"", "connected"}:
        return None
    status = machine.power.lower()
    if (known := failures.ARC_STATUS.get(status)) is not None:
        return Diagnosis(f"arc-{status}", known[0], known[1], failures.ARC, failures.ARC_AGENT)
    return Diagnosis(
        UNKNOWN, f"The Arc agent is {machine.power}.", "Run “azcmagent show” on the machine.", failures.ARC, failures.ARC_AGENT
    )


def _told(rule: Rule, machine: Machine) -> Diagnosis:
    return Diagnosis(rule.code, rule.cause, rule.remedy.replace("{subscription}", machine.subscription_id), rule.layer, rule.reference)


def _exit_code(extension: Extension) -> int | None:
    """The code with which the extension ended: in the words of the platform, else the last part of its code."""
    found = _EXIT_CODE.search(extension.message)
    code = found.group(1) if found else extension.code.rsplit("/", 1)[-1]
    return int(code) if code.isascii() and code.isdecimal() and len(code) <= 6 else None


def _installer(code: int, message: str) -> Diagnosis:
    known = failures.INSTALLER_CODES.get(code)
    if known is None:
        told = message or f"The installer ended with {code}."
        return Diagnosis(
            UNKNOWN, told, f"Read {failures.LINUX_LOG} on the machine, {RETRY}", failures.INSTALLER, failures.INSTALLER_REFERENCE
        )
    cause, remedy = known
    if code == 5 and (named := conflicting_applications(message)):
        cause = f"{failures.FANOTIFY_CAUSE}: {named}."
    name = "fanotify-conflict" if code == 5 else f"installer-{code}"
    return Diagnosis(name, cause, remedy, failures.INSTALLER, failures.INSTALLER_REFERENCE)


def _unknown(machine: Machine, extension: Extension) -> Diagnosis:
    told = extension.message or (f"The extension failed with code {extension.code}." if extension.code else "Azure gives no reason.")
    log = failures.LINUX_LOG if machine.os_type.lower() == "linux" else failures.WINDOWS_LOG
    return Diagnosis(UNKNOWN, told, f"Read {log} on the machine, {RETRY}", failures.EXTENSION)

"""How a script can be run on a machine, or why it cannot.

Source: field notes on running commands (which right and which agent each way needs); today's documentation of run commands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cache.model import Machine, Permission
from console.rules.rights import allows

MANAGED = "managed"
ACTION = "action"
ARC = "arc"

RUN_ACTION = "Microsoft.Compute/virtualMachines/runCommand/action"
_MANAGED = "Microsoft.Compute/virtualMachines/runCommands"
_ARC = "Microsoft.HybridCompute/machines/runCommands"
RUN_MANAGED = tuple(f"{_MANAGED}/{one}" for one in ("write", "read", "delete"))
"""A managed run command is written, read, and taken away again."""

RUN_ARC = tuple(f"{_ARC}/{one}" for one in ("write", "read", "delete"))

LINUX_AGENT = (2, 4, 0, 2)
"""The first agent of Linux VMs that knows managed run commands."""

ARC_AGENT = (1, 33)
"""The first Arc agent that knows run commands."""

_READ_ONLY = frozenset(("disabled", "deleted", "expired"))
_OFF = frozenset(("stopped", "stopping", "deallocated", "deallocating"))


@dataclass(frozen=True, slots=True)
class RunWay:
    """``way``: ``managed``, ``action`` or ``arc``, empty where no script can be run, which ``reason`` then explains.

    ``otherwise``: the way that is left where Azure turns out not to offer the first. ``right``: the right that the way uses.
    """

    way: str = ""
    right: str = ""
    otherwise: str = ""
    reason: str = ""


def way_to_run(machine: Machine, permissions: Sequence[Permission] | None, subscription_state: str = "") -> RunWay:
    """How to run a script on ``machine`` with ``permissions`` in its subscription (``None``: they could not be read)."""
    arc, power = machine.kind == "arc", machine.power.lower()
    if machine.os_type.lower() not in {"linux", "windows"}:
        return RunWay(reason="Azure does not tell whether it runs Linux or Windows, so it is not known which script fits.")
    if arc and power not in {"", "connected"}:
        return RunWay(reason=f"Its Arc agent is {machine.power}; scripts need one that is Connected.")
    if power in _OFF:
        return RunWay(reason=f"It is {machine.power}; scripts need a machine that runs. Start it first.")
    if subscription_state.lower() in _READ_ONLY:
        return RunWay(reason=f"Its subscription is {subscription_state}, so it can only be read. Have it enabled again first.")
    if permissions is None:
        return RunWay(reason="Your rights in its subscription could not be read, so nothing is sent there.")
    version = _version(machine.agent_version)
    if arc:
        if version and version < ARC_AGENT:
            return RunWay(reason=f"Its Arc agent {machine.agent_version} is too old: run commands need 1.33 or later.")
        missing = [one for one in RUN_ARC if not allows(permissions, one)]
        return _without(missing) if missing else RunWay(ARC, RUN_ARC[0])
    action = allows(permissions, RUN_ACTION)
    old = machine.os_type.lower() == "linux" and bool(version) and version < LINUX_AGENT
    missing = [one for one in RUN_MANAGED if not allows(permissions, one)]
    if not missing and not old:
        return RunWay(MANAGED, RUN_MANAGED[0], ACTION if action else "")
    if action:
        return RunWay(ACTION, RUN_ACTION)
    if old and not missing:
        return RunWay(
            reason=f"Its agent {machine.agent_version} knows no managed run commands (they need 2.4.0.2), and you have no right to "
            f"{RUN_ACTION}, which would do."
        )
    return _without([RUN_ACTION, *missing], either=True)


def _without(missing: Sequence[str], *, either: bool = False) -> RunWay:
    if either:
        return RunWay(
            reason=f"You have no right to {missing[0]} in its subscription, nor to {', '.join(missing[1:])}. An owner can give it."
        )
    return RunWay(reason=f"You have no right to {', '.join(missing)} in its subscription. An owner can give it.")


def _version(told: str) -> tuple[int, ...]:
    """The numbers of a version; empty for what is none."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9}){1,5}).*", told.strip())
    return tuple(int(part) for part in found[1].split(".")) if found else ()

"""Rights, judged by effective actions and never by the names of roles.

Source: seed, *Required roles and permissions*; Azure's role definitions and provider operations, as of 2026-03.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cache.model import Permission

ENABLE = "Microsoft.Security/settings/write"
SET_PLAN = "Microsoft.Security/pricings/write"
REGISTER = "Microsoft.Security/register/action"
READ_SETTINGS = "Microsoft.Security/settings/read"
READ_ALERTS = "Microsoft.Security/alerts/read"
READ_VMS = "Microsoft.Compute/virtualMachines/read"
READ_ARC = "Microsoft.HybridCompute/machines/read"
READ_ACTIVITY_LOG = "Microsoft.Insights/eventtypes/values/read"
TRIAGE = (
    READ_ALERTS,
    "Microsoft.Security/locations/alerts/dismiss/action",
    "Microsoft.Security/locations/alerts/activate/action",
    "Microsoft.Security/locations/alerts/resolve/action",
)
"""Alerts must be seen to be triaged, so reading them is part of it."""

RUN_COMMANDS = ("Microsoft.Compute/virtualMachines/runCommand/action", "Microsoft.HybridCompute/machines/runCommands/write")


@dataclass(frozen=True, slots=True)
class Rights:
    """What the caller may do in a subscription; ``None`` when the permissions could not be read.

    ``can_see_machines`` and ``can_run_commands`` hold when they hold for Azure VMs or for Azure Arc machines;
    the checklist tells where only one of the two is seen.
    """

    can_enable: bool | None
    can_triage: bool | None
    can_see_machines: bool | None
    can_set_plan: bool | None
    can_read_security: bool | None
    can_run_commands: bool | None


def _matches(wildcard: str, action: str) -> bool:
    """Whether ``action`` is meant by ``wildcard``, in which ``*`` stands for any characters, slashes too. Case does not matter."""
    first, *rest = wildcard.lower().split("*")
    told = action.lower()
    if not rest:
        return told == first
    *middle, last = rest
    if len(told) < len(first) + len(last) or not told.startswith(first) or not told.endswith(last):
        return False
    at, end = len(first), len(told) - len(last)
    for part in middle:
        found = told.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def allows(permissions: Iterable[Permission], action: str) -> bool:
    """Whether one of the permission sets allows ``action``: it is in its actions and not in its own not-actions.

    As in Azure, the not-actions of one set take nothing from another.
    """
    return any(
        any(_matches(one, action) for one in permission.actions) and not any(_matches(one, action) for one in permission.not_actions)
        for permission in permissions
    )


def rights_of(permissions: tuple[Permission, ...] | None) -> Rights:
    """The rights that matter to the console."""
    if permissions is None:
        return Rights(None, None, None, None, None, None)
    return Rights(
        can_enable=allows(permissions, ENABLE),
        can_triage=all(allows(permissions, one) for one in TRIAGE),
        can_see_machines=allows(permissions, READ_VMS) or allows(permissions, READ_ARC),
        can_set_plan=allows(permissions, SET_PLAN),
        can_read_security=allows(permissions, READ_SETTINGS),
        can_run_commands=any(allows(permissions, one) for one in RUN_COMMANDS),
    )

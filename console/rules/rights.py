"""Rights, judged by effective actions and never by the names of roles.

Source: seed, *Required roles and permissions*; Azure's role definitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cache.model import Permission

ENABLE = "Microsoft.Security/settings/write"
SET_PLAN = "Microsoft.Security/pricings/write"
READ_SETTINGS = "Microsoft.Security/settings/read"
READ_VMS = "Microsoft.Compute/virtualMachines/read"
READ_ARC = "Microsoft.HybridCompute/machines/read"
TRIAGE = (
    "Microsoft.Security/locations/alerts/dismiss/action",
    "Microsoft.Security/locations/alerts/activate/action",
    "Microsoft.Security/locations/alerts/resolve/action",
)
RUN_COMMANDS = ("Microsoft.Compute/virtualMachines/runCommand/action", "Microsoft.HybridCompute/machines/runCommands/write")


@dataclass(frozen=True, slots=True)
class Rights:
    """What the caller may do in a subscription; ``None`` when the permissions could not be read."""

    can_enable: bool | None
    can_triage: bool | None
    can_see_machines: bool | None
    can_set_plan: bool | None
    can_read_security: bool | None
    can_run_commands: bool | None


@lru_cache(maxsize=4096)
def _pattern(wildcard: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in wildcard.split("*")), re.IGNORECASE | re.DOTALL)


def _matches(wildcards: Iterable[str], action: str) -> bool:
    return any(_pattern(one).fullmatch(action) for one in wildcards)


def allows(permissions: Iterable[Permission], action: str) -> bool:
    """Whether one of the permission sets allows ``action``: in its actions and not in its own not-actions. Case does not matter."""
    return any(_matches(one.actions, action) and not _matches(one.not_actions, action) for one in permissions)


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

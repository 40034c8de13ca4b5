"""Built-in roles and what they allow.

Ids as in Azure's list of built-in roles; of the actions, those that matter to anything the simulator serves. Azure judges by
actions minus notActions, case-insensitively, with `*` matching any characters: so does `Permission.allows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Permission:
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        return _any_matches(self.actions, action) and not _any_matches(self.not_actions, action)

    def as_json(self) -> dict[str, list[str]]:
        return {"actions": list(self.actions), "notActions": list(self.not_actions), "dataActions": [], "notDataActions": []}


@dataclass(frozen=True)
class Role:
    id: str
    name: str
    description: str
    permission: Permission


def allows(roles: Iterable[Role], action: str) -> bool:
    """Does any of these roles allow the action? (Each role's notActions only cut that role, as in Azure.)"""
    return any(role.permission.allows(action) for role in roles)


@lru_cache(maxsize=4096)
def _any_matches(patterns: tuple[str, ...], action: str) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) for pattern in patterns)


OWNER = Role(
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Owner",
    "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
    Permission(("*",)),
)
CONTRIBUTOR = Role(
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Contributor",
    "Grants full access to manage all resources, but not to assign roles.",
    Permission(
        ("*",),
        (
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
        ),
    ),
)
READER = Role(
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Reader",
    "View all resources, but does not allow you to make any changes.",
    Permission(("*/read",)),
)
SECURITY_ADMIN = Role(
    "fb1c8493-542b-48eb-b624-b4c8fea62acd",
    "Security Admin",
    "View and update permissions for Microsoft Defender for Cloud.",
    Permission(
        (
            "Microsoft.Authorization/*/read",
            "Microsoft.Authorization/policyAssignments/*",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Management/managementGroups/read",
            "Microsoft.OperationalInsights/workspaces/*/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Security/*",
            "Microsoft.Support/*",
        )
    ),
)
SECURITY_READER = Role(
    "39bc4728-0917-49c7-9d2c-d95423bc2eb4",
    "Security Reader",
    "View permissions for Microsoft Defender for Cloud.",
    Permission(
        (
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/read",
            "Microsoft.Management/managementGroups/read",
            "Microsoft.OperationalInsights/workspaces/*/read",
            "Microsoft.Resources/deployments/*/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Security/*/read",
            "Microsoft.Support/*/read",
        )
    ),
)
VIRTUAL_MACHINE_CONTRIBUTOR = Role(
    "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
    "Virtual Machine Contributor",
    "Lets you manage virtual machines, but not access to them, and not the network they are connected to.",
    Permission(
        (
            "Microsoft.Authorization/*/read",
            "Microsoft.Compute/virtualMachines/*",
            "Microsoft.Compute/locations/*",
            "Microsoft.Network/networkInterfaces/*",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        )
    ),
)

BUILT_IN = (OWNER, CONTRIBUTOR, READER, SECURITY_ADMIN, SECURITY_READER, VIRTUAL_MACHINE_CONTRIBUTOR)

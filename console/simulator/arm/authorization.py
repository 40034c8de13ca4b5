"""Microsoft.Authorization: what the caller may do, and who holds which role."""

from __future__ import annotations

import re
import uuid

from console.simulator.principals import PRINCIPALS, Principal
from console.simulator.roles import BUILT_IN, Role
from console.simulator.routes import Routes
from console.simulator.wire import ArmError, Call, Json, Reply, paged
from console.simulator.world import Subscription

routes = Routes()
_MS = "/providers/Microsoft.Authorization"
_S = "/subscriptions/{subscription}" + _MS


@routes.add("GET", _S + "/permissions")
@routes.add("GET", "/subscriptions/{subscription}/resourceGroups/{group}" + _MS + "/permissions")
async def list_permissions(call: Call) -> Reply:
    """The caller's own permissions: one element a role, none without any."""
    return paged(call, call.box.world.roles(call.principal, call.subscription), lambda role: role.permission.as_json())


@routes.add("GET", _S + "/roleAssignments", "Microsoft.Authorization/roleAssignments/read")
async def list_assignments(call: Call) -> Reply:
    wanted = re.search(r"(?:principalId eq|assignedTo\()\s*'([^']+)'", call.query.get("$filter", ""), re.IGNORECASE)
    held = [
        (principal, role)
        for principal in PRINCIPALS.values()
        for role in call.box.world.roles(principal, call.subscription)
        if wanted is None or principal.object_id == wanted.group(1).lower()
    ]
    return paged(call, held, lambda pair: _assignment(call.subscription, *pair))


@routes.add("GET", _S + "/roleDefinitions", "Microsoft.Authorization/roleDefinitions/read")
async def list_definitions(call: Call) -> Reply:
    named = re.search(r"roleName eq '([^']+)'", call.query.get("$filter", ""), re.IGNORECASE)
    found = [role for role in BUILT_IN if named is None or role.name.lower() == named.group(1).lower()]
    return paged(call, found, lambda role: _definition(call.subscription, role))


@routes.add("GET", _S + "/roleDefinitions/{role}", "Microsoft.Authorization/roleDefinitions/read")
async def get_definition(call: Call) -> Reply:
    for role in BUILT_IN:
        if role.id == call.params["role"].lower():
            return Reply(_definition(call.subscription, role))
    raise ArmError(404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{call.params['role']}' does not exist.")


def _assignment(subscription: Subscription, principal: Principal, role: Role) -> Json:
    scope = f"/subscriptions/{subscription.id}"
    name = str(uuid.uuid5(uuid.UUID(subscription.id), f"{principal.key}/{role.id}"))
    return {
        "properties": {
            "roleDefinitionId": f"{scope}{_MS}/roleDefinitions/{role.id}",
            "principalId": principal.object_id,
            "principalType": principal.kind,
            "scope": scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": "2024-01-08T09:00:00.0000000Z",
            "updatedOn": "2024-01-08T09:00:00.0000000Z",
            "createdBy": None,
            "updatedBy": None,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
        "id": f"{scope}{_MS}/roleAssignments/{name}",
        "type": "Microsoft.Authorization/roleAssignments",
        "name": name,
    }


def _definition(subscription: Subscription, role: Role) -> Json:
    return {
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": [role.permission.as_json()],
        },
        "id": f"/subscriptions/{subscription.id}{_MS}/roleDefinitions/{role.id}",
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id,
    }

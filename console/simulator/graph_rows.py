"""Rows of the Resource Graph tables, as the service shows them.

Types and resource groups are lower case; a virtual machine carries its power state under `properties.extended`; its extensions carry no
instance view (Arc's do); alert properties are PascalCase (facts, section 7).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from console.simulator import changes
from console.simulator.alert_json import Alert
from console.simulator.arm.security import pricing
from console.simulator.assessments import Assessment, assessment_json
from console.simulator.clock import DAY, iso
from console.simulator.machine_json import (
    arc_extension_json,
    arc_properties,
    power_json,
    power_state,
    vm_extension_json,
    vm_properties,
    workspace_id,
)
from console.simulator.machines import ARC, Machine
from console.simulator.onboarding import Extension
from console.simulator.wire import Json
from console.simulator.world import Subscription, World

RESOURCES, SECURITY, CONTAINERS, CHANGES = "resources", "securityresources", "resourcecontainers", "resourcechanges"

CHANGES_KEPT = 14 * DAY

VM_TYPE, VM_EXTENSION_TYPE = "microsoft.compute/virtualmachines", "microsoft.compute/virtualmachines/extensions"
ARC_TYPE, ARC_EXTENSION_TYPE = "microsoft.hybridcompute/machines", "microsoft.hybridcompute/machines/extensions"
ASSESSMENT_TYPE, PRICING_TYPE, ALERT_TYPE = (
    "microsoft.security/assessments",
    "microsoft.security/pricings",
    "microsoft.security/locations/alerts",
)
SUBSCRIPTION_TYPE, GROUP_TYPE = "microsoft.resources/subscriptions", "microsoft.resources/subscriptions/resourcegroups"
WORKSPACE_TYPE = "microsoft.operationalinsights/workspaces"

READ_ACTIONS = {
    VM_TYPE: "Microsoft.Compute/virtualMachines/read",
    VM_EXTENSION_TYPE: "Microsoft.Compute/virtualMachines/extensions/read",
    ARC_TYPE: "Microsoft.HybridCompute/machines/read",
    ARC_EXTENSION_TYPE: "Microsoft.HybridCompute/machines/extensions/read",
    ASSESSMENT_TYPE: "Microsoft.Security/assessments/read",
    PRICING_TYPE: "Microsoft.Security/pricings/read",
    ALERT_TYPE: "Microsoft.Security/alerts/read",
    WORKSPACE_TYPE: "Microsoft.OperationalInsights/workspaces/read",
    SUBSCRIPTION_TYPE: "",
    GROUP_TYPE: "Microsoft.Resources/subscriptions/resourceGroups/read",
}
"""What the caller must be allowed for rows of a type to be there; '' is any role at all."""

_TEXT = ("id", "name", "type", "tenantId", "kind", "location", "resourceGroup", "subscriptionId", "managedBy")
_DYNAMIC = ("sku", "plan", "properties", "tags", "identity", "zones", "extendedLocation")
COLUMNS = {**dict.fromkeys(_TEXT, "VARCHAR"), **dict.fromkeys(_DYNAMIC, "JSON")}
"""Every table's columns and DuckDB types. (The service leaves out a few in some tables; nobody can tell by reading them.)"""


def _row(subscription: Subscription, row_id: str, name: str, kind: str, properties: Json, group: str = "", location: str = "") -> Json:
    """`_needs` names the type whose readers may see the row; it is no column of the service's."""
    return {
        "id": row_id,
        "name": name,
        "type": kind,
        "tenantId": subscription.tenant,
        "kind": "",
        "location": location,
        "resourceGroup": group.lower(),
        "subscriptionId": subscription.id,
        "managedBy": "",
        "properties": properties,
        "_needs": kind,
    }


def machine_row(world: World, machine: Machine, now: float) -> Json:
    subscription = world.subscriptions[machine.subscription]
    if machine.kind == ARC:
        properties = arc_properties(world, machine, now)
        row = _row(subscription, machine.id, machine.name, ARC_TYPE, properties, machine.group, machine.location)
        row["identity"] = {"type": "SystemAssigned", "principalId": machine.unique, "tenantId": subscription.tenant}
    else:
        properties = vm_properties(machine)
        state = power_state(world, machine, now)
        view: Json = {"powerState": power_json(state), "hyperVGeneration": "V2"}
        if state == "running":
            view |= {"computerName": machine.name[:15], "osName": machine.system.name, "osVersion": machine.system.version}
        properties["extended"] = {"instanceView": view}
        row = _row(subscription, machine.id, machine.name, VM_TYPE, properties, machine.group, machine.location)
        if machine.number % 3 == 0:
            row["zones"] = [str(machine.number % 3 + 1)]
    row["tags"] = machine.tags or None
    return row


def extension_row(world: World, machine: Machine, extension: Extension) -> Json:
    arc = machine.kind == ARC
    body = arc_extension_json(machine, extension) if arc else vm_extension_json(machine, extension, view=False)
    subscription = world.subscriptions[machine.subscription]
    kind = ARC_EXTENSION_TYPE if arc else VM_EXTENSION_TYPE
    return _row(subscription, body["id"], extension.name, kind, body["properties"], machine.group, machine.location)


def workspace_row(subscription: Subscription) -> Json:
    """The workspace that Defender for Cloud makes in a subscription for the Log Analytics agent."""
    name, group = f"DefaultWorkspace-{subscription.id}-WEU", "DefaultResourceGroup-WEU"
    whole = f"/subscriptions/{subscription.id}/resourceGroups/{group}/providers/Microsoft.OperationalInsights/workspaces/{name}"
    properties: Json = {"customerId": workspace_id(subscription.id), "provisioningState": "Succeeded", "sku": {"name": "PerGB2018"}}
    return _row(subscription, whole, name, WORKSPACE_TYPE, properties, group, "westeurope")


def assessment_row(world: World, assessment: Assessment) -> Json:
    machine, body = assessment.machine, assessment_json(assessment)
    properties = body["properties"]
    details = {"Source": "Azure", "Id": machine.id, "source": "Azure", "id": machine.id}
    return _row(
        world.subscriptions[machine.subscription],
        body["id"],
        assessment.key,
        ASSESSMENT_TYPE,
        {**properties, "resourceDetails": details},
        machine.group,
    )


def pricing_row(subscription: Subscription, name: str) -> Json:
    body = pricing(subscription, name)
    return _row(subscription, body["id"], name, PRICING_TYPE, body["properties"])


def alert_row(world: World, alert: Alert) -> Json:
    return _row(world.subscriptions[alert.subscription], alert.id, alert.name, ALERT_TYPE, alert.as_graph(), alert.group, alert.location)


def container_rows(world: World, subscription: Subscription) -> Iterator[Json]:
    properties: Json = {
        "state": subscription.situation.state,
        "managedByTenants": [{"tenantId": tenant} for tenant in subscription.managed_by],
        "subscriptionPolicies": {
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
            "locationPlacementId": "Public_2014-09-01",
        },
    }
    base = f"/subscriptions/{subscription.id}"
    row = _row(subscription, base, subscription.name, SUBSCRIPTION_TYPE, properties)
    row["tags"] = subscription.tags
    yield row
    for group in sorted({m.group for m in world.machines(subscription.id)}):
        yield _row(
            subscription, f"{base}/resourceGroups/{group}", group, GROUP_TYPE, {"provisioningState": "Succeeded"}, group, "westeurope"
        )


def change_rows(world: World, machine: Machine, extensions: Iterable[Extension], now: float) -> Iterator[Json]:
    """What resourcechanges knows of a machine and of the extensions that are on it: the last 14 days."""
    for change in changes.of_machine(machine, now):
        if change.at > now - CHANGES_KEPT:
            yield change_row(world, change)
    for extension in extensions:
        for change in world.history(machine, extension, now):
            if change.at > now - CHANGES_KEPT:
                yield change_row(world, change)


_CATEGORY = {"propertyChangeType": "Update", "changeCategory": "System"}


def change_row(world: World, change: changes.Change) -> Json:
    """A change as resourcechanges writes it; its own id is drawn from what changed and when."""
    machine, target = change.machine, change.target
    arc = machine.kind == ARC
    target_type = (ARC_EXTENSION_TYPE if arc else VM_EXTENSION_TYPE) if change.extension else (ARC_TYPE if arc else VM_TYPE)
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{target}/{change.kind}/{change.at}"))
    properties: Json = {
        "targetResourceId": target,
        "targetResourceType": target_type,
        "changeType": change.kind,
        "changeAttributes": {
            "timestamp": iso(change.at),
            "correlationId": name,
            "changedBy": "Unspecified",
            "changedByType": "System",
            "clientType": "Unspecified",
            "operation": "Unspecified",
            "changesCount": len(change.values),
            "previousResourceSnapshotId": "",
            "newResourceSnapshotId": "",
        },
        "changes": {path: {"previousValue": old, "newValue": new, **_CATEGORY} for path, (old, new) in change.values.items()},
    }
    row = _row(
        world.subscriptions[machine.subscription],
        f"{target}/providers/Microsoft.Resources/changes/{name}",
        name,
        "microsoft.resources/changes",
        properties,
        machine.group,
    )
    row["_needs"] = target_type
    return row

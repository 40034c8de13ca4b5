"""Microsoft.Resources: tenants, subscriptions, resource groups, providers, and the endpoints that `az` asks for."""

from __future__ import annotations

from console.simulator.names import LOCATIONS
from console.simulator.roles import allows
from console.simulator.routes import Routes
from console.simulator.wire import ArmError, Call, Json, Reply, forbidden, group_not_found, paged
from console.simulator.world import Subscription, Tenant

routes = Routes()

LOOKS = 3
"""Looks at a registration after which it is done."""

_PROVIDERS: dict[str, tuple[str, ...]] = {
    "Microsoft.Authorization": ("roleAssignments", "roleDefinitions", "permissions"),
    "Microsoft.Compute": ("virtualMachines", "virtualMachines/extensions", "virtualMachines/runCommands"),
    "Microsoft.HybridCompute": ("machines", "machines/extensions", "machines/runCommands"),
    "Microsoft.ResourceGraph": ("resources", "operations"),
    "Microsoft.Resources": ("subscriptions", "resourceGroups", "tenants"),
    "Microsoft.Security": ("settings", "pricings", "assessments", "alerts", "locations/alerts", "mdeOnboardings"),
}


@routes.add("GET", "/tenants")
async def list_tenants(call: Call) -> Reply:
    return paged(call, call.box.world.tenants, _tenant)


@routes.add("GET", "/subscriptions")
async def list_subscriptions(call: Call) -> Reply:
    return paged(call, call.box.world.visible(call.principal, call.tenant), subscription_json)


@routes.add("GET", "/subscriptions/{subscription}")
async def get_subscription(call: Call) -> Reply:
    return Reply(subscription_json(call.subscription))


@routes.add("GET", "/subscriptions/{subscription}/locations")
async def list_locations(call: Call) -> Reply:
    value = [
        {"id": f"/subscriptions/{call.subscription.id}/locations/{name}", "name": name, "type": "Region", "displayName": name}
        for name in LOCATIONS
    ]
    return Reply({"value": value})


@routes.add("GET", "/subscriptions/{subscription}/resourceGroups", "Microsoft.Resources/subscriptions/resourceGroups/read")
async def list_groups(call: Call) -> Reply:
    return paged(call, groups(call), lambda name: _group(call.subscription, name))


@routes.add("GET", "/subscriptions/{subscription}/resourceGroups/{group}", "Microsoft.Resources/subscriptions/resourceGroups/read")
async def get_group(call: Call) -> Reply:
    wanted = call.params["group"]
    name = next((g for g in groups(call) if g.lower() == wanted.lower()), None)
    if name is None:
        raise group_not_found(wanted)
    return Reply(_group(call.subscription, name))


@routes.add("GET", "/subscriptions/{subscription}/providers")
async def list_providers(call: Call) -> Reply:
    return paged(call, tuple(_PROVIDERS), lambda name: _provider(call.subscription, name))


@routes.add("GET", "/subscriptions/{subscription}/providers/{namespace}")
async def get_provider(call: Call) -> Reply:
    subscription = call.subscription
    if subscription.registering and call.params["namespace"].lower() == "microsoft.security":
        subscription.registering -= 1
        if not subscription.registering:
            subscription.registered = True
            subscription.revision += 1
    return Reply(_provider(call.subscription, _known(call.params["namespace"])))


@routes.add("POST", "/subscriptions/{subscription}/providers/{namespace}/register")
async def register_provider(call: Call) -> Reply:
    """Begin a registration, which takes Azure a minute or two. The right to it is the provider's own."""
    namespace = _known(call.params["namespace"])
    action = f"{namespace}/register/action"
    if not allows(call.box.world.roles(call.principal, call.subscription), action):
        raise forbidden(call.principal, action, f"/subscriptions/{call.subscription.id}")
    if namespace == "Microsoft.Security" and not call.subscription.registered and not call.subscription.registering:
        call.subscription.registering = LOOKS
    return Reply(_provider(call.subscription, namespace))


def groups(call: Call) -> list[str]:
    """The resource groups of the subscription: those of its machines."""
    return sorted({m.group for m in call.box.world.machines(call.subscription.id)})


def subscription_json(subscription: Subscription) -> Json:
    return {
        "id": f"/subscriptions/{subscription.id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [{"tenantId": tenant} for tenant in subscription.managed_by],
        "tags": dict(subscription.tags),
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant,
        "displayName": subscription.name,
        "state": subscription.situation.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _tenant(tenant: Tenant) -> Json:
    return {
        "id": f"/tenants/{tenant.id}",
        "tenantId": tenant.id,
        "countryCode": "DE",
        "displayName": tenant.name,
        "domains": [tenant.domain],
        "tenantCategory": tenant.category,
        "defaultDomain": tenant.domain,
        "tenantType": "AAD",
    }


def _group(subscription: Subscription, name: str) -> Json:
    return {
        "id": f"/subscriptions/{subscription.id}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope",
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }


def _provider(subscription: Subscription, name: str) -> Json:
    registered = name != "Microsoft.Security" or subscription.registered
    coming = not registered and subscription.registering > 0
    return {
        "id": f"/subscriptions/{subscription.id}/providers/{name}",
        "namespace": name,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered" if registered else "Registering" if coming else "NotRegistered",
        "resourceTypes": [{"resourceType": kind, "locations": list(LOCATIONS), "apiVersions": ["2022-01-01"]} for kind in _PROVIDERS[name]],
    }


def _known(namespace: str) -> str:
    for name in _PROVIDERS:
        if name.lower() == namespace.lower():
            return name
    raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")

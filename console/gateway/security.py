"""Microsoft.Security: the integration settings, the Defender for Servers plan, and recommendations."""

from __future__ import annotations

from collections.abc import Mapping

from azure.core.rest import HttpRequest
from azure.mgmt.security.aio import SecurityCenter
from azure.mgmt.security.v2022_05_01.models import DataExportSettings

from cache.model import Assessment
from console.gateway.errors import written
from console.gateway.graph import Graph, Scope, query, rows
from console.gateway.reading import Item, Send, fetch, flag, items, number, pages, part_of, resource_id, text

SETTINGS_API = "2022-05-01"
PRICINGS_API = "2024-01-01"
ASSESSMENTS_API = "2021-06-01"
INTEGRATION_SETTINGS = ("WDATP", "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", "WDATP_UNIFIED_SOLUTION")
AGENT_RECOMMENDATIONS = frozenset(
    {
        "d1db3318-01ff-16de-29eb-28b344515626",
        "720a3e77-0b9a-4fa9-98b6-ddf0fd7e32c1",
        "27ac71b1-75c5-41c2-adc2-858f5db45b08",
        "06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c",
        "dc5357d0-3858-4d17-a1a3-072840bff5be",
    }
)

PlanDigest = dict[str, tuple[int, int]]
"""By plan: how many subscriptions have it, and the sum of the first eight digits of their ids."""


def _base(origin: str, subscription_id: str) -> str:
    return f"{origin}/subscriptions/{subscription_id}/providers/Microsoft.Security"


async def settings(send: Send, origin: str, subscription_id: str) -> dict[str, bool | None]:
    """The integration settings that are there; one whose value is odd is there as ``None``."""
    found: dict[str, bool | None] = {}
    url = f"{_base(origin, subscription_id)}/settings?api-version={SETTINGS_API}"
    async for page in pages(send, url, "reading the integration settings"):
        for one in page:
            name = text(one, "name").upper()
            if name in INTEGRATION_SETTINGS:
                found[name] = flag(one, "properties", "enabled")
    return found


async def put_setting(client: SecurityCenter, name: str, enabled: bool) -> None:
    """Write one setting. Raises an :class:`AzureProblem`; whether the write arrived is then for the reader to find out."""
    await written(client.settings.update(name, DataExportSettings(enabled=enabled)), f"writing the setting {name}")


async def servers_plan(send: Send, origin: str, subscription_id: str) -> str:
    """The Defender for Servers plan: ``P1``, ``P2``, ``standard`` (on, no sub-plan told), ``free``, or what Azure says."""
    url = f"{_base(origin, subscription_id)}/pricings/VirtualMachines?api-version={PRICINGS_API}"
    document, _ = await fetch(send, HttpRequest("GET", url), "reading the Defender for Servers plan")
    return plan_of(text(document, "properties", "pricingTier"), text(document, "properties", "subPlan"))


async def put_servers_plan(send: Send, origin: str, subscription_id: str, plan: str) -> list[str]:
    """Switch Defender for Servers to ``P1`` or ``P2``. Returns what Azure says failed of it all the same, a sentence each.

    Raises an :class:`AzureProblem`; whether the write arrived is then for the reader to find out.
    """
    url = f"{_base(origin, subscription_id)}/pricings/VirtualMachines?api-version={PRICINGS_API}"
    body = {"properties": {"pricingTier": "Standard", "subPlan": plan}}
    document, _ = await fetch(send, HttpRequest("PUT", url, json=body), f"switching Defender for Servers to {plan}")
    failed = [one for one in items(document, "properties", "extensions") if text(one, "operationStatus", "code").lower() == "failed"]
    return [f"{text(one, 'name') or 'an extension'}: {text(one, 'operationStatus', 'message', limit=240) or 'failed'}" for one in failed]


def plan_of(tier: str, plan: str) -> str:
    """The plan in one word, of its tier and sub-plan."""
    if tier.lower() == "standard":
        return plan or "standard"
    return "free" if tier.lower() == "free" else tier or "unknown"


async def graph_plans(graph: Graph, scope: Scope) -> dict[str, str]:
    """The Defender for Servers plans that Resource Graph knows, by subscription id in lower case."""
    return {
        text(row, "subscriptionId").lower(): plan_of(text(row, "tier"), text(row, "subPlan"))
        async for page in rows(graph, query("plans"), scope)
        for row in page
    }


async def plan_digest(graph: Graph, scope: Scope) -> PlanDigest:
    """How many subscriptions have each plan, and the sum of what their ids begin with."""
    found: dict[str, tuple[int, int]] = {}
    async for page in rows(graph, query("plans_digest"), scope, attempts=1):  # rows that came twice would be counted twice
        for row in page:
            plan = plan_of(text(row, "tier"), text(row, "subPlan"))
            count, mark = found.get(plan, (0, 0))
            found[plan] = (count + number(row, "subscriptions"), mark + number(row, "mark"))
    return found


def digest_of_plans(plans: Mapping[str, str]) -> PlanDigest:
    """The same of plans that are known by subscription id."""
    found: dict[str, tuple[int, int]] = {}
    for subscription_id, plan in plans.items():
        count, mark = found.get(plan, (0, 0))
        try:
            found[plan] = (count + 1, mark + int(subscription_id[:8], 16))
        except ValueError:  # no id of a subscription: then the digests differ, and the plans are read
            found[plan] = (count + 1, mark)
    return found


def assessment_of(row: Item) -> Assessment | None:
    """A recommendation about a resource, from ARM or from Resource Graph; ``None`` for one that is not about agents."""
    key, whole = text(row, "name").lower(), resource_id(row, "id")
    if key not in AGENT_RECOMMENDATIONS:
        return None
    cut = whole.lower().rfind("/providers/microsoft.security/assessments/")
    machine_id = whole[:cut] if cut > 0 else resource_id(row, "properties", "resourceDetails", "id")
    return Assessment(
        machine_id,
        part_of(whole, "subscriptions"),
        key,
        text(row, "properties", "status", "code") or text(row, "code") or "Unknown",
        text(row, "properties", "status", "cause") or text(row, "cause"),
        text(row, "properties", "status", "description") or text(row, "description"),
    )


async def assessments(send: Send, origin: str, subscription_id: str) -> list[Assessment]:
    """The recommendations about agents in one subscription."""
    url = f"{_base(origin, subscription_id)}/assessments?api-version={ASSESSMENTS_API}"
    found: list[Assessment] = []
    async for page in pages(send, url, "reading recommendations"):
        found += [one for one in map(assessment_of, page) if one is not None]
    return found

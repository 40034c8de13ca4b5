"""Microsoft.Security: the integration settings, the Defender for Servers plan, and recommendations."""

from __future__ import annotations

from azure.core.rest import HttpRequest
from azure.mgmt.security.aio import SecurityCenter
from azure.mgmt.security.models import DataExportSettings

from cache.model import Assessment
from console.gateway.errors import written
from console.gateway.reading import Item, Send, fetch, flag, pages, part_of, resource_id, text

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
    tier, plan = text(document, "properties", "pricingTier"), text(document, "properties", "subPlan")
    if tier.lower() == "standard":
        return plan or "standard"
    return "free" if tier.lower() == "free" else tier or "unknown"


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

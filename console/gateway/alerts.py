"""Security alerts: read in the shape of the model, told apart by who raised them, and given another status."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from azure.core.rest import HttpRequest
from azure.mgmt.security.aio import SecurityCenter

from cache.model import Alert
from cache.text import clean
from console.gateway.errors import BadAnswer, written
from console.gateway.reading import Item, Send, address_of, at, fetch, items, lines, moment, pages, part_of, resource_id, text

API = "2022-01-01"
ENDPOINT_PRODUCTS = ("windows defender atp", "microsoft defender atp", "microsoft defender for endpoint")
PORTAL_DOMAINS = (
    ".portal.azure.com",
    ".portal.azure.us",
    ".portal.azure.cn",
    ".security.microsoft.com",
    ".security.microsoft.us",
    ".security.microsoft.cn",
    ".securitycenter.windows.com",
    ".securitycenter.microsoft.com",
)
"""Hosts of portals and nothing wider: under azure.com anybody can have a name (cloudapp.azure.com)."""

VERBS = {"Dismissed": "dismiss", "Active": "activate", "Resolved": "resolve", "InProgress": "in_progress"}
MOST_ENTITIES = 40
_HOST = re.compile(r"[a-z0-9.-]+")


async def alerts(send: Send, origin: str, subscription_id: str, portals: Collection[str] = ()) -> AsyncIterator[list[Alert]]:
    """The alerts of a subscription, page by page. The service has no filter. ``portals`` are the addresses of the cloud's own portals."""
    url = f"{origin}/subscriptions/{subscription_id}/providers/Microsoft.Security/alerts?api-version={API}"
    async for page in pages(send, url, "reading alerts"):
        yield [alert_of(one, portals) for one in page if text(one, "id")]


async def alert_status(send: Send, origin: str, alert_id: str) -> str:
    """The status of one alert, read now."""
    document, _ = await fetch(send, HttpRequest("GET", address_of(origin, alert_id, f"?api-version={API}")), "reading the alert")
    return text(document, "properties", "status") or "Unknown"


async def set_status(client: SecurityCenter, alert_id: str, status: str) -> None:
    """Give an alert another status, at the level (resource group or subscription) that its id has."""
    address_of("", alert_id, "")
    verb = VERBS.get(status)
    location, group, name = part_of(alert_id, "locations"), part_of(alert_id, "resourceGroups"), part_of(alert_id, "alerts")
    if verb is None or not location or not name:
        raise BadAnswer(f"The alert {clean(alert_id, 80)} cannot be set to {clean(status, 40)}.")
    if group:
        await written(getattr(client.alerts, f"update_resource_group_level_state_to_{verb}")(group, location, name), "changing the alert")
    else:
        await written(getattr(client.alerts, f"update_subscription_level_state_to_{verb}")(location, name), "changing the alert")


def alert_of(row: Item, portals: Collection[str] = ()) -> Alert:
    """An alert from ARM's JSON. Whatever is missing or odd is blank."""
    whole, properties = resource_id(row, "id"), at(row, "properties")
    extended = at(properties, "extendedProperties")
    extended = extended if isinstance(extended, Mapping) else {}
    alert_type, product = text(properties, "alertType"), text(properties, "productName")
    return Alert(
        whole,
        text(row, "name") or whole.rsplit("/", 1)[-1],
        part_of(whole, "subscriptions"),
        part_of(whole, "resourceGroups"),
        part_of(whole, "locations"),
        text(properties, "alertDisplayName", limit=300) or alert_type or "an alert without a title",
        text(properties, "severity") or "Unknown",
        text(properties, "status") or "Unknown",
        product,
        alert_type,
        alert_type.upper().startswith("VM.MDATP_") or product.lower() in ENDPOINT_PRODUCTS or bool(text(extended, "WdatpTenantId")),
        machine_of_identifiers(at(properties, "resourceIdentifiers")) or _machine_of_entities(properties),
        text(properties, "compromisedEntity", limit=300),
        lines(properties, "description"),
        tuple(clean(one, 1000) for one in items(properties, "remediationSteps") if isinstance(one, str)),
        moment(properties, "startTimeUtc"),
        moment(properties, "timeGeneratedUtc"),
        _safe(text(properties, "alertUri"), portals),
        _defender_link(properties, extended, portals),
        _entities(items(properties, "entities")),
        tuple(
            (clean(key, 120), text(extended, key, limit=1000))
            for key, value in extended.items()
            if isinstance(value, str | int | float) and not _is_link(value)
        ),
    )


def machine_of_identifiers(identifiers: object) -> str | None:
    """The machine among what an alert names as its resources."""
    return next(
        (
            resource_id(one, "azureResourceId")
            for one in (identifiers if isinstance(identifiers, list) else [])
            if text(one, "type").lower() == "azureresource" and _is_machine(resource_id(one, "azureResourceId"))
        ),
        None,
    )


def _is_machine(resource_id: str) -> bool:
    low = resource_id.lower()
    return "/microsoft.compute/virtualmachines/" in low or "/microsoft.hybridcompute/machines/" in low


def _machine_of_entities(properties: object) -> str | None:
    for entity in items(properties, "entities"):
        for path in (("resourceId",), ("azureResourceId",), ("azureID",), ("host", "azureID")):
            if _is_machine(found := resource_id(entity, *path)):
                return found
    return None


def _safe(address: str, portals: Collection[str] = ()) -> str:
    """An address, if it leads to a portal of Microsoft's or of the cloud over TLS; else nothing: alerts are written by attackers."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return ""
    if (
        parts.scheme != "https"
        or "@" in parts.netloc
        or _HOST.fullmatch(host) is None
        or any(one.isspace() or one == "\\" for one in address)
    ):
        return ""
    own = any(parts[:2] == urlsplit(portal)[:2] for portal in portals)
    return address if own or any(f".{host}".endswith(domain) for domain in PORTAL_DOMAINS) else ""


def _is_link(value: object) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("{") and '"kind"' in value


def _defender_link(properties: object, extended: Mapping[str, Any], portals: Collection[str]) -> str:
    candidates = [text(one, "href") for one in items(properties, "extendedLinks")]
    for key, value in extended.items():
        if isinstance(value, str) and "link" in str(key).lower():
            try:
                candidates.append(text(json.loads(value), "value"))
            except (ValueError, RecursionError):
                candidates.append(clean(value, 1000))
    return next((safe for one in candidates if (safe := _safe(one, portals)) and "portal.azure" not in safe), "")


def _entities(entities: list[Any]) -> tuple[tuple[str, str], ...]:
    """Entities as kind and description; a reference stands for the entity it names."""
    by_id = {text(one, "$id"): one for one in entities if isinstance(one, Mapping) and text(one, "$id")}
    found: list[tuple[str, str]] = []
    for entity in entities[:MOST_ENTITIES]:
        target = by_id.get(text(entity, "$ref"), entity) if isinstance(entity, Mapping) else {}
        kind = text(target, "type", limit=60)
        if not kind:
            continue
        shown = [
            f"{key}: {text(target, key, limit=200)}"
            for key in (
                "hostName",
                "name",
                "commandLine",
                "processId",
                "directory",
                "address",
                "userName",
                "dnsDomain",
                "resourceId",
                "url",
                "fileName",
            )
            if text(target, key)
        ]
        pair = (kind, "; ".join(shown) or "no details")
        if pair not in found:
            found.append(pair)
    return tuple(found)

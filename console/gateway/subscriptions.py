"""Tenants, subscriptions, the caller's permissions, and the registration of resource providers."""

from __future__ import annotations

from collections.abc import AsyncIterator

from azure.core.rest import HttpRequest

from cache.model import Permission, Subscription
from cache.text import clean
from console.gateway.reading import Send, fetch, items, pages, tags_of, text

API = "2022-12-01"
PERMISSIONS_API = "2022-04-01"
PROVIDERS_API = "2021-04-01"


async def tenants(send: Send, origin: str) -> list[tuple[str, str]]:
    """Ids and names of the tenants that the caller can sign in to."""
    found = []
    async for page in pages(send, f"{origin}/tenants?api-version={API}", "listing your tenants"):
        found += [(text(one, "tenantId"), text(one, "displayName") or text(one, "defaultDomain")) for one in page]
    return [one for one in found if one[0]]


async def subscriptions(send: Send, origin: str) -> AsyncIterator[list[Subscription]]:
    """The subscriptions that the caller can see, page by page."""
    async for page in pages(send, f"{origin}/subscriptions?api-version={API}", "listing your subscriptions"):
        yield [
            Subscription(
                text(one, "subscriptionId"),
                text(one, "displayName") or text(one, "subscriptionId"),
                text(one, "state") or "Unknown",
                text(one, "tenantId"),
                tags=tags_of(one),
            )
            for one in page
            if text(one, "subscriptionId")
        ]


async def permissions(send: Send, origin: str, subscription_id: str) -> tuple[Permission, ...]:
    """What the caller may do in a subscription. No SDK offers this call at that scope."""
    url = f"{origin}/subscriptions/{subscription_id}/providers/Microsoft.Authorization/permissions?api-version={PERMISSIONS_API}"
    found: list[Permission] = []
    async for page in pages(send, url, "reading your permissions"):
        for one in page:
            actions = tuple(clean(action) for action in items(one, "actions") if isinstance(action, str))
            without = tuple(clean(action) for action in items(one, "notActions") if isinstance(action, str))
            found.append(Permission(actions, without))
    return tuple(found)


async def provider_state(send: Send, origin: str, subscription_id: str) -> str:
    """The registration state of Microsoft.Security: ``Registered``, ``NotRegistered``, ``Registering`` or what Azure says."""
    url = f"{origin}/subscriptions/{subscription_id}/providers/Microsoft.Security?api-version={PROVIDERS_API}"
    document, _ = await fetch(send, HttpRequest("GET", url), "reading the registration of Microsoft.Security")
    return text(document, "registrationState") or "Unknown"


async def register_provider(send: Send, origin: str, subscription_id: str) -> str:
    """Ask Azure to register Microsoft.Security on a subscription. Returns the registration state now."""
    url = f"{origin}/subscriptions/{subscription_id}/providers/Microsoft.Security/register?api-version={PROVIDERS_API}"
    document, _ = await fetch(send, HttpRequest("POST", url), "registering Microsoft.Security")
    return text(document, "registrationState") or "Unknown"

"""Azure's activity log: who wrote a resource, and when. What was written is not in it.

Source: Azure Monitor's REST API *Activity Logs – List*, 2015-04-01. Its filter takes a span of time and one of a few names, nothing else;
a time more than 90 days ago is refused (azure-cli#4885). *Reader* may read it, *Security Reader* and *Security Admin* may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from console.gateway.reading import Send, moment, pages, text

API = "2015-04-01"
SUCCEEDED = "succeeded"
MOST_READ = 2000
"""Events of one resource that are looked through: each operation leaves two or three."""


@dataclass(frozen=True, slots=True)
class Written:
    """A resource was written successfully, ``at`` then, ``by`` the caller as Azure names it: an account, or the id of an application."""

    at: datetime
    by: str


async def last_write(send: Send, origin: str, resource_id: str, operation: str, since: datetime, until: datetime) -> Written | None:
    """The last time between ``since`` and ``until`` that ``operation`` succeeded on a resource of a subscription; ``None``: not at all."""
    subscription_id = resource_id.split("/")[2]
    span = f"eventTimestamp ge '{since:%Y-%m-%dT%H:%M:%SZ}' and eventTimestamp le '{until:%Y-%m-%dT%H:%M:%SZ}'"
    chosen = quote(f"{span} and resourceUri eq '{resource_id}'", safe="")
    address = f"{origin}/subscriptions/{subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
    found: list[Written] = []
    seen = 0
    async for page in pages(send, f"{address}?api-version={API}&$filter={chosen}", "reading the activity log"):
        for event in page:
            at = moment(event, "eventTimestamp")
            done = (text(event, "operationName", "value").lower(), text(event, "status", "value").lower()) == (operation.lower(), SUCCEEDED)
            if done and at is not None and text(event, "resourceId").lower() == resource_id.lower():
                found.append(Written(at, text(event, "caller", limit=300)))
        seen += len(page)
        if seen >= MOST_READ:
            break
    return max(found, key=lambda one: one.at, default=None)

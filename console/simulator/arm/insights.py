"""Microsoft.Insights: the activity log of a subscription.

As Azure Monitor's *Activity Logs – List* (2015-04-01) documents it: a filter is required, takes a span of time and at most one name, and
nothing else; what is older than 90 days is neither kept nor asked for. Each write leaves two events, and neither tells what was written.
"""

from __future__ import annotations

import re
import uuid

from console.simulator.clock import DAY, iso, parse_iso
from console.simulator.routes import Routes
from console.simulator.wire import ArmError, Call, Json, Reply, paged
from console.simulator.world import SettingWrite, Subscription

routes = Routes()

KEPT = 90 * DAY
_PART = re.compile(r"(\w+) (ge|le|eq) '([^']*)'")
_NAMES = ("resourceUri", "resourceProvider", "resourceGroupName", "correlationId")


@routes.add(
    "GET",
    "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values",
    "Microsoft.Insights/eventtypes/values/read",
)
async def list_events(call: Call) -> Reply:
    """The events that the filter chooses, newest first."""
    parts = _parts(call.query.get("$filter", ""))
    try:
        begin, end = parse_iso(parts["eventTimestamp ge"]), parse_iso(parts.get("eventTimestamp le") or iso(call.now + DAY))
    except (KeyError, ValueError):
        raise _bad("The $filter query parameter needs eventTimestamp ge '<start>'.") from None
    if begin < call.now - KEPT:
        raise _bad("The start time cannot be more than 90 day(s) in the past.")
    wanted = [
        (one, status)
        for one in sorted(call.subscription.written, key=lambda one: -one.at)
        if begin <= one.at <= end and one.at > call.now - KEPT and _meant(call.subscription, one, parts)
        for status in (("Succeeded", "Started") if one.taken else ("Failed", "Started"))
    ]
    return paged(call, wanted, lambda event: _event(call, *event))


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(" and ") if text else ():
        match = _PART.fullmatch(part.strip())
        known = match and (match[1] == "eventTimestamp") == (match[2] != "eq") and match[1] in ("eventTimestamp", *_NAMES)
        if match is None or not known:
            raise _bad(f"The $filter '{part}' is not supported.")
        found[f"{match[1]} {match[2]}"] = match[3]
    if sum(f"{name} eq" in found for name in _NAMES) > 1:
        raise _bad("The $filter may name only one of resourceUri, resourceProvider, resourceGroupName and correlationId.")
    return found


def _meant(subscription: Subscription, one: SettingWrite, parts: dict[str, str]) -> bool:
    if (uri := parts.get("resourceUri eq")) is not None:
        return uri.lower() == _resource(subscription, one).lower()
    if (provider := parts.get("resourceProvider eq")) is not None:
        return provider.lower() == "microsoft.security"
    return "resourceGroupName eq" not in parts and "correlationId eq" not in parts


def _resource(subscription: Subscription, one: SettingWrite) -> str:
    return f"/subscriptions/{subscription.id}/providers/Microsoft.Security/settings/{one.setting}"


def _event(call: Call, one: SettingWrite, status: str) -> Json:
    subscription = call.subscription
    resource = _resource(subscription, one)
    name = "BeginRequest" if status == "Started" else "EndRequest"
    event = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource}/{one.at}/{status}"))
    operation = "Microsoft.Security/settings/write"
    return {
        "authorization": {"action": operation, "scope": resource},
        "caller": one.caller,
        "channels": "Operation",
        "claims": {},
        "correlationId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource}/{one.at}")),
        "description": "",
        "eventDataId": event,
        "eventName": {"value": name, "localizedValue": name},
        "category": {"value": "Administrative", "localizedValue": "Administrative"},
        "eventTimestamp": iso(one.at),
        "id": f"{resource}/events/{event}/ticks/{int(one.at * 10_000_000)}",
        "level": "Error" if status == "Failed" else "Informational",
        "operationId": event,
        "operationName": {"value": operation, "localizedValue": "Update security settings"},
        "properties": {"eventCategory": "Administrative", "entity": resource, "hierarchy": subscription.id},
        "resourceGroupName": "",
        "resourceProviderName": {"value": "Microsoft.Security", "localizedValue": "Microsoft.Security"},
        "resourceType": {"value": "Microsoft.Security/settings", "localizedValue": "Microsoft.Security/settings"},
        "resourceId": resource,
        "status": {"value": status, "localizedValue": status},
        "subStatus": {"value": "" if status == "Started" else "OK", "localizedValue": ""},
        "submissionTimestamp": iso(one.at + 60),
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant,
    }


def _bad(message: str) -> ArmError:
    return ArmError(400, "BadRequest", message)

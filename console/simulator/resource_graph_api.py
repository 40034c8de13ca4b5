"""Microsoft.ResourceGraph over HTTP: pages, quota, formats, and its errors."""

from __future__ import annotations

from typing import Any

from console.simulator.clock import iso
from console.simulator.routes import Routes
from console.simulator.wire import ArmError, Call, Json, Reply

routes = Routes()

DEFAULT_TOP, MAX_TOP = 100, 1000


@routes.add("POST", "/providers/Microsoft.ResourceGraph/resources")
async def resources(call: Call) -> Reply:
    from console.simulator.kql import BadQuery

    headers = _quota(call)
    body = call.body if isinstance(call.body, dict) else {}
    query = body.get("query")
    if not isinstance(query, str) or not query.strip():
        raise _bad_request(call, {"code": "InvalidQuery", "message": "Query cannot be null or empty."})
    options = body.get("options") or {}
    top = options.get("$top") or DEFAULT_TOP
    if not isinstance(top, int) or not 1 <= top <= MAX_TOP:
        raise _bad_request(call, {"code": "InvalidTop", "message": f"$top must be between 1 and {MAX_TOP}."})
    token, skip = options.get("$skipToken"), int(options.get("$skip") or 0)
    if token:
        name, _, position = str(token).partition(".")
        result = call.box.graph.kept(name)
        if result is None or not position.isdecimal():
            raise _bad_request(call, {"code": "InvalidSkipToken", "message": "The skip token is invalid or has expired."})
        skip = skip or int(position)
    else:
        try:
            result = await call.box.graph.run(query, _readable(call, body), call.now)
        except BadQuery as error:
            raise _bad_request(call, *error.details) from error
        name = ""
    page = result.rows[skip : skip + top]
    left = skip + len(page) < len(result.rows)
    names = [column.name for column in result.columns]
    data: Any = [dict(zip(names, row, strict=True)) for row in page]
    if options.get("resultFormat") == "table":
        data = {"columns": [{"name": c.name, "type": c.type} for c in result.columns], "rows": [list(row) for row in page]}
    reply: Json = {
        "totalRecords": len(result.rows) if result.pageable else len(page),
        "count": len(page),
        "data": data,
        "facets": [],
        "resultTruncated": "true" if left and not result.pageable else "false",
    }
    if left and result.pageable:
        reply["$skipToken"] = f"{name or call.box.graph.keep(result)}.{skip + len(page)}"
    return Reply(reply, headers=headers)


def _readable(call: Call, body: Json) -> dict[str, Any]:
    """The subscriptions that were asked for (all, when none were named) and the caller's roles in each."""
    visible = {s.id: call.box.world.roles(call.principal, s) for s in call.box.world.visible(call.principal, call.tenant)}
    asked = [str(s).lower() for s in body.get("subscriptions") or []]
    chosen = {s: visible[s] for s in asked if s in visible} if asked else visible
    if not chosen:
        message = f"There must be at least one subscription that is eligible to contain resources. Given: '{','.join(asked)}'."
        raise _bad_request(call, {"code": "NoValidSubscriptionsInQueryRequest", "message": message})
    return chosen


def _quota(call: Call) -> dict[str, str]:
    """Count this query; the headers that tell what is left, or a 429 without Retry-After, as the service answers."""
    granted, headers = call.box.query_quota.take(call.principal.object_id)
    if granted:
        return headers
    advice = "Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed."
    detail = {"code": "RateLimiting", "message": f"{advice} Please see https://aka.ms/resourcegraph-throttling for help."}
    raise ArmError(429, "RateLimiting", _support(call), [detail], headers)


def _bad_request(call: Call, *details: Json) -> ArmError:
    general = {
        "code": "InvalidQuery",
        "message": "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before "
        "retrying.",
    }
    listed = (
        list(details)
        if details[0].get("code") in ("NoValidSubscriptionsInQueryRequest", "InvalidSkipToken", "InvalidTop")
        else [general, *details]
    )
    return ArmError(400, "BadRequest", _support(call), listed)


def _support(call: Call) -> str:
    correlation = call.headers.get("x-ms-correlation-request-id", "00000000-0000-0000-0000-000000000000")
    return f"Please provide below info when asking for support: timestamp = {iso(call.now)}, correlationId = {correlation}."

"""Microsoft.ResourceGraph over HTTP: pages, quota, formats, and its errors."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from console.simulator.clock import iso
from console.simulator.faults import PAGING
from console.simulator.routes import Routes
from console.simulator.wire import ArmError, Call, Json, Reply

if TYPE_CHECKING:
    from console.simulator.resource_graph import Result
    from console.simulator.roles import Role

routes = Routes()

DEFAULT_TOP, MAX_TOP = 100, 1000
MOST_NAMED, MOST_SEARCHED = 1000, 10_000
"""Subscriptions that a query may name, and that are searched when it names none."""


@routes.add("POST", "/providers/Microsoft.ResourceGraph/resources")
async def resources(call: Call) -> Reply:
    headers = _quota(call)
    try:
        reply, scope = await _answer(call)
    except ArmError as error:
        error.headers = {**headers, **error.headers}
        raise
    return Reply(reply, headers={**headers, **scope})


async def _answer(call: Call) -> tuple[Json, dict[str, str]]:
    """A page, and the header that says when not all subscriptions were searched."""
    body = call.body if isinstance(call.body, dict) else {}
    query = body.get("query")
    if not isinstance(query, str) or not query.strip():
        raise _bad_request(call, {"code": "InvalidQuery", "message": "Query cannot be null or empty."})
    options = body.get("options") or {}
    top = options.get("$top") or DEFAULT_TOP
    if not isinstance(top, int) or not 1 <= top <= MAX_TOP:
        raise _bad_request(call, {"code": "InvalidTop", "message": f"$top must be between 1 and {MAX_TOP}."})
    readable, scope = _readable(call, body)
    result, name, skip = await _begin(call, query, readable, options)
    count = len(result.rows[skip : skip + top])
    end = skip + count
    left = end < len(result.rows)
    if left and result.pageable and call.box.faults.strike(call.method, call.path, kinds=("cut",)):
        result, name = replace(result, pageable=False), ""
    data: Any = [msgspec.Raw(row) for row in result.rows[skip:end]]
    if options.get("resultFormat") == "table":
        rows = [list(row.values()) for row in result.decoded(skip, end)]
        data = {"columns": [{"name": c.name, "type": c.type} for c in result.columns], "rows": rows}
    reply: Json = {
        "totalRecords": len(result.rows) if result.pageable else count,
        "count": count,
        "data": data,
        "facets": [],
        "resultTruncated": "true" if left and not result.pageable else "false",
    }
    if left and result.pageable:
        reply["$skipToken"] = f"{name or call.box.graph.keep(result)}.{end}"
    elif name:
        call.box.graph.finish(name)
    return reply, scope


async def _begin(call: Call, query: str, readable: dict[str, tuple[Role, ...]], options: dict[str, Any]) -> tuple[Result, str, int]:
    """The result of which a page is asked for, the name under which it is kept, and the page's first row. Faults may change all three."""
    token, skip = options.get("$skipToken"), int(options.get("$skip") or 0)
    if not token:
        return await _run(call, query, readable), "", skip
    faults = {fault.kind: fault for fault in call.box.faults.strike(call.method, call.path, kinds=PAGING - {"cut"})}
    name, _, position = str(token).partition(".")
    result = call.box.graph.kept(name)
    if result is None or not position.isdecimal() or "stale" in faults:
        raise _bad_request(call, {"code": "InvalidSkipToken", "message": "The skip token is invalid or has expired."})
    skip = skip or int(position)
    for kind, change in (("double", call.box.world.double), ("halve", call.box.world.halve)):
        if kind in faults:
            await asyncio.to_thread(change)
            result, name = await _run(call, query, readable), ""
    if "repeat" in faults:
        skip = max(0, skip - int(faults["repeat"].value or 10))
    if "skip" in faults:
        skip += int(faults["skip"].value or 10)
    return result, name, skip


async def _run(call: Call, query: str, readable: dict[str, tuple[Role, ...]]) -> Result:
    from console.simulator.kql import BadQuery

    try:
        return await call.box.graph.run(query, readable, call.now)
    except BadQuery as error:
        raise _bad_request(call, *error.details) from error


def _readable(call: Call, body: Json) -> tuple[dict[str, tuple[Role, ...]], dict[str, str]]:
    """The subscriptions that were asked for (all, when none were named) with the caller's roles, and the header that tells of a cut."""
    asked = [str(s).lower() for s in body.get("subscriptions") or []]
    if len(asked) > MOST_NAMED:
        message = f"The number of subscriptions in the request, {len(asked)}, exceeds the allowed limit of {MOST_NAMED}."
        raise _bad_request(call, {"code": "TooManySubscriptionsInQueryRequest", "message": message})
    visible = {s.id: call.box.world.roles(call.principal, s) for s in call.box.world.visible(call.principal, call.tenant)}
    scope: dict[str, str] = {}
    if not asked and len(visible) > MOST_SEARCHED:
        visible, scope = dict(islice(visible.items(), MOST_SEARCHED)), {"x-ms-tenant-subscription-limit-hit": "true"}
    chosen = {s: visible[s] for s in asked if s in visible} if asked else visible
    if not chosen:
        message = f"There must be at least one subscription that is eligible to contain resources. Given: '{','.join(asked)}'."
        raise _bad_request(call, {"code": "NoValidSubscriptionsInQueryRequest", "message": message})
    return chosen, scope


def _quota(call: Call) -> dict[str, str]:
    """Count this query; the headers that tell what is left, or a 429 without Retry-After, as the service answers."""
    granted, headers = call.box.query_quota.take(call.principal.object_id)
    if granted:
        return headers
    advice = "Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed."
    detail = {"code": "RateLimiting", "message": f"{advice} Please see https://aka.ms/resourcegraph-throttling for help."}
    raise ArmError(429, "RateLimiting", _support(call), [detail], headers)


_ALONE = ("NoValidSubscriptionsInQueryRequest", "TooManySubscriptionsInQueryRequest", "InvalidSkipToken", "InvalidTop")
"""Details that stand without the general one before them."""


def _bad_request(call: Call, *details: Json) -> ArmError:
    general = {
        "code": "InvalidQuery",
        "message": "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before "
        "retrying.",
    }
    listed = list(details) if details[0].get("code") in _ALONE else [general, *details]
    return ArmError(400, "BadRequest", _support(call), listed)


def _support(call: Call) -> str:
    correlation = call.headers.get("x-ms-correlation-request-id", "00000000-0000-0000-0000-000000000000")
    return f"Please provide below info when asking for support: timestamp = {iso(call.now)}, correlationId = {correlation}."

"""Azure Resource Graph: the queries in ``queries/``, run page by page, paced by the quota, with truncation told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

from azure.core.rest import HttpRequest

from console.gateway.errors import BadAnswer, Throttled
from console.gateway.reading import Send, at, fetch, items, text
from console.gateway.transport import BUDGET, OnWait, Sleep, Wait, quota_reset

API = "2021-03-01"
MOST_SUBSCRIPTIONS = 1000
"""Subscriptions that one query may name."""

PAGE = 1000
TRUNCATED = "Resource Graph cut its answer short, so machines are missing in it."


@cache
def query(name: str) -> str:
    """The text of ``queries/<name>.kql`` without its comments."""
    whole = resources.files("console.gateway").joinpath("queries", f"{name}.kql").read_text(encoding="utf-8")
    return "\n".join(line for line in whole.splitlines() if not line.startswith("//"))


async def rows(
    send: Send,
    origin: str,
    name: str,
    subscription_ids: Sequence[str],
    *,
    on_wait: OnWait | None = None,
    sleep: Sleep = asyncio.sleep,
    page: int = PAGE,
) -> AsyncIterator[list[Any]]:
    """The rows of a query over ``subscription_ids``, a page at a time. Raises :class:`BadAnswer` when the answer was cut short."""
    for start in range(0, len(subscription_ids), MOST_SUBSCRIPTIONS):
        batch = list(subscription_ids[start : start + MOST_SUBSCRIPTIONS])
        token: str | None = None
        seen: set[str] = set()
        while True:
            options: dict[str, Any] = {"resultFormat": "objectArray", "$top": page}
            if token is not None:
                options["$skipToken"] = token
            body = {"subscriptions": batch, "query": query(name), "options": options}
            request = HttpRequest("POST", f"{origin}/providers/Microsoft.ResourceGraph/resources?api-version={API}", json=body)
            document, headers = await fetch(send, request, "asking Resource Graph")
            if not isinstance(at(document, "data"), list):  # nothing read is not the same as nothing there
                raise BadAnswer("Resource Graph answered without rows.")
            yield items(document, "data")
            following = at(document, "$skipToken")
            token = following if isinstance(following, str) and following else None
            cut = text(document, "resultTruncated").lower() == "true" and token is None
            if cut or headers.get("x-ms-tenant-subscription-limit-hit", "").lower() == "true":
                raise BadAnswer(TRUNCATED)
            if token is None:
                break
            if token in seen:
                raise BadAnswer("Resource Graph names the same page twice, so its answer does not end.")
            seen.add(token)
            await _pace(headers, on_wait, sleep)


async def _pace(headers: Any, on_wait: OnWait | None, sleep: Sleep) -> None:
    """Wait for the quota where it is used up."""
    if str(headers.get("x-ms-user-quota-remaining", "")) != "0":
        return
    seconds = quota_reset(headers) or 0.0
    if seconds > BUDGET:
        raise Throttled(f"Resource Graph asks to wait {seconds:.0f} seconds, which is too long. It is tried again with the next reading.")
    if seconds > 0:
        if on_wait is not None:
            on_wait(Wait("Resource Graph", seconds, "the quota of Resource Graph is used up", 1))
        await sleep(seconds)
        if on_wait is not None:
            on_wait(Wait("Resource Graph", 0.0, "", 1))

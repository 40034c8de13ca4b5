"""Azure Resource Graph: the queries in ``queries/``, run page by page, paced by the quota, with truncation told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from importlib import resources
from typing import Any, NamedTuple

from azure.core.rest import HttpRequest

from console.gateway.errors import BadAnswer, Throttled
from console.gateway.reading import Send, at, document_of, fetch_body, items, text
from console.gateway.transport import BUDGET, OnWait, Sleep, Wait, quota_reset

API = "2021-03-01"
MOST_SUBSCRIPTIONS = 1000
"""Subscriptions that one query may name."""

PAGE = 1000
WHAT = "asking Resource Graph"
TRUNCATED = "Resource Graph cut its answer short, so machines are missing in it."


@cache
def query(name: str) -> str:
    """The text of ``queries/<name>.kql`` without its comments."""
    whole = resources.files("console.gateway").joinpath("queries", f"{name}.kql").read_text(encoding="utf-8")
    return "\n".join(line for line in whole.splitlines() if not line.startswith("//"))


class Page(NamedTuple):
    """A page of rows, the token of the next, whether the answer was cut short, and how many rows there are in all, if told."""

    rows: list[Any]
    token: str | None
    cut: bool
    total: int | None


class Pacer:
    """Lets queries go at the pace that Resource Graph's headers allow, all chains of pages together."""

    def __init__(self, on_wait: OnWait | None, sleep: Sleep) -> None:
        self._on_wait = on_wait
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._under_way = 0
        self._left: int | None = None
        self._reset = 0.0

    async def send(self, ask: Callable[[], Awaitable[tuple[bytes, Mapping[str, str]]]]) -> tuple[bytes, Mapping[str, str]]:
        """Send a query when it may be sent. Raises :class:`Throttled` when that would be too long to wait."""
        async with self._turn:
            if self._left is not None and self._left <= 0 and self._reset > 0:
                await self._wait(self._reset)
                self._left = None
            if self._left is not None:
                self._left -= 1
            self._under_way += 1
        try:
            body, headers = await ask()
        finally:
            self._under_way -= 1
        remaining = str(headers.get("x-ms-user-quota-remaining", ""))
        if remaining.isdecimal():
            self._left = int(remaining) - self._under_way  # the answer may not know of those yet
            self._reset = quota_reset(headers) or 0.0
        return body, headers

    async def _wait(self, seconds: float) -> None:
        if seconds > BUDGET:
            raise Throttled(
                f"Resource Graph asks to wait {seconds:.0f} seconds, which is too long. It is tried again with the next reading."
            )
        if self._on_wait is not None:
            self._on_wait(Wait("Resource Graph", seconds, "the quota of Resource Graph is used up", 1))
        await self._sleep(seconds)
        if self._on_wait is not None:
            self._on_wait(Wait("Resource Graph", 0.0, "", 1))


async def chain(
    send: Send,
    origin: str,
    name: str,
    subscription_ids: Sequence[str],
    read: Callable[[bytes], Awaitable[Page]],
    pacer: Pacer,
    page: int = PAGE,
) -> AsyncIterator[Page]:
    """The pages of a query over at most :data:`MOST_SUBSCRIPTIONS`, as ``read`` makes them of the bodies.

    Raises :class:`BadAnswer` when the answer was cut short or does not end.
    """
    token: str | None = None
    seen: set[str] = set()
    while True:
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": page}
        if token is not None:
            options["$skipToken"] = token
        body = {"subscriptions": list(subscription_ids), "query": query(name), "options": options}
        request = HttpRequest("POST", f"{origin}/providers/Microsoft.ResourceGraph/resources?api-version={API}", json=body)
        answer, headers = await pacer.send(partial(fetch_body, send, request, WHAT))
        found = await read(answer)
        if found.cut or headers.get("x-ms-tenant-subscription-limit-hit", "").lower() == "true":
            raise BadAnswer(TRUNCATED)
        yield found
        token = found.token
        if token is None:
            return
        if token in seen:
            raise BadAnswer("Resource Graph names the same page twice, so its answer does not end.")
        seen.add(token)


def page_of(body: bytes) -> Page:
    """A page of rows as they are. Raises :class:`BadAnswer` where there are none: nothing read is not the same as nothing there."""
    document = document_of(body, WHAT)
    if not isinstance(at(document, "data"), list):
        raise BadAnswer("Resource Graph answered without rows.")
    following = at(document, "$skipToken")
    token = following if isinstance(following, str) and following else None
    total = at(document, "totalRecords")
    cut = text(document, "resultTruncated").lower() == "true" and token is None
    return Page(items(document, "data"), token, cut, total if isinstance(total, int) else None)


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
    pacer = Pacer(on_wait, sleep)

    async def read(body: bytes) -> Page:
        return page_of(body)

    for start in range(0, len(subscription_ids), MOST_SUBSCRIPTIONS):
        async for found in chain(send, origin, name, subscription_ids[start : start + MOST_SUBSCRIPTIONS], read, pacer, page):
            yield found.rows

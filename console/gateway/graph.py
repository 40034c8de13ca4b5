"""Azure Resource Graph: the queries in ``queries/``, run page by page, paced by the quota, with truncation told."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from azure.core.rest import HttpRequest

from console.gateway.errors import BadAnswer, Throttled
from console.gateway.reading import MOST_PAGES, Send, at, document_of, fetch_body, items, text
from console.gateway.transport import BUDGET, OnWait, Sleep, Wait, quota_reset
from console.together import together

Row = TypeVar("Row")

API = "2021-03-01"
MOST_SUBSCRIPTIONS = 1000
"""Subscriptions that one query may name."""

MOST_SEARCHED = 10_000
"""Subscriptions that are searched when a query names none: all that the caller can see. The rest is left out silently."""

PAGE = 1000
CHAINS = 8
"""Chains of pages that are followed at the same time."""

FEW = 25
"""Subscriptions for which another chain is worth its query."""

ATTEMPTS = 3
"""How often in all a query is asked for again from its first page, when its pages do not hold together."""

MOST_BARREN = 10
"""Pages in a row that may bring nothing new before the answer is said not to end."""

WHAT = "asking Resource Graph"
TRUNCATED = "Resource Graph cut its answer short, so rows are missing in it."
ENDLESS = "Resource Graph brings page after page with nothing new, so its answer does not end."

Scope = Sequence[str] | None
"""The subscriptions to search; ``None``: all that the caller can see, at most :data:`MOST_SEARCHED`."""


@cache
def _text_of(name: str) -> str:
    whole = resources.files("console.gateway").joinpath("queries", f"{name}.kql").read_text(encoding="utf-8")
    return "\n".join(line for line in whole.splitlines() if not line.startswith("//"))


def query(name: str, **values: str) -> str:
    """The text of ``queries/<name>.kql`` without its comments, with ``values`` in the places that it names."""
    whole = _text_of(name)
    for key, value in values.items():
        whole = whole.replace(f"{{{key}}}", value)
    return whole


def quoted(ids: Sequence[str]) -> str:
    """Ids as a list of literals in KQL, in lower case."""
    return ", ".join(json.dumps(one.lower(), ensure_ascii=False) for one in ids)


class Page(NamedTuple):
    """A page of rows, the token of the next, whether the answer was cut short, and how many rows there are in all, if told.

    ``nameless``: rows of the page that are not among ``rows``, since they have no id.
    """

    rows: list[Any]
    token: str | None
    cut: bool
    total: int | None
    nameless: int = 0


class Broken(BadAnswer):
    """The pages of an answer do not hold together: they may when the query is asked for again from its first page."""


class TypedPage(msgspec.Struct, Generic[Row], gc=False):
    """A page as it comes, its rows decoded into a type."""

    data: list[Row]
    skip_token: str | None = msgspec.field(name="$skipToken", default=None)
    resultTruncated: str | bool | None = None
    totalRecords: int | None = None


class Pacer:
    """Lets queries go at the pace that Resource Graph's headers allow, all queries of a sign-in together."""

    def __init__(self, on_wait: OnWait | None, sleep: Sleep) -> None:
        self._on_wait = on_wait
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._under_way = 0
        self._left: int | None = None
        self._reset_at = 0.0

    async def send(self, ask: Callable[[], Awaitable[tuple[bytes, Mapping[str, str]]]]) -> tuple[bytes, Mapping[str, str]]:
        """Send a query when it may be sent. Raises :class:`Throttled` when that would be too long to wait."""
        async with self._turn:
            if self._left is not None and self._left <= 0:
                if (seconds := self._reset_at - asyncio.get_running_loop().time()) > 0:
                    await self._wait(float(math.ceil(seconds)))  # the service tells whole seconds
                self._left = None
            if self._left is not None:
                self._left -= 1
            self._under_way += 1
        try:
            body, headers = await ask()
        finally:
            self._under_way -= 1
        remaining = str(headers.get("x-ms-user-quota-remaining", ""))
        if remaining.isdecimal() and len(remaining) < 10:
            self._left = int(remaining) - self._under_way  # the answer may not know of those yet
            self._reset_at = asyncio.get_running_loop().time() + (quota_reset(headers) or 0.0)
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


@dataclass(frozen=True, slots=True)
class Graph:
    """Resource Graph for one sign-in: what sends, where to, and at what pace."""

    send: Send
    origin: str
    pacer: Pacer


async def chain(
    graph: Graph,
    kql: str,
    scope: Scope,
    read: Callable[[bytes], Awaitable[Page]],
    page: int = PAGE,
    what: str = "rows",
    attempts: int = ATTEMPTS,
) -> AsyncIterator[Page]:
    """The pages of a query over at most :data:`MOST_SUBSCRIPTIONS`, or over all, as ``read`` makes them of the bodies.

    When the token of a page has expired, or rows (of ``what``) were left out between pages, they are read again from the first page on,
    at most ``attempts`` times in all: then pages come that came before. Raises :class:`BadAnswer` when that does not help, and when the
    answer was cut short or does not end.
    """
    for attempt in range(1, attempts + 1):
        try:
            async for found in _pages(graph, kql, scope, read, page, what):
                yield found
        except Broken:
            if attempt == attempts:
                raise
        else:
            return


async def _pages(
    graph: Graph, kql: str, scope: Scope, read: Callable[[bytes], Awaitable[Page]], page: int, what: str
) -> AsyncIterator[Page]:
    token: str | None = None
    tokens: set[str] = set()
    ids: set[str] = set()
    expected: int | None = None
    told = barren = 0
    while True:
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": page}
        if token is not None:
            options["$skipToken"] = token
        body: dict[str, Any] = {"query": kql, "options": options}
        if scope is not None:
            body["subscriptions"] = list(scope)
        request = HttpRequest("POST", f"{graph.origin}/providers/Microsoft.ResourceGraph/resources?api-version={API}", json=body)
        try:
            answer, headers = await graph.pacer.send(partial(fetch_body, graph.send, request, WHAT))
        except BadAnswer as refusal:
            if token is None:
                raise
            # The query was taken and its next page is refused: tokens expire, and no document says with which code.
            raise Broken(f"Resource Graph refused to go on with its answer after {len(tokens):,} pages. {refusal.message}") from None
        found = await read(answer)
        if found.cut or headers.get("x-ms-tenant-subscription-limit-hit", "").lower() == "true":
            raise BadAnswer(TRUNCATED)
        # A row that an earlier page has shown is not another one; rows without an id (as of an aggregate) are never the same.
        new = sum(getattr(row, "id", None) not in ids for row in found.rows) + found.nameless
        ids.update(row.id for row in found.rows if hasattr(row, "id"))
        expected = found.total if expected is None else expected
        told += new
        barren = 0 if new else barren + 1
        yield found
        token = found.token
        if token is None:
            break
        if token in tokens:
            raise BadAnswer("Resource Graph names the same page twice, so its answer does not end.")
        if barren >= MOST_BARREN or len(tokens) >= MOST_PAGES:
            raise BadAnswer(ENDLESS)
        tokens.add(token)
    if expected is not None and told < expected:
        raise Broken(f"Resource Graph left out {expected - told:,} of {expected:,} {what} between its pages.")


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


async def rows(graph: Graph, kql: str, scope: Scope, *, page: int = PAGE, attempts: int = ATTEMPTS) -> AsyncIterator[list[Any]]:
    """The rows of a query, a page at a time, one page after the other; of more than :data:`MOST_SUBSCRIPTIONS` in several queries.

    With more than one of ``attempts`` rows may come again, as :func:`chain` says. Raises :class:`BadAnswer` when an answer was cut short
    or left out rows.
    """

    async def read(body: bytes) -> Page:
        return page_of(body)

    batches: list[Scope] = [None]
    if scope is not None:
        batches = [scope[start : start + MOST_SUBSCRIPTIONS] for start in range(0, len(scope), MOST_SUBSCRIPTIONS)]
    for batch in batches:
        async for found in chain(graph, kql, batch, read, page, attempts=attempts):
            yield found.rows


def groups_of(subscription_ids: Sequence[str]) -> list[list[str]]:
    """The subscriptions in at most :data:`CHAINS` groups of like size, or as many as the size of a query demands; few are one group."""
    count = max(1, min(CHAINS, len(subscription_ids) // FEW), -(-len(subscription_ids) // MOST_SUBSCRIPTIONS))
    return [list(subscription_ids[number::count]) for number in range(count)]


async def chains(
    graph: Graph,
    kql: str,
    subscription_ids: Sequence[str],
    read: Callable[[bytes], Page],
    what: str,
    page: int = PAGE,
    on_total: Callable[[int], None] | None = None,
) -> AsyncIterator[list[Any]]:
    """The rows of a query over very many subscriptions, in several chains of pages at once, in whatever order pages arrive.

    Rows may come again, as :func:`chain` says. ``read`` makes rows with an ``id`` of a body, in a thread, one body at a time.
    ``on_total`` is told how many rows there are in all, once every chain has told its own. Raises :class:`BadAnswer` when an answer was
    cut short or left out rows (of ``what``), and every other :class:`AzureProblem`.
    """
    reading = asyncio.Lock()
    ready: asyncio.Queue[list[Any] | None] = asyncio.Queue()
    groups = groups_of(subscription_ids)
    totals: list[int] = []

    async def read_in_turn(body: bytes) -> Page:
        async with reading:
            return await asyncio.to_thread(read, body)

    async def follow(group: list[str]) -> None:
        told = False
        async for found in chain(graph, kql, group, read_in_turn, page, what):
            if not told and found.total is not None:
                told = True
                totals.append(found.total)
                if on_total is not None and len(totals) == len(groups):
                    on_total(sum(totals))
            ready.put_nowait(found.rows)

    async def all_chains() -> None:
        try:
            await together(map(follow, groups))
        finally:
            ready.put_nowait(None)

    task = asyncio.create_task(all_chains())
    try:
        while (found := await ready.get()) is not None:
            yield found
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

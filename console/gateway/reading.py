"""Reading JSON that may be anything: tolerant accessors, and lists page by page through an SDK client's own pipeline.

The SDKs' models cost ten to a thousand times the time and stop at a missing ``value``; here a missing or odd field is blank and the rest
is used. Every text is cleaned as it is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from azure.core.exceptions import AzureError, ResponseNotReadError
from azure.core.rest import HttpRequest

from cache.failure import Failure
from cache.text import clean, clean_lines
from console.gateway.errors import AzureProblem, BadAnswer, problem_from, problem_from_status

Send = Callable[..., Awaitable[Any]]
"""What sends a request through a client's pipeline: ``send(request, stream=True)``."""

Item = Mapping[str, Any]
MOST_PAGES = 10_000
MOST_ID = 2000


def at(item: object, *path: str) -> Any:
    """What lies at ``path`` (keys compare without case, as Resource Graph and ARM differ in it), or ``None``."""
    for key in path:
        if not isinstance(item, Mapping):
            return None
        if key in item:
            item = item[key]
            continue
        low = key.lower()
        item = next((value for name, value in item.items() if isinstance(name, str) and name.lower() == low), None)
    return item


def text(item: object, *path: str, limit: int = 4000) -> str:
    """A text at ``path``, cleaned, one line; numbers and truth values become text; anything else is empty."""
    value = at(item, *path)
    if isinstance(value, bool):
        return str(value).lower()
    return _said(value, limit) if isinstance(value, str | int | float) else ""


def _said(value: str | float, limit: int) -> str:
    """A text or number, cleaned; a number beyond all sense is empty (Python refuses to write it)."""
    try:
        return clean(value, limit)
    except ValueError:
        return ""


def lines(item: object, *path: str) -> str:
    """A text of several lines at ``path``, cleaned."""
    value = at(item, *path)
    return clean_lines(value) if isinstance(value, str) else ""


def flag(item: object, *path: str) -> bool | None:
    """A truth value at ``path``; Azure sometimes writes it as text."""
    value = at(item, *path)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    return None


def number(item: object, *path: str) -> int:
    """A whole number at ``path``; anything else is 0."""
    value = at(item, *path)
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0


def items(item: object, *path: str) -> list[Any]:
    """A list at ``path``; anything else is an empty one."""
    value = at(item, *path)
    return value if isinstance(value, list) else []


def moment(item: object, *path: str) -> datetime | None:
    """A time at ``path``; Azure writes up to seven digits of a second."""
    value = at(item, *path)
    if not isinstance(value, str) or not value:
        return None
    head, dot, tail = value.partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        value = f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"
    try:
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year >= 1900 else None


def tags_of(item: object) -> dict[str, str]:
    """The tags of a resource, cleaned."""
    value = at(item, "tags")
    if not isinstance(value, Mapping):
        return {}
    return {clean(key, 200): text(value, key, limit=300) for key, one in value.items() if isinstance(one, str | int | float)}


def resource_id(item: object, *path: str) -> str:
    """A resource id at ``path``, safe to show and still exact: one with characters that do not belong there is percent-encoded."""
    value = at(item, *path)
    if not isinstance(value, str):
        return ""
    odd = clean(value, MOST_ID) != value or any(character in value for character in "?#%\\")
    return quote(value[:MOST_ID].encode("utf-8", "replace"), safe="/-_.~()@$ ") if odd else value


def part_of(resource_id: str, after: str) -> str:
    """The name of kind ``after`` in a resource id, which is pairs of a kind and a name: a group named *alerts* is not taken for a kind."""
    parts = resource_id.strip("/").split("/")
    return next((name for kind, name in zip(parts[::2], parts[1::2], strict=False) if kind.lower() == after.lower()), "")


def address_of(origin: str, resource_id: str, rest: str) -> str:
    """The address of a resource and ``rest`` behind it. Raises :class:`BadAnswer` for an id that would lead elsewhere."""
    parts = resource_id.split("/")
    if not resource_id.lower().startswith("/subscriptions/") or any(part in {"", ".", ".."} for part in parts[1:]):
        raise BadAnswer(f"Azure named a resource with an id that is none: “{clean(resource_id, 120)}”.")
    return f"{origin}{resource_id}{rest}"


async def fetch(send: Send, request: HttpRequest, what: str) -> tuple[Item, Mapping[str, str]]:
    """Send a request and read its JSON object. Returns it and the headers; raises an :class:`AzureProblem`."""
    body, headers = await fetch_body(send, request, what)
    return document_of(body, what), headers


async def fetch_body(send: Send, request: HttpRequest, what: str) -> tuple[bytes, Mapping[str, str]]:
    """Send a request. Returns the body of its answer, not read yet, and the headers; raises an :class:`AzureProblem`."""
    answer = await exchange(send, request, what)
    if not 200 <= answer.status < 300:
        raise problem_from_status(answer.status, answer.body, what, answer.headers)
    return answer.body, answer.headers


class Answer(NamedTuple):
    """What came back, good or bad."""

    status: int
    body: bytes
    headers: Mapping[str, str]


async def exchange(send: Send, request: HttpRequest, what: str) -> Answer:
    """Send a request. Returns whatever Azure answers; raises an :class:`AzureProblem` where there is no answer."""
    problem: AzureProblem | None = None
    try:
        response = await send(request, stream=True)
        try:
            body = await _body_of(response)
        finally:
            await response.close()
    except (AzureError, aiohttp.ClientError, OSError, TimeoutError, Failure, ValueError) as error:
        problem = problem_from(error, what)
    if problem is not None:
        raise problem  # out here, since the SDK's exception holds the request and with it the token
    return Answer(response.status_code, body, response.headers)


def document_of(body: bytes, what: str) -> Item:
    """The JSON object in a body. Raises :class:`BadAnswer`."""
    try:
        document = _decoded(body)
    except (ValueError, RecursionError):
        raise BadAnswer(f"Azure's answer could not be read while {what}: it is not JSON.") from None
    if not isinstance(document, Mapping):
        raise BadAnswer(f"Azure's answer could not be read while {what}: it is no JSON object.")
    return document


def _decoded(body: bytes) -> Any:
    """The JSON in ``body``. What the fast decoder refuses whole (one odd byte, half of a surrogate pair) is read again patiently."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return json.loads(body.decode("utf-8-sig", "replace"))


async def _body_of(response: Any) -> bytes:
    """The body, which the retry policy may have read already; the SDK takes an empty one for one not yet read."""
    try:
        body: bytes = response.content
    except ResponseNotReadError:
        body = await response.read()
    return body


class ListPage(NamedTuple):
    """A page of a list, and the address of the next one, if there is one."""

    rows: list[Any]
    next_link: str | None


def list_page(body: bytes, what: str) -> ListPage:
    """A page of a list as it is. One without ``value`` is empty; raises :class:`BadAnswer` for what is no list."""
    document = document_of(body, what)
    if not isinstance(at(document, "value"), list | None):
        raise BadAnswer(f"Azure's answer is not a list while {what}.")
    following = at(document, "nextLink")
    return ListPage(items(document, "value"), following if isinstance(following, str) and following else None)


async def pages(send: Send, url: str, what: str, read: Callable[[bytes], Awaitable[ListPage]] | None = None) -> AsyncIterator[list[Any]]:
    """The pages of a list, following ``nextLink`` within the same origin; ``read`` makes them of the bodies, as they are by default."""
    origin = _origin(url)
    seen = set[str]()
    next_url: str | None = url
    while next_url:
        if next_url in seen or len(seen) >= MOST_PAGES:
            raise BadAnswer(f"Azure's list does not end: it names the same page twice, while {what}.")
        seen.add(next_url)
        body, _ = await fetch_body(send, HttpRequest("GET", next_url), what)
        page = list_page(body, what) if read is None else await read(body)
        yield page.rows
        next_url = page.next_link
        if next_url is not None and _origin(next_url) != origin:
            raise BadAnswer(f"Azure's list goes on at another address ({clean(next_url, 80)}), which is not followed.")


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are of the same service: only there a token may go."""
    return _origin(one) is not None and _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port, to compare by: ARM writes its port out in some links. ``None`` for what is no plain address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if "@" in parts.netloc or "\\" in url or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)

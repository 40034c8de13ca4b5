"""One transport and one retry policy for all SDK clients.

The policies are listed here and not taken from the SDKs, whose default ones register resource providers behind one's back and do not
retry a throttled POST. Policy instances hold state and are made anew for each client.
"""

from __future__ import annotations

import asyncio
import math
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from azure.core.exceptions import AzureError, DecodeError, HttpResponseError, IncompleteReadError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, ContentDecodePolicy, RequestIdPolicy, UserAgentPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

from cache.text import clean
from console.clouds import Cloud, is_loopback
from console.gateway.errors import Throttled

CONNECT_SECONDS = 15
READ_SECONDS = 60
TOTAL_SECONDS = 180
"""One try of one request, to the last byte: a try that takes longer counts as a failure of the line."""

TRIES = 5
BUDGET = 180.0
"""Seconds that one request may wait in all before it is given up."""

FIRST_WAIT = 0.8
LONGEST_WAIT = 60.0
LONGEST_NAME = 40
"""Letters of a subscription's name that the sentence about a wait has room for."""

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
USER_AGENT = "mde-console"


@dataclass(frozen=True, slots=True)
class Wait:
    """A request waits: for how long, why, and for the how manieth time. Zero seconds: the waiting is over. ``name`` is that of the
    subscription that is asked, where it is known."""

    what: str
    seconds: float
    reason: str
    attempt: int
    name: str = ""

    @property
    def told(self) -> str:
        """How long, why, and what for: of the address what tells something."""
        parts = self.what.strip("/").split("/")
        asked = subscription_of(self.what)
        of = f" of {clean(self.name, LONGEST_NAME) or asked[:8]}" if asked and len(parts) > 2 else ""
        return f"{self.seconds:.0f} s: {self.reason} ({parts[-1]}{of})"


def subscription_of(path: str) -> str:
    """The id of the subscription that an address is about; empty where it is about none."""
    parts = path.strip("/").split("/")
    return parts[1] if len(parts) > 1 and parts[0].lower() == "subscriptions" else ""


def waits_told(waits: Iterable[Wait]) -> str:
    """What is waited for now: the longest wait, and how many others there are; empty where nothing waits."""
    longest_first = sorted(waits, key=lambda one: -one.seconds)
    if not longest_first:
        return ""
    more = f", {len(longest_first) - 1} more" if len(longest_first) > 1 else ""
    return f"waiting {longest_first[0].told}{more}"


OnWait = Callable[[Wait], None]
Sleep = Callable[[float], Awaitable[None]]


def seconds_to_wait(headers: Any, now: float | None = None) -> float | None:
    """What the headers ask for: ``Retry-After`` in seconds or as a date, or the reset of Resource Graph's quota. ``None``: nothing."""
    value = headers.get("Retry-After")
    if value:
        try:
            return _sensible(float(value))
        except ValueError:
            try:
                at = parsedate_to_datetime(value)
                at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
                return _sensible(at.timestamp() - (time.time() if now is None else now))
            except (ValueError, TypeError, OverflowError):
                return None
    return quota_reset(headers) if str(headers.get("x-ms-user-quota-remaining", "")) == "0" else None


def quota_reset(headers: Any) -> float | None:
    """Seconds until Resource Graph's quota is full again (``hh:mm:ss``); ``None`` when not told."""
    parts = str(headers.get("x-ms-user-quota-resets-after", "")).split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return _sensible(hours * 3600 + minutes * 60 + seconds)


def _sensible(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None


class RetryPolicy(AsyncHTTPPolicy[Any, Any]):
    """Tries again what may be tried again: readings when Azure or the line fails; writes only when they were turned away unprocessed."""

    def __init__(self, on_wait: OnWait | None, sleep: Sleep, on_answer: Callable[[Any], None], names: Mapping[str, str]) -> None:
        super().__init__()
        self._on_wait = on_wait
        self._names = names
        self._sleep = sleep
        self._on_answer = on_answer

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send, wait and send again. The body is read here, so that one cut short counts as a failure of the line."""
        waited, attempt = 0.0, 0
        reads = _is_reading(request)
        while True:
            attempt += 1
            asked: float | None = None
            try:
                async with asyncio.timeout(TOTAL_SECONDS):
                    response = await self.next.send(request)
                    if reads:
                        await _read_body(response.http_response)
                self._on_answer(response.http_response.headers)
                status = response.http_response.status_code
                again = status in TRANSIENT if reads else status == 429
                if not again or attempt >= TRIES:
                    return response
                asked = seconds_to_wait(response.http_response.headers)
                reason = "Azure wants fewer requests" if status == 429 else f"Azure answered {status}"
            except (AzureError, aiohttp.ClientError, TimeoutError, OSError) as error:
                if attempt >= TRIES or not (reads or _is_before_sending(error)) or not _is_of_the_line(error):
                    raise
                reason = "the connection failed"
            pause = asked if asked is not None else min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)) * random.uniform(0.7, 1.3)
            if waited + pause > BUDGET:
                raise Throttled(f"Azure asks to wait {pause:.0f} seconds, which is too long. It is tried again with the next reading.")
            waited += pause
            path = urlsplit(request.http_request.url).path
            await self._wait(Wait(path, pause, reason, attempt, self._names.get(subscription_of(path).lower(), "")))

    async def _wait(self, wait: Wait) -> None:
        if self._on_wait is not None:
            self._on_wait(wait)
        try:
            await self._sleep(wait.seconds)
        finally:
            if self._on_wait is not None:
                self._on_wait(Wait(wait.what, 0.0, "", wait.attempt))


def _is_reading(request: PipelineRequest[Any]) -> bool:
    http = request.http_request
    return http.method in {"GET", "HEAD"} or (
        http.method == "POST" and urlsplit(http.url).path.lower().endswith("/microsoft.resourcegraph/resources")
    )


def _is_of_the_line(error: Exception) -> bool:
    """Whether a failure can be of the line: not one of certificates or of the sign-in, which trying again does not mend."""
    hopeless = ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError | aiohttp.InvalidURL
    if any(isinstance(one, hopeless) for one in _causes(error)):
        return False
    return isinstance(error, IncompleteReadError) or not isinstance(error, HttpResponseError | DecodeError)


def _is_before_sending(error: Exception) -> bool:
    """Whether the connection was never made. The SDK's ``ServiceRequestError`` does not tell: it covers lines cut after the request."""
    return any(isinstance(one, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) for one in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what it was raised from; not what merely happened before it."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found


async def _read_body(response: Any) -> None:
    read = getattr(response, "read", None) or getattr(response, "load_body", None)
    if read is not None:
        await read()


def open_session(cloud: Cloud, address: str) -> aiohttp.ClientSession:
    """Connections to one address of a cloud: its CA is trusted beside those of this machine, and a proxy is asked unless it is here."""
    context = ssl.create_default_context()
    if cloud.ca_file is not None:
        context.load_verify_locations(cafile=str(cloud.ca_file))
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=64), trust_env=not is_loopback(address), cookie_jar=aiohttp.DummyCookieJar()
    )


class Transport:
    """The shared connections. ``policies`` makes what a client's pipeline consists of; ``options`` are the arguments of every client.
    ``names`` are those of the subscriptions, by ids in lower case: whoever reads them adds them."""

    def __init__(self, cloud: Cloud, credential: Any, on_wait: OnWait | None, sleep: Sleep = asyncio.sleep) -> None:
        self._cloud = cloud
        self._credential = credential
        self._on_wait = on_wait
        self._sleep = sleep
        self._date = ""
        self.names: dict[str, str] = {}
        self._session = open_session(cloud, cloud.resource_manager)
        # aiohttp sends a PUT again by itself when a connection is cut, and has no public switch for that; here one place retries.
        self._session._retry_connection = False

    @property
    def date(self) -> datetime | None:
        """What Azure's clock said in its latest answer, to the second; ``None`` before the first."""
        try:
            at = parsedate_to_datetime(self._date)
        except (ValueError, TypeError, OverflowError):
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

    def _answered(self, headers: Any) -> None:
        self._date = headers.get("Date") or self._date

    def policies(self) -> list[Any]:
        """A fresh set of policies."""
        return [
            RequestIdPolicy(),
            UserAgentPolicy(USER_AGENT),
            ContentDecodePolicy(),
            RetryPolicy(self._on_wait, self._sleep, self._answered, self.names),
            AsyncARMChallengeAuthenticationPolicy(self._credential, self._cloud.scope, enable_cae=True),
        ]

    def options(self) -> dict[str, Any]:
        """Where, as whom and how: for the constructor of any SDK client."""
        return {
            "credential": self._credential,
            "base_url": self._cloud.resource_manager,
            "credential_scopes": [self._cloud.scope],
            "transport": AioHttpTransport(
                session=self._session, session_owner=False, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
            ),
            "policies": self.policies(),
        }

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

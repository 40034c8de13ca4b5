"""What Azure's failures mean, as a small family of types made from statuses and codes. The text of each is a sentence for the user."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar

import aiohttp
from azure.core.exceptions import AzureError, HttpResponseError

from cache.failure import Exit, Failure, causes
from cache.text import clean


class AzureProblem(Failure):
    """Something that Azure did not do. ``code`` is that of :class:`cache.model.Problem`; ``message`` is the sentence."""

    code: ClassVar[str] = "azure"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SignInRequired(AzureProblem):
    """The sign-in is over, or not accepted here. ``claims`` (base64) is what Azure demands of the next one, if it told."""

    code = "sign-in"
    exit_code = Exit.SIGN_IN

    def __init__(self, message: str, claims: str = "") -> None:
        super().__init__(message)
        self.claims = claims


class Forbidden(AzureProblem):
    """The caller's rights do not reach."""

    code = "forbidden"


class Throttled(AzureProblem):
    """Azure wants fewer requests, for longer than it is worth waiting."""

    code = "throttled"


class NotRegistered(AzureProblem):
    """Microsoft.Security is not registered on the subscription, or its offer forbids it."""

    code = "not-registered"


class NotFound(AzureProblem):
    """What was asked for is not there."""

    code = "not-found"


class Conflict(AzureProblem):
    """Something else is going on with the same resource."""

    code = "conflict"


class Outage(AzureProblem):
    """Azure, or the way to it, does not work just now."""

    code = "outage"


class BadAnswer(AzureProblem):
    """Azure answered something that cannot be right."""

    code = "bad-answer"


SDK_FAILURES = (AzureError, aiohttp.ClientError, OSError, Failure, ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What a call of an SDK can raise: its own errors and the line's, and whatever its models stumble over in an odd answer."""

NOT_REGISTERED = {"subscription not registered", "missingsubscriptionregistration", "subscriptionnotregistered"}
NOT_FOR_NOW = {
    "readonlydisabledsubscription": "The subscription is disabled and can only be read.",
    "disabledsubscription": "The subscription is disabled.",
    "scopelocked": "A lock on the subscription forbids changes; whoever set it must lift it.",
}
"""Codes of refusals (409 or 403) that neither waiting nor another role mends."""

QUOTED = 240
_CLAIMS = re.compile(r"""\bclaims="?([A-Za-z0-9+/=_-]{1,4000})""")


def problem_from_status(status: int, body: bytes, what: str, headers: Mapping[str, str] | None = None) -> AzureProblem:
    """The problem that an answer with ``status`` means, when ``what`` was being done (such as *reading the settings*)."""
    code, message = _error_of(body)
    said = f" Azure says: {message}" if message else ""
    low = code.lower()
    if low in NOT_REGISTERED:
        return NotRegistered(
            f"Microsoft.Security is not registered on the subscription, so {what} does not work. "
            "Register it: az provider register --namespace Microsoft.Security"
        )
    if low == "disallowedprovider":
        return NotRegistered(f"The offer of this subscription forbids Microsoft.Security, so {what} does not work.")
    if low == "invalidauthenticationtokentenant":
        return Forbidden(f"The subscription belongs to another tenant than the one you are signed in to, so {what} does not work.")
    if status == 401 and (claims := _claims_in(headers)):
        return _challenged(claims)
    if status == 401:
        return SignInRequired(f"Azure does not accept the sign-in any more while {what} (HTTP 401{_named(code)}). Sign in again.")
    if low in NOT_FOR_NOW:
        return Conflict(f"{NOT_FOR_NOW[low]} So {what} does not work.{said}")
    if status == 403:
        return Forbidden(f"You have no right for {what}.{said}")
    if status == 404:
        return NotFound(f"There was nothing to find while {what}.{said}")
    if status == 409 or status == 412:
        return Conflict(f"Something else is changing the same thing while {what}.{said} Try again in a while.")
    if status == 429:
        return Throttled(f"Azure wants fewer requests while {what}, and waiting did not help. It is tried again with the next reading.")
    if status >= 500 or status == 408:
        return Outage(f"Azure failed while {what} (HTTP {status}{_named(code)}). It is tried again with the next reading.")
    return BadAnswer(f"Azure refused {what} (HTTP {status}{_named(code)}).{said}")


def problem_from(error: Exception, what: str) -> AzureProblem:
    """The problem that an exception of the SDKs or of the transport means."""
    if isinstance(error, AzureProblem):
        return error
    if claims := next((found for one in causes(error) if (found := _claims_of(one))), ""):
        return _challenged(claims)
    if isinstance(error, Failure):
        return SignInRequired(str(error))
    status = error.response.status_code if isinstance(error, HttpResponseError) and error.response is not None else None
    if isinstance(error, HttpResponseError) and status is not None and status >= 400:
        return problem_from_status(status, _body_of(error.response), what)
    names = {type(one).__name__ for one in causes(error)}
    if any("Certificate" in name or "CertVerification" in name for name in names):
        return Outage(f"The certificate was not trusted while {what}. Name your CA as ca_file in a cloud file.")
    if names & {"ClientAuthenticationError", "CredentialUnavailableError"}:
        return SignInRequired(f"The sign-in gives no token any more while {what}. Sign in again.")
    if "DecodeError" in names:
        return BadAnswer(f"Azure's answer could not be read while {what}: it is not JSON.")
    if isinstance(error, AzureError | aiohttp.ClientError | OSError | asyncio.TimeoutError):
        return Outage(f"The connection to Azure failed while {what}. Check the network and HTTPS_PROXY.")
    return BadAnswer(f"Azure's answer could not be used while {what} ({type(error).__name__}).")


def _claims_of(error: BaseException) -> str:
    """The claims (base64) that Azure demands of the next token, where an answer of 401 says so."""
    response: Any = error.response if isinstance(error, HttpResponseError) else None
    return _claims_in(response.headers) if response is not None else ""


def _claims_in(headers: Mapping[str, str] | None) -> str:
    found = _CLAIMS.search(str((headers or {}).get("WWW-Authenticate", "")))
    return found.group(1) if found else ""


def _challenged(claims: str) -> SignInRequired:
    return SignInRequired(
        "Azure wants a fresh sign-in, since your session or the rules for it have changed. Sign in again; with the Azure CLI: "
        f'az login --claims-challenge "{claims}"',
        claims,
    )


async def written(operation: Awaitable[object], what: str) -> None:
    """Await an operation of an SDK that writes. Raises an :class:`AzureProblem`, which does not lead back to the SDK's exception."""
    problem: AzureProblem | None = None
    try:
        await operation
    except SDK_FAILURES as error:
        problem = problem_from(error, what)
    if problem is not None:
        raise problem  # out here, since the SDK's exception holds the request and with it the token


def _named(code: str) -> str:
    return f", {code}" if code else ""


def _body_of(response: Any) -> bytes:
    try:
        text = response.text()
    except (ValueError, AttributeError, RuntimeError, AzureError):
        return b""
    return text.encode() if isinstance(text, str) else b""


def _error_of(body: bytes) -> tuple[str, str]:
    """Code and message of an error body; empty where it is HTML or nothing."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    error = document.get("error", document) if isinstance(document, dict) else {}
    if isinstance(error, str):
        return clean(error, 80), clean(document.get("error_description", ""), QUOTED)
    if not isinstance(error, dict):
        return "", ""
    message = error.get("message")
    details = error.get("details")
    if isinstance(details, list) and details and isinstance(details[0], dict) and isinstance(details[0].get("message"), str):
        message = f"{message} {details[0]['message']}" if isinstance(message, str) else details[0]["message"]
    return clean(error.get("code") or "", 80), clean(message or "", QUOTED)

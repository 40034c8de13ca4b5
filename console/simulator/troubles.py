"""What a fault does to an answer."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from console.simulator.faults import Fault
from console.simulator.wire import ArmError, Json, Reply

_HTML = (
    "<!DOCTYPE html>\n<html><head><title>Service Unavailable</title></head>\n<body><h2>Our services aren't available right now</h2>"
    "<p>We're working to restore all services as soon as possible. Please check back soon.</p></body></html>\n"
)


class Trouble(Exception):
    """An answer that takes the place of the real one."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


async def before(faults: list[Fault]) -> Exception | None:
    """Wait where an answer is to be late; the error to answer with, if a fault is one."""
    error: Exception | None = None
    for fault in faults:
        if fault.kind == "latency":
            await asyncio.sleep(float(fault.value or 1))
        else:
            error = error or _error(fault)
    return error


def after(faults: list[Fault], reply: Reply) -> Reply:
    """The answer with its list taken away or its values made strange, where a fault does that."""
    for fault in faults:
        if fault.kind in _STRANGE and reply.status in (200, 201) and reply.body is not None:
            reply = replace(reply, body=_STRANGE[fault.kind](reply.body))
        if reply.status == 200 and isinstance(reply.body, dict):
            key = "value" if "value" in reply.body else "data" if "data" in reply.body else ""
            if not key:
                continue
            rest = {k: v for k, v in reply.body.items() if k not in (key, "nextLink")}
            if fault.kind == "empty":
                reply = Reply({**rest, key: []}, 200, reply.headers)
            elif fault.kind == "missing":
                reply = Reply(rest, 200, reply.headers)
            elif fault.kind == "null":
                reply = Reply({**rest, key: None}, 200, reply.headers)
    return reply


def _partial(body: Any) -> Any:
    """PutPricingByNamePartialSuccess in the official examples."""
    failed = {"code": "Failed", "message": "Failed find dedicated first party application client ID for extension"}
    for extension in body.get("properties", {}).get("extensions", []) if isinstance(body, dict) else []:
        extension["operationStatus"] = failed
    return body


def _unknown(body: Any) -> Any:
    return _mapped(body, lambda key, value: f"New{value}" if key in _ENUMS and isinstance(value, str) else value)


def _strings(body: Any) -> Any:
    return _mapped(body, lambda key, value: str(value).lower() if key == "enabled" and isinstance(value, bool) else value)


def _mapped(node: Any, change: Callable[[str, Any], Any]) -> Any:
    if isinstance(node, msgspec.Raw):
        node = msgspec.json.decode(node)
    if isinstance(node, dict):
        return {key: change(key, _mapped(value, change)) for key, value in node.items()}
    return [_mapped(item, change) for item in node] if isinstance(node, list) else node


_ENUMS = ("severity", "status", "state", "pricingTier", "subPlan", "provisioningState", "executionState", "kind", "registrationState")
_STRANGE: dict[str, Callable[[Any], Any]] = {"partial": _partial, "unknown": _unknown, "strings": _strings}


def _error(fault: Fault) -> Exception | None:
    seconds = fault.value or "some"
    if fault.kind == "429":
        message = f"Number of requests exceeded. Please try again after '{seconds}' seconds after additional tokens are available."
        headers = {"Retry-After": fault.value} if fault.value else {}
        return ArmError(
            429,
            "SubscriptionRequestsThrottled",
            f"{message} Refer to https://aka.ms/arm-throttling for additional information.",
            headers=headers,
        )
    if fault.kind == "500":
        return ArmError(500, "InternalServerError", "Encountered internal server error. Diagnostic information: simulated.")
    if fault.kind == "503":
        headers = {"Content-Type": "text/html; charset=utf-8"} | ({"Retry-After": fault.value} if fault.value else {})
        return Trouble(Reply(status=503, text=_HTML, headers=headers))
    if fault.kind == "409":
        return ArmError(409, fault.value or "Conflict", "The request failed due to conflict with a concurrent request.")
    if fault.kind == "403":
        return ArmError(
            403, fault.value or "AuthorizationFailed", "The client does not have authorization to perform this action over this scope."
        )
    if fault.kind == "expired":
        message = "The access token expiry UTC time is earlier than current UTC time."
        challenge = f'Bearer error="invalid_token", error_description="{message}"'
        return ArmError(401, "ExpiredAuthenticationToken", message, headers={"WWW-Authenticate": challenge})
    if fault.kind == "claims":
        claims = base64.b64encode(json.dumps({"access_token": {"nbf": {"essential": True, "value": "1700000000"}}}).encode()).decode()
        reason = "Continuous access evaluation resulted in challenge with result: InteractionRequired"
        challenge = f'Bearer realm="", error="insufficient_claims", error_description="{reason}", claims="{claims}"'
        return ArmError(
            401, "TokenIssuedBeforeRevocationTimestamp", "The user's sessions were revoked.", headers={"WWW-Authenticate": challenge}
        )
    if fault.kind == "slow_down":
        body: Json = {"error": "slow_down", "error_description": "AADSTS70017: The client is polling too often.", "error_codes": [70017]}
        return Trouble(Reply(body, 400))
    return None

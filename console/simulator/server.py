"""The HTTP server: TLS, sign-in without a token, everything else with one, faults, records and Azure's headers.

One request goes: faults → public endpoints (sign-in, metadata, control) → token → api-version → route → subscription → permission →
handler → headers → record.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import uuid
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import web

from console.simulator import control, public, resource_graph_api, wire
from console.simulator.arm import all_routes
from console.simulator.faults import Fault
from console.simulator.principals import Principal
from console.simulator.recording import Recorded, mark_of
from console.simulator.roles import allows
from console.simulator.throttling import Buckets
from console.simulator.troubles import Trouble, after, before
from console.simulator.wire import ArmError, Call, Reply

if TYPE_CHECKING:
    from console.simulator.simulator import Box

_WRITES = ("PUT", "POST", "PATCH", "DELETE")


class Server:
    def __init__(self, box: Box) -> None:
        self._box = box
        self._routes = all_routes()
        self._routes.include(resource_graph_api.routes)
        self._buckets = Buckets(enforce=box.enforce_quota)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listen, and tell on which port."""
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=context)
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        return int(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        method, path = request.method, unquote(request.rel_url.raw_path).rstrip("/") or "/"
        if path.startswith("/simulator/"):
            return _response(await control.handle(self._box, method, path, dict(request.query), raw), None, self._box.clock.now())
        if self._box.on_request is not None:
            await self._box.on_request(method, path)
        self._box.requests.under_way += 1
        try:
            return await self._serve_azure(request, method, path, raw)
        finally:
            self._box.requests.under_way -= 1

    async def _serve_azure(self, request: web.Request, method: str, path: str, raw: bytes) -> web.StreamResponse:
        faults = self._box.faults.strike(method, path)
        reply: Reply | None = None
        body: Any = None
        try:
            early = await before(faults)
            if early is not None:
                raise early
            body = _parsed(raw, request.content_type)
            reply = await self._answer(request, method, path, body, raw)
        except ArmError as error:
            reply = error.reply()
        except Trouble as trouble:
            reply = trouble.reply
        except Exception as error:
            request.app.logger.exception("the simulator failed on %s %s", method, path)
            reply = ArmError(500, "InternalServerError", f"{type(error).__name__}: {error}").reply()
        reply = after(faults, reply)
        sign_in = mark_of(request.headers.get("Authorization", ""))
        self._box.requests.add(Recorded(method, path, dict(request.query), body, reply.status, self._box.clock.now(), len(raw), sign_in))
        return await self._send(request, reply, faults)

    async def _send(self, request: web.Request, reply: Reply, faults: list[Fault]) -> web.StreamResponse:
        kinds = {fault.kind for fault in faults}
        response = _response(reply, request.headers.get("x-ms-correlation-request-id"), self._box.clock.now())
        transport = request.transport
        if "drop" in kinds and transport is not None:
            transport.abort()
        elif "half" in kinds and transport is not None and isinstance(response.body, bytes):
            whole = response.body
            stream = web.StreamResponse(status=response.status, headers={**response.headers, "Content-Length": str(len(whole))})
            await stream.prepare(request)
            await stream.write(whole[: max(1, len(whole) // 2)])
            transport.close()
            return stream
        return response

    async def _answer(self, request: web.Request, method: str, path: str, body: Any, raw: bytes) -> Reply:
        box, query = self._box, dict(request.query)
        form = dict(parse_qsl(raw.decode("utf-8", "replace"))) if method == "POST" and body is None else {}
        open_to_all = public.handle(box, method, path, query, form, dict(request.headers))
        if open_to_all is not None:
            return open_to_all
        principal, tenant = self._signed_in(request, path)
        version = next((value for key, value in query.items() if key.lower() == "api-version"), "")
        if not version:
            raise wire.missing_api_version(path)
        found = self._routes.find(method, path)
        if found is None:
            allowed = self._routes.methods(path)
            if allowed:
                raise ArmError(
                    405, "HttpMethodNotAllowed", f"The method {method} is not allowed here.", headers={"Allow": ", ".join(allowed)}
                )
            raise wire.unknown_route(method, path)
        route, params = found
        call = Call(box, method, path, params, query, body, principal, tenant, dict(request.headers))
        if "subscription" in params:
            self._permitted(call, route.action)
        limits = self._buckets.take(principal.object_id, params.get("subscription", "tenant").lower(), write=method in _WRITES)
        reply = await route.handler(call)
        return Reply(reply.body, reply.status, {**limits, **reply.headers}, reply.text)

    def _signed_in(self, request: web.Request, path: str) -> tuple[Principal, str]:
        """The principal and tenant of the bearer token; a 401 in Azure's words when there is none that serves."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        authority = f"{self._box.url}/{self._box.tenant_id}"
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized(authority, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        grant = self._box.tokens.grant(token.strip())
        if grant is None:
            raise _unauthorized(authority, "InvalidAuthenticationToken", "The access token is invalid.")
        if grant.expires <= time.time():
            raise _unauthorized(
                authority, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time."
            )
        return grant.principal, grant.tenant

    def _permitted(self, call: Call, action: str) -> None:
        """The subscription exists, is of the token's tenant, and the caller may do this there."""
        wanted = call.params["subscription"]
        subscription = self._box.world.subscriptions.get(wanted.lower())
        if subscription is None:
            raise wire.subscription_not_found(wanted)
        if subscription.tenant != call.tenant:
            raise _unauthorized(
                f"{self._box.url}/{subscription.tenant}",
                "InvalidAuthenticationTokenTenant",
                f"The access token is from the wrong issuer 'https://sts.windows.net/{call.tenant}/'. It must match the tenant "
                f"'https://sts.windows.net/{subscription.tenant}/' associated with this subscription. Please use the authority (URL) "
                f"'{self._box.url}/{subscription.tenant}' to get the token.",
            )
        roles = self._box.world.roles(call.principal, subscription)
        scope = f"/subscriptions/{subscription.id}"
        if not roles and not action:
            raise wire.forbidden(call.principal, "Microsoft.Resources/subscriptions/read", scope)
        if action and not allows(roles, action):
            raise wire.forbidden(call.principal, action, call.path if call.path.count("/") > 4 else scope)
        if call.method in _WRITES and subscription.situation.state == "Disabled":
            raise wire.read_only_subscription(subscription.id)


def _unauthorized(authority: str, code: str, message: str) -> ArmError:
    challenge = f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{message}"'
    return ArmError(401, code, message, headers={"WWW-Authenticate": challenge})


def _parsed(raw: bytes, content_type: str) -> Any:
    """The JSON of a body; None where there is none or it is a form."""
    if not raw or content_type == "application/x-www-form-urlencoded":
        return None
    try:
        return json.loads(raw)
    except ValueError:
        if "json" in content_type:
            raise ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.") from None
        return None


def _response(reply: Reply, correlation: str | None, now: float) -> web.Response:
    request_id = str(uuid.uuid4())
    headers = {
        "Cache-Control": "no-cache",
        "Date": formatdate(now, usegmt=True),
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": correlation or request_id,
        "x-ms-routing-request-id": f"SIMULATOR:{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}:{request_id}",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        **reply.headers,
    }
    if reply.text is not None:
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        return web.Response(body=reply.text.encode(), status=reply.status, headers=headers)
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    headers["Content-Type"] = "application/json; charset=utf-8"
    return web.Response(body=msgspec.json.encode(reply.body), status=reply.status, headers=headers)

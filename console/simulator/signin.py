"""Sign-in as MSAL, azure-identity and az expect it: OpenID configuration, device code, tokens, managed identity.

Requests here carry no bearer token. Shapes follow the OAuth 2.0 device authorization grant (RFC 8628) and Entra ID's v2.0 endpoints.
"""

from __future__ import annotations

import base64
import html
import json
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from console.simulator import principals
from console.simulator.principals import Principal
from console.simulator.wire import Json, Reply

if TYPE_CHECKING:
    from console.simulator.simulator import Box

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GENERIC_TENANTS = ("common", "organizations", "consumers")


@dataclass
class DeviceCode:
    user_code: str
    device_code: str
    tenant: str
    client: str
    asked: float
    expires: float
    polled: float = 0.0
    decided: str = ""
    """'' | 'approved' | 'declined'"""
    principal: Principal = principals.ADA


class SignIn:
    """Device codes in flight, and what decides over them. Times are wall times: people and MSAL wait by the wall."""

    def __init__(self, box: Box, approve_after: float | None, interval: int = 1, lifetime: int = 900) -> None:
        self._box = box
        self.approve_after = approve_after
        self.interval = interval
        self.lifetime = lifetime
        self.codes: dict[str, DeviceCode] = {}

    # Endpoints

    def openid_configuration(self, tenant: str) -> Reply:
        url = self._box.url
        issuer = "{tenantid}" if tenant.lower() in _GENERIC_TENANTS else self._tenant(tenant)
        return Reply(
            {
                "token_endpoint": f"{url}/{tenant}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
                "jwks_uri": f"{url}/{tenant}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{url}/{issuer}/v2.0",
                "request_uri_parameter_supported": False,
                "userinfo_endpoint": f"{url}/oidc/userinfo",
                "authorization_endpoint": f"{url}/{tenant}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{url}/{tenant}/oauth2/v2.0/devicecode",
                "end_session_endpoint": f"{url}/{tenant}/oauth2/v2.0/logout",
                "claims_supported": ["sub", "iss", "aud", "exp", "iat", "name", "preferred_username", "oid", "tid", "ver"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "localhost",
            }
        )

    def instance_discovery(self) -> Reply:
        host = urlsplit(self._box.url).netloc
        return Reply(
            {
                "tenant_discovery_endpoint": f"{self._box.url}/{self._box.tenant_id}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    def device_code(self, tenant: str, form: dict[str, str]) -> Reply:
        client = form.get("client_id", "")
        if not client:
            return _refused("invalid_request", 900144, "The request body must contain the following parameter: 'client_id'.")
        now = time.time()
        user_code = "".join(secrets.choice(_ALPHABET) for _ in range(9))
        code = DeviceCode(user_code, secrets.token_urlsafe(48), self._tenant(tenant), client, now, now + self.lifetime)
        self.codes[code.device_code] = code
        address = f"{self._box.url}/devicelogin"
        return Reply(
            {
                "user_code": user_code,
                "device_code": code.device_code,
                "verification_uri": address,
                "expires_in": self.lifetime,
                "interval": self.interval,
                "message": f"To sign in, use a web browser to open the page {address} and enter the code {user_code} to authenticate.",
            }
        )

    def token(self, tenant: str, form: dict[str, str]) -> Reply:
        kind = form.get("grant_type", "")
        if kind in ("urn:ietf:params:oauth:grant-type:device_code", "device_code"):
            return self._device_token(form)
        if kind == "refresh_token":
            grant = self._box.tokens.refresh_grant(form.get("refresh_token", ""))
            if grant is None:
                return _refused("invalid_grant", 70000, "The provided value for the 'refresh_token' parameter is not valid.")
            return self._issue(grant.principal, self._tenant(tenant, grant.tenant), grant.client, form)
        if kind == "client_credentials":
            if not (form.get("client_secret") or form.get("client_assertion")):
                return _refused(
                    "invalid_client",
                    7000218,
                    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
                    401,
                )
            return self._issue(principals.APP, self._tenant(tenant), form.get("client_id", ""), form)
        return _refused("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{kind}'.")

    def managed_identity(self, query: dict[str, str]) -> Reply:
        """The token of the machine that the console runs on; both the App Service and the virtual machine form."""
        resource = query.get("resource", self._box.url)
        client = query.get("client_id", str(uuid.UUID(int=8)))
        token = self._box.tokens.issue(principals.MACHINE, self._box.tenant_id, client, resource)
        expires = str(int(time.time() + self._box.tokens.lifetime))
        lifetime = str(int(self._box.tokens.lifetime))
        body: Json = {"access_token": token, "client_id": client, "expires_in": lifetime, "expires_on": expires, "ext_expires_in": lifetime}
        return Reply(body | {"not_before": str(int(time.time())), "resource": resource, "token_type": "Bearer"})

    def page(self, form: dict[str, str] | None) -> Reply:
        """The page on which a person approves a code by hand."""
        said = ""
        if form is not None:
            decide = self.decline if form.get("decision") == "decline" else self.approve
            principal = principals.PRINCIPALS.get(form.get("principal", ""), principals.ADA)
            done = decide(form.get("code", ""), principal)
            said = "Done. You may close this page." if done else "That code is unknown, used or expired."
        choices = "".join(f"<option value={html.escape(p.key)}>{html.escape(p.name)}</option>" for p in principals.PRINCIPALS.values())
        text = (
            "<!doctype html><meta charset=utf-8><title>Sign in (simulated)</title><h1>Sign in to the simulated Azure</h1>"
            f"<p role=status>{html.escape(said)}</p><form method=post><label>Code <input name=code autofocus required></label> "
            f"<label>as <select name=principal>{choices}</select></label> "
            "<button name=decision value=approve>Approve</button> <button name=decision value=decline>Decline</button></form>"
        )
        return Reply(text=text, headers={"Content-Type": "text/html; charset=utf-8"})

    # Decisions

    def approve(self, user_code: str = "", principal: Principal = principals.ADA) -> int:
        """Approve one code, or all that wait; returns how many."""
        return self._decide("approved", user_code, principal)

    def decline(self, user_code: str = "", principal: Principal = principals.ADA) -> int:
        return self._decide("declined", user_code, principal)

    def _decide(self, decision: str, user_code: str, principal: Principal) -> int:
        wanted = user_code.strip().upper()
        waiting = [c for c in self.codes.values() if not c.decided and c.expires > time.time() and wanted in ("", c.user_code)]
        for code in waiting:
            code.decided, code.principal = decision, principal
        return len(waiting)

    # Tokens

    def _device_token(self, form: dict[str, str]) -> Reply:
        now = time.time()
        code = self.codes.get(form.get("device_code", form.get("code", "")))
        if code is None:
            return _refused("bad_verification_code", 70019, "The provided value for the input parameter 'device_code' is not valid.")
        too_soon, code.polled = now - code.polled < self.interval * 0.5, now
        if code.expires <= now:
            return _refused("expired_token", 70020, "The provided value for the input parameter 'device_code' has expired.")
        if code.decided == "declined":
            return _refused("authorization_declined", 70018, "The user has denied access to the scope requested by the client application.")
        if not code.decided and self.approve_after is not None and now - code.asked >= self.approve_after:
            code.decided = "approved"
        if code.decided == "approved":
            del self.codes[code.device_code]
            return self._issue(code.principal, code.tenant, code.client, form)
        if too_soon:
            return _refused("slow_down", 70017, "The client is polling too often.")
        return _refused("authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")

    def _issue(self, principal: Principal, tenant: str, client: str, form: dict[str, str]) -> Reply:
        scopes = form.get("scope", "").split()
        resource = next((s.removesuffix("/.default") for s in scopes if "/" in s), self._box.url)
        token = self._box.tokens.issue(principal, tenant, client, resource)
        lifetime = int(self._box.tokens.lifetime)
        body: Json = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        if principal.kind == "User":
            info = json.dumps({"uid": principal.object_id, "utid": self._box.tenant_id}).encode()
            body |= {
                "scope": f"{resource}/user_impersonation {resource}/.default",
                "refresh_token": self._box.tokens.issue_refresh(principal, tenant, client),
                "foci": "1",
                "id_token": self._box.tokens.id_token(principal, tenant, client),
                "client_info": base64.urlsafe_b64encode(info).rstrip(b"=").decode(),
            }
        return Reply(body, headers={"Cache-Control": "no-store, no-cache"})

    def _tenant(self, tenant: str, otherwise: str = "") -> str:
        """The tenant's id, for an id, a domain or one of the generic names."""
        wanted = tenant.lower()
        known = next((t.id for t in self._box.world.tenants if wanted in (t.id, t.domain)), "")
        return known or otherwise or self._box.tenant_id

    def knows(self, tenant: str) -> bool:
        wanted = tenant.lower()
        return wanted in _GENERIC_TENANTS or any(wanted in (t.id, t.domain) for t in self._box.world.tenants)


def unknown_tenant(tenant: str) -> Reply:
    return _refused("invalid_tenant", 90002, f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.")


def _refused(error: str, number: int, text: str, status: int = 400) -> Reply:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    return Reply(
        {
            "error": error,
            "error_description": f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation}",
            "error_codes": [number],
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
            "trace_id": trace,
            "correlation_id": correlation,
        },
        status,
    )

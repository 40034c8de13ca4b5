"""Access tokens: JSON web tokens as Entra ID issues them, known to the simulator by heart.

A token is valid because it was issued here, not because of its signature, which is random. Expiry is by wall time.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from console.simulator.principals import Principal


@dataclass(frozen=True)
class Grant:
    """What a token stands for."""

    principal: Principal
    tenant: str
    client: str
    expires: float


class Tokens:
    def __init__(self, lifetime: float = 4500.0) -> None:
        self.lifetime = lifetime
        self.origin = ""
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def issue(self, principal: Principal, tenant: str, client: str, audience: str) -> str:
        """A new access token."""
        now = time.time()
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant}/",
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now + self.lifetime),
            "appid": client if principal.kind == "User" else principal.object_id,
            "name": principal.name,
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": tenant,
            "ver": "1.0",
            "uti": secrets.token_urlsafe(12),
        }
        if principal.kind == "User":
            claims |= {"idtyp": "user", "scp": "user_impersonation", "upn": principal.upn, "unique_name": principal.upn}
            claims["preferred_username"] = principal.upn
        else:
            claims["idtyp"] = "app"
        token = jwt(claims)
        self._access[token] = Grant(principal, tenant, client, now + self.lifetime)
        return token

    def issue_refresh(self, principal: Principal, tenant: str, client: str) -> str:
        token = "1.A" + secrets.token_urlsafe(48)
        self._refresh[token] = Grant(principal, tenant, client, time.time() + 90 * 86400)
        return token

    def id_token(self, principal: Principal, tenant: str, client: str) -> str:
        now = int(time.time())
        return jwt(
            {
                "aud": client,
                "iss": f"{self.origin}/{tenant}/v2.0",
                "iat": now,
                "nbf": now,
                "exp": now + 3600,
                "name": principal.name,
                "oid": principal.object_id,
                "preferred_username": principal.upn,
                "sub": principal.object_id,
                "tid": tenant,
                "ver": "2.0",
            }
        )

    def grant(self, token: str) -> Grant | None:
        """What an access token stands for; None when it was not issued here."""
        return self._access.get(token)

    def refresh_grant(self, token: str) -> Grant | None:
        return self._refresh.get(token)

    def expire_all(self) -> int:
        """Every access token issued so far is expired from now on; refresh tokens still serve. Returns how many there were."""
        count = len(self._access)
        self._access = {token: Grant(g.principal, g.tenant, g.client, 0.0) for token, g in self._access.items()}
        return count


def jwt(claims: dict[str, object]) -> str:
    header = {"typ": "JWT", "alg": "RS256", "kid": "mde-simulator"}
    return ".".join((_part(header), _part(claims), base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()))


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).rstrip(b"=").decode()

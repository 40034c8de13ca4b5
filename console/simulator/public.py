"""What is served without a token: sign-in, its page, managed identity, and the description of this cloud."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from console.simulator.signin import unknown_tenant
from console.simulator.wire import Json, Reply

if TYPE_CHECKING:
    from console.simulator.simulator import Box

_TENANT = r"/(?P<tenant>[^/]+)"
_OPENID = re.compile(_TENANT + r"(?:/v2\.0)?/\.well-known/openid-configuration", re.IGNORECASE)
_DEVICE = re.compile(_TENANT + r"/oauth2(?:/v2\.0)?/devicecode", re.IGNORECASE)
_TOKEN = re.compile(_TENANT + r"/oauth2(?:/v2\.0)?/token", re.IGNORECASE)
_KEYS = re.compile(_TENANT + r"/discovery(?:/v2\.0)?/keys", re.IGNORECASE)
_INSTANCE = re.compile(_TENANT + r"/discovery/instance", re.IGNORECASE)
_REALM = re.compile(r"/common/userrealm/.+", re.IGNORECASE)


def handle(box: Box, method: str, path: str, query: dict[str, str], form: dict[str, str], headers: dict[str, str]) -> Reply | None:
    """The answer of a public endpoint, or None when the path is not one."""
    low = path.lower()
    if low == "/devicelogin":
        return box.sign_in.page(form if method == "POST" else None)
    if low == "/metadata/endpoints":
        return endpoints(box, query.get("api-version", ""))
    if low in ("/metadata/identity/oauth2/token", "/msi/token"):
        names = {name.lower() for name in headers}
        if not names & {"metadata", "x-identity-header", "secret"}:
            return Reply({"error": "invalid_request", "error_description": "Required metadata header not specified"}, 400)
        return box.sign_in.managed_identity(query | form)
    if found := _OPENID.fullmatch(path):
        return box.sign_in.openid_configuration(found["tenant"]) if box.sign_in.knows(found["tenant"]) else unknown_tenant(found["tenant"])
    if _INSTANCE.fullmatch(path):
        return box.sign_in.instance_discovery()
    if _KEYS.fullmatch(path):
        return Reply({"keys": []})
    if _REALM.fullmatch(path):
        return Reply({"ver": "1.0", "account_type": "Managed", "cloud_instance_name": "localhost"})
    if method == "POST" and (found := _DEVICE.fullmatch(path)):
        return box.sign_in.device_code(found["tenant"], form) if box.sign_in.knows(found["tenant"]) else unknown_tenant(found["tenant"])
    if method == "POST" and (found := _TOKEN.fullmatch(path)):
        return box.sign_in.token(found["tenant"], form) if box.sign_in.knows(found["tenant"]) else unknown_tenant(found["tenant"])
    return None


def endpoints(box: Box, version: str) -> Reply:
    """The description of the cloud, in the form of 2019 and after, or the older one."""
    url = box.url
    authentication: Json = {"loginEndpoint": url, "audiences": [url], "tenant": box.tenant_id, "identityProvider": "AAD"}
    cloud: Json = {
        "portal": "https://portal.azure.com",
        "authentication": authentication,
        "media": url,
        "graphAudience": url,
        "graph": url,
        "name": "Simulator",
        "suffixes": {"storage": "core.localhost", "keyVaultDns": "vault.localhost", "acrLoginServer": "azurecr.localhost"},
        "batch": url,
        "resourceManager": url,
        "vmImageAliasDoc": f"{url}/aliases.json",
        "activeDirectoryDataLake": url,
        "sqlManagement": url,
        "microsoftGraphResourceId": url,
        "appInsightsResourceId": url,
        "appInsightsTelemetryChannelResourceId": url,
        "logAnalyticsResourceId": url,
        "gallery": url,
    }
    if version[:4] < "2019":
        old = {key: authentication[key] for key in ("loginEndpoint", "audiences")}
        return Reply({"galleryEndpoint": url, "graphEndpoint": url, "portalEndpoint": "https://portal.azure.com", "authentication": old})
    return Reply([cloud]) if version[:4] < "2022" else Reply(cloud)

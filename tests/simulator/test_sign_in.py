"""Sign-in, with the real clients where there are any."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DeviceCodeCredential
from azure.identity.aio import ClientSecretCredential
from azure.mgmt.resource.subscriptions.aio import SubscriptionClient

from console.simulator import Simulator
from tests.simulator.conftest import Answer, Api

_CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


def _device_credential(sim: Simulator, prompt: Any) -> DeviceCodeCredential:
    return DeviceCodeCredential(
        client_id=_CLIENT,
        tenant_id=sim.tenant_id,
        authority=sim.url,
        disable_instance_discovery=True,
        connection_verify=str(sim.ca_file),
        prompt_callback=prompt,
        additionally_allowed_tenants=["*"],
    )


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


async def test_the_device_code_credential_signs_in_once_the_code_is_approved(sim: Simulator) -> None:
    seen: list[str] = []

    def approve(uri: str, code: str, _expires: object) -> None:
        seen.append(uri)
        assert sim.sign_in.approve(code) == 1

    credential = _device_credential(sim, approve)
    token = await asyncio.to_thread(credential.get_token, f"{sim.url}/.default")
    claims = _claims(token.token)
    assert seen == [f"{sim.url}/devicelogin"]
    assert (claims["upn"], claims["tid"], claims["aud"]) == ("ada@contoso.example", sim.tenant_id, sim.url)
    again = await asyncio.to_thread(credential.get_token, f"{sim.url}/.default", tenant_id=sim.tenant_id)
    assert again.token == token.token, "MSAL found the account and the token in its cache"


async def test_a_second_tenant_needs_no_second_sign_in(sim: Simulator) -> None:
    prompts: list[str] = []

    def approve(_uri: str, code: str, _expires: object) -> None:
        prompts.append(code)
        sim.sign_in.approve(code)

    credential = _device_credential(sim, approve)
    other = sim.world.tenants[1].id
    await asyncio.to_thread(credential.get_token, f"{sim.url}/.default")
    token = await asyncio.to_thread(credential.get_token, f"{sim.url}/.default", tenant_id=other)
    assert _claims(token.token)["tid"] == other
    assert len(prompts) == 1


async def test_an_approved_token_lists_subscriptions(sim: Simulator, sdk: dict[str, Any]) -> None:
    async with SubscriptionClient(**sdk) as client:
        found = [s async for s in client.subscriptions.list()]
    assert len(found) == 12
    assert {s.tenant_id for s in found} == {sim.tenant_id}


async def test_a_declined_code_ends_the_sign_in(sim: Simulator) -> None:
    credential = _device_credential(sim, lambda _uri, code, _expires: sim.sign_in.decline(code))
    with pytest.raises(ClientAuthenticationError, match="70018|denied|declined"):
        await asyncio.to_thread(credential.get_token, f"{sim.url}/.default")


async def _code(sim: Simulator, api: Api) -> dict[str, Any]:
    answer = await _post(api, f"/{sim.tenant_id}/oauth2/v2.0/devicecode", client_id=_CLIENT, scope="openid")
    code: dict[str, Any] = answer.body
    return code


async def _redeem(sim: Simulator, api: Api, code: dict[str, Any]) -> Answer:
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    return await _post(api, f"/{sim.tenant_id}/oauth2/v2.0/token", grant_type=grant, device_code=code["device_code"], client_id=_CLIENT)


async def _post(api: Api, path: str, **form: str) -> Answer:
    return await api.anonymous()("POST", path, data=form, version=None)


async def test_a_code_that_nobody_decided_is_pending_and_then_polled_too_often(sim: Simulator, api: Api) -> None:
    code = await _code(sim, api)
    assert (await _redeem(sim, api, code)).body["error"] == "authorization_pending"
    assert (await _redeem(sim, api, code)).body["error"] == "slow_down"


async def test_a_code_expires(sim: Simulator, api: Api) -> None:
    sim.sign_in.lifetime = 0
    answer = await _redeem(sim, api, await _code(sim, api))
    assert (answer.status, answer.body["error"]) == (400, "expired_token")


async def test_a_code_serves_once(sim: Simulator, api: Api) -> None:
    code = await _code(sim, api)
    sim.sign_in.approve(code["user_code"])
    assert (await _redeem(sim, api, code)).status == 200
    assert (await _redeem(sim, api, code)).body["error"] == "bad_verification_code"


async def test_codes_are_approved_by_themselves_when_asked_to(sim: Simulator, api: Api) -> None:
    sim.sign_in.approve_after = 0
    assert (await _redeem(sim, api, await _code(sim, api))).body["token_type"] == "Bearer"


async def test_the_page_approves_a_code_as_whom_one_likes(sim: Simulator, api: Api) -> None:
    code = await _code(sim, api)
    page = await api.anonymous()("GET", "/devicelogin", version=None)
    assert "<form" in page.text
    done = await api.anonymous()("POST", "/devicelogin", version=None, data={"code": code["user_code"].lower(), "principal": "reader"})
    assert "Done" in done.text
    assert _claims((await _redeem(sim, api, code)).body["access_token"])["upn"] == "rita@contoso.example"


async def test_a_refresh_token_gives_a_new_access_token_for_another_tenant(sim: Simulator, api: Api) -> None:
    sim.sign_in.approve_after = 0
    first = (await _redeem(sim, api, await _code(sim, api))).body
    other = sim.world.tenants[1].id
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": _CLIENT, "scope": f"{sim.url}/.default"}
    second = (await _post(api, f"/{other}/oauth2/v2.0/token", **form)).body
    assert _claims(second["access_token"])["tid"] == other


async def test_a_service_principal_signs_in_with_a_secret(sim: Simulator) -> None:
    credential = ClientSecretCredential(
        sim.tenant_id, _CLIENT, "secret", authority=sim.url, disable_instance_discovery=True, connection_verify=str(sim.ca_file)
    )
    async with credential:
        token = await credential.get_token(f"{sim.url}/.default")
    assert _claims(token.token)["idtyp"] == "app"


@pytest.mark.parametrize(("path", "header"), [("/metadata/identity/oauth2/token", "Metadata"), ("/msi/token", "X-IDENTITY-HEADER")])
async def test_managed_identity_answers_with_its_header_only(sim: Simulator, api: Api, path: str, header: str) -> None:
    address = f"{path}?resource={sim.url}&api-version=2018-02-01"
    assert (await api.anonymous()("GET", address)).status == 400
    answer = await api.anonymous()("GET", address, headers={header: "true"})
    assert _claims(answer.body["access_token"])["aud"] == sim.url
    assert int(answer.body["expires_on"]) > 1_700_000_000


@pytest.mark.parametrize("tenant", ["common", "organizations", "contoso.example"])
async def test_openid_configuration_of_generic_names_and_domains(sim: Simulator, api: Api, tenant: str) -> None:
    answer = await api.anonymous()("GET", f"/{tenant}/v2.0/.well-known/openid-configuration", version=None)
    assert answer.body["token_endpoint"] == f"{sim.url}/{tenant}/oauth2/v2.0/token"


async def test_an_unknown_tenant_is_refused(sim: Simulator, api: Api) -> None:
    answer = await api.anonymous()("GET", "/nowhere.example/v2.0/.well-known/openid-configuration", version=None)
    assert (answer.status, answer.body["error"]) == (400, "invalid_tenant")


async def test_no_token_a_foreign_token_and_an_expired_token_are_three_refusals(sim: Simulator, api: Api) -> None:
    missing = await api.anonymous()("GET", "/subscriptions")
    foreign = await Api(sim, api._session, "a.b.c")("GET", "/subscriptions")
    sim.box.tokens.expire_all()
    expired = await api("GET", "/subscriptions")
    assert [a.status for a in (missing, foreign, expired)] == [401, 401, 401]
    assert [a.code for a in (missing, foreign, expired)] == [
        "AuthenticationFailed",
        "InvalidAuthenticationToken",
        "ExpiredAuthenticationToken",
    ]
    assert f'authorization_uri="{sim.url}/{sim.tenant_id}"' in missing.headers["WWW-Authenticate"]


async def test_a_token_of_another_tenant_is_told_which_one_is_meant(sim: Simulator, api: Api) -> None:
    other = sim.world.tenants[1].id
    answer = await api.of("ada", other)("GET", f"/subscriptions/{sim.subscription('all-on')}")
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationTokenTenant")
    assert sim.tenant_id in answer.headers["WWW-Authenticate"]


async def test_the_second_tenant_has_its_own_subscription(sim: Simulator, api: Api) -> None:
    tenants = (await api("GET", "/tenants")).body["value"]
    assert [t["defaultDomain"] for t in tenants] == ["contoso.example", "fabrikam.example"]
    found = (await api.of("ada", tenants[1]["tenantId"])("GET", "/subscriptions")).body["value"]
    assert [s["displayName"] for s in found] == ["Fabrikam Shared"]


async def test_only_who_trusts_the_throw_away_authority_gets_in(sim: Simulator) -> None:
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(f"{sim.url}/metadata/endpoints")


@pytest.mark.parametrize(("version", "form"), [("2022-09-01", dict), ("2019-05-01", list), ("2015-01-01", dict)])
async def test_the_cloud_describes_itself(sim: Simulator, api: Api, version: str, form: type) -> None:
    answer = await api.anonymous()("GET", "/metadata/endpoints", version=version)
    assert isinstance(answer.body, form)
    described = answer.body[0] if isinstance(answer.body, list) else answer.body
    assert described["authentication"]["audiences"] == [sim.url]

"""Signing in, against the simulator's sign-in over TLS: who one is then, and what is said when it does not work."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import time
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.failure import Exit
from console import identity
from console.clouds import Cloud, load_cloud
from console.identity import TOKEN_VARIABLE, DevicePrompt, SignedIn, SignInError, StaticToken, sign_in, whose
from console.simulator import Simulator

NOWHERE = {"PATH": "/nonexistent"}
SECRET = "5ecret-of-the-application"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own and a clean environment, since the SDK reads the process's."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "MDE_", "XDG_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(identity, "IMDS", closed.getsockname())
    return home


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(machines=2, subscriptions=2, speed=0) as running:
        running.sign_in.interval = 0
        yield running


@pytest.fixture
def cloud(simulator: Simulator) -> Cloud:
    return load_cloud(str(simulator.cloud_file))


def _written(home: Path) -> list[Path]:
    return list(home.rglob("*"))


def _shown(error: BaseException) -> str:
    """All that a log could hold of an exception and of what led to it."""
    texts = ["".join(traceback.format_exception(error))]
    while True:
        texts += [str(error), repr(error), repr(error.args), repr(getattr(error, "__dict__", {}))]
        following = error.__cause__ or error.__context__
        if following is None:
            return "\n".join(texts)
        error = following


async def _refused(cloud: Cloud, method: str, code: str, **options: Any) -> str:
    with pytest.raises(SignInError) as failure:
        await sign_in(cloud, method, **options)
    assert failure.value.code == code, str(failure.value)
    assert failure.value.exit_code is Exit.SIGN_IN
    assert str(failure.value).isprintable()
    shown = _shown(failure.value)
    for secret in (SECRET, *options.get("environ", {}).values()):
        assert len(secret) < 20 or secret not in shown or secret in str(failure.value).split()
    return str(failure.value)


# Device code


async def test_a_device_code_is_shown_and_signs_in_once_approved(simulator: Simulator, cloud: Cloud, home: Path) -> None:
    prompts: list[DevicePrompt] = []

    def show(prompt: DevicePrompt) -> None:
        assert simulator.requests.of("POST", "/token") == [], "nobody has approved anything yet"
        prompts.append(prompt)
        assert simulator.sign_in.approve(prompt.user_code) == 1

    signed_in = await sign_in(cloud, "device-code", simulator.tenant_id, show, NOWHERE)
    (prompt,) = prompts
    assert prompt.verification_uri == f"{simulator.url}/devicelogin"
    assert 0 < (prompt.expires_at.timestamp() - time.time()) <= 900
    assert (signed_in.method, signed_in.principal, signed_in.tenant_id) == ("device-code", "ada@contoso.example", simulator.tenant_id)
    assert signed_in.object_id
    token = await signed_in.credential.get_token(cloud.scope)
    assert simulator.box.tokens.grant(token.token) is not None
    assert len(prompts) == 1, "a second token needs no second prompt"
    await signed_in.close()
    assert _written(home) == [], "nothing is written anywhere"


async def test_without_a_tenant_it_is_the_persons_own(simulator: Simulator, cloud: Cloud) -> None:
    signed_in = await sign_in(cloud, "device-code", None, lambda prompt: None if simulator.sign_in.approve(prompt.user_code) else None)
    assert signed_in.tenant_id == simulator.tenant_id
    await signed_in.close()


async def test_declining_ends_the_sign_in(simulator: Simulator, cloud: Cloud) -> None:
    def decline(prompt: DevicePrompt) -> None:
        simulator.sign_in.decline(prompt.user_code)

    assert "declined" in await _refused(cloud, "device-code", "AADSTS70018", tenant=simulator.tenant_id, on_prompt=decline)


async def test_a_code_that_expires_ends_the_sign_in(simulator: Simulator, cloud: Cloud) -> None:
    def expire(_: DevicePrompt) -> None:
        for code in simulator.sign_in.codes.values():
            code.expires = 0.0

    assert "expired" in await _refused(cloud, "device-code", "AADSTS70020", tenant=simulator.tenant_id, on_prompt=expire)


async def test_waiting_for_somebody_can_be_given_up_at_once(simulator: Simulator, cloud: Cloud) -> None:
    loop, shown = asyncio.get_running_loop(), asyncio.Event()

    def show(_: DevicePrompt) -> None:
        loop.call_soon_threadsafe(shown.set)

    task = asyncio.create_task(sign_in(cloud, "device-code", simulator.tenant_id, show))
    await asyncio.wait_for(shown.wait(), 10)
    began = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.perf_counter() - began < 0.5
    simulator.sign_in.decline()  # so that the thread left behind ends


async def test_a_device_code_needs_somebody_to_read_it(cloud: Cloud) -> None:
    assert "terminal" in await _refused(cloud, "device-code", "unattended")


async def test_claims_that_nobody_can_meet_silently_need_a_new_sign_in(simulator: Simulator, cloud: Cloud) -> None:
    signed_in = await sign_in(cloud, "device-code", simulator.tenant_id, lambda prompt: _approve(simulator, prompt))
    simulator.box.tokens._refresh.clear()
    with pytest.raises(SignInError, match="sign in again"):
        await signed_in.credential.get_token(cloud.scope, claims='{"access_token":{"nbf":{"essential":true,"value":"1"}}}')
    await signed_in.close()


def _approve(simulator: Simulator, prompt: DevicePrompt) -> None:
    simulator.sign_in.approve(prompt.user_code)


# What stands in the way


@pytest.mark.parametrize("method", ["device-code", "environment"])
async def test_a_tenant_that_does_not_exist_is_told(cloud: Cloud, method: str) -> None:
    wrong = "00000000-1111-4222-8333-444444444444"
    environ = {"AZURE_CLIENT_ID": "app", "AZURE_TENANT_ID": wrong, "AZURE_CLIENT_SECRET": SECRET}
    said = await _refused(cloud, method, "AADSTS90002", tenant=wrong, on_prompt=lambda _: None, environ=environ)
    assert "--tenant" in said


@pytest.mark.parametrize("tenant", ["no tenant", "../x", "a\x1b[2Jb", "-x"])
async def test_what_is_no_tenant_is_told(cloud: Cloud, tenant: str) -> None:
    assert "--tenant" in await _refused(cloud, "device-code", "tenant", tenant=tenant, on_prompt=lambda _: None)


@pytest.mark.parametrize("method", ["device-code", "environment"])
async def test_an_authority_that_cannot_be_reached_is_told(cloud: Cloud, simulator: Simulator, method: str) -> None:
    dead = replace(cloud, authority="https://127.0.0.1:9")
    environ = {"AZURE_CLIENT_ID": "app", "AZURE_TENANT_ID": simulator.tenant_id, "AZURE_CLIENT_SECRET": SECRET}
    said = await _refused(dead, method, "unreachable", tenant=simulator.tenant_id, on_prompt=lambda _: None, environ=environ)
    assert "https://127.0.0.1:9" in said


@pytest.mark.parametrize("method", ["device-code", "environment"])
async def test_a_private_ca_that_is_not_named_is_told(cloud: Cloud, simulator: Simulator, method: str) -> None:
    untrusted = replace(cloud, ca_file=None)
    environ = {"AZURE_CLIENT_ID": "app", "AZURE_TENANT_ID": simulator.tenant_id, "AZURE_CLIENT_SECRET": SECRET}
    said = await _refused(untrusted, method, "tls", tenant=simulator.tenant_id, on_prompt=lambda _: None, environ=environ)
    assert "ca_file" in said


async def test_loopback_goes_around_the_proxy(simulator: Simulator, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    signed_in = await sign_in(cloud, "device-code", simulator.tenant_id, lambda prompt: _approve(simulator, prompt))
    await signed_in.close()


async def test_an_unknown_way_is_told(cloud: Cloud) -> None:
    assert "device-code" in await _refused(cloud, "carrier-pigeon", "method")


# Token


async def test_a_token_tells_whose_it_is(simulator: Simulator, cloud: Cloud) -> None:
    token = simulator.token("reader")
    signed_in = await sign_in(cloud, "token", environ={TOKEN_VARIABLE: f" {token}\n"})
    assert (signed_in.method, signed_in.principal, signed_in.tenant_id) == ("token", "rita@contoso.example", simulator.tenant_id)
    assert (await signed_in.credential.get_token(cloud.scope)).token == token
    assert token not in repr(signed_in)
    assert token not in repr(signed_in.credential)
    await signed_in.close()


async def test_a_token_is_needed(cloud: Cloud) -> None:
    for environ in ({}, {TOKEN_VARIABLE: "  "}):
        assert TOKEN_VARIABLE in await _refused(cloud, "token", "missing", environ=environ)


@pytest.mark.parametrize("token", ["two words of some length", "ümläut-of-some-length", "a\x00-of-some-length", "Bearer abcdefghijklmnop"])
async def test_what_is_no_token_is_told(cloud: Cloud, token: str) -> None:
    assert TOKEN_VARIABLE in await _refused(cloud, "token", "malformed", environ={TOKEN_VARIABLE: token})


async def test_an_expired_token_is_told(cloud: Cloud) -> None:
    token = _jwt({"exp": 1_600_000_000, "tid": "t"})
    assert "2020-09-13 12:26 UTC" in await _refused(cloud, "token", "expired", environ={TOKEN_VARIABLE: token})


async def test_an_opaque_token_is_used_as_it_is(cloud: Cloud) -> None:
    signed_in = await sign_in(cloud, "token", environ={TOKEN_VARIABLE: "opaque-0123456789"})
    assert (signed_in.tenant_id, signed_in.principal) == ("", "token")


@pytest.mark.parametrize("exp", [float("nan"), float("inf"), 10**400, -(10**400), "soon", None, [], True])
async def test_odd_expiries_do_no_harm(cloud: Cloud, exp: object) -> None:
    try:
        await sign_in(cloud, "token", environ={TOKEN_VARIABLE: _jwt({"exp": exp})})
    except SignInError as failure:
        assert failure.code == "expired"  # noqa: PT017 (only some are)


async def test_a_token_does_not_outlive_itself() -> None:
    spent = StaticToken("a-token", 0)
    with pytest.raises(SignInError, match="expired"):
        await spent.get_token("scope")
    with pytest.raises(SignInError, match="not accepted any more"):
        await StaticToken("a-token", int(time.time()) + 60).get_token("scope", claims="{}")


def _jwt(claims: dict[str, Any]) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{part}.sig"


def test_claims_name_tenant_and_principal() -> None:
    assert whose(_jwt({"tid": "t", "oid": "o", "appid": "a", "upn": "ada@x"})) == ("t", "ada@x", "o")
    assert whose(_jwt({"tid": "t", "oid": "o", "appid": "a"})) == ("t", "a", "o")
    assert whose(_jwt({"tid": 7, "oid": None, "upn": "a\x1b[2Jb"})) == ("", "ab", "")
    assert whose("e30." + base64.urlsafe_b64encode(b"[" * 100_000).decode() + ".x") == ("", "", "")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: f"a.{base64.urlsafe_b64encode(raw).decode()}.b"))
def test_any_text_is_somebodys_token_or_nobodys(token: str) -> None:
    assert all(one.isprintable() for one in whose(token))


# Environment


async def test_an_applications_secret_signs_in(simulator: Simulator, cloud: Cloud, home: Path) -> None:
    environ = {"AZURE_CLIENT_ID": "app", "AZURE_TENANT_ID": simulator.tenant_id, "AZURE_CLIENT_SECRET": SECRET}
    signed_in = await sign_in(cloud, "environment", environ=environ)
    app = simulator.box.tokens.grant((await signed_in.credential.get_token(cloud.scope)).token)
    assert app is not None
    assert (app.principal.key, signed_in.tenant_id) == ("app", simulator.tenant_id)
    assert signed_in.principal == app.principal.object_id
    assert SECRET not in repr(signed_in)
    await signed_in.close()
    assert _written(home) == []


async def test_an_environment_that_is_not_set_is_told(cloud: Cloud) -> None:
    for environ in ({}, {"AZURE_CLIENT_ID": "a", "AZURE_TENANT_ID": "t"}, {"AZURE_CLIENT_SECRET": SECRET}):
        assert "AZURE_TENANT_ID" in await _refused(cloud, "environment", "unset", environ=environ)


async def test_a_certificate_that_is_none_is_told(cloud: Cloud, simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    for name in ("none.pem", "missing.pem"):
        path = str(tmp_path / name)
        environ = {"AZURE_CLIENT_ID": "app", "AZURE_TENANT_ID": simulator.tenant_id, "AZURE_CLIENT_CERTIFICATE_PATH": path}
        with pytest.raises(SignInError, match="AZURE_CLIENT_CERTIFICATE_PATH") as failure:
            await sign_in(cloud, "environment", environ=environ)
        assert failure.value.code == "certificate"


# Managed identity


@pytest.fixture
async def identity_endpoint(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, str]]:
    """The endpoint of a hosting service on this machine, which is plain http there too, with the simulator's tokens."""
    statuses: list[int] = []

    async def token(request: web.Request) -> web.Response:
        if statuses:
            return web.json_response({"error": "x"}, status=statuses[-1])
        assert request.headers["X-IDENTITY-HEADER"] == "a-header-of-this-host"
        return web.json_response(simulator.sign_in.managed_identity(dict(request.query)).body)

    app = web.Application()
    app.router.add_get("/msi/token", token)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    environ = {
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/msi/token",
        "IDENTITY_HEADER": "a-header-of-this-host",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    yield environ
    await runner.cleanup()


async def test_a_managed_identity_signs_in(simulator: Simulator, cloud: Cloud, identity_endpoint: dict[str, str]) -> None:
    signed_in = await sign_in(cloud, "managed-identity", environ=identity_endpoint)
    machine = simulator.box.tokens.grant((await signed_in.credential.get_token(cloud.scope)).token)
    assert machine is not None
    assert (machine.principal.key, signed_in.tenant_id) == ("machine", simulator.tenant_id)
    await signed_in.close()


async def test_auto_takes_the_first_that_serves(cloud: Cloud, identity_endpoint: dict[str, str]) -> None:
    signed_in = await sign_in(cloud, environ=identity_endpoint | NOWHERE)
    assert [one.method for one in signed_in.attempts] == ["environment", "managed-identity"]
    assert [one.outcome for one in signed_in.attempts][1:] == ["chosen"]
    await signed_in.close()


async def test_a_machine_without_an_identity_is_told(cloud: Cloud) -> None:
    began = time.perf_counter()
    assert "no managed identity" in await _refused(cloud, "managed-identity", "none", environ={})
    assert time.perf_counter() - began < 2


# Auto


async def test_auto_says_why_nothing_served(cloud: Cloud) -> None:
    said = await _refused(cloud, "auto", "none", environ=NOWHERE)
    for why in (
        "environment: AZURE_CLIENT_ID",
        "managed-identity: This machine has no",
        "cli: The Azure CLI (az) is not installed",
        "device-code",
    ):
        assert why in said


async def test_auto_ends_at_a_device_code_and_remembers_the_others(simulator: Simulator, cloud: Cloud) -> None:
    signed_in = await sign_in(cloud, "auto", simulator.tenant_id, lambda prompt: _approve(simulator, prompt), NOWHERE)
    assert [one.method for one in signed_in.attempts] == ["environment", "managed-identity", "cli", "device-code"]
    assert signed_in.attempts[-1].outcome == "chosen"
    assert all(one.outcome.endswith(".") for one in signed_in.attempts[:-1])
    await signed_in.close()


async def test_az_without_a_session_is_told(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    az = tmp_path / "bin" / "az"
    az.parent.mkdir()
    az.write_text("#!/bin/sh\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n")
    az.chmod(0o755)
    path = f"{az.parent}:/usr/bin:/bin"
    monkeypatch.setenv("PATH", path)
    assert "az login" in await _refused(cloud, "cli", "cli", environ={"PATH": path})


async def test_closing_twice_is_harmless(simulator: Simulator, cloud: Cloud) -> None:
    signed_in: SignedIn = await sign_in(cloud, "token", environ={TOKEN_VARIABLE: simulator.token()})
    await signed_in.close()
    await signed_in.close()


async def test_a_declined_code_after_auto_still_says_what_was_tried_before(simulator: Simulator, cloud: Cloud) -> None:
    with pytest.raises(SignInError) as caught:
        await sign_in(cloud, "auto", simulator.tenant_id, lambda prompt: simulator.sign_in.decline(prompt.user_code) and None, NOWHERE)
    assert [one.method for one in caught.value.attempts] == ["environment", "managed-identity", "cli"]
    assert all(one.outcome for one in caught.value.attempts)

"""Signing in says nothing to the terminal, no secret to any log, keeps nobody waiting, and ends when it is told to."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console import identity
from console.clouds import Cloud, load_cloud
from console.identity import DevicePrompt, SignInError, sign_in
from console.simulator import Simulator

SECRET = "s3cret-that-nobody-may-see"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(machines=0, subscriptions=1, speed=0) as running:
        yield running


@pytest.fixture
def cloud(simulator: Simulator) -> Cloud:
    return load_cloud(str(simulator.cloud_file))


@pytest.fixture(autouse=True)
def no_azure_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without variables of Azure, and with nobody at the address of the metadata service."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(identity, "IMDS", free.getsockname())
    for name in [one for one in os.environ if one.startswith(("AZURE_", "IDENTITY_", "MSI_")) or one.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def az(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> dict[str, str]:
    """Put an ``az`` on the PATH that runs ``script``."""
    (folder / "az").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "az").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return {"PATH": os.environ["PATH"]}


async def test_what_az_prints_in_an_odd_shape_reaches_no_log_and_no_failure(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environ = az(tmp_path, monkeypatch, f"""echo '{{"accessToken":"{SECRET}"'""")
    with caplog.at_level("DEBUG"), pytest.raises(SignInError) as failure:
        await sign_in(cloud, "cli", None, None, environ)
    assert SECRET not in caplog.text + str(failure.value)


async def test_az_of_another_cloud_is_told(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environ = az(tmp_path, monkeypatch, 'echo "AADSTS500011: The resource principal was not found." >&2; exit 1')
    with pytest.raises(SignInError, match="--cloud") as failure:
        await sign_in(cloud, "cli", None, None, environ)
    assert failure.value.code == "AADSTS500011"


async def test_something_silent_at_the_metadata_address_does_not_hold_auto_up(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    monkeypatch.setattr(identity, "IMDS", address)
    monkeypatch.setattr(identity, "IDENTITY_SECONDS", 0.2)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{address[1]}")
    began = time.monotonic()
    with pytest.raises(SignInError, match="managed-identity: Sign-in by managed-identity did not answer in time"):
        await sign_in(cloud, "auto", None, None, {"PATH": str(tmp_path)})
    assert time.monotonic() - began < 5
    server.close()


async def test_the_prompt_says_what_to_do_in_a_sentence(simulator: Simulator, cloud: Cloud) -> None:
    prompts: list[DevicePrompt] = []

    def approve(prompt: DevicePrompt) -> None:
        prompts.append(prompt)
        simulator.sign_in.approve(prompt.user_code)

    signed_in = await sign_in(cloud, "device-code", simulator.tenant_id, approve, {})
    await signed_in.close()
    assert prompts[0].user_code in prompts[0].message
    assert prompts[0].verification_uri in prompts[0].message


async def test_a_process_that_waits_for_an_approval_ends_promptly_and_says_nothing(simulator: Simulator) -> None:
    program = f"""
        import asyncio
        from console.clouds import load_cloud
        from console.identity import sign_in

        async def main():
            shown, loop = asyncio.Event(), asyncio.get_running_loop()
            cloud = load_cloud({str(simulator.cloud_file)!r})
            waiting = sign_in(cloud, "device-code", {simulator.tenant_id!r}, lambda _: loop.call_soon_threadsafe(shown.set), {{}})
            task = asyncio.create_task(waiting)
            await asyncio.wait_for(shown.wait(), 60)
            print("waiting", flush=True)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 90) == b"waiting\n"
    _, errors = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, errors) == (0, b"")


async def test_an_expiry_that_is_a_truth_value_is_none(cloud: Cloud) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": True, "tid": "t"}).encode()).rstrip(b"=").decode()
    signed_in = await sign_in(cloud, "token", None, None, {"MDE_CONSOLE_TOKEN": f"e30.{claims}.x"})
    assert signed_in.tenant_id == "t"


def test_nothing_of_azure_is_imported_with_the_module() -> None:
    program = "import sys, console.identity; print([one for one in sys.modules if one.split('.')[0] in ('azure', 'msal', 'requests')])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"

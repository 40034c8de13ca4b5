"""The way to the cloud: every step at which it can end is really ended there, and has a sentence of its own."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.clouds import Cloud, load_cloud
from console.doctor.finding import Status
from console.doctor.line import clock, way
from console.gateway.reach import Unreachable, reach
from console.session import Setup
from console.simulator import Simulator
from console.simulator.certificates import make_certificates, server_context
from tests.doctor.conftest import by_id

NOW = datetime(2026, 3, 1, 14, tzinfo=UTC)
LONG = 60.0


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def failure(cloud: Cloud, address: str, seconds: float = LONG) -> Unreachable:
    with pytest.raises(Unreachable) as raised:
        await reach(replace(cloud, authority=address, resource_manager=address), address, "/", seconds)
    return raised.value


@pytest.fixture
def cloud(simulator: Simulator) -> Cloud:
    return load_cloud(str(simulator.cloud_file))


async def test_a_cloud_that_answers_is_well_and_the_clocks_agree(setup_of: Callable[..., Setup]) -> None:
    found = await way(setup_of())
    assert found.sign_in
    assert found.manager
    assert {one.id: one.status for one in found.findings} == {
        "authority": Status.OK,
        "resource-manager": Status.OK,
        "clock": Status.OK,
    }


async def test_a_wrong_ca_file_is_named_with_who_issued_the_certificate(cloud: Cloud, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(make_certificates().ca_pem)
    found = await failure(replace(cloud, ca_file=other), cloud.authority)
    assert found.step == "certificate"
    assert "The certificate of localhost is not trusted" in found.evidence
    assert "It was issued by “" in found.evidence
    assert str(other) in found.remedy


async def test_without_a_ca_file_a_network_that_inspects_tls_is_thought_of(cloud: Cloud) -> None:
    found = await failure(replace(cloud, ca_file=None), cloud.authority)
    assert found.step == "certificate"
    assert "inspects TLS" in found.remedy


async def test_a_certificate_of_another_name_is_told_apart(cloud: Cloud, tmp_path: Path) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    certificates = make_certificates(("portal.contoso.example",), ())
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(certificates.ca_pem)
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=server_context(certificates)) as server:
        address = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        found = await failure(replace(cloud, ca_file=ca_file), address)
    assert found.step == "certificate"
    assert "another name" in found.remedy


async def test_a_closed_port_is_told(cloud: Cloud) -> None:
    port = closed_port()
    found = await failure(cloud, f"https://localhost:{port}")
    assert found.step == "connection"
    assert f"localhost:{port} cannot be connected to" in found.evidence


async def test_a_name_without_an_address_is_told(cloud: Cloud) -> None:
    found = await failure(cloud, "https://management.invalid")
    assert found.step == "name"
    assert found.evidence == "The name management.invalid has no address here."


async def test_a_server_of_names_that_does_not_answer_is_given_up_and_keeps_no_process() -> None:
    code = """
import asyncio, socket, threading
from console.clouds import BUILT_IN
from console.gateway.reach import Unreachable, reach
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()  # for ever: no resolver can be made to be as slow

async def main():
    cloud = BUILT_IN["public"]
    try:
        await reach(cloud, cloud.authority, "/", 0.2)
    except Unreachable as failure:
        print(failure.step, failure.evidence)

asyncio.run(main())
"""
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(done.communicate(), LONG)
    assert out.decode().strip() == "name No server of names told within 0 s what address login.microsoftonline.com has."


async def test_one_that_takes_the_connection_and_says_nothing_is_given_up(cloud: Cloud) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = await failure(cloud, f"https://localhost:{silent.getsockname()[1]}", seconds=0.2)
    assert found.step == "connection"
    assert "did not answer within" in found.evidence


async def test_one_that_speaks_no_tls_is_told(cloud: Cloud) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        found = await failure(cloud, f"https://localhost:{server.sockets[0].getsockname()[1]}")
    assert found.step == "certificate"
    assert "does not agree on TLS" in found.evidence


async def test_a_connection_that_is_cut_is_told(simulator: Simulator, cloud: Cloud) -> None:
    simulator.faults.add("drop")
    found = await failure(cloud, cloud.resource_manager)
    assert found.step == "answer"


async def test_a_proxy_that_is_not_there_or_refuses_is_named_without_its_password(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:hunter2@localhost:{port}")
    found = await failure(cloud, "https://management.invalid")
    assert found.step == "proxy"
    assert f"The proxy localhost:{port}" in found.evidence
    assert "hunter2" not in str(found)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{server.sockets[0].getsockname()[1]}")
        found = await failure(cloud, "https://management.invalid")
    assert found.step == "proxy"
    assert "HTTP 407" in found.evidence


async def test_a_proxy_is_not_asked_for_this_machine(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{closed_port()}")
    assert (await reach(cloud, cloud.resource_manager, "/subscriptions?api-version=2022-12-01", LONG)).status == 401


async def test_a_clock_that_differs_from_azures_is_found(simulator: Simulator, setup_of: Callable[..., Setup]) -> None:
    simulator.clock.advance(3 * 3600)
    found = by_id((await way(setup_of())).findings)["clock"]
    assert found.status is Status.FAIL
    assert "3 h behind Azure's" in found.evidence
    assert "timedatectl" in found.remedy


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        (timedelta(seconds=-59), Status.OK, "agree"),
        (timedelta(seconds=90), Status.WARN, "90 s ahead of"),
        (timedelta(minutes=-4), Status.WARN, "4 min behind"),
        (timedelta(minutes=6), Status.FAIL, "6 min ahead of"),
    ],
)
def test_a_small_difference_is_fine_and_a_large_one_stops_the_sign_in(ahead: timedelta, status: Status, words: str) -> None:
    found = clock(NOW, NOW + ahead)
    assert found.status is status
    assert words in found.evidence


async def test_what_answers_in_the_place_of_azure_is_suspected(simulator: Simulator, setup_of: Callable[..., Setup]) -> None:
    setup = setup_of()
    simulator.faults.add("503:1:/subscriptions")
    found = by_id((await way(setup)).findings)["resource-manager"]
    assert (found.status, "HTTP 503" in found.evidence) == (Status.WARN, True)
    simulator.faults.clear()
    elsewhere = replace(setup, cloud=replace(setup.cloud, resource_manager=f"{setup.cloud.resource_manager}/simulator"))
    found = by_id((await way(elsewhere)).findings)["resource-manager"]
    assert found.status is Status.WARN
    assert "in its place" in found.remedy


async def test_when_nothing_answers_the_clock_is_unknown(setup_of: Callable[..., Setup]) -> None:
    setup = setup_of()
    address = f"https://localhost:{closed_port()}"
    found = await way(replace(setup, cloud=replace(setup.cloud, authority=address, resource_manager=address)))
    assert not found.manager
    assert [one.status for one in found.findings] == [Status.FAIL, Status.FAIL, Status.UNKNOWN]

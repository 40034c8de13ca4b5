"""Bodies as they come over the line: packed, in odd bytes, and without end."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from console.gateway import transport
from console.gateway.azure import Azure
from console.gateway.errors import AzureProblem, Outage
from tests.gateway.conftest import Waits
from tests.gateway.odd_server import Canned, OddServer

TENANTS = json.dumps({"value": [{"tenantId": "a", "displayName": "Contoso"}]}).encode()


@pytest.mark.parametrize(("kind", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_packed_answer_is_unpacked(odd: OddServer, odd_azure: Azure, kind: str, pack: object) -> None:
    assert callable(pack)
    odd.answers = [Canned(pack(TENANTS), headers={"Content-Encoding": kind})]
    assert await odd_azure.tenants() == [("a", "Contoso")]


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
async def test_an_answer_that_cannot_be_unpacked_is_a_sentence(odd: OddServer, odd_azure: Azure, kind: str) -> None:
    odd.answers = [Canned(b"not packed at all", headers={"Content-Encoding": kind})]
    with pytest.raises(AzureProblem):
        await odd_azure.tenants()


@pytest.mark.parametrize("name", [b"x\\ud800", b"x\xff", b"x\xed\xa0\x80"])
async def test_one_odd_name_does_not_cost_the_page(odd: OddServer, odd_azure: Azure, name: bytes) -> None:
    odd.answers = [Canned(b'{"value": [{"tenantId": "a", "displayName": "' + name + b'"}, {"tenantId": "b", "displayName": "fine"}]}')]
    (_, strange), (_, fine) = await odd_azure.tenants()
    assert strange.startswith("x\N{REPLACEMENT CHARACTER}")
    assert fine == "fine"


async def test_an_answer_that_never_ends_is_given_up(
    odd: OddServer, odd_azure: Azure, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0.0)
    odd.answers = [Canned(TENANTS)]
    with pytest.raises(Outage):
        await odd_azure.tenants()
    assert len(waits.slept) == transport.TRIES - 1

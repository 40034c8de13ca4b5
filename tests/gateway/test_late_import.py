"""SDKs are imported when they are first needed, the largest by whichever calls need them first, and no more of them than that."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from console.gateway.azure import Azure

SLOW = """
import time
time.sleep(0.3)
class Client:
    def __init__(self, **options): pass
    async def send_request(self, *values, **options): return values
    async def close(self): pass
"""


async def test_calls_that_need_the_same_sdk_at_once_wait_until_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azure: Azure
) -> None:
    (tmp_path / "sdk_that_takes_its_time.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    send = azure._late("sdk_that_takes_its_time", "Client")

    async def later(request: int) -> object:
        await asyncio.sleep(0.05 * request)
        return await send(request)

    assert await asyncio.gather(*map(later, range(3))) == [(0,), (1,), (2,)]


def test_of_the_sdk_for_security_only_what_is_sent_is_imported() -> None:
    program = "import sys, console.gateway.azure; print(*{one[:31] for one in sys.modules if one.startswith('azure.mgmt.security.v')})"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert found.split() == ["azure.mgmt.security.v2022_05_01"]

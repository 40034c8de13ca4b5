"""A simulator for each test, and the SDK's clients pointed at it over TLS."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo

from console.simulator import Simulator
from tests.moments import START

VERSIONS = {"compute": "2026-04-01", "hybrid": "2026-07-15", "settings": "2022-05-01", "graph": "2021-03-01"}


class StaticCredential:
    """A credential that holds the token of one principal."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(self.token, int(time.time()) + 3600)

    async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        return AccessTokenInfo(self.token, int(time.time()) + 3600)

    async def close(self) -> None: ...

    async def __aenter__(self) -> StaticCredential:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class Api:
    """Plain HTTP against the simulator, as one principal."""

    def __init__(self, sim: Simulator, session: aiohttp.ClientSession, token: str | None) -> None:
        self.sim, self._session, self.token = sim, session, token

    async def __call__(self, method: str, path: str, *, json: Any = None, version: str | None = "2022-12-01", **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        address = path if path.startswith("https://") else self.sim.url + path
        if version and "api-version" not in address:
            address += ("&" if "?" in address else "?") + f"api-version={version}"
        headers |= options.pop("headers", {})
        async with self._session.request(method, address, json=json, headers=headers, **options) as response:
            text = await response.text()
            kind = response.headers.get("Content-Type", "")
            return Answer(response.status, await response.json() if "json" in kind and text else None, text, response.headers)

    async def query(self, text: str, **options: Any) -> list[dict[str, Any]]:
        """The rows of a Resource Graph query."""
        answer = await self("POST", "/providers/Microsoft.ResourceGraph/resources", json={"query": text, **options}, version="2021-03-01")
        assert answer.status == 200, answer.body
        rows: list[dict[str, Any]] = answer.body["data"]
        return rows

    def of(self, principal: str, tenant: str | None = None) -> Api:
        """The same as another principal."""
        return Api(self.sim, self._session, self.sim.token(principal, tenant))

    def anonymous(self) -> Api:
        return Api(self.sim, self._session, None)


class Answer:
    def __init__(self, status: int, body: Any, text: str, headers: Mapping[str, str]) -> None:
        self.status, self.body, self.text, self.headers = status, body, text, headers

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A small world whose clock moves only when it is pushed."""
    async with Simulator(speed=0, start=START) as simulator:
        yield simulator


@pytest.fixture
async def session(sim: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=str(sim.ca_file))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as made:
        yield made


@pytest.fixture
def api(sim: Simulator, session: aiohttp.ClientSession) -> Api:
    return Api(sim, session, sim.token())


@pytest.fixture
def sdk(sim: Simulator) -> dict[str, Any]:
    """What every SDK client is made with."""
    return {
        "base_url": sim.url,
        "credential_scopes": [f"{sim.url}/.default"],
        "connection_verify": str(sim.ca_file),
        "credential": StaticCredential(sim.token()),
        "retry_total": 0,
    }

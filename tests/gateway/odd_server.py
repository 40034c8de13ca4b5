"""A server over TLS that answers canned bytes, however odd, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from console.clouds import Cloud
from console.simulator.certificates import make_certificates, server_context


@dataclass(frozen=True)
class Canned:
    """An answer: ``body`` is sent as it is (JSON is made of anything but bytes). With ``cut`` the connection closes half way."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class OddServer:
    """``async with OddServer(folder) as odd:``; then ``odd.answers`` are given in turn, the last one for ever."""

    def __init__(self, folder: Path) -> None:
        self.ca_file = folder / "odd-ca.pem"
        self.answers: list[Canned] = []
        self.asked: list[tuple[str, str]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> OddServer:
        certificates = make_certificates()
        self.ca_file.write_bytes(certificates.ca_pem)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=server_context(certificates))
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        self.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def cloud(self, *, trusted: bool = True) -> Cloud:
        """A cloud whose every address is this server."""
        portal = "https://portal.azure.com"
        return Cloud("Odd", self.url, self.url, self.url, portal, portal, ca_file=self.ca_file if trusted else None, key="odd")

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked.append((request.method, str(request.rel_url)))
        return await self._send(request, self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    async def _send(self, request: web.Request, answer: Canned) -> web.StreamResponse:
        headers = {"Content-Type": "application/json", **answer.headers}
        if not answer.cut:
            return web.Response(body=answer.content, status=answer.status, headers=headers)
        response = web.StreamResponse(status=answer.status, headers={**headers, "Content-Length": str(len(answer.content))})
        await response.prepare(request)
        await response.write(answer.content[: len(answer.content) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

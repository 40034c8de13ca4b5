"""The box: one object that holds the world and everything that acts on it, and the same as a fixture for tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from console.simulator import principals
from console.simulator.alerts import Alerts
from console.simulator.clock import Clock
from console.simulator.faults import Fault, Faults, parse_fault
from console.simulator.operations import Operations
from console.simulator.recording import Recording
from console.simulator.runcommands import RunCommands
from console.simulator.signin import SignIn
from console.simulator.throttling import QueryQuota
from console.simulator.tokens import Tokens
from console.simulator.world import World

if TYPE_CHECKING:
    from console.simulator.resource_graph import ResourceGraph
    from console.simulator.server import Server


OnRequest = Callable[[str, str], Awaitable[None]]
"""Called with method and path before a request is answered; the answer waits for it."""


class Box:
    """A simulated Azure without its server: what the handlers work on."""

    def __init__(
        self,
        *,
        machines: int = 110,
        subscriptions: int = 12,
        alerts: int | None = None,
        seed: int = 1,
        clock: Clock | None = None,
        approve_after: float | None = None,
        page_size: int = 100,
        faults: Iterable[Fault | str] = (),
        enforce_quota: bool = False,
    ) -> None:
        self.url = ""
        self.clock = clock or Clock()
        self.world = World(self.clock, seed, machines, subscriptions)
        self.tokens = Tokens()
        self.sign_in = SignIn(self, approve_after)
        self.alerts = Alerts(self.world, count=alerts)
        self.operations = Operations(self.clock)
        self.run_commands = RunCommands()
        self.faults = Faults((parse_fault(f) if isinstance(f, str) else f for f in faults), seed)
        self.requests = Recording()
        self.on_request: OnRequest | None = None
        self.page_size = page_size
        self.enforce_quota = enforce_quota
        self.query_quota = QueryQuota(enforce=enforce_quota)
        self._graph: ResourceGraph | None = None

    @property
    def tenant_id(self) -> str:
        return self.world.tenant.id

    @property
    def graph(self) -> ResourceGraph:
        """Resource Graph, which is built when it is first asked: its libraries and tables take a moment."""
        if self._graph is None:
            from console.simulator.resource_graph import ResourceGraph

            self._graph = ResourceGraph(self.world, self.alerts)
        return self._graph

    def close(self) -> None:
        if self._graph is not None:
            self._graph.close()


class Simulator:
    """A running simulator: `async with Simulator(machines=20) as sim:`.

    Inside, `url`, `cloud_file`, `ca_file` and `tenant_id` say how to reach it; `token()` signs in without ceremony; `clock`, `faults`,
    `requests`, `world` and `alerts` are the real things, for tests to push and read; `box.on_request` sees each request before it is
    answered, and can hold it. With `speed=0` time moves by `clock.advance` alone.
    `alerts` is how many there are when it begins; None lets the machines raise as many as they do.
    """

    def __init__(
        self,
        *,
        machines: int = 110,
        subscriptions: int = 12,
        alerts: int | None = None,
        seed: int = 1,
        speed: float = 1.0,
        start: float | None = None,
        clock: Clock | None = None,
        approve_after: float | None = None,
        page_size: int = 100,
        faults: Iterable[Fault | str] = (),
        enforce_quota: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        out: str | os.PathLike[str] | None = None,
    ) -> None:
        self.box = Box(
            machines=machines,
            subscriptions=subscriptions,
            alerts=alerts,
            seed=seed,
            clock=clock or Clock(start, speed),
            approve_after=approve_after,
            page_size=page_size,
            faults=faults,
            enforce_quota=enforce_quota,
        )
        self._host, self._port, self._out = host, port, out
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._server: Server | None = None
        self.folder = Path()

    async def __aenter__(self) -> Simulator:
        from console.simulator.certificates import make_certificates, server_context
        from console.simulator.server import Server

        self.folder = self._make_folder()
        hosts: Sequence[str] = ("localhost",)
        certificates = make_certificates(tuple(hosts), tuple(sorted({"127.0.0.1", "::1", *_address(self._host)})))
        _write(self.folder / "ca.pem", certificates.ca_pem)
        self._server = Server(self.box)
        port = await self._server.start(self._host, self._port, server_context(certificates))
        name = "localhost" if self._host in ("127.0.0.1", "::1", "localhost") else self._host
        self.box.url = self.box.tokens.origin = f"https://{name}:{port}"
        _write(self.cloud_file, self._cloud().encode())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is not None:
            await self._server.stop()
        self.box.close()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def url(self) -> str:
        return self.box.url

    @property
    def tenant_id(self) -> str:
        return self.box.tenant_id

    @property
    def cloud_file(self) -> Path:
        return self.folder / "cloud.toml"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def clock(self) -> Clock:
        return self.box.clock

    @property
    def faults(self) -> Faults:
        return self.box.faults

    @property
    def requests(self) -> Recording:
        return self.box.requests

    @property
    def world(self) -> World:
        return self.box.world

    @property
    def alerts(self) -> Alerts:
        return self.box.alerts

    @property
    def sign_in(self) -> SignIn:
        return self.box.sign_in

    async def build(self) -> None:
        """Make the tables of Resource Graph now, which takes seconds in a large world, rather than when the first query asks for them."""
        await self.box.graph.build(self.clock.now())

    def token(self, principal: str = "ada", tenant: str | None = None) -> str:
        """An access token of a principal, by its key in `principals.PRINCIPALS`."""
        return self.box.tokens.issue(principals.PRINCIPALS[principal], tenant or self.tenant_id, "simulator-tests", self.url)

    def subscription(self, situation: str) -> str:
        """The id of the first subscription that is in a situation."""
        return next(s.id for s in self.world.subscriptions.values() if s.situation.name == situation)

    def _make_folder(self) -> Path:
        if self._out is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mde-simulator-")
            return Path(self._folder.name)
        folder = Path(self._out)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        return folder.resolve()

    def _cloud(self) -> str:
        return (
            'name = "Simulator"\n'
            f'authority = "{self.url}"\n'
            f'resource_manager = "{self.url}"\n'
            f'audience = "{self.url}"\n'
            'azure_portal = "https://portal.azure.com"\n'
            'defender_portal = "https://security.microsoft.com"\n'
            "integration_supported = true\n"
            'ca_file = "ca.pem"\n'
        )


def _address(host: str) -> tuple[str, ...]:
    return (host,) if host.replace(".", "").isdecimal() or ":" in host else ()


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, replacing what was there."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)

"""A simulator, and the setup of a console that looks at it; nothing of this machine's own Azure, proxies or language is around."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console.clouds import load_cloud
from console.doctor.finding import Finding
from console.paths import Paths
from console.session import Setup
from console.settings import Settings
from console.simulator import Simulator


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "MDE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(machines=20, speed=1) as running:
        yield running


@pytest.fixture
def setup_of(tmp_path: Path, simulator: Simulator) -> Callable[..., Setup]:
    """The setup of a principal (Ada unless said otherwise); keywords replace fields of it."""

    def make(principal: str = "ada", **changes: object) -> Setup:
        home = tmp_path / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        made = Setup(
            Paths(home),
            Settings(),
            load_cloud(str(simulator.cloud_file)),
            "token",
            "",
            environ={"MDE_CONSOLE_TOKEN": simulator.token(principal)},
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    return make


def by_id(findings: list[Finding]) -> dict[str, Finding]:
    return {one.id: one for one in findings}

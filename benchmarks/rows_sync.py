"""The rows about reading Azure: each reading in a process of its own, against a server that is never the bottleneck."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import product
from benchmarks.meter import ROOT
from benchmarks.table import Bench, Measured, median, row, run_python

SMALL = 1000


class Server:
    """A running server."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port
        self.cloud = product.write_cloud(folder, port, folder / "ca.pem")

    def change(self, share: float) -> int:
        """Change a share of the machines; returns how many."""
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}/control/change?share={share}", method="POST")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self._folder / "ca.pem"))),
        )
        with opener.open(request, timeout=60) as answer:
            return int(json.load(answer)["changed"])


@contextmanager
def server(folder: Path, machines: int, *options: str) -> Iterator[Server]:
    """A server in a process of its own, for as long as the block lasts."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.server", str(folder), str(machines), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = process.stdout.readline().strip()
        if not said:
            raise product.Unmeasurable("the server did not start")
        yield Server(folder, int(said))
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _read(way: str, home: Path, cloud: Path, machines: int) -> dict[str, Any]:
    """One reading; what it took."""
    found: dict[str, Any] = json.loads(run_python(["-m", "benchmarks.programs.reading", way, str(home), str(cloud)]).splitlines()[-1])
    if found["machines"] != machines:
        raise product.Unmeasurable(f"“{way}” read {found['machines']:,} machines of {machines:,}")
    return found


def _fresh(bench: Bench, name: str) -> Path:
    home = bench.folder / name
    shutil.rmtree(home, ignore_errors=True)
    return home


def _readings(bench: Bench) -> dict[str, list[dict[str, Any]]]:
    """The readings of the large fleet, in turns: the SDK's, the raw one, the console's, and the console's again after a change."""

    def measure() -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {"sdk": [], "raw": [], "sync": [], "again": []}
        with server(bench.folder / "azure", bench.machines) as azure:
            bench.say(f"reading {bench.machines:,} machines in four ways")
            _read("raw", _fresh(bench, "raw"), azure.cloud, bench.machines)
            for _ in range(max(1, bench.rounds // 3)):
                found["sdk"].append(_read("sdk", _fresh(bench, "sdk"), azure.cloud, bench.machines))
                home = _fresh(bench, "sync")
                found["raw"].append(_read("raw", _fresh(bench, "raw"), azure.cloud, bench.machines))
                found["sync"].append(_read("sync", home, azure.cloud, bench.machines))
                azure.change(0.01)
                found["again"].append(_read("sync", home, azure.cloud, bench.machines))
        return found

    found = bench.once("readings", measure)
    assert isinstance(found, dict)
    return found


def _seconds(found: list[dict[str, Any]]) -> float:
    return median([one["seconds"] for one in found])


@row("full sync", "s", "one chain of ResourceGraphClient.resources() into the same cache", 1 / 7)
def full_sync(bench: Bench) -> Measured:
    """The first reading of the large fleet, states included."""
    found = _readings(bench)
    return Measured(_seconds(found["sync"]), _seconds(found["sdk"]))


@row("full sync vs raw", "s", "the same pages in eight chains, decoded and thrown away", 1.8)
def full_sync_raw(bench: Bench) -> Measured:
    """What remembering and judging cost."""
    found = _readings(bench)
    return Measured(_seconds(found["sync"]), _seconds(found["raw"]))


@row("sync again 1 % changed", "s", "full sync", 0.55)
def sync_again(bench: Bench) -> Measured:
    """A later reading, when one machine of a hundred has changed."""
    found = _readings(bench)
    return Measured(_seconds(found["again"]), _seconds(found["sync"]))


@row("loop lag p99 during sync", "ms", "the SDK's chain", 16, absolute=True)
def loop_lag(bench: Bench) -> Measured:
    """How late the event loop is during the first reading: a screen would be as late."""
    found = _readings(bench)
    longest = max(one["longest"] for one in found["sync"])
    return Measured(
        median([one["lag"] for one in found["sync"]]), median([one["lag"] for one in found["sdk"]]), f"the longest {longest:.0f} ms"
    )


@row("per-service sync of 1,000", "s", "a loop over the SDK's models, 16 machines at once", 0.5)
def per_service(bench: Bench) -> Measured:
    """A reading of 1,000 machines where Resource Graph refuses."""
    ours, others = [], []
    with server(bench.folder / "services", SMALL, "--refuse-graph") as azure:
        for _ in range(max(1, bench.rounds // 3)):
            others.append(_read("machines", _fresh(bench, "machines"), azure.cloud, SMALL))
            ours.append(_read("sync", _fresh(bench, "service"), azure.cloud, SMALL))
    return Measured(_seconds(ours), _seconds(others))

"""The command: one line when it is ready, a clean end, sentences for what is wrong."""

from __future__ import annotations

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest

_COMMAND = [sys.executable, "-m", "console.simulator"]
_ROOT = Path(__file__).parents[2]


def _start(*options: str, **how: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*_COMMAND, *options], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_says_where_it_is_and_ends_with_its_parents_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    began = time.perf_counter()
    process = _start("--json", "--exit-with-stdin", "--out", str(out), "--speed", "288", "--start", "2026-03-01T08:00:00Z")
    told = json.loads(_line(process))
    assert time.perf_counter() - began < 5
    assert told["start"] == "2026-03-01T08:00:00.0000000Z"
    assert (told["speed"], told["pid"]) == (288, process.pid)
    assert abs(told["wall_start"] - time.time()) < 60
    cloud = tomllib.loads(Path(told["cloud_file"]).read_text())
    assert cloud["name"] == "Simulator"
    assert cloud["authority"] == cloud["resource_manager"] == cloud["audience"] == told["url"]
    assert (Path(told["cloud_file"]).parent / cloud["ca_file"]) == Path(told["ca_file"])
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in out.iterdir()} == {0o600}
    assert "PRIVATE KEY" not in "".join(file.read_text() for file in out.iterdir())
    context = ssl.create_default_context(cafile=told["ca_file"])
    with urllib.request.urlopen(told["url"] + "/simulator/clock", context=context) as answer:
        assert json.load(answer)["speed"] == 288
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_leaves_nothing_behind(number: signal.Signals) -> None:
    process = _start("--machines", "5")
    told = _line(process)
    assert "cloud file is" in told
    folder = Path(told.partition("cloud file is ")[2].partition(";")[0]).parent
    assert folder.exists()
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--fault", "meteor"], "meteor"),
        (["--start", "yesterday"], "yesterday"),
        (["--speed", "-1"], "between"),
        (["--machines", "-5"], "negative"),
        (["--alerts", "-1"], "negative"),
        (["--fault", "repeat=0"], "row"),
        (["--page-size", "0"], "between"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(options: list[str], part: str) -> None:
    done = subprocess.run([*_COMMAND, *options], cwd=_ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    process = _start("--json", "--exit-with-stdin", "--machines", "1")
    port = json.loads(_line(process))["url"].rpartition(":")[2]
    second = subprocess.run([*_COMMAND, "--port", port], cwd=_ROOT, capture_output=True, text=True, timeout=30)
    process.communicate()
    assert second.returncode == 1
    assert second.stderr.startswith("The simulator cannot start: ")
    assert "Traceback" not in second.stderr


def test_without_its_optional_dependencies_it_says_which() -> None:
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'duckdb' else find(name, *rest)\n"
        "import argparse\nfrom console.simulator.command import add_arguments, run\n"
        "parser = argparse.ArgumentParser()\nadd_arguments(parser)\nsys.exit(run(parser.parse_args([])))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == "The simulator needs duckdb, which the optional dependencies named 'simulator' install.\n"


def test_importing_the_package_loads_none_of_what_it_needs() -> None:
    code = (
        "import sys, console.simulator, console.simulator.command\n"
        "print([m for m in ('aiohttp', 'duckdb', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_it_imports_nothing_else_of_the_project() -> None:
    code = (
        "import sys, console.simulator.server, console.simulator.simulator, console.simulator.resource_graph\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('screens', 'cache') or m.startswith('console.') "
        "and not m.startswith('console.simulator')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_a_closed_reader_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen([*_COMMAND, "--machines", "1"], cwd=_ROOT, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors

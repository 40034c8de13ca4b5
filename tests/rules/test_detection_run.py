"""The detection test as a script: it does the seed's steps, leaves nothing behind, and only what it says for certain counts as run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.rules.detection_run import detection_script, read_detection_run
from console.rules.detection_test import LINUX, WINDOWS

RUN = "a1b2c3"


def machine(folder: Path, **commands: str) -> dict[str, str]:
    """A machine on which these commands do what is said here; all others are real."""
    for name, script in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": str(folder)}


def run(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", detection_script("Linux", RUN)], env=environ, capture_output=True, text=True, timeout=60)


DOWNLOADS = 'while [ $# -gt 0 ]; do [ "$1" = -o ] && echo zip > "$2"; shift; done; pwd > "$TMPDIR/where"'
TOOL = 'printf \'#!/bin/sh\\necho "tool ran" > "$TMPDIR/ran"\\nexit 3\\n\' > {name}'


@pytest.mark.parametrize("name", ["mde_linux_edr_diy", "mde_linux_edr_diy.sh"])
def test_the_script_for_linux_runs_the_tool_and_removes_it(tmp_path: Path, name: str) -> None:
    ended = run(machine(tmp_path, curl=DOWNLOADS, unzip=TOOL.format(name=name)))
    found = read_detection_run(ended.stdout, RUN)
    assert (found.outcome, found.code) == ("ran", "ran"), ended.stderr
    assert (tmp_path / "ran").read_text() == "tool ran\n"
    assert not Path((tmp_path / "where").read_text().strip()).exists()


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        ({"curl": "exit 6"}, "not-downloaded"),
        ({"curl": DOWNLOADS, "unzip": "exit 9", "python3": "exit 1"}, "not-extracted"),
        ({"curl": DOWNLOADS, "unzip": "echo '#!/nowhere' > mde_linux_edr_diy"}, "not-executable"),
    ],
)
def test_what_keeps_the_tool_from_running_is_told_with_what_to_do(tmp_path: Path, commands: dict[str, str], code: str) -> None:
    found = read_detection_run(run(machine(tmp_path, **commands)).stdout, RUN)
    assert (found.outcome, found.code) == ("not-run", code)
    assert found.remedy


def test_the_scripts_do_what_the_steps_by_hand_say() -> None:
    assert "https://aka.ms/LinuxDIY" in detection_script("Linux", RUN)
    assert any("https://aka.ms/LinuxDIY" in step.command for step in LINUX.steps)
    line = next(step.command for step in WINDOWS.steps if "invoice.exe" in step.command)
    assert line.removeprefix("powershell.exe ") in detection_script("Windows", RUN)
    for system in ("Linux", "Windows"):
        assert detection_script(system, RUN).isascii()
        assert f"--- mde-console test {RUN} begin ---" in detection_script(system, RUN)


BEGIN, END = f"--- mde-console test {RUN} begin ---", f"--- mde-console test {RUN} end ---"


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("", "cut"),
        (f"{BEGIN}\ntest : ran\n", "cut"),
        (f"test : ran\n{END}", "cut"),
        (f"{BEGIN.replace(RUN, 'other')}\ntest : ran\n{END.replace(RUN, 'other')}", "cut"),
        (f"{BEGIN}\n{END}", "undecided"),
        (f"{BEGIN}\ntest : ran\ntest : not-downloaded\n{END}", "undecided"),
        (f"{BEGIN}\ntest : gelaufen\n{END}", "undecided"),
        ("Fehler: Zeitüberschreitung \x1b]0;owned\x07", "cut"),
    ],
)
def test_what_does_not_say_for_certain_that_it_ran_does_not_count(output: str, code: str) -> None:
    found = read_detection_run(output, RUN)
    assert (found.outcome, found.code) == ("unreadable", code)
    assert "\x1b" not in found.reason


@given(st.text(), st.text())
def test_no_output_is_too_odd(before: str, after: str) -> None:
    assert read_detection_run(before, RUN).outcome in {"unreadable", "ran"}
    assert read_detection_run(f"{before}\n{BEGIN}\r\ntest : ran\r\n{END}\n{after}", RUN).reason

"""What is told of this machine: terminal, locale, file modes, disk, the user's own files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console.doctor import machine
from console.doctor.finding import Status
from console.paths import Paths
from console.session import Setup
from tests.terminal.terminal import Terminal


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A home as the console makes it."""
    made = Paths(tmp_path / "home")
    for folder in (made.home, made.clouds, made.log.parent):
        folder.mkdir(mode=0o700)
    for file in (made.config, made.last_session, made.log, made.clouds / "contoso.toml"):
        file.touch(mode=0o600)
    return made


def test_a_home_that_is_the_users_alone_is_well(paths: Paths) -> None:
    (found,) = machine.files(paths)
    assert (found.status, found.remedy) == (Status.OK, "")


def test_what_others_can_read_or_write_is_named_with_the_command_that_mends_it(paths: Paths) -> None:
    paths.last_session.chmod(0o644)
    (found,) = machine.files(paths)
    assert found.status is Status.WARN
    assert str(paths.last_session) in found.evidence
    assert f"chmod -R go= {paths.home}" in found.remedy
    paths.log.parent.chmod(0o777)
    worst, other = machine.files(paths)
    assert (worst.status, other.status) == (Status.FAIL, Status.WARN)
    assert str(paths.log.parent) in worst.evidence
    subprocess.run(found.remedy.partition(": ")[2], shell=True, check=True)
    assert machine.files(paths)[0].status is Status.OK


def test_the_users_own_files_may_be_read_inside_a_closed_home_but_not_written_where_it_is_open(paths: Paths) -> None:
    paths.config.chmod(0o664)
    (paths.clouds / "contoso.toml").chmod(0o644)
    assert machine.files(paths)[0].status is Status.OK
    paths.home.chmod(0o755)
    worst, other = machine.files(paths)
    assert worst.evidence == f"Other users can write {paths.config}."
    assert other.evidence == f"Other users can read {paths.home}."


def test_of_many_files_some_are_named_and_all_are_counted(paths: Paths) -> None:
    for number in range(9):
        (paths.log.parent / f"console.log.{number}").touch(mode=0o644)
        (paths.log.parent / f"console.log.{number}").chmod(0o644)
    assert machine.files(paths)[0].evidence.endswith("and 6 more.")


@pytest.mark.parametrize(
    ("environ", "size", "status", "words"),
    [
        ({"TERM": "xterm-256color"}, (120, 40), Status.OK, "xterm-256color, 256 colours, 120×40"),
        ({"TERM": "tmux-256color", "COLORTERM": "truecolor"}, (80, 24), Status.OK, "16 million colours"),
        ({"TERM": "vt100"}, (80, 24), Status.OK, "few colours"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, (80, 24), Status.OK, "no colours"),
        ({"TERM": "dumb"}, (80, 24), Status.FAIL, "cannot be drawn"),
        ({}, (80, 24), Status.FAIL, "TERM is not set"),
        ({"TERM": "xterm"}, (39, 24), Status.WARN, "too small"),
        ({"TERM": "xterm"}, None, Status.OK, "no terminal here"),
    ],
)
def test_the_terminal_is_told(environ: dict[str, str], size: tuple[int, int] | None, status: Status, words: str) -> None:
    (found,) = machine.terminal(environ, size)
    assert found.status is status
    assert words in found.evidence
    assert bool(found.remedy) is (status is not Status.OK)


@pytest.mark.parametrize(
    ("environ", "encoding", "status"),
    [
        ({"LANG": "de_DE.UTF-8"}, "utf-8", Status.OK),
        ({"LANG": "de_DE.utf8"}, "UTF-8", Status.OK),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, "utf-8", Status.WARN),
        ({"LANG": "de_DE"}, "iso8859-1", Status.WARN),
        ({}, "utf-8", Status.WARN),
    ],
)
def test_a_locale_without_utf_8_is_told(environ: dict[str, str], encoding: str, status: Status) -> None:
    assert machine.locale(environ, encoding)[0].status is status


def test_little_space_is_a_warning_and_none_a_failure(tmp_path: Path) -> None:
    assert [machine.room(tmp_path, free)[0].status for free in (10**10, 4 * 10**8, 10**6)] == [Status.OK, Status.WARN, Status.FAIL]
    assert "GB are free" in machine.disk(Paths(tmp_path))[0].evidence
    assert machine.disk(Paths(tmp_path / "gone"))[0].status is Status.UNKNOWN


def test_mistakes_in_the_users_rules_are_told(setup_of: Callable[..., Setup]) -> None:
    setup = setup_of()
    assert machine.settings(setup)[0].status is Status.OK
    (found,) = machine.settings(replace(setup, own_mistakes=("rules.toml, line 7: …",)))
    assert (found.status, found.evidence) == (Status.WARN, "rules.toml, line 7: …")


def test_in_a_real_terminal_its_size_and_kind_are_told() -> None:
    code = (
        "import os; from console.doctor import machine; found, = machine.terminal(os.environ, machine.attended_size());"
        "print(found.status, found.evidence)"
    )
    with Terminal([sys.executable, "-c", code], columns=100, rows=30) as terminal:
        terminal.wait_for("ok xterm-256color, 256 colours, 100×30")
    with Terminal([sys.executable, "-c", code], environ={"TERM": "dumb"}) as terminal:
        terminal.wait_for("fail The console cannot be drawn here (dumb")


def test_without_a_terminal_there_is_no_size() -> None:
    code = "from console.doctor import machine; print(machine.attended_size())"
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "None"

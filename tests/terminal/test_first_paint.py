"""The first moment in a real terminal: rows of the cache stand before anything else is imported, and the hand-over loses nothing."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import termios
from pathlib import Path

from cache.fleet import FILE
from cache.model import Machine, MachineState, Onboarding, Source, Subscription
from console.clouds import load_cloud
from console.paths import Paths
from console.session import Setup, cache_folder, open_cache, remember
from console.settings import Settings
from tests.listed import list_machines
from tests.terminal.terminal import Terminal

HOSTILE = "\x1b]52;c;ZXZpbA==\x07web\x1b[2J-\u202e1[bold]"


def fill(home: Path, machines: int = 40) -> Path:
    """A home in which somebody was signed in before. Returns the folder of its cache."""
    setup = Setup(Paths(home), Settings(), load_cloud("public"), "token", "", environ={})

    async def work() -> None:
        fleet, journal = await open_cache(setup, "tenant", "ann")
        await fleet.put_subscriptions([Subscription("s1", "Remembered", "Enabled", "tenant")], complete=True)
        found = [
            Machine(f"/subscriptions/s1/vm-{n:03}", HOSTILE if n == 1 else f"vm-{n:03}", "vm", "s1", "rg", "we", "Linux", "ubuntu")
            for n in range(machines)
        ]
        await list_machines(fleet, "s1", found, "sync")
        await fleet.put_onboardings([Onboarding(one.id, MachineState.FAILED, "the disk is full") for one in found])
        await fleet.mark_fresh(Source.MACHINES, "s1")
        await fleet.close()
        await journal.close()
        remember(setup, "tenant", "ann")

    home.mkdir(mode=0o700, exist_ok=True)
    asyncio.run(work())
    return cache_folder(setup, "tenant", "ann")


def console(home: Path, *more: str, columns: int = 100, rows: int = 24) -> Terminal:
    command = [sys.executable, "-m", "console", "--home", str(home), "--auth", "token", *more]
    return Terminal(command, columns=columns, rows=rows, environ={"HOME": str(home), "TEXTUAL_ANIMATIONS": "none"})


def test_rows_stand_before_textual_and_are_not_cleared_when_it_takes_over(tmp_path: Path) -> None:
    fill(tmp_path / "home")
    with console(tmp_path / "home", "--screen", "machines") as terminal:
        terminal.wait_for("vm-000", "the disk is full", "Quit")
        first = bytes(terminal.raw)
        assert first.index(b"starting") < first.index(b"Quit")
        assert first.count(b"\x1b[?1049h") == 1
        assert first.count(b"\x1b[2J") == 1
        taken_over = first.index(b"\x1b[?1004h")  # asked for by Textual
        painted = first.index(b"vm-000", taken_over)
        assert b"starting" not in first[taken_over:]
        assert b"\x1b[2J" not in first[taken_over:painted]
        assert b"\x1b]52" not in first
        assert "\u202e".encode() not in first
        terminal.press("q")
        assert terminal.wait_end() == 0
        assert b"\x1b[?1049l" in bytes(terminal.raw)


def test_the_first_rows_lie_where_the_table_shows_them(tmp_path: Path) -> None:
    fill(tmp_path / "home")
    with console(tmp_path / "home", "--screen", "machines") as terminal:
        before = terminal.wait_for("starting").splitlines()
        after = terminal.wait_for("Quit", "40 of 40").splitlines()
        assert before[3][:90] == after[3][:90]
        assert "vm-002" in after[3] or "vm-001" in after[3] or "vm-003" in after[3]


def test_a_key_pressed_before_textual_listens_is_obeyed(tmp_path: Path) -> None:
    fill(tmp_path / "home")
    with console(tmp_path / "home") as terminal:
        terminal.wait_for("starting")
        terminal.press("q")
        assert terminal.wait_end() == 0


def test_what_is_typed_before_textual_listens_is_typed_into_the_filter(tmp_path: Path) -> None:
    fill(tmp_path / "home")
    with console(tmp_path / "home", "--screen", "machines") as terminal:
        terminal.wait_for("starting")
        terminal.press("/", *"vm-02")
        terminal.wait_for("10 of 40", "vm-029", gone="vm-030")
        terminal.press("escape")
        terminal.wait_for("40 of 40")
        terminal.press("q")
        assert terminal.wait_end() == 0


def test_a_start_that_fails_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    folder = fill(tmp_path / "home")
    connection = sqlite3.connect(folder / "journal.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert (folder / FILE).exists()
    with console(tmp_path / "home") as terminal:
        before = termios.tcgetattr(terminal._master)
        text = terminal.wait_for("newer")
        assert terminal.wait_end() == 6
        assert "starting" not in terminal.text or "newer" in text
        assert b"\x1b[?1049l" in bytes(terminal.raw)
        assert termios.tcgetattr(terminal._master)[3] == before[3] | termios.ECHO | termios.ICANON


def test_on_a_terminal_without_room_nothing_is_painted_before_the_console(tmp_path: Path) -> None:
    fill(tmp_path / "home")
    with console(tmp_path / "home", columns=80, rows=6) as terminal:
        terminal.wait_for("too small")
        assert b"starting" not in bytes(terminal.raw)
        terminal.press("ctrl+q")
        assert terminal.wait_end() == 0

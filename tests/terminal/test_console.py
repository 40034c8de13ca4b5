"""The console in a real terminal, against the simulator: the main job by keys alone, and whatever a terminal can do to it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from cache.clock import SystemClock
from cache.journal import Journal
from tests.terminal.terminal import Terminal

DEMO = [sys.executable, "-m", "console", "--demo", "--home"]


def environ(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "MDE_CONSOLE_HOME": str(home), "TEXTUAL_ANIMATIONS": "none"}


def demo(home: Path, columns: int = 80, rows: int = 24, **more: str) -> Terminal:
    return Terminal([*DEMO, str(home)], columns=columns, rows=rows, environ={**environ(home), **more})


def signed_in(terminal: Terminal) -> None:
    """Through the device code to the first reading of everything."""
    terminal.wait_for("/devicelogin", "Enter")
    terminal.wait_for("Contoso Web", timeout=60)
    terminal.wait_for("34: ", timeout=60)


def choose(terminal: Terminal, words: str, whole: str) -> None:
    """Choose the one subscription that a filter leaves."""
    terminal.press("1")
    terminal.wait_for("Subscription▲")
    terminal.press("/", words, "enter")
    terminal.wait_for(whole, "1 of 12")
    terminal.press("c")
    terminal.wait_for(f"✓ {whole}")
    terminal.press("escape")
    terminal.wait_for("12 of 12", gone="filter “")


def enable(terminal: Terminal, name: str, write: str) -> None:
    """Plan, confirm by typing the name, and see Azure's confirmation."""
    terminal.press("3")
    terminal.wait_for("Enable for Linux machines", name)
    terminal.press("e")
    terminal.wait_for("Read it whole", write, timeout=60)
    terminal.press("a")
    terminal.wait_for("To confirm, type", "Cancel")
    terminal.press(name, "enter")
    terminal.wait_for("confirmed: Azure was read back", timeout=60)


def journals(home: Path) -> list[tuple[str, str, str]]:
    """Every finished change in the journal of a home: action, target, outcome; the chain must hold."""

    (folder,) = {path.parent for path in home.rglob("journal.db")}

    async def read() -> list[tuple[str, str, str]]:
        journal = await Journal.open(folder, SystemClock())
        try:
            assert (await journal.verify())[0]
            return [(one.action, one.target, one.outcome) for one in await journal.entries() if one.outcome != "started"]
        finally:
            await journal.close()

    return asyncio.run(read())


def test_a_device_code_is_shown_over_the_remembered_fleet_too(tmp_path: Path) -> None:
    for _ in range(2):
        with demo(tmp_path) as terminal:
            signed_in(terminal)
            terminal.press("q")
            assert terminal.wait_end() == 0


@pytest.mark.slow
def test_the_main_job_is_walked_with_keys_alone_at_80_by_24(tmp_path: Path) -> None:
    with demo(tmp_path) as terminal:
        signed_in(terminal)
        choose(terminal, "retail", "Contoso Retail [prod]")
        terminal.press("2")
        terminal.wait_for("Linux machines are included", "fail")
        enable(terminal, "Contoso Retail [prod]", "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW: true → false")
        terminal.press("4")
        terminal.wait_for("onboarded", "of 21", timeout=60)
        choose(terminal, "research", "Contoso Research")
        enable(terminal, "Contoso Research", "WDATP: not set → true")
        terminal.press("4")
        terminal.wait_for("● onboarded", "of 17", timeout=90)
        terminal.press("1")
        terminal.wait_for("Subscription▲")
        terminal.press("C")
        terminal.wait_for("none chosen")
        terminal.press("5")
        terminal.wait_for("Severity", "○ active", "open", timeout=30)
        terminal.press("/", "retail", "enter")
        terminal.wait_for("filter “retail”")
        terminal.press("o")  # of an open one, where there is the right to close it
        terminal.wait_for("open only")
        terminal.press("v")
        terminal.wait_for("set to Resolved", timeout=30)
        terminal.press("q")
        assert terminal.wait_end() == 0
    done = journals(tmp_path)
    puts = [(target.split("/")[-1], outcome) for action, target, outcome in done if action == "put-setting"]
    assert puts == [("WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", "confirmed"), ("WDATP", "confirmed")]
    assert [outcome for action, _, outcome in done if action == "set-alert-status"] == ["confirmed"]


FORBIDDEN = re.compile(
    r"\x1b\]52|\x1b\]8;|\x1b\]0;pwn|\x1b\]2;pwn|[\x80-\x9f]|\x1bP(?!tmux)|\x1b\[2J\x1b\[H pwned"
    r"|[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]"
)


@pytest.mark.slow
def test_hostile_text_reaches_no_byte_of_any_screen(tmp_path: Path) -> None:
    with demo(tmp_path, 140, 45) as terminal:
        signed_in(terminal)
        for key, wanted in (
            ("2", "Checklist"),
            ("3", "chosen"),
            ("4", "Reason"),
            ("5", "Severity"),
            ("R", "All four"),
            ("8", "audit trail"),
            ("9", "Log"),
            ("0", "Overview"),
            ("1", "Subscription▲"),
        ):
            terminal.press(key)
            terminal.wait_for(wanted)
            terminal.press("end", "home", "pagedown")
        terminal.press("5")
        terminal.wait_for("Severity")
        for _ in range(6):
            terminal.press("enter")
            terminal.wait_for("Esc goes back")
            terminal.press("pagedown")
            terminal.press("escape")
            terminal.wait_for("Severity", gone="Esc goes back")
            terminal.press("down")
        terminal.press("4")
        terminal.wait_for("Reason")
        for _ in range(6):
            terminal.press("enter")
            terminal.wait_for("Esc goes back")
            terminal.press("pagedown")
            terminal.press("escape")
            terminal.wait_for("Reason", gone="Esc goes back")
            terminal.press("pagedown")
        terminal.press("q")
        assert terminal.wait_end() == 0
        written = terminal.raw.decode("utf-8", "replace")
    assert not FORBIDDEN.search(written), FORBIDDEN.search(written)


def test_a_tiny_terminal_gets_a_sentence_and_the_screen_comes_back(tmp_path: Path) -> None:
    with demo(tmp_path, 20, 5) as terminal:
        terminal.resize(80, 24)
        signed_in(terminal)
        terminal.resize(20, 5)
        terminal.wait_for("This terminal is too", "q leaves")
        terminal.resize(80, 24)
        terminal.wait_for("Contoso Web")
        terminal.press("q")
        assert terminal.wait_end() == 0


@pytest.mark.parametrize("moment", ["Enter", "Contoso Web"])
def test_ctrl_c_leaves_at_any_moment_and_the_terminal_is_as_it_was(tmp_path: Path, moment: str) -> None:
    with demo(tmp_path) as terminal:
        terminal.wait_for(moment, timeout=60)
        terminal.press("ctrl+c")
        assert terminal.wait_end() in (0, 130)
        written = terminal.raw.decode("utf-8", "replace")
        assert "Traceback" not in written
        assert written.rfind("\x1b[?1049l") > written.rfind("\x1b[?1049h")
        assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")


def test_a_dropped_ssh_session_ends_the_console_and_its_simulator(tmp_path: Path) -> None:
    with demo(tmp_path) as terminal:
        terminal.wait_for("Enter", timeout=60)
        children = _children(terminal.process.pid)
        assert children
        os.kill(terminal.process.pid, signal.SIGHUP)
        terminal.wait_end()
        for _ in range(100):
            if not any(Path(f"/proc/{child}").exists() for child in children):
                break
            time.sleep(0.05)
        assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_mistake_in_the_rules_file_is_told_with_its_line_and_the_console_goes_on(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('# 1\n# 2\n# 3\n# 4\n# 5\n[[rule]]\nlayers = "extension"\n')
    with demo(tmp_path, columns=180, rows=40) as terminal:
        signed_in(terminal)
        terminal.press("9")
        terminal.press("/", "layers", "enter")  # the line under the cursor is told in full
        terminal.wait_for("rules.toml, line 7, column 1", "“layers” is not part of a rule")
        terminal.press("q")
        assert terminal.wait_end() == 0


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(one) for one in (task / "children").read_text().split()]
    return found

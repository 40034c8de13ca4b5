"""The console at the far end of a line of 200 ms and 64 kbit/s, over a cache of thousands of machines: rows come, keys are answered,
and what they cost in bytes stays small."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from benchmarks import product
from tests.terminal.slow import SlowTerminal
from tests.terminal.terminal import Terminal

pytestmark = pytest.mark.slow

MACHINES = 5_000
FOUND = "slow line"
LINE_OF_TEXT = 700
"""Bytes within which a cursor key is answered: two lines of the table, repainted."""

PAGE_OF_TEXT = 5_000
"""Bytes within which a page is painted at 80×24."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with thousands of machines, and a cloud that does not answer."""
    folder = tmp_path_factory.mktemp("slow")
    asyncio.run(product.seed(folder / "home", product.write_cloud(folder), MACHINES, 500))
    return folder


def arguments(filled: Path, *more: str) -> list[str]:
    return [sys.executable, *product.console_arguments(filled / "home", filled / "bench.toml"), *more]


def environ(filled: Path) -> dict[str, str]:
    return {"HOME": str(filled), "MDE_CONSOLE_HOME": str(filled / "home")}


def slow(filled: Path, *more: str, columns: int = 80, rows: int = 24) -> SlowTerminal:
    return SlowTerminal(arguments(filled, *more), columns=columns, rows=rows, environ=environ(filled))


def cost(terminal: SlowTerminal, *keys: str) -> int:
    """Bytes that come until the line is quiet again after some keys."""
    before = len(terminal.raw)
    terminal.press(*keys)
    terminal.rest()
    return len(terminal.raw) - before


def ready(terminal: SlowTerminal) -> None:
    """The rows are there, the mode is on, what was told about the sign-in is gone, and nothing more comes."""
    terminal.wait_for("✗ failed", f"{MACHINES:,} of {MACHINES:,}", FOUND, timeout=60)
    terminal.wait_for("not signed in", timeout=60)
    terminal.rest(2.0)
    terminal.wait_for(FOUND, gone="bearer token")
    terminal.rest()


def ageless(text: str) -> str:
    """A screen without the age of its data, which may move on between two looks at it."""
    return re.sub(r"\bdata \S+ old", "data old", text)


def cursor(terminal: Terminal) -> str:
    """The text of the reversed line."""
    screen = terminal.screen
    found = [y for y in range(1, screen.lines - 1) if screen.buffer[y][3].reverse and screen.buffer[y][30].reverse]
    return "\n".join(screen.display[y].rstrip() for y in found)


def test_a_slow_line_is_found_by_its_answers_and_each_key_then_costs_few_bytes(filled: Path) -> None:
    with slow(filled) as terminal:
        ready(terminal)
        first = cursor(terminal)
        assert cost(terminal, "down") <= LINE_OF_TEXT
        assert cursor(terminal) != first
        assert cost(terminal, "pagedown") <= PAGE_OF_TEXT
        assert cost(terminal, "home") <= PAGE_OF_TEXT
        assert cursor(terminal) == first
        terminal.press("9")
        terminal.wait_for("The terminal answers a")
        terminal.press("q")
        assert terminal.wait_end() == 0


def test_with_the_flag_no_more_is_painted_than_the_line_carries(filled: Path) -> None:
    """A key that is held down: pages that would be past before they came are left out, and the last one comes."""
    with slow(filled, "--slow-line") as terminal:
        ready(terminal)
        first = cursor(terminal)
        assert cost(terminal, *["pagedown"] * 40) <= 8 * PAGE_OF_TEXT
        assert cursor(terminal) != first
        assert cost(terminal, *["pageup"] * 40) <= 8 * PAGE_OF_TEXT
        assert cursor(terminal) == first
        terminal.press("q")
        assert terminal.wait_end() == 0


def test_fast_typing_arrives_in_order_and_no_answer_of_the_terminal_among_it(filled: Path) -> None:
    """The letters are on their way while the console still measures the line."""
    with slow(filled) as terminal:
        terminal.wait_for("✗ failed", timeout=60)
        terminal.press("/", *"web-prod")
        terminal.wait_for("web-prod", FOUND, timeout=60)
        terminal.rest(3.0)
        text = terminal.wait_for("web-prod", gone="bearer token")
        assert text.splitlines()[1].strip() == "web-prod"
        assert "1;1R" not in text
        assert "web-prod-cl" in text  # a name that is cut keeps its beginning
        assert "sql-prod" not in text
        terminal.press("escape")
        terminal.wait_for(f"{MACHINES:,} of {MACHINES:,}")
        terminal.press("q")
        assert terminal.wait_end() == 0


def test_a_resize_while_scrolling_leaves_the_screen_that_a_whole_repaint_would(filled: Path) -> None:
    with slow(filled) as terminal:
        ready(terminal)
        for columns, rows in ((100, 30), (60, 20), (130, 12), (80, 24)):
            terminal.press(*["pagedown"] * 5, *["down"] * 3)
            terminal.resize(columns, rows)
        terminal.rest(3.0)
        shown, at = ageless(terminal.text), cursor(terminal)
        assert len(at.splitlines()) == 1
        terminal.resize(81, 24)
        terminal.rest()
        terminal.resize(80, 24)
        terminal.rest()
        assert (ageless(terminal.text), cursor(terminal)) == (shown, at)
        terminal.press("q")
        assert terminal.wait_end() == 0


def test_leaving_waits_for_answers_that_would_be_typed_into_the_shell(filled: Path) -> None:
    """A shell stays on the terminal and shows what it gets to read afterwards."""
    shell = '"$@"; echo left $?; stty -icanon -echo min 0 time 10; got=$(dd bs=64 count=1 2>/dev/null | od -An -c); echo "read:<$got>"'
    with SlowTerminal(["sh", "-c", shell, "sh", *arguments(filled)], environ=environ(filled)) as terminal:
        ready(terminal)
        terminal.press("down", "down", "q")
        terminal.wait_for("left 0", "read:<>")
        assert terminal.wait_end() == 0
        written = terminal.raw.decode("utf-8", "replace")
    assert written.rfind("\x1b[?1049l") > max(written.rfind("\x1b[?1049h"), written.rfind("\x1b[6n"))
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")
    for mode in ("1000", "1003", "2004", "1004"):
        assert written.rfind(f"\x1b[?{mode}l") > written.rfind(f"\x1b[?{mode}h"), mode


class Mute(Terminal):
    """A terminal that answers nothing."""

    def _answer(self, question: bytes) -> None:
        pass


def test_a_terminal_that_does_not_answer_is_not_taken_for_slow(filled: Path) -> None:
    with Mute(arguments(filled, "--slow-line"), environ=environ(filled)) as terminal:
        terminal.wait_for("✗ failed", f"{MACHINES:,} of {MACHINES:,}", FOUND)
        first = cursor(terminal)
        terminal.press("end")
        terminal.wait_for("healthy", gone=first)
        terminal.press("q")
        assert terminal.wait_end() == 0
    with Mute(arguments(filled), environ=environ(filled)) as terminal:
        terminal.wait_for("✗ failed", f"{MACHINES:,} of {MACHINES:,}")
        terminal.press("end")
        terminal.wait_for("healthy", gone=first)
        assert FOUND not in terminal.text
        terminal.press("q")
        assert terminal.wait_end() == 0

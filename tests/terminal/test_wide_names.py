"""Names that are hard on a terminal, in a real one: every line is as wide as the terminal, and columns stay where they are."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cache.activity import Activity
from cache.model import MachineState
from console.session import open_cache, remember, set_up
from screens.desk import Desk, Session
from screens.words import ALERT_STATUSES, SEVERITIES, STATE_SHAPES
from tests.screens.stage import (
    ALL_ON,
    PRINCIPAL,
    TENANT,
    a_machine,
    a_subscription,
    an_alert,
    an_onboarding,
    put_alerts,
    put_machines,
    put_subscriptions,
)
from tests.terminal.terminal import Terminal

# Left out is that of which terminals do not agree how wide it is: flags, and the vowel signs of Indic scripts.
NAMES = (
    "漢" * 200,
    "🚀🦊" * 100,
    "قاعدة" * 40,
    "e\u0301" * 200,
    "z\u0335\u0336\u0337\u0338a\u034f" * 60,
    "x漢" * 100,
    "ｆｕｌｌ－ｗｉｄｔｈ" * 20,
    "👩\u200d💻\u200d👩\u200d👧-🏳\ufe0f\u200d🌈" * 20,
    "한국어" * 60,
    "\u202eevil\u2066" * 30,
    "plain",
)
CLOUD = "\n".join(
    (
        'name = "Nowhere"',
        *(f'{one} = "https://127.0.0.1:9"' for one in ("authority", "resource_manager", "audience", "azure_portal", "defender_portal")),
    )
)


async def seeded(home: Path) -> list[str]:
    """A home with machines, alerts and subscriptions of these names; the command that opens it without a sign-in."""
    cloud = home / "nowhere.toml"
    cloud.write_text(CLOUD)
    setup = set_up(home=str(home), cloud=str(cloud), method="token", tenant=TENANT, only=(), read_only=False, environ={})
    remember(setup, TENANT, PRINCIPAL)
    fleet, journal = await open_cache(setup, TENANT, PRINCIPAL)
    desk = Desk(fleet, journal, setup.clock, Activity(setup.clock), Session("Nowhere", TENANT, PRINCIPAL), home, timedelta(minutes=30))
    try:
        named = [a_subscription(100 + place, name) for place, name in enumerate(NAMES)]
        await put_subscriptions(desk, [a_subscription(ALL_ON, NAMES[0]), *named])
        machines = [a_machine(name, ALL_ON, os_name=name, resource_group=name) for name in NAMES]
        await put_machines(desk, [(one, an_onboarding(one, MachineState.FAILED, reason=one.name)) for one in machines])
        await put_alerts(desk, [an_alert(f"alert-{place}", one, title=one.name) for place, one in enumerate(machines)])
    finally:
        await fleet.close()
        await journal.close()
    return [sys.executable, "-m", "console", "--home", str(home), "--cloud", str(cloud), "--auth", "token", "--screen", "machines"]


def cells(terminal: Terminal, y: int) -> list[str]:
    """What stands in each cell of a line; behind a wide character lies an empty one."""
    with terminal._lock:
        return [terminal.screen.buffer[y][x].data for x in range(terminal.screen.columns)]


def lines_of(terminal: Terminal, header: str, number: int) -> tuple[int, list[list[str]]]:
    """Where ``header`` begins in the line of titles, and the cells of the ``number`` lines below it."""
    text = terminal.text.split("\n")
    top = next(y for y, line in enumerate(text) if header in line)
    assert text[top].isascii() or text[top].rstrip("▲▼ ").isprintable()
    return text[top].index(header), [cells(terminal, y) for y in range(top + 1, top + 1 + number)]


def aligned(terminal: Terminal, header: str, shapes: set[str], number: int = len(NAMES)) -> None:
    """In every line the column under ``header`` begins with one of ``shapes``, behind a blank; no character is cut in two."""
    at, lines = lines_of(terminal, header, number)
    for line in lines:
        assert line[at] in shapes, (header, "".join(line))
        assert line[at - 1] == " ", (header, "".join(line))
        assert len(line) == terminal.screen.columns
        for here, behind in zip(line, [*line[1:], "."], strict=True):
            assert here or behind, "no cell is left over from half a character"


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (141, 45)])
async def test_columns_stay_aligned_whatever_the_names_are(tmp_path: Path, columns: int, rows: int) -> None:
    command = await seeded(tmp_path)
    environ = {"HOME": str(tmp_path), "TEXTUAL_ANIMATIONS": "none", "MDE_CONSOLE_TOKEN": ""}
    with Terminal(command, columns=columns, rows=rows, environ=environ) as terminal:
        terminal.wait_for("11 of 11", "plain", timeout=60)
        states = {shape for shape, _ in STATE_SHAPES.values()}
        aligned(terminal, "State", states)
        terminal.press("down", "end", "home")
        aligned(terminal, "State", states)
        terminal.press("5")
        terminal.wait_for("11 of 11 alerts", timeout=30)
        aligned(terminal, "Severity", {shape for _, shape, _ in SEVERITIES.values()})
        aligned(terminal, "Status", {shape for shape, _, _ in ALERT_STATUSES.values()})
        terminal.press("1")
        terminal.wait_for("12 of 12")
        aligned(terminal, "Linux", {"●"})
        terminal.press("*", "c", "3")
        terminal.wait_for("12 subscriptions chosen, no plan yet", "12 unplanned")  # the whole frame
        aligned(terminal, "Status", {"·"}, 5)
        aligned(terminal, "Change", {"i"}, 5)
        terminal.press("q")
        assert terminal.wait_end() == 0
        assert "\u202e" not in terminal.raw.decode("utf-8", "replace")

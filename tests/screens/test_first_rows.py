"""The first rows as text: within the screen whatever its size, clean whatever the names, and without colours where none are wanted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cache.model import MachineRow, MachineState
from cache.text import clean
from screens.first_rows import first_rows, room
from screens.words import SMALLEST

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SGR = re.compile(r"\x1b\[\d*m")


def row(name: str, state: MachineState = MachineState.FAILED) -> MachineRow:
    return MachineRow(
        id=f"/{name}",
        name=name,
        kind="vm",
        subscription_id="s",
        subscription_name="Sales",
        resource_group="rg",
        location="westeurope",
        os_type="Linux",
        os_name="ubuntu",
        power="running",
        state=state,
        reason="it failed",
        since=NOW - timedelta(hours=3),
        due=None,
        extension=None,
        diagnosis=None,
        as_of=NOW,
    )


def test_the_first_rows_tell_name_state_reason_and_how_old_they_are() -> None:
    lines = [SGR.sub("", line) for line in first_rows([row("web-1"), row("web-2")], 1204, NOW - timedelta(minutes=5), NOW, 100, 24)]
    assert "Machine" in lines[1]
    assert "web-1" in lines[2]
    assert "✗ failed" in lines[2]
    assert "it failed" in lines[3]
    assert "1,204 machines as they were 5m ago" in lines[-1]


def test_without_colours_only_weight_and_reversal_are_left() -> None:
    lines = first_rows([row("a"), row("b")], 2, NOW, NOW, 100, 24, colours=False)
    assert set(SGR.findall("".join(lines))) <= {"\x1b[0m", "\x1b[1m", "\x1b[7m"}


@given(
    st.lists(st.text(max_size=300).map(clean), max_size=60),
    st.integers(min_value=SMALLEST[0], max_value=250),
    st.integers(min_value=SMALLEST[1], max_value=70),
)
def test_no_line_is_wider_than_the_screen_and_there_are_no_more_lines_than_it_has(names: list[str], width: int, height: int) -> None:
    lines = first_rows([row(name) for name in names], len(names), NOW, NOW, width, height)
    assert len(lines) <= height
    for line in lines:
        plain = SGR.sub("", line)
        assert "\x1b" not in plain
        assert cell_len(plain) <= width
    assert sum("✗ failed" in line for line in lines[2:]) <= room(width, height)

"""Promises of the screen Onboarding: the wave is read without colour, follows the cache, and each cause leads to its machines."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import MachineState
from cache.wave import Move, Wave, grid, history
from screens.actions import of_scope
from screens.desk import Desk
from screens.onboarding import SPANS, OnboardingScreen
from screens.requests import CopyRequested, GoTo
from screens.wave_plot import AROUND, BLOCKS, COLUMNS, bars, columns, headline, plot
from tests.screens.stage import (
    ALL_ON,
    EXCLUDED,
    NOW,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    advance,
    an_onboarding,
    close_desk,
    open_desk,
    put_machines,
    put_subscriptions,
    settle,
    shown,
    text_of,
)

STATES = [str(state) for state in MachineState]


async def a_wave_goes_by(desk: Desk, machines: int = 24) -> None:
    """All of a subscription wait, then come aboard two at a time every ten minutes; the last three fail."""
    await put_subscriptions(desk, [a_subscription(ALL_ON)])
    fleet = [a_machine(f"web-{number:02}") for number in range(machines)]
    await put_machines(desk, [(one, an_onboarding(one, MachineState.PENDING)) for one in fleet])
    for start in range(0, machines - 6, 2):
        advance(desk, minutes=10)
        two = fleet[start : start + 2]
        await desk.fleet.put_onboardings([an_onboarding(one, MachineState.ONBOARDED, due=None) for one in two])
    await desk.fleet.put_onboardings([an_onboarding(one, MachineState.FAILED) for one in fleet[-3:]])


class WavePicture(Stage):
    """The wave, in a desk of its own: a picture is taken in an event loop of its own."""

    TITLE = "mde-console"

    def __init__(self, folder: Path, theme: str) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]  # both come with the event loop
        self.folder = folder
        self.theme = theme

    async def on_load(self) -> None:
        self.desk = await open_desk(self.folder)
        await a_wave_goes_by(self.desk)
        self.first = OnboardingScreen(self.desk)

    async def on_unmount(self) -> None:
        await close_desk(self.desk)


@pytest.mark.parametrize(("size", "theme"), [(SMALL, "textual-dark"), (WIDE, "textual-light")])
def test_the_wave_looks_as_it_did(snap_compare: Any, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(WavePicture(tmp_path, theme), terminal_size=size, run_before=settle)


@given(st.lists(st.none() | st.integers(0, 200_000), min_size=1, max_size=96), st.integers(1, 3))
def test_bars_fill_their_cells_and_any_number_shows(numbers: list[int | None], height: int) -> None:
    lines = bars(numbers, height)
    assert len(lines) == height
    assert {len(line) for line in lines} == {len(numbers)}
    top = max((one for one in numbers if one), default=0)
    for place, number in enumerate(numbers):
        column = [line[place] for line in lines]
        assert (column[-1] in BLOCKS) == bool(number)
        assert column[-1] == "·" or number != 0
        assert not number or number < top or set(column) == {"█"}


@given(
    st.lists(
        st.builds(Move, st.integers(0, 96), st.sampled_from(["", *STATES]), st.sampled_from(STATES), st.integers(1, 9999)), max_size=30
    ),
    st.dictionaries(st.sampled_from(STATES), st.integers(0, 99_999)),
    st.integers(1, 200),
    st.integers(2, 40),
)
def test_the_plot_keeps_to_its_room_and_names_every_state(moves: list[Move], states: dict[str, int], width: int, height: int) -> None:
    buckets = columns(width)
    begin, step = grid(NOW, timedelta(hours=6), buckets)
    wave = Wave(begin, step, buckets, states, moves, NOW - timedelta(days=1))
    lines = plot(wave, width, height)
    assert len(lines) <= height
    assert all(line.cell_length <= width for line in lines)
    if width >= 80 + AROUND and height > 3:
        told = " ".join(line.plain for line in lines)
        there = history(wave)
        assert all(state in told for state in there) or "…" in told


def test_more_room_shows_more_columns() -> None:
    assert [columns(width) for width in (38, 78, 138, 300)] == [COLUMNS[-1], 48, 96, 96]


def test_the_headline_of_nothing_says_so() -> None:
    begin, width = grid(NOW, timedelta(hours=6), 48)
    text = "\n".join(headline(Wave(begin, width, 48), "6 hours", "", NOW))
    assert "0 of 0 machines aboard" in text
    assert "Rate: not known yet" in text


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_the_wave_is_read_in_words_and_blocks(empty_desk: Desk, size: tuple[int, int]) -> None:
    await a_wave_goes_by(empty_desk)
    app = Stage(empty_desk, OnboardingScreen(empty_desk))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = shown(app)
        assert "18 of 24 machines aboard · 3 on the way · 3 stuck" in text
        assert "Rate: 12 machines an hour" in text
        assert "Expected finish: about 13:45 UTC" in text
        failed, pending, onboarded = (next(line for line in text.splitlines() if word in line) for word in ("✗ failed", "○ pend", "● onb"))
        assert onboarded.split()[-2:] == ["18", "+18"]
        assert pending.split()[-2:] == ["3", "-21"]
        assert failed.split()[-2:] == ["3", "+3"]
        assert "█" in onboarded
        assert "What to do" in text
        assert "Onboarding" in text.splitlines()[0]


async def test_it_follows_the_cache_and_reads_nothing_when_nothing_changed(empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await a_wave_goes_by(empty_desk)
    screen = OnboardingScreen(empty_desk)
    app = Stage(empty_desk, screen)
    read = 0
    wave = empty_desk.fleet.wave

    async def counted(*arguments: Any) -> Wave:
        nonlocal read
        read += 1
        return await wave(*arguments)

    monkeypatch.setattr(empty_desk.fleet, "wave", counted)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert read == 1
        await empty_desk.fleet.add_log("info", "something else")
        await settle(pilot)
        assert read == 1
        last = a_machine("web-20")
        await empty_desk.fleet.put_onboardings([an_onboarding(last, MachineState.ONBOARDED, due=None)])
        await settle(pilot)
        assert read == 2
        assert "19 of 24 machines aboard" in shown(app)
        advance(empty_desk, minutes=8)  # a new column begins
        screen.clock_moved()
        await settle(pilot)
        assert read == 3


async def test_the_time_that_is_shown_is_chosen_by_key(empty_desk: Desk) -> None:
    await a_wave_goes_by(empty_desk)
    app = Stage(empty_desk, OnboardingScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert {action.keys for action in of_scope("onboarding") if action.id.startswith("span")} == {"h", "d", "w"}
        for key, words in zip("dwh", [SPANS[24], SPANS[168], SPANS[6]], strict=True):
            await pilot.press(key)
            await settle(pilot)
            assert f"The last {words}" in shown(app)
            assert "18 of 24" in shown(app)


async def test_each_cause_has_its_remedy_and_leads_to_its_machines(desk: Desk) -> None:
    screen = OnboardingScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert [str(row.state) for row in screen.table.rows] == ["failed", "unhealthy", "overdue", "late", "blocked", "unknown"]
        assert "Remove it, or install Defender for Endpoint by hand in passive mode." in text_of(app, "#hint")
        for row in list(screen.table.rows):
            screen.table.move_to(row.id)
            await pilot.press("enter")
            await pilot.pause()
            asked = app.asked(GoTo)[-1]
            assert (asked.screen, asked.filter_text) == ("machines", row.filter_text)
        await pilot.press("y")
        assert app.asked(CopyRequested)[-1].text == screen.table.rows[-1].remedy


async def test_only_the_chosen_subscriptions_count(desk: Desk) -> None:
    await desk.fleet.select([EXCLUDED])
    app = Stage(desk, OnboardingScreen(desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "0 of 3 machines of 1 chosen subscription aboard" in shown(app)
        assert "No machine is stuck." in shown(app)


async def test_hostile_reasons_are_text(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON)])
    machine = a_machine("web")
    hostile = "[@click=app.quit]x[/] \x1b]52;c;eA==\x07"
    await put_machines(empty_desk, [(machine, an_onboarding(machine, MachineState.BLOCKED, reason=hostile, explanation=hostile))])
    app = Stage(empty_desk, OnboardingScreen(empty_desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "[@click=app.quit]x[/]" in shown(app)
        assert "\x1b" not in shown(app)


async def test_an_empty_fleet_says_what_to_do(empty_desk: Desk) -> None:
    app = Stage(empty_desk, OnboardingScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "press r to read Azure" in shown(app)


async def test_a_wave_that_has_just_begun_promises_nothing(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON)])
    machines = [a_machine(f"web-{number}") for number in range(5)]
    await put_machines(empty_desk, [(one, an_onboarding(one, MachineState.PENDING, due=NOW + timedelta(hours=1))) for one in machines])
    app = Stage(empty_desk, OnboardingScreen(empty_desk))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = " ".join(shown(app).split())
        assert "cannot be said yet, it has been watched for 0 minutes only" in text
        assert "Azure's usual time for the last of them ends 03-01 13:00 UTC" in text


async def test_a_small_terminal_is_no_trouble(desk: Desk) -> None:
    app = Stage(desk, OnboardingScreen(desk))
    async with app.run_test(size=(40, 10)) as pilot:
        await settle(pilot)
        assert "The last 6 hours" in shown(app)
        await pilot.resize_terminal(*WIDE)
        await settle(pilot)
        assert "What to do" in shown(app)

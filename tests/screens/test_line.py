"""Promises of the measuring of the line: slow by the median of its answers, and never by an answer that did not come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from screens.console_screen import SLOW_TICKS
from screens.desk import Desk
from screens.line import AHEAD, ANSWERS, PATIENCE, SLOW, Line, prepare
from screens.log import LogScreen
from screens.words import age, until
from tests.screens.stage import NOW, Stage, advance, settle, shown


@given(st.lists(st.floats(0.0, 5.0), min_size=ANSWERS, max_size=ANSWERS))
def test_a_line_is_slow_when_most_of_its_answers_are(seconds: list[float]) -> None:
    line = Line()
    for now, took in enumerate(seconds):
        assert line.slow is None
        line.ask(now * 10.0)
        line.answer(now * 10.0 + took)
    late = sum(now * 10.0 + took - now * 10.0 > SLOW for now, took in enumerate(seconds))
    assert line.slow is (late > ANSWERS // 2)


@pytest.mark.parametrize("told", [True, False])
def test_what_was_told_is_not_measured_away(told: bool) -> None:
    line = Line(told)
    for now in range(ANSWERS + 1):
        line.ask(now)
        line.answer(now + (0.01 if told else 0.9))
    assert line.slow is told


def test_a_terminal_that_does_not_answer_is_not_slow_and_not_waited_for() -> None:
    line = Line()
    for now in range(AHEAD):
        line.ask(now)
    assert line.full
    assert not line.overdue(PATIENCE)
    assert line.overdue(PATIENCE + 0.1)
    assert (line.waiting, line.full, line.answers, line.slow) == (0, False, False, None)


def test_an_answer_to_no_question_of_ours_tells_nothing() -> None:
    line = Line()
    line.answer(1.0)
    line.ask(2.0)
    assert (line.answers, line.waiting) == (False, 1)


class Talk(RuleBasedStateMachine):
    """Questions and answers in any order: what waits is what was asked and not yet answered, and a verdict stays."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.now = 0.0
        self.waiting = 0
        self.verdict: bool | None = None

    @rule(later=st.floats(0.0, 3.0))
    def ask(self, later: float) -> None:
        self.now += later
        self.line.ask(self.now)
        self.waiting += 1

    @rule(later=st.floats(0.0, 3.0))
    def answer(self, later: float) -> None:
        self.now += later
        self.line.answer(self.now)
        self.waiting = max(0, self.waiting - 1)

    @rule(later=st.floats(0.0, 30.0))
    def look(self, later: float) -> None:
        self.now += later
        if self.line.overdue(self.now):
            self.waiting = 0

    @invariant()
    def holds(self) -> None:
        assert self.line.waiting == self.waiting
        assert self.line.full is (self.waiting >= AHEAD)
        assert self.verdict is None or self.line.slow is self.verdict
        self.verdict = self.line.slow


TestTalk = Talk.TestCase


def test_what_the_user_has_set_for_textual_stays() -> None:
    environ = {"TEXTUAL_FPS": "30"}
    prepare(environ)
    assert environ == {"TEXTUAL_FPS": "30", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}


def test_coarse_ages_count_no_seconds() -> None:
    assert age(NOW, NOW + timedelta(seconds=59), coarse=True) == "<1m"
    assert age(NOW, NOW + timedelta(seconds=61), coarse=True) == "1m"
    assert until(NOW + timedelta(seconds=5), NOW, coarse=True) == "in <1m"


async def test_on_a_slow_line_the_clocks_move_on_once_in_ten_seconds_and_by_minutes(desk: Desk) -> None:
    desk.slow_line = True
    screen = LogScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=(140, 24)) as pilot:
        await settle(pilot)
        assert "data <1m old" in shown(app)
        assert "slow line" in shown(app)
        advance(desk, minutes=3)
        for _ in range(SLOW_TICKS // 2):
            screen._tick()
        await settle(pilot)
        assert "data <1m old" in shown(app)
        for _ in range(SLOW_TICKS):
            screen._tick()
        await settle(pilot)
        assert "data 3m old" in shown(app)

"""Promises of the words: every state, severity and status has a shape and a word, and times read the same everywhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cache import model
from cache.model import CheckStatus, MachineState
from screens import words
from screens.words import (
    ALERT_STATUSES,
    CHECK_SHAPES,
    SEVERITIES,
    STATE_ORDER,
    STATE_SHAPES,
    TONES,
    age,
    alert_status_cell,
    count,
    moment,
    severity_cell,
    severity_shape,
    span,
    until,
)
from tests.screens.stage import NOW


def test_every_state_and_check_status_has_a_shape_of_one_cell_and_a_tone() -> None:
    assert set(STATE_SHAPES) == set(MachineState)
    assert set(CHECK_SHAPES) == set(CheckStatus)
    for shape, tone in [*STATE_SHAPES.values(), *CHECK_SHAPES.values()]:
        assert cell_len(shape) == 1
        assert tone in TONES


def test_no_two_states_share_a_shape() -> None:
    shapes = [shape for shape, _ in STATE_SHAPES.values()]
    assert len(set(shapes)) == len(shapes)


def test_states_are_ordered_worst_first() -> None:
    assert STATE_ORDER["failed"] == 0
    assert max(STATE_ORDER, key=STATE_ORDER.__getitem__) == "healthy"


def test_an_unknown_severity_or_status_is_shown_as_it_is() -> None:
    assert severity_cell("Critical") == ("? Critical", "warn")
    assert severity_shape("Critical")[0] == severity_shape("Medium")[0]
    assert alert_status_cell("Snoozed") == ("? Snoozed", "warn")
    assert severity_cell("") == ("? not told", "warn")
    assert {tone for _, _, tone in SEVERITIES.values()} | {tone for _, _, tone in ALERT_STATUSES.values()} <= set(TONES)


@pytest.mark.parametrize(
    ("seconds", "word"),
    [(-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (47 * 3600, "47h"), (48 * 3600, "2d"), (9e6, "104d")],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, word: str) -> None:
    assert span(seconds) == word


@given(st.floats(-1e9, 1e9))
def test_ages_are_short_and_a_clock_ahead_does_not_matter(seconds: float) -> None:
    then = NOW - timedelta(seconds=seconds)
    assert len(age(then, NOW)) <= 6
    assert until(then, NOW).startswith("in ") or until(then, NOW).endswith(" ago")


def test_times_that_are_not_known_say_so() -> None:
    assert age(None, NOW) == until(None, NOW) == "–"
    assert moment(None) == "not known"
    assert moment(NOW) == "2026-03-01 12:00 UTC"


def test_counts_speak_english() -> None:
    assert [count(number, "machine") for number in (0, 1, 1204)] == ["0 machines", "1 machine", "1,204 machines"]
    assert count(2, "entry", "entries") == "2 entries"


def test_the_orders_of_the_words_are_those_of_the_model() -> None:
    assert tuple(words.SEVERITIES) == model.SEVERITIES
    assert [rank for rank, _, _ in words.SEVERITIES.values()] == [*range(len(model.SEVERITIES))]
    assert tuple(words.ALERT_STATUSES) == model.ALERT_STATUSES
    assert set(words.STATE_SHAPES) == set(model.MachineState)

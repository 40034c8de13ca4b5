"""A machine's clock only moves forward, and says the same as its state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.machine_clock import EXPECTED, EXPECTED_FIRST, LATE_FIRST, OVERDUE, Pace, machine_clock
from cache.model import MachineState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORDER = list(Pace)
WAITED_FOR = [MachineState.PENDING, MachineState.LATE, MachineState.OVERDUE, MachineState.INSTALLING]
minutes = st.integers(-3 * 24 * 60, 3 * 24 * 60).map(lambda number: NOW + timedelta(minutes=number))


@given(st.sampled_from(WAITED_FOR), st.sampled_from(["", LATE_FIRST]), minutes, st.none() | minutes, st.lists(minutes, min_size=2))
def test_time_moves_the_clock_only_forward(
    state: MachineState, reason: str, since: datetime, due: datetime | None, times: list[datetime]
) -> None:
    told = [machine_clock(state, reason, since, due, now) for now in sorted(times)]
    for before, after in zip(told, told[1:], strict=False):
        assert before is not None
        assert after is not None
        assert before.began == after.began <= after.expected == before.expected <= after.overdue == before.overdue
        assert ORDER.index(before.pace) <= ORDER.index(after.pace)
        assert before.pace is not after.pace or before.by <= after.by
    for one, now in zip(told, sorted(times), strict=True):
        assert one is not None
        assert one.by >= timedelta(0)
        assert (one.pace is Pace.ON_TIME) == (now < one.expected)
        assert (one.pace is Pace.OVERDUE) == (now >= one.overdue)
        assert one.next is None or one.next > now


@given(st.sampled_from(MachineState), st.none() | minutes, st.none() | minutes, minutes)
def test_only_what_is_on_its_way_has_a_clock(state: MachineState, since: datetime | None, due: datetime | None, now: datetime) -> None:
    assert (machine_clock(state, "", since, due, now) is not None) == (state in WAITED_FOR and since is not None)


@pytest.mark.parametrize(
    ("state", "reason", "due", "waited", "pace", "by"),
    [
        (MachineState.PENDING, "", EXPECTED, timedelta(minutes=59), Pace.ON_TIME, timedelta(0)),
        (MachineState.PENDING, "", EXPECTED_FIRST, timedelta(hours=11), Pace.ON_TIME, timedelta(0)),
        (MachineState.LATE, "", OVERDUE, timedelta(hours=3), Pace.LATE, timedelta(hours=2)),
        (MachineState.LATE, LATE_FIRST, OVERDUE, timedelta(hours=13), Pace.LATE, timedelta(hours=1)),
        (MachineState.OVERDUE, "", None, timedelta(hours=30), Pace.OVERDUE, timedelta(hours=6)),
        (MachineState.INSTALLING, "", EXPECTED, timedelta(hours=2), Pace.LATE, timedelta(hours=1)),
    ],
)
def test_by_how_much(state: MachineState, reason: str, due: timedelta | None, waited: timedelta, pace: Pace, by: timedelta) -> None:
    told = machine_clock(state, reason, NOW, None if due is None else NOW + due, NOW + waited)
    assert told is not None
    assert (told.pace, told.by) == (pace, by)

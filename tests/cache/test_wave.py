"""The wave is reckoned backwards from now, from the changes that were seen; nothing is foretold from too little; every stuck machine is in
one group, whose filter finds exactly its machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.clock import ManualClock
from cache.fields import MACHINE_FIELDS
from cache.filter_language import parse
from cache.fleet import FleetCache
from cache.index import MachineIndex, Question
from cache.model import Diagnosis, Machine, MachineState, Onboarding, Subscription
from cache.values import microseconds
from cache.wave import FEWEST_ARRIVALS, RATE_WINDOW, SHORTEST_WINDOW, STUCK, Held, Move, Wave, causes, grid, history, outlook
from tests.listed import list_machines

NOW = datetime(2026, 3, 1, 12, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE, TWO = "11111111-2222-3333-4444-555555555551", "11111111-2222-3333-4444-555555555552"
STATES = [str(state) for state in MachineState]


def a_wave(**changes: object) -> Wave:
    begin, width = grid(NOW, 6 * HOUR, 36)
    values: dict[str, object] = {"watched": NOW - 24 * HOUR, "arrivals_since": NOW - RATE_WINDOW}
    return Wave(begin, width, 36, **(values | changes))  # type: ignore[arg-type]


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)), st.integers(1, 1000), st.sampled_from([12, 48, 96])
)
def test_now_lies_in_the_last_bucket_and_buckets_stay_where_they_are(now: datetime, hours: int, buckets: int) -> None:
    begin, width = grid(now, timedelta(hours=hours), buckets)
    assert begin + width * (buckets - 1) <= now < begin + width * buckets
    again, same = grid(now + width, timedelta(hours=hours), buckets)
    assert (again, same) == (begin + width, width)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["", *STATES]), st.sampled_from(STATES)), max_size=60), st.data())
def test_what_was_so_is_what_is_so_now_less_what_has_changed_since(changes: list[tuple[int, str, str]], data: st.DataObject) -> None:
    """Machines are played forwards through the changes that are possible; reckoned backwards, the same numbers come out."""
    state: Counter[str] = Counter(data.draw(st.dictionaries(st.sampled_from(STATES), st.integers(0, 5))))
    moves, expected = [], []
    for bucket in range(10):
        for at, before, after in changes:
            if at == bucket and before != after and (not before or state[before]):
                state[before] -= bool(before)
                state[after] += 1
                moves.append(Move(bucket, before, after, 1))
        expected.append(dict(state))
    wave = Wave(NOW - HOUR, HOUR / 10, 10, {key: number for key, number in state.items() if key}, moves, NOW - 2 * HOUR)
    told = history(wave)
    assert all(any(numbers) for numbers in told.values())
    for place, numbers in enumerate(expected):
        for name in STATES:
            assert (told[name][place] if name in told else 0) == numbers.get(name, 0)


def test_before_anybody_watched_nothing_is_told() -> None:
    wave = a_wave(states={"onboarded": 4}, moves=[Move(30, "", "onboarded", 4)], watched=NOW - HOUR)
    (numbers,) = history(wave).values()
    assert numbers[:29] == [None] * 29
    assert numbers[-6:] == [4] * 6


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"watched": None}, "no change has been seen"),
        ({"arrivals_since": NOW - SHORTEST_WINDOW / 2, "arrivals": 50, "states": {"pending": 9}}, "7 minutes only"),
        ({"arrivals": 50, "states": {"onboarded": 9}}, "no machine is on the way"),
        ({"arrivals": 0, "states": {"pending": 9}}, "no machine came aboard in the last 3 hours"),
        ({"arrivals": FEWEST_ARRIVALS - 1, "states": {"pending": 9}}, "only 2 came aboard"),
        ({"arrivals": 3, "states": {"pending": 90_000}}, "more than two months"),
    ],
)
def test_no_finish_is_foretold_from_too_little_and_it_says_why(changes: dict[str, object], why: str) -> None:
    seen = outlook(a_wave(**changes), NOW)
    assert seen.finish is None
    assert why in seen.why


def test_the_finish_is_what_is_left_at_the_rate_of_the_last_hours() -> None:
    seen = outlook(a_wave(arrivals=60, states={"pending": 30, "installing": 10, "failed": 7}), NOW)
    assert seen.per_hour == 20
    assert seen.finish == NOW + 2 * HOUR


def test_the_rate_is_over_the_time_that_was_watched() -> None:
    assert outlook(a_wave(arrivals=30, states={"late": 1}, arrivals_since=NOW - HOUR), NOW).per_hour == 30


@given(st.integers(0, 10_000), st.integers(0, 200_000), st.timedeltas(timedelta(0), timedelta(days=9)))
def test_a_finish_never_lies_in_the_past(arrivals: int, left: int, watched: timedelta) -> None:
    seen = outlook(a_wave(arrivals=arrivals, states={"pending": left}, arrivals_since=NOW - watched), NOW)
    assert (seen.finish is None) == bool(seen.why)
    assert seen.finish is None or seen.finish > NOW


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)
HELD = st.builds(
    Held,
    st.sampled_from(list(MachineState)),
    TEXT,
    TEXT,
    st.none() | st.builds(Diagnosis, st.sampled_from(["unknown", "fanotify-conflict", "no-python"]), TEXT, TEXT),
    st.integers(1, 50),
)


@given(st.lists(HELD, max_size=20))
def test_every_stuck_machine_is_counted_in_one_group(held: list[Held]) -> None:
    found = causes(held)
    assert sum(one.machines for one in found) == sum(one.machines for one in held if one.state in STUCK)
    assert len({one.id for one in found}) == len(found)
    assert all(one.remedy for one in found)
    assert [STUCK.index(one.state) for one in found] == sorted(STUCK.index(one.state) for one in found)
    for one in found:
        parse(one.filter_text, MACHINE_FIELDS)


# In the file


def a_machine(number: int, subscription: str = ONE) -> Machine:
    whole = f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-{number}"
    return Machine(whole, f"vm-{number}", "vm", subscription, "rg", "westeurope", "Linux")


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[FleetCache]:
    async with await FleetCache.open(tmp_path, ManualClock(NOW - 5 * HOUR)) as opened:
        await opened.put_subscriptions([Subscription(one, one[-1], "Enabled", "t") for one in (ONE, TWO)], complete=True)
        for one in (ONE, TWO):
            await list_machines(opened, one, [a_machine(number, one) for number in range(6)], "s")
            await opened.finish_listing((one,), "s")
        yield opened


async def become(fleet: FleetCache, state: MachineState, *machines: Machine, hours: float = 0, **more: object) -> None:
    """Time goes on, then machines come into a state."""
    clock = fleet._clock
    assert isinstance(clock, ManualClock)
    clock.advance(hours=hours)
    values: dict[str, object] = {"reason": f"why {state}", "explanation": f"what to do when {state}"} | more
    await fleet.put_onboardings([Onboarding(one.id, state, **values) for one in machines])  # type: ignore[arg-type]


async def test_the_file_tells_the_wave_of_all_or_of_some_subscriptions(fleet: FleetCache) -> None:
    ones, twos = ([a_machine(number, one) for number in range(6)] for one in (ONE, TWO))
    await become(fleet, MachineState.PENDING, *ones, *twos, due=NOW + HOUR)
    await become(fleet, MachineState.ONBOARDED, *ones[:2], hours=1)
    await become(fleet, MachineState.ONBOARDED, *ones[2:5], twos[0], hours=3)
    await become(fleet, MachineState.FAILED, ones[5], hours=0.5)
    wave = await fleet.wave(NOW, 6 * HOUR, 36, None)
    assert wave.states == {"pending": 5, "onboarded": 6, "failed": 1}
    assert (wave.arrivals, wave.on_the_way, wave.stuck) == (4, 5, 1)
    assert (wave.watched, wave.last_due) == (NOW - 5 * HOUR, NOW + HOUR)
    told = history(wave)
    at = {hours: int((NOW - hours * HOUR - wave.begin) / wave.width) for hours in (4.5, 3, 0)}
    assert [told["pending"][at[one]] for one in (4.5, 3, 0)] == [12, 10, 5]
    assert [told["onboarded"][at[one]] for one in (4.5, 3, 0)] == [0, 2, 6]
    some = await fleet.wave(NOW, 6 * HOUR, 36, [TWO])
    assert some.states == {"pending": 5, "onboarded": 1}
    assert some.arrivals == 1
    assert sum(one.machines for one in some.moves) == 7
    assert (await fleet.wave(NOW, 6 * HOUR, 36, [])).states == {}


async def test_a_machine_that_was_aboard_when_it_was_first_seen_is_no_arrival(fleet: FleetCache) -> None:
    first, second, third = (a_machine(number) for number in range(3))
    await become(fleet, MachineState.ONBOARDED, first)
    await become(fleet, MachineState.UNKNOWN, second)
    await become(fleet, MachineState.ONBOARDED, second, hours=4)
    await become(fleet, MachineState.HEALTHY, first)
    assert (await fleet.wave(NOW, 6 * HOUR, 36)).arrivals == 0
    await become(fleet, MachineState.INSTALLING, third)
    await become(fleet, MachineState.ONBOARDED, third, hours=0.5)
    assert (await fleet.wave(NOW, 6 * HOUR, 36)).arrivals == 1


async def test_the_rate_begins_when_the_wave_did(fleet: FleetCache) -> None:
    ones = [a_machine(number) for number in range(6)]
    await become(fleet, MachineState.NOT_ENABLED, *ones)
    await become(fleet, MachineState.PENDING, *ones, hours=4)
    await become(fleet, MachineState.ONBOARDED, *ones[:4], hours=0.5)
    wave = await fleet.wave(NOW, 6 * HOUR, 36)
    assert (wave.arrivals, wave.arrivals_since) == (4, NOW - HOUR)
    await become(fleet, MachineState.ONBOARDED, *ones[4:], hours=0.25)
    assert (await fleet.wave(NOW, 6 * HOUR, 36)).arrivals_since == NOW - HOUR
    await become(fleet, MachineState.PENDING, a_machine(0, TWO), hours=3)
    await become(fleet, MachineState.PENDING, a_machine(1, TWO), hours=1)
    later = NOW + 4 * HOUR
    wave = await fleet.wave(later, 6 * HOUR, 36)
    assert (wave.arrivals, wave.arrivals_since) == (0, NOW + timedelta(hours=2.75))


async def test_changes_of_the_last_hours_are_found_by_an_index(fleet: FleetCache) -> None:
    plan = await fleet.database.fetch("EXPLAIN QUERY PLAN SELECT before, COUNT(*) FROM events e WHERE e.at >= ?", (microseconds(NOW),))
    assert "events_by_time" in str(plan)


async def test_the_filter_of_a_group_finds_exactly_its_machines(fleet: FleetCache) -> None:
    machines = [a_machine(number, one) for one in (ONE, TWO) for number in range(6)]
    conflict = Diagnosis("fanotify-conflict", "Another product holds fanotify.", "Remove it.")
    other = Diagnosis("unknown", "?", "Read the log.")
    await become(fleet, MachineState.FAILED, *machines[:3], diagnosis=conflict)
    await become(fleet, MachineState.FAILED, *machines[3:5], reason='the "extension" failed (code 77)', diagnosis=other)
    await become(fleet, MachineState.FAILED, machines[5], reason="code 78", diagnosis=other)
    await become(fleet, MachineState.BLOCKED, *machines[6:8], reason="the machine is deallocated")
    await become(fleet, MachineState.BLOCKED, machines[8], reason="the machine is stopped, or: not")
    await become(fleet, MachineState.ONBOARDED, machines[9])
    await become(fleet, MachineState.LATE, machines[10])
    found = causes(await fleet.held())
    assert [(one.state, one.machines) for one in found] == [
        (MachineState.FAILED, 3),
        (MachineState.FAILED, 2),
        (MachineState.FAILED, 1),
        (MachineState.LATE, 1),
        (MachineState.BLOCKED, 2),
        (MachineState.BLOCKED, 1),
        (MachineState.UNKNOWN, 1),
    ]
    wave = await fleet.wave(NOW, HOUR, 12)
    assert wave.stuck + wave.late == sum(one.machines for one in found)
    assert (wave.late, wave.on_the_way) == (1, 1)
    index = MachineIndex(fleet)
    await index.refresh()
    for one in found:
        question = Question((parse("", MACHINE_FIELDS), parse(one.filter_text, MACHINE_FIELDS)), (), None, frozenset())
        assert len((await index.answer(question, NOW)).order) == one.machines, one.filter_text

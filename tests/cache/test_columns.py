"""Promises of the columns: the rows that a question asks for are those of the cache, in order, after any sequence of changes."""

from __future__ import annotations

import asyncio
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

from cache_samples import NOW, OTHER, SUB, machine, subscription
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.clock import ManualClock
from cache.columns import Columns, Dimension
from cache.fields import MACHINE_FIELDS
from cache.filter_language import parse
from cache.fleet import FleetCache
from cache.index import MachineIndex, Order, Question
from cache.model import STATES_WORST_FIRST, MachineRow, MachineState, Onboarding
from tests.listed import list_machines

names = st.lists(st.sampled_from([f"vm-{number}" for number in range(12)]), unique=True, max_size=8)
states = st.sampled_from(list(MachineState))
changes = st.one_of(
    st.tuples(st.just("list"), st.sampled_from((SUB, OTHER)), names),
    st.tuples(st.just("judge"), names, states),
    st.tuples(st.just("power"), names, st.sampled_from(("running", "deallocated"))),
    st.tuples(st.just("rename"), st.just(""), st.sampled_from(("Production", "Test"))),
)
filters = st.sampled_from(
    ("", "vm-1", "state:failed", "-state:failed,late", "power:running sub:prod", "name~1$", "zzz", "os=linux OR vm-2")
)
orders = st.sampled_from(("state", "name", "power", "subscription"))


def wanted(rows: list[MachineRow], text: str, order: str, backwards: bool) -> list[str]:
    """What must be shown, worked out row by row."""
    kept = parse(text, MACHINE_FIELDS)

    def fields(row: MachineRow) -> dict[str, str]:
        return {
            "name": row.name,
            "state": str(row.state),
            "power": row.power,
            "subscription": row.subscription_name or row.subscription_id,
            "os": row.os_type,
        }

    def text_of(row: MachineRow, key: str) -> str:
        return (" ".join(fields(row).values()) if key == "" else fields(row)[key]).casefold()

    def rank(row: MachineRow) -> Any:
        return STATES_WORST_FIRST.index(row.state) if order == "state" else text_of(row, order)

    shown = [row for row in rows if kept.matches(lambda key, row=row: text_of(row, key), lambda key: None)]  # type: ignore[misc]
    shown.sort(key=lambda row: row.name.casefold())
    shown.sort(key=rank, reverse=backwards)
    return [row.name for row in shown]


@settings(max_examples=25, deadline=None)
@given(st.lists(changes, max_size=8), filters, orders, st.booleans())
def test_after_any_changes_the_answer_is_the_filtered_sorted_cache(
    sequence: list[tuple[str, Any, Any]], text: str, order: str, backwards: bool
) -> None:
    async def play(folder: Path) -> None:
        clock = ManualClock(NOW)
        async with await FleetCache.open(folder, clock) as fleet:
            await fleet.put_subscriptions([subscription(SUB, "Production"), subscription(OTHER, "Other")], complete=True)
            index = MachineIndex(fleet)
            for number, (kind, first, second) in enumerate(sequence):
                known = {one.name: one for one in await fleet.machines()}
                match kind:
                    case "list":
                        listed = [machine(f"{name}-{first[:2]}", first) for name in second]
                        await list_machines(fleet, first, listed, str(number))
                        await fleet.finish_listing((first,), str(number))
                    case "judge":
                        await fleet.put_onboardings([Onboarding(one.id, second, "why") for one in known.values() if one.name[:-3] in first])
                    case "power":
                        for one in known.values():
                            if one.name[:-3] in first:
                                await list_machines(fleet, one.subscription_id, [replace(one, power=second)], str(number))
                    case _:
                        renamed = [subscription(SUB, second), subscription(OTHER, "Other")]
                        await fleet.put_subscriptions(renamed, complete=False)
                await index.refresh()
                question = Question((parse(text, MACHINE_FIELDS),), (Order(order, backwards),))
                answer = await index.answer(question, clock.now())
                rows = await fleet.machine_window(list(answer.order))
                found = [rows[key].name for key in answer.order]
                every = await fleet.machine_rows()
                same = wanted(every, text, order, backwards)
                assert sorted(found) == sorted(same)
                if order in ("name", "state"):
                    assert found == same
                assert answer.total == len(every)
                assert sum(group.machines for group in answer.groups) == len(found)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


def test_a_row_costs_little_memory_while_rows_are_put_and_when_they_have_been_searched_and_sorted() -> None:
    count, step = 100_000, 2_000
    columns = Columns({one: Dimension((one,)) for one in ("state", "system", "power", "group", "reason")}, "name", ("since", "due"), {})
    columns.dimensions["state"].put([1, 2], {"state": ["late", "healthy"]})
    tracemalloc.start(1)
    try:
        columns.grow(count + 1)
        for start in range(1, count, step):
            keys = range(start, start + step)
            times = {"since": [key * 1_000_000 for key in keys], "due": [key * 1_000_000 for key in keys]}
            columns.put(keys, [f"web-prod-contoso-{key:06d}" for key in keys], {"state": [1 + key % 2 for key in keys]}, times)
        _, most_while_put = tracemalloc.get_traced_memory()
        found = columns.arrange([parse("web state:late", MACHINE_FIELDS)], [Order("state"), Order("name")], 0)
        lasting, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == count / 2
    assert most_while_put < 150 * count
    assert lasting < 120 * count
    assert most < 250 * count

"""The property that matters most: whatever happens, the table shows exactly the filtered, sorted contents of the cache.

A real cache file, the real screen in a terminal of Textual's; what is painted is compared with what a plain evaluation over the cache says.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import set_cell_size
from textual.pilot import Pilot

from cache.fields import MACHINE_FIELDS
from cache.filter import Filter, FilterError
from cache.filter_language import parse
from cache.model import STATES_WORST_FIRST, Extension, MachineRow, MachineState, Onboarding
from screens.desk import Desk
from screens.machines import MachinesScreen
from screens.widgets import line_table
from screens.widgets.columns import Sorting, lay_out, sorted_first
from screens.widgets.line_table import MARK
from tests.listed import list_machines
from tests.screens.stage import ALL_ON, EXCLUDED, NOW, Stage, a_machine, a_subscription, an_extension, close_desk, open_desk, settle

NAMES = (*(f"web-{number:02}" for number in range(24)), "漢字の名前", "db-🚀-01", "خادم", "e\u0301tude", "vm[/x]", "WEB-upper")
SUBSCRIPTIONS = (ALL_ON, EXCLUDED)
FILTERS = (
    "web",
    "web-1",
    "state:failed",
    "-state:failed,late OR 漢",
    "power:running sub:prod",
    "name~1$",
    "zzz",
    "since>1h",
    "reason:why -é",
    "name=web-01",
    "(state:late OR 🚀) -arc",
    "nosuch:field web",
    '"web-0',
)
KEYS = ("down", "up", "pagedown", "pageup", "home", "end", "j", "G", "space", "asterisk", "V", "s", "S", "o")
ORDERS = ("state", "name", "since", "reason", "power", "subscription", "group", "kind")

some_names = st.lists(st.sampled_from(NAMES), unique=True, max_size=12)
steps = st.one_of(
    st.tuples(st.just("list"), st.sampled_from(SUBSCRIPTIONS), st.lists(st.sampled_from(NAMES), unique=True, max_size=len(NAMES))),
    st.tuples(st.just("judge"), some_names, st.tuples(st.sampled_from(list(MachineState)), st.integers(0, 3))),
    st.tuples(st.just("power"), some_names, st.sampled_from(("running", "deallocated", ""))),
    st.tuples(st.just("rename"), st.sampled_from(SUBSCRIPTIONS), st.sampled_from(("Production", "Test", "[prod] web"))),
    st.tuples(st.just("select"), st.sets(st.sampled_from(SUBSCRIPTIONS)), st.none()),
    st.tuples(st.just("keys"), st.lists(st.sampled_from(KEYS), min_size=1, max_size=5), st.none()),
    st.tuples(st.just("type"), st.sampled_from(FILTERS), st.booleans()),
    st.tuples(st.just("sort"), st.sampled_from(ORDERS), st.booleans()),
    st.tuples(st.just("size"), st.integers(40, 150), st.integers(10, 30)),
    st.tuples(st.just("pass"), st.integers(1, 200), st.none()),
)


class Expected:
    """What the screen must show, worked out row by row from the cache and from the keys that were pressed."""

    def __init__(self) -> None:
        self.typed = Filter()

    def type(self, text: str) -> None:
        """A filter that does not parse changes nothing: the last that did counts."""
        for length in range(1, len(text) + 1):
            try:
                self.typed = parse(text[:length], MACHINE_FIELDS)
            except FilterError:
                continue

    def rows(self, everything: list[MachineRow], screen: MachinesScreen, desk: Desk) -> list[MachineRow]:
        now = desk.clock.now()

        def age(row: MachineRow, key: str) -> float | None:
            then = row.since if key == "since" else row.due
            return None if then is None else abs((now - then).total_seconds())

        shown = [
            row
            for row in everything
            if self.typed.matches(lambda key, row=row: text_of(row, key).casefold(), lambda key, row=row: age(row, key))  # type: ignore[misc]
            and not (screen.only_attention and row.state in (MachineState.ONBOARDED, MachineState.HEALTHY))
        ]
        shown.sort(key=lambda row: row.name.casefold())
        for sorting in reversed(screen.table.order):
            shown = in_order(shown, sorting)
        return shown


def in_order(rows: list[MachineRow], sorting: Sorting) -> list[MachineRow]:
    key, backwards = sorting
    if key in ("since", "due"):
        times = {row.id: row.since if key == "since" else row.due for row in rows}
        known = sorted((row for row in rows if times[row.id]), key=lambda row: times[row.id] or NOW, reverse=backwards)
        return [*known, *(row for row in rows if not times[row.id])]
    if key == "state":
        return sorted(rows, key=lambda row: STATES_WORST_FIRST.index(row.state), reverse=backwards)
    return sorted(rows, key=lambda row: text_of(row, key).casefold(), reverse=backwards)


def text_of(row: MachineRow, key: str) -> str:
    texts = {
        "name": row.name,
        "state": str(row.state),
        "reason": row.reason,
        "diagnosis": row.diagnosis.code if row.diagnosis else "",
        "extension": f"{row.extension.state} {row.extension.version}".rstrip() if row.extension else "",
        "os": row.os_type,
        "system": row.os_name,
        "power": row.power,
        "subscription": row.subscription_name or row.subscription_id,
        "group": row.resource_group,
        "location": row.location,
        "kind": row.kind,
    }
    return texts[key] if key else "\n".join((*texts.values(), row.subscription_id))


async def check(app: Stage, screen: MachinesScreen, expected: Expected) -> None:
    """Each painted line is the line of the row that must stand there, and nothing else is painted."""
    desk, table = screen.desk, screen.table
    within = await desk.fleet.selection()
    everything = await desk.fleet.machine_rows(within or None)
    wanted = expected.rows(everything, screen, desk)
    assert (table.count, screen.total) == (len(wanted), len(everything))
    keys = await desk.fleet.database.fetch("SELECT id, key FROM machines")
    marked = {row[0] for row in keys if row[1] in table.marks}
    assert table.marks <= {row[1] for row in keys}, "no mark without its row"
    region = table.region
    layout = lay_out(screen.COLUMNS, region.width - 2)  # for the mark and the scrollbar
    top = table.scroll_offset.y
    lines = []
    for row in wanted[top : top + region.height - 1]:
        cells = " ".join(column.fit(screen.cell(row, column.key)[0], room) for column, room in layout)
        lines.append((MARK if row.id in marked else " ") + cells)
    width = region.width - 1
    below = app.screen.query_one("#filter").region
    strips = [strip.text for strip in app.screen._compositor.render_strips()]
    for place, line in enumerate(lines):
        y = region.y + 1 + place
        if screen._filter_error is None or not below.bottom <= y < below.bottom + 1:
            assert set_cell_size(strips[y], width) == set_cell_size(line, width), place
    if wanted:
        for y in range(region.y + 1 + len(lines), region.bottom):
            assert not set_cell_size(strips[y], width).strip()
        assert table.cursor_id in {row.id for row in wanted}
        assert wanted[table._cursor].id == table.cursor_id
    else:
        assert table.cursor_id == ""


async def perform(pilot: Pilot[None], screen: MachinesScreen, expected: Expected, step: tuple[str, Any, Any], number: int) -> None:
    desk, (kind, first, second) = screen.desk, step
    fleet = desk.fleet
    known = {one.name: one for one in await fleet.machines()}
    match kind:
        case "list":
            elsewhere = {name for name, one in known.items() if one.subscription_id != first}
            extensions: tuple[Extension, ...] = (an_extension(),)
            kinds = ("vm", "arc")
            listed = [
                a_machine(name, first, kind=kinds[place % 2], extensions=extensions[: place % 3 == 0], resource_group=f"rg-{place % 4}")
                for place, name in enumerate(NAMES)
                if name in second and name not in elsewhere
            ]
            await list_machines(fleet, first, listed, str(number))
            await fleet.finish_listing((first,), str(number))
        case "judge":
            state, hours = second
            since = desk.clock.now() - timedelta(hours=hours) if hours else None
            await fleet.put_onboardings(
                [Onboarding(one.id, state, f"why {hours}", since=since) for one in known.values() if one.name in first]
            )
        case "power":
            for one in known.values():
                if one.name in first:
                    await list_machines(fleet, one.subscription_id, [replace(one, power=second)], str(number))
        case "rename":
            await fleet.put_subscriptions([a_subscription(first, second)], complete=False)
        case "select":
            await fleet.select(frozenset(first))
        case "keys":
            for key in first:
                await pilot.press(key)
                await screen.arranged()
        case "type":
            await pilot.press("escape")
            await screen.arranged()
            expected.typed = Filter()
            await pilot.press("slash")
            for letter in first:
                await pilot.press("space" if letter == " " else letter)
            await pilot.press("enter")
            expected.type(first)
            if not second:
                await pilot.press("escape")
                expected.typed = Filter()
        case "sort":
            screen.sort(sorted_first(screen.table.order, first))
            if second:
                screen.sort(sorted_first(screen.table.order, first))
        case "size":
            await pilot.resize_terminal(first, second)
        case _:
            desk.clock.advance(minutes=first)  # type: ignore[attr-defined]
            screen.rearrange()


@settings(max_examples=10, deadline=None)
@given(st.lists(steps, min_size=1, max_size=9), st.sampled_from((0, 256)))
def test_after_any_changes_keys_and_resizes_the_table_shows_exactly_the_filtered_sorted_cache(
    sequence: list[tuple[str, Any, Any]], all_in_memory_up_to: int
) -> None:
    async def play(folder: Path) -> None:
        desk = await open_desk(folder)
        await desk.fleet.put_subscriptions([a_subscription(ALL_ON), a_subscription(EXCLUDED, "Production")], complete=True)
        screen, expected = MachinesScreen(desk), Expected()
        app = Stage(desk, screen)
        try:
            async with app.run_test(size=(110, 16)) as pilot:
                first = [("list", ALL_ON, list(NAMES[:20])), ("list", EXCLUDED, list(NAMES[20:]))]
                for number, step in enumerate([*first, *sequence]):
                    before = screen.table.cursor_id
                    await perform(pilot, screen, expected, step, number)
                    await settle(pilot)
                    while screen.table._prefetching:
                        await pilot.pause(0.01)
                    await settle(pilot)
                    await check(app, screen, expected)
                    if before and step[0] not in ("keys", "type") and before in {row.id for row in await shown(screen, expected)}:
                        assert screen.table.cursor_id == before, "the cursor stays on its row"
        finally:
            await close_desk(desk)

    normal = line_table._SMALL
    line_table._SMALL = all_in_memory_up_to
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(play(Path(folder)))
    finally:
        line_table._SMALL = normal


async def shown(screen: MachinesScreen, expected: Expected) -> list[MachineRow]:
    fleet = screen.desk.fleet
    return expected.rows(await fleet.machine_rows(await fleet.selection() or None), screen, screen.desk)

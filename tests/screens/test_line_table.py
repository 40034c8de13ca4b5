"""Promises of the line table: it shows exactly the rows it was given, the cursor keeps its row, and little is painted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from screens.widgets.hits import with_hits
from screens.widgets.line_table import MARK, Cell, Column, LineTable, fit, lay_out

COLUMNS = (Column("name", "Name", 10, weight=2), Column("state", "State", 8, rank=1), Column("number", "No", 4, rank=2, right=True))


@dataclass(frozen=True)
class Thing:
    id: str
    name: str
    state: str = "ok"
    number: int = 0


def things(*numbers: int, **more: Any) -> list[Thing]:
    return [Thing(f"id-{number}", f"name-{number}", number=number, **more) for number in numbers]


def cell(row: Thing, key: str) -> Cell:
    return str(getattr(row, key)), "good" if key == "state" else ""


class Watched(LineTable[Thing]):
    """Counts the lines that are rendered, as the screen asks for them."""

    lines_rendered = 0

    def render_line(self, y: int) -> Strip:
        self.lines_rendered += 1
        return super().render_line(y)


class Bench(App[None]):
    def __init__(self, rows: Sequence[Thing] = (), columns: Sequence[Column] = COLUMNS) -> None:
        super().__init__()
        self.table = Watched(columns, lambda row: row.id, cell, empty="Nothing here: press r.", id="table")
        self.rows = rows
        self.heard: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.set_rows(self.rows)
        self.table.focus()

    def on_line_table_highlighted(self, event: LineTable.Highlighted) -> None:
        self.heard.append(("highlighted", event.row_id))

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        self.heard.append(("opened", event.row_id))

    def on_line_table_marked(self, event: LineTable.Marked) -> None:
        self.heard.append(("marked", event.row_id))


def lines(app: Bench) -> list[str]:
    return [line.text for line in app.screen._compositor.render_strips()]


def expected_lines(table: LineTable[Thing]) -> list[str]:
    """What the rows from the top of the view on must look like, worked out without the table's painting."""
    width = table.size.width
    layout = lay_out(COLUMNS, width - 2)
    top = table.scroll_offset.y
    found = []
    for row in table.rows[top : top + table.size.height - 1]:
        cells = " ".join(column.fit(cell(row, column.key)[0], room) for column, room in layout)
        found.append(fit((MARK if row.id in table.marks else " ") + cells, width))
    return found


def check(app: Bench) -> None:
    """Exactly the given rows are on the screen, and the cursor is in step with its id."""
    table = app.table
    width = table.size.width - 1  # the last cell is the scrollbar's
    painted = [set_cell_size(line, width) for line in lines(app)[1:]]
    wanted = [set_cell_size(line, width) for line in expected_lines(table)]
    assert painted[: len(wanted)] == wanted
    assert (table.cursor_row.id if table.cursor_row else "") == table.cursor_id
    assert 0 <= table.scroll_offset.y <= max(0, len(table.rows) + 1 - table.size.height)


async def settled(pilot: Pilot[Any]) -> None:
    await pilot.pause()
    await pilot.pause()


async def test_rows_are_painted_below_the_header_and_only_those_in_view() -> None:
    app = Bench(things(*range(1000)))
    async with app.run_test(size=(60, 10)) as pilot:
        await settled(pilot)
        assert lines(app)[0].startswith(" Name")
        check(app)
        assert app.table.lines_rendered <= 40


async def test_no_rows_says_what_to_do() -> None:
    app = Bench()
    async with app.run_test(size=(60, 10)) as pilot:
        await settled(pilot)
        assert "Nothing here: press r." in "\n".join(lines(app))
        assert app.table.cursor_id == ""
        assert app.table.cursor_row is None
        await pilot.press("enter", "down", "space", "end", "pageup")
        assert app.heard == []


async def test_the_cursor_stays_on_its_row_and_line_when_rows_come_above_it() -> None:
    app = Bench(things(*range(50)))
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press(*["down"] * 20)
        await settled(pilot)
        line = app.table._cursor - app.table.scroll_offset.y
        app.table.set_rows([*things(*range(100, 107)), *things(*range(50))])
        await settled(pilot)
        assert app.table.cursor_id == "id-20"
        assert app.table._cursor - app.table.scroll_offset.y == line
        check(app)


async def test_a_row_that_goes_leaves_the_cursor_on_the_next() -> None:
    app = Bench(things(1, 2, 3, 4))
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("down")
        app.table.set_rows(things(1, 3, 4))
        await settled(pilot)
        assert app.table.cursor_id == "id-3"
        app.table.set_rows(things(1))
        await settled(pilot)
        assert app.table.cursor_id == "id-1"
        assert app.heard[-1] == ("highlighted", "id-1")


async def test_the_cursor_comes_back_with_its_row_after_an_empty_table() -> None:
    app = Bench(things(1, 2, 3))
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("down")
        app.table.set_rows([])
        await settled(pilot)
        assert app.table.cursor_id == ""
        app.table.set_rows(things(3, 2, 1))
        await settled(pilot)
        assert app.table.cursor_id == "id-2"


async def test_a_view_scrolled_away_from_the_cursor_stays_when_rows_change() -> None:
    app = Bench(things(*range(50)))
    async with app.run_test(size=(60, 10)) as pilot:
        await settled(pilot)
        app.table.scroll_to(y=30, animate=False, immediate=True)
        await settled(pilot)
        app.table.set_rows([*things(99), *things(*range(50))])
        await settled(pilot)
        assert app.table.scroll_offset.y == 31
        assert app.table.cursor_id == "id-0"
        check(app)


async def test_marks_belong_to_ids_and_outlive_a_filter() -> None:
    app = Bench(things(*range(5)))
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("down")
        app.table.toggle_mark()
        assert app.table.marks == {"id-1"}
        assert app.table.cursor_id == "id-2"
        app.table.set_rows(things(3, 4))
        assert app.table.chosen() == ["id-3"]
        app.table.set_rows(things(*range(5)))
        await settled(pilot)
        assert app.table.chosen() == ["id-1"]
        check(app)
        app.table.toggle_all_marks()
        assert len(app.table.marks) == 5
        app.table.toggle_all_marks()
        assert app.table.marks == frozenset()


async def test_one_changed_row_paints_one_line() -> None:
    rows = things(*range(30))
    app = Bench(rows)
    async with app.run_test(size=(60, 12)) as pilot:
        await settled(pilot)
        app.table.lines_rendered = 0
        app.table.set_rows([replace(row, state="late") if row.number == 4 else row for row in rows])
        await settled(pilot)
        assert app.table.lines_rendered == 1
        check(app)
        app.table.lines_rendered = 0
        app.table.set_rows([replace(row, state="late") if row.number in (4, 25) else row for row in rows])
        await settled(pilot)
        assert app.table.lines_rendered == 0


async def test_moving_the_cursor_paints_two_lines() -> None:
    app = Bench(things(*range(30)))
    async with app.run_test(size=(60, 12)) as pilot:
        await settled(pilot)
        app.table.lines_rendered = 0
        await pilot.press("down")
        await settled(pilot)
        assert app.table.lines_rendered == 2


async def test_enter_and_a_second_click_open_the_row() -> None:
    app = Bench(things(*range(5)))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("down", "enter")
        await settled(pilot)
        assert app.heard[-1] == ("opened", "id-1")
        await pilot.click("#table", offset=(5, 4))
        await settled(pilot)
        assert app.table.cursor_id == "id-3"
        await pilot.click("#table", offset=(5, 4))
        await settled(pilot)
        assert app.heard[-1] == ("opened", "id-3")
        await pilot.click("#table", offset=(5, 0))
        await pilot.click("#table", offset=(5, 9))
        await settled(pilot)
        assert app.table.cursor_id == "id-3"


async def test_a_click_counts_from_the_scrolled_view() -> None:
    app = Bench(things(*range(50)))
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("end")
        await settled(pilot)
        await pilot.click("#table", offset=(5, 1))
        await settled(pilot)
        assert app.table.cursor_id == "id-41"
        check(app)


async def test_the_sorted_column_shows_its_arrow_however_narrow() -> None:
    app = Bench(things(1))
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.order = (("number", False),)
        app.table.repaint_header()
        await settled(pilot)
        assert "No▲" in lines(app)[0]


def test_columns_go_away_by_rank_and_the_first_stays() -> None:
    assert [column.key for column, _ in lay_out(COLUMNS, 60)] == ["name", "state", "number"]
    assert [column.key for column, _ in lay_out(COLUMNS, 20)] == ["name", "state"]
    assert [column.key for column, _ in lay_out(COLUMNS, 12)] == ["name"]
    assert [column.key for column, _ in lay_out(COLUMNS, 3)] == ["name"]


def test_a_roomy_column_is_whole_or_short() -> None:
    columns = (Column("name", "Name", 10, weight=1), Column("id", "Id", 9, roomy=36))
    assert [room for _, room in lay_out(columns, 40)] == [30, 9]
    assert [room for _, room in lay_out(columns, 60)] == [23, 36]


columns = st.lists(
    st.builds(
        Column,
        key=st.text("abc", min_size=1, max_size=3),
        title=st.just("T"),
        width=st.integers(1, 30),
        weight=st.integers(0, 5),
        rank=st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


@given(columns, st.integers(1, 200))
def test_columns_fit_the_width_unless_those_that_stay_do_not(given_columns: list[Column], width: int) -> None:
    laid_out = lay_out(given_columns, width)
    used = sum(room for _, room in laid_out) + len(laid_out) - 1
    assert all(room >= column.width for column, room in laid_out)
    assert used <= width or len(laid_out) == 1 or all(column.rank == 0 for column, _ in laid_out)


@given(st.text(max_size=40), st.integers(0, 40), st.booleans(), st.booleans())
def test_a_cell_is_exactly_as_wide_as_its_column(text: str, width: int, right: bool, ends: bool) -> None:
    assert cell_len(fit(text, width, right, ends)) == width


def test_names_that_differ_at_their_ends_can_be_told_apart_where_they_are_cut() -> None:
    column = Column("name", "Machine", 14, ends=True)
    assert column.fit("arc-a-machine-whose-name-is-long-0060", 14) == "arc-a-mac…0060"
    assert column.fit("vm-1", 14) == "vm-1          "
    assert column.fit("サーバー東京第一データセンター09", 14) == "サーバー …ー09"
    assert column.fit("arc-a-machine-0060", 6) == "arc-a…"


@given(st.text("ab…漢", max_size=30), st.text("ab…漢", min_size=1, max_size=3), st.integers(1, 30), st.booleans())
def test_what_is_marked_in_a_cut_cell_is_what_is_sought_or_a_part_of_it(text: str, sought: str, width: int, ends: bool) -> None:
    found = [(one.start(), one.end()) for one in re.finditer(re.escape(sought), text)]
    fitted = fit(text, width, ends=ends)
    plain, hit = Style(), Style(reverse=True)
    pieces = list(with_hits(text, fitted, found, plain, hit))
    assert "".join(piece for piece, _ in pieces) == fitted
    assert all(piece in sought for piece, style in pieces if style == hit)
    assert not found or cell_len(text) > width or [piece for piece, style in pieces if style == hit]


names = st.sampled_from(("plain", "[/x]", "漢字漢字漢字漢字漢字漢字", "🚀🚀🚀🚀🚀🚀🚀", "خادم", "e\u0301tude", "", "n" * 60))
rows = st.lists(
    st.builds(Thing, id=st.sampled_from([f"id-{number}" for number in range(30)]), name=names), unique_by=lambda row: row.id, max_size=30
)
steps = st.one_of(
    st.tuples(st.just("rows"), rows),
    st.tuples(st.just("keys"), st.lists(st.sampled_from(("down", "up", "pagedown", "pageup", "home", "end", "j", "G")), max_size=4)),
    st.tuples(st.just("mark"), st.booleans()),
    st.tuples(st.just("scroll"), st.integers(0, 30)),
    st.tuples(st.just("size"), st.tuples(st.integers(20, 70), st.integers(3, 16))),
)


@settings(max_examples=40, deadline=None)
@given(rows, st.lists(steps, max_size=12))
def test_after_anything_the_table_shows_the_given_rows_with_the_cursor_on_its_id(
    first: list[Thing], sequence: list[tuple[str, Any]]
) -> None:
    async def play() -> None:
        app = Bench(first)
        async with app.run_test(size=(60, 10)) as pilot:
            await settled(pilot)
            for kind, value in sequence:
                before = app.table.cursor_id
                match kind:
                    case "rows":
                        app.table.set_rows(value)
                        if before in {row.id for row in value}:
                            assert app.table.cursor_id == before
                    case "keys":
                        await pilot.press(*value)
                    case "mark":
                        app.table.toggle_all_marks() if value else app.table.toggle_mark()
                    case "scroll":
                        app.table.scroll_to(y=value, animate=False, immediate=True)
                    case "size":
                        await pilot.resize_terminal(*value)
                await settled(pilot)
                check(app)

    asyncio.run(play())


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 1), (200, 60)])
async def test_any_size_is_painted(size: tuple[int, int]) -> None:
    app = Bench(things(*range(5)))
    async with app.run_test(size=size) as pilot:
        await pilot.press("down", "end", "pageup")
        await settled(pilot)
        assert len(lines(app)) == size[1]

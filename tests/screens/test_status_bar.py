"""Promises of the status bar: always one line, what matters most stays longest, and nothing in it is obeyed or hidden."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from cache.model import Freshness, Source
from screens.desk import Desk
from screens.widgets.status_bar import StatusBar
from tests.screens.stage import ALL_ON, NOW, PRINCIPAL, TENANT, advance, shown


class Bench(App[None]):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.bar = StatusBar(desk)

    def compose(self) -> ComposeResult:
        yield self.bar


async def line(desk: Desk, width: int, oldest: Freshness | None = None, problems: int = 0) -> str:
    app = Bench(desk)
    async with app.run_test(size=(width, 3)) as pilot:
        await pilot.pause()
        app.bar.show(oldest, problems)
        await pilot.pause()
        return shown(app).splitlines()[0]


FRESH = Freshness(Source.MACHINES, ALL_ON, NOW)


async def test_it_says_where_as_whom_and_how_old(empty_desk: Desk) -> None:
    advance(empty_desk, minutes=3)
    said = await line(empty_desk, 140, FRESH, 2)
    for part in ("public", TENANT, PRINCIPAL, "✗ 2 problems", "data 3m old"):
        assert part in said


async def test_stale_data_is_called_stale(empty_desk: Desk) -> None:
    advance(empty_desk, minutes=29)
    assert "STALE" not in await line(empty_desk, 80, FRESH)
    advance(empty_desk, minutes=2)
    assert "data 31m old, STALE" in await line(empty_desk, 80, FRESH)


async def test_before_the_first_reading_it_says_so(empty_desk: Desk) -> None:
    assert "nothing read yet" in await line(empty_desk, 80)


async def test_what_is_under_way_shows_how_much_of_how_many_and_what_it_waits_for(empty_desk: Desk) -> None:
    empty_desk.activity.begin("sync", "reading machines", 12)
    empty_desk.activity.advance("sync", done=3)
    advance(empty_desk, seconds=4)
    assert "◐ reading machines 3/12 4s" in await line(empty_desk, 120, FRESH)
    empty_desk.activity.advance("sync", note="waiting 30 s: throttled")
    assert "◐ reading machines 3/12 (waiting 30 s: throttled)" in await line(empty_desk, 120, FRESH)
    empty_desk.activity.begin("other", "reading alerts")
    assert "◐ reading alerts 0s +1" in await line(empty_desk, 120, FRESH)


async def test_not_signed_in_and_paused_and_read_only_are_words(empty_desk: Desk) -> None:
    empty_desk.session = replace(empty_desk.session, signed_in=False, message="sign-in lost: press ctrl+l", read_only=True)
    empty_desk.activity.pause(True)
    said = await line(empty_desk, 120, FRESH)
    for part in ("sign-in lost: press ctrl+l", "READ-ONLY", "paused"):
        assert part in said


@pytest.mark.parametrize("width", [1, 5, 20, 40, 60, 80, 100])
async def test_however_narrow_read_only_and_age_go_last(empty_desk: Desk, width: int) -> None:
    empty_desk.session = replace(empty_desk.session, signed_in=False, message="expired: press ctrl+l", read_only=True)
    empty_desk.activity.begin("sync", "reading the machines of everything there is", 120)
    said = await line(empty_desk, width, FRESH, 7)
    assert cell_len(said) <= width
    if width >= 20:
        assert "READ-ONLY" in said
    if width >= 40:
        assert "data 0s old" in said


async def test_hostile_names_stay_text_on_one_line(empty_desk: Desk) -> None:
    hostile = "[@click=app.quit]x[/]\x1b]52;c;aGk=\x07\nb\u202e"
    empty_desk.session = replace(empty_desk.session, principal=hostile, message=hostile, signed_in=False)
    empty_desk.activity.begin("sync", hostile)
    said = await line(empty_desk, 140, FRESH)
    assert "[@click=app.quit]x[/]" in said
    assert "\x1b" not in said
    assert "\u202e" not in said


async def test_it_is_painted_again_only_when_its_words_change(empty_desk: Desk) -> None:
    app = Bench(empty_desk)
    async with app.run_test(size=(100, 3)) as pilot:
        await pilot.pause()
        advance(empty_desk, minutes=5)
        app.bar.show(FRESH, 0)
        await pilot.pause()
        painted = 0

        def counted() -> object:
            nonlocal painted
            painted += 1
            return StatusBar.render(app.bar)

        app.bar.render = counted  # type: ignore[method-assign, assignment]  # to count
        for _ in range(5):
            advance(empty_desk, seconds=1)
            app.bar.tick()
            await pilot.pause()
        assert painted == 0
        advance(empty_desk, minutes=1)
        app.bar.tick()
        await pilot.pause()
        assert painted == 1

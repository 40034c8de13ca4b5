"""Promises of the status bar: always one line, what matters most stays longest, and nothing in it is obeyed or hidden."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from cache.model import Freshness, Source, Standing
from screens.desk import Desk
from screens.widgets.status_bar import StatusBar
from tests.screens.stage import ALL_ON, NOW, PRINCIPAL, TENANT, advance, shown


class Bench(App[None]):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.bar = StatusBar(desk)

    def compose(self) -> ComposeResult:
        yield self.bar


async def line(desk: Desk, width: int, oldest: Freshness | None = None, problems: int = 0, stale: int = 0, unreadable: int = 0) -> str:
    app = Bench(desk)
    async with app.run_test(size=(width, 3)) as pilot:
        await pilot.pause()
        app.bar.show(Standing(oldest, stale, 2000, unreadable), problems)
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


async def test_what_is_read_with_everything_alone_is_stale_that_much_later(empty_desk: Desk) -> None:
    settings = replace(FRESH, source=Source.SETTINGS)
    advance(empty_desk, minutes=89)
    assert "data 1h old" in await line(empty_desk, 100, settings)
    assert "STALE" not in await line(empty_desk, 100, settings)
    advance(empty_desk, minutes=2)
    assert "data 1h old, STALE" in await line(empty_desk, 100, settings)


async def test_one_subscription_that_cannot_be_read_makes_not_everything_stale(empty_desk: Desk) -> None:
    assert "data 0s old, 1 of 2,000 subscriptions STALE" in await line(empty_desk, 120, FRESH, stale=1)


async def test_what_cannot_be_read_is_counted_beside_the_age_of_the_rest(empty_desk: Desk) -> None:
    assert "data 0s old, 2 unreadable" in await line(empty_desk, 120, FRESH, unreadable=2)
    assert "data 0s old, 1 of 2,000 subscriptions STALE, 2 unreadable" in await line(empty_desk, 140, FRESH, stale=1, unreadable=2)
    assert "data 0s old, 1 STALE, 1,000 unreadable" in await line(empty_desk, 45, FRESH, stale=1, unreadable=1000)
    assert "nothing read yet, 12 unreadable" in await line(empty_desk, 80, unreadable=12)
    advance(empty_desk, minutes=31)
    assert "data 31m old, STALE, 2 unreadable" in await line(empty_desk, 120, FRESH, unreadable=2)


async def test_before_the_first_reading_it_says_so(empty_desk: Desk) -> None:
    assert "nothing read yet" in await line(empty_desk, 80)


async def test_what_is_under_way_shows_how_much_of_how_many_and_what_it_waits_for(empty_desk: Desk) -> None:
    empty_desk.activity.begin("sync", "reading machines", 12)
    empty_desk.activity.advance("sync", done=3)
    advance(empty_desk, seconds=4)
    assert "◐ reading machines 3/12 4s" in await line(empty_desk, 120, FRESH)
    empty_desk.activity.advance("sync", note="waiting 30 s: throttled")
    assert "◐ reading machines 3/12 (waiting 30 s: throttled)" in await line(empty_desk, 120, FRESH)
    empty_desk.activity.begin("sync", "reading machines")
    advance(empty_desk, seconds=10)
    empty_desk.activity.advance("sync", done=34_000, pages=34)
    assert "◐ reading machines 34,000 in 34 pages, 3,400/s 10s" in await line(empty_desk, 140, FRESH)
    empty_desk.activity.begin("other", "reading alerts")
    assert "◐ reading alerts 0s +1" in await line(empty_desk, 120, FRESH)


async def test_how_long_it_still_takes_is_said_once_the_pace_tells_it(empty_desk: Desk) -> None:
    empty_desk.activity.begin("sync", "reading extensions", 50_000, done=2_000)
    advance(empty_desk, seconds=4)
    empty_desk.activity.advance("sync", done=2_400)
    assert "◐ reading extensions 2,400/50,000 4s" in await line(empty_desk, 120, FRESH)
    advance(empty_desk, seconds=36)
    empty_desk.activity.advance("sync", done=12_000)
    assert "◐ reading extensions 12,000/50,000, about 2m left" in await line(empty_desk, 120, FRESH), "2,000 were not read now"
    empty_desk.slow_line = True
    empty_desk.activity.advance("sync", done=49_990)
    assert "◐ reading extensions 49,990/50,000, about <1m left" in await line(empty_desk, 120, FRESH)
    empty_desk.slow_line = False
    empty_desk.activity.advance("sync", done=50_001)
    assert "◐ reading extensions 50,001/50,000 40s" in await line(empty_desk, 120, FRESH), "there are more than it was told"


async def test_pages_with_a_known_end_tell_their_pace_and_how_long_it_still_takes(empty_desk: Desk) -> None:
    empty_desk.activity.begin("sync", "reading machines")
    advance(empty_desk, seconds=10)
    empty_desk.activity.advance("sync", done=34_000, total=100_000, pages=34)
    assert "◐ reading machines 34,000/100,000, 3,400/s, about 19s left · data" in await line(empty_desk, 120, FRESH)


async def test_at_80_columns_how_much_and_how_long_stay_in_fewer_words(empty_desk: Desk) -> None:
    empty_desk.activity.begin("sync", "reading extensions", 50_000)
    advance(empty_desk, seconds=40)
    empty_desk.activity.advance("sync", done=12_000)
    assert "◐ reading extensions 12,000/50,000, about 2m left · data 40s old" in await line(empty_desk, 80, FRESH)
    assert "◐ reading extensions 24 %, 2m left · ✗ 12 problems · data 40s old" in await line(empty_desk, 80, FRESH, 12)
    assert "✗ 12 problems · data 40s old" in await line(empty_desk, 50, FRESH, 12)


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
        app.bar.show(Standing(FRESH), 0)
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

"""Two processes that write to one cache: neither keeps the other waiting for longer than one write takes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import aiosqlite
import pytest
from cache_samples import names

from cache.clock import ManualClock, ScaledClock, SystemClock, origin_of
from cache.errors import CacheDamaged
from cache.fleet import FleetCache

CLOCK = ManualClock(datetime(2026, 9, 1, tzinfo=UTC))


async def test_who_writes_again_and_again_lets_those_pass_who_wait(tmp_path: Path) -> None:
    begun: list[int] = []
    over = False

    async def long(writer: aiosqlite.Connection, change: int) -> tuple[None, frozenset[str]]:
        begun.append(change)
        for _ in range(100):
            await writer.execute("SELECT 1")
        return None, frozenset()

    async def write_on() -> None:
        while not over:
            await busy.edit(long)

    async with await FleetCache.open(tmp_path, CLOCK) as busy, await FleetCache.open(tmp_path, CLOCK) as other:
        writing = asyncio.create_task(write_on())
        waited = []
        for number in range(20):
            before = len(begun)
            while len(begun) == before:  # until the other one is in the midst of a write
                await asyncio.sleep(0)
            before = len(begun)
            await other.add_log("info", str(number))
            waited.append(len(begun) - before)
        over = True
        await writing
    assert max(waited) <= 2, waited


async def test_who_joins_leaves_a_damaged_file_where_it_is(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, CLOCK):
        pass
    path = tmp_path / "fleet.db"
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(CacheDamaged):
        await FleetCache.join(tmp_path, CLOCK)
    assert path.read_bytes().startswith(b"xxx")
    assert not [one for one in names(tmp_path) if "damaged" in one]


def test_a_clock_of_the_same_origin_shows_the_same_time() -> None:
    here = ScaledClock(datetime(2026, 1, 1, tzinfo=UTC), 1000.0, 60.0, lambda: 1010.0)
    assert origin_of(here) == here.origin
    assert ScaledClock(*here.origin, wall=lambda: 1010.0).now() == here.now() == datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
    origin = origin_of(SystemClock())
    assert origin is not None
    before = SystemClock().now()
    assert before <= ScaledClock(*origin).now() <= SystemClock().now()
    assert origin_of(CLOCK) is None

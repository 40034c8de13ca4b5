"""The first look into the cache: the same rows as the cache gives later, or nothing at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cache_samples import NOW, OTHER, SUB, machine

from cache.clock import ManualClock
from cache.fleet import FILE, FleetCache
from cache.glimpse import glimpse
from cache.model import MachineState, Onboarding, Source, Subscription
from tests.listed import list_machines


def files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


async def fill(folder: Path) -> None:
    async with await FleetCache.open(folder, ManualClock(NOW)) as fleet:
        await fleet.put_subscriptions([Subscription(one, one[:4], "Enabled", "t") for one in (SUB, OTHER)], complete=True)
        for owner in (SUB, OTHER):
            await list_machines(fleet, owner, [machine(f"{name}-{owner[:1]}", subscription_id=owner) for name in ("b", "a", "c")], "sync")
        failed = machine("b-2", subscription_id=OTHER).id
        await fleet.put_onboardings([Onboarding(failed, MachineState.FAILED, "it failed")])
        await fleet.mark_fresh(Source.MACHINES, SUB)


async def test_a_glimpse_shows_the_rows_that_the_cache_shows_first(tmp_path: Path) -> None:
    await fill(tmp_path)
    seen = glimpse(tmp_path, 4)
    async with await FleetCache.open(tmp_path, ManualClock(NOW)) as fleet:
        keys = await fleet.first_machines(4)
        window = await fleet.machine_window(keys)
        assert seen is not None
        assert list(seen.rows) == [window[key] for key in keys]
        assert seen.total == await fleet.machine_count() == 6
        assert seen.read_at == NOW
    assert [row.name for row in seen.rows][0] == "b-2"


async def test_a_glimpse_keeps_to_the_chosen_subscriptions(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with await FleetCache.open(tmp_path, ManualClock(NOW)) as fleet:
        await fleet.select([SUB])
    seen = glimpse(tmp_path, 10)
    assert seen is not None
    assert {row.subscription_id for row in seen.rows} == {SUB}
    assert seen.total == 3


async def test_a_glimpse_sees_what_another_console_has_just_written_and_leaves_its_files_alone(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, ManualClock(NOW)) as fleet:
        await list_machines(fleet, SUB, [machine("a")], "sync")
        before = files(tmp_path)
        assert before[f"{FILE}-wal"]
        seen = glimpse(tmp_path, 10)
        assert seen is not None
        assert [row.name for row in seen.rows] == ["a"]
        assert files(tmp_path) == before


async def test_where_there_is_any_doubt_there_is_no_glimpse(tmp_path: Path) -> None:
    path = tmp_path / FILE
    assert glimpse(tmp_path, 10) is None
    assert not path.exists()
    async with await FleetCache.open(tmp_path, ManualClock(NOW)):
        pass
    assert glimpse(tmp_path, 10) is None  # no machine yet
    await fill(tmp_path)
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {version + 1}")
    assert glimpse(tmp_path, 10) is None
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    assert glimpse(tmp_path, 10) is not None
    mark = tmp_path / f"{FILE}.suspect"
    mark.touch()
    assert glimpse(tmp_path, 10) is None
    mark.unlink()
    path.write_bytes(b"not a database at all" * 500)
    assert glimpse(tmp_path, 10) is None


def test_a_folder_that_is_not_there_is_no_glimpse(tmp_path: Path) -> None:
    assert glimpse(tmp_path / "nowhere", 10) is None

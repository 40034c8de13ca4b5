"""The files: private, durable, migrated, refused when too new, and every trouble told in a sentence."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import aiosqlite
import pytest
from cache_samples import NOW, SUB, filled, machine, names, subscription

from cache.clock import ManualClock
from cache.database import Database, Step
from cache.errors import CacheBusy, CacheError, CacheTooNew, CacheUnwritable, DiskFull
from cache.files import on_network
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.schema import FLEET, JOURNAL, Schema
from tests.listed import list_machines

CLOCK = ManualClock(NOW)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_folders_and_files_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = tmp_path / "home" / "fleet"
        async with await FleetCache.open(folder, CLOCK) as fleet, await Journal.open(folder, CLOCK) as journal:
            await fleet.put_subscriptions([subscription()], complete=True)
            await journal.begin("ann", "enable", SUB, "", "")
            found = {one.name: mode(one) for one in folder.iterdir()}
        assert {"fleet.db", "fleet.db-wal", "fleet.db-shm", "journal.db", "journal.db-wal", "journal.head"} <= set(found)
        assert set(found.values()) == {0o600}
        assert mode(folder) == mode(folder.parent) == 0o700
    finally:
        os.umask(before)


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = await filled(tmp_path / "x")
    path.chmod(0o644)
    path.parent.chmod(0o755)
    async with await FleetCache.open(path.parent, CLOCK):
        assert mode(path) == 0o600
        assert mode(path.parent) == 0o700


async def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "fleet.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheUnwritable):
        await FleetCache.open(folder, CLOCK)
    assert not (tmp_path / "elsewhere").exists()


async def test_the_fleet_uses_wal_and_the_journal_survives_power_failures(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, CLOCK) as fleet, await Journal.open(tmp_path, CLOCK) as journal:
        for database, synchronous in ((fleet._database, 1), (journal._database, 2)):
            assert await database.fetch("PRAGMA journal_mode") == [("wal",)]
            writer = database._writer
            assert next(iter(await writer.execute_fetchall("PRAGMA synchronous")))[0] == synchronous
            assert next(iter(await writer.execute_fetchall("PRAGMA foreign_keys")))[0] == 1


MOUNTS = """22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw shared:2 - nfs4 server:/home rw,vers=4.2
31 30 0:41 / /home/local\\040disk rw - ext4 /dev/sdb1 rw
32 22 0:42 / /mnt/share rw - cifs //server/share rw
33 22 0:43 / /mnt/ssh rw shared:9 master:2 - fuse.sshfs host: rw
34 22 0:44 / /mnt/twice rw - nfs4 server:/a rw
35 34 0:45 / /mnt/twice rw - tmpfs tmpfs rw
a line that says nothing
"""


@pytest.mark.parametrize(
    ("path", "network"),
    [
        ("/var/lib/x", False),
        ("/home/ann/.mde", True),
        ("/home/local disk/ann", False),
        ("/homestead", False),
        ("/mnt/share/x", True),
        ("/mnt/ssh", True),
        ("/mnt/twice/x", False),
    ],
)
def test_a_network_file_system_is_recognised(path: str, network: bool) -> None:
    assert on_network(Path(path), MOUNTS) is network


async def test_on_a_network_file_system_the_file_does_without_wal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cache.database.on_network", lambda path: True)
    path = await filled(tmp_path)
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        assert await fleet._database.fetch("PRAGMA journal_mode") == [("delete",)]
        assert len(await fleet.machines()) == 300
        await fleet.put_subscriptions([subscription(name="renamed")], complete=True)
        assert not [name for name in names(path.parent) if name.endswith("-wal")]


# Versions


async def test_an_older_file_is_brought_up_to_date_with_its_content(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    newer = Schema(
        migrations=(
            *FLEET.migrations,
            ("ALTER TABLE machines ADD COLUMN zone TEXT NOT NULL DEFAULT 'none'", "CREATE TABLE zones (name TEXT)"),
        ),
        tables=FLEET.tables | {"zones"},
        application_id=FLEET.application_id,
    )
    database = await Database.open(path, newer, durable=False, rebuildable=True, advice="")
    try:
        assert await database.fetch("SELECT COUNT(*), MIN(zone) FROM machines") == [(300, "none")]
        assert await database.fetch("PRAGMA user_version") == [(newer.version,)]
    finally:
        await database.close()


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    newer = Schema(
        (*FLEET.migrations, ("CREATE TABLE zones (name TEXT)", "ALTER TABLE nowhere ADD COLUMN x")), FLEET.tables, FLEET.application_id
    )
    with pytest.raises(CacheError):
        await Database.open(path, newer, durable=False, rebuildable=True, advice="")
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        assert fleet.quarantined is None
        assert len(await fleet.machines()) == 300
        assert await fleet._database.fetch("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'zones'") == [(0,)]


@pytest.mark.parametrize("opening", [FleetCache.open, Journal.open])
async def test_a_file_of_a_newer_version_is_refused_and_left_alone(
    tmp_path: Path, opening: Callable[..., object], request: pytest.FixtureRequest
) -> None:
    name = "fleet.db" if opening == FleetCache.open else "journal.db"
    latest = FLEET.version if opening == FleetCache.open else JOURNAL.version
    opened = await opening(tmp_path, CLOCK)
    await opened.close()
    with sqlite3.connect(tmp_path / name) as direct:
        direct.execute("PRAGMA user_version = 99")
    direct.close()
    before = (tmp_path / name).read_bytes()
    sentence = rf"newer version of mde-console \(file version 99; this one knows versions up to {latest}\)\. Use that"
    with pytest.raises(CacheTooNew, match=sentence):
        await opening(tmp_path, CLOCK)
    assert (tmp_path / name).read_bytes() == before


async def test_two_consoles_that_open_a_new_file_at_once_both_get_it(tmp_path: Path) -> None:
    both = await asyncio.gather(*(FleetCache.open(tmp_path, CLOCK) for _ in range(4)))
    await both[0].put_subscriptions([subscription()], complete=True)
    assert [len(await one.subscriptions()) for one in both] == [1, 1, 1, 1]
    for one in both:
        await one.close()


# Disk and rights


async def test_a_full_disk_gets_a_sentence_and_what_was_written_stays(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        await list_machines(fleet, SUB, [machine("vm-0")], "s")
        told: list[frozenset[str]] = []
        fleet.subscribe(told.append)
        pages = (await fleet._database.fetch("PRAGMA page_count"))[0][0]
        await fleet._database._writer.execute_fetchall(f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(DiskFull, match=r"^The disk is full: .*fleet\.db could not be written\. Free some space"):
            await list_machines(fleet, SUB, [machine(f"vm-{number}") for number in range(500)], "s")
        assert told == []
        assert [one.name for one in await fleet.machines()] == ["vm-0"]
        await fleet._database._writer.execute_fetchall("PRAGMA max_page_count = 100000")
        await list_machines(fleet, SUB, [machine(f"vm-{number}") for number in range(500)], "s")
        assert len(await fleet.machines()) == 500


async def test_a_change_that_cannot_be_written_down_is_not_begun(tmp_path: Path) -> None:
    async with await Journal.open(tmp_path, CLOCK) as journal:
        pages = (await journal._database.fetch("PRAGMA page_count"))[0][0]
        await journal._database._writer.execute_fetchall(f"PRAGMA max_page_count = {pages}")

        async def fill() -> None:
            for _ in range(100):
                await journal.begin("ann", "enable", "x" * 3000, "", "")

        with pytest.raises(DiskFull):
            await fill()
        await journal._database._writer.execute_fetchall("PRAGMA max_page_count = 100000")
        assert (await journal.verify())[0]


async def test_a_file_that_turns_read_only_gets_a_sentence(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        await fleet._database._writer.execute("PRAGMA query_only = ON")
        with pytest.raises(CacheUnwritable, match=r"cannot be read and written \(.*or choose another folder with --home"):
            await fleet.add_log("info", "x")


@pytest.mark.parametrize("opening", [FleetCache.open, Journal.open])
async def test_something_else_in_the_place_of_folder_or_file_gets_a_sentence(tmp_path: Path, opening: Callable[..., object]) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("a file")
    for folder in (occupied, occupied / "below"):
        with pytest.raises(CacheUnwritable, match="cannot be read and written"):
            await opening(folder, CLOCK)
    for name in ("fleet.db", "journal.db"):
        (tmp_path / "x" / name / "inside").mkdir(parents=True)
    with pytest.raises(CacheUnwritable, match="cannot be read and written"):
        await opening(tmp_path / "x", CLOCK)


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a file system that nobody can write")
async def test_a_read_only_file_system_gets_a_sentence() -> None:
    with pytest.raises(CacheUnwritable, match="--home"):
        await FleetCache.open(Path("/proc/mde-console"), CLOCK)


async def test_another_process_that_keeps_the_file_locked_gets_a_sentence(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        await fleet._database._writer.execute("PRAGMA busy_timeout = 10")
        async with aiosqlite.connect(tmp_path / "fleet.db", isolation_level=None) as other:
            await other.execute("BEGIN IMMEDIATE")
            with pytest.raises(CacheBusy, match="in use by another process"):
                await fleet.add_log("info", "x")
            assert await fleet.log() == []
            await other.execute("ROLLBACK")
        await fleet.add_log("info", "x")


# Transactions and closing


async def test_a_write_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        insert = "INSERT INTO log (at, level, message) VALUES (?, ?, ?)"
        with pytest.raises(CacheError):
            await fleet._database.write((Step("log", insert, [("t", "info", "x")]), Step("log", insert, [("t", None, "x")])))
        assert await fleet.log() == []


async def test_a_cancelled_writer_still_writes_all_and_tells(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        told: list[frozenset[str]] = []
        fleet.subscribe(told.append)
        task = asyncio.create_task(list_machines(fleet, SUB, [machine(f"vm-{number}") for number in range(2000)], "s"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await fleet.add_log("info", "the next write waits for the one before")
        assert len(await fleet.machines()) == 2000
        assert told[0] == {"machines"}


async def test_a_reader_does_not_wait_for_the_writer(tmp_path: Path) -> None:
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        await list_machines(fleet, SUB, [machine("vm-0")], "s")
        inside, over = asyncio.Event(), asyncio.Event()

        async def work(writer: aiosqlite.Connection) -> tuple[None, frozenset[str]]:
            await writer.execute("UPDATE machines SET name = 'changed'")
            inside.set()
            await over.wait()
            return None, frozenset(("machines",))

        writing = asyncio.create_task(fleet._database.transact(work))
        await inside.wait()
        assert [one.name for one in await fleet.machines()] == ["vm-0"]
        over.set()
        await writing
        assert [one.name for one in await fleet.machines()] == ["changed"]


async def test_using_a_closed_cache_gets_a_sentence_and_closing_twice_does_no_harm(tmp_path: Path) -> None:
    fleet = await FleetCache.open(tmp_path, CLOCK)
    await fleet.close()
    await fleet.close()
    with pytest.raises(CacheError, match="is closed"):
        await fleet.machines()
    with pytest.raises(CacheError, match="is closed"):
        await fleet.add_log("info", "x")


@pytest.mark.parametrize("trouble", ["none", "newer", "raise"])
def test_the_process_exits_whatever_happened(tmp_path: Path, trouble: str) -> None:
    script = f"""
import asyncio, sqlite3, sys
from pathlib import Path
from cache.clock import SystemClock
from cache.errors import CacheTooNew
from cache.fleet import FleetCache
from cache.journal import Journal

async def main():
    folder = Path(sys.argv[1])
    async with await FleetCache.open(folder, SystemClock()) as fleet, await Journal.open(folder, SystemClock()):
        await fleet.add_log("info", "x")
        if {trouble!r} == "raise":
            sys.exit(0)
    if {trouble!r} == "newer":
        with sqlite3.connect(Path(sys.argv[1]) / "fleet.db") as direct:
            direct.execute("PRAGMA user_version = 99")
        try:
            await FleetCache.open(Path(sys.argv[1]), SystemClock())
        except CacheTooNew:
            pass

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not (tmp_path / "fleet.db-wal").exists()


async def test_a_killed_process_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    script = """
import asyncio, os, sys
from pathlib import Path
from cache.clock import SystemClock
from cache.fleet import FleetCache
from cache.journal import Journal

async def main():
    fleet = await FleetCache.open(Path(sys.argv[1]), SystemClock())
    journal = await Journal.open(Path(sys.argv[1]), SystemClock())
    await fleet.add_log("info", "kept")
    await journal.begin("ann", "enable", "s", "", "")
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script, str(tmp_path)], timeout=30, check=False)
    async with await FleetCache.open(tmp_path, CLOCK) as fleet, await Journal.open(tmp_path, CLOCK) as journal:
        assert fleet.quarantined is None
        assert [one.message for one in await fleet.log()] == ["kept"]
        assert [one.target for one in await journal.unfinished()] == ["s"]
        assert (await journal.verify())[0]


def test_every_table_that_a_migration_makes_is_known() -> None:
    for schema in (FLEET, JOURNAL):
        direct = sqlite3.connect(":memory:")
        for migration in schema.migrations:
            for statement in migration:
                direct.execute(statement)
        ours = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        assert {row[0] for row in direct.execute(ours)} == schema.tables
        direct.close()

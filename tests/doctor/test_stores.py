"""Cache and journal: sound ones are told so, damage really done is found, and nothing is changed by looking."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cache.fleet import FILE as FLEET_FILE
from cache.fleet import FleetCache
from cache.journal import FILE as JOURNAL_FILE
from cache.journal import Journal
from cache.model import LogEntry
from console.doctor import stores
from console.doctor.finding import Status
from console.session import Setup, cache_folder, open_cache, remember


async def used(setup: Setup) -> Path:
    """A home in which somebody has signed in and ticked two steps; returns the folder of the files."""
    fleet, journal = await open_cache(setup, "tenant", "ann")
    for number in range(400):
        await fleet.add_log("info", f"line {number} " + "x" * 200)
    for check in ("a", "b"):
        await journal.tick("sub", check, "ann")
    await fleet.close()
    await journal.close()
    remember(setup, "tenant", "ann")
    return cache_folder(setup, "tenant", "ann")


def spoil(path: Path) -> None:
    """Overwrite pages in the middle of a file, as a bad disk does."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(4096)
        file.write(b"\xa5" * (size - 3 * 4096))


@pytest.fixture
def setup(setup_of: Callable[..., Setup]) -> Setup:
    return setup_of()


async def test_where_nobody_has_signed_in_there_is_nothing_to_look_at(setup: Setup) -> None:
    assert [one.status for one in (*await stores.cache(setup), *await stores.journal(setup))] == [Status.OK, Status.OK]


async def test_sound_files_are_told_so_and_looking_changes_nothing(setup: Setup) -> None:
    folder = await used(setup)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".db"}
    (cache,), (journal,) = await stores.cache(setup), await stores.journal(setup)
    assert (cache.status, journal.status) == (Status.OK, Status.OK)
    assert "All 2 entries of the audit trail are as they were written." in journal.evidence
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".db"} == before
    async with await FleetCache.open(folder, setup.clock) as fleet:
        assert fleet.quarantined is None


async def test_a_file_that_a_console_has_open_can_be_looked_at(setup: Setup) -> None:
    folder = await used(setup)
    async with await FleetCache.open(folder, setup.clock) as fleet, await Journal.open(folder, setup.clock):
        await fleet.add_log("info", "at work")
        assert [one.status for one in (*await stores.cache(setup), *await stores.journal(setup))] == [Status.OK, Status.OK]
        newest: LogEntry = (await fleet.log())[0]
    assert newest.message == "at work"


async def test_a_damaged_cache_is_a_warning_since_it_is_rebuilt(setup: Setup) -> None:
    folder = await used(setup)
    spoil(folder / FLEET_FILE)
    (found,) = await stores.cache(setup)
    assert found.status is Status.WARN
    assert "is damaged" in found.evidence
    assert "sync" in found.remedy
    assert (folder / FLEET_FILE).exists(), "putting it aside is for who opens it"


async def test_a_damaged_or_lost_journal_is_a_failure(setup: Setup) -> None:
    path = await used(setup) / JOURNAL_FILE
    whole = path.read_bytes()
    path.write_bytes(b"no database at all" * 500)
    (found,) = await stores.journal(setup)
    assert (found.status, "is damaged" in found.evidence) == (Status.FAIL, True)
    path.write_bytes(whole)
    path.unlink()
    (found,) = await stores.journal(setup)
    assert (found.status, "moved or deleted" in found.evidence) == (Status.FAIL, True)
    assert not path.exists(), "none is begun in its place"


async def test_an_edited_audit_trail_is_a_failure(setup: Setup) -> None:
    folder = await used(setup)
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE audit SET actor = 'somebody else' WHERE sequence = 1")
        connection.commit()
    (found,) = await stores.journal(setup)
    assert found.status is Status.FAIL
    assert "Entry 1 of the audit trail is not what was written" in found.evidence


async def test_a_file_of_a_newer_version_or_of_another_program_is_a_failure(setup: Setup) -> None:
    path = await used(setup) / JOURNAL_FILE
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "newer version" in (await stores.journal(setup))[0].evidence
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 7")
    assert "no database of the console" in (await stores.journal(setup))[0].evidence


async def test_a_cache_that_takes_too_long_is_given_up(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = await used(setup)
    with closing(sqlite3.connect(folder / FLEET_FILE)) as connection:
        connection.executemany("INSERT INTO log (at, level, message) VALUES ('2026', 'info', ?)", [("x" * 50,)] * 20_000)
        connection.commit()
    monkeypatch.setattr(stores, "SECONDS", 0.0)
    (found,) = await stores.cache(setup)
    assert found.status is Status.UNKNOWN
    assert "given up" in found.evidence

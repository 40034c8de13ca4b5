"""Damage: a cache is set aside and rebuilt, a journal is told of and left alone, and odd rows make no reader fail."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cache_samples import HOSTILE, NOW, SUB, filled, machine, names, subscription

from cache.clock import ManualClock
from cache.errors import CacheDamaged
from cache.fleet import FleetCache
from cache.journal import Journal

CLOCK = ManualClock(NOW)


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"this is no database, " * 500)


def _header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 100)


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 + 77)


def _foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as direct:
        direct.execute("CREATE TABLE cookies (name TEXT)")
    direct.close()


def _other_program(path: Path) -> None:
    with sqlite3.connect(path) as direct:
        direct.execute("PRAGMA application_id = 7")
    direct.close()


def _lost_table(path: Path) -> None:
    with sqlite3.connect(path) as direct:
        direct.execute(f"DROP TABLE {'checks' if path.name == 'fleet.db' else 'ticks'}")
    direct.close()


def _torn_with_a_leftover_wal(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(1).randbytes(4096 * 4))
    Path(f"{path}-wal").write_bytes(b"left by a crash")


DAMAGE = [_not_a_database, _header, _cut, _foreign, _other_program, _lost_table, _torn_with_a_leftover_wal]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_cache_is_set_aside_and_rebuilt(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = await filled(tmp_path)
    damage(path)
    found = path.read_bytes()
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        assert fleet.quarantined == tmp_path / "fleet.db.damaged-20260301T120000Z"
        assert fleet.quarantined.read_bytes()[200:] == found[200:]
        assert await fleet.machines() == []
        await fleet.put_subscriptions([subscription()], complete=True)
        assert len(await fleet.subscriptions()) == 1
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        assert fleet.quarantined is None


async def test_cache_after_cache_is_set_aside_under_a_name_of_its_own(tmp_path: Path) -> None:
    for _ in range(3):
        _not_a_database(tmp_path / "fleet.db")
        async with await FleetCache.open(tmp_path, CLOCK):
            pass
    assert len([name for name in names(tmp_path) if name.startswith("fleet.db.damaged-")]) == 3


async def test_damage_met_in_use_gets_a_sentence_and_the_next_open_rebuilds(tmp_path: Path) -> None:
    path = await filled(tmp_path, machines=2000)
    with path.open("r+b") as file:
        file.seek(4096 * 60)
        file.write(random.Random(2).randbytes(path.stat().st_size - 4096 * 70))
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        assert fleet.quarantined is None
        with pytest.raises(CacheDamaged, match=r"fleet\.db is damaged \(.*run again to rebuild it\.$"):
            await fleet.machines()
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        assert fleet.quarantined is not None
        assert await fleet.machines() == []
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        assert fleet.quarantined is None


async def test_text_that_is_not_utf_8_counts_as_damage(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    with sqlite3.connect(path) as direct:
        direct.execute("UPDATE machines SET name = CAST(x'ff41' AS TEXT) WHERE name = 'vm-1'")
    direct.close()
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        with pytest.raises(CacheDamaged):
            await fleet.machines()


@pytest.mark.parametrize(
    "damage", [_not_a_database, _header, _foreign, _other_program, _lost_table, lambda path: path.write_bytes(b""), Path.unlink]
)
async def test_a_damaged_journal_is_told_and_never_rebuilt(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    async with await Journal.open(tmp_path, CLOCK) as journal:
        await journal.begin("ann", "enable", SUB, "", "")
    path = tmp_path / "journal.db"
    damage(path)
    left = path.read_bytes() if path.exists() else None
    for _ in range(2):
        with pytest.raises(CacheDamaged, match=r"journal\.db is damaged .*audit trail and is never rebuilt by itself: restore"):
            await Journal.open(tmp_path, CLOCK)
        assert (path.read_bytes() if path.exists() else None) == left
    assert not [name for name in names(tmp_path) if "damaged" in name]


async def test_odd_content_of_rows_never_makes_a_reader_fail(tmp_path: Path) -> None:
    path = await filled(tmp_path, machines=3)
    with sqlite3.connect(path) as direct:
        direct.execute("INSERT INTO verdicts VALUES (9, 'ascended', ?, x'00', 7, '{')", (HOSTILE[:-1],))
        direct.execute("UPDATE machines SET verdict = 9, since = 'soon', due = x'00', rank = 'x' WHERE name = 'vm-0'")
        direct.execute("INSERT INTO events SELECT 1, key, 'never', 'x', 9 FROM machines WHERE name = 'vm-0'")
        direct.execute("UPDATE tag_sets SET tags = '[]'")
        direct.execute('UPDATE extension_sets SET extensions = \'[3, {"name": null, "message": [1]}]\'')
        direct.execute("UPDATE conditions SET power = x'ff00'")
        direct.execute("UPDATE machines SET status_at = 'x', created_at = 9223372036854775807")
        direct.execute("UPDATE subscriptions SET permissions = '[1, {\"actions\": 3}]', tags = 'x', enabled_at = 'x', can_enable = 'x'")
        direct.execute("UPDATE alert_details SET entities = '[[1], [1, 2], 3]', remediation = '{}', facts = '['")
        direct.execute("UPDATE alerts SET generated = 'x', started = 9223372036854775807, status = 5")
    direct.close()
    async with await FleetCache.open(tmp_path, CLOCK) as fleet:
        assert {str(one.state) for one in await fleet.machine_rows()} == {"unknown"}
        assert len(await fleet.machines()) == 3
        assert len(await fleet.alerts()) == 1
        assert len(await fleet.subscriptions()) == 1
        assert await fleet.subscription(SUB) is not None
        assert len(await fleet.onboardings()) == 1
        assert len(await fleet.events(machine("vm-0").id)) == 1

"""The journal: intents before changes, outcomes after, a trail in which every tampering shows, plans and ticks."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cache_samples import HOSTILE, HOSTILE_CLEANED, NOW, SUB, plan
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cache.clock import ManualClock
from cache.errors import CacheError
from cache.journal import Journal
from cache.model import Tick
from cache.plans import PlanUnreadable


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    async with await Journal.open(tmp_path, clock) as opened:
        yield opened


async def test_a_change_is_written_down_before_and_after(journal: Journal, clock: ManualClock) -> None:
    told: list[frozenset[str]] = []
    journal.subscribe(told.append)
    first = await journal.begin("ann", "put-setting", f"{SUB}/WDATP", "off", "on")
    second = await journal.begin("ann", "put-setting", f"{SUB}/X", "", "on")
    assert [(one.sequence, one.target, one.before, one.after, one.at) for one in await journal.unfinished()] == [
        (first, f"{SUB}/WDATP", "off", "on", NOW),
        (second, f"{SUB}/X", "", "on", NOW),
    ]
    clock.advance(seconds=2)
    await journal.finish(first, "done")
    assert [one.sequence for one in await journal.unfinished()] == [second]
    entries = await journal.entries()
    assert [(one.sequence, one.actor, one.action, one.outcome) for one in entries] == [
        (1, "ann", "put-setting", "started"),
        (2, "ann", "put-setting", "started"),
        (3, "ann", "put-setting", "done"),
    ]
    assert entries[2].target == f"{SUB}/WDATP"
    assert entries[2].at == NOW + timedelta(seconds=2)
    assert [one.sequence for one in await journal.entries(limit=2)] == [2, 3]
    assert told == [{"audit"}] * 3
    assert await journal.verify() == (True, "All 3 entries of the audit trail are as they were written.")


async def test_an_outcome_said_twice_is_one_entry_and_another_outcome_is_another(journal: Journal) -> None:
    sequence = await journal.begin("ann", "x", "y", "", "")
    for outcome in ("done", "done", "read back"):
        await journal.finish(sequence, outcome)
    assert [one.outcome for one in await journal.entries()] == ["started", "done", "read back"]


async def test_a_change_that_was_never_begun_cannot_be_finished(journal: Journal) -> None:
    sequence = await journal.begin("ann", "x", "y", "", "")
    await journal.finish(sequence, "done")
    for wrong in (0, 2, 99):
        with pytest.raises(ValueError, match=f"No change {wrong} was begun"):
            await journal.finish(wrong, "done")
    assert (await journal.verify())[0]


async def test_a_cancelled_caller_still_leaves_a_whole_trail(journal: Journal) -> None:
    task = asyncio.create_task(journal.begin("ann", "x", "y", "", ""))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await journal.begin("ann", "x", "z", "", "")
    assert [one.target for one in await journal.unfinished()] == ["y", "z"]
    assert (await journal.verify())[0]


async def test_two_consoles_write_one_trail(journal: Journal, tmp_path: Path, clock: ManualClock) -> None:
    async with await Journal.open(tmp_path, clock) as other:
        sequences = await asyncio.gather(*(one.begin("ann", "x", str(number), "", "") for number in range(10) for one in (journal, other)))
        assert sorted(sequences) == list(range(1, 21))
        assert (await journal.verify())[0]
        assert (await other.verify())[0]
        assert await journal.poll_foreign_changes()


async def test_an_empty_and_a_short_trail_are_whole(journal: Journal) -> None:
    assert await journal.verify() == (True, "The audit trail is empty.")
    await journal.begin("ann", "x", "y", "", "")
    assert await journal.verify() == (True, "The one entry of the audit trail is as written.")


# Tampering

UNLOCK = ("DROP TRIGGER audit_is_not_edited", "DROP TRIGGER audit_is_not_deleted")
COPY = "UPDATE audit SET ({0}) = (SELECT {0} FROM audit AS o WHERE o.sequence = {2}) WHERE sequence = {1}"
FIELDS = "at, actor, action, target, before, after, outcome, intent, hash"


async def tampered(tmp_path: Path, *statements: str) -> tuple[bool, str]:
    """What verifying says of a trail of six entries after ``statements`` ran on the file."""
    clock = ManualClock(NOW)
    async with await Journal.open(tmp_path, clock) as journal:
        for number in range(3):
            await journal.finish(await journal.begin("ann", "put", f"target {number}", "off", "on"), "done")
    direct = sqlite3.connect(tmp_path / "journal.db")
    for statement in statements:
        direct.execute(statement)
    direct.commit()
    direct.close()
    async with await Journal.open(tmp_path, clock) as journal:
        return await journal.verify()


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        (("UPDATE audit SET actor = 'bob' WHERE sequence = 3",), "Entry 3 of the audit trail is not what was written"),
        (("UPDATE audit SET at = '2026-03-01T12:00:00.000001+00:00' WHERE sequence = 1",), "Entry 1 of the audit trail is not what"),
        (("UPDATE audit SET intent = 3 WHERE sequence = 2",), "Entry 2 of the audit trail is not what was written"),
        (("UPDATE audit SET hash = 'x' WHERE sequence = 6",), "Entry 6 of the audit trail is not what was written"),
        (("DELETE FROM audit WHERE sequence = 1",), "Entry 1 of the audit trail is missing: it was removed"),
        (("DELETE FROM audit WHERE sequence = 4",), "Entry 4 of the audit trail is missing: it was removed"),
        (
            ("DELETE FROM audit WHERE sequence = 4", "UPDATE audit SET sequence = sequence - 1 WHERE sequence > 4"),
            "Entry 4 of the audit trail is not",
        ),
        (("DELETE FROM audit WHERE sequence > 4",), "Entry 5 of the audit trail is missing: 2 removed from the end"),
        (
            ("DELETE FROM audit WHERE sequence > 4", "UPDATE head SET count = 4, hash = (SELECT hash FROM audit WHERE sequence = 4)"),
            "Entry 5 of the audit trail is missing: 2 removed from the end",
        ),
        (("DELETE FROM audit", "UPDATE head SET count = 0, hash = ''"), "Entry 1 of the audit trail is missing: 6 removed from the end"),
        (
            (
                "CREATE TABLE kept AS SELECT * FROM audit WHERE sequence = 2",
                COPY.format(FIELDS, 2, 4),
                f"UPDATE audit SET ({FIELDS}) = (SELECT {FIELDS} FROM kept) WHERE sequence = 4",
            ),
            "Entry 2 of the audit trail is not what was written: it was edited, moved or exchanged",
        ),
        (
            ("INSERT INTO audit SELECT 7, at, actor, action, target, before, after, outcome, intent, hash FROM audit WHERE sequence = 6",),
            "Entry 7 of the audit trail is not what was written",
        ),
        (("DELETE FROM head",), "The head record in the journal is missing"),
    ],
)
async def test_each_tampering_shows_and_the_first_bad_entry_is_named(tmp_path: Path, statements: tuple[str, ...], sentence: str) -> None:
    whole, said = await tampered(tmp_path, *UNLOCK, *statements)
    assert not whole
    assert said.startswith(sentence)


async def test_an_untouched_trail_is_whole(tmp_path: Path) -> None:
    assert await tampered(tmp_path) == (True, "All 6 entries of the audit trail are as they were written.")


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'bob'", "DELETE FROM audit WHERE sequence = 1", "REPLACE INTO audit SELECT * FROM audit"]
)
async def test_the_file_itself_refuses_to_edit_or_delete_entries(tmp_path: Path, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        await tampered(tmp_path, "PRAGMA recursive_triggers = ON", statement)


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"count": "6", "hash": 7}'])
async def test_a_lost_head_record_shows(tmp_path: Path, content: str | None) -> None:
    await tampered(tmp_path)
    head = tmp_path / "journal.head"
    if content is None:
        head.unlink()
    else:
        head.write_text(content)
    async with await Journal.open(tmp_path, ManualClock(NOW)) as journal:
        whole, said = await journal.verify()
    assert not whole
    assert "journal.head is missing or cannot be read" in said


async def test_an_older_copy_of_the_file_put_in_place_shows(tmp_path: Path) -> None:
    await tampered(tmp_path)
    path = tmp_path / "journal.db"
    older = path.read_bytes()
    async with await Journal.open(tmp_path, ManualClock(NOW)) as journal:
        await journal.begin("ann", "x", "y", "", "")
    path.write_bytes(older)
    async with await Journal.open(tmp_path, ManualClock(NOW)) as journal:
        assert await journal.verify() == (False, "Entry 7 of the audit trail is missing: 1 removed from the end.")


async def test_a_head_record_that_lags_behind_is_no_tampering(tmp_path: Path) -> None:
    await tampered(tmp_path)
    head = tmp_path / "journal.head"
    before = head.read_bytes()
    async with await Journal.open(tmp_path, ManualClock(NOW)) as journal:
        await journal.begin("ann", "x", "y", "", "")
        head.write_bytes(before)
        assert (await journal.verify())[0]


async def test_a_trail_that_was_rewritten_whole_differs_from_the_remembered_head(tmp_path: Path) -> None:
    await tampered(tmp_path)
    head = tmp_path / "journal.head"
    head.write_text(json.dumps({**json.loads(head.read_text()), "hash": "0" * 64}))
    async with await Journal.open(tmp_path, ManualClock(NOW)) as journal:
        whole, said = await journal.verify()
    assert not whole
    assert said.startswith("Entry 6 of the audit trail is not the one that journal.head remembers")


# Plans and ticks


async def test_plans_are_kept_and_the_one_saved_last_is_the_latest(journal: Journal) -> None:
    assert await journal.latest_plan() is None
    assert await journal.plan("p1") is None
    await journal.save_plan(plan("p1"))
    await journal.save_plan(plan("p2", created_at=NOW - timedelta(days=1)))
    assert await journal.plan("p1") == plan("p1")
    assert await journal.latest_plan() == plan("p2", created_at=NOW - timedelta(days=1))
    await journal.save_plan(plan("p1", cloud="china"))
    assert await journal.latest_plan() == plan("p1", cloud="china")


@pytest.mark.parametrize("document", ["{", "[]", '{"schema": 9}'])
async def test_a_kept_plan_that_cannot_be_read_gets_a_sentence(journal: Journal, document: str) -> None:
    await journal.save_plan(plan())
    await journal._database._writer.execute("UPDATE plans SET document = ?", (document,))
    with pytest.raises(PlanUnreadable, match=r"\.$"):
        await journal.latest_plan()


async def test_a_ticked_step_is_remembered_and_audited(journal: Journal, clock: ManualClock) -> None:
    told: list[frozenset[str]] = []
    journal.subscribe(told.append)
    await journal.tick(SUB, "tenant-move", "ann")
    clock.advance(hours=1)
    await journal.tick(SUB.upper(), "tenant-move", "bob")
    assert await journal.ticks() == [Tick(SUB, "tenant-move", "bob", NOW + timedelta(hours=1))]
    await journal.untick(SUB, "tenant-move", "ann")
    await journal.untick(SUB, "tenant-move", "ann")
    assert await journal.ticks() == []
    assert [(one.actor, one.action, one.outcome) for one in await journal.entries()] == [
        ("ann", "tick", "done"),
        ("bob", "tick", "done"),
        ("ann", "untick", "done"),
    ]
    assert told == [{"audit", "ticks"}] * 3
    assert await journal.unfinished() == []


async def test_hostile_text_comes_out_clean(journal: Journal) -> None:
    sequence = await journal.begin(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    await journal.finish(sequence, HOSTILE)
    for entry in await journal.entries():
        assert {entry.actor, entry.action, entry.target, entry.before, entry.after} == {HOSTILE_CLEANED}
    assert (await journal.entries())[1].outcome == HOSTILE_CLEANED
    assert (await journal.verify())[0]


async def test_a_closed_journal_gets_a_sentence(tmp_path: Path, clock: ManualClock) -> None:
    journal = await Journal.open(tmp_path, clock)
    await journal.close()
    with pytest.raises(CacheError, match="is closed"):
        await journal.begin("ann", "x", "y", "", "")


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("journal")


def test_whatever_is_begun_finished_ticked_and_reopened_the_trail_is_whole(new_folder: Callable[[], Path]) -> None:
    class Trail(RuleBasedStateMachine):
        """Compares a journal with a plain dictionary of what is unfinished."""

        def __init__(self) -> None:
            super().__init__()
            self.runner = asyncio.Runner()
            self.folder = new_folder()
            self.open: set[int] = set()
            self.count = 0
            self.journal = self.runner.run(Journal.open(self.folder, ManualClock(NOW)))

        @rule(what=st.text(max_size=5))
        def begin(self, what: str) -> None:
            self.count += 1
            assert self.runner.run(self.journal.begin("ann", "x", what, "", "")) == self.count
            self.open.add(self.count)

        @precondition(lambda self: self.open)
        @rule(pick=st.data())
        def finish(self, pick: st.DataObject) -> None:
            sequence = pick.draw(st.sampled_from(sorted(self.open)))
            self.runner.run(self.journal.finish(sequence, "done"))
            self.open.discard(sequence)
            self.count += 1

        @rule()
        def tick(self) -> None:
            self.runner.run(self.journal.tick(SUB, "c", "ann"))
            self.count += 1

        @rule()
        def reopen(self) -> None:
            self.runner.run(self.journal.close())
            self.journal = self.runner.run(Journal.open(self.folder, ManualClock(NOW)))

        @invariant()
        def the_trail_is_whole(self) -> None:
            assert self.runner.run(self.journal.verify())[0]
            assert {one.sequence for one in self.runner.run(self.journal.unfinished())} == self.open
            assert len(self.runner.run(self.journal.entries())) == self.count

        def teardown(self) -> None:
            self.runner.run(self.journal.close())
            self.runner.close()

    case = Trail.TestCase
    case.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
    case("runTest").runTest()

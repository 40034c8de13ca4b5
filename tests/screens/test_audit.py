"""Promises of the audit screen: every change, newest first, readable, and honest about whether the trail is whole."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from screens.audit import AuditScreen
from screens.desk import Desk
from screens.requests import CopyRequested
from tests.screens.paint import HOSTILE, HOSTILE_SHOWN, painted
from tests.screens.stage import ALL_ON, SMALL, WIDE, Stage, a_subscription, put_subscriptions, settle, text_of

LINUX = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"


async def changed(desk: Desk, number: int, outcome: str = "confirmed") -> None:
    """That many changes, each begun and ended."""
    for place in range(number):
        sequence = await desk.journal.begin("ann", "put-setting", f"{ALL_ON}/{LINUX}{place}", "true", "false")
        await desk.journal.finish(sequence, outcome)


async def test_every_change_is_listed_newest_first_with_who_what_before_after_and_how_it_ended(empty_desk: Desk) -> None:
    await put_subscriptions(empty_desk, [a_subscription(ALL_ON, "[prod] web")])
    await changed(empty_desk, 1)
    await empty_desk.journal.finish(
        await empty_desk.journal.begin("bob", "set-alert-status", "/alerts/a", "Active", "Resolved"), "failed: 403"
    )
    screen = AuditScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert [row.sequence for row in screen.table.rows] == [4, 3, 2, 1]
        lines = painted(app).splitlines()
        assert "bob" in lines[2]
        assert "Active → Resolved" in lines[2]
        assert "✗ failed: 403" in lines[2]
        assert "◐ started" in lines[3]
        assert f"[prod] web/{LINUX[:15]}" in lines[4]
        assert "✓ confirmed" in lines[4]
        assert text_of(app, "#chain") == "✓ All 4 entries of the audit trail are as they were written."
        assert "4 of 4 entries" in text_of(app, "#count")
        assert "hash " in painted(app)
        await pilot.press("y")
        await settle(pilot)
        (copied,) = app.asked(CopyRequested)
        assert "bob · set-alert-status\n/alerts/a\nActive → Resolved: failed: 403" in copied.text


async def test_only_new_entries_are_read_and_the_cursor_stays_on_its_own(empty_desk: Desk) -> None:
    await changed(empty_desk, 3)
    screen = AuditScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("down", "space")
        under, first = screen.table.cursor_id, screen._all[0]
        await changed(empty_desk, 2)
        await settle(pilot)
        assert screen.table.cursor_id == under
        assert len(screen.table.marks) == 1
        assert [row.sequence for row in screen.table.rows] == list(range(10, 0, -1))
        assert screen._all[0] is first
        assert "All 10 entries" in text_of(app, "#chain")


async def test_an_entry_that_somebody_edited_is_named_and_shown_as_it_is_now(empty_desk: Desk) -> None:
    await changed(empty_desk, 2)
    screen = AuditScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        with sqlite3.connect(empty_desk.journal.path) as forger:
            forger.execute("DROP TRIGGER audit_is_not_edited")
            forger.execute("UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
        await changed(empty_desk, 1)
        await settle(pilot)
        assert text_of(app, "#chain") == "✗ Entry 2 of the audit trail is not what was written: it was edited, moved or exchanged."
        assert [row.actor for row in screen.table.rows if row.sequence == 2] == ["nobody"]
        assert "nobody" in painted(app)


@pytest.mark.parametrize(
    ("text", "number"),
    [("outcome:confirmed", 2), ("is=started", 2), ("who:ann -after:true", 4), ("PREVIEW1", 2), ("age<1m before=true", 4)],
)
async def test_the_trail_is_filtered_by_the_language_of_filters(empty_desk: Desk, text: str, number: int) -> None:
    await changed(empty_desk, 2)
    screen = AuditScreen(empty_desk)
    app = Stage(empty_desk, screen)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        screen.set_filter(text)
        await settle(pilot)
        assert screen._filter_error is None
        assert screen.table.count == number
        assert dict(await screen.values("outcome")) == {"started": 2, "confirmed": 2}


async def test_an_empty_trail_says_so(empty_desk: Desk) -> None:
    app = Stage(empty_desk, AuditScreen(empty_desk))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "Nothing was changed from here so far." in painted(app)


@pytest.mark.parametrize("size", [(20, 5), SMALL, WIDE])
async def test_no_text_of_the_trail_reaches_the_terminal_as_anything_but_text(empty_desk: Desk, size: Any) -> None:
    await empty_desk.journal.finish(await empty_desk.journal.begin(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE), HOSTILE)
    app = Stage(empty_desk, AuditScreen(empty_desk))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert size[0] < 80 or HOSTILE_SHOWN in painted(app)

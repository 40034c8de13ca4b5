"""The page of one alert: what happened, what to do, where to read on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from screens.alert import AlertPage
from screens.desk import Desk
from screens.requests import ALERT_DETAILS, AlertDetailsRequested, AlertStatusRequested, CopyRequested, OpenMachine
from screens.triage import NOTE
from screens.widgets.document import Document
from tests.screens.paint import HOSTILE, HOSTILE_SHOWN, painted
from tests.screens.stage import (
    ALL_ON,
    READER,
    SMALL,
    WIDE,
    Stage,
    a_machine,
    a_subscription,
    advance,
    an_alert,
    close_desk,
    open_desk,
    put_alerts,
    put_subscriptions,
    settle,
)

MACHINE = a_machine("web-1")


async def put(desk: Desk, **more: Any) -> str:
    """One alert; its id."""
    await put_subscriptions(desk, [a_subscription(ALL_ON, "Production"), a_subscription(READER, "[only] read", can_triage=False)])
    alert = an_alert("one", MACHINE if "subscription_id" not in more else None, **more)
    await put_alerts(desk, [alert])
    return alert.id


def says(app: Stage) -> str:
    return app.screen.query_one(Document).plain


async def test_everything_known_is_on_the_page_and_the_note_always_in_sight(empty_desk: Desk) -> None:
    alert_id = await put(empty_desk)
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        first = painted(app)
        for text in ("Enumeration of files with [sensitive] data one", "△ Low", "○ active, 1h old", "A process read many files.", NOTE):
            assert text in first
        for text in (
            "A process read many files.\nIt was [bash].",
            "Look at the process.",
            "Isolate the machine.",
            "process bash -c '[id]'",
            "User root",
            "Production",
            "2026-03-01 10:00 UTC",
            "2026-03-01 11:00 UTC",
            "https://portal.azure.com/#alert",
            "https://security.microsoft.com/alerts/1",
            alert_id,
        ):
            assert text in says(app)
        await pilot.press("G")
        await settle(pilot)
        assert NOTE in painted(app)


async def test_an_alert_of_which_only_a_list_told_has_its_details_read_when_it_is_looked_at(empty_desk: Desk) -> None:
    alert_id = await put(empty_desk, details_known=False)
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert [one.alert_id for one in app.asked(AlertDetailsRequested)] == [alert_id]
        assert "Reading the details of this alert…" in says(app)
        assert "Azure gives no steps" not in says(app), "what was not read is not said to be nothing"
        empty_desk.activity.begin(ALERT_DETAILS, "reading an alert")
        empty_desk.activity.end(ALERT_DETAILS, "Azure failed [here].")
        await settle(pilot)
        assert "The details of this alert could not be read: Azure failed [here]." in says(app)
        await put(empty_desk)
        await settle(pilot)
        assert "It was [bash]." in says(app)
        assert "could not be read" not in says(app)
        assert len(app.asked(AlertDetailsRequested)) == 1


async def test_details_wait_for_the_sign_in(empty_desk: Desk) -> None:
    empty_desk.session = replace(empty_desk.session, signed_in=False)
    alert_id = await put(empty_desk, details_known=False)
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "after signing in" in says(app)
        assert not app.asked(AlertDetailsRequested)
        empty_desk.session = replace(empty_desk.session, signed_in=True)
        await empty_desk.fleet.mark_fresh("alerts", ALL_ON)
        await settle(pilot)
        assert [one.alert_id for one in app.asked(AlertDetailsRequested)] == [alert_id]


async def test_a_poll_that_found_nothing_moves_the_ages_and_reads_no_list_again(empty_desk: Desk) -> None:
    alert_id = await put(empty_desk)
    await empty_desk.fleet.settle("alerts", [ALL_ON])
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        advance(empty_desk, minutes=5)
        app.screen._tick()
        await settle(pilot)
        assert "data 5m old" in painted(app)
        await empty_desk.fleet.still_fresh("alerts")
        await settle(pilot)
        assert "data 0s old" in painted(app)


async def test_keys_copy_both_addresses_and_open_the_machine(empty_desk: Desk) -> None:
    app = Stage(empty_desk, AlertPage(empty_desk, await put(empty_desk)))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("y", "Y", "m")
        await settle(pilot)
        assert [one.text for one in app.asked(CopyRequested)] == [
            "https://portal.azure.com/#alert",
            "https://security.microsoft.com/alerts/1",
        ]
        assert [one.machine_id for one in app.asked(OpenMachine)] == [MACHINE.id]


async def test_what_is_not_there_is_said_and_not_copied(empty_desk: Desk) -> None:
    alert_id = await put(empty_desk, machine_id=None, azure_link="", defender_link="", remediation=(), description="")
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("y", "Y", "m")
        await settle(pilot)
        assert not app.asked(CopyRequested)
        assert not app.asked(OpenMachine)
        assert "There is no address in the Defender portal to copy." in app.toasts()
        assert "Azure gives no steps for it." in says(app)


@pytest.mark.parametrize(("key", "status"), [("i", "InProgress"), ("v", "Resolved"), ("d", "Dismissed"), ("a", "Active")])
async def test_a_status_is_asked_for_and_shown_when_azure_has_it(empty_desk: Desk, key: str, status: str) -> None:
    alert_id = await put(empty_desk, status="Odd")
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "? Odd" in painted(app)
        await pilot.press(key)
        await settle(pilot)
        assert [(one.alert_ids, one.status) for one in app.asked(AlertStatusRequested)] == [((alert_id,), status)]
        assert "? Odd" in painted(app), "nothing is shown before Azure has said it"
        await empty_desk.fleet.set_alert_status(alert_id, status)
        await settle(pilot)
        assert "? Odd" not in painted(app)


async def test_without_the_right_a_sentence_names_who_can(empty_desk: Desk) -> None:
    alert_id = await put(empty_desk, subscription_id=READER)
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("v")
        await settle(pilot)
        assert not app.asked(AlertStatusRequested)
        assert "Security Admin, Contributor or Owner" in app.toasts()[0]


async def test_a_read_only_console_asks_for_nothing(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, read_only=True)
    app = Stage(desk, AlertPage(desk, await put(desk)))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("v")
        await settle(pilot)
        assert not app.asked(AlertStatusRequested)
        assert "read-only" in app.toasts()[0]
    await close_desk(desk)


async def test_an_alert_that_is_gone_says_so(empty_desk: Desk) -> None:
    app = Stage(empty_desk, AlertPage(empty_desk, "/no/such/alert"))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("v", "y", "m")
        await settle(pilot)
        assert "This alert is gone." in painted(app)
        assert not app.asked(AlertStatusRequested)


async def test_stale_data_is_called_stale(empty_desk: Desk) -> None:
    alert_id = await put(empty_desk)
    advance(empty_desk, hours=2)
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "STALE: press r" in says(app)


@pytest.mark.parametrize("size", [(20, 5), SMALL, WIDE])
async def test_no_text_of_azure_reaches_the_terminal_as_anything_but_text(empty_desk: Desk, size: tuple[int, int]) -> None:
    fields = ("title", "severity", "status", "product", "compromised_entity", "location", "azure_link", "defender_link", "alert_type")
    texts: dict[str, Any] = dict.fromkeys(fields, HOSTILE)
    pairs = ((HOSTILE, f"{HOSTILE}\r\n{HOSTILE}"),)
    alert_id = await put(
        empty_desk, description=f"{HOSTILE}\r\n\t{HOSTILE}", remediation=(HOSTILE, HOSTILE), entities=pairs, facts=pairs, **texts
    )
    app = Stage(empty_desk, AlertPage(empty_desk, alert_id))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert says(app).count(HOSTILE_SHOWN) > 12
        for _ in range(60):
            lines = painted(app)
            await pilot.press("pagedown")
        assert size[0] < 80 or "[@click=app.quit]x[/]" in lines
        await pilot.press("v")
        await settle(pilot)
        painted(app)

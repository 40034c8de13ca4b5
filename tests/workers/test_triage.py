"""Changing alerts: journaled, sent, read back."""

from __future__ import annotations

import pytest

from console.session import Connection
from console.simulator import Simulator
from console.workers.apply import Refused
from console.workers.sync import sync
from console.workers.triage import set_status
from tests.workers.conftest import Connect


async def active(connection: Connection, subscription_id: str) -> str:
    return next(one.id for one in await connection.fleet.alerts([subscription_id]) if one.status == "Active")


@pytest.mark.parametrize("status", ["InProgress", "Resolved", "Dismissed"])
async def test_an_alert_gets_its_status_and_the_audit_shows_it(simulator: Simulator, ada: Connection, status: str) -> None:
    await sync(ada.work)
    alert_id = await active(ada, simulator.subscription("all-on"))
    (done,) = await set_status(ada.work, [alert_id], status)
    assert done.failure == ""
    assert (await ada.fleet.alert(alert_id)).status == status  # type: ignore[union-attr]  # it was just read
    assert [one.outcome for one in await ada.journal.entries() if one.target == alert_id] == ["started", "confirmed"]
    (done,) = await set_status(ada.work, [alert_id], "Active")
    assert done.failure == ""
    await sync(ada.work)
    assert (await ada.fleet.alert(alert_id)).status == "Active"  # type: ignore[union-attr]  # it was just read


async def test_without_the_right_nothing_is_sent(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    subscription_id = simulator.subscription("no-right-to-enable")
    alerts = await ada.fleet.alerts([subscription_id])
    other = next(status for status in ("Resolved", "Dismissed") if status != alerts[0].status)
    simulator.requests.clear()
    (done,) = await set_status(ada.work, [alerts[0].id], other)
    assert "no right" in done.failure
    assert not simulator.requests.of("POST", "/alerts/")


async def test_read_only_and_unknown_statuses_are_refused(connect_as: Connect, ada: Connection) -> None:
    with pytest.raises(Refused, match="not a status"):
        await set_status(ada.work, ["x"], "Gone")


async def test_an_alert_that_is_gone_says_so(ada: Connection) -> None:
    (done,) = await set_status(ada.work, ["/subscriptions/x/alerts/none"], "Resolved")
    assert "not in the cache" in done.failure

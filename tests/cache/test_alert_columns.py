"""Promises of the alerts as columns: what a question asks for, newest first, with how many there are of each kind."""

from __future__ import annotations

from datetime import timedelta

from cache_samples import NOW, OTHER, SUB, alert, subscription

from cache.fields import ALERT_FIELDS
from cache.filter_language import parse
from cache.fleet import FleetCache
from cache.index import AlertIndex, Order, Question

BY_AGE = (Order("age", backwards=True),)


async def answered(fleet: FleetCache, index: AlertIndex, text: str, within: frozenset[str] | None = None) -> tuple[list[str], int]:
    await index.refresh()
    answer = await index.answer(Question((parse(text, ALERT_FIELDS),), BY_AGE, within), NOW)
    rows = await fleet.alert_window(list(answer.order))
    return [rows[key].name for key in answer.order], answer.total


async def test_alerts_are_found_sorted_counted_and_followed(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription(SUB, "Production"), subscription(OTHER, "Other")], complete=True)
    first = [
        alert("a", severity="High", status="Active", generated=NOW - timedelta(hours=3)),
        alert("b", severity="Low", status="Resolved", generated=NOW - timedelta(hours=1)),
        alert("c", severity="Sideways", status="Active", generated=None),
    ]
    await fleet.put_alerts(SUB, first, "s")
    await fleet.put_alerts(OTHER, [alert("d", OTHER, severity="High", status="InProgress", generated=NOW - timedelta(hours=2))], "s")
    index = AlertIndex(fleet)
    assert await answered(fleet, index, "severity:high") == (["d", "a"], 4)
    assert await answered(fleet, index, "status:active -severity=high") == (["c"], 4)
    assert await answered(fleet, index, "in progress") == (["d"], 4)
    assert await answered(fleet, index, "sub:prod age<2h") == (["b"], 4)
    assert await answered(fleet, index, "", frozenset((OTHER.upper(),))) == (["d"], 1)
    assert await index.value_counts("severity") == [("High", 2), ("Low", 1), ("Sideways", 1)]
    assert sorted(await fleet.first_alerts(2)) == sorted((await index.answer(Question((), BY_AGE), NOW)).order.slice(0, 2))
    await fleet.set_alert_status(first[0].id, "Dismissed")
    await fleet.finish_alerts(OTHER, "another")
    assert await answered(fleet, index, "severity:high") == (["a"], 3)
    assert (await index.answer(Question(), NOW)).statuses == {"Dismissed": 1, "Resolved": 1, "Active": 1}


async def test_an_alert_is_found_by_its_guid_whole_or_in_part_and_no_longer_once_it_is_gone(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription(SUB, "Production")], complete=True)
    one, other = "2518250008431989649_a1b2c3d4-0000-4000-8000-00000000feed", "2518250008431989650_A1B2C3D4-0000-4000-8000-00000000BEEF"
    await fleet.put_alerts(SUB, [alert(one), alert(other)], "s")
    index = AlertIndex(fleet)
    for text, found in (("feed", [one]), (one, [one]), ("id:beef", [other]), ("guid:A1B2C3D4-", [one, other]), ("severity:feed", [])):
        assert sorted((await answered(fleet, index, text))[0]) == found, text
    await fleet.put_alerts(SUB, [alert(other)], "t")
    await fleet.finish_alerts(SUB, "t")
    assert (await answered(fleet, index, "feed"))[0] == []

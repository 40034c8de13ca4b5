"""What many rows share is kept once, and goes when nothing names it any more."""

from __future__ import annotations

from cache_samples import SUB, alert, check, machine, onboarding, subscription

from cache.fleet import FleetCache
from tests.listed import list_machines


async def _count(fleet: FleetCache, table: str) -> int:
    return int((await fleet._database.fetch(f"SELECT COUNT(*) FROM {table}"))[0][0])


async def test_shared_values_that_nothing_names_go_and_what_is_known_stays_the_same(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    for number in range(40):
        changing = machine("a", tags={"build": str(number)}, resource_group=f"rg-{number}")
        await list_machines(fleet, SUB, [changing, machine("b")], f"listing {number}")
        await fleet.put_checklists({SUB: [check("a", evidence=f"{number} machines", machine_ids=(changing.id,)), check("b")]}, {})
    await fleet.put_onboardings([onboarding("a", reason="was so"), onboarding("b")])
    await fleet.put_onboardings([onboarding("a", reason="is so")])
    await fleet.put_alerts(SUB, [alert("x")], "listing")
    before = await fleet.machines(), await fleet.checks(), await fleet.alerts(), await fleet.onboardings(), await fleet.recent_events(9)
    assert all(before)
    assert await _count(fleet, "tag_sets") >= 40
    await fleet.tidy()
    for table in ("tag_sets", "answers", "places"):
        assert await _count(fleet, table) <= 4, table
    after = await fleet.machines(), await fleet.checks(), await fleet.alerts(), await fleet.onboardings(), await fleet.recent_events(9)
    assert after == before


async def test_a_number_that_was_freed_gets_no_other_meaning(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    await list_machines(fleet, SUB, [machine("a", tags={"last": "one"})], "first")
    highest = (await fleet._database.fetch("SELECT MAX(key) FROM tag_sets"))[0][0]
    await list_machines(fleet, SUB, [], "second")
    await fleet.finish_listing((SUB,), "second")
    await fleet.tidy()
    await list_machines(fleet, SUB, [machine("a", tags={"another": "one"})], "third")
    assert (await fleet._database.fetch("SELECT MAX(key) FROM tag_sets"))[0][0] > highest
    assert [one.tags for one in await fleet.machines()] == [{"another": "one"}]

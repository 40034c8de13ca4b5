"""How old the data is: each source of each subscription by itself, and what a poll that found nothing does to it."""

from __future__ import annotations

from datetime import timedelta

from cache_samples import NOW, OTHER, SUB, Ear, alert, machine, machine_id, subscription

from cache.clock import ManualClock
from cache.fleet import FleetCache
from cache.model import Freshness, Problem, Source, Standing
from tests.listed import list_machines

MACHINES = frozenset((Source.MACHINES,))
HALF_AN_HOUR = timedelta(minutes=30)


async def standing(fleet: FleetCache, clock: ManualClock, sources: frozenset[Source] = MACHINES) -> Standing:
    now = clock.now()
    return await fleet.standing(sources, now - HALF_AN_HOUR, now - 3 * HALF_AN_HOUR)


async def test_before_anything_was_read_nothing_is_fresh_or_stale(fleet: FleetCache, clock: ManualClock) -> None:
    assert await standing(fleet, clock) == Standing()


async def test_one_subscription_that_cannot_be_read_any_more_makes_not_all_stale(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.settle(Source.MACHINES, [SUB, OTHER])
    clock.advance(minutes=20)
    await fleet.settle(Source.MACHINES, [SUB])
    assert await standing(fleet, clock) == Standing(Freshness(Source.MACHINES, OTHER, NOW), 0, 2)
    clock.advance(minutes=20)
    assert await standing(fleet, clock) == Standing(Freshness(Source.MACHINES, SUB, NOW + timedelta(minutes=20)), 1, 2)
    clock.advance(minutes=20)
    assert await standing(fleet, clock) == Standing(Freshness(Source.MACHINES, OTHER, NOW), 0, 2), "all of them are stale now"


async def test_what_cannot_be_read_is_counted_and_ages_nothing_else(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.mark_fresh(Source.SUBSCRIPTIONS)
    await fleet.settle(Source.MACHINES, [SUB, OTHER])
    await fleet.put_problem(Problem("forbidden", "x", Source.MACHINES, NOW, OTHER.upper()))
    await fleet.put_problem(Problem("forbidden", "x", Source.SETTINGS, NOW, OTHER))
    clock.advance(minutes=10)
    await fleet.still_fresh(Source.MACHINES)
    await fleet.mark_fresh(Source.SUBSCRIPTIONS)
    now = clock.now()
    assert await standing(fleet, clock) == Standing(Freshness(Source.MACHINES, SUB, now), 0, 1, 1)
    every = await standing(fleet, clock, frozenset(Source))
    assert every.oldest is not None
    assert (every.oldest.fetched_at, every.unreadable) == (now, 1), "a subscription counts once"
    assert (await standing(fleet, clock, frozenset((Source.ALERTS,)))).unreadable == 0, "only what the screen shows counts"
    clock.advance(hours=2)
    await fleet.settle(Source.MACHINES, [SUB])
    assert (await standing(fleet, clock)).oldest == Freshness(Source.MACHINES, SUB, clock.now()), "also when it is long ago"


async def test_what_was_never_read_for_want_of_rights_is_counted_too(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.settle(Source.MACHINES, [SUB])
    await fleet.put_problem(Problem("forbidden", "x", Source.MACHINES, NOW, OTHER))
    assert await standing(fleet, clock) == Standing(Freshness(Source.MACHINES, SUB, NOW), 0, 1, 1)


async def test_when_nothing_can_be_read_the_age_is_that_of_what_is_known(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.settle(Source.MACHINES, [SUB, OTHER])
    for one in (SUB, OTHER):
        await fleet.put_problem(Problem("outage", "x", Source.MACHINES, NOW, one))
    clock.advance(minutes=50)
    found = await standing(fleet, clock)
    assert found.oldest is not None
    assert (found.oldest.fetched_at, found.stale, found.unreadable) == (NOW, 0, 2)


async def test_a_failure_of_the_whole_tenant_or_of_one_machines_extensions_makes_no_subscription_unreadable(
    fleet: FleetCache, clock: ManualClock
) -> None:
    await fleet.mark_fresh(Source.SUBSCRIPTIONS)
    await fleet.settle(Source.MACHINES, [SUB])
    await fleet.put_problem(Problem("outage", "x", Source.SUBSCRIPTIONS, NOW, ""))
    await fleet.put_problem(Problem("outage", "x", Source.EXTENSIONS, NOW, SUB))
    clock.advance(hours=2)
    await fleet.settle(Source.MACHINES, [SUB])
    found = await standing(fleet, clock, frozenset(Source))
    assert found == Standing(Freshness(Source.SUBSCRIPTIONS, "", NOW), 0, 1, 0), "the list of subscriptions is old, and that is told"


async def test_each_source_has_its_own_age_and_what_is_not_polled_its_own_limit(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.settle(Source.SETTINGS, [SUB])
    clock.advance(minutes=40)
    await fleet.settle(Source.MACHINES, [SUB])
    assert (await standing(fleet, clock)).oldest == Freshness(Source.MACHINES, SUB, clock.now())
    both = await standing(fleet, clock, MACHINES | {Source.SETTINGS})
    assert both == Standing(Freshness(Source.SETTINGS, SUB, NOW), 0, 1)


async def test_a_list_of_subscriptions_that_is_too_old_makes_everything_stale(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.mark_fresh(Source.SUBSCRIPTIONS)
    clock.advance(hours=2)
    await fleet.settle(Source.MACHINES, [SUB])
    found = await standing(fleet, clock, MACHINES | {Source.SUBSCRIPTIONS})
    assert found == Standing(Freshness(Source.SUBSCRIPTIONS, "", NOW), 0, 1)


async def test_a_poll_that_found_nothing_tells_of_ages_alone_and_leaves_out_what_has_a_problem(
    fleet: FleetCache, clock: ManualClock
) -> None:
    await fleet.settle(Source.MACHINES, [SUB, OTHER])
    await fleet.settle(Source.ALERTS, [SUB])
    await fleet.put_problem(Problem("outage", "x", Source.MACHINES, NOW, OTHER))
    clock.advance(minutes=1)
    ear = Ear(fleet)
    await fleet.still_fresh(Source.MACHINES)
    assert ear.heard() == [{"ages"}]
    assert set(await fleet.freshness()) == {
        Freshness(Source.ALERTS, SUB, NOW),
        Freshness(Source.MACHINES, SUB, clock.now()),
        Freshness(Source.MACHINES, OTHER, NOW),
    }


async def test_machines_that_are_gone_are_forgotten_with_their_subscription_told(fleet: FleetCache) -> None:
    await list_machines(fleet, SUB, [machine("web-1"), machine("web-2")], "s")
    ear = Ear(fleet)
    assert await fleet.forget_machines([machine_id("WEB-1").upper(), "/nowhere"]) == {SUB.lower()}
    assert [one.name for one in await fleet.machines()] == ["web-2"]
    assert any("machines" in tables for tables in ear.heard())
    assert await fleet.forget_machines(["/nowhere"]) == frozenset()
    assert ear.heard() == []


async def test_plans_are_written_where_they_differ(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    assert await fleet.put_servers_plans({SUB.lower(): "P1", OTHER: "P2"}) == {SUB.lower()}
    ear = Ear(fleet)
    assert await fleet.put_servers_plans({SUB.lower(): "P1"}) == frozenset()
    assert ear.heard() == []
    assert await fleet.servers_plans() == {SUB.lower(): "P1"}


async def test_the_digest_of_alerts_counts_each_status_and_severity_and_sums_their_times(fleet: FleetCache) -> None:
    await fleet.put_alerts(SUB, [alert("a"), alert("b"), alert("c", status="Resolved"), alert("d", generated=None)], "s")
    digest = await fleet.alert_digest()
    one = alert("a")
    assert one.generated is not None
    seconds = int(one.generated.timestamp()) - 1_577_836_800
    assert digest[one.status, one.severity] == (3, 2 * seconds)
    assert digest["Resolved", one.severity] == (1, seconds)
    assert {key: count for key, (count, _) in (await fleet.alert_digest_by_subscription()).items()} == {
        (SUB.lower(), one.status): 3,
        (SUB.lower(), "Resolved"): 1,
    }

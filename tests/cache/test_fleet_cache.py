"""The fleet in the cache: what is put is what is read, a new listing changes what it tells and no more, and history is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cache_samples import (
    DEFENDER,
    MONITOR,
    NOW,
    OTHER,
    SUB,
    Ear,
    alert,
    check,
    machine,
    machine_id,
    onboarding,
    subscription,
)

from cache.clock import ManualClock
from cache.fleet import FleetCache
from cache.model import (
    Assessment,
    Freshness,
    LogEntry,
    MachineEvent,
    MachineState,
    Permission,
    Problem,
    Source,
)
from tests.listed import list_machines

# What is put is what is read


async def test_a_listed_subscription_is_read_back(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    assert await fleet.subscription(SUB.upper()) == replace(subscription(), as_of=NOW)
    assert await fleet.subscription(OTHER) is None


async def test_a_machine_is_read_back_with_its_extensions(fleet: FleetCache) -> None:
    await list_machines(fleet, SUB, [machine("web-1")], "s")
    expected = replace(machine("web-1"), as_of=NOW)
    assert await fleet.machines() == [expected]
    assert await fleet.machine(machine_id("WEB-1").upper()) == expected
    assert await fleet.machine("/nowhere") is None


async def test_a_machine_that_a_first_listing_shows_again_is_one_machine(fleet: FleetCache) -> None:
    for page in ([machine("web-1"), machine("web-2")], [machine("web-2", power="deallocated"), machine("web-3")]):
        await list_machines(fleet, SUB, page, "s")
    assert [(one.name, one.power) for one in await fleet.machines()] == [
        ("web-1", machine("web-1").power),
        ("web-2", "deallocated"),
        ("web-3", machine("web-3").power),
    ]


async def test_a_machine_that_another_console_has_written_during_a_first_listing_is_one_machine(
    fleet: FleetCache, clock: ManualClock
) -> None:
    await list_machines(fleet, SUB, [machine("web-1")], "s")
    async with await FleetCache.join(fleet.path.parent, clock) as other:
        await list_machines(other, OTHER, [machine("db-1", OTHER)], "of the other")
        await list_machines(fleet, OTHER, [machine("DB-1", OTHER, power="deallocated")], "s")
    assert {(one.name, one.power) for one in await fleet.machines([OTHER])} == {("DB-1", "deallocated")}
    await fleet.finish_listing((SUB, OTHER), "s")
    assert await fleet.machine_count() == 2


async def test_an_alert_is_read_back(fleet: FleetCache) -> None:
    await fleet.put_alerts(SUB, [alert("a"), alert("b", machine_id=None, generated=None)], "s")
    assert await fleet.alert(alert("a").id.upper()) == replace(alert("a"), as_of=NOW)
    assert await fleet.alert(alert("b").id) == replace(alert("b", machine_id=None, generated=None), as_of=NOW)
    assert [one.name for one in await fleet.alerts_of_machine(machine_id("WEB-1"))] == ["a"]


async def test_an_onboarding_state_is_read_back(fleet: FleetCache) -> None:
    await list_machines(fleet, SUB, [machine("web-1"), machine("web-2")], "s")
    await fleet.put_onboardings([onboarding("web-1"), onboarding("web-2", diagnosis=None, evidence=(), since=None)])
    assert await fleet.onboarding(machine_id("web-1")) == onboarding("web-1")
    assert await fleet.onboardings([SUB]) == {
        machine_id(name).lower(): one
        for name, one in (("web-1", onboarding("web-1")), ("web-2", onboarding("web-2", diagnosis=None, evidence=(), since=None)))
    }
    assert await fleet.onboardings([OTHER]) == {}


async def test_checks_and_assessments_are_read_back_and_replaced(fleet: FleetCache) -> None:
    checks = [
        check("z", remedy="Do\nthis", who="Owner", command="az x", link="https://x", reference="doc", machine_ids=("/a", "/b"), as_of=NOW),
        check("a", ticked_by="ann", ticked_at=NOW),
    ]
    await fleet.put_checklists({SUB: checks}, {})
    assert await fleet.checks([SUB.upper()]) == checks
    await fleet.put_checklists({SUB: checks[1:]}, {})
    assert await fleet.checks() == checks[1:]
    assessments = [Assessment("/m/1", SUB, "k1", "Healthy"), Assessment("/m/1", SUB, "k2", "Unhealthy", "OffByPolicy", "why\nso")]
    await fleet.put_assessments(SUB, assessments)
    assert await fleet.assessments([SUB]) == assessments
    await fleet.put_assessments(SUB, assessments[:1])
    assert await fleet.assessments() == assessments[:1]
    await fleet.put_assessments(OTHER, [])
    assert await fleet.assessments() == assessments[:1]


async def test_selection_values_and_log_are_remembered(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.select([SUB, OTHER])
    await fleet.select([SUB])
    assert await fleet.selection() == {SUB}
    assert await fleet.remembered("sort") is None
    await fleet.remember("sort", "name")
    await fleet.remember("sort", "state")
    assert await fleet.remembered("sort") == "state"
    await fleet.add_log("info", "first")
    clock.advance(minutes=1)
    await fleet.add_log("error", "second\nline")
    assert await fleet.log() == [LogEntry(NOW + timedelta(minutes=1), "error", "second\nline"), LogEntry(NOW, "info", "first")]
    assert len(await fleet.log(limit=1)) == 1


async def test_the_log_keeps_the_last_two_thousand_lines(fleet: FleetCache) -> None:
    for number in range(2010):
        await fleet.add_log("info", str(number))
    kept = await fleet.log(limit=5000)
    assert (len(kept), kept[0].message, kept[-1].message) == (2000, "2009", "10")


# Listing again


async def test_listing_subscriptions_again_keeps_what_other_sources_told(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    permissions = (Permission(("*",), ("Microsoft.Security/*",)),)
    await fleet.put_rights(SUB, permissions, True, False, None, True)
    await fleet.put_provider(SUB, "Registered")
    await fleet.put_settings(SUB, "on", "enabled", "not-set", NOW)
    await fleet.put_servers_plan(SUB, "P2")
    await fleet.put_subscriptions([subscription(name="renamed")], complete=True)
    found = await fleet.subscription(SUB)
    assert found is not None
    assert (found.name, found.permissions, found.can_enable, found.can_triage, found.can_see_machines, found.can_set_plan) == (
        "renamed",
        permissions,
        True,
        False,
        None,
        True,
    )
    assert (found.provider, found.integration, found.linux, found.unified, found.servers_plan) == (
        "Registered",
        "on",
        "enabled",
        "not-set",
        "P2",
    )
    assert found.enabled_at == NOW


async def test_a_subscription_that_is_no_longer_listed_goes_with_all_that_is_its_own(fleet: FleetCache, ear: Ear) -> None:
    await fleet.put_subscriptions([subscription(), subscription(OTHER)], complete=True)
    for one in (SUB, OTHER):
        await list_machines(fleet, one, [machine("web-1", one)], "s")
        await fleet.put_onboardings([onboarding("web-1", machine_id=machine_id("web-1", one))])
        await fleet.put_alerts(one, [alert("a", one)], "s")
        await fleet.put_checklists({one: [check("a", subscription_id=one)]}, {})
        await fleet.put_assessments(one, [Assessment(machine_id("web-1", one), one, "k", "Healthy")])
        await fleet.put_problem(Problem("forbidden", "No.", "machines", NOW, one))
        await fleet.mark_fresh("machines", one)
    await fleet.mark_fresh("subscriptions")
    await fleet.select([SUB, OTHER])
    ear.heard()
    await fleet.put_subscriptions([subscription(SUB.upper())], complete=True)
    everything = {
        "subscriptions",
        "machines",
        "onboarding",
        "events",
        "alerts",
        "checks",
        "assessments",
        "problems",
        "freshness",
        "selection",
    }
    assert ear.heard() == [everything]
    assert [one.subscription.id for one in await fleet.subscriptions()] == [SUB]
    for found in (fleet.machines, fleet.alerts, fleet.checks, fleet.assessments, fleet.problems):
        assert {one.subscription_id for one in await found()} == {SUB}
    assert {one.subscription_id for one in await fleet.freshness()} == {SUB, ""}
    assert await fleet.selection() == {SUB}
    assert await fleet.onboarding(machine_id("web-1", OTHER)) is None
    assert await fleet.events(machine_id("web-1", OTHER)) == []


async def test_an_incomplete_listing_removes_nothing(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription(), subscription(OTHER)], complete=True)
    await fleet.put_subscriptions([subscription()], complete=False)
    assert len(await fleet.subscriptions()) == 2


async def test_machines_that_a_finished_listing_did_not_show_are_gone(fleet: FleetCache, ear: Ear) -> None:
    await list_machines(fleet, SUB, [machine("a"), machine("b")], "one")
    await list_machines(fleet, OTHER, [machine("c", OTHER)], "one")
    await fleet.put_onboardings([onboarding("a"), onboarding("b")])
    await list_machines(fleet, SUB, [machine("b", id=machine_id("B"))], "two")
    await list_machines(fleet, SUB, [machine("d")], "two")
    assert len(await fleet.machines()) == 4
    ear.heard()
    await fleet.finish_listing((SUB,), "two")
    assert ear.heard() == [{"events", "onboarding", "machines"}]
    assert [one.name for one in await fleet.machines()] == ["b", "c", "d"]
    assert await fleet.onboarding(machine_id("b")) is not None
    await fleet.finish_listing((SUB,), "three")
    assert [one.name for one in await fleet.machines()] == ["c"]


async def test_pages_of_an_abandoned_listing_do_not_count(fleet: FleetCache) -> None:
    await list_machines(fleet, SUB, [machine("a"), machine("b")], "one")
    await list_machines(fleet, SUB, [machine("b")], "two")
    await fleet.finish_listing((SUB,), "two")
    assert [one.name for one in await fleet.machines()] == ["b"]


async def test_a_listing_without_extensions_keeps_those_that_are_known(fleet: FleetCache) -> None:
    bare = machine("a", extensions=(), extensions_known=False)
    await list_machines(fleet, SUB, [bare], "one")
    assert [one.extensions_known for one in await fleet.machines()] == [False]
    await list_machines(fleet, SUB, [replace(bare, extensions=(DEFENDER,), extensions_known=True)], "details")
    assert [(one.extensions, one.extensions_known) for one in await fleet.machines()] == [((DEFENDER,), True)]
    await list_machines(fleet, SUB, [replace(bare, power="deallocated")], "two")
    assert [(one.extensions, one.extensions_known, one.power) for one in await fleet.machines()] == [((DEFENDER,), True, "deallocated")]
    await list_machines(fleet, SUB, [machine("a", extensions=())], "three")
    assert [(one.extensions, one.extensions_known) for one in await fleet.machines()] == [((), True)]
    assert (await fleet.machine_rows())[0].extension is None


async def test_alerts_that_a_finished_listing_did_not_show_are_gone(fleet: FleetCache) -> None:
    await fleet.put_alerts(SUB, [alert("a"), alert("b")], "one")
    await fleet.put_alerts(SUB, [alert("b")], "two")
    await fleet.finish_alerts(SUB, "two")
    assert [one.name for one in await fleet.alerts()] == ["b"]


async def test_the_earliest_time_of_enabling_is_kept_until_it_is_switched_off(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)

    async def after(*values: Any) -> Any:
        await fleet.put_settings(SUB, *values)
        found = await fleet.subscription(SUB)
        assert found is not None
        return found.enabled_at

    earlier = NOW - timedelta(days=1)
    assert await after("on", "enabled", "on") is None
    assert await after("on", "enabled", "on", NOW) == NOW
    assert await after("on", "enabled", "on", earlier) == earlier
    assert await after("on", "enabled", "on", NOW) == earlier
    assert await after(None, None, None) == earlier
    assert await after("on", "not-set", "on") == earlier
    assert await after("off", "enabled", "on", NOW) is None
    assert await after("on", "enabled", "on", NOW) == NOW
    assert await after("on", "excluded", "on") is None


# History


async def test_each_change_of_state_is_an_event_and_a_new_reason_is_not(fleet: FleetCache, clock: ManualClock, ear: Ear) -> None:
    await list_machines(fleet, SUB, [machine("a"), machine("b")], "s")
    await fleet.put_onboardings([onboarding("a"), onboarding("b")])
    clock.advance(minutes=5)
    ear.heard()
    await fleet.put_onboardings([onboarding("a", reason="still waiting"), onboarding("b")])
    assert ear.heard() == [{"onboarding"}]
    clock.advance(minutes=5)
    await fleet.put_onboardings([onboarding("a", MachineState.ONBOARDED, "done"), onboarding("b")])
    assert ear.heard() == [{"onboarding", "events"}]
    ten = NOW + timedelta(minutes=10)
    assert await fleet.events(machine_id("A")) == [
        MachineEvent(machine_id("a"), NOW, "", "pending", "waiting"),
        MachineEvent(machine_id("a"), ten, "pending", "onboarded", "done"),
    ]
    assert [one.after for one in await fleet.recent_events(2)] == ["pending", "onboarded"]
    assert (await fleet.recent_events(1))[0].machine_id == machine_id("a")


async def test_a_state_of_a_machine_that_is_not_known_is_left_out(fleet: FleetCache, ear: Ear) -> None:
    await fleet.put_onboardings([onboarding("ghost")])
    assert await fleet.onboardings() == {}
    assert await fleet.recent_events(5) == []
    assert ear.heard() == []


# Lists and counts


async def test_a_machine_that_nobody_has_judged_is_unknown_and_says_so(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    await list_machines(fleet, SUB, [machine("a"), machine("B"), machine("c", extensions=(MONITOR,))], "s")
    await fleet.put_onboardings([onboarding("a", MachineState.FAILED)])
    first, second, third = await fleet.machine_rows([SUB.upper()])
    assert (first.state, first.reason, first.extension, first.subscription_name) == (MachineState.FAILED, "waiting", DEFENDER, "Production")
    assert first.diagnosis == onboarding("a").diagnosis
    assert (second.name, second.state, second.reason, second.since) == ("B", MachineState.UNKNOWN, "not evaluated yet", None)
    assert third.extension is None
    assert await fleet.state_counts() == {"failed": 1, "unknown": 2}
    assert await fleet.state_counts([OTHER]) == {}
    assert await fleet.machine_rows([]) == []


async def test_subscriptions_are_sorted_by_name_with_states_alerts_problems_and_choice(fleet: FleetCache) -> None:
    await fleet.put_subscriptions([subscription(SUB, "beta"), subscription(OTHER, "Alpha")], complete=True)
    await list_machines(fleet, SUB.upper(), [machine("a"), machine("b")], "s")
    await fleet.put_onboardings([onboarding("a")])
    await fleet.put_alerts(SUB, [alert("a"), alert("b", status="Resolved"), alert("c", status="InProgress")], "s")
    problem = Problem("forbidden", "No.", "machines", NOW, SUB.upper())
    await fleet.put_problem(problem)
    await fleet.select([SUB.upper()])
    alpha, beta = await fleet.subscriptions()
    assert (alpha.subscription.name, alpha.machines, alpha.alerts, alpha.problems, alpha.selected) == ("Alpha", 0, 0, (), False)
    assert (beta.subscription.name, beta.states, beta.alerts, beta.problems, beta.selected) == (
        "beta",
        {"pending": 1, "unknown": 1},
        2,
        (problem,),
        True,
    )


async def test_alerts_come_newest_first_and_only_open_ones_count(fleet: FleetCache) -> None:
    old, new = NOW - timedelta(days=3), NOW - timedelta(minutes=1)
    await fleet.put_alerts(
        SUB,
        [
            alert("old", generated=old, severity="High"),
            alert("new", generated=new, severity="High", status="InProgress"),
            alert("closed", generated=NOW - timedelta(days=2), status="Dismissed"),
            alert("odd", generated=None, severity="Apocalyptic", status="Active"),
        ],
        "s",
    )
    assert [one.name for one in await fleet.alerts([SUB])] == ["new", "closed", "old", "odd"]
    assert await fleet.alert_counts() == {"High": 2, "Apocalyptic": 1}
    await fleet.set_alert_status(alert("new").id, "Resolved")
    assert await fleet.alert_counts([SUB]) == {"High": 1, "Apocalyptic": 1}
    assert await fleet.alert_counts([OTHER]) == {}


async def test_freshness_tells_when_each_source_was_last_read(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.mark_fresh(Source.MACHINES, SUB)
    clock.advance(hours=1)
    await fleet.mark_fresh(Source.MACHINES, OTHER)
    await fleet.mark_fresh(Source.SUBSCRIPTIONS)
    later = NOW + timedelta(hours=1)
    assert await fleet.freshness([SUB]) == [Freshness("machines", SUB, NOW)]
    assert await fleet.freshness() == [
        Freshness("machines", SUB, NOW),
        Freshness("machines", OTHER, later),
        Freshness("subscriptions", "", later),
    ]
    assert await fleet.oldest("machines", [SUB, OTHER]) == NOW
    assert await fleet.oldest("machines", [OTHER.upper()]) == later
    assert await fleet.oldest("alerts", [SUB]) is None
    assert await fleet.oldest("subscriptions") == later


async def test_an_unchanged_machine_is_as_fresh_as_the_last_complete_listing(fleet: FleetCache, clock: ManualClock, ear: Ear) -> None:
    await list_machines(fleet, SUB, [machine("a")], "one")
    await fleet.put_alerts(SUB, [alert("a")], "one")
    ear.heard()
    clock.advance(hours=1)
    await list_machines(fleet, SUB, [machine("a")], "two")
    await fleet.put_alerts(SUB, [alert("a")], "two")
    assert ear.heard() == []
    assert [one.as_of for one in (*await fleet.machines(), *await fleet.alerts())] == [NOW, NOW]
    await fleet.mark_fresh("machines", SUB)
    await fleet.mark_fresh("alerts", SUB)
    assert [one.as_of for one in (*await fleet.machine_rows(), *await fleet.alerts())] == [clock.now(), clock.now()]


async def test_a_subscription_is_as_fresh_as_the_stalest_of_listing_settings_and_plan(fleet: FleetCache, clock: ManualClock) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    await fleet.mark_fresh("settings", SUB)
    clock.advance(hours=1)
    await fleet.mark_fresh("subscriptions")
    await fleet.mark_fresh("plan", SUB)
    assert [one.subscription.as_of for one in await fleet.subscriptions()] == [NOW]
    await fleet.mark_fresh("settings", SUB)
    assert [one.subscription.as_of for one in await fleet.subscriptions()] == [clock.now()]


async def test_there_is_one_problem_for_each_source_and_subscription(fleet: FleetCache) -> None:
    await fleet.put_problem(Problem("throttled", "Slow down.", "machines", NOW, SUB))
    last = Problem("forbidden", "You may not.", "machines", NOW, SUB)
    tenant = Problem("sign-in", "Sign in.", "subscriptions", NOW)
    await fleet.put_problem(last)
    await fleet.put_problem(tenant)
    assert await fleet.problems() == [tenant, last]
    assert await fleet.problems([SUB]) == [last]
    await fleet.clear_problem("machines", SUB.upper())
    assert await fleet.problems() == [tenant]
    await fleet.clear_problem("subscriptions")
    assert await fleet.problems() == []

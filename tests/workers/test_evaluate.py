"""Only what can have changed is worked out anew, and the outcome is that of working out everything."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cache.clock import ManualClock
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.machine_reports import Finding
from cache.model import ABOARD, Assessment, Check, CheckStatus, Machine, MachineState, Onboarding, Permission, Problem, Subscription
from cache.sighting import sighting_of
from console.clouds import load_cloud
from console.rules.machine_checks import EDR_KEYS
from console.rules.machine_judgement import Judgement, with_reports
from console.rules.onboarding import onboarding_of
from console.rules.prerequisites import checks_of
from console.workers import evaluate as module
from console.workers.evaluate import evaluate, settle_states
from console.workers.verify import keep_judgement
from tests.listed import list_machines
from tests.rules.samples import NOW, a_machine, a_server, alike, defender, log_analytics, trend_micro

SUBS = ("aaaaaaaa-0000-4000-8000-000000000001", "BBBBBBBB-0000-4000-8000-000000000002", "cccccccc-0000-4000-8000-000000000003")
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
PUBLIC = load_cloud("public")
EVERYTHING = (Permission(("*",)),)


def owned(machine: Machine, subscription_id: str) -> Machine:
    return replace(machine, id=machine.id.replace(machine.subscription_id, subscription_id), subscription_id=subscription_id)


def subscriptions(states: tuple[str, ...] = ("Enabled",) * 3) -> list[Subscription]:
    return [Subscription(one, one[:4], state, "tenant") for one, state in zip(SUBS, states, strict=True)]


@asynccontextmanager
async def opened(folder: Path, clock: ManualClock) -> AsyncIterator[tuple[FleetCache, Journal]]:
    async with await FleetCache.open(folder, clock) as fleet:
        journal = await Journal.open(folder, clock)
        try:
            yield fleet, journal
        finally:
            await journal.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def kept(tmp_path: Path, clock: ManualClock) -> AsyncIterator[tuple[FleetCache, Journal]]:
    async with opened(tmp_path, clock) as pair:
        yield pair


async def lists(fleet: FleetCache, clock: ManualClock, machines: list[Machine], listing: str) -> None:
    """A listing of all subscriptions, judged as it lands."""
    judge = await settle_states(fleet, clock, PUBLIC)
    await fleet.see_machines([sighting_of(one, one.subscription_id) for one in machines], listing, judge)
    await fleet.finish_listing(SUBS, listing)


async def whole(fleet: FleetCache, journal: Journal, now: datetime) -> tuple[dict[str, Onboarding], list[Check]]:
    """What the rules say of everything that is known, machine by machine and subscription by subscription."""
    previous = await fleet.onboardings()
    first = not any(count for state, count in (await fleet.state_counts()).items() if state in ABOARD)
    owners = {row.subscription.id.lower(): row.subscription for row in await fleet.subscriptions()}
    machines = await fleet.machines()
    states = {
        one.id.lower(): onboarding_of(
            one, owners[one.subscription_id.lower()], now=now, previous=previous.get(one.id.lower()), first_in_tenant=first
        )
        for one in machines
    }
    reports = await fleet.reports(whole=True)
    states = {key: with_reports(one, [told for told in reports if told.machine_id.lower() == key]) for key, one in states.items()}
    checks: list[Check] = []

    def of(records: list[Any], key: str) -> list[Any]:
        return [one for one in records if one.subscription_id.lower() == key]

    for key in sorted(owners):
        assessments, problems = of(await fleet.assessments(), key), of(await fleet.problems(), key)
        ticks = of(await journal.ticks(), key)
        checks += checks_of(
            owners[key],
            alike(of(machines, key), states),
            assessments,
            problems,
            ticks,
            integration_supported=PUBLIC.integration_supported,
            azure_portal=PUBLIC.azure_portal,
            now=now,
            reports=of(reports, key),
        )
    return states, [plain(one) for one in checks]


def plain(check: Check) -> Check:
    return replace(check, as_of=None, machine_ids=tuple(sorted(one.lower() for one in check.machine_ids)))


async def found(fleet: FleetCache) -> tuple[dict[str, Onboarding], list[Check]]:
    """What is kept."""
    return await fleet.onboardings(), [plain(one) for one in await fleet.checks()]


_KINDS: list[Callable[[], Machine]] = [
    lambda: a_machine("m"),
    lambda: a_machine("m", power="deallocated"),
    lambda: a_machine("m", created_at=NOW - timedelta(minutes=50)),
    lambda: a_machine("m", created_at=NOW - timedelta(hours=13)),
    lambda: a_machine("m", created_at=None, tags={"mdatp": "1"}),
    lambda: a_machine("m", extensions=(defender(),)),
    lambda: a_machine("m", extensions=(defender("Creating", ""),)),
    lambda: a_machine("m", extensions=(defender("Failed", "ProvisioningState/failed/1", "exiting (12)"),)),
    lambda: a_machine("m", extensions=(trend_micro(),)),
    lambda: a_machine("m", extensions_known=False),
    lambda: a_machine("m", os_version="14.04"),
    lambda: a_machine("m", kind="arc", power="Disconnected", status_at=NOW - timedelta(days=9)),
    lambda: a_server("2016", "m"),
    lambda: a_server("2016", "m", extensions=(log_analytics(),)),
]
subs, numbers = st.sampled_from(SUBS), st.integers(0, 5)
fleets = st.lists(st.tuples(subs, numbers, st.sampled_from(_KINDS)), max_size=8, unique_by=lambda one: one[:2])
outcomes = st.sampled_from(["good", "doubtful", "bad", "unreadable"])
changes = st.one_of(
    st.tuples(st.just("list"), fleets),
    st.tuples(st.just("list"), fleets),
    st.tuples(st.just("put"), subs, numbers, st.sampled_from(_KINDS)),
    st.tuples(st.just("extensions"), numbers, st.sampled_from([(), (defender(),), (defender("Failed", "52"),)])),
    st.tuples(st.just("settings"), subs, st.sampled_from(["on", "off", None]), st.sampled_from(["enabled", "excluded", "not-set"])),
    st.tuples(st.just("rights"), subs, st.sampled_from([True, False, None])),
    st.tuples(st.just("plan"), subs, st.sampled_from(["P2", "free"])),
    st.tuples(st.just("state"), st.tuples(*[st.sampled_from(["Enabled", "Disabled"])] * 3)),
    st.tuples(st.just("assess"), subs, st.sampled_from(["Healthy", "Unhealthy"]), st.booleans()),
    st.tuples(st.just("problem"), subs, st.sampled_from(["machines", "extensions", "assessments", "settings"]), st.booleans()),
    st.tuples(st.just("tick"), subs, st.sampled_from(["connectivity-linux", "tenant-move", "integration"]), st.booleans()),
    st.tuples(st.just("health"), numbers),
    st.tuples(st.just("told"), numbers, st.sampled_from(["connectivity", "system"]), outcomes),
    st.tuples(st.just("wait"), st.sampled_from([0, 10, 61, 11 * 60, 25 * 60])),
    st.tuples(st.just("evaluate"), subs),
)


def machine_of(owner: str, number: int, kind: Callable[[], Machine]) -> Machine:
    made = kind()
    return owned(replace(made, id=f"{made.id}-{number}", name=f"m-{number}"), owner)


async def change(fleet: FleetCache, journal: Journal, clock: ManualClock, number: int, step: tuple[Any, ...]) -> None:
    match step:
        case ("list", listed):
            await lists(fleet, clock, [machine_of(*one) for one in listed], str(number))
        case ("put", owner, which, kind):
            await list_machines(fleet, owner, [machine_of(owner, which, kind)], f"put {number}")
        case ("extensions", which, extensions):
            for one in await fleet.machines():
                if one.name == f"m-{which}":
                    await list_machines(
                        fleet, one.subscription_id, [replace(one, extensions=tuple(extensions), extensions_known=True)], f"of {number}"
                    )
        case ("settings", owner, integration, linux):
            await fleet.put_settings(owner, integration, linux, "on", enabled_at=clock.now() if integration == "on" else None)
        case ("rights", owner, sees):
            await fleet.put_rights(owner, EVERYTHING if sees else (), bool(sees), sees, sees, sees)
        case ("plan", owner, plan):
            await fleet.put_servers_plan(owner, plan)
        case ("state", states):
            await fleet.put_subscriptions(subscriptions(states), complete=True)
        case ("assess", owner, status, some):
            known = (await fleet.machines([owner]))[:2] if some else []
            await fleet.put_assessments(owner, [Assessment(one.id, owner, EDR_KEYS[0], status) for one in known])
        case ("problem", owner, source, there):
            if there:
                await fleet.put_problem(Problem("outage", f"No {source}.", source, clock.now(), owner))
            else:
                await fleet.clear_problem(source, owner)
        case ("tick", owner, check, ticked):
            await (journal.tick(owner, check, "ann") if ticked else journal.untick(owner, check, "ann"))
        case ("health", which):
            known = {one.id.lower(): one.name for one in await fleet.machines()}
            await fleet.put_onboardings(
                [
                    replace(one, state=MachineState.HEALTHY, reason="reported")
                    for key, one in (await fleet.onboardings()).items()
                    if known[key] == f"m-{which}" and one.reason == "the MDE extension is installed"
                ]
            )
        case ("told", which, kind, outcome):
            finding = Finding("fanotify-holders", "x", CheckStatus.FAIL if outcome == "bad" else CheckStatus.PASS, "why", "do")
            for one in await fleet.machines():
                if int(one.name.removeprefix("m-")) % 2 == which % 2:
                    told = Judgement(one.os_type, outcome, "code", f"reason {number}", "do", (finding,))
                    await keep_judgement(fleet, one.id, kind, told, clock.now(), "hand")
        case ("wait", minutes):
            clock.advance(minutes=minutes)
        case ("evaluate", owner):
            await evaluate(fleet, journal, clock, PUBLIC, [owner])


@settings(max_examples=100, deadline=None, phases=NO_SHRINK)
@given(st.lists(changes, max_size=14))
def test_after_any_changes_working_out_everything_would_change_nothing(sequence: list[tuple[Any, ...]]) -> None:
    async def play(folder: Path) -> None:
        clock = ManualClock(NOW)
        async with opened(folder, clock) as (fleet, journal):
            await fleet.put_subscriptions(subscriptions(), complete=True)
            for number, step in enumerate(sequence):
                await change(fleet, journal, clock, number, step)
                if number % 3 == 2:
                    await evaluate(fleet, journal, clock, PUBLIC)
                    assert await found(fleet) == await whole(fleet, journal, clock.now())
            await evaluate(fleet, journal, clock, PUBLIC)
            assert await found(fleet) == await whole(fleet, journal, clock.now())
            assert await fleet.outdated() == {}

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


async def test_what_did_not_change_is_not_worked_out_anew(
    kept: tuple[FleetCache, Journal], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, journal = kept
    await fleet.put_subscriptions(subscriptions(), complete=True)
    machines = [machine_of(owner, number, _KINDS[0]) for owner in SUBS for number in range(4)]
    await lists(fleet, clock, machines, "first")
    await evaluate(fleet, journal, clock, PUBLIC)
    looked_at: list[str] = []

    def counting(subscription: Subscription, *more: Any, **named: Any) -> list[Check]:
        looked_at.append(subscription.id)
        return checks_of(subscription, *more, **named)

    monkeypatch.setattr(module, "checks_of", counting)
    judged: list[str] = []

    def judging(machine: Machine, *more: Any, **named: Any) -> Onboarding:
        judged.append(machine.id)
        return onboarding_of(machine, *more, **named)

    monkeypatch.setattr(module, "onboarding_of", judging)
    await lists(fleet, clock, machines, "again")
    await evaluate(fleet, journal, clock, PUBLIC)
    assert (looked_at, judged) == ([], [])
    other = replace(machines[5], power="deallocated")
    await lists(fleet, clock, [*machines[:5], other, *machines[6:]], "with a change")
    await evaluate(fleet, journal, clock, PUBLIC)
    assert (looked_at, judged) == ([SUBS[1]], [other.id])


async def test_other_rules_work_out_everything_anew(
    kept: tuple[FleetCache, Journal], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, journal = kept
    await fleet.put_subscriptions(subscriptions(), complete=True)
    await lists(fleet, clock, [machine_of(SUBS[0], 1, _KINDS[5])], "first")
    await evaluate(fleet, journal, clock, PUBLIC)
    monkeypatch.setattr(module, "_rules", lambda: "those of tomorrow")
    monkeypatch.setattr(module, "onboarding_of", lambda machine, *_, **__: Onboarding(machine.id, MachineState.BLOCKED, "tomorrow"))
    await evaluate(fleet, journal, clock, PUBLIC)
    assert {one.reason for one in (await fleet.onboardings()).values()} == {"tomorrow"}


async def test_a_change_during_an_evaluation_is_not_lost(
    kept: tuple[FleetCache, Journal], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, journal = kept
    await fleet.put_subscriptions(subscriptions(), complete=True)
    put = fleet.put_checklists

    async def late(*values: Any) -> None:
        await fleet.put_servers_plan(SUBS[0], "P2")
        await put(*values)

    monkeypatch.setattr(fleet, "put_checklists", late)
    await evaluate(fleet, journal, clock, PUBLIC)
    monkeypatch.setattr(fleet, "put_checklists", put)
    assert [*await fleet.outdated()] == [SUBS[0]]
    await evaluate(fleet, journal, clock, PUBLIC)
    assert {one.status for one in await fleet.checks([SUBS[0]]) if one.id == "servers-plan"} == {CheckStatus.PASS}


async def test_in_a_first_listing_nobody_is_told_the_wait_of_a_first_subscription_before_it_is_known(
    kept: tuple[FleetCache, Journal], clock: ManualClock
) -> None:
    fleet, journal = kept
    await fleet.put_subscriptions(subscriptions(), complete=True)
    await fleet.put_settings(SUBS[0], "on", "enabled", "on", enabled_at=NOW)
    waiting, aboard = machine_of(SUBS[0], 1, _KINDS[0]), machine_of(SUBS[0], 2, _KINDS[5])
    await lists(fleet, clock, [waiting, aboard], "first")
    await evaluate(fleet, journal, clock, PUBLIC)
    found = await fleet.onboarding(waiting.id)
    assert found is not None
    assert (found.state, found.due) == (MachineState.PENDING, NOW + timedelta(hours=1))


async def test_in_a_tenant_in_which_nothing_is_aboard_a_wait_may_take_twelve_hours(
    kept: tuple[FleetCache, Journal], clock: ManualClock
) -> None:
    fleet, journal = kept
    await fleet.put_subscriptions(subscriptions(), complete=True)
    await fleet.put_settings(SUBS[0], "on", "enabled", "on", enabled_at=NOW)
    waiting = machine_of(SUBS[0], 1, _KINDS[0])
    await lists(fleet, clock, [waiting], "first")
    await evaluate(fleet, journal, clock, PUBLIC)
    found = await fleet.onboarding(waiting.id)
    assert found is not None
    assert (found.state, found.due) == (MachineState.PENDING, NOW + timedelta(hours=12))

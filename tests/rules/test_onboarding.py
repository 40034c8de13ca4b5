"""Every machine is in exactly one state, with a reason; what is not known never reads as good; time moves one way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cache.machine_clock import EXPECTED, EXPECTED_FIRST, OVERDUE, Pace, machine_clock
from cache.model import Extension, Machine, MachineState, Onboarding, Subscription
from console.rules.extensions import SUCCEEDED, defender_extension, extension_state, log_analytics_extension
from console.rules.onboarding import REASON_LENGTH, WAITING, onboarding_of
from tests.rules.samples import (
    NOW,
    a_machine,
    a_server,
    a_subscription,
    defender,
    log_analytics,
    machines,
    previous_states,
    subscriptions,
    trend_micro,
)

GOOD = {MachineState.ONBOARDED, MachineState.HEALTHY, MachineState.UNHEALTHY}
ORDER = [MachineState.PENDING, MachineState.LATE, MachineState.OVERDUE]


def state(machine: Machine, subscription: Subscription | None = None, **more: Any) -> MachineState:
    return onboarding_of(machine, subscription or a_subscription(), now=more.pop("now", NOW), **more).state


@pytest.mark.parametrize(
    ("machine", "subscription", "expected"),
    [
        pytest.param(a_machine(), a_subscription(), MachineState.PENDING, id="enabled just now"),
        pytest.param(a_machine(os_version="14.04"), a_subscription(), MachineState.UNSUPPORTED, id="Ubuntu 14.04"),
        pytest.param(a_server("x", os_name="Windows 10 Enterprise"), a_subscription(), MachineState.UNSUPPORTED, id="Windows 10"),
        pytest.param(a_machine(), a_subscription(integration="off"), MachineState.NOT_ENABLED, id="integration off"),
        pytest.param(a_machine(), a_subscription(linux="excluded"), MachineState.NOT_ENABLED, id="Linux excluded"),
        pytest.param(a_server(), a_subscription(linux="excluded"), MachineState.PENDING, id="Linux excluded does not touch Windows"),
        pytest.param(a_machine(), a_subscription(linux="not-set"), MachineState.PENDING, id="not set is not excluded"),
        pytest.param(a_machine(), a_subscription(servers_plan="free"), MachineState.NOT_ENABLED, id="no plan"),
        pytest.param(a_machine(), a_subscription(state="Disabled"), MachineState.NOT_ENABLED, id="subscription disabled"),
        pytest.param(a_machine(), a_subscription(provider="NotRegistered"), MachineState.NOT_ENABLED, id="provider not registered"),
        pytest.param(a_machine(power="deallocated"), a_subscription(), MachineState.BLOCKED, id="powered off"),
        pytest.param(a_machine(kind="arc", power="Disconnected"), a_subscription(), MachineState.BLOCKED, id="agent disconnected"),
        pytest.param(a_machine(kind="arc", power="Expired"), a_subscription(), MachineState.BLOCKED, id="agent expired"),
        pytest.param(a_machine(extensions=(trend_micro(),)), a_subscription(), MachineState.BLOCKED, id="fanotify held"),
        pytest.param(a_server("2016"), a_subscription(unified="off"), MachineState.BLOCKED, id="legacy path without its agent"),
        pytest.param(a_server("2016"), a_subscription(unified="not-set"), MachineState.BLOCKED, id="unified solution not set"),
        pytest.param(a_server("2016"), a_subscription(unified="on"), MachineState.PENDING, id="unified solution on"),
        pytest.param(a_server("2016"), a_subscription(unified=None), MachineState.UNKNOWN, id="unified solution not known"),
        pytest.param(
            a_server("2016", extensions=(log_analytics(),)),
            a_subscription(unified="off"),
            MachineState.ONBOARDED,
            id="legacy path with its agent",
        ),
        pytest.param(
            a_server("2016", extensions=(log_analytics("Failed"),)),
            a_subscription(unified="off"),
            MachineState.BLOCKED,
            id="its agent failed",
        ),
        pytest.param(a_machine(extensions=(defender("Creating", ""),)), a_subscription(), MachineState.INSTALLING, id="installing"),
        pytest.param(
            a_machine(extensions=(defender("Failed", "ProvisioningState/failed/12"),)), a_subscription(), MachineState.FAILED, id="failed"
        ),
        pytest.param(a_machine(extensions=(defender(),)), a_subscription(), MachineState.ONBOARDED, id="the extension succeeded"),
        pytest.param(a_machine(extensions=(defender(),)), a_subscription(integration="off"), MachineState.ONBOARDED, id="and stays"),
        pytest.param(a_machine(extensions=(defender("Quantum", ""),)), a_subscription(), MachineState.UNKNOWN, id="a new word"),
        pytest.param(a_machine(extensions_known=False), a_subscription(), MachineState.UNKNOWN, id="extensions not readable"),
        pytest.param(a_machine(), a_subscription(integration=None, linux=None), MachineState.UNKNOWN, id="settings not readable"),
        pytest.param(a_machine(), a_subscription(linux=None), MachineState.UNKNOWN, id="exclusion not readable"),
        pytest.param(a_machine(os_type=""), a_subscription(), MachineState.UNKNOWN, id="system not told"),
    ],
)
def test_each_row_of_the_design_has_its_state(machine: Machine, subscription: Subscription, expected: MachineState) -> None:
    found = onboarding_of(machine, subscription, now=NOW)
    assert found.state is expected
    assert found.explanation
    assert found.evidence
    assert (found.diagnosis is not None) >= (expected is MachineState.FAILED)


@pytest.mark.parametrize(
    ("waited", "first", "expected"),
    [
        (timedelta(0), False, MachineState.PENDING),
        (EXPECTED - timedelta(seconds=1), False, MachineState.PENDING),
        (EXPECTED, False, MachineState.LATE),
        (EXPECTED, True, MachineState.PENDING),
        (EXPECTED_FIRST - timedelta(seconds=1), True, MachineState.PENDING),
        (EXPECTED_FIRST, True, MachineState.LATE),
        (OVERDUE - timedelta(seconds=1), False, MachineState.LATE),
        (OVERDUE, False, MachineState.OVERDUE),
        (OVERDUE, True, MachineState.OVERDUE),
        (timedelta(days=400), False, MachineState.OVERDUE),
    ],
)
def test_pending_becomes_late_becomes_overdue(waited: timedelta, first: bool, expected: MachineState) -> None:
    found = onboarding_of(a_machine(), a_subscription(), now=NOW + waited, first_in_tenant=first)
    assert found.state is expected
    assert found.since == NOW
    assert (found.due is None) == (expected is MachineState.OVERDUE)


def test_a_machine_that_is_newer_than_the_enabling_is_waited_for_from_its_creation() -> None:
    young = a_machine(created_at=NOW + timedelta(days=3))
    assert state(young, now=NOW + timedelta(days=3, minutes=30)) is MachineState.PENDING
    assert state(young, now=NOW + timedelta(days=3, hours=2)) is MachineState.LATE


def test_a_machine_is_not_late_for_the_time_in_which_something_was_in_its_way() -> None:
    off = onboarding_of(a_machine(power="deallocated"), a_subscription(), now=NOW + timedelta(days=2))
    started = onboarding_of(a_machine(), a_subscription(), now=NOW + timedelta(days=2, hours=1), previous=off)
    assert started.state is MachineState.PENDING
    assert started.since == NOW + timedelta(days=2, hours=1)


@pytest.mark.parametrize("told", [MachineState.HEALTHY, MachineState.UNHEALTHY])
def test_a_health_report_is_kept_while_its_extension_stays(told: MachineState) -> None:
    report = Onboarding(a_machine().id, told, "mdatp health says so", NOW)
    aboard = a_machine(extensions=(defender(),))
    assert onboarding_of(aboard, a_subscription(), now=NOW + timedelta(days=1), previous=report) == report
    assert state(a_machine(), previous=report) is MachineState.PENDING
    assert state(a_machine(extensions=(defender("Failed"),)), previous=report) is MachineState.FAILED


@pytest.mark.parametrize("told", [MachineState.HEALTHY, MachineState.UNHEALTHY])
def test_a_health_report_of_the_legacy_path_is_kept_while_its_agent_stays(told: MachineState) -> None:
    report = Onboarding(a_machine().id, told, "the sensor runs", NOW)
    off = a_subscription(unified="off")
    kept = onboarding_of(a_server("2016", extensions=(log_analytics(),)), off, now=NOW + timedelta(days=1), previous=report)
    assert (kept.state, kept.since, kept.reason) == (told, NOW, "the sensor runs")
    gone = onboarding_of(a_server("2016"), off, now=NOW + timedelta(days=1), previous=report)
    assert gone.state is MachineState.BLOCKED


def test_a_failure_brings_its_cause_remedy_and_words() -> None:
    failed = a_machine(extensions=(defender("Failed", "ProvisioningState/failed/1", "too small, exiting (12)"),))
    found = onboarding_of(failed, a_subscription(), now=NOW)
    assert found.diagnosis is not None
    assert found.diagnosis.code == "installer-12"
    assert found.diagnosis.remedy in found.explanation
    assert any("too small" in line for line in found.evidence)


def test_a_state_that_stays_keeps_the_time_at_which_it_began() -> None:
    excluded = a_subscription(linux="excluded")
    first = onboarding_of(a_machine(), excluded, now=NOW)
    later = onboarding_of(a_machine(), excluded, now=NOW + timedelta(days=1), previous=first)
    assert first.since == later.since == NOW


def says_succeeded(machine: Machine) -> bool:
    found: list[Extension | None] = [defender_extension(machine), log_analytics_extension(machine)]
    return any(one is not None and extension_state(one) == SUCCEEDED for one in found)


@settings(max_examples=400)
@given(machines, subscriptions, previous_states, st.booleans(), st.integers(-100, 100))
def test_anything_gives_exactly_one_state_with_a_short_reason(
    machine: Machine, subscription: Subscription, previous: Onboarding | None, first: bool, hours: int
) -> None:
    now = NOW + timedelta(hours=hours)
    found = onboarding_of(machine, subscription, now=now, previous=previous, first_in_tenant=first)
    assert found.state in MachineState
    assert found.machine_id == machine.id
    assert 0 < len(found.reason.strip()) <= REASON_LENGTH == 60
    if found.state in GOOD:
        assert says_succeeded(machine)
    if found.state in WAITING:
        assert found.since is not None
        assert found.since <= now
        assert found.due is None or found.since < found.due


@given(machines, subscriptions, previous_states)
def test_missing_settings_and_missing_extensions_never_read_as_good(
    machine: Machine, subscription: Subscription, previous: Onboarding | None
) -> None:
    assume(not says_succeeded(machine))
    assert state(machine, subscription, previous=previous) not in GOOD


@settings(max_examples=300)
@given(machines, subscriptions, st.booleans(), st.lists(st.integers(0, 60 * 60), min_size=2, max_size=6))
def test_time_alone_moves_a_machine_only_forward(machine: Machine, subscription: Subscription, first: bool, minutes: list[int]) -> None:
    before: Onboarding | None = None
    seen: list[MachineState] = []
    for minute in sorted(minutes):
        before = onboarding_of(machine, subscription, now=NOW + timedelta(minutes=minute), previous=before, first_in_tenant=first)
        seen.append(before.state)
    if seen[0] in WAITING:
        places = [ORDER.index(one) for one in seen]
        assert places == sorted(places)
    else:
        assert len(set(seen)) == 1


@given(st.integers(0, 24 * 60), st.integers(0, 24 * 60))
def test_what_was_promised_is_not_cut_short_by_a_neighbour_that_came_aboard(minute: int, later: int) -> None:
    promised = onboarding_of(a_machine(), a_subscription(), now=NOW + timedelta(minutes=minute), first_in_tenant=True)
    now = NOW + timedelta(minutes=minute + later)
    after = onboarding_of(a_machine(), a_subscription(), now=now, previous=promised, first_in_tenant=False)
    assert promised.due is None or after.state is promised.state or now >= promised.due


@given(st.lists(st.tuples(st.integers(0, 60 * 60), st.booleans()), min_size=2, max_size=6))
def test_what_is_late_once_does_not_become_pending_again_while_it_waits(moments: list[tuple[int, bool]]) -> None:
    before: Onboarding | None = None
    places: list[int] = []
    for minute, first in sorted(moments):
        before = onboarding_of(a_machine(), a_subscription(), now=NOW + timedelta(minutes=minute), previous=before, first_in_tenant=first)
        places.append(ORDER.index(before.state))
    assert places == sorted(places)


@given(machines, subscriptions, previous_states, st.booleans())
def test_judging_again_at_the_same_time_changes_nothing(
    machine: Machine, subscription: Subscription, previous: Onboarding | None, first: bool
) -> None:
    once = onboarding_of(machine, subscription, now=NOW, previous=previous, first_in_tenant=first)
    assert onboarding_of(machine, subscription, now=NOW, previous=once, first_in_tenant=first) == once
    assert onboarding_of(machine, subscription, now=NOW, previous=once, first_in_tenant=False) == once


@given(machines, subscriptions, previous_states)
def test_when_a_machine_was_created_decides_only_about_its_wait(
    machine: Machine, subscription: Subscription, previous: Onboarding | None
) -> None:
    once = onboarding_of(machine, subscription, now=NOW, previous=previous)
    if once.state not in WAITING:
        assert onboarding_of(replace(machine, created_at=None, tags={}), subscription, now=NOW, previous=previous) == once


@given(st.booleans(), st.lists(st.integers(0, 60 * 60), min_size=1, max_size=6))
def test_the_clock_says_what_the_state_says(first: bool, minutes: list[int]) -> None:
    paces = {MachineState.PENDING: Pace.ON_TIME, MachineState.LATE: Pace.LATE, MachineState.OVERDUE: Pace.OVERDUE}
    machine, subscription, previous = a_machine(), a_subscription(), None
    for minute in sorted(minutes):
        now = NOW + timedelta(minutes=minute)
        previous = onboarding_of(machine, subscription, now=now, previous=previous, first_in_tenant=first)
        clock = machine_clock(previous.state, previous.reason, previous.since, previous.due, now)
        assert clock is not None
        assert clock.pace is paces[previous.state]
        assert clock.began == NOW
        if previous.state is not MachineState.OVERDUE:
            assert clock.expected == NOW + (EXPECTED_FIRST if first else EXPECTED)


@given(machines, subscriptions, st.booleans(), st.integers(0, 40))
def test_every_state_says_who_must_act(machine: Machine, subscription: Subscription, first: bool, hours: int) -> None:
    found = onboarding_of(machine, subscription, now=NOW + timedelta(hours=hours), first_in_tenant=first)
    if found.state not in GOOD:
        who = ("administrator", "Admin", "owner", "Owner", "Nobody", "nobody", "support", "Somebody", "portal")
        assert any(word in found.explanation for word in who), found

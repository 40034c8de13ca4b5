"""A plan writes what the seed's case needs and nothing else, says what becomes of each machine, and names who can clear its way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import Fate, Machine, PlanAction, Subscription, SubscriptionPlan
from console.rules.planning import plan_subscription
from tests.rules.samples import (
    EXCLUDE,
    NOW,
    UNIFIED,
    WDATP,
    a_machine,
    a_server,
    a_subscription,
    defender,
    log_analytics,
    machines,
    subscriptions,
    trend_micro,
)

Raw = dict[str, bool | None]
values = st.sampled_from([True, False, None])
raws = st.dictionaries(st.sampled_from([WDATP, EXCLUDE, UNIFIED]), values)
CASES = {"existing-windows", "never-enabled", "already-on", "disable", "already-off", "unknown"}


def plan(
    raw: Raw, *fleet: Machine, action: PlanAction = PlanAction.ENABLE, subscription: Subscription | None = None, **more: Any
) -> SubscriptionPlan:
    more = {"integration_supported": True} | more
    return plan_subscription(subscription or a_subscription(), fleet, raw, action, now=NOW, **more)


def writes(made: SubscriptionPlan) -> list[tuple[str, bool | None, bool]]:
    return [(one.name, one.before, one.after) for one in made.settings]


def applied(raw: Raw, made: SubscriptionPlan) -> Raw:
    """The settings once ``made`` is applied. Switched on, the integration brings Linux and the unified solution where they are not set."""
    after = dict(raw)
    for change in made.settings:
        if change.name == WDATP and change.after:
            after = {EXCLUDE: False, UNIFIED: True, **after}
        after[change.name] = change.after
    return after


@pytest.mark.parametrize(
    ("raw", "case", "expected"),
    [
        pytest.param({WDATP: True, EXCLUDE: True}, "existing-windows", [(EXCLUDE, True, False)], id="existing Windows users: one write"),
        pytest.param({WDATP: True}, "existing-windows", [(EXCLUDE, None, False)], id="exclusion absent: set explicitly"),
        pytest.param({}, "never-enabled", [(WDATP, None, True)], id="never enabled: one write brings both"),
        pytest.param({WDATP: False}, "never-enabled", [(WDATP, False, True)], id="switched off: switched on"),
        pytest.param({WDATP: False, EXCLUDE: False}, "never-enabled", [(WDATP, False, True)], id="no exclusion left"),
        pytest.param(
            {WDATP: False, EXCLUDE: True},
            "never-enabled",
            [(EXCLUDE, True, False), (WDATP, False, True)],
            id="exclusion left from before: cleared before anything is switched on",
        ),
        pytest.param({WDATP: True, EXCLUDE: False}, "already-on", [], id="already on"),
    ],
)
def test_each_case_of_the_seed_has_its_writes(raw: Raw, case: str, expected: list[tuple[str, bool | None, bool]]) -> None:
    made = plan(raw)
    assert (made.case, writes(made), made.blockers) == (case, expected, ())
    assert made.why
    assert bool(made.irreversible) == bool(expected)


@pytest.mark.parametrize("raw", [{WDATP: None}, {WDATP: True, EXCLUDE: None}, {WDATP: False, EXCLUDE: None}])
def test_a_setting_that_is_neither_true_nor_false_is_not_guessed_at(raw: Raw) -> None:
    made = plan(raw)
    assert made.settings == ()
    assert [one.code for one in made.blockers] == ["settings"]


def test_settings_that_could_not_be_read_block_both_ways() -> None:
    for action in PlanAction:
        made = plan({}, a_machine(), action=action, readable=False)
        assert made.settings == ()
        assert made.blockers
        assert all(one.who for one in made.blockers)


def test_disabling_writes_the_integration_alone_and_says_that_windows_goes_too() -> None:
    made = plan({WDATP: True, EXCLUDE: False}, a_machine(extensions=(defender(),)), a_server(), action=PlanAction.DISABLE)
    assert (made.case, writes(made)) == ("disable", [(WDATP, True, False)])
    assert any("Windows" in one for one in made.warnings)
    assert any("stay onboarded" in one for one in made.warnings)
    assert {one.fate for one in made.fates} == {Fate.UNPROTECTED}


def test_disabling_what_is_off_changes_nothing() -> None:
    made = plan({WDATP: False, EXCLUDE: True}, action=PlanAction.DISABLE)
    assert (made.case, made.settings, made.blockers) == ("already-off", (), ())


@given(raws, st.sampled_from(PlanAction))
def test_applying_a_plan_and_planning_again_changes_nothing(raw: Raw, action: PlanAction) -> None:
    made = plan(raw, action=action)
    again = plan(applied(raw, made), action=action)
    assert again.settings == ()
    assert [one.before for one in made.settings] == [raw.get(one.name) for one in made.settings]
    assert all(one.before is not one.after for one in made.settings)


@given(raws)
def test_disabling_and_enabling_again_ends_with_linux_on(raw: Raw) -> None:
    off = applied(raw, plan(raw, action=PlanAction.DISABLE))
    on = plan(off)
    after = applied(off, on)
    assert on.blockers or (after.get(WDATP) is True and after.get(EXCLUDE) is False)


@given(raws, machines, subscriptions, st.sampled_from(PlanAction), st.booleans(), st.booleans())
def test_any_subscription_gets_a_plan_that_accounts_for_every_machine(
    raw: Raw, machine: Machine, subscription: Subscription, action: PlanAction, supported: bool, readable: bool
) -> None:
    made = plan(raw, machine, a_machine(), action=action, subscription=subscription, integration_supported=supported, readable=readable)
    assert made.case in CASES
    assert made.why
    assert [one.machine_id for one in made.fates] == [machine.id, a_machine().id]
    assert all(one.reason for one in made.fates)
    assert all(one.code and one.message and one.who for one in made.blockers)
    assert len({one.code for one in made.blockers}) == len(made.blockers)
    assert {one.name for one in made.settings} <= {WDATP, EXCLUDE}
    if made.settings and not made.blockers:
        assert supported
        assert subscription.can_enable is True
        assert subscription.state.lower() not in {"disabled", "deleted"}
    if made.settings and subscription.can_see_machines is not True:
        assert made.warnings


@pytest.mark.parametrize(
    ("changes", "code", "who"),
    [
        ({"can_enable": False}, "rights", "Security Admin"),
        ({"can_enable": None}, "rights", "Security Admin"),
        ({"state": "Disabled"}, "disabled", "wner"),
        ({"state": "Deleted"}, "disabled", "wner"),
        ({"provider": "NotRegistered"}, "not-registered", "az provider register --namespace Microsoft.Security"),
        ({"servers_plan": "free"}, "plan", "Security Admin"),
    ],
)
def test_a_blocker_names_who_can_clear_it(changes: dict[str, Any], code: str, who: str) -> None:
    (blocker,) = plan({WDATP: True, EXCLUDE: True}, subscription=a_subscription(**changes)).blockers
    assert blocker.code == code
    assert who in blocker.who


def test_a_cloud_without_the_integration_blocks_and_a_missing_plan_does_not_block_disabling() -> None:
    assert [one.code for one in plan({}, integration_supported=False).blockers] == ["cloud"]
    off = plan({WDATP: True}, action=PlanAction.DISABLE, subscription=a_subscription(servers_plan="free"))
    assert off.blockers == ()


def test_what_is_on_already_is_blocked_by_nothing() -> None:
    assert plan({WDATP: True, EXCLUDE: False}, subscription=a_subscription(can_enable=False)).blockers == ()


@pytest.mark.parametrize(
    ("machine", "fate"),
    [
        pytest.param(a_machine(), Fate.ONBOARD, id="comes aboard"),
        pytest.param(a_machine(extensions=(defender(),)), Fate.ALREADY_ON, id="is aboard"),
        pytest.param(a_machine(extensions=(trend_micro(),)), Fate.IGNORED, id="fanotify held"),
        pytest.param(a_machine(tags={"ExcludeMdeAutoUpdate": "true"}), Fate.RECONFIGURE, id="an earlier Defender"),
        pytest.param(a_machine(os_version="14.04"), Fate.UNSUPPORTED, id="unsupported"),
        pytest.param(a_machine(power="deallocated"), Fate.BLOCKED, id="off"),
        pytest.param(a_machine(kind="arc", power="Expired"), Fate.BLOCKED, id="agent expired"),
        pytest.param(a_machine(os_name="", os_version="", image=""), Fate.UNKNOWN, id="not recognised"),
        pytest.param(a_machine(extensions_known=False), Fate.UNKNOWN, id="extensions not readable"),
        pytest.param(a_server("2016"), Fate.ONBOARD, id="switched on today, the unified solution comes with it"),
        pytest.param(a_server("2008 R2 SP1", extensions=(log_analytics(),)), Fate.ONBOARD, id="its agent brings it once this is on"),
    ],
)
def test_each_machine_is_told_what_becomes_of_it(machine: Machine, fate: Fate) -> None:
    made = plan({}, machine)
    assert [one.fate for one in made.fates] == [fate]
    assert made.count(fate) == 1


def test_enabling_linux_does_not_claim_the_windows_machines() -> None:
    made = plan({WDATP: True, EXCLUDE: True, UNIFIED: True}, a_machine(), a_server())
    assert [one.fate for one in made.fates] == [Fate.ONBOARD, Fate.ALREADY_ON]


def test_a_server_that_the_legacy_path_has_brought_aboard_is_on_already() -> None:
    made = plan({WDATP: True, EXCLUDE: True}, a_server("2008 R2 SP1", extensions=(log_analytics(),)))
    assert [one.fate for one in made.fates] == [Fate.ALREADY_ON]


def test_enabling_for_the_first_time_says_how_many_windows_machines_come_too() -> None:
    made = plan({}, a_machine(), a_server(name="a"), a_server(name="b"))
    assert any("2 Windows machines" in one for one in made.warnings)
    assert any("24 hours" in one for one in made.warnings)
    assert any("location" in one for one in made.irreversible)

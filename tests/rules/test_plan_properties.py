"""What holds of every plan, whatever was read: it converges, it is safe to interrupt, and it never guesses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import Fate, Machine, PlanAction, SettingChange, Subscription, SubscriptionPlan
from console.rules.planning import plan_subscription
from tests.rules import samples
from tests.rules.samples import EXCLUDE, NOW, UNIFIED, WDATP, a_machine, a_server, a_subscription, defender, log_analytics

Raw = dict[str, bool | None]
raw_settings = st.dictionaries(st.sampled_from([WDATP, EXCLUDE, UNIFIED]), st.sampled_from([True, False, None]))
known_settings: st.SearchStrategy[Raw] = st.dictionaries(st.sampled_from([WDATP, EXCLUDE, UNIFIED]), st.booleans())


def made(raw: Raw, *machines: Machine, action: PlanAction = PlanAction.ENABLE, **more: Subscription | bool) -> SubscriptionPlan:
    values = {"subscription": a_subscription(), "supported": True, "readable": True} | more
    subscription = values["subscription"]
    assert isinstance(subscription, Subscription)
    return plan_subscription(
        subscription,
        machines,
        raw,
        action,
        integration_supported=bool(values["supported"]),
        now=NOW,
        readable=bool(values["readable"]),
    )


def applied(raw: Raw, changes: tuple[SettingChange, ...]) -> Raw:
    """What Azure holds afterwards: switched on today, the integration brings Linux and the unified solution where they were not set."""
    after = dict(raw)
    for change in changes:
        if change.name == WDATP and change.after:
            after.setdefault(EXCLUDE, False)
            after.setdefault(UNIFIED, True)
        after[change.name] = change.after
    return after


@given(known_settings, st.sampled_from(PlanAction))
def test_after_a_plan_is_applied_there_is_nothing_left_to_do(raw: Raw, action: PlanAction) -> None:
    again = made(applied(raw, made(raw, action=action).settings), action=action)
    assert (again.settings, again.blockers) == ((), ())
    assert again.case == ("already-on" if action is PlanAction.ENABLE else "already-off")


@given(known_settings)
def test_were_azure_to_leave_linux_unset_one_more_plan_would_set_it(raw: Raw) -> None:
    for _ in range(2):
        raw = {**raw, **{change.name: change.after for change in made(raw).settings}}
    assert made(raw).case == "already-on"


@given(known_settings)
def test_interrupted_between_its_writes_a_plan_never_leaves_windows_on_and_linux_out(raw: Raw) -> None:
    changes = made(raw).settings
    for done in range(1, len(changes)):
        half = applied(raw, changes[:done])
        assert not (half.get(WDATP) and half.get(EXCLUDE))


@pytest.mark.parametrize("raw", [{WDATP: None}, {WDATP: True, EXCLUDE: None}, {WDATP: False, EXCLUDE: None}])
def test_a_setting_with_an_odd_value_blocks_instead_of_being_guessed(raw: Raw) -> None:
    one = made(raw, a_machine())
    assert (one.case, one.settings, [blocker.code for blocker in one.blockers]) == ("unknown", (), ["settings"])
    assert one.count(Fate.UNKNOWN) == 1


@pytest.mark.parametrize(
    ("raw", "machine", "fate"),
    [
        ({WDATP: True, EXCLUDE: True, UNIFIED: True}, a_server(), Fate.ALREADY_ON),
        ({WDATP: True, EXCLUDE: True, UNIFIED: True}, a_machine(), Fate.ONBOARD),
        ({WDATP: True, EXCLUDE: False}, a_machine(), Fate.ALREADY_ON),
        ({WDATP: True}, a_machine(), Fate.ONBOARD),
        ({WDATP: True, EXCLUDE: True, UNIFIED: False}, a_server("2016"), Fate.BLOCKED),
        ({WDATP: True, EXCLUDE: True, UNIFIED: False}, a_server("2016", extensions=(log_analytics(),)), Fate.ALREADY_ON),
        ({}, a_machine(extensions=(defender("Failed", "", "exiting (5) found conflicting applications: [x]"),)), Fate.IGNORED),
        ({}, a_machine(extensions=(defender("Failed", "", "exiting (12)"),)), Fate.BLOCKED),
    ],
)
def test_only_what_the_plan_itself_changes_counts_as_onboarded_by_it(raw: Raw, machine: Machine, fate: Fate) -> None:
    (one,) = made(raw, machine).fates
    assert one.fate is fate


def test_where_all_is_on_nothing_blocks_but_what_keeps_it_from_working_is_told() -> None:
    one = made({WDATP: True, EXCLUDE: False}, subscription=a_subscription(servers_plan="free", can_enable=False))
    assert (one.settings, one.blockers) == ((), ())
    assert any("Defender for Servers" in warning for warning in one.warnings)


@given(
    raw_settings, st.booleans(), st.sampled_from(PlanAction), samples.subscriptions, st.lists(samples.machines, max_size=3), st.booleans()
)
def test_any_input_gives_a_plan_that_says_what_it_is(
    raw: Raw, readable: bool, action: PlanAction, subscription: Subscription, machines: list[Machine], supported: bool
) -> None:
    one = made(raw, *machines, action=action, subscription=subscription, supported=supported, readable=readable)
    assert one.case
    assert one.why
    assert len(one.fates) == len(machines)
    assert all(fate.reason for fate in one.fates)
    assert all(blocker.who and blocker.message for blocker in one.blockers)
    assert {change.name for change in one.settings} <= {WDATP, EXCLUDE}
    assert all(change.before != change.after and change.before == raw.get(change.name) for change in one.settings)
    if one.case == "unknown":
        assert one.blockers
    if one.settings and (subscription.can_enable is not True or not supported):
        assert one.blockers
    assert "!" not in "".join((one.why, *one.warnings, *one.irreversible))


@given(raw_settings, samples.subscriptions, samples.machines)
def test_a_machine_whose_extensions_are_not_read_is_never_promised_anything(raw: Raw, subscription: Subscription, machine: Machine) -> None:
    blind = replace(machine, extensions=(), extensions_known=False, os_type="Linux", os_name="ubuntu", os_version="22.04")
    (one,) = made(raw, blind, subscription=subscription).fates
    assert one.fate is Fate.UNKNOWN

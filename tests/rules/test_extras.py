"""What is asked for besides the integration becomes a step with before and after; what is not asked for blocks, and less is never planned
silently."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.changes import writes_of
from cache.model import Extras, Fate, Machine, Permission, PlanAction, Subscription, SubscriptionPlan
from console.rules.planning import plan_subscription
from tests.rules import samples
from tests.rules.samples import EXCLUDE, NOW, UNIFIED, WDATP, a_machine, a_server, a_subscription

Raw = dict[str, bool | None]
EVERYTHING = Extras(servers_plan="P2", register=True, unified=True)
extras = st.builds(Extras, st.sampled_from(["", "P1", "P2"]), st.booleans(), st.booleans(), st.booleans())


def plan(raw: Raw, *fleet: Machine, asked: Extras = EVERYTHING, readable: bool = True, **changes: Any) -> SubscriptionPlan:
    subscription = a_subscription(**changes)
    return plan_subscription(
        subscription, fleet, raw, PlanAction.ENABLE, integration_supported=True, now=NOW, readable=readable, extras=asked
    )


def written(made: SubscriptionPlan) -> list[tuple[str, str, str]]:
    return [(one.name, one.before, one.after) for one in writes_of(made)]


def test_the_provider_comes_first_then_the_plan_then_the_settings() -> None:
    made = plan({}, a_machine(), provider="NotRegistered", servers_plan=None, readable=False)
    assert written(made) == [
        ("Microsoft.Security", "NotRegistered", "Registered"),
        ("VirtualMachines", "free", "P2"),
        (UNIFIED, "absent", "true"),
        (WDATP, "absent", "true"),
    ]
    assert (made.case, made.blockers) == ("never-enabled", ())
    assert "registration was asked for" in made.why
    assert "P2 was asked for" in made.why
    assert [one.fate for one in made.fates] == [Fate.ONBOARD]


def test_what_is_not_asked_for_blocks_as_before() -> None:
    made = plan({}, asked=Extras(), provider="NotRegistered", servers_plan="free", readable=False)
    assert [one.code for one in made.blockers] == ["not-registered", "plan"]
    assert "az provider register" in made.blockers[0].who
    assert written(made) == []
    assert [one.code for one in plan({}, asked=Extras(servers_plan="P2"), provider="NotRegistered", readable=False).blockers] == [
        "not-registered"
    ]


def test_registered_alone_nothing_else_is_planned_since_nothing_else_can_be_read() -> None:
    made = plan({}, a_machine(), asked=Extras(register=True), provider="NotRegistered", servers_plan="free", readable=False)
    assert (made.case, written(made), made.blockers) == ("unregistered", [("Microsoft.Security", "NotRegistered", "Registered")], ())
    assert any("plan again afterwards" in one for one in made.warnings)
    assert made.irreversible == ()
    assert [one.fate for one in made.fates] == [Fate.UNKNOWN]


def test_a_plan_that_is_bought_says_that_it_is_billed_for_how_many_machines_and_that_the_price_is_not_known() -> None:
    made = plan({WDATP: True, EXCLUDE: True, UNIFIED: True}, a_machine(), a_machine("arc-1", kind="arc"), servers_plan="free")
    assert written(made) == [("VirtualMachines", "free", "P2"), (EXCLUDE, "true", "false")]
    (bill,) = [one for one in made.warnings if "billed" in one]
    assert "2 machines (1 in Azure, 1 of Azure Arc)" in bill
    assert "not known here" in bill
    (bill,) = [one for one in plan({}, servers_plan="free", can_see_machines=False).warnings if "billed" in one]
    assert "cannot be told" in bill
    assert not any("billed" in one for one in plan({}, servers_plan="P2").warnings)


def test_more_is_planned_where_it_is_asked_for_and_less_only_where_that_is_meant() -> None:
    on = {WDATP: True, EXCLUDE: False, UNIFIED: True}
    assert written(plan(on, servers_plan="P1")) == [("VirtualMachines", "P1", "P2")]
    assert written(plan(on, servers_plan="standard")) == []
    for now in ("P2", "standard"):
        less = plan(on, asked=Extras("P1"), servers_plan=now)
        assert (written(less), [one.code for one in less.blockers]) == ([], ["downgrade"])
        meant = plan(on, asked=Extras("P1", downgrade=True), servers_plan=now)
        assert (written(meant), meant.blockers) == ([("VirtualMachines", now, "P1")], ())
        assert any("ends with this" in one for one in meant.warnings)
    assert [one.code for one in plan(on, servers_plan=None).blockers] == ["plan-unknown"]
    assert [one.code for one in plan(on, servers_plan="P9").blockers] == ["plan-unknown"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({WDATP: True, EXCLUDE: False, UNIFIED: False}, [(UNIFIED, "false", "true")]),
        ({WDATP: True, EXCLUDE: False}, [(UNIFIED, "absent", "true")]),
        ({WDATP: True, EXCLUDE: True, UNIFIED: False}, [(EXCLUDE, "true", "false"), (UNIFIED, "false", "true")]),
        ({WDATP: False, EXCLUDE: True}, [(EXCLUDE, "true", "false"), (UNIFIED, "absent", "true"), (WDATP, "false", "true")]),
        ({WDATP: True, EXCLUDE: False, UNIFIED: True}, []),
        ({WDATP: True, EXCLUDE: False, UNIFIED: None}, []),
    ],
)
def test_the_unified_solution_is_written_before_the_integration_is_switched_on(raw: Raw, expected: list[tuple[str, str, str]]) -> None:
    assert written(plan(raw, asked=Extras(unified=True))) == expected
    assert UNIFIED not in {one.name for one in plan(raw, asked=Extras()).settings}


def test_servers_that_wait_for_the_unified_solution_come_with_it() -> None:
    raw: Raw = {WDATP: True, EXCLUDE: False, UNIFIED: False}
    assert [one.fate for one in plan(raw, a_server("2016"), asked=Extras()).fates] == [Fate.BLOCKED]
    assert [one.fate for one in plan(raw, a_server("2016"), a_machine()).fates] == [Fate.ONBOARD, Fate.ALREADY_ON]


@pytest.mark.parametrize(
    ("changes", "code", "action"),
    [
        ({"servers_plan": "free", "can_set_plan": False}, "rights-plan", "Microsoft.Security/pricings/write"),
        ({"servers_plan": "free", "can_set_plan": None}, "rights-plan", "Microsoft.Security/pricings/write"),
        ({"provider": "NotRegistered", "permissions": (Permission(("*/read",)),)}, "rights-register", "Microsoft.Security/register/action"),
        ({"provider": "NotRegistered", "permissions": None}, "rights-register", "Microsoft.Security/register/action"),
        ({"provider": "NotRegistered", "permissions": (Permission(("Microsoft.Security/*",)),)}, "", ""),
    ],
)
def test_each_step_needs_its_own_right_by_its_exact_action(changes: dict[str, Any], code: str, action: str) -> None:
    made = plan({}, **changes)
    assert [one.code for one in made.blockers] == ([code] if code else [])
    assert all(action in one.message and one.who for one in made.blockers)


def test_disabling_takes_none_of_it() -> None:
    off = plan_subscription(
        a_subscription(servers_plan="free"), (), {WDATP: True}, PlanAction.DISABLE, integration_supported=True, now=NOW, extras=EVERYTHING
    )
    assert written(off) == [(WDATP, "true", "false")]


@given(
    st.dictionaries(st.sampled_from([WDATP, EXCLUDE, UNIFIED]), st.sampled_from([True, False, None])),
    st.booleans(),
    samples.subscriptions,
    extras,
    st.lists(samples.machines, max_size=2),
)
def test_whatever_is_asked_for_the_plan_says_what_it_does_and_why(
    raw: Raw, readable: bool, subscription: Subscription, asked: Extras, machines: list[Machine]
) -> None:
    made = plan_subscription(
        subscription, machines, raw, PlanAction.ENABLE, integration_supported=True, now=NOW, readable=readable, extras=asked
    )
    assert made.why
    assert all(one.reason for one in made.fates)
    assert len({one.code for one in made.blockers}) == len(made.blockers)
    assert all(one.who for one in made.blockers)
    names = [one.name for one in writes_of(made)]
    assert len(set(names)) == len(names)
    assert [one for one in ("Microsoft.Security", "VirtualMachines") if one in names] == names[: len(made.steps)]
    assert ("VirtualMachines" not in names) or asked.servers_plan
    assert ("Microsoft.Security" not in names) or asked.register
    assert all(one.before != one.after for one in writes_of(made))
    if not made.blockers and any(one.kind == "servers-plan" for one in made.steps):
        assert any("billed" in one for one in made.warnings)
        assert subscription.can_set_plan

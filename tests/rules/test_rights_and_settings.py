"""Rights are judged by effective actions, settings by what is there, what is absent and what is unreadable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import Permission
from console.rules.rights import ENABLE, READ_ARC, READ_VMS, RUN_COMMANDS, SET_PLAN, TRIAGE, Rights, allows, rights_of
from console.rules.settings import linux_on, read_settings, windows_on
from tests.rules.samples import EXCLUDE, UNIFIED, WDATP, a_subscription

ACTIONS = [ENABLE, SET_PLAN, READ_VMS, READ_ARC, *TRIAGE, *RUN_COMMANDS]
patterns = st.one_of(
    st.sampled_from(["*", "*/read", "Microsoft.Security/*", "Microsoft.Security/settings/*", "microsoft.compute/*/read", "**", ""]),
    st.sampled_from(ACTIONS),
    st.text("abM./*", max_size=12),
)
permissions = st.builds(
    Permission, actions=st.lists(patterns, max_size=3).map(tuple), not_actions=st.lists(patterns, max_size=2).map(tuple)
)
OWNER = Permission(("*",))
CONTRIBUTOR = Permission(("*",), ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"))
READER = Permission(("*/read",))
SECURITY_ADMIN = Permission(("Microsoft.Authorization/*/read", "Microsoft.Security/*", "Microsoft.Support/*"))
SECURITY_READER = Permission(("Microsoft.Security/*/read", "Microsoft.Authorization/*/read"))


@pytest.mark.parametrize(
    ("role", "enable", "triage", "machines", "plan", "security", "run"),
    [
        pytest.param(OWNER, True, True, True, True, True, True, id="Owner"),
        pytest.param(CONTRIBUTOR, True, True, True, True, True, True, id="Contributor"),
        pytest.param(READER, False, False, True, False, True, False, id="Reader"),
        pytest.param(SECURITY_ADMIN, True, True, False, True, True, False, id="Security Admin sees no machines"),
        pytest.param(SECURITY_READER, False, False, False, False, True, False, id="Security Reader"),
    ],
)
def test_each_role_gives_what_azure_gives_it(
    role: Permission, enable: bool, triage: bool, machines: bool, plan: bool, security: bool, run: bool
) -> None:
    assert rights_of((role,)) == Rights(enable, triage, machines, plan, security, run)


def test_permissions_that_could_not_be_read_give_no_answer_and_none_at_all_give_no_right() -> None:
    assert rights_of(None) == Rights(None, None, None, None, None, None)
    assert rights_of(()) == Rights(False, False, False, False, False, False)


@given(st.lists(permissions, max_size=4), st.lists(permissions, max_size=4), st.sampled_from(ACTIONS))
def test_sets_of_permissions_add_up_and_take_nothing_from_each_other(some: list[Permission], more: list[Permission], action: str) -> None:
    assert allows([*some, *more], action) == (allows(some, action) or allows(more, action))


@given(permissions, st.sampled_from(ACTIONS))
def test_not_actions_take_from_their_own_set_only(permission: Permission, action: str) -> None:
    without = Permission(permission.actions)
    barred = allows([Permission(permission.not_actions)], action)
    assert allows([permission], action) == (allows([without], action) and not barred)
    assert allows([permission, OWNER], action)


@given(patterns, st.sampled_from(ACTIONS))
def test_a_wildcard_stands_for_any_characters_and_case_does_not_matter(pattern: str, action: str) -> None:
    meant = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), action, re.IGNORECASE | re.DOTALL) is not None
    assert allows([Permission((pattern,))], action) == meant
    assert allows([Permission((pattern.upper(),))], action.lower()) == meant


def test_triage_needs_every_one_of_its_actions() -> None:
    for lacking in TRIAGE:
        some = tuple(one for one in TRIAGE if one != lacking)
        assert rights_of((Permission(some),)).can_triage is False
    assert rights_of((Permission(TRIAGE[:2]), Permission(TRIAGE[2:]))).can_triage is True


def test_machines_of_one_kind_are_enough_to_see_machines() -> None:
    assert rights_of((Permission((READ_VMS,)),)).can_see_machines is True
    assert rights_of((Permission((READ_ARC,)),)).can_see_machines is True


@pytest.mark.parametrize(
    ("raw", "readable", "said"),
    [
        ({}, True, ("off", "not-set", "not-set")),
        ({}, False, (None, None, None)),
        ({WDATP: True, EXCLUDE: True, UNIFIED: False}, True, ("on", "excluded", "off")),
        ({WDATP: True, EXCLUDE: False, UNIFIED: True}, True, ("on", "enabled", "on")),
        ({WDATP: False}, True, ("off", "not-set", "not-set")),
        ({WDATP: True}, False, ("on", "not-set", "not-set")),
        ({WDATP: None, EXCLUDE: None, UNIFIED: None}, True, (None, None, None)),
    ],
)
def test_absent_unreadable_and_set_are_three_things(
    raw: dict[str, bool | None], readable: bool, said: tuple[str | None, str | None, str | None]
) -> None:
    assert read_settings(raw, readable) == said


@pytest.mark.parametrize(
    ("integration", "linux", "windows", "with_linux"),
    [
        ("on", "enabled", True, True),
        ("on", "not-set", True, True),
        ("on", "excluded", True, False),
        ("on", None, True, None),
        ("on", "whatever", True, None),
        ("off", "enabled", False, False),
        ("off", None, False, False),
        (None, "enabled", None, None),
        ("whatever", "enabled", None, None),
    ],
)
def test_linux_needs_the_integration_and_no_exclusion(
    integration: str | None, linux: str | None, windows: bool | None, with_linux: bool | None
) -> None:
    subscription = a_subscription(integration=integration, linux=linux)
    assert windows_on(subscription) is windows
    assert linux_on(subscription) is with_linux

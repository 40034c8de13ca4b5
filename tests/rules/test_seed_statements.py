"""Statements of the seed that no other test states by themselves."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from cache.model import Machine, MachineState
from console.rules import conflicts, extensions, failures, rights, settings
from console.rules.conflicts import fanotify_conflict
from console.rules.onboarding import OVERDUE, onboarding_of
from console.rules.planning import LINUX_STAYS
from console.rules.prerequisites import checks_of
from console.rules.systems import EXTENSION, LOG_ANALYTICS, SEED_2021, TODAY, judge_system
from tests.rules.samples import NOW, a_machine, a_server, a_subscription, alike, defender


def test_an_extension_that_somebody_removes_comes_back_and_offboards_nothing() -> None:
    removed = a_machine(extensions=(defender("Deleting", "ProvisioningState/deleting"),))
    assert "comes back" in onboarding_of(removed, a_subscription(), now=NOW).explanation
    assert "not offboarded" in onboarding_of(removed, a_subscription(integration="off"), now=NOW).explanation
    assert any("does not offboard it" in one for one in LINUX_STAYS)


def test_disabling_linux_later_means_disabling_windows_too() -> None:
    assert any("for Windows too" in one for one in LINUX_STAYS)


def test_a_machine_that_never_comes_is_told_of_the_move_between_tenants() -> None:
    found = onboarding_of(a_machine(), a_subscription(), now=NOW + OVERDUE + timedelta(minutes=1))
    assert found.state is MachineState.OVERDUE
    assert "24 hours" in found.explanation
    assert "moved between tenants" in found.explanation
    assert "Microsoft's support" in found.explanation


@pytest.mark.parametrize(
    ("machine", "by"),
    [
        (a_machine(), EXTENSION),
        (a_server("2019"), EXTENSION),
        (a_server(os_name="Windows 10 Enterprise multi-session", os_version="10.0.19045.1"), EXTENSION),
        (a_server(os_name="", os_version=""), EXTENSION),
        (a_server("2016"), LOG_ANALYTICS),
        (a_server("2012 R2"), LOG_ANALYTICS),
        (a_server("2008 R2 SP1"), LOG_ANALYTICS),
    ],
)
def test_the_extension_is_for_later_systems_and_for_those_that_are_not_recognised(machine: Machine, by: str) -> None:
    assert judge_system(machine).provisioned_by == by


def test_a_machine_that_is_ignored_is_told_of_the_product() -> None:
    found = onboarding_of(
        a_machine(extensions=(defender("Failed", "5", "found conflicting applications: [ds_agent], exiting (5)"),)),
        a_subscription(),
        now=NOW,
    )
    assert found.state is MachineState.FAILED
    assert found.diagnosis is not None
    assert "ds_agent" in found.diagnosis.cause
    assert fanotify_conflict(a_machine(extensions=(defender("Failed", "5", "conflicting applications: [ds_agent]"),))) == "ds_agent"


def test_what_is_known_of_the_service_has_its_source_and_its_date() -> None:
    for module in (conflicts, extensions, failures, rights, settings):
        assert re.search(r"^Sources?: ", module.__doc__ or "", re.MULTILINE), module.__name__
        assert re.search(r"as of 20\d\d-\d\d", module.__doc__ or ""), module.__name__
    for matrix in (SEED_2021, TODAY):
        assert re.fullmatch(r"20\d\d-\d\d", matrix.as_of)
        assert matrix.source
        assert matrix.windows_source
    found = onboarding_of(a_machine(os_version="14.04"), a_subscription(), now=NOW)
    assert any(TODAY.as_of in one for one in found.evidence)


def test_fapolicyd_is_no_conflict_where_it_is_allowed() -> None:
    found = checks_of(a_subscription(), alike([a_machine()]), [], [], [], integration_supported=True, azure_portal="", now=NOW)
    assert "fapolicyd may, on RHEL and Fedora" in next(one for one in found if one.id == "fanotify").remedy

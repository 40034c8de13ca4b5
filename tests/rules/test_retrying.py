"""A failed extension is tried again only where Azure would bring it back, and what that does is told before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import Diagnosis, Machine, Permission, Subscription
from console.rules.retrying import RIGHTS, Retry, retry_of
from tests.rules import samples
from tests.rules.samples import a_machine, a_server, a_subscription, defender, trend_micro

FAILED = defender("Failed", "ProvisioningState/failed/5", "exiting (5) found conflicting applications: [x]")
CAUSE = Diagnosis("installer-5", "Another product holds fanotify.", "Remove it.", "installer")


def retry(machine: Machine, **changes: Any) -> Retry:
    return retry_of(machine, a_subscription(**changes), CAUSE, integration_supported=True)


def test_what_it_does_and_what_is_not_known_is_told_with_the_cause_and_what_to_do_first() -> None:
    found = retry(a_machine(extensions=(FAILED,)))
    assert found.refusal == ""
    told = " ".join(found.told)
    for part in (
        "Deletes the failed extension MDE.Linux from web-1",
        "provisions a new one by itself, while the integration is on",
        "not documented",
        "offboards nothing",
        "fails again",
        "Another product holds fanotify.",
        "Do this first: Remove it.",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("machine", "changes", "said"),
    [
        (a_machine(), {}, "no Defender extension"),
        (a_machine(extensions=(defender(),)), {}, "has not failed, it is succeeded"),
        (a_machine(extensions=(defender("Creating", ""),)), {}, "it is installing"),
        (a_machine(extensions=(FAILED,), extensions_known=False), {}, "could not be read"),
        (a_machine(extensions=(FAILED,), os_version="14.04"), {}, "not supported"),
        (a_machine(extensions=(FAILED, trend_micro())), {}, "holds fanotify on the machine, and Azure ignores such machines"),
        (a_machine(extensions=(FAILED,), power="deallocated"), {}, "is deallocated"),
        (a_machine(extensions=(FAILED,), kind="arc", power="Disconnected"), {}, "is Disconnected"),
        (a_machine(extensions=(FAILED,)), {"linux": "excluded"}, "integration is off"),
        (a_machine(extensions=(FAILED,)), {"integration": "off"}, "integration is off"),
        (a_machine(extensions=(FAILED,)), {"integration": None}, "not known"),
        (a_machine(extensions=(FAILED,)), {"servers_plan": "free"}, "Defender for Servers is off"),
        (a_machine(extensions=(FAILED,)), {"provider": "NotRegistered"}, "not registered"),
        (a_machine(extensions=(FAILED,)), {"state": "Disabled"}, "Disabled"),
        (a_machine(extensions=(FAILED,)), {"permissions": (Permission(("*/read",)),)}, RIGHTS["vm"]),
        (a_machine(extensions=(FAILED,), kind="arc", power="Connected"), {"permissions": (Permission(("*/read",)),)}, RIGHTS["arc"]),
        (a_machine(extensions=(FAILED,)), {"permissions": None}, "could not be read"),
    ],
)
def test_where_it_makes_no_sense_or_nothing_would_bring_it_back_it_is_refused_with_the_reason(
    machine: Machine, changes: dict[str, Any], said: str
) -> None:
    found = retry(machine, **changes)
    assert said in found.refusal
    assert found.told == ()


def test_a_windows_machine_does_not_depend_on_linux() -> None:
    failed = replace(FAILED, name="MDE.Windows", type="MDE.Windows")
    assert retry(a_server(extensions=(failed,)), linux="excluded").refusal == ""


def test_a_cloud_without_the_integration_brings_nothing_back() -> None:
    assert retry_of(a_machine(extensions=(FAILED,)), a_subscription(), None, integration_supported=False).refusal


@given(samples.machines, samples.subscriptions, st.booleans())
def test_whatever_was_read_it_is_refused_or_told(machine: Machine, subscription: Subscription, supported: bool) -> None:
    found = retry_of(machine, subscription, None, integration_supported=supported)
    assert bool(found.refusal) != bool(found.told)
    assert found.refusal or (found.extension is not None and supported)

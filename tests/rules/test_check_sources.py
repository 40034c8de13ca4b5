"""What each check is said to rest on is what it rests on: nothing else that is read changes it, and each source changes some check."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cache.check_sources import RESTS_ON, evidence_read, readings_of, sources_of
from cache.model import Assessment, Check, Machine, Problem, Source, Subscription
from console.rules.machine_checks import EDR_KEYS, LOG_ANALYTICS_KEYS
from console.rules.prerequisites import checks_of
from tests.rules.samples import NOW, SUB, a_machine, a_server, a_subscription, alike, defender, log_analytics, trend_micro

SUBSCRIPTION = a_subscription(unified="off")
MACHINES = (
    a_machine("web-1", extensions=(defender(), trend_micro())),
    a_machine("arc-1", kind="arc", power="Disconnected"),
    a_machine("off-1", power="deallocated"),
    a_server("2016", "old-1", extensions=(log_analytics(),)),
    a_server("2019", "win-1", extensions=(defender("Failed", system="Windows"),)),
)
ASSESSMENTS = tuple(Assessment(one.id, SUB, key, "Unhealthy") for one in MACHINES for key in (*LOG_ANALYTICS_KEYS, *EDR_KEYS))


def checks(
    subscription: Subscription, machines: tuple[Machine, ...], assessments: tuple[Assessment, ...], *problems: Problem
) -> list[Check]:
    found = checks_of(
        subscription, alike(machines), assessments, problems, [], integration_supported=True, azure_portal="https://portal.example", now=NOW
    )
    return [replace(one, as_of=None) for one in found]


def without(source: Source) -> list[list[Check]]:
    """The checks where a source says something else, says nothing, or could not be read."""
    one, machines, assessments = SUBSCRIPTION, MACHINES, ASSESSMENTS
    failed = Problem("outage", "It could not be read.", source, NOW, SUB)
    match source:
        case Source.SUBSCRIPTIONS:
            changed = [(replace(one, state="Disabled"), machines, assessments)]
        case Source.PERMISSIONS:
            nothing = replace(one, permissions=None, can_enable=None, can_triage=None, can_see_machines=None, can_set_plan=None)
            changed = [(nothing, machines, assessments), (replace(nothing, permissions=(), can_see_machines=False), machines, assessments)]
        case Source.PROVIDER:
            changed = [
                (replace(one, provider="NotRegistered"), machines, assessments),
                (replace(one, provider=None), machines, assessments),
            ]
        case Source.SETTINGS:
            off = replace(one, integration="off", linux="excluded", unified="on")
            changed = [(off, machines, assessments), (replace(one, integration=None, linux=None, unified=None), machines, assessments)]
        case Source.PLAN:
            changed = [(replace(one, servers_plan="free"), machines, assessments), (replace(one, servers_plan=None), machines, assessments)]
        case Source.MACHINES:
            changed = [(one, (), assessments)]
        case Source.EXTENSIONS:
            unread = tuple(replace(each, extensions=(), extensions_known=False) for each in machines)
            changed = [(one, unread, assessments)]
        case Source.ASSESSMENTS:
            changed = [(one, machines, ())]
        case Source.ALERTS:
            changed = [(one, machines, assessments)]
    return [checks(*each, *problems) for each in changed for problems in ((), (failed,))]


@pytest.mark.parametrize("source", Source)
def test_only_what_a_check_rests_on_changes_it(source: Source) -> None:
    before = checks(SUBSCRIPTION, MACHINES, ASSESSMENTS)
    changed = {old.id for after in without(source) for old, new in zip(before, after, strict=True) if old != new}
    allowed = {id for id, sources in RESTS_ON.items() if source in sources}
    assert changed <= allowed
    assert bool(changed) == (source is not Source.ALERTS)


def test_the_age_of_evidence_is_that_of_the_oldest_source() -> None:
    read = {"machines": NOW, "permissions": NOW - timedelta(hours=1), "settings": NOW - timedelta(days=1)}
    assert evidence_read("running", read) == NOW - timedelta(hours=1)
    assert readings_of("fanotify", read) == {"machines": NOW, "permissions": NOW - timedelta(hours=1)}
    assert evidence_read("cloud", read) is None
    assert readings_of("provider", read) == {"provider": None}
    assert sources_of(["linux", "cloud"]) == {Source.SETTINGS}

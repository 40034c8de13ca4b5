"""Each line of the report that is not proven says what to do next, with the command that does it; what is proven says nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cache.model import MachineState, Source, Subscription
from cache.next_steps import next_steps
from cache.proof import TEST_ALERTS, HealthGroup, Proof, SubscriptionFacts, prove
from cache.trail import Waiting, Written

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "11111111-1111-4111-8111-111111111111"
ON = Subscription(ID, "web", "Enabled", "t", "P2", "on", "enabled", "on", "Registered", can_enable=True, can_see_machines=True)
READ = {str(source): NOW - timedelta(minutes=5) for source in Source}
ABOARD = {"Linux": {MachineState.ONBOARDED: 2}}
TESTED = Waiting("/m", TEST_ALERTS["Linux"], NOW - timedelta(hours=1), "ann", "confirmed", "", NOW, "/a", 2, "h")
WRITTEN = Written("WDATP", "false", "true", "failed: WDATP reads false", NOW, "ann", 3, "h")


def steps(known: Subscription | None = ON, **facts: object) -> list[str]:
    values: dict[str, object] = {"read": READ, "systems": ABOARD, **facts}
    return next_steps(prove(SubscriptionFacts(ID, known, **values), NOW))  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("known", "facts", "said"),
    [
        (None, {}, "Look whether it still exists"),
        (replace(ON, linux="excluded"), {}, f"mde-console plan --subscription {ID} shows"),
        (replace(ON, integration="off", servers_plan="free"), {}, "--servers-plan P2 (billed by machine)"),
        (replace(ON, integration="off", can_enable=False), {}, "Security Admin or Owner"),
        (replace(ON, provider="NotRegistered", integration=None), {}, "--register-provider"),
        (replace(ON, integration=None), {}, f"mde-console sync --subscription {ID}"),
        (replace(ON, can_see_machines=False), {"systems": {}}, "Ask an owner for Reader"),
        (ON, {"systems": {"Linux": {MachineState.FAILED: 1}}}, "Mend the 1 machine that is failed"),
        (ON, {"systems": {"Linux": {MachineState.BLOCKED: 2, MachineState.OVERDUE: 1}}}, "Mend the 3 machines"),
        (ON, {"systems": {"Linux": {MachineState.PENDING: 4}}}, "Wait for 4 on the way"),
        (ON, {}, f"mde-console verify --subscription {ID}"),
        (ON, {}, f"Run the detection test on Linux: mde-console test-alert --subscription {ID}"),
        (ON, {"writes": {"WDATP": WRITTEN}}, "did not end well (failed: WDATP reads false): plan again"),
    ],
)
def test_what_is_not_proven_says_what_to_do_next(known: Subscription | None, facts: dict[str, object], said: str) -> None:
    assert any(said in one for one in steps(known, **facts))


def test_what_is_proven_whole_has_nothing_left_to_do() -> None:
    health = [HealthGroup("Linux", MachineState.HEALTHY, "managed", 2, NOW, NOW, 2)]
    found = SubscriptionFacts(ID, ON, READ, systems={"Linux": {MachineState.HEALTHY: 2}}, health=health, waitings=[TESTED])
    proof = prove(found, NOW)
    assert proof.verdict is Proof.PROVEN
    assert next_steps(proof) == []


def test_everything_that_is_not_proven_has_a_step() -> None:
    for known in (None, ON, replace(ON, integration="off"), replace(ON, can_see_machines=False), replace(ON, servers_plan=None)):
        for states in ({}, {MachineState.FAILED: 1}, {MachineState.UNKNOWN: 1}, {MachineState.ONBOARDED: 1, MachineState.LATE: 1}):
            proof = prove(SubscriptionFacts(ID, known, READ, systems={"Linux": states}), NOW)
            if proof.verdict not in (Proof.PROVEN, Proof.NOTHING):
                assert next_steps(proof), (known, states)

"""Each prerequisite of the seed is told exactly once, passes only on what was read, and otherwise says who must do what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.check_sources import RESTS_ON
from cache.model import Assessment, Check, CheckStatus, Extension, Machine, Onboarding, Permission, Problem, Source, Subscription, Tick
from console.rules.onboarding import onboarding_of
from console.rules.prerequisites import CHECKS, checks_of
from tests.rules.samples import (
    NOW,
    SUB,
    a_machine,
    a_server,
    a_subscription,
    alike,
    defender,
    log_analytics,
    machines,
    subscriptions,
    trend_micro,
)

PASS, FAIL, WARN, MANUAL, UNKNOWN, NA = (
    CheckStatus.PASS,
    CheckStatus.FAIL,
    CheckStatus.WARN,
    CheckStatus.MANUAL,
    CheckStatus.UNKNOWN,
    CheckStatus.NOT_APPLICABLE,
)
EDR = "06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c"
AGENT = "d1db3318-01ff-16de-29eb-28b344515626"
MANUAL_STEPS = ("tenant-move", "data-location", "portal-access", "connectivity-linux", "connectivity-windows", "fanotify")


def checks(
    subscription: Subscription,
    fleet: Sequence[Machine] = (),
    onboardings: Mapping[str, Onboarding] | None = None,
    assessments: Sequence[Assessment] = (),
    problems: Sequence[Problem] = (),
    ticks: Sequence[Tick] = (),
    supported: bool = True,
) -> dict[str, Check]:
    if onboardings is None:
        onboardings = {one.id.lower(): onboarding_of(one, subscription, now=NOW) for one in fleet}
    found = checks_of(
        subscription,
        alike(fleet, onboardings),
        assessments,
        problems,
        ticks,
        integration_supported=supported,
        azure_portal="https://portal.contoso.example/",
        now=NOW,
    )
    assert len(found) == len({one.id for one in found}) == len(CHECKS)
    return {one.id: one for one in found}


def status(id: str, *fleet: Machine, **changes: Any) -> CheckStatus:
    return checks(a_subscription(**changes), fleet)[id].status


def problem(source: Source) -> Problem:
    return Problem("outage", f"{source} did not answer", source, NOW, SUB)


def assessed(machine: Machine, key: str, verdict: str) -> Assessment:
    return Assessment(machine.id, SUB, key, verdict)


def test_every_prerequisite_of_the_seed_is_there_once() -> None:
    assert set(checks(a_subscription())) == set(RESTS_ON)


def test_every_check_says_what_it_does_in_its_docstring() -> None:
    assert all(one.__doc__ for one in CHECKS)


@settings(max_examples=200)
@given(
    subscriptions,
    st.lists(machines, max_size=3),
    st.lists(st.sampled_from(Source), unique=True, max_size=3),
    st.booleans(),
)
def test_any_subscription_gets_every_check_and_what_does_not_hold_says_who_must_act(
    subscription: Subscription, fleet: list[Machine], failing: list[Source], supported: bool
) -> None:
    fleet = [replace(one, id=f"/subscriptions/s/m{number}") for number, one in enumerate(fleet)]
    found = checks(subscription, fleet, problems=[problem(one) for one in failing], supported=supported)
    assert set(found) == set(RESTS_ON)
    known = {one.id for one in fleet}
    for one in found.values():
        assert one.subscription_id == SUB
        assert one.title
        assert one.evidence
        assert one.reference
        assert one.as_of == NOW
        assert set(one.machine_ids) <= known
        if one.status in {FAIL, WARN, MANUAL}:
            assert one.who, one.id
            assert one.remedy, one.id


def test_nothing_passes_where_nothing_is_known() -> None:
    blank = Subscription(SUB, "Payments", "", "tenant")
    found = checks(blank, [a_machine(power="", os_name="", os_version="", image="", extensions_known=False)], {})
    passing = {one.id for one in found.values() if one.status is PASS}
    assert passing == {"cloud"}  # which cloud this is, is known without asking


@pytest.mark.parametrize(
    ("source", "resting"),
    [
        (Source.MACHINES, {"arc-connection", "running", "supported-systems", "fanotify", "extensions", "log-analytics-agent"}),
        (Source.EXTENSIONS, {"extensions", "other-edr"}),
        (Source.ASSESSMENTS, {"edr-recommendations"}),
    ],
)
def test_what_rests_on_a_source_that_failed_is_unknown_and_says_why(source: Source, resting: set[str]) -> None:
    fleet = [a_machine(extensions=(defender(),)), a_machine("on-premises", kind="arc", extensions=(defender(),))]
    healthy = [assessed(one, EDR, "Healthy") for one in fleet]
    found = checks(a_subscription(), fleet, assessments=healthy, problems=[problem(source)])
    for id in resting:
        assert found[id].status is UNKNOWN, id
        assert found[id].evidence == f"{source} did not answer"


@pytest.mark.parametrize(
    ("id", "changes", "expected"),
    [
        ("right-to-enable", {"can_enable": True}, PASS),
        ("right-to-enable", {"can_enable": False}, FAIL),
        ("right-to-enable", {"can_enable": None}, UNKNOWN),
        ("right-to-see-machines", {"can_see_machines": False}, FAIL),
        ("right-to-see-machines", {"can_see_machines": None}, UNKNOWN),
        ("right-to-triage", {"can_triage": False}, WARN),
        ("right-to-triage", {"can_triage": None}, UNKNOWN),
        ("subscription-state", {"state": "Enabled"}, PASS),
        ("subscription-state", {"state": "Warned"}, WARN),
        ("subscription-state", {"state": "PastDue"}, WARN),
        ("subscription-state", {"state": "Disabled"}, FAIL),
        ("subscription-state", {"state": "Deleted"}, FAIL),
        ("subscription-state", {"state": "Quantum"}, UNKNOWN),
        ("subscription-state", {"state": ""}, UNKNOWN),
        ("provider", {"provider": "Registered"}, PASS),
        ("provider", {"provider": "Registering"}, WARN),
        ("provider", {"provider": "NotRegistered"}, FAIL),
        ("provider", {"provider": None}, UNKNOWN),
        ("servers-plan", {"servers_plan": "P1"}, PASS),
        ("servers-plan", {"servers_plan": "P2"}, PASS),
        ("servers-plan", {"servers_plan": "standard"}, PASS),
        ("servers-plan", {"servers_plan": "free"}, FAIL),
        ("servers-plan", {"servers_plan": "P9"}, UNKNOWN),
        ("servers-plan", {"servers_plan": None}, UNKNOWN),
        ("licence", {"servers_plan": "P2"}, PASS),
        ("licence", {"servers_plan": "free"}, WARN),
        ("licence", {"servers_plan": "P9"}, UNKNOWN),
        ("licence", {"servers_plan": None}, UNKNOWN),
        ("integration", {"integration": "on"}, PASS),
        ("integration", {"integration": "off"}, FAIL),
        ("integration", {"integration": None}, UNKNOWN),
        ("linux", {"linux": "enabled"}, PASS),
        ("linux", {"linux": "excluded"}, FAIL),
        ("linux", {"linux": "not-set"}, WARN),
        ("linux", {"linux": None}, UNKNOWN),
        ("linux", {"integration": "off", "linux": "enabled"}, FAIL),
        ("linux", {"integration": None, "linux": "enabled"}, UNKNOWN),
        ("unified-solution", {"unified": "on"}, PASS),
        ("unified-solution", {"unified": None}, UNKNOWN),
        ("unified-solution", {"unified": "off"}, NA),
        ("unified-solution", {"unified": "on", "integration": "off"}, NA),
        ("unified-solution", {"unified": "on", "integration": None}, UNKNOWN),
        ("unified-solution", {"unified": "off", "can_see_machines": False}, UNKNOWN),
        ("tenant-move", {}, MANUAL),
        ("data-location", {}, MANUAL),
        ("edr-recommendations", {}, UNKNOWN),
    ],
)
def test_what_the_subscription_says_decides(id: str, changes: dict[str, Any], expected: CheckStatus) -> None:
    assert status(id, **changes) is expected


def test_seeing_only_one_kind_of_machine_is_told() -> None:
    vms_only = (Permission(("Microsoft.Compute/virtualMachines/read",)),)
    found = checks(a_subscription(permissions=vms_only), [a_machine()])
    assert found["right-to-see-machines"].status is WARN
    assert "Microsoft.HybridCompute/machines/read" in found["right-to-see-machines"].evidence
    assert found["arc-connection"].status is UNKNOWN


def test_while_machines_of_one_kind_are_hidden_nothing_passes_for_all_of_them() -> None:
    fleet = [a_machine(extensions=(defender(),))]
    healthy = [assessed(fleet[0], EDR, "Healthy")]
    everything = checks(a_subscription(unified="off"), fleet, assessments=healthy)
    for seen, other in (("Microsoft.Compute/virtualMachines", "arc-connection"), ("Microsoft.HybridCompute/machines", "running")):
        partly = a_subscription(unified="off", permissions=(Permission((f"{seen}/read",)),))
        found = checks(partly, fleet, assessments=healthy)
        assert found[other].status is UNKNOWN
        for id in ("log-analytics-agent", "unified-solution", "connectivity-windows", "supported-systems", "fanotify", "extensions"):
            assert everything[id].status in {PASS, NA}, id
            assert found[id].status is UNKNOWN, id
        assert found["edr-recommendations"].status is UNKNOWN


def test_a_cloud_without_the_integration_fails_and_asks_for_no_setting() -> None:
    found = checks(a_subscription(integration="off"), supported=False)
    assert found["cloud"].status is FAIL
    assert {found[id].status for id in ("integration", "linux", "unified-solution")} == {NA}
    assert checks(a_subscription())["cloud"].status is PASS


def test_an_exclusion_that_is_left_from_before_is_told() -> None:
    assert "left from before" in checks(a_subscription(integration="off", linux="excluded"))["linux"].evidence


OLD = a_server("2016")


@pytest.mark.parametrize(
    ("id", "fleet", "changes", "expected"),
    [
        ("unified-solution", [OLD], {"unified": "off"}, WARN),
        ("unified-solution", [OLD], {"unified": "not-set"}, WARN),
        ("unified-solution", [OLD], {"unified": "on", "integration": "off"}, WARN),
        ("log-analytics-agent", [replace(OLD, extensions=(defender(system="Windows"),))], {"unified": "off"}, NA),
        ("log-analytics-agent", [OLD], {"unified": "on"}, NA),
        ("log-analytics-agent", [OLD], {"unified": "off"}, FAIL),
        ("log-analytics-agent", [OLD], {"unified": None}, UNKNOWN),
        ("log-analytics-agent", [replace(OLD, extensions=(log_analytics(),))], {"unified": "off"}, PASS),
        ("log-analytics-agent", [replace(OLD, extensions=(log_analytics("Failed"),))], {"unified": "off"}, FAIL),
        ("log-analytics-agent", [replace(OLD, extensions_known=False)], {"unified": "off"}, UNKNOWN),
        ("log-analytics-agent", [a_server("2008 R2 SP1")], {"unified": "on"}, FAIL),
        ("log-analytics-agent", [a_machine(), a_server()], {"unified": "off"}, NA),
        ("connectivity-linux", [a_machine()], {}, MANUAL),
        ("connectivity-linux", [a_server()], {}, NA),
        ("connectivity-windows", [a_server()], {}, MANUAL),
        ("connectivity-windows", [a_machine()], {}, NA),
        ("arc-connection", [a_machine()], {}, NA),
        ("arc-connection", [a_machine(kind="arc")], {}, PASS),
        ("arc-connection", [a_machine(kind="arc", power="Disconnected")], {}, FAIL),
        ("arc-connection", [a_machine(kind="arc", power="")], {}, UNKNOWN),
        ("running", [a_machine()], {}, PASS),
        ("running", [a_machine(power="deallocated")], {}, WARN),
        ("running", [a_machine(power="")], {}, UNKNOWN),
        ("running", [a_machine(kind="arc")], {}, NA),
        ("supported-systems", [], {}, NA),
        ("supported-systems", [a_machine(), a_server()], {}, PASS),
        ("supported-systems", [a_machine(os_version="14.04")], {}, WARN),
        ("supported-systems", [a_machine(), a_machine("odd", os_name="", os_version="", image="")], {}, UNKNOWN),
        ("fanotify", [a_server()], {}, NA),
        ("fanotify", [a_machine()], {}, MANUAL),
        ("fanotify", [a_machine(extensions=(trend_micro(),))], {}, FAIL),
        ("fanotify", [a_machine(extensions=(defender(),))], {}, PASS),
        ("other-edr", [], {}, NA),
        ("other-edr", [a_machine(), a_server()], {}, NA),
        ("other-edr", [a_machine(extensions=(trend_micro(),))], {}, WARN),
        ("other-edr", [a_server(extensions=(Extension("S", "CrowdStrike.Falcon", "FalconSensorWindows", "Succeeded"),))], {}, WARN),
        ("other-edr", [a_machine(extensions_known=False)], {}, UNKNOWN),
        ("extensions", [], {}, NA),
        ("extensions", [a_machine(extensions=(defender(),))], {}, PASS),
        ("extensions", [a_machine(extensions=(defender("Failed", "51"),))], {}, FAIL),
        ("extensions", [a_machine(extensions_known=False)], {}, UNKNOWN),
    ],
)
def test_what_the_machines_say_decides(id: str, fleet: list[Machine], changes: dict[str, Any], expected: CheckStatus) -> None:
    found = checks(a_subscription(**changes), fleet)[id]
    assert found.status is expected
    if expected in {FAIL, WARN}:
        assert found.machine_ids == tuple(one.id for one in fleet)
        assert found.affected == len(fleet)


@pytest.mark.parametrize(
    ("verdicts", "expected"), [(("Healthy", "Healthy"), PASS), (("Healthy", "Unhealthy"), WARN), (("Healthy",), UNKNOWN), ((), UNKNOWN)]
)
def test_recommendations_pass_only_where_every_machine_is_assessed(verdicts: tuple[str, ...], expected: CheckStatus) -> None:
    fleet = [a_machine("a"), a_machine("b")]
    told = [assessed(machine, EDR, verdict) for machine, verdict in zip(fleet, verdicts, strict=False)]
    assert checks(a_subscription(), fleet, assessments=told)["edr-recommendations"].status is expected


def test_a_recommendation_about_the_agent_outweighs_its_extension() -> None:
    machine = replace(OLD, extensions=(log_analytics(),))
    told = [assessed(replace(machine, id=machine.id.upper()), AGENT, "Unhealthy")]
    assert checks(a_subscription(unified="off"), [machine], assessments=told)["log-analytics-agent"].status is FAIL


def test_the_order_of_the_machines_decides_nothing() -> None:
    fleet = [
        a_machine("b", power="deallocated"),
        a_machine("a", power="deallocated"),
        a_server("2016", "c", kind="arc", power="Connected"),
        a_server("2016", "d"),
    ]

    def said(order: list[Machine]) -> list[Check]:
        return [replace(one, machine_ids=tuple(sorted(one.machine_ids))) for one in checks(a_subscription(), order).values()]

    assert said(fleet) == said(fleet[::-1])


@pytest.mark.parametrize(
    ("id", "told"),
    [
        ("data-location", ("made by itself", "cannot be changed", "United States", "Only Microsoft's support can reset")),
        ("tenant-move", ("moved", "Microsoft's support")),
        ("portal-access", ("system context", "anonymous traffic", "given access")),
        ("connectivity-linux", ("static proxy", "outbound 443", "mdatp connectivity test")),
        ("connectivity-windows", ("anonymous traffic", "Test-NetConnection")),
        ("extensions", ("MDE.Linux and MDE.Windows", "neither removes Defender nor offboards", "comes back")),
        ("other-edr", ("migration guide",)),
        ("licence", ("no additional cost", "discount", "not given retroactively", "report discount")),
        ("arc-connection", ("connected to Azure Arc first",)),
    ],
)
def test_what_the_seed_says_is_told_where_it_matters(id: str, told: tuple[str, ...]) -> None:
    found = checks(a_subscription(), [a_machine(extensions=(defender(),)), a_server()])[id]
    text = " ".join((found.evidence, found.remedy, found.command))
    for part in told:
        assert part in text, part
    assert found.link.startswith("https://")


def test_without_defender_for_servers_licences_can_be_bought_separately() -> None:
    assert "50 machines or more" in checks(a_subscription(servers_plan="free"))["licence"].remedy


def test_each_recommendation_about_the_agent_is_linked() -> None:
    for fleet, key in (([OLD], AGENT), ([replace(OLD, kind="arc", power="Connected")], "27ac71b1-75c5-41c2-adc2-858f5db45b08")):
        assert key in checks(a_subscription(unified="off"), fleet)["log-analytics-agent"].link


def test_commands_and_links_are_the_real_ones() -> None:
    off = a_subscription(unified="off", provider="NotRegistered", servers_plan="free", can_enable=False)
    found = checks(off, [OLD])
    assert found["unified-solution"].command == (
        f"az security setting update --name WDATP_UNIFIED_SOLUTION --data-export-settings enabled=true --subscription {SUB}"
    )
    assert found["provider"].command == f"az provider register --namespace Microsoft.Security --subscription {SUB}"
    assert found["servers-plan"].command.endswith(f"--subscription {SUB}")
    assert found["right-to-enable"].command.startswith('az role assignment create --role "Security Admin"')
    assert all(one.link.startswith("https://") for one in found.values() if one.link)
    assert "//#" not in found["tenant-move"].link


@pytest.mark.parametrize("id", MANUAL_STEPS)
def test_a_tick_turns_a_manual_step_into_a_pass_with_who_and_when(id: str) -> None:
    tick = Tick(SUB, id, "ann@contoso.example", NOW)
    fleet = [a_machine(), a_server()]
    before = checks(a_subscription(), fleet)
    after = checks(a_subscription(), fleet, ticks=[tick])
    assert before[id].status is MANUAL
    assert (after[id].status, after[id].ticked_by, after[id].ticked_at) == (PASS, "ann@contoso.example", NOW)
    assert {one for one in RESTS_ON if before[one] != after[one]} == {id}


def test_a_tick_does_not_overrule_what_was_found() -> None:
    ticks = [Tick(SUB, id, "ann@contoso.example", NOW) for id in sorted(RESTS_ON)]
    found = checks(a_subscription(linux="excluded"), [a_machine(extensions=(trend_micro(),))], ticks=ticks)
    assert found["linux"].status is FAIL
    assert found["fanotify"].status is FAIL
    assert found["fanotify"].ticked_by == ""

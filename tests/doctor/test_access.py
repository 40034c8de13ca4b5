"""The sign-in and its rights: which exact action is missing in which subscriptions, and what could not be looked at."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest

from console.doctor import access as module
from console.doctor.access import access
from console.doctor.finding import Finding, Status
from console.rules import rights
from console.session import Setup
from console.simulator import Simulator
from tests.doctor.conftest import by_id


def told(findings: list[Finding], action: str) -> Finding:
    return next(one for one in findings if action in one.evidence)


async def test_in_a_subscription_of_ones_own_all_is_well(simulator: Simulator, setup_of: Callable[..., Setup]) -> None:
    own = simulator.subscription("existing-windows-linux-excluded")
    found = await access(setup_of(only=frozenset({own.lower()})), None)
    assert {one.status for one in found} == {Status.OK}
    assert {"sign-in", "subscriptions", "resource-graph", "right-machines", "right-enable", "right-triage"} <= by_id(found).keys()
    assert "ada@contoso.example" in by_id(found)["sign-in"].evidence
    assert not simulator.requests.of("PUT", "")


async def test_a_missing_right_is_told_by_its_action_with_the_subscriptions_counted_and_named(
    simulator: Simulator, setup_of: Callable[..., Setup]
) -> None:
    found = await access(setup_of(), None)
    blind = simulator.subscription("no-right-to-see-machines")
    machines = told(found, rights.READ_VMS)
    assert machines.status is Status.WARN
    assert machines.subscription_ids == (blind,)
    assert "missing in 1 of 12 subscriptions (" in machines.evidence
    assert simulator.world.subscriptions[blind].name in machines.evidence
    enable = told(found, rights.ENABLE)
    assert (enable.id, enable.status, "Security Admin" in enable.remedy) == ("right-enable", Status.WARN, True)
    assert by_id(found)["right-settings"].status is Status.OK


async def test_who_sees_no_machine_anywhere_is_told_that_this_fails(setup_of: Callable[..., Setup]) -> None:
    found = await access(setup_of("security-reader"), None)
    machines = by_id(found)["right-machines"]
    assert machines.status is Status.FAIL
    assert "missing in all 12 subscriptions" in machines.evidence
    assert len(machines.subscription_ids) == 12
    assert by_id(found)["right-enable"].status is Status.WARN


async def test_read_only_needs_no_right_to_write(setup_of: Callable[..., Setup]) -> None:
    assert "right-enable" not in by_id(await access(setup_of("security-reader", read_only=True), None))


async def test_who_may_not_read_the_activity_log_is_warned_and_no_more(setup_of: Callable[..., Setup]) -> None:
    found = by_id(await access(setup_of("security-reader", read_only=True), None))
    assert (found["right-activity-log"].status, found["right-machines"].status) == (Status.WARN, Status.FAIL)
    assert "Ask for Reader" in found["right-activity-log"].remedy
    assert by_id(await access(setup_of(), None))["right-activity-log"].status is Status.WARN, "Payroll has Security Admin alone"


async def test_who_sees_nothing_or_asks_for_what_is_not_there_is_told(setup_of: Callable[..., Setup]) -> None:
    assert by_id(await access(setup_of("nobody"), None))["subscriptions"].status is Status.FAIL
    strange = "99999999-9999-9999-9999-999999999999"
    found = by_id(await access(setup_of(only=frozenset({strange})), None))["subscriptions"]
    assert (found.status, found.subscription_ids) == (Status.FAIL, (strange,))


async def test_rights_that_cannot_be_read_are_unknown_and_hide_no_other(simulator: Simulator, setup_of: Callable[..., Setup]) -> None:
    dark = simulator.subscription("existing-windows-linux-excluded")
    simulator.faults.add(f"403:1:{dark}/providers/Microsoft.Authorization/permissions")
    found = await access(setup_of(), None)
    unknown = by_id(found)["rights"]
    assert (unknown.status, unknown.subscription_ids) == (Status.UNKNOWN, (dark,))
    assert "of 11 subscriptions" in told(found, rights.ENABLE).evidence


async def test_without_resource_graph_it_is_said_what_that_means(simulator: Simulator, setup_of: Callable[..., Setup]) -> None:
    simulator.faults.add("403:1:/providers/Microsoft.ResourceGraph")
    found = by_id(await access(setup_of(), None))["resource-graph"]
    assert found.status is Status.WARN
    assert "read by itself" in found.remedy


async def test_what_does_not_answer_is_given_up_by_itself(
    simulator: Simulator, setup_of: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch
) -> None:
    never = asyncio.Event()

    async def hold(_: str, path: str) -> None:
        if "ResourceGraph" in path or "permissions" in path:
            await never.wait()

    simulator.box.on_request = hold
    monkeypatch.setattr(module, "GRAPH_SECONDS", 0.1)
    monkeypatch.setattr(module, "RIGHTS_SECONDS", 0.1)
    found = by_id(await access(setup_of(), None))
    assert found["resource-graph"].status is Status.UNKNOWN
    assert found["rights"].status is Status.UNKNOWN
    assert "all 12 subscriptions could not be read. They were given up" in found["rights"].evidence
    assert found["subscriptions"].status is Status.OK
    never.set()


async def test_a_sign_in_that_is_over_is_a_failure_and_shows_no_token(setup_of: Callable[..., Setup]) -> None:
    claims = urlsafe_b64encode(json.dumps({"exp": 1_000_000_000}).encode()).decode().rstrip("=")
    token = f"e30.{claims}.c2VjcmV0"
    (found,) = await access(setup_of(environ={"MDE_CONSOLE_TOKEN": token}), None)
    assert (found.id, found.status) == ("sign-in", Status.FAIL)
    assert "expired at 2001-09-09" in found.evidence
    assert token not in str(found)


async def test_a_token_that_azure_does_not_accept_is_a_failure_of_the_subscriptions(
    simulator: Simulator, setup_of: Callable[..., Setup]
) -> None:
    setup = setup_of()
    simulator.box.tokens.expire_all()
    found = by_id(await access(setup, None))
    assert found["subscriptions"].status is Status.FAIL
    assert "Sign in again" in found["subscriptions"].evidence


async def test_where_only_a_person_can_sign_in_nobody_is_waited_for(setup_of: Callable[..., Setup]) -> None:
    setup = replace(setup_of(environ={"PATH": "/nowhere"}), method="auto")
    (found,) = await access(setup, None)
    assert (found.id, found.status) == ("sign-in", Status.WARN)
    assert "--auth device-code" in found.remedy
    (found,) = await access(replace(setup, method="device-code"), None)
    assert found.status is Status.WARN

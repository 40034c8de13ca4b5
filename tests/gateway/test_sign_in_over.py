"""When Azure wants another sign-in: what it demands is kept, nothing goes on asking, and no failure leads back to the token."""

from __future__ import annotations

from typing import Any

import pytest

from cache.sighting import Sighting
from console.gateway.alerts import alert_of
from console.gateway.azure import Azure
from console.gateway.errors import AzureProblem, BadAnswer, Forbidden, SignInRequired
from console.simulator import Simulator
from tests.gateway.conftest import Open
from tests.gateway.odd_server import Canned, OddServer

SUBSCRIPTION = "0b1ec700-0000-4000-8000-000000000001"
EXPIRED = Canned({"error": {"code": "ExpiredAuthenticationToken", "message": ""}}, status=401)


def vms(count: int) -> Canned:
    base = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines"
    return Canned({"value": [{"id": f"{base}/v{number}", "name": f"v{number}", "properties": {}} for number in range(count)]})


async def _read(azure: Azure, found: list[Sighting]) -> None:
    async for page in azure.service_machines(SUBSCRIPTION):
        found += page


def authorized(problem: BaseException) -> list[object]:
    """Every request with a token that can be reached from an exception."""
    found: list[object] = []
    todo: list[Any] = [problem]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, BaseException):
            todo += [one.__cause__, one.__context__, getattr(one, "response", None)]
        request = getattr(one, "request", None)
        if "Authorization" in getattr(request, "headers", {}):
            found.append(request)
    return found


@pytest.mark.parametrize("fault", ["403", "409", "500", "claims", "drop", "half"])
@pytest.mark.parametrize("writes", [False, True])
async def test_no_failure_leads_to_the_request_with_its_token(simulator: Simulator, azure: Azure, fault: str, writes: bool) -> None:
    simulator.faults.add(fault)
    subscription = simulator.subscription("all-on")
    with pytest.raises(AzureProblem) as failure:
        await (azure.put_setting(subscription, "WDATP", True) if writes else azure.settings(subscription))
    assert authorized(failure.value) == []


async def test_what_a_challenge_demands_is_kept(simulator: Simulator, azure: Azure) -> None:
    simulator.faults.add("claims")
    with pytest.raises(SignInRequired) as failure:
        await azure.settings(simulator.subscription("all-on"))
    assert failure.value.claims


async def test_a_challenge_that_cannot_be_met_says_what_to_run(odd: OddServer, odd_azure: Azure) -> None:
    challenge = 'Bearer realm="", error="interaction_required", claims="eyJhIjoxfQ=="'
    odd.answers = [Canned({"error": {"code": "x", "message": ""}}, status=401, headers={"WWW-Authenticate": challenge})]
    with pytest.raises(SignInRequired, match='az login --claims-challenge "eyJhIjoxfQ=="') as failure:
        await odd_azure.settings(SUBSCRIPTION)
    assert failure.value.claims == "eyJhIjoxfQ=="


@pytest.mark.parametrize("claims", ['";rm -rf ~;"', "$(reboot)", "`x`", "a\x85b"])
async def test_a_challenge_puts_nothing_into_the_command_but_base64(odd: OddServer, odd_azure: Azure, claims: str) -> None:
    header = {"WWW-Authenticate": f'Bearer error="interaction_required", claims="{claims}"'}
    odd.answers = [Canned({}, status=401, headers=header)]
    with pytest.raises(SignInRequired) as failure:
        await odd_azure.settings(SUBSCRIPTION)
    assert not set(failure.value.claims) & set(';$`"() \x85')


async def test_a_sign_in_that_is_over_ends_the_reading_of_machines(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned({"value": []}), vms(200), EXPIRED]
    with pytest.raises(SignInRequired):
        await _read(odd_azure, [])
    assert len(odd.asked) < 40


async def test_machines_are_read_where_only_their_power_states_are_refused(odd: OddServer, odd_azure: Azure) -> None:
    refused = Canned({"error": {"code": "InvalidParameter", "message": "statusOnly"}}, status=400)
    odd.answers = [refused, vms(1), Canned({"value": []})]
    found: list[Sighting] = []
    with pytest.raises(BadAnswer):
        await _read(odd_azure, found)
    assert [(one.name, one.system.kind, one.condition.power) for one in found] == [("v0", "vm", "")]


def test_a_link_to_the_clouds_own_portal_is_kept_and_to_its_neighbour_is_not() -> None:
    own = ("https://portal.contoso.example", "https://security.contoso.example:8443")

    def link(address: str) -> str:
        return alert_of({"id": "/x", "properties": {"alertUri": address}}, own).azure_link

    assert link("https://portal.contoso.example/#alert") == "https://portal.contoso.example/#alert"
    assert link("https://security.contoso.example:8443/a") == "https://security.contoso.example:8443/a"
    for address in (
        "https://portal.contoso.example:444/",
        "https://portal.contoso.example.evil.example/",
        "http://portal.contoso.example/",
        "https://a@portal.contoso.example/",
    ):
        assert link(address) == ""


async def test_registering_is_a_write(simulator: Simulator, azure: Azure, open_azure: Open) -> None:
    subscription = simulator.subscription("provider-not-registered")
    only_reads = await open_azure(azure.cloud, simulator.token(), read_only=True)
    with pytest.raises(Forbidden, match="read-only"):
        await only_reads.register_provider(subscription)
    assert await azure.register_provider(subscription) in {"Registering", "Registered"}

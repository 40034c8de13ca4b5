"""What the gateway reads and writes, against the simulator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cache.model import Machine, Subscription
from cache.sighting import Sighting, machine_of
from console.clouds import load_cloud
from console.gateway.azure import Azure
from console.gateway.errors import Forbidden, NotFound, NotRegistered, SignInRequired
from console.simulator import Simulator
from console.simulator.situations import EXCLUDE, UNIFIED, WDATP
from tests.gateway.conftest import Open


async def _all(pages: Any) -> list[Any]:
    return [one async for page in pages for one in page]


def _id(simulator: Simulator, situation: str = "all-on") -> str:
    return simulator.subscription(situation)


async def test_subscriptions_come_page_by_page(simulator: Simulator, azure: Azure) -> None:
    pages = [page async for page in azure.subscriptions()]
    found: list[Subscription] = [one for page in pages for one in page]
    assert [len(page) for page in pages] == [3, 3, 3, 3]
    assert {one.id for one in found} == {one.id for one in simulator.world.visible(_ada(), simulator.tenant_id)}
    assert {one.tenant_id for one in found} == {simulator.tenant_id}
    assert {one.state for one in found} == {"Enabled", "Disabled"}


def _ada() -> Any:
    from console.simulator.principals import ADA

    return ADA


async def test_tenants_have_ids_and_names(simulator: Simulator, azure: Azure) -> None:
    assert {one[0] for one in await azure.tenants()} == {one.id for one in simulator.world.tenants}
    assert all(name for _, name in await azure.tenants())


async def test_permissions_are_the_callers(simulator: Simulator, azure: Azure) -> None:
    owner = await azure.permissions(_id(simulator))
    assert any("*" in one.actions for one in owner)
    security = await azure.permissions(_id(simulator, "no-right-to-see-machines"))
    assert not any("*" in one.actions for one in security)
    assert any("Microsoft.Security/" in action for one in security for action in one.actions)


async def test_the_state_of_the_provider_is_told(simulator: Simulator, azure: Azure) -> None:
    assert await azure.provider_state(_id(simulator)) == "Registered"
    assert await azure.provider_state(_id(simulator, "provider-not-registered")) == "NotRegistered"


async def test_settings_are_those_of_the_integration(simulator: Simulator, azure: Azure) -> None:
    assert await azure.settings(_id(simulator)) == {WDATP: True, EXCLUDE: False, UNIFIED: True}
    assert await azure.settings(_id(simulator, "linux-not-set")) == {WDATP: True}


async def test_no_settings_are_an_empty_answer(simulator: Simulator, azure: Azure) -> None:
    simulator.faults.add("empty:/settings")
    assert await azure.settings(_id(simulator)) == {}


async def test_truth_values_written_as_text_are_truth_values(simulator: Simulator, azure: Azure) -> None:
    simulator.faults.add("strings:/settings")
    assert await azure.settings(_id(simulator)) == {WDATP: True, EXCLUDE: False, UNIFIED: True}


@pytest.mark.parametrize(("situation", "plan"), [("all-on", "P2"), ("linux-not-set", "P1"), ("no-servers-plan", "free")])
async def test_the_plan_for_servers_is_named(simulator: Simulator, azure: Azure, situation: str, plan: str) -> None:
    assert await azure.servers_plan(_id(simulator, situation)) == plan


async def test_values_that_nobody_has_heard_of_are_passed_on(simulator: Simulator, azure: Azure) -> None:
    simulator.faults.add("unknown")
    assert (await azure.servers_plan(_id(simulator))).startswith("New")
    assert (await azure.provider_state(_id(simulator))).startswith("New")
    assert all(one.state.startswith("New") for one in await _all(azure.subscriptions()))
    assert all(one.severity.startswith("New") and one.status.startswith("New") for one in await _all(azure.alerts(_id(simulator))))


async def _with_extensions(azure: Azure, one: Sighting) -> Machine:
    assert one.extensions is None
    found = await azure.extension_details(one.id, one.system.kind)
    return replace(machine_of(one), extensions=found, extensions_known=True)


async def test_resource_graph_and_the_services_tell_of_the_same_machines(simulator: Simulator, azure: Azure) -> None:
    subscription = _id(simulator)
    graph: list[Machine] = [machine_of(one) for one in await _all(azure.graph_machines([subscription]))]
    service: list[Machine] = [await _with_extensions(azure, one) for one in await _all(azure.service_machines(subscription))]
    assert len(graph) == len(simulator.world.machines(subscription)) > 5

    def essence(machines: list[Machine]) -> set[tuple[str, ...]]:
        return {(one.id.lower(), one.name, one.kind, one.os_type, one.power, one.location, one.image) for one in machines}

    def agents(machines: list[Machine]) -> dict[str, set[tuple[str, str, str]]]:
        return {one.id.lower(): {(found.name, found.type, found.state) for found in one.extensions} for one in machines}

    assert essence(graph) == essence(service)
    assert agents(graph) == agents(service)
    assert all(one.extensions_known for one in service)
    assert {one.kind for one in graph} == {"vm", "arc"}


async def test_many_subscriptions_are_one_query(simulator: Simulator, azure: Azure) -> None:
    ids = [one.id for one in simulator.world.visible(_ada(), simulator.tenant_id)]
    found = await _all(azure.graph_machines(ids))
    assert len({one.place.subscription_id for one in found}) > 3
    assert len(simulator.requests.of("POST", "ResourceGraph")) == 1


async def test_small_pages_of_resource_graph_make_the_same_whole(
    simulator: Simulator, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.gateway import graph_machines

    ids = [one.id for one in simulator.world.visible(_ada(), simulator.tenant_id)]
    whole = await _all(azure.graph_machines(ids))
    monkeypatch.setitem(graph_machines.machines.__kwdefaults__ or {}, "page", 4)
    simulator.requests.clear()
    assert await _all(azure.graph_machines(ids)) == whole
    assert len(simulator.requests.of("POST", "ResourceGraph")) == -(-len(whole) // 4)


async def test_extensions_say_why_they_failed(simulator: Simulator, azure: Azure) -> None:
    ids = [one.id for one in simulator.world.visible(_ada(), simulator.tenant_id)]
    found: list[Machine] = [machine_of(one) for one in await _all(azure.graph_machines(ids))]
    simulator.clock.advance(3 * 86400)
    machines = [one for one in found if any(extension.type.startswith("MDE.") for extension in one.extensions)]
    details = [
        extension for one in machines for extension in await azure.extension_details(one.id, one.kind) if extension.type.startswith("MDE.")
    ]
    assert {one.kind for one in machines} == {"vm", "arc"}
    assert len(details) == len(machines)
    assert all(one.code and one.publisher == "Microsoft.Azure.AzureDefenderForServers" for one in details)
    assert all(one.message for one in details if one.state == "Failed")


async def test_recommendations_are_the_same_from_both_sides(simulator: Simulator, azure: Azure) -> None:
    subscription = _id(simulator)
    service, graph = await azure.assessments(subscription), await azure.graph_assessments([subscription])

    def essence(found: list[Any]) -> set[tuple[str, ...]]:
        return {(one.machine_id.lower(), one.key, one.status, one.cause) for one in found}

    assert essence(service) == essence(graph)
    assert service


async def test_alerts_come_page_by_page_with_their_source(simulator: Simulator, azure: Azure) -> None:
    simulator.clock.advance(86400)
    pages = [page async for page in azure.alerts(_id(simulator))]
    alerts = [one for page in pages for one in page]
    assert len(pages) > 1
    assert {one.from_endpoint for one in alerts} == {True, False} or all(one.from_endpoint for one in alerts)
    assert all(one.subscription_id == _id(simulator) and one.location and one.title for one in alerts)
    assert any(one.defender_link.startswith("https://security.microsoft.com/") for one in alerts if one.from_endpoint)


async def test_an_alert_takes_every_status(simulator: Simulator, azure: Azure) -> None:
    simulator.clock.advance(86400)
    alert = (await _all(azure.alerts(_id(simulator))))[0]
    for status in ("InProgress", "Resolved", "Dismissed", "Active"):
        await azure.set_alert_status(alert.id, status)
        assert await azure.alert_status(alert.id) == status


async def test_an_alert_that_is_gone_is_not_found(simulator: Simulator, azure: Azure) -> None:
    gone = f"/subscriptions/{_id(simulator)}/resourceGroups/alerts/providers/Microsoft.Security/locations/centralus/alerts/gone"
    with pytest.raises(NotFound):
        await azure.alert_status(gone)
    with pytest.raises(NotFound):
        await azure.set_alert_status(gone, "Resolved")
    assert simulator.requests.of("POST")[-1].path.endswith(
        "/resourceGroups/alerts/providers/Microsoft.Security/locations/centralus/alerts/gone/resolve"
    )


async def test_a_setting_is_written_and_read_back(simulator: Simulator, azure: Azure) -> None:
    subscription = _id(simulator, "existing-windows-linux-excluded")
    await azure.put_setting(subscription, EXCLUDE, False)
    assert (await azure.settings(subscription))[EXCLUDE] is False
    (request,) = simulator.requests.of("PUT")
    assert request.body == {"kind": "DataExportSettings", "properties": {"enabled": False}}
    assert request.query["api-version"] == "2022-05-01"


async def test_a_console_that_only_reads_sends_no_write(simulator: Simulator, open_azure: Open) -> None:
    azure = await open_azure(load_cloud(str(simulator.cloud_file)), simulator.token(), read_only=True)
    with pytest.raises(Forbidden, match="read-only"):
        await azure.put_setting(_id(simulator), WDATP, True)
    with pytest.raises(Forbidden, match="read-only"):
        await azure.set_alert_status("/subscriptions/x/providers/Microsoft.Security/locations/l/alerts/a", "Resolved")
    assert len(simulator.requests) == 0


async def test_missing_rights_are_forbidden(simulator: Simulator, azure: Azure) -> None:
    with pytest.raises(Forbidden, match="no right for writing the setting"):
        await azure.put_setting(_id(simulator, "no-right-to-enable"), WDATP, True)
    with pytest.raises(Forbidden, match="virtual machines|power states"):
        await _all(azure.service_machines(_id(simulator, "no-right-to-see-machines")))


async def test_resource_graph_refusing_is_forbidden(simulator: Simulator, azure: Azure) -> None:
    simulator.faults.add("403:ResourceGraph")
    with pytest.raises(Forbidden):
        await _all(azure.graph_machines([_id(simulator)]))


async def test_an_unregistered_provider_is_no_failure_of_the_sign_in(simulator: Simulator, azure: Azure) -> None:
    subscription = _id(simulator, "provider-not-registered")
    for asked in (azure.settings, azure.servers_plan, azure.assessments):  # 404, 404 and 401
        with pytest.raises(NotRegistered, match="az provider register"):
            await asked(subscription)
    with pytest.raises(NotRegistered):
        await _all(azure.alerts(subscription))
    with pytest.raises(NotRegistered):
        await azure.put_setting(subscription, WDATP, True)


async def test_nothing_is_registered_behind_ones_back(simulator: Simulator, azure: Azure) -> None:
    subscription = _id(simulator)
    simulator.faults.add("409=MissingSubscriptionRegistration")
    for asked in (azure.settings(subscription), azure.put_setting(subscription, WDATP, True), azure.servers_plan(subscription)):
        with pytest.raises(NotRegistered):
            await asked
    with pytest.raises(NotRegistered):
        await _all(azure.graph_machines([subscription]))
    assert simulator.requests.of("POST", "/register") == []
    assert len(simulator.requests) == 4


async def test_a_subscription_of_another_tenant_is_no_failure_of_the_sign_in(simulator: Simulator, azure: Azure) -> None:
    foreign = next(one.id for one in simulator.world.subscriptions.values() if one.tenant != simulator.tenant_id)
    with pytest.raises(Forbidden, match="another tenant"):
        await azure.settings(foreign)


@pytest.mark.parametrize("fault", ["claims", "expired"])
async def test_a_sign_in_that_is_over_says_so(simulator: Simulator, azure: Azure, fault: str) -> None:
    simulator.faults.add(fault)
    with pytest.raises(SignInRequired, match=r"Sign in again|expired|fresh"):
        await azure.settings(_id(simulator))
    with pytest.raises(SignInRequired):
        await azure.put_setting(_id(simulator), WDATP, True)
    assert len(simulator.requests) == 2, "nothing is tried again"


async def test_a_challenge_tells_what_the_azure_cli_needs(simulator: Simulator, azure: Azure) -> None:
    simulator.faults.add("claims")
    with pytest.raises(SignInRequired, match=r'az login --claims-challenge "[A-Za-z0-9+/=]{20,}"'):
        await azure.settings(_id(simulator))


async def test_tokens_that_expire_for_real_need_a_new_sign_in(simulator: Simulator, azure: Azure) -> None:
    simulator.box.tokens.expire_all()
    with pytest.raises(SignInRequired, match="ExpiredAuthenticationToken"):
        await azure.settings(_id(simulator))


async def test_a_user_without_any_rights_sees_nothing(simulator: Simulator, open_azure: Open) -> None:
    azure = await open_azure(load_cloud(str(simulator.cloud_file)), simulator.token("nobody"))
    assert await _all(azure.subscriptions()) == []

"""Settings, plans, alerts, through the SDK's SecurityCenter."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.mgmt.security.aio import SecurityCenter
from azure.mgmt.security.models import DataExportSettings, Pricing

from console.simulator import Simulator
from tests.simulator.conftest import Api

EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"


def _client(sdk: dict[str, Any], subscription: str) -> SecurityCenter:
    options = dict(sdk)
    return SecurityCenter(options.pop("credential"), subscription, **options)


async def _settings(client: SecurityCenter) -> dict[str, bool]:
    return {s.name: s.enabled async for s in client.settings.list()}


async def test_the_settings_of_the_situations(sim: Simulator, sdk: dict[str, Any]) -> None:
    expected = {
        "existing-windows-linux-excluded": {"WDATP": True, EXCLUDE: True, "WDATP_UNIFIED_SOLUTION": True},
        "never-enabled": {},
        "all-on": {"WDATP": True, EXCLUDE: False, "WDATP_UNIFIED_SOLUTION": True},
        "no-servers-plan": {"WDATP": False},
        "linux-not-set": {"WDATP": True},
        "unified-off": {"WDATP": True, EXCLUDE: True, "WDATP_UNIFIED_SOLUTION": False},
    }
    for situation, settings in expected.items():
        async with _client(sdk, sim.subscription(situation)) as client:
            found = await _settings(client)
        assert {k: v for k, v in found.items() if k != "MCAS"} == settings, situation


async def test_a_setting_is_written_and_read_back(sim: Simulator, sdk: dict[str, Any]) -> None:
    async with _client(sdk, sim.subscription("existing-windows-linux-excluded")) as client:
        written = await client.settings.update(EXCLUDE, DataExportSettings(enabled=False))
        assert written.enabled is False
        assert (await client.settings.get(EXCLUDE)).enabled is False
    puts = sim.requests.of("PUT")
    assert [(p.path.rpartition("/")[2], p.body["properties"], p.query["api-version"]) for p in puts] == [
        (EXCLUDE, {"enabled": False}, "2022-05-01")
    ]


async def test_turning_the_integration_on_for_the_first_time_brings_linux_and_the_unified_solution(
    sim: Simulator, sdk: dict[str, Any]
) -> None:
    async with _client(sdk, sim.subscription("never-enabled")) as client:
        await client.settings.update("WDATP", DataExportSettings(enabled=True))
        assert await _settings(client) == {"MCAS": True, "WDATP": True, EXCLUDE: False, "WDATP_UNIFIED_SOLUTION": True}


async def test_a_setting_that_was_never_set_is_not_found(sim: Simulator, sdk: dict[str, Any]) -> None:
    async with _client(sdk, sim.subscription("never-enabled")) as client:
        with pytest.raises(ResourceNotFoundError):
            await client.settings.get("WDATP")


async def test_plans_are_read_and_bought(sim: Simulator, sdk: dict[str, Any]) -> None:
    subscription = sim.subscription("no-servers-plan")
    scope = f"subscriptions/{subscription}"
    async with _client(sdk, subscription) as client:
        listed = {p.name: p.pricing_tier for p in (await client.pricings.list(scope)).value}
        assert listed["VirtualMachines"] == "Free"
        bought = await client.pricings.update(scope, "VirtualMachines", Pricing(pricing_tier="Standard", sub_plan="P2"))
        assert (bought.pricing_tier, bought.sub_plan) == ("Standard", "P2")
        assert (await client.pricings.get(scope, "VirtualMachines")).enablement_time is not None
    async with _client(sdk, sim.subscription("linux-not-set")) as client:
        assert (await client.pricings.get(f"subscriptions/{sim.subscription('linux-not-set')}", "VirtualMachines")).sub_plan == "P1"


async def test_an_unregistered_subscription_answers_404_or_401_until_it_is_registered(
    sim: Simulator, sdk: dict[str, Any], api: Api
) -> None:
    subscription = sim.subscription("provider-not-registered")
    async with _client(sdk, subscription) as client:
        with pytest.raises(ResourceNotFoundError) as settings:
            await _settings(client)
        with pytest.raises(ClientAuthenticationError) as alerts:
            [a async for a in client.alerts.list()]
        assert settings.value.error.code == alerts.value.error.code == "Subscription Not Registered"
        provider = await api("GET", f"/subscriptions/{subscription}/providers/Microsoft.Security")
        assert provider.body["registrationState"] == "NotRegistered"
        begun = await api("POST", f"/subscriptions/{subscription}/providers/Microsoft.Security/register")
        assert begun.body["registrationState"] == "Registering"
        seen = []
        while "Registered" not in seen:
            provider = await api("GET", f"/subscriptions/{subscription}/providers/Microsoft.Security")
            seen.append(provider.body["registrationState"])
        assert set(seen[:-1]) == {"Registering"}
        assert "MCAS" in await _settings(client)
    assert len(sim.requests.of("POST", "/register")) == 1


async def test_recommendations_name_the_agents_and_the_edr_solution(sim: Simulator, sdk: dict[str, Any]) -> None:
    subscription = sim.subscription("all-on")
    async with _client(sdk, subscription) as client:
        found = [a async for a in client.assessments.list(f"subscriptions/{subscription}")]
        one = await client.assessments.get(found[0].id.partition("/providers/Microsoft.Security")[0], found[0].name)
    assert {a.name for a in found} >= {"d1db3318-01ff-16de-29eb-28b344515626", "06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c"}
    assert {a.status.code for a in found} == {"Healthy", "Unhealthy", "NotApplicable"}
    assert one.id == found[0].id


async def test_alerts_are_marked_as_the_endpoints_and_change_state(sim: Simulator, sdk: dict[str, Any]) -> None:
    async with _client(sdk, sim.subscription("all-on")) as client:
        found = [a async for a in client.alerts.list()]
        own = [a for a in found if a.alert_type.startswith("VM.MDATP_")]
        assert own
        assert all("WdatpTenantId" in a.extended_properties for a in own)
        alert = own[0]
        _, _, _, _, group, *_ = alert.id.split("/")
        location = alert.id.split("/")[8]
        for state, verb in (("Dismissed", "dismiss"), ("Active", "activate"), ("InProgress", "in_progress"), ("Resolved", "resolve")):
            await getattr(client.alerts, f"update_subscription_level_state_to_{verb}")(location, alert.name)
            assert (await client.alerts.get_resource_group_level(group, location, alert.name)).status == state
        await client.alerts.update_resource_group_level_state_to_activate(group, location, alert.name)
        assert (await client.alerts.get_subscription_level(location, alert.name)).status == "Active"
        with pytest.raises(HttpResponseError, match="was not found"):
            await client.alerts.update_subscription_level_state_to_dismiss(location, "00000000-0000-0000-0000-000000000000")


async def test_an_alerts_status_is_the_same_in_resource_graph(sim: Simulator, api: Api) -> None:
    alert = sim.alerts.until(sim.world.subscriptions[sim.subscription("all-on")], sim.clock.now())[0]
    await api("POST", f"{alert.id}/inProgress")
    rows = await api.query(f"securityresources | where name == '{alert.name}' | project s = tostring(properties.Status), id")
    assert rows == [{"s": "InProgress", "id": alert.id}]


async def test_onboarding_packages_are_served(sim: Simulator, sdk: dict[str, Any]) -> None:
    async with _client(sdk, sim.subscription("all-on")) as client:
        found = await client.mde_onboardings.list()
    assert found.value[0].onboarding_package_linux


async def test_a_body_without_properties_is_refused(sim: Simulator, api: Api) -> None:
    base = f"/subscriptions/{sim.subscription('all-on')}/providers/Microsoft.Security"
    assert (await api("PUT", f"{base}/settings/WDATP", json={"kind": "DataExportSettings"})).status == 400
    assert (await api("PUT", f"{base}/settings/WDATP", json={"properties": {"enabled": "perhaps"}})).status == 400
    assert (await api("PUT", f"{base}/settings/NOSUCH", json={"properties": {"enabled": True}})).status == 400
    assert (await api("PUT", f"{base}/pricings/VirtualMachines", json={"properties": {"pricingTier": "Gold"}})).status == 400
    assert (await api("PUT", f"{base}/settings/WDATP", data=b"{", headers={"Content-Type": "application/json"})).status == 400

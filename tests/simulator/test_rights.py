"""Every answer depends on what the caller may do in that subscription."""

from __future__ import annotations

import pytest

from console.simulator import Simulator
from console.simulator.roles import CONTRIBUTOR, OWNER, READER, SECURITY_ADMIN, SECURITY_READER, allows
from tests.simulator.conftest import Api

_SETTING = {"kind": "DataExportSettings", "properties": {"enabled": True}}


@pytest.mark.parametrize(
    ("role", "action", "allowed"),
    [
        (OWNER, "Microsoft.Security/settings/write", True),
        (CONTRIBUTOR, "Microsoft.Authorization/roleAssignments/write", False),
        (CONTRIBUTOR, "microsoft.security/SETTINGS/write", True),
        (READER, "Microsoft.Security/settings/read", True),
        (READER, "Microsoft.Security/settings/write", False),
        (SECURITY_ADMIN, "Microsoft.Security/pricings/write", True),
        (SECURITY_ADMIN, "Microsoft.Compute/virtualMachines/read", False),
        (SECURITY_READER, "Microsoft.Security/alerts/read", True),
        (SECURITY_READER, "Microsoft.Security/locations/alerts/dismiss/action", False),
    ],
)
def test_roles_allow_what_they_allow_in_azure(role: object, action: str, allowed: bool) -> None:
    assert allows([role], action) is allowed  # type: ignore[list-item]


async def test_permissions_are_told_by_role(sim: Simulator, api: Api) -> None:
    path = f"/subscriptions/{sim.subscription('no-right-to-enable')}/providers/Microsoft.Authorization/permissions"
    answer = await api("GET", path, version="2022-04-01")
    assert [p["actions"][-1] for p in answer.body["value"]] == ["Microsoft.Support/*/read", "*/read"]


async def test_who_may_not_enable_is_refused_in_azures_words(sim: Simulator, api: Api) -> None:
    subscription = sim.subscription("no-right-to-enable")
    answer = await api("PUT", f"/subscriptions/{subscription}/providers/Microsoft.Security/settings/WDATP", json=_SETTING)
    assert (answer.status, answer.code) == (403, "AuthorizationFailed")
    assert "'ada@contoso.example'" in answer.message
    assert "'Microsoft.Security/settings/write'" in answer.message


async def test_a_security_admin_sees_no_machines_anywhere(sim: Simulator, api: Api) -> None:
    subscription = sim.subscription("no-right-to-see-machines")
    base = f"/subscriptions/{subscription}/providers"
    assert (await api("GET", f"{base}/Microsoft.Compute/virtualMachines")).status == 403
    assert (await api("GET", f"{base}/Microsoft.HybridCompute/machines")).status == 403
    assert (await api("GET", f"{base}/Microsoft.Security/settings")).status == 200
    assert await api.query("resources", subscriptions=[subscription]) == []
    assert await api.query("securityresources | where type == 'microsoft.security/assessments'", subscriptions=[subscription])


async def test_settings_are_an_empty_list_for_who_may_not_read_them(sim: Simulator, api: Api) -> None:
    base = f"/subscriptions/{sim.subscription('all-on')}/providers/Microsoft.Security/settings"
    operator = api.of("operator")
    assert (await operator("GET", base)).body == {"value": []}
    assert (await operator("GET", f"{base}/WDATP")).status == 403


async def test_nobody_has_no_subscriptions(sim: Simulator, api: Api) -> None:
    nobody = api.of("nobody")
    assert (await nobody("GET", "/subscriptions")).body["value"] == []
    assert (await nobody("GET", f"/subscriptions/{sim.subscription('all-on')}")).status == 403
    answer = await nobody("POST", "/providers/Microsoft.ResourceGraph/resources", json={"query": "resources"})
    assert answer.body["error"]["details"][0]["code"] == "NoValidSubscriptionsInQueryRequest"


async def test_a_disabled_subscription_is_read_only(sim: Simulator, api: Api) -> None:
    base = f"/subscriptions/{sim.subscription('disabled')}"
    assert (await api("GET", base)).body["state"] == "Disabled"
    assert (await api("GET", f"{base}/providers/Microsoft.Security/settings")).status == 200
    answer = await api("PUT", f"{base}/providers/Microsoft.Security/settings/WDATP", json=_SETTING)
    assert (answer.status, answer.code) == (409, "ReadOnlyDisabledSubscription")


async def test_role_assignments_can_be_asked_for_one_principal(sim: Simulator, api: Api) -> None:
    path = f"/subscriptions/{sim.subscription('no-right-to-see-machines')}/providers/Microsoft.Authorization/roleAssignments"
    everyone = (await api("GET", path)).body["value"]
    mine = (await api("GET", path + "?$filter=assignedTo('0b1ec700-5151-4a7e-8000-000000000001')")).body["value"]
    assert len(everyone) > len(mine) == 1
    assert mine[0]["properties"]["roleDefinitionId"].endswith(SECURITY_ADMIN.id)
    definition = await api("GET", mine[0]["properties"]["roleDefinitionId"])
    assert definition.body["properties"]["roleName"] == "Security Admin"

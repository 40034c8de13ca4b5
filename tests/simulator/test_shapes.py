"""Answers have the shapes of the official OpenAPI documents."""

from __future__ import annotations

import json

import pytest

from console.simulator import Simulator
from tests.simulator.conftest import Api
from tests.simulator.openapi import SPECS, check

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason="the OpenAPI documents are not beside the project")


@pytest.mark.parametrize(
    ("document", "operation", "path"),
    [
        ("subscriptions", "Subscriptions_List", "/subscriptions"),
        ("subscriptions", "Subscriptions_Get", "/subscriptions/{s}"),
        ("subscriptions", "Tenants_List", "/tenants"),
        ("roleAssignments", "RoleAssignments_ListForSubscription", "/subscriptions/{s}/providers/Microsoft.Authorization/roleAssignments"),
        ("roleDefinitions", "RoleDefinitions_List", "/subscriptions/{s}/providers/Microsoft.Authorization/roleDefinitions"),
        ("settings", "Settings_List", "/subscriptions/{s}/providers/Microsoft.Security/settings"),
        ("settings", "Settings_Get", "/subscriptions/{s}/providers/Microsoft.Security/settings/WDATP"),
        ("pricings", "Pricings_List", "/subscriptions/{s}/providers/Microsoft.Security/pricings"),
        ("pricings", "Pricings_Get", "/subscriptions/{s}/providers/Microsoft.Security/pricings/VirtualMachines"),
        ("assessments", "Assessments_List", "/subscriptions/{s}/providers/Microsoft.Security/assessments"),
        ("alerts", "Alerts_List", "/subscriptions/{s}/providers/Microsoft.Security/alerts"),
        ("mdeOnboardings", "MdeOnboardings_List", "/subscriptions/{s}/providers/Microsoft.Security/mdeOnboardings"),
        ("compute", "VirtualMachines_ListAll", "/subscriptions/{s}/providers/Microsoft.Compute/virtualMachines"),
        ("compute", "VirtualMachines_ListAll", "/subscriptions/{s}/providers/Microsoft.Compute/virtualMachines?statusOnly=true"),
        ("hybrid", "Machines_ListBySubscription", "/subscriptions/{s}/providers/Microsoft.HybridCompute/machines"),
    ],
)
async def test_a_list_or_one_of_it(sim: Simulator, api: Api, document: str, operation: str, path: str) -> None:
    answer = await api("GET", path.format(s=sim.subscription("all-on")))
    assert answer.status == 200
    check(document, operation, 200, answer.body)


async def test_what_belongs_to_a_machine(sim: Simulator, api: Api) -> None:
    for machine in sim.world.machines(sim.subscription("all-on")):
        extensions = await api("GET", f"{machine.id}/extensions?$expand=instanceView")
        one = await api("GET", machine.id)
        if machine.kind == "vm":
            check("compute", "VirtualMachineExtensions_List", 200, extensions.body)
            check("compute", "VirtualMachines_Get", 200, one.body)
            view = await api("GET", f"{machine.id}/instanceView")
            check("compute", "VirtualMachines_InstanceView", 200, view.body)
        else:
            check("hybrid", "MachineExtensions_List", 200, extensions.body)
            check("hybrid", "Machines_Get", 200, one.body)


async def test_an_alert_in_both_levels(sim: Simulator, api: Api) -> None:
    alert = sim.alerts.until(sim.world.subscriptions[sim.subscription("all-on")], sim.clock.now())[0]
    check("alerts", "Alerts_GetResourceGroupLevel", 200, (await api("GET", alert.id)).body)
    path = f"/subscriptions/{alert.subscription}/providers/Microsoft.Security/locations/{alert.location}/alerts/{alert.name}"
    check("alerts", "Alerts_GetSubscriptionLevel", 200, (await api("GET", path)).body)
    answer = await api("POST", f"{path}/dismiss")
    assert (answer.status, answer.body) == (204, None)


async def test_written_settings_and_plans(sim: Simulator, api: Api) -> None:
    base = f"/subscriptions/{sim.subscription('never-enabled')}/providers/Microsoft.Security"
    setting = {"kind": "DataExportSettings", "properties": {"enabled": True}}
    check("settings", "Settings_Update", 200, (await api("PUT", f"{base}/settings/WDATP", json=setting)).body)
    plan = {"properties": {"pricingTier": "Standard", "subPlan": "P1"}}
    check("pricings", "Pricings_Update", 200, (await api("PUT", f"{base}/pricings/VirtualMachines", json=plan)).body)


@pytest.mark.parametrize("options", [{}, {"$top": 3}, {"$top": 3, "resultFormat": "table"}])
async def test_a_query(api: Api, options: dict[str, object]) -> None:
    body = {"query": "resources | project id, name, type", "options": options}
    answer = await api("POST", "/providers/Microsoft.ResourceGraph/resources", json=body, version="2021-03-01")
    check("graph", "Resources", 200, answer.body)


async def test_run_commands(sim: Simulator, api: Api) -> None:
    vm, arc = _running(sim, "vm"), _running(sim, "arc")
    body = {"location": "westeurope", "properties": {"source": {"script": "mdatp health"}}}
    put = await api("PUT", f"{vm}/runCommands/health", json=body)
    check("runCommand", "VirtualMachineRunCommands_CreateOrUpdate", 201, put.body)
    put = await api("PUT", f"{arc}/runCommands/health", json=body)
    check("hybrid", "MachineRunCommands_CreateOrUpdate", 201, put.body)
    sim.clock.advance(60)
    got = await api("GET", f"{vm}/runCommands/health?$expand=instanceView")
    check("runCommand", "VirtualMachineRunCommands_GetByVirtualMachine", 200, got.body)
    check("hybrid", "MachineRunCommands_Get", 200, (await api("GET", f"{arc}/runCommands/health")).body)


async def test_errors_are_objects_with_a_code_and_a_message(sim: Simulator, api: Api) -> None:
    for path in (
        "/subscriptions/11111111-0000-0000-0000-000000000000",
        "/nowhere",
        f"/subscriptions/{sim.subscription('all-on')}/providers/X.Y/z",
    ):
        answer = await api("GET", path)
        assert answer.status == 404
        assert json.loads(answer.text)["error"].keys() >= {"code", "message"}


def _running(sim: Simulator, kind: str) -> str:
    machines = sim.world.machines(sim.subscription("all-on"))
    return next(m.id for m in machines if m.kind == kind and m.system.linux and m.stopped > sim.clock.now())

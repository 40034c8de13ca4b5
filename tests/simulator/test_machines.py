"""Virtual machines, Arc machines, their extensions and run commands, through the SDK's clients."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.hybridcompute.aio import HybridComputeManagementClient

from console.simulator import Simulator
from console.simulator.clock import HOUR
from console.simulator.machines import Machine
from tests.simulator.conftest import Api


def _compute(sdk: dict[str, Any], subscription: str) -> ComputeManagementClient:
    options = dict(sdk)
    return ComputeManagementClient(options.pop("credential"), subscription, **options)


def _hybrid(sdk: dict[str, Any], subscription: str) -> HybridComputeManagementClient:
    options = dict(sdk)
    return HybridComputeManagementClient(options.pop("credential"), subscription, **options)


def _find(sim: Simulator, situation: str = "all-on", **wanted: object) -> Machine:
    def fits(machine: Machine) -> bool:
        return all(getattr(machine, key) == value for key, value in wanted.items() if key not in ("system", "running"))

    for machine in sim.world.machines(sim.subscription(situation)):
        system = wanted.get("system", machine.system.key)
        running = machine.stopped > sim.clock.now()
        if fits(machine) and machine.system.key == system and running == wanted.get("running", running):
            return machine
    raise LookupError(wanted)


async def test_lists_are_paged_without_losing_or_repeating_any(sdk: dict[str, Any]) -> None:
    async with Simulator(speed=0, machines=60, subscriptions=3, page_size=7) as sim:
        sdk |= {"base_url": sim.url, "credential_scopes": [f"{sim.url}/.default"], "connection_verify": str(sim.ca_file)}
        sdk["credential"].token = sim.token()
        subscription = sim.subscription("all-on")
        expected = sim.world.machines(subscription)
        async with _compute(sdk, subscription) as compute, _hybrid(sdk, subscription) as hybrid:
            vms = [vm.id async for vm in compute.virtual_machines.list_all()]
            arcs = [machine.id async for machine in hybrid.machines.list_by_subscription()]
    assert vms == [m.id for m in expected if m.kind == "vm"]
    assert arcs == [m.id for m in expected if m.kind == "arc"]
    assert len(vms) > 7


async def test_the_status_of_machines_comes_with_the_list(sim: Simulator, sdk: dict[str, Any]) -> None:
    async with _compute(sdk, sim.subscription("all-on")) as client:
        found = [vm async for vm in client.virtual_machines.list_all(status_only="true")]
    powers = {s.code for vm in found for s in vm.instance_view.statuses if s.code.startswith("PowerState/")}
    assert powers >= {"PowerState/running", "PowerState/deallocated"}


async def test_images_are_marketplace_references_or_bare_ids(sim: Simulator, sdk: dict[str, Any]) -> None:
    async with _compute(sdk, sim.subscription("all-on")) as client:
        images = [vm.storage_profile.image_reference async for vm in client.virtual_machines.list_all()]
    assert {i.publisher for i in images} >= {
        "Canonical",
        "RedHat",
        "SUSE",
        "Debian",
        "MicrosoftWindowsServer",
        "MicrosoftWindowsDesktop",
        None,
    }
    assert all(i.id for i in images if i.publisher is None)


async def test_arc_machines_are_connected_disconnected_or_expired(sim: Simulator, sdk: dict[str, Any]) -> None:
    async with _hybrid(sdk, sim.subscription("all-on")) as client:
        found = {m.properties.status async for m in client.machines.list_by_subscription()}
    assert found >= {"Connected", "Disconnected", "Expired"}


async def test_a_failed_extension_says_why_in_its_instance_view(sim: Simulator, sdk: dict[str, Any]) -> None:
    machine = _find(sim, kind="vm", fate="conflict")
    async with _compute(sdk, machine.subscription) as client:
        listed = await client.virtual_machine_extensions.list(machine.group, machine.name, expand="instanceView")
        bare = await client.virtual_machine_extensions.get(machine.group, machine.name, "mde.linux")
    mde = next(e for e in listed.value if e.name == "MDE.Linux")
    status = mde.instance_view.statuses[0]
    assert (mde.provisioning_state, status.code, status.level) == ("Failed", "ProvisioningState/failed/5", "Error")
    assert f"exiting (5) found conflicting applications: [{machine.product}]" in status.message
    assert bare.instance_view is None


async def test_a_failed_arc_extension_carries_one_status(sim: Simulator, sdk: dict[str, Any]) -> None:
    machine = _find(sim, kind="arc", fate="python")
    async with _hybrid(sdk, machine.subscription) as client:
        found = {e.name: e async for e in client.machine_extensions.list(machine.group, machine.name)}
    status = found["MDE.Linux"].properties.instance_view.status
    assert (status.code, status.level) == ("52", "Error")
    assert "No Python interpreter found" in status.message


async def test_paths_are_read_in_any_case(sim: Simulator, api: Api) -> None:
    machine = _find(sim, kind="vm")
    assert (await api("GET", machine.id.upper().replace("/SUBSCRIPTIONS", "/subscriptions"))).body["name"] == machine.name
    assert (await api("GET", machine.id.lower())).body["id"] == machine.id


async def test_names_that_need_quoting_are_found(sim: Simulator, sdk: dict[str, Any]) -> None:
    odd = [
        m for m in sim.world.machines(sim.subscription("all-on")) if not m.name.replace("-", "").isascii() or "[" in m.name or '"' in m.name
    ]
    assert len(odd) >= 4
    async with _hybrid(sdk, odd[0].subscription) as client:
        for machine in odd:
            assert (await client.machines.get(machine.group, machine.name)).name == machine.name


async def test_what_is_not_there_is_not_found(sim: Simulator, sdk: dict[str, Any], api: Api) -> None:
    subscription = sim.subscription("all-on")
    async with _compute(sdk, subscription) as client:
        with pytest.raises(ResourceNotFoundError) as error:
            await client.virtual_machines.get("rg", "no-such-vm")
    assert error.value.error.code == "ResourceNotFound"
    assert (await api("GET", "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups")).code == "SubscriptionNotFound"
    assert (await api("GET", f"/subscriptions/{subscription}/resourceGroups/nope")).code == "ResourceGroupNotFound"
    assert (await api("GET", f"/subscriptions/{subscription}", version=None)).code == "MissingApiVersionParameter"
    assert (await api("DELETE", f"/subscriptions/{subscription}")).status == 405


async def test_every_answer_carries_the_headers_of_azure(sim: Simulator, api: Api) -> None:
    answer = await api("GET", f"/subscriptions/{sim.subscription('all-on')}/providers/Microsoft.Compute/virtualMachines")
    assert int(answer.headers["x-ms-ratelimit-remaining-subscription-reads"]) == 249
    assert answer.headers["x-ms-request-id"]
    assert answer.headers["x-ms-correlation-request-id"]
    machine = await api("GET", _find(sim, kind="vm").id)
    assert machine.headers["ETag"] == '"1"'


async def test_limits_are_enforced_when_asked_for() -> None:
    from console.simulator.throttling import Buckets, QueryQuota
    from console.simulator.wire import ArmError

    now = 0.0
    buckets, quota = Buckets(enforce=True, wall=lambda: now), QueryQuota(enforce=True, wall=lambda: now)
    for _ in range(200):
        buckets.take("ada", "s", write=True)
    with pytest.raises(ArmError) as error:
        buckets.take("ada", "s", write=True)
    assert (error.value.status, error.value.headers["Retry-After"]) == (429, "1")
    assert [quota.take("ada")[0] for _ in range(16)] == [True] * 15 + [False]
    now = 6.0
    assert quota.take("ada") == (True, {"x-ms-user-quota-remaining": "14", "x-ms-user-quota-resets-after": "00:00:05"})


# Run commands


async def _pushed(sim: Simulator, waiting: asyncio.Task[Any]) -> Any:
    """Push the clock until an operation that the SDK polls is done."""
    while not waiting.done():
        sim.clock.advance(30)
        await asyncio.sleep(0.01)
    return await waiting


async def test_a_script_runs_on_a_virtual_machine_as_an_action(sim: Simulator, sdk: dict[str, Any]) -> None:
    machine = _find(sim, kind="vm", system="ubuntu-2204", fate="ready", running=True)
    async with _compute(sdk, machine.subscription) as client:
        body = {"commandId": "RunShellScript", "script": ["mdatp health --output json"]}
        poller = await client.virtual_machines.begin_run_command(machine.group, machine.name, body)
        with pytest.raises(HttpResponseError, match="in progress"):
            await client.virtual_machines.begin_run_command(machine.group, machine.name, body)
        sim.clock.advance(60)
        result = await poller.result()
    assert [v.code for v in result.value] == ["ComponentStatus/StdOut/succeeded", "ComponentStatus/StdErr/succeeded"]
    health = json.loads(result.value[0].message)
    assert health["licensed"] is True
    assert health["realTimeProtectionEnabled"]["value"] is False


async def test_a_managed_command_runs_on_a_virtual_machine(sim: Simulator, sdk: dict[str, Any]) -> None:
    machine = _find(sim, kind="vm", system="ubuntu-2204", running=True)
    async with _compute(sdk, machine.subscription) as client:
        commands = client.virtual_machine_run_commands
        body: Any = {"location": machine.location, "properties": {"source": {"script": "mdatp health"}}}
        poller = await commands.begin_create_or_update(machine.group, machine.name, "health", body)
        running = await commands.get_by_virtual_machine(machine.group, machine.name, "health", expand="instanceView")
        assert running.instance_view.execution_state in ("Pending", "Running")
        sim.clock.advance(60)
        assert (await poller.result()).provisioning_state == "Succeeded"
        done = await commands.get_by_virtual_machine(machine.group, machine.name, "health", expand="instanceView")
        assert (done.instance_view.execution_state, done.instance_view.exit_code) == ("Succeeded", 0)
        assert "licensed" in done.instance_view.output
        deletion = await commands.begin_delete(machine.group, machine.name, "health")
        sim.clock.advance(60)
        await deletion.result()
        with pytest.raises(ResourceNotFoundError):
            await commands.get_by_virtual_machine(machine.group, machine.name, "health")


async def test_a_command_runs_on_an_arc_machine(sim: Simulator, sdk: dict[str, Any]) -> None:
    machine = _find(sim, kind="arc", system="rhel-9", running=True)
    async with _hybrid(sdk, machine.subscription) as client:
        body: Any = {"location": machine.location, "properties": {"source": {"script": "mdatp health --field healthy"}}}
        poller = await client.machine_run_commands.begin_create_or_update(machine.group, machine.name, "health", body)
        sim.clock.advance(60)
        await poller.result()
        done = await client.machine_run_commands.get(machine.group, machine.name, "health")
    assert done.properties.instance_view.execution_state == "Succeeded"
    assert done.properties.instance_view.output == "true\n"


@pytest.mark.parametrize("kind", ["vm", "arc"])
async def test_nothing_runs_on_a_machine_that_is_off(sim: Simulator, api: Api, kind: str) -> None:
    machine = _find(sim, kind=kind, running=False)
    body = {"location": "westeurope", "properties": {"source": {"script": "true"}}}
    assert (await api("PUT", f"{machine.id}/runCommands/x", json=body)).status == 409


async def test_a_machine_without_the_product_has_no_mdatp(sim: Simulator, api: Api) -> None:
    machine = _find(sim, "never-enabled", kind="vm", system="ubuntu-2204", running=True)
    await api("PUT", f"{machine.id}/runCommands/x", json={"location": "x", "properties": {"source": {"script": "mdatp health"}}})
    sim.clock.advance(60)
    view = (await api("GET", f"{machine.id}/runCommands/x?$expand=instanceView")).body["properties"]["instanceView"]
    assert (view["executionState"], view["exitCode"]) == ("Failed", 127)
    assert "not found" in view["error"]


async def test_output_keeps_its_tail() -> None:
    from console.simulator.runcommands import tail

    assert tail("a" * 5000 + "é") == "a" * 4094 + "é"


# Extensions by hand


async def test_a_deleted_extension_comes_back_while_the_integration_is_on(sim: Simulator, sdk: dict[str, Any]) -> None:
    machine = _find(sim, kind="vm", system="ubuntu-2204", fate="ready", running=True)
    async with _compute(sdk, machine.subscription) as client:
        extensions = client.virtual_machine_extensions
        deletion = await extensions.begin_delete(machine.group, machine.name, "MDE.Linux")
        sim.clock.advance(120)
        await deletion.result()
        with pytest.raises(ResourceNotFoundError):
            await extensions.get(machine.group, machine.name, "MDE.Linux")
        sim.clock.advance(15 * HOUR)
        assert (await extensions.get(machine.group, machine.name, "MDE.Linux")).provisioning_state == "Succeeded"


async def test_an_extension_put_by_hand_without_the_package_fails(sim: Simulator, sdk: dict[str, Any], api: Api) -> None:
    machine = _find(sim, "never-enabled", kind="vm", system="ubuntu-2204", running=True)
    body: Any = {
        "location": machine.location,
        "properties": {"publisher": "Microsoft.Azure.AzureDefenderForServers", "type": "MDE.Linux", "typeHandlerVersion": "1.0"},
    }
    async with _compute(sdk, machine.subscription) as client:
        poller = await client.virtual_machine_extensions.begin_create_or_update(machine.group, machine.name, "MDE.Linux", body)
        listed = await client.virtual_machine_extensions.list(machine.group, machine.name)
        assert "Creating" in [e.provisioning_state for e in listed.value]
        sim.clock.advance(120)
        with pytest.raises(HttpResponseError, match="defenderForEndpointOnboardingScript does not exist"):
            await poller.result()
    rows = await api.query(
        f"resources | where id =~ '{machine.id}/extensions/MDE.Linux' | project s = tostring(properties.provisioningState)"
    )
    assert rows == [{"s": "Failed"}]

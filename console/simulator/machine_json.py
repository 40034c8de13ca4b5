"""Machines and extensions as Compute and HybridCompute write them; Resource Graph's rows are made from the same."""

from __future__ import annotations

import uuid

from console.simulator.clock import DAY, iso, iso_offset
from console.simulator.machines import ARC, Machine
from console.simulator.onboarding import Extension
from console.simulator.wire import Call, Json
from console.simulator.world import World


def power_state(world: World, machine: Machine, now: float) -> str:
    return "running" if world.stopped_since(machine) > now else "deallocated" if machine.number % 3 else "stopped"


def arc_status(world: World, machine: Machine, now: float) -> str:
    since = world.stopped_since(machine)
    if since > now:
        return "Connected"
    return "Expired" if now - since > 45 * DAY else "Disconnected"


# Azure virtual machines


def vm_properties(machine: Machine) -> Json:
    system = machine.system
    image: Json
    if system.image:
        publisher, offer, sku = system.image
        image = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest", "exactVersion": "1.0.0"}
    else:
        gallery = f"/subscriptions/{machine.subscription}/resourceGroups/rg-images/providers/Microsoft.Compute/galleries/golden"
        image = {"id": f"{gallery}/images/{system.key}"}
    profile: Json = {"computerName": machine.name[:15], "adminUsername": "azureuser", "allowExtensionOperations": True, "secrets": []}
    if system.linux:
        profile["linuxConfiguration"] = {"disablePasswordAuthentication": True, "provisionVMAgent": True}
    else:
        profile["windowsConfiguration"] = {"provisionVMAgent": True, "enableAutomaticUpdates": True}
    base = f"/subscriptions/{machine.subscription}/resourceGroups/{machine.group}/providers"
    return {
        "vmId": machine.unique,
        "hardwareProfile": {"vmSize": machine.size},
        "storageProfile": {
            "imageReference": image,
            "osDisk": {
                "osType": system.os_type,
                "name": f"{machine.name}_OsDisk",
                "createOption": "FromImage",
                "caching": "ReadWrite",
                "managedDisk": {"storageAccountType": "Premium_LRS", "id": f"{base}/Microsoft.Compute/disks/{machine.name}_OsDisk"},
                "diskSizeGB": 64,
            },
            "dataDisks": [],
        },
        "osProfile": profile,
        "networkProfile": {"networkInterfaces": [{"id": f"{base}/Microsoft.Network/networkInterfaces/{machine.name}-nic"}]},
        "provisioningState": "Succeeded",
        "timeCreated": iso_offset(machine.created),
    }


def vm_json(machine: Machine) -> Json:
    """A virtual machine; without tags where it has none, as Azure answers."""
    body: Json = {
        "name": machine.name,
        "id": machine.id,
        "type": "Microsoft.Compute/virtualMachines",
        "location": machine.location,
        "etag": '"1"',
        "properties": vm_properties(machine),
    }
    if machine.tags:
        body["tags"] = dict(machine.tags)
    if machine.number % 3 == 0:
        body["zones"] = [str(machine.number % 3 + 1)]
    return body


_DISPLAY = {"running": "VM running", "deallocated": "VM deallocated", "stopped": "VM stopped"}


def power_json(state: str) -> Json:
    return {"code": f"PowerState/{state}", "level": "Info", "displayStatus": _DISPLAY[state]}


def vm_instance_view(world: World, machine: Machine, now: float) -> Json:
    state = power_state(world, machine, now)
    succeeded: Json = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "time": iso_offset(machine.created),
    }
    view: Json = {
        "disks": [{"name": f"{machine.name}_OsDisk", "statuses": [succeeded]}],
        "hyperVGeneration": "V2",
        "statuses": [succeeded, power_json(state)],
    }
    if state == "running":
        extensions = world.extensions(machine, now)
        ready: Json = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready"}
        view |= {"computerName": machine.name[:15], "osName": machine.system.name, "osVersion": machine.system.version}
        view["vmAgent"] = {
            "vmAgentVersion": "2.11.1.12" if machine.system.linux else "2.7.41491.1139",
            "statuses": [{**ready, "message": "Guest Agent is running", "time": iso_offset(now)}],
            "extensionHandlers": [
                {"type": f"{e.publisher}.{e.type}", "typeHandlerVersion": e.version, "status": ready} for e in extensions
            ],
        }
        view["extensions"] = [vm_extension_view(e) for e in extensions]
    return view


def vm_extension_view(extension: Extension) -> Json:
    """`ProvisioningState/…` statuses; a failure carries its code at the end."""
    code, level, display = {
        "": ("ProvisioningState/transitioning", "Info", "Transitioning"),
        "succeeded": ("ProvisioningState/succeeded", "Info", "Provisioning succeeded"),
        "failed": (f"ProvisioningState/failed/{extension.code}", "Error", "Provisioning failed"),
    }[extension.outcome]
    status = {"code": code, "level": level, "displayStatus": display, "message": extension.message, "time": iso_offset(extension.changed)}
    return {
        "name": extension.name,
        "type": f"{extension.publisher}.{extension.type}",
        "typeHandlerVersion": extension.version,
        "statuses": [status],
    }


LOG_ANALYTICS_AGENTS = frozenset(("OmsAgentForLinux", "MicrosoftMonitoringAgent"))
CENTRAL = "central"


def workspace_id(of: str) -> str:
    """The id by which agents know a Log Analytics workspace: that of a subscription, or the central one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"workspace/{of}"))


def extension_settings(machine: Machine, extension: Extension) -> Json:
    if extension.type in LOG_ANALYTICS_AGENTS:
        # Some report to a workspace of another team, which nobody here may read.
        return {"workspaceId": workspace_id(CENTRAL if machine.number % 7 == 0 else machine.subscription)}
    if not extension.type.startswith("MDE."):
        return {}
    return {"azureResourceId": machine.id, "forceReOnboarding": False, "vNextEnabled": True, "autoUpdate": True}


def vm_extension_json(machine: Machine, extension: Extension, *, view: bool) -> Json:
    properties: Json = {
        "autoUpgradeMinorVersion": True,
        "enableAutomaticUpgrade": True,
        "provisioningState": extension.provisioning_state,
        "publisher": extension.publisher,
        "type": extension.type,
        "typeHandlerVersion": ".".join(extension.version.split(".")[:2]),
        "settings": extension_settings(machine, extension),
    }
    if view:
        properties["instanceView"] = vm_extension_view(extension)
    return {
        "name": extension.name,
        "id": f"{machine.id}/extensions/{extension.name}",
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "location": machine.location,
        "properties": properties,
    }


# Azure Arc


def arc_properties(world: World, machine: Machine, now: float) -> Json:
    system, since = machine.system, world.stopped_since(machine)
    return {
        "provisioningState": "Succeeded",
        "status": arc_status(world, machine, now),
        "lastStatusChange": iso(min(since, machine.created)) if since > now else iso(since),
        "agentVersion": "1.47.02908.2020",
        "errorDetails": [],
        "displayName": machine.display,
        "machineFqdn": f"{machine.name}.contoso.example",
        "domainName": "contoso.example",
        "adFqdn": f"{machine.name}.contoso.example",
        "dnsFqdn": f"{machine.name}.contoso.example",
        "osName": "linux" if system.linux else "windows",
        "osVersion": system.version,
        "osType": system.os_type.lower(),
        "osSku": system.arc_sku,
        "osEdition": "N/A",
        "vmId": machine.unique,
        "vmUuid": machine.unique,
        "mssqlDiscovered": "false",
        "osProfile": {"computerName": machine.name[:15]},
        "detectedProperties": {"cloudprovider": "N/A", "manufacturer": "VMware, Inc.", "model": "VMware7,1"},
        "agentConfiguration": {
            "extensionsEnabled": "true",
            "guestConfigurationEnabled": "true",
            "configMode": "full",
            "incomingConnectionsPorts": [],
        },
    }


def arc_json(world: World, machine: Machine, now: float) -> Json:
    body: Json = {
        "name": machine.name,
        "id": machine.id,
        "type": "Microsoft.HybridCompute/machines",
        "location": machine.location,
        "identity": {
            "type": "SystemAssigned",
            "principalId": machine.unique,
            "tenantId": world.subscriptions[machine.subscription].tenant,
        },
        "properties": arc_properties(world, machine, now),
        "tags": dict(machine.tags or {}),
    }
    return body


def arc_extension_status(extension: Extension) -> Json:
    """One `status` object, code `success` or the exit code, level Information or Error."""
    if extension.outcome == "":
        status: Json = {"code": "1", "level": "Information", "message": "Extension Message: " + extension.message}
    elif extension.outcome == "succeeded":
        text = "Extension Message: ExtensionOperation:enable. Status:Success"
        status = {"code": "success" if extension.type.startswith("MDE") else "0", "level": "Information", "message": text}
        if "reconfigured" in extension.message:
            status["message"] = f"{text}. {extension.message}"
    else:
        text = f"Extension Message: {extension.message}, executionlog: [...]"
        status = {"code": extension.code, "level": "Error", "message": text}
    return status | {"time": iso(extension.changed)}


def arc_extension_json(machine: Machine, extension: Extension) -> Json:
    return {
        "name": extension.name,
        "id": f"{machine.id}/extensions/{extension.name}",
        "type": "Microsoft.HybridCompute/machines/extensions",
        "location": machine.location,
        "properties": {
            "publisher": extension.publisher,
            "type": extension.type,
            "typeHandlerVersion": extension.version,
            "autoUpgradeMinorVersion": False,
            "enableAutomaticUpgrade": True,
            "settings": extension_settings(machine, extension),
            "provisioningState": extension.provisioning_state,
            "instanceView": {
                "name": extension.name,
                "type": extension.type,
                "typeHandlerVersion": extension.version,
                "status": arc_extension_status(extension),
            },
        },
    }


def extension_json(machine: Machine, extension: Extension, *, view: bool) -> Json:
    return arc_extension_json(machine, extension) if machine.kind == ARC else vm_extension_json(machine, extension, view=view)


def shows_view(call: Call, machine: Machine) -> bool:
    """Whether what is below a machine is told with its instance view: always by Azure Arc, by Compute where that is asked for."""
    return machine.kind == ARC or call.query.get("$expand", "").lower() == "instanceview"

"""A made-up fleet: the same machines for the cache, the server and the table that the console is compared with.

Everything follows from the number of a machine, so that each process makes the same fleet without handing it over. Nothing here imports
anything of the console's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

TENANT = "7d8a0c5e-0000-4000-8000-00000000beac"
PRINCIPAL = "bench@contoso.example"
PER_SUBSCRIPTION = 50
PER_GROUP = 10
"""Machines of a resource group, which share its team, stage, region and tags."""

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)

ROLES = ("web", "api", "sql", "app", "cache", "queue", "build", "batch", "proxy", "store")
STAGES = ("prod", "prod", "prod", "test", "dev", "stage", "prod")
TEAMS = ("sales", "finance", "claims", "logistics", "research", "identity", "retail", "media")
REGIONS = ("westeurope", "northeurope", "eastus2", "swedencentral", "uksouth")
SYSTEMS = (
    ("Canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", "ubuntu", "22.04", "Linux"),
    ("Canonical", "ubuntu-24_04-lts", "server", "ubuntu", "24.04", "Linux"),
    ("RedHat", "RHEL", "9-lvm-gen2", "redhat", "9.4", "Linux"),
    ("SUSE", "sles-15-sp5", "gen2", "suse", "15.5", "Linux"),
    ("Debian", "debian-12", "12-gen2", "debian", "12.6", "Linux"),
    ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-g2", "Windows Server 2022 Datacenter", "10.0.20348", "Windows"),
)
STATES = (
    *(("healthy", "Protected and reporting.", "Succeeded"),) * 11,
    ("failed", "The installation failed: no route to the onboarding service.", "Failed"),
    ("pending", "Enabled; the extension is expected within 12 hours.", ""),
    ("not-enabled", "The integration is off in this subscription.", ""),
    ("onboarded", "Aboard; health is not told yet.", "Succeeded"),
    ("installing", "The extension is being installed.", "Creating"),
)
"""A state, why, and the provisioning state of the extension (empty: no extension)."""


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One machine of the fleet, as plain words."""

    number: int
    id: str
    name: str
    subscription_id: str
    subscription_name: str
    resource_group: str
    location: str
    system: tuple[str, str, str, str, str, str]
    power: str
    state: str
    reason: str
    extension: str
    since: datetime


def subscription_id(number: int) -> str:
    """The id of a subscription."""
    return f"{number:08x}-5b1d-4c0f-9a00-0000{number:08x}"


def subscription_name(number: int) -> str:
    """The name of a subscription; none looks like that of a machine."""
    return f"Contoso {TEAMS[number % len(TEAMS)].title()} {number:04d}"


def subscriptions_for(machines: int) -> int:
    """How many subscriptions hold so many machines."""
    return max(1, machines // PER_SUBSCRIPTION)


def machine(number: int) -> MadeUp:
    """One machine."""
    subscription, place = divmod(number, PER_SUBSCRIPTION)
    mixed = (number * 2_654_435_761) & 0xFFFF_FFFF
    shared = ((number // PER_GROUP) * 2_246_822_519) & 0xFFFF_FFFF
    role, stage, team = ROLES[mixed % 10], STAGES[(shared >> 4) % 7], TEAMS[(shared >> 8) % 8]
    name = f"{role}-{stage}-{team}-{number:06d}"
    group = f"rg-{team}-{stage}-{place // PER_GROUP:02d}"
    state, reason, extension = STATES[(mixed >> 12) % len(STATES)]
    system = SYSTEMS[(mixed >> 16) % len(SYSTEMS)]
    power = "deallocated" if (mixed >> 20) % 16 == 0 else "running"
    owner = subscription_id(subscription)
    whole = f"/subscriptions/{owner}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"
    since = START + timedelta(minutes=mixed % 40_000)
    region = REGIONS[(shared >> 24) % 5]
    return MadeUp(
        number, whole, name, owner, subscription_name(subscription), group, region, system, power, state, reason, extension, since
    )


def machines(count: int) -> Iterator[MadeUp]:
    """The first ``count`` machines."""
    return map(machine, range(count))


def graph_row(one: MadeUp, generation: int = 0) -> dict[str, Any]:
    """The machine as ``machines.kql`` answers; another ``generation`` is the machine after a change."""
    publisher, offer, sku, os_name, os_version, os_type = one.system
    power = one.power if generation % 2 == 0 else ("running" if one.power == "deallocated" else "deallocated")
    return {
        "id": one.id,
        "name": one.name,
        "type": "microsoft.compute/virtualmachines",
        "subscriptionId": one.subscription_id,
        "resourceGroup": one.resource_group,
        "location": one.location,
        "tags": {
            "environment": one.name.split("-")[1],
            "owner": f"{one.resource_group}@contoso.example",
            "costCenter": f"{one.number // PER_GROUP % 97:04d}",
        },
        "osType": os_type,
        "osName": os_name,
        "osVersion": os_version,
        "power": f"PowerState/{power}",
        "imagePublisher": publisher,
        "imageOffer": offer,
        "imageSku": sku,
        "provisioningState": "Succeeded",
        "agentVersion": "",
        "statusAt": "",
        "createdAt": one.since.isoformat().replace("+00:00", "Z"),
        "extensions": extensions_of(one),
    }


def extensions_of(one: MadeUp) -> list[dict[str, str]]:
    """The extensions of a machine, flat as ``machines.kql`` has them.

    That of Defender says what it has to say, so that a sync of all machines is no benchmark of asking for single extensions.
    """
    linux = one.system[5] == "Linux"
    kind = "Linux" if linux else "Windows"
    agent = f"AzureMonitor{kind}Agent"
    found = [_extension(agent, "Microsoft.Azure.Monitor", agent, "Succeeded", "1.33"), _policy(kind)]
    if one.extension:
        name = f"MDE.{kind}"
        failed = one.extension == "Failed"
        code = f"ProvisioningState/{one.extension.lower()}{'/1' if failed else ''}"
        message = "Installation failed with exit code 30: the endpoint could not be reached from this machine." if failed else ""
        found.append(_extension(name, "Microsoft.Azure.AzureDefenderForServers", name, one.extension, "1.0", code, message))
    return found


def _policy(kind: str) -> dict[str, str]:
    return _extension(f"AzurePolicyfor{kind}", "Microsoft.GuestConfiguration", f"Configurationfor{kind}", "Succeeded", "1.26")


def _extension(name: str, publisher: str, kind: str, state: str, version: str, code: str = "", message: str = "") -> dict[str, str]:
    return {"name": name, "publisher": publisher, "type": kind, "state": state, "version": version, "code": code, "message": message}


def first_by_name(count: int, places: int) -> list[MadeUp]:
    """The machines that a table sorted by name shows first."""
    return sorted(machines(count), key=lambda one: one.name.casefold())[:places]

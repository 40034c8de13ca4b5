"""Records to put into the cache, and what a hostile text looks like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cache.clock import ManualClock
from cache.fleet import FleetCache
from cache.model import (
    Alert,
    Blocker,
    Check,
    CheckStatus,
    Diagnosis,
    Extension,
    Fate,
    Machine,
    MachineFate,
    MachineState,
    Onboarding,
    Plan,
    PlanAction,
    SettingChange,
    Subscription,
    SubscriptionPlan,
)
from tests.listed import list_machines

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SUB = "11111111-aaaa-4aaa-8aaa-111111111111"
OTHER = "22222222-bbbb-4bbb-8bbb-222222222222"

HOSTILE = "a\x1b]52;c;aGk=\x07b\x1b[31mc\x9b2Jd\x00\u202ee\u2066\u200bf\x7f[/foo][@click=app.quit]x[/]\ud800"
HOSTILE_CLEANED = "abcdef[/foo][@click=app.quit]x[/]�"

DEFENDER = Extension(
    "MDE.Linux", "Microsoft.Azure.AzureDefenderForServers", "MDE.Linux", "Succeeded", "1.0", "ProvisioningState/succeeded", "fine"
)
MONITOR = Extension("AMA", "Microsoft.Azure.Monitor", "AzureMonitorLinuxAgent", "Succeeded")


def machine_id(name: str, subscription_id: str = SUB) -> str:
    return f"/subscriptions/{subscription_id}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/{name}"


def subscription(subscription_id: str = SUB, name: str = "Production", **more: Any) -> Subscription:
    return Subscription(**{"id": subscription_id, "name": name, "state": "Enabled", "tenant_id": "tenant", "tags": {"env": "prod"}, **more})


def machine(name: str, subscription_id: str = SUB, **more: Any) -> Machine:
    return Machine(
        **{
            "id": machine_id(name, subscription_id),
            "name": name,
            "kind": "vm",
            "subscription_id": subscription_id,
            "resource_group": "rg",
            "location": "westeurope",
            "os_type": "Linux",
            "os_name": "Ubuntu",
            "os_version": "22.04",
            "image": "canonical:ubuntu:22_04",
            "power": "running",
            "provisioning_state": "Succeeded",
            "agent_version": "2.9",
            "status_at": NOW - timedelta(hours=1),
            "created_at": NOW - timedelta(days=1),
            "tags": {"team": "web"},
            "extensions": (MONITOR, DEFENDER),
            **more,
        }
    )


def onboarding(name: str, state: MachineState = MachineState.PENDING, reason: str = "waiting", **more: Any) -> Onboarding:
    return Onboarding(
        **{
            "machine_id": machine_id(name),
            "state": state,
            "reason": reason,
            "since": NOW,
            "due": NOW + timedelta(hours=1),
            "explanation": "Line one.\nLine two.",
            "evidence": ("integration is on", "no extension"),
            "diagnosis": Diagnosis("exit-5", "Another product uses fanotify.", "Remove it.", "installer", "https://example.org/5"),
            **more,
        }
    )


def alert(name: str, subscription_id: str = SUB, **more: Any) -> Alert:
    return Alert(
        **{
            "id": f"/subscriptions/{subscription_id}/providers/Microsoft.Security/locations/westeurope/alerts/{name}",
            "name": name,
            "subscription_id": subscription_id,
            "resource_group": "rg",
            "location": "westeurope",
            "title": "Enumeration of files",
            "severity": "Low",
            "status": "Active",
            "product": "Microsoft Defender ATP",
            "alert_type": "VM.MDATP_x",
            "from_endpoint": True,
            "machine_id": machine_id("web-1", subscription_id),
            "compromised_entity": "web-1",
            "description": "First.\nSecond.",
            "remediation": ("Look.", "Act."),
            "started": NOW - timedelta(hours=2),
            "generated": NOW - timedelta(hours=1),
            "azure_link": "https://portal.azure.com/x",
            "defender_link": "https://security.microsoft.com/y",
            "entities": (("host", "web-1"), ("process", "bash -c id")),
            "facts": (("User", "root"),),
            **more,
        }
    )


def plan(plan_id: str = "p1", **more: Any) -> Plan:
    one = SubscriptionPlan(
        id=SUB,
        name="Production",
        case="existing-windows",
        why="WDATP is on, Linux is excluded.",
        settings=(SettingChange("WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", True, False), SettingChange("WDATP_UNIFIED_SOLUTION", None, True)),
        fates=(MachineFate(machine_id("web-1"), "web-1", "Linux", Fate.ONBOARD, "supported"),),
        irreversible=("Machines stay onboarded.",),
        warnings=("Two machines are off.",),
        blockers=(Blocker("forbidden", "You may not write settings.", "Security Admin"),),
    )
    return Plan(
        **{
            "id": plan_id,
            "created_at": NOW,
            "action": PlanAction.ENABLE,
            "cloud": "public",
            "tenant_id": "tenant",
            "principal": "ann@contoso.example",
            "subscriptions": (one,),
            **more,
        }
    )


def check(check_id: str, **more: Any) -> Check:
    return Check(**{"subscription_id": SUB, "id": check_id, "title": "Rights", "status": CheckStatus.PASS, "evidence": "Owner", **more})


class Ear:
    """Remembers what a cache told since it was last asked."""

    def __init__(self, fleet: FleetCache) -> None:
        self._heard: list[frozenset[str]] = []
        self.stop = fleet.subscribe(self._heard.append)

    def heard(self) -> list[set[str]]:
        heard = [set(one) for one in self._heard]
        self._heard.clear()
        return heard


async def filled(folder: Path, machines: int = 300) -> Path:
    """The path of a closed cache with something in it."""
    async with await FleetCache.open(folder, ManualClock(NOW)) as fleet:
        await fleet.put_subscriptions([subscription()], complete=True)
        await list_machines(fleet, SUB, [machine(f"vm-{number}") for number in range(machines)], "s")
        await fleet.put_alerts(SUB, [alert("a")], "s")
    return folder / "fleet.db"


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())

"""Records that the tests of the rules start from, and strategies for anything that Azure might say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from cache.model import Extension, Machine, MachineState, Onboarding, Permission, Subscription
from console.rules.known import Alike, Kind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SUB = "11111111-2222-3333-4444-555555555555"
WDATP, EXCLUDE, UNIFIED = "WDATP", "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", "WDATP_UNIFIED_SOLUTION"


def a_subscription(**changes: Any) -> Subscription:
    """A subscription in which all is on and every right is there."""
    everything = Subscription(
        SUB,
        "Payments",
        "Enabled",
        "tenant",
        servers_plan="P2",
        integration="on",
        linux="enabled",
        unified="on",
        provider="Registered",
        permissions=(Permission(("*",)),),
        can_enable=True,
        can_triage=True,
        can_see_machines=True,
        can_set_plan=True,
        enabled_at=NOW,
    )
    return replace(everything, **changes)


def a_machine(name: str = "web-1", **changes: Any) -> Machine:
    """A running, supported Linux VM without extensions."""
    kind = changes.pop("kind", "vm")
    provider = "Microsoft.HybridCompute/machines" if kind == "arc" else "Microsoft.Compute/virtualMachines"
    plain = Machine(
        f"/subscriptions/{SUB}/resourceGroups/rg/providers/{provider}/{name}",
        name,
        kind,
        SUB,
        "rg",
        "westeurope",
        "Linux",
        os_name="ubuntu",
        os_version="22.04",
        image="Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2" if kind == "vm" else "",
        power="Connected" if kind == "arc" else "running",
        created_at=NOW - timedelta(days=30),
    )
    return replace(plain, **changes)


def a_server(year: str = "2019", name: str = "win-1", **changes: Any) -> Machine:
    """A running Windows Server."""
    return a_machine(
        name,
        **{"os_type": "Windows", "os_name": f"Windows Server {year} Datacenter", "os_version": "10.0.17763.1", "image": ""} | changes,
    )


def defender(state: str = "Succeeded", code: str = "ProvisioningState/succeeded", message: str = "", system: str = "Linux") -> Extension:
    """The Defender for Endpoint extension."""
    return Extension(f"MDE.{system}", "Microsoft.Azure.AzureDefenderForServers", f"MDE.{system}", state, "1.0", code, message)


def log_analytics(state: str = "Succeeded") -> Extension:
    """The Log Analytics agent for Windows."""
    kind = "MicrosoftMonitoringAgent"
    return Extension(kind, "Microsoft.EnterpriseCloud.Monitoring", kind, state, "1.0", f"ProvisioningState/{state.lower()}")


def trend_micro() -> Extension:
    """An extension of a product that holds fanotify."""
    return Extension("TrendMicroDSALinux", "TrendMicro.DeepSecurity", "TrendMicroDSALinux", "Succeeded")


odd = st.one_of(st.just(""), st.text(max_size=20), st.sampled_from(["?", "Contoso", "[red]", "１２", "²", "None", "9" * 400]))

states = st.one_of(st.sampled_from(["Succeeded", "Failed", "Creating", "Updating", "Deleting", "Canceled", "Unknown"]), odd)
codes = st.one_of(
    st.sampled_from(
        [
            "ProvisioningState/succeeded",
            "ProvisioningState/failed/51",
            "ProvisioningState/transitioning",
            "success",
            "0",
            "51",
            "52",
            "1",
            "-1",
        ]
    ),
    odd,
)
messages = st.one_of(
    st.sampled_from(
        [
            "Status=transitioning, Code=1",
            "exiting (5) found conflicting applications: [ds_agent]",
            "exiting (12)",
            "No Python interpreter found",
        ]
    ),
    odd,
)
extensions = st.builds(
    Extension,
    name=st.sampled_from(["MDE.Linux", "MDE.Windows", "MicrosoftMonitoringAgent", "x"]),
    publisher=st.sampled_from(
        ["Microsoft.Azure.AzureDefenderForServers", "Microsoft.EnterpriseCloud.Monitoring", "TrendMicro.DeepSecurity", ""]
    ),
    type=st.sampled_from(["MDE.Linux", "MDE.Windows", "MicrosoftMonitoringAgent", "TrendMicroDSALinux", ""]),
    state=states,
    version=odd,
    code=codes,
    message=messages,
)
times = st.none() | st.integers(-72 * 60, 72 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
names = st.one_of(
    st.sampled_from(
        ["ubuntu", "redhat", "Red Hat Enterprise Linux 9.4 (Plow)", "sles 15.4", "Windows Server 2016 Datacenter", "Windows 10 Enterprise"]
    ),
    odd,
)
versions = st.one_of(st.sampled_from(["22.04", "8.6", "9.4", "6.1.7601", "10.0.19045.5487", "5.15.0-1034-azure"]), odd)
images = st.one_of(
    st.sampled_from(
        [
            "",
            "RedHat:RHEL:79-gen2",
            "MicrosoftWindowsServer:WindowsServer:2012-R2-Datacenter",
            "MicrosoftWindowsDesktop:windows-10:win10-22h2-avd",
        ]
    ),
    odd,
)
machines = st.builds(
    Machine,
    id=st.just("/subscriptions/s/m"),
    name=st.just("m"),
    kind=st.sampled_from(["vm", "arc"]),
    subscription_id=st.just(SUB),
    resource_group=st.just("rg"),
    location=st.just(""),
    os_type=st.one_of(st.sampled_from(["Linux", "Windows", "linux"]), odd),
    os_name=names,
    os_version=versions,
    image=images,
    power=st.one_of(st.sampled_from(["running", "deallocated", "Connected", "Disconnected", "Expired"]), odd),
    created_at=times,
    tags=st.dictionaries(odd, odd, max_size=1),
    extensions=st.lists(extensions, max_size=3).map(tuple),
    extensions_known=st.booleans(),
)
subscriptions = st.builds(
    Subscription,
    id=st.just(SUB),
    name=odd,
    state=st.one_of(st.sampled_from(["Enabled", "Disabled", "Warned"]), odd),
    tenant_id=st.just("tenant"),
    servers_plan=st.one_of(st.sampled_from(["P1", "P2", "standard", "free", None]), odd),
    integration=st.one_of(st.sampled_from(["on", "off", None]), odd),
    linux=st.one_of(st.sampled_from(["enabled", "excluded", "not-set", None]), odd),
    unified=st.one_of(st.sampled_from(["on", "off", "not-set", None]), odd),
    provider=st.one_of(st.sampled_from(["Registered", "NotRegistered", None]), odd),
    can_enable=st.sampled_from([True, False, None]),
    can_triage=st.sampled_from([True, False, None]),
    can_see_machines=st.sampled_from([True, False, None]),
    enabled_at=times,
)
previous_states = st.none() | st.builds(
    Onboarding,
    machine_id=st.just("/subscriptions/s/m"),
    state=st.sampled_from(MachineState),
    reason=st.just("before"),
    since=times,
    due=times,
)


def alike(machines: Iterable[Machine], onboardings: Mapping[str, Onboarding] | None = None) -> list[Alike]:
    """Machines as the checks look at them, none put together with another. ``onboardings`` is keyed by lower-cased machine id."""
    states = ((one, (onboardings or {}).get(one.id.lower())) for one in machines)
    return [Alike(Kind.of(one), None if state is None else state.state, (one.id,), one.status_at) for one, state in states]

"""A stage for one screen: an app with the keys of the real one, which notes what the screen asks for, and a fleet to look at.

The cache, the journal, Textual and the keys are the real ones; only the workers are missing, so nothing changes but by the test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual.app import App
from textual.binding import BindingType
from textual.message import Message
from textual.notifications import Notify
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from cache.activity import Activity
from cache.clock import ManualClock
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.model import (
    Alert,
    Check,
    CheckStatus,
    Diagnosis,
    Extension,
    Machine,
    MachineState,
    Onboarding,
    Problem,
    Source,
    Subscription,
)
from screens.actions import EVERYWHERE, bindings
from screens.console_screen import ConsoleScreen
from screens.desk import Desk, Session
from screens.requests import GoTo, PauseToggled, Request, SignInRequested, SyncRequested
from screens.toasts import BriefToasts
from tests.listed import list_machines

R = TypeVar("R", bound=Request)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SMALL = (80, 24)
WIDE = (140, 45)
TENANT = "7e4a1000-0000-4000-8000-000000000000"
PRINCIPAL = "ann@contoso.example"


def subscription_id(number: int) -> str:
    return f"{number:08x}-5005-4005-8005-{number:012x}"


EXCLUDED, NEVER, ALL_ON, NO_PLAN, READER, BLIND, UNREGISTERED, DISABLED, MOVED, LONG = (subscription_id(number) for number in range(1, 11))
"""The subscriptions of the sample world, by their situation."""

SIXTY = "a-name-of-sixty-characters-as-some-naming-conventions-do-end"
RTL = "خادم-الويب"
EMOJI = "db-🚀-01"

NAMES: dict[str, str] = {
    EXCLUDED: "[prod] web",
    NEVER: "Never enabled",
    ALL_ON: "All on 🚀",
    NO_PLAN: "No plan [/]",
    READER: "Security Reader",
    BLIND: "Security Admin alone",
    UNREGISTERED: "[@click=app.quit]x[/]",
    DISABLED: "Disabled",
    MOVED: "قاعدة البيانات",
    LONG: SIXTY,
}

MACHINE_NAMES = (
    "vm[/x]",
    "[@click=app.quit]x[/]",
    EMOJI,
    RTL,
    SIXTY,
    "[prod] web-1",
    'quote"d',
    "'single'",
    "漢字の名前",
    "e\u0301tude",
    "web-10",
    "web-11",
)
"""Names of the machines of :data:`ALL_ON`, one for each state in the order of :class:`MachineState`."""


class Stage(BriefToasts):
    """Shows one screen. ``requests`` are those that it posted, in order; a key that shows another main screen notes a ``GoTo``."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-narrow"), (120, "-wide")]

    def __init__(self, desk: Desk, screen: Screen[Any]) -> None:
        super().__init__()
        self.desk = desk
        self.first = screen
        self.requests: list[Request] = []
        self.told: list[str] = []

    async def on_mount(self) -> None:
        await self.push_screen(self.first)

    def post_message(self, message: Message) -> bool:
        if isinstance(message, Request):
            self.requests.append(message)
        return super().post_message(message)

    def asked(self, kind: type[R]) -> list[R]:
        """The requests of one kind."""
        return [one for one in self.requests if isinstance(one, kind)]

    def on_notify(self, event: Notify) -> None:
        self.told.append(event.notification.message)

    def toasts(self) -> list[str]:
        """What notifications have said, also those that are gone."""
        return self.told

    def action_show(self, name: str) -> None:
        self.requests.append(GoTo(name))

    def action_next_step(self) -> None:
        self.requests.append(GoTo("next"))

    def action_sync(self) -> None:
        self.post_message(SyncRequested())

    def action_pause(self) -> None:
        self.post_message(PauseToggled())

    def action_sign_in(self) -> None:
        self.post_message(SignInRequested())

    def action_back(self) -> None:
        clear: Callable[[], bool] | None = getattr(self.screen, "clear_filter", None)
        if (clear is None or not clear()) and len(self.screen_stack) > 2:
            self.pop_screen()

    async def action_help(self) -> None:
        from screens.help import HelpScreen

        await self.push_screen(HelpScreen(tuple(getattr(self.screen, "SCOPES", ())), {}))

    def action_theme(self) -> None:
        self.theme = "textual-light" if self.theme == "textual-dark" else "textual-dark"

    def action_leave(self) -> None:
        self.exit()


async def settle(pilot: Pilot[Any]) -> None:
    """Wait until the screen in front shows what the cache says."""
    for _ in range(500):
        await pilot.pause()
        screen = pilot.app.screen
        if not isinstance(screen, ConsoleScreen) or screen.up_to_date:
            break
        await pilot.pause(0.01)
    await pilot.pause()


def shown(app: App[Any]) -> str:
    """What is on the screen in front, as lines of text."""
    return "\n".join(line.text.rstrip() for line in app.screen._compositor.render_strips())


def text_of(app: App[Any], selector: str) -> str:
    """What a Static of the screen in front says."""
    return str(app.screen.query_one(selector, Static).content)


async def open_desk(folder: Path, clock: ManualClock | None = None, **session: Any) -> Desk:
    """A desk over a real cache and journal in ``folder``, both empty. Close it with :func:`close_desk`."""
    clock = clock or ManualClock(NOW)
    fleet = await FleetCache.open(folder, clock)
    journal = await Journal.open(folder, clock)
    signed_in = Session(**{"cloud": "public", "tenant_id": TENANT, "principal": PRINCIPAL, "method": "cli", "signed_in": True, **session})
    return Desk(fleet, journal, clock, Activity(clock), signed_in, folder, timedelta(minutes=30))


async def close_desk(desk: Desk) -> None:
    await desk.fleet.close()
    await desk.journal.close()


def advance(desk: Desk, **span: float) -> None:
    """Let time pass on the desk's clock."""
    assert isinstance(desk.clock, ManualClock)
    desk.clock.advance(**span)


def machine_id(name: str, subscription: str = ALL_ON, kind: str = "vm") -> str:
    provider = "Microsoft.Compute/virtualMachines" if kind == "vm" else "Microsoft.HybridCompute/machines"
    return f"/subscriptions/{subscription}/resourceGroups/rg/providers/{provider}/{name}"


def a_subscription(number_or_id: int | str, name: str = "", **more: Any) -> Subscription:
    """A subscription in which everything is on; ``more`` says what is different."""
    one = subscription_id(number_or_id) if isinstance(number_or_id, int) else number_or_id
    values: dict[str, Any] = {
        "id": one,
        "name": name or NAMES.get(one, f"subscription {number_or_id}"),
        "state": "Enabled",
        "tenant_id": TENANT,
        "servers_plan": "P2",
        "integration": "on",
        "linux": "enabled",
        "unified": "on",
        "provider": "Registered",
        "can_enable": True,
        "can_triage": True,
        "can_see_machines": True,
        "can_set_plan": True,
    }
    return Subscription(**{**values, **more})


def a_machine(name: str, subscription: str = ALL_ON, **more: Any) -> Machine:
    kind = more.get("kind", "vm")
    values: dict[str, Any] = {
        "id": machine_id(name, subscription, kind),
        "name": name,
        "kind": kind,
        "subscription_id": subscription,
        "resource_group": "rg",
        "location": "westeurope",
        "os_type": "Linux",
        "os_name": "Ubuntu 22.04",
        "os_version": "22.04",
        "image": "canonical:ubuntu:22_04",
        "power": "running" if kind == "vm" else "Connected",
        "provisioning_state": "Succeeded",
        "agent_version": "2.9.1",
        "status_at": NOW - timedelta(hours=1),
        "created_at": NOW - timedelta(days=30),
        "tags": {"team": "[web]"},
    }
    return Machine(**{**values, **more})


def an_extension(state: str = "Succeeded", **more: Any) -> Extension:
    values: dict[str, Any] = {
        "name": "MDE.Linux",
        "publisher": "Microsoft.Azure.AzureDefenderForServers",
        "type": "MDE.Linux",
        "state": state,
        "version": "1.0.5",
        "code": f"ProvisioningState/{state.lower()}",
        "message": "",
    }
    return Extension(**{**values, **more})


CONFLICT = Diagnosis(
    "fanotify-conflict",
    "Another product holds fanotify: [ds_agent].",
    "Remove it, or install Defender for Endpoint by hand in passive mode.",
    "installer",
    "microsoft/mdatp-xplat",
)


def an_onboarding(machine: Machine, state: MachineState = MachineState.PENDING, **more: Any) -> Onboarding:
    values: dict[str, Any] = {
        "machine_id": machine.id,
        "state": state,
        "reason": f"{state}: the [reason] in one sentence",
        "since": NOW - timedelta(minutes=40),
        "due": NOW + timedelta(minutes=20) if state in (MachineState.PENDING, MachineState.INSTALLING) else None,
        "explanation": "Why, what happens next and who must act.",
        "evidence": ("the integration is on", "no extension yet"),
        "diagnosis": CONFLICT if state is MachineState.FAILED else None,
    }
    return Onboarding(**{**values, **more})


def an_alert(name: str, machine: Machine | None = None, **more: Any) -> Alert:
    subscription = machine.subscription_id if machine else more.get("subscription_id", ALL_ON)
    values: dict[str, Any] = {
        "id": f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.Security/locations/westeurope/alerts/{name}",
        "name": name,
        "subscription_id": subscription,
        "resource_group": "rg",
        "location": "westeurope",
        "title": f"Enumeration of files with [sensitive] data {name}",
        "severity": "Low",
        "status": "Active",
        "product": "Microsoft Defender for Endpoint",
        "alert_type": "VM.MDATP_enumeration",
        "from_endpoint": True,
        "machine_id": machine.id if machine else None,
        "compromised_entity": machine.name if machine else "somewhere",
        "description": "A process read many files.\nIt was [bash].",
        "remediation": ("Look at the process.", "Isolate the machine."),
        "started": NOW - timedelta(hours=2),
        "generated": NOW - timedelta(hours=1),
        "azure_link": "https://portal.azure.com/#alert",
        "defender_link": "https://security.microsoft.com/alerts/1",
        "entities": (("host", machine.name if machine else "somewhere"), ("process", "bash -c '[id]'")),
        "facts": (("User", "root"),),
    }
    return Alert(**{**values, **more})


def a_check(subscription: str, check: str, status: CheckStatus = CheckStatus.PASS, **more: Any) -> Check:
    values: dict[str, Any] = {
        "subscription_id": subscription,
        "id": check,
        "title": f"The [{check}] prerequisite",
        "status": status,
        "evidence": "What was [read] in Azure.",
        "remedy": "" if status is CheckStatus.PASS else "Do this.",
        "who": "" if status is CheckStatus.PASS else "Security Admin",
        "command": "" if status is CheckStatus.PASS else f"az security setting show --name {check}",
        "link": "" if status is CheckStatus.PASS else "https://portal.azure.com/#settings",
        "as_of": NOW,
    }
    return Check(**{**values, **more})


SUBSCRIPTIONS: tuple[Subscription, ...] = (
    a_subscription(EXCLUDED, linux="excluded", unified="not-set"),
    a_subscription(NEVER, integration="off", linux="not-set", unified="not-set", servers_plan="P1"),
    a_subscription(ALL_ON),
    a_subscription(NO_PLAN, servers_plan="free", integration="off", linux="not-set", unified="not-set"),
    a_subscription(READER, linux="excluded", can_enable=False, can_triage=False, can_set_plan=False),
    a_subscription(BLIND, can_see_machines=False),
    a_subscription(UNREGISTERED, provider="NotRegistered", servers_plan=None, integration=None, linux=None, unified=None),
    a_subscription(DISABLED, state="Disabled", servers_plan=None, integration=None, linux=None, unified=None, provider=None),
    a_subscription(MOVED, tenant_id="7e4a2000-0000-4000-8000-000000000000", integration="off", linux="not-set"),
    a_subscription(LONG, servers_plan="standard", linux="not-set"),
)

PROBLEMS: tuple[Problem, ...] = (
    Problem("forbidden", "You may not read machines: Security Admin has no right to [Compute].", Source.MACHINES, NOW, BLIND),
    Problem("not-registered", "Microsoft.Security is not registered on this subscription.", Source.SETTINGS, NOW, UNREGISTERED),
    Problem("throttled", "Azure asked to wait 30 s and the answer did not come.", Source.PERMISSIONS, NOW),
)


def sample_machines() -> list[tuple[Machine, Onboarding]]:
    """One machine of :data:`ALL_ON` in each state, and some elsewhere that are not enabled or cannot be."""
    found: list[tuple[Machine, Onboarding]] = []
    for place, (name, state) in enumerate(zip(MACHINE_NAMES, MachineState, strict=True)):
        kind = "arc" if place % 4 == 3 else "vm"
        aboard = state in (MachineState.ONBOARDED, MachineState.HEALTHY, MachineState.UNHEALTHY)
        extensions: tuple[Extension, ...] = (an_extension(),) if aboard else ()
        if state is MachineState.INSTALLING:
            extensions = (an_extension("Creating"),)
        if state is MachineState.FAILED:
            extensions = (an_extension("Failed", code="ProvisioningState/failed/5", message="found conflicting applications: [ds_agent]"),)
        machine = a_machine(name, kind=kind, extensions=extensions)
        found.append((machine, an_onboarding(machine, state)))
    for number in range(3):
        machine = a_machine(f"app-{number}", EXCLUDED)
        found.append((machine, an_onboarding(machine, MachineState.NOT_ENABLED)))
    machine = a_machine("old-windows", NEVER, os_type="Windows", os_name="Windows Server 2016")
    found.append((machine, an_onboarding(machine, MachineState.NOT_ENABLED)))
    return found


async def put_subscriptions(desk: Desk, subscriptions: Sequence[Subscription], complete: bool = True) -> None:
    """Write subscriptions with everything that is known of them, as several sources would."""
    fleet = desk.fleet
    await fleet.put_subscriptions(subscriptions, complete=complete)
    for one in subscriptions:
        await fleet.put_rights(one.id, one.permissions, one.can_enable, one.can_triage, one.can_see_machines, one.can_set_plan)
        await fleet.put_provider(one.id, one.provider)
        await fleet.put_settings(one.id, one.integration, one.linux, one.unified, one.enabled_at)
        await fleet.put_servers_plan(one.id, one.servers_plan)
        if one.provider == "Registered":
            await fleet.mark_fresh(Source.SETTINGS, one.id)
            await fleet.mark_fresh(Source.PLAN, one.id)
    await fleet.mark_fresh(Source.SUBSCRIPTIONS)


async def put_machines(desk: Desk, machines: Sequence[tuple[Machine, Onboarding]]) -> None:
    """Write machines and their states."""
    fleet = desk.fleet
    for one in dict.fromkeys(machine.subscription_id for machine, _ in machines):
        await list_machines(fleet, one, [machine for machine, _ in machines if machine.subscription_id == one], "s")
        await fleet.finish_listing((one,), "s")
        await fleet.mark_fresh(Source.MACHINES, one)
    await fleet.put_onboardings([onboarding for _, onboarding in machines])


async def put_alerts(desk: Desk, alerts: Sequence[Alert]) -> None:
    """Write alerts, leaving those of other subscriptions alone."""
    for one in dict.fromkeys(alert.subscription_id for alert in alerts):
        await desk.fleet.put_alerts(one, [alert for alert in alerts if alert.subscription_id == one], "s")
        await desk.fleet.finish_alerts(one, "s")
        await desk.fleet.mark_fresh(Source.ALERTS, one)


async def fill(desk: Desk) -> None:
    """The sample world: a subscription for each situation, machines in each state, alerts of each severity, checks, problems, a log."""
    await put_subscriptions(desk, SUBSCRIPTIONS)
    machines = sample_machines()
    await put_machines(desk, machines)
    hosts = [machine for machine, _ in machines]
    await put_alerts(
        desk,
        [
            an_alert(
                "a-high", hosts[0], severity="High", title="[/] Ransomware <b>activity</b> detected", generated=NOW - timedelta(minutes=5)
            ),
            an_alert("b-medium", hosts[2], severity="Medium", status="InProgress", generated=NOW - timedelta(minutes=50)),
            an_alert("c-low", hosts[3], generated=NOW - timedelta(hours=3)),
            an_alert("d-info", hosts[5], severity="Informational", status="Resolved", generated=NOW - timedelta(days=1)),
            an_alert(
                "e-native",
                None,
                severity="High",
                status="Dismissed",
                product="Azure Security Center",
                alert_type="VM_x",
                from_endpoint=False,
            ),
            an_alert("f-odd", hosts[1], severity="Critical", status="Odd", from_endpoint=False, product="Other"),
        ],
    )
    manual = a_check(MOVED, "tenant-move", CheckStatus.MANUAL)
    for one in SUBSCRIPTIONS:
        checks = [
            a_check(one.id, "rights", CheckStatus.FAIL if one.can_enable is False else CheckStatus.PASS),
            a_check(one.id, "plan", CheckStatus.FAIL if one.servers_plan == "free" else CheckStatus.PASS),
            a_check(
                one.id, "connectivity", CheckStatus.WARN, machine_ids=tuple(host.id for host in hosts if host.subscription_id == one.id)
            ),
        ]
        await desk.fleet.put_checklists({one.id: [*checks, manual] if one.id == MOVED else checks}, {})
    for problem in PROBLEMS:
        await desk.fleet.put_problem(problem)
    await desk.fleet.add_log("info", "sign-in by cli: ok")
    await desk.fleet.add_log("error", "Azure answered 503 to the settings of “[prod] web”.\nIt will be asked again in 30 s.")

"""What enabling or disabling would change in one subscription: which writes, what becomes of each machine, what stands in the way.

Source: seed, *Enable the integration* (both Linux cases, disabling), the three settings, what the extension does.
The case is chosen by what was read and never by anybody's guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from cache.model import Blocker, Fate, Machine, MachineFate, MachineState, PlanAction, SettingChange, Subscription, SubscriptionPlan
from console.rules.conflicts import fanotify_conflict, previous_defender
from console.rules.extensions import defender_extension, extension_state
from console.rules.onboarding import onboarding_of
from console.rules.settings import EXCLUDE_LINUX, WDATP, read_settings
from console.rules.systems import judge_system

SECURITY_ADMIN = "Security Admin or Owner of the subscription"
OWNER = "Owner or Contributor of the subscription"

LINUX_STAYS = (
    "Linux alone cannot be switched off again: to disable it later, the integration must be disabled for Windows too.",
    "Deleting the extension from a machine later does not offboard it; it comes back while the integration is on.",
)
LOCATION = "The location of Defender's data is fixed when the tenant is first provisioned and cannot be changed afterwards."


def plan_subscription(
    subscription: Subscription,
    machines: Sequence[Machine],
    raw_settings: Mapping[str, bool | None],
    action: PlanAction,
    *,
    integration_supported: bool,
    now: datetime,
    readable: bool = True,
) -> SubscriptionPlan:
    """The plan for one subscription from its settings as just read. ``readable`` false: they could not be read, which blocks."""
    integration, linux, _ = read_settings(raw_settings, readable)
    blockers = _blockers(subscription, action, integration_supported, readable and integration is not None)
    warnings: list[str] = []
    if subscription.can_see_machines is False:
        warnings.append("You cannot see the machines of this subscription, so nobody can tell which of them are affected.")
    if action is PlanAction.DISABLE:
        return _disable(subscription, machines, raw_settings, integration, blockers, warnings)
    case, why, changes = _enable(raw_settings, integration, linux)
    irreversible: tuple[str, ...] = ()
    if changes:
        irreversible = LINUX_STAYS
        if case == "never-enabled":
            irreversible = (*LINUX_STAYS, LOCATION)
            windows = sum(1 for machine in machines if machine.os_type.lower() == "windows")
            warnings.append(f"This brings Windows and Linux: {windows} Windows machines are onboarded as well.")
        warnings.append("Onboarding may take up to 24 hours; today usually an hour, and up to twelve for a tenant's first subscription.")
    fates = tuple(_fate(machine, subscription, raw_settings, changes, now) for machine in machines)
    return SubscriptionPlan(
        subscription.id,
        subscription.name,
        case,
        why,
        changes,
        fates,
        irreversible,
        tuple(warnings),
        tuple(blockers if changes or not readable else ()),
    )


def _enable(raw: Mapping[str, bool | None], integration: str | None, linux: str | None) -> tuple[str, str, tuple[SettingChange, ...]]:
    """The case of the seed, why it is that, and its writes in their order.

    Where both are written, the exclusion is cleared first: it does nothing by itself while the integration is off, so that an
    interruption between the two leaves everything off rather than Windows on and Linux out.
    """
    if integration is None:
        return "unknown", "The settings could not be read, so it is not known which case this is.", ()
    clear = SettingChange(EXCLUDE_LINUX, raw.get(EXCLUDE_LINUX), False)
    if integration == "on":
        if linux == "enabled":
            return "already-on", "The integration is on and Linux is enabled.", ()
        said = "Linux is excluded" if linux == "excluded" else "whether Linux is excluded is not set, which Azure's policy does not accept"
        return "existing-windows", f"The integration is on for Windows and {said}: only that setting is written.", (clear,)
    turn_on = SettingChange(WDATP, raw.get(WDATP), True)
    if linux == "excluded":
        why = "The integration is off, and an exclusion of Linux is left from before: it is cleared, then the integration is switched on."
        return "never-enabled", why, (clear, turn_on)
    return "never-enabled", "The integration is off: switching it on brings Windows and Linux machines.", (turn_on,)


def _disable(
    subscription: Subscription,
    machines: Sequence[Machine],
    raw: Mapping[str, bool | None],
    integration: str | None,
    blockers: list[Blocker],
    warnings: list[str],
) -> SubscriptionPlan:
    if integration == "off":
        return SubscriptionPlan(
            subscription.id, subscription.name, "already-off", "The integration is off.", (), warnings=tuple(warnings), blockers=()
        )
    warnings.append("This disables the integration for Windows and Linux together; neither can be disabled alone.")
    warnings.append("Machines that are onboarded stay onboarded: offboarding is done on the machines or in the Defender portal.")
    fates = tuple(
        MachineFate(machine.id, machine.name, machine.os_type, Fate.UNPROTECTED, "no longer managed by the integration")
        for machine in machines
    )
    changes = (SettingChange(WDATP, raw.get(WDATP), False),) if integration == "on" else ()
    return SubscriptionPlan(
        subscription.id,
        subscription.name,
        "disable",
        "The integration is on." if integration == "on" else "The settings could not be read.",
        changes,
        fates,
        (),
        tuple(warnings),
        tuple(blockers),
    )


def _blockers(subscription: Subscription, action: PlanAction, integration_supported: bool, readable: bool) -> list[Blocker]:
    found: list[Blocker] = []
    if not integration_supported:
        found.append(
            Blocker("cloud", "This cloud has no integration with Defender for Endpoint.", "Nobody: Microsoft does not offer it here")
        )
    if subscription.state.lower() in {"disabled", "deleted"}:
        found.append(
            Blocker("disabled", f"The subscription is {subscription.state}; Azure accepts no change.", "Owner, by reactivating it")
        )
    if subscription.provider is not None and subscription.provider.lower() in {"notregistered", "unregistered"}:
        found.append(
            Blocker("not-registered", "Microsoft.Security is not registered on the subscription.", f"{OWNER}: az provider register")
        )
    elif not readable:
        found.append(Blocker("settings", "The integration settings could not be read, so no change can be planned.", SECURITY_ADMIN))
    if subscription.can_enable is False:
        found.append(
            Blocker("rights", "You have no right to change the integration here (Microsoft.Security/settings/write).", SECURITY_ADMIN)
        )
    elif subscription.can_enable is None:
        found.append(Blocker("rights", "It could not be read whether you may change the integration here.", SECURITY_ADMIN))
    if action is PlanAction.ENABLE and subscription.servers_plan == "free":
        found.append(
            Blocker("plan", "Defender for Servers is off, and the integration requires it. It is billed by machine.", SECURITY_ADMIN)
        )
    return found


def _fate(
    machine: Machine, subscription: Subscription, raw: Mapping[str, bool | None], changes: tuple[SettingChange, ...], now: datetime
) -> MachineFate:
    def fate(what: Fate, reason: str) -> MachineFate:
        return MachineFate(machine.id, machine.name, machine.os_type, what, reason)

    extension = defender_extension(machine)
    if extension is not None and extension_state(extension) == "succeeded":
        return fate(Fate.ALREADY_ON, "the extension is installed")
    after = {**raw, **{change.name: change.after for change in changes}}
    integration, linux, unified = read_settings(after)
    then = Subscription(
        subscription.id,
        subscription.name,
        "Enabled",
        subscription.tenant_id,
        integration=integration,
        linux=linux,
        unified=unified,
        enabled_at=now,
    )
    state = onboarding_of(machine, then, now=now)
    match state.state:
        case MachineState.UNSUPPORTED:
            return fate(Fate.UNSUPPORTED, state.reason)
        case MachineState.BLOCKED if fanotify_conflict(machine):
            return fate(Fate.IGNORED, state.reason)
        case MachineState.BLOCKED | MachineState.FAILED:
            return fate(Fate.BLOCKED, state.reason)
        case MachineState.ONBOARDED:
            return fate(Fate.ALREADY_ON, state.reason)
        case MachineState.PENDING | MachineState.INSTALLING:
            verdict = judge_system(machine)
            if verdict.supported is None:
                return fate(Fate.UNKNOWN, verdict.reason)
            if previous_defender(machine):
                return fate(Fate.RECONFIGURE, "an earlier Defender is there and will be reconfigured")
            return fate(Fate.ONBOARD, "will be onboarded")
        case _:
            return fate(Fate.UNKNOWN, state.reason)

"""What enabling or disabling would change in one subscription: which writes, what becomes of each machine, what stands in the way.

Source: seed, *Enable the integration* (both Linux cases, disabling), the three settings, what the extension does.
The case is chosen by what was read and never by anybody's guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cache.model import (
    NO_EXTRAS,
    Blocker,
    Extras,
    Fate,
    Machine,
    MachineFate,
    MachineState,
    PlanAction,
    SettingChange,
    Step,
    Subscription,
    SubscriptionPlan,
)
from console.rules.conflicts import fanotify_conflict, previous_defender
from console.rules.extensions import SUCCEEDED, defender_extension, extension_state
from console.rules.extras import PROVIDER, SECURITY_ADMIN, SERVERS_PLAN, Besides, besides, is_unregistered, unified_change
from console.rules.onboarding import INACTIVE, onboarding_of
from console.rules.settings import EXCLUDE_LINUX, UNIFIED, WDATP, read_settings
from console.rules.systems import judge_system

EXISTING_WINDOWS = "existing-windows"
NEVER_ENABLED = "never-enabled"
ALREADY_ON = "already-on"
UNREGISTERED = "unregistered"
DISABLE = "disable"
ALREADY_OFF = "already-off"
UNKNOWN = "unknown"

LINUX_STAYS = (
    "Linux alone cannot be switched off again in the portal: to disable it later, the integration must be disabled for Windows too.",
    "Deleting the extension from a machine later does not offboard it, and it comes back while the integration is on.",
)
LOCATION = "The location of Defender's data is fixed when the Defender tenant is first provisioned and cannot be changed afterwards."
DURATION = "Onboarding may take up to 24 hours; today it usually takes an hour, and up to 12 hours for a tenant's first subscription."

_FIRST = {code: place for place, code in enumerate(("cloud", "disabled", "not-registered", "settings", "rights"))}
"""The order in which blockers are told: what has to be cleared before the others can be."""

_ASKED = frozenset(("downgrade", "plan-unknown"))
"""Blockers of something that was asked for and is not done."""

Raw = Mapping[str, bool | None]


def plan_subscription(
    subscription: Subscription,
    machines: Sequence[Machine],
    raw_settings: Raw,
    action: PlanAction,
    *,
    integration_supported: bool,
    now: datetime,
    readable: bool = True,
    extras: Extras = NO_EXTRAS,
) -> SubscriptionPlan:
    """The plan for one subscription from its settings as just read. ``readable`` false: they could not be read, which blocks.

    A plan with blockers still shows what it would write and do, where that is known. Missing knowledge about machines does not block:
    their fates are *unknown* and a warning says so. ``extras`` belong to enabling alone.
    """
    if action is PlanAction.DISABLE:
        extras = NO_EXTRAS
    more = besides(subscription, machines, extras)
    if more.has(SERVERS_PLAN) and more.has(PROVIDER):
        raw_settings, readable = {}, True  # nothing is set yet, which is read and compared once it is registered
    integration, linux, _ = read_settings(raw_settings, readable)
    if action is PlanAction.DISABLE:
        case, why, changes = _disable(raw_settings, integration)
    elif more.has(PROVIDER) and not more.has(SERVERS_PLAN):
        case, why, changes = UNREGISTERED, "Settings and plans can be read, and planned, only once that is done.", ()
    else:
        case, why, changes = _enable(raw_settings, integration, linux)
        if case != UNKNOWN and (unified := unified_change(raw_settings, extras)) is not None:
            why = f"{why} The unified solution is {'off' if unified.before is False else 'not set'} and was asked for."
            changes = (*(one for one in changes if one.name != WDATP), unified, *(one for one in changes if one.name == WDATP))
    blockers = [*_blockers(subscription, action, integration_supported, case, changes, more), *more.blockers]
    blockers.sort(key=lambda one: _FIRST.get(one.code, len(_FIRST)))
    warnings = [*more.warnings, *_warnings(subscription, machines, case, changes, more.steps)]
    if not changes and not more.steps and case != UNKNOWN:
        # Nothing would be written, so nothing can stand in the way of that; but what keeps the integration from working is told.
        warnings += [one.message for one in blockers if one.code not in {"rights", *_ASKED} and case == ALREADY_ON]
        blockers = [one for one in blockers if one.code in _ASKED]
    irreversible = LINUX_STAYS if changes and case in {EXISTING_WINDOWS, NEVER_ENABLED} else ()
    return SubscriptionPlan(
        subscription.id,
        subscription.name,
        case,
        " ".join([*more.why, why]),
        changes,
        tuple(_fate(machine, subscription, raw_settings, case, changes, more.steps, now) for machine in machines),
        (*irreversible, LOCATION) if changes and case == NEVER_ENABLED else irreversible,
        tuple(warnings),
        tuple(blockers),
        tuple(more.steps),
    )


def _enable(raw: Raw, integration: str | None, linux: str | None) -> tuple[str, str, tuple[SettingChange, ...]]:
    """The case of the seed, why it is that, and its writes in their order.

    Where both are written, the exclusion is cleared first: it does nothing by itself while the integration is off, so that an
    interruption between the two leaves everything off rather than Windows on and Linux out. (Microsoft's own bulk script forgets it.)
    """
    if integration is None or linux is None:
        return UNKNOWN, "The settings could not be read, so it is not known which case this is.", ()
    clear = SettingChange(EXCLUDE_LINUX, raw.get(EXCLUDE_LINUX), False)
    if integration == "on":
        if linux == "enabled":
            return ALREADY_ON, "The integration is on and Linux is enabled.", ()
        if linux == "excluded":
            return EXISTING_WINDOWS, "The integration is on for Windows and Linux is excluded: only the exclusion is taken back.", (clear,)
        why = (
            "The integration is on, and whether Linux is excluded is not set, which Microsoft's policy does not accept: it is set to false."
        )
        return EXISTING_WINDOWS, why, (clear,)
    turn_on = SettingChange(WDATP, raw.get(WDATP), True)
    if linux == "excluded":
        why = (
            "The integration is off, and an exclusion of Linux is left from before: it is taken back, then the integration is switched on."
        )
        return NEVER_ENABLED, why, (clear, turn_on)
    return NEVER_ENABLED, "The integration is off: switching it on brings Windows and Linux machines.", (turn_on,)


def _disable(raw: Raw, integration: str | None) -> tuple[str, str, tuple[SettingChange, ...]]:
    match integration:
        case "on":
            return DISABLE, "The integration is on: switching it off ends it for Windows and Linux.", (SettingChange(WDATP, True, False),)
        case "off":
            return ALREADY_OFF, "The integration is off.", ()
    return UNKNOWN, "The settings could not be read, so it is not known whether the integration is on.", ()


def _warnings(
    subscription: Subscription, machines: Sequence[Machine], case: str, changes: tuple[SettingChange, ...], steps: Sequence[Step]
) -> list[str]:
    found: list[str] = []
    if case == UNREGISTERED:
        found.append(
            "This registers Microsoft.Security and nothing else: plan again afterwards. The integration needs Defender for Servers."
        )
    if case == DISABLE:
        found.append("This disables the integration for Windows and Linux together; neither can be disabled alone.")
        found.append("Machines that are onboarded stay onboarded: they are offboarded on the machines or in the Defender portal.")
    elif changes:
        if case == NEVER_ENABLED:
            windows = sum(1 for machine in machines if machine.os_type.lower() == "windows")
            many = "1 Windows machine is" if windows == 1 else f"{windows} Windows machines are"
            found.append(f"This brings Windows and Linux, not Linux alone: {many} known here.")
        found.append(DURATION)
        if subscription.servers_plan is None and not any(one.kind == SERVERS_PLAN for one in steps):
            found.append("It could not be read whether Defender for Servers, which the integration requires, is on.")
    if subscription.can_see_machines is False:
        found.append("You may not see the machines of this subscription, so nobody can tell here which of them are affected.")
    elif subscription.can_see_machines is None:
        found.append("It is not known whether you see all machines of this subscription, so more of them may be affected.")
    if subscription.state.lower() in {"warned", "pastdue"}:
        found.append(f"The subscription is {subscription.state}: Azure may soon disable it.")
    return found


def _blockers(
    subscription: Subscription,
    action: PlanAction,
    integration_supported: bool,
    case: str,
    changes: tuple[SettingChange, ...],
    more: Besides,
) -> list[Blocker]:
    found: list[Blocker] = []
    if not integration_supported:
        found.append(
            Blocker("cloud", "This cloud has no integration with Defender for Endpoint.", "Nobody: Microsoft does not offer it here")
        )
    if subscription.state.lower() in INACTIVE:
        found.append(
            Blocker("disabled", f"The subscription is {subscription.state}; Azure accepts no change.", "Its owner, by reactivating it")
        )
    if case == UNKNOWN and not is_unregistered(subscription):
        found.append(
            Blocker(
                "settings",
                "The integration settings could not be read, so no change can be planned.",
                "An owner can give you Security Reader on the subscription",
            )
        )
    needs_right = bool(changes) or not more.steps
    if subscription.can_enable is False and needs_right:
        found.append(
            Blocker("rights", "You have no right to change the integration here (Microsoft.Security/settings/write).", SECURITY_ADMIN)
        )
    elif subscription.can_enable is None and needs_right:
        found.append(Blocker("rights", "It could not be read whether you may change the integration here.", SECURITY_ADMIN))
    if action is PlanAction.ENABLE and case != UNREGISTERED and subscription.servers_plan == "free" and not more.has(SERVERS_PLAN):
        command = f"az security pricing create --name VirtualMachines --tier Standard --subplan P2 --subscription {subscription.id}"
        found.append(
            Blocker(
                "plan",
                "Defender for Servers is off, and the integration requires it. It is billed by machine. A plan switches it on "
                "where that is asked for.",
                f"{SECURITY_ADMIN}: {command}",
            )
        )
    return found


def _fate(
    machine: Machine,
    subscription: Subscription,
    raw: Raw,
    case: str,
    changes: tuple[SettingChange, ...],
    steps: Sequence[Step],
    now: datetime,
) -> MachineFate:
    if case in {DISABLE, ALREADY_OFF}:
        fate, reason = _disabled_fate(machine)
    else:
        fate, reason = _enabled_fate(machine, subscription, raw, case, changes, steps, now)
    return MachineFate(machine.id, machine.name, machine.os_type, fate, reason)


def _disabled_fate(machine: Machine) -> tuple[Fate, str]:
    if judge_system(machine).supported is False:
        return Fate.UNSUPPORTED, judge_system(machine).reason
    extension = defender_extension(machine)
    if extension is None:
        known = machine.extensions_known
        return (Fate.UNPROTECTED, "will not be onboarded") if known else (Fate.UNKNOWN, "its extensions could not be read")
    return Fate.UNPROTECTED, "keeps what is installed; nothing updates or restores it"


def _enabled_fate(
    machine: Machine,
    subscription: Subscription,
    raw: Raw,
    case: str,
    changes: tuple[SettingChange, ...],
    steps: Sequence[Step],
    now: datetime,
) -> tuple[Fate, str]:
    extension = defender_extension(machine)
    if extension is not None and extension_state(extension) == SUCCEEDED:
        return Fate.ALREADY_ON, "the extension is installed"
    if case == UNKNOWN:
        return Fate.UNKNOWN, "the settings could not be read"
    if case == UNREGISTERED:
        return Fate.UNKNOWN, "that is planned once Microsoft.Security is registered"
    after = onboarding_of(machine, _afterwards(subscription, raw, changes, now), now=now)
    match after.state:
        case MachineState.UNSUPPORTED:
            return Fate.UNSUPPORTED, after.reason
        case MachineState.BLOCKED | MachineState.FAILED if fanotify_conflict(machine):
            return Fate.IGNORED, f"fanotify is held by {fanotify_conflict(machine)}"
        case MachineState.BLOCKED | MachineState.FAILED:
            return Fate.BLOCKED, after.reason
        case MachineState.ONBOARDED:
            return (Fate.ALREADY_ON if read_settings(raw)[0] == "on" else Fate.ONBOARD), after.reason
        case MachineState.PENDING | MachineState.INSTALLING:
            held = onboarding_of(machine, _afterwards(subscription, raw, (), now), now=now).state is MachineState.BLOCKED
            starts = held or any(one.kind == SERVERS_PLAN and one.before == "free" for one in steps)
            return _coming_fate(machine, {} if starts else raw)
    return Fate.UNKNOWN, after.reason


def _coming_fate(machine: Machine, raw: Raw) -> tuple[Fate, str]:
    """A machine with nothing known in its way: does this plan bring it, or is it on its way already?"""
    integration, linux, _ = read_settings(raw)
    verdict = judge_system(machine)
    if integration == "on" and (machine.os_type.lower() == "windows" or linux == "enabled"):
        return Fate.ALREADY_ON, "the integration is on for it and waits for Azure"
    if verdict.supported is None:
        return Fate.UNKNOWN, verdict.reason
    if previous_defender(machine):
        return Fate.RECONFIGURE, "an earlier Defender shows and is reconfigured"
    return Fate.ONBOARD, "is onboarded"


def _afterwards(subscription: Subscription, raw: Raw, changes: tuple[SettingChange, ...], now: datetime) -> Subscription:
    """The subscription once the plan is applied and nothing else stands in the way."""
    after = {**raw, **{change.name: change.after for change in changes}}
    if any(change.name == WDATP and change.after for change in changes):
        # Switched on today, the integration brings Linux and the unified solution where they were never set.
        after = {EXCLUDE_LINUX: False, UNIFIED: True, **after}
    integration, linux, unified = read_settings(after)
    return replace(
        subscription,
        state="Enabled",
        provider="Registered",
        servers_plan=None,
        integration=integration,
        linux=linux,
        unified=unified,
        enabled_at=now,
    )

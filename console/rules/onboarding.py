"""The onboarding state of one machine: exactly one, with its reason, its clock and its evidence.

Sources: the states of the design; seed, *Enable the integration* (up to 24 hours; which machines are ignored); today's documentation
(up to 12 hours for a tenant's first subscription, one hour for later machines).

What Azure did outweighs what it should do: an extension that succeeded is believed before the support matrix and the settings are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cache.machine_clock import EXPECTED, EXPECTED_FIRST, LATE_FIRST, OVERDUE
from cache.model import VERIFIED, Extension, Machine, MachineState, Onboarding, Subscription
from console.rules.conflicts import fanotify_conflict
from console.rules.diagnosis import UNKNOWN, diagnose, diagnose_agent
from console.rules.extensions import DELETING, FAILED, INSTALLING, SUCCEEDED, defender_extension, extension_state, log_analytics_extension
from console.rules.own import OwnRule
from console.rules.settings import linux_on, windows_on
from console.rules.systems import TODAY, UNIFIED_SERVERS, SystemVerdict, judge_system, needs_log_analytics

REASON_LENGTH = 60

INACTIVE = frozenset(("disabled", "deleted"))
"""States of a subscription in which Azure changes nothing."""

UNREGISTERED = frozenset(("notregistered", "unregistered", "unregistering"))
STOPPED = frozenset(("stopped", "deallocated", "stopping", "deallocating"))
WAITING = frozenset((MachineState.PENDING, MachineState.LATE, MachineState.OVERDUE))
HELD_UP = frozenset(
    (
        MachineState.BLOCKED,
        MachineState.INSTALLING,
        MachineState.FAILED,
        MachineState.ONBOARDED,
        MachineState.HEALTHY,
        MachineState.UNHEALTHY,
        MachineState.UNSUPPORTED,
    )
)
"""States after which a wait begins anew: until then nothing was to be waited for, or the extension was there and is gone."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that the state of one machine depends on."""

    machine: Machine
    subscription: Subscription
    verdict: SystemVerdict
    extension: Extension | None
    provisioning: str
    now: datetime
    previous: Onboarding | None
    first_in_tenant: bool
    own: Sequence[OwnRule] = ()

    @property
    def linux(self) -> bool:
        return self.machine.os_type.lower() == "linux"

    @property
    def enabled(self) -> bool | None:
        """Whether the settings want the machine aboard."""
        if self.linux:
            return linux_on(self.subscription)
        return windows_on(self.subscription) if self.machine.os_type.lower() == "windows" else None

    @property
    def down(self) -> bool:
        """Whether the machine is known to be out of reach: a VM that is off, an Arc agent that is not connected."""
        power = self.machine.power.lower()
        return power not in {"", "connected"} if self.machine.kind == "arc" else power in STOPPED

    @property
    def whereabouts(self) -> str:
        return f"the Arc agent is {self.machine.power}" if self.machine.kind == "arc" else f"the machine is {self.machine.power}"


def onboarding_of(
    machine: Machine,
    subscription: Subscription,
    *,
    now: datetime,
    previous: Onboarding | None = None,
    first_in_tenant: bool = False,
    own: Sequence[OwnRule] = (),
) -> Onboarding:
    """The state of ``machine`` at ``now``. Judging again at the same time, with this state as the previous one, changes nothing.

    ``previous`` is what was last kept: its ``since`` goes on while the state stays, and a health report of the machine is kept while its
    extension stays. ``first_in_tenant``: nothing in the tenant is onboarded yet, so that Azure may take longer.
    ``own``: the user's rules of diagnosis.
    """
    extension = defender_extension(machine)
    provisioning = extension_state(extension) if extension is not None else ""
    case = _Case(machine, subscription, judge_system(machine), extension, provisioning, now, previous, first_in_tenant, own)
    for decide in _DECISIONS:
        decided = decide(case)
        if decided is not None:
            return decided
    return _waiting(case)


def _state(
    case: _Case,
    state: MachineState,
    reason: str,
    explanation: str,
    *evidence: str,
    since: datetime | None = None,
    due: datetime | None = None,
) -> Onboarding:
    previous = case.previous
    begun = since or (previous.since if previous is not None and previous.state is state and previous.since else case.now)
    short = reason if len(reason) <= REASON_LENGTH else f"{reason[: REASON_LENGTH - 1]}…"
    return Onboarding(case.machine.id, state, short, begun, due, explanation, (*evidence, *_facts(case)))


def _facts(case: _Case) -> tuple[str, ...]:
    machine, subscription, extension = case.machine, case.subscription, case.extension
    enabled_at = f", on since {subscription.enabled_at:%Y-%m-%d %H:%M} UTC" if subscription.enabled_at else ""
    plan = subscription.servers_plan or "not known"
    facts = [
        f"System: {case.verdict.name} ({case.verdict.reason}; list of {TODAY.as_of})",
        f"Settings: integration {subscription.integration or 'not known'}, Linux {subscription.linux or 'not known'}, "
        f"unified solution {subscription.unified or 'not known'}{enabled_at}",
        f"Subscription: {subscription.state or 'state not told'}, Defender for Servers {plan}",
        f"{'Arc agent' if machine.kind == 'arc' else 'Power'}: {machine.power or 'not told'}",
    ]
    if extension is not None:
        facts.append(f"Extension {extension.name}: {extension.state or 'state not told'} {extension.code}".rstrip())
    else:
        facts.append("Extension: none" if machine.extensions_known else "Extension: not known, extensions could not be read")
    return tuple(facts)


# The decisions, in the order of _DECISIONS below. Each returns a state or leaves it to the next.


def _aboard(case: _Case) -> Onboarding | None:
    if case.provisioning != SUCCEEDED:
        return None
    previous = case.previous
    if previous is not None and previous.state in VERIFIED:
        return replace(previous, machine_id=case.machine.id)
    check = "run “mdatp health” on it" if case.linux else "run “sc query sense” on it"
    return _onboarded(case, "the MDE extension is installed", "The extension succeeded, so the machine is onboarded.", check)


def _onboarded(case: _Case, reason: str, why: str, check: str) -> Onboarding:
    notes = [why]
    if case.enabled is False:
        reason = "onboarded; the integration is off now"
        notes.append("The integration is off for it now: it stays onboarded, but an extension that is deleted does not come back.")
    if case.verdict.supported is False:
        notes.append(f"Its system is not in the support matrix ({case.verdict.reason}); Azure onboarded it all the same.")
    if case.down:
        reason = f"onboarded; {case.whereabouts} now"
        notes.append(f"Right now {case.whereabouts}, so it reports nothing until that changes.")
    notes.append(f"Onboarded does not yet mean healthy: to be sure, {check}.")
    return _state(case, MachineState.ONBOARDED, reason, " ".join(notes))


def _unsupported(case: _Case) -> Onboarding | None:
    if case.verdict.supported is not False:
        return None
    extension = case.extension
    told = (f"The extension said: {extension.message}",) if extension is not None and extension.message else ()
    found = _state(
        case,
        MachineState.UNSUPPORTED,
        case.verdict.reason,
        f"Its system is not in the support matrix: {case.verdict.reason}. The integration does not protect it. Its administrator must "
        "move the workload to a supported system, or protect the machine by other means.",
        *told,
    )
    if extension is None or case.provisioning != FAILED:
        return found
    return replace(found, diagnosis=diagnose(case.machine, extension, case.own))


def _failed(case: _Case) -> Onboarding | None:
    extension = case.extension
    if extension is None or case.provisioning != FAILED:
        return None
    diagnosis = diagnose(case.machine, extension, case.own)
    known = diagnosis.code != UNKNOWN
    told = f"The extension said: {extension.message}" if extension.message else "The extension left no message."
    found = _state(
        case,
        MachineState.FAILED,
        diagnosis.cause.rstrip(".") if known else f"the extension failed with {_code(extension)}",
        f"The extension failed. {diagnosis.cause if known else 'Its cause is not one that this console knows.'} "
        f"Azure does not mend this by itself: its administrator must act. To mend it: {diagnosis.remedy}",
        told,
    )
    return replace(found, diagnosis=diagnosis)


def _code(extension: Extension) -> str:
    last = extension.code.rsplit("/", 1)[-1]
    return f"code {last}" if last.isdecimal() else "no code that says more"


def _installing(case: _Case) -> Onboarding | None:
    if case.provisioning not in {INSTALLING, DELETING}:
        return None
    if case.down:
        return _blocked_by_power(case)
    previous = case.previous
    begun = previous.since if previous is not None and previous.state is MachineState.INSTALLING and previous.since else case.now
    due = begun + EXPECTED
    late = " It has taken longer than usual: read the extension's log on the machine." if case.now > due else ""
    if case.provisioning == DELETING:
        comes_back = "It comes back, since the integration is on." if case.enabled else "The machine is not offboarded by that."
        return _state(
            case,
            MachineState.INSTALLING,
            "the extension is being removed",
            f"Somebody removes the extension. {comes_back}{late}",
            since=begun,
            due=due,
        )
    return _state(
        case,
        MachineState.INSTALLING,
        "the extension is being installed",
        f"Azure is installing the extension, which usually takes some minutes. Nobody has to act.{late}",
        since=begun,
        due=due,
    )


def _not_read(case: _Case) -> Onboarding | None:
    if case.extension is not None:
        return _state(
            case,
            MachineState.UNKNOWN,
            f"extension state “{case.extension.state or case.extension.code or '?'}” is not known",
            "The extension is there, but Azure describes it with words that this console does not know. Look at it in the portal.",
        )
    if not case.machine.extensions_known:
        return _state(
            case,
            MachineState.UNKNOWN,
            "its extensions could not be read",
            "Its extensions could not be read, so nobody can say whether it is onboarded. An owner can give you Reader there.",
        )
    return None


def _inactive(case: _Case) -> Onboarding | None:
    subscription = case.subscription
    if subscription.state.lower() in INACTIVE:
        return _state(
            case,
            MachineState.NOT_ENABLED,
            f"the subscription is {subscription.state}",
            f"The subscription is {subscription.state}, so Azure changes nothing in it. Its owner must reactivate it first.",
        )
    if subscription.provider is not None and subscription.provider.lower() in UNREGISTERED:
        return _state(
            case,
            MachineState.NOT_ENABLED,
            "Microsoft.Security is not registered",
            "Microsoft.Security is not registered on the subscription, so Defender for Cloud does nothing there. An owner or a "
            "contributor must register it.",
        )
    return None


def _not_enabled(case: _Case) -> Onboarding | None:
    subscription = case.subscription
    if case.machine.os_type.lower() not in {"linux", "windows"}:
        return _state(
            case,
            MachineState.UNKNOWN,
            "Azure does not tell its system",
            "Azure tells neither Linux nor Windows, so it is not clear which setting counts for it. Its administrator can look whether its "
            "agent runs, which reports the system.",
        )
    if case.enabled is None:
        return _state(
            case,
            MachineState.UNKNOWN,
            "the integration settings could not be read",
            "The settings of the subscription could not be read, so it is not known whether this machine is to be onboarded. "
            "An owner can give you Security Reader on the subscription.",
        )
    plan = " Defender for Servers is off as well and must be switched on first." if subscription.servers_plan == "free" else ""
    if case.enabled is False and subscription.integration == "on":
        return _state(
            case,
            MachineState.NOT_ENABLED,
            "Linux is excluded in its subscription",
            "The integration is on for Windows, but Linux machines are excluded. “Enable for Linux machines” brings it aboard; a Security "
            f"Admin or Owner can do that.{plan}",
        )
    if case.enabled is False:
        return _state(
            case,
            MachineState.NOT_ENABLED,
            "the integration is off in its subscription",
            "The integration with Defender for Endpoint is off in the subscription. Switching it on brings Windows and Linux machines "
            f"aboard; a Security Admin or Owner can do that.{plan}",
        )
    if subscription.servers_plan == "free":
        return _state(
            case,
            MachineState.NOT_ENABLED,
            "Defender for Servers is off in its subscription",
            "The integration is on, but it needs Defender for Servers, which is off in the subscription. A Security Admin or Owner can "
            "switch the plan on; it is billed by machine.",
        )
    return None


def _legacy(case: _Case) -> Onboarding | None:
    """Windows Server that gets Defender from the Log Analytics agent, unless the unified solution serves it."""
    needed = needs_log_analytics(case.verdict, case.subscription)
    if needed is False:
        return None
    if needed is None:
        return _state(
            case,
            MachineState.UNKNOWN,
            "whether the unified solution is on is not known",
            f"{case.verdict.name} gets Defender from the unified solution or from the Log Analytics agent; which one holds here could not "
            "be read. An owner can give you Security Reader on the subscription.",
        )
    agent = log_analytics_extension(case.machine)
    way_out = (
        "Switch the unified solution on"
        if case.verdict.name in UNIFIED_SERVERS
        else "The unified solution does not serve this system: move the workload to a later one"
    )
    in_place = agent is not None and extension_state(agent) == SUCCEEDED
    if in_place and case.previous is not None and case.previous.state in VERIFIED:
        return replace(case.previous, machine_id=case.machine.id)
    was_aboard = case.previous is not None and case.previous.state is MachineState.ONBOARDED
    if in_place and (not case.down or was_aboard):
        return _onboarded(
            case,
            "by the Log Analytics agent (legacy path)",
            f"{case.verdict.name} is onboarded by its Log Analytics agent, without an extension. That agent was retired in August 2024. "
            f"{way_out}.",
            "run “sc query sense” on it",
        )
    if case.down:
        return _blocked_by_power(case)
    return _state(
        case,
        MachineState.BLOCKED,
        "needs the Log Analytics agent or the unified solution"
        if case.verdict.name in UNIFIED_SERVERS
        else "needs the Log Analytics agent, which is not there",
        f"{case.verdict.name} gets Defender from the Log Analytics agent, which is not working there and was retired in August 2024. "
        f"{way_out}, which a Security Admin can do, or have its administrator install the agent."
        if case.verdict.name in UNIFIED_SERVERS
        else f"{case.verdict.name} gets Defender from the Log Analytics agent, which is not working there and was retired in August 2024. "
        f"{way_out}, or have the agent installed; its administrator must act.",
    )


def _blocked(case: _Case) -> Onboarding | None:
    if conflict := fanotify_conflict(case.machine):
        return _state(
            case,
            MachineState.BLOCKED,
            f"fanotify is held by {conflict}",
            f"{conflict} holds fanotify on the machine, and the integration ignores such machines. Its administrator must remove that "
            "product, or install Defender by hand in passive mode.",
        )
    return _blocked_by_power(case) if case.down else None


def _blocked_by_power(case: _Case) -> Onboarding:
    if case.machine.kind == "arc":
        diagnosis = diagnose_agent(case.machine)
        cause, remedy = (diagnosis.cause, diagnosis.remedy) if diagnosis is not None else ("", "")
        found = _state(
            case,
            MachineState.BLOCKED,
            case.whereabouts,
            f"Nothing can be installed while {case.whereabouts}. {cause} Its administrator must act: {remedy}",
        )
        return replace(found, diagnosis=diagnosis)
    return _state(
        case,
        MachineState.BLOCKED,
        case.whereabouts,
        f"Nothing can be installed while {case.whereabouts}. It is onboarded once it runs, so nobody has to act; its administrator can "
        "start it to have that now.",
    )


def _waiting(case: _Case) -> Onboarding:
    """Enabled, nothing known in the way, no extension yet: pending, then late, then overdue."""
    since = _wait_began(case)
    expected = _expected(case, since)
    waited = case.now - since
    unsure = "" if case.verdict.supported else f" But {case.verdict.reason}, so the extension may also never come."
    usual = "an hour" if expected == EXPECTED else f"{round(expected.total_seconds() / 3600)} hours"
    if waited < expected:
        return _state(
            case,
            MachineState.PENDING,
            "waiting for Azure to install the extension",
            f"It is enabled and nothing is known to be in the way. Azure installs the extension by itself, usually within {usual}. "
            f"Nobody has to act.{unsure}",
            since=since,
            due=since + expected,
        )
    if waited < OVERDUE:
        return _state(
            case,
            MachineState.LATE,
            "no extension in the usual time" if expected == EXPECTED else LATE_FIRST,
            "Azure usually installs the extension within an hour (within 12 hours in a tenant's first subscription) and has not. It may "
            f"take up to 24 hours. Its administrator can check outbound access and the VM agent meanwhile.{unsure}",
            since=since,
            due=since + OVERDUE,
        )
    return _state(
        case,
        MachineState.OVERDUE,
        "no extension after 24 hours",
        "Azure has not installed the extension in 24 hours. Its administrator must check that the VM agent runs, that outbound access is "
        "open, and that no policy or lock forbids extensions. If the subscription was moved between tenants, Microsoft's support must "
        f"prepare it first.{unsure}",
        since=since,
    )


def _wait_began(case: _Case) -> datetime:
    """The later of enabling and the machine's creation (or first sight); later still when something was in the way until now."""
    previous, enabled_at, created_at = case.previous, case.subscription.enabled_at, case.machine.created_at
    starts = [one for one in (enabled_at, created_at) if one is not None]
    if previous is None:
        began = max(starts) if enabled_at is not None and created_at is not None else case.now
    elif previous.state in WAITING and previous.since is not None:
        began = max([previous.since, *starts])
    elif previous.state in HELD_UP or enabled_at is None:
        began = case.now
    else:
        began = max(starts)
    return min(began, case.now)


def _expected(case: _Case, since: datetime) -> timedelta:
    """How long this wait may take. A wait that goes on keeps its promise: it is neither cut short because a neighbour came aboard,
    nor called on time again after it was called late."""
    expected = EXPECTED_FIRST if case.first_in_tenant else EXPECTED
    previous = case.previous
    if previous is None or previous.since != since:
        return expected
    if previous.state in {MachineState.LATE, MachineState.OVERDUE}:
        return EXPECTED_FIRST if previous.reason == LATE_FIRST else EXPECTED
    if previous.state is MachineState.PENDING and previous.due is not None:
        return min(max(expected, previous.due - since), EXPECTED_FIRST)
    return expected


_DECISIONS: tuple[Callable[[_Case], Onboarding | None], ...] = (
    _aboard,
    _unsupported,
    _failed,
    _installing,
    _not_read,
    _inactive,
    _not_enabled,
    _legacy,
    _blocked,
)
"""What decides, in this order; where nothing does, the machine is waited for."""

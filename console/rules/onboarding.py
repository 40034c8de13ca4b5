"""The onboarding state of one machine: exactly one, with its reason, its clock and its evidence.

Sources: the states of the design; seed, *Enable the integration* (up to 24 hours; which machines are ignored); today's documentation
(up to 12 hours for a tenant's first subscription, one hour for later machines).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cache.model import Extension, Machine, MachineState, Onboarding, Subscription
from console.rules.conflicts import fanotify_conflict
from console.rules.diagnosis import diagnose
from console.rules.extensions import defender_extension, extension_state, log_analytics_extension
from console.rules.settings import linux_on, windows_on
from console.rules.systems import LOG_ANALYTICS, UNIFIED_SERVERS, SystemVerdict, judge_system

EXPECTED = timedelta(hours=1)
"""A machine is expected aboard within this after enabling."""

EXPECTED_FIRST = timedelta(hours=12)
"""The same for the first subscription of a tenant."""

OVERDUE = timedelta(hours=24)
"""After this the seed's promise is broken and somebody must look."""

REASON_LENGTH = 60
RUNNING = ("running", "connected")
STOPPED = {"stopped", "deallocated", "stopping", "deallocating"}


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that the state of one machine depends on."""

    machine: Machine
    subscription: Subscription
    verdict: SystemVerdict
    extension: Extension | None
    now: datetime
    previous: Onboarding | None
    expected: timedelta

    @property
    def system(self) -> str:
        return "Linux" if self.machine.os_type.lower() == "linux" else "Windows" if self.machine.os_type.lower() == "windows" else "?"


def onboarding_of(
    machine: Machine, subscription: Subscription, *, now: datetime, previous: Onboarding | None = None, first_in_tenant: bool = False
) -> Onboarding:
    """The state of ``machine`` at ``now``. ``previous`` is what was last kept, whose ``since`` goes on while the state stays.

    ``first_in_tenant``: nothing in the tenant is onboarded yet, so that Azure may take longer.
    """
    case = _Case(
        machine,
        subscription,
        judge_system(machine),
        defender_extension(machine),
        now,
        previous,
        EXPECTED_FIRST if first_in_tenant else EXPECTED,
    )
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
    short = reason if len(reason) <= REASON_LENGTH else reason[: REASON_LENGTH - 1] + "…"
    return Onboarding(case.machine.id, state, short, begun, due, explanation, (*evidence, *_facts(case)))


def _facts(case: _Case) -> tuple[str, ...]:
    machine, subscription, extension = case.machine, case.subscription, case.extension
    facts = [
        f"System: {case.verdict.name} ({case.verdict.reason})",
        f"Settings: integration {subscription.integration or 'not known'}, Linux {subscription.linux or 'not known'}, "
        f"unified solution {subscription.unified or 'not known'}",
        f"{'Arc agent' if machine.kind == 'arc' else 'Power'}: {machine.power or 'not told'}",
    ]
    if extension is not None:
        facts.append(f"Extension {extension.name}: {extension.state or 'state not told'} {extension.code}".rstrip())
    else:
        facts.append("Extension: none" if machine.extensions_known else "Extension: not known, extensions could not be read")
    return tuple(facts)


def _aboard(case: _Case) -> Onboarding | None:
    if case.extension is None or extension_state(case.extension) != "succeeded":
        return None
    reason = "MDE extension is installed"
    notes = ["The extension succeeded, so the machine is onboarded."]
    if _enabled(case) is False:
        notes.append("The integration has been switched off since: the machine stays onboarded, and updates of the extension stop.")
        reason = "onboarded; the integration is off now"
    if _is_down(case):
        notes.append(f"It is {case.machine.power} now, so it reports nothing until it runs again.")
        reason = f"onboarded; {case.machine.power} now"
    command = "mdatp health" if case.system == "Linux" else "sc query sense"
    notes.append(f"To be sure that it is healthy, run “{command}” on it.")
    return _state(case, MachineState.ONBOARDED, reason, " ".join(notes))


def _failed(case: _Case) -> Onboarding | None:
    extension = case.extension
    if extension is None or extension_state(extension) != "failed":
        return None
    diagnosis = diagnose(case.machine, extension)
    told = f"It said: {extension.message}" if extension.message else "Azure gives no message."
    found = _state(
        case,
        MachineState.FAILED,
        diagnosis.cause.rstrip(".") if diagnosis.code != "unknown" else f"extension failed: {extension.code or 'no code given'}",
        f"The extension failed. {diagnosis.cause} To mend it: {diagnosis.remedy}",
        told,
    )
    return Onboarding(found.machine_id, found.state, found.reason, found.since, found.due, found.explanation, found.evidence, diagnosis)


def _installing(case: _Case) -> Onboarding | None:
    extension = case.extension
    if extension is None or extension_state(extension) not in {"installing", "deleting"}:
        return None
    going = extension_state(extension) == "deleting"
    since = case.previous.since if case.previous is not None and case.previous.state is MachineState.INSTALLING else case.now
    begun = since or case.now
    words = "is being removed; it returns while the integration is on" if going else "is being installed; nobody has to act"
    return _state(
        case,
        MachineState.INSTALLING,
        "extension is being removed" if going else "extension is being installed",
        f"The extension {words}. This usually takes some minutes.",
        since=begun,
        due=begun + case.expected,
    )


def _not_read(case: _Case) -> Onboarding | None:
    if case.extension is not None:
        return _state(
            case,
            MachineState.UNKNOWN,
            f"extension state “{case.extension.state or '?'}” is not known",
            "The extension is there, but Azure describes it with words that this console does not know. Look at it in the portal.",
        )
    if not case.machine.extensions_known:
        return _state(
            case,
            MachineState.UNKNOWN,
            "its extensions could not be read",
            "Its extensions could not be read, so nobody can say whether it is onboarded. Ask an owner for Reader on the subscription.",
        )
    return None


def _unsupported(case: _Case) -> Onboarding | None:
    if case.verdict.supported is not False:
        return None
    return _state(
        case,
        MachineState.UNSUPPORTED,
        case.verdict.reason,
        f"{case.verdict.reason}. The integration leaves it alone. Move the workload to a supported system to protect it.",
    )


def _enabled(case: _Case) -> bool | None:
    if case.system == "Linux":
        return linux_on(case.subscription)
    return windows_on(case.subscription) if case.system == "Windows" else None


def _not_enabled(case: _Case) -> Onboarding | None:
    subscription = case.subscription
    if subscription.state.lower() in {"disabled", "deleted"}:
        return _state(
            case,
            MachineState.NOT_ENABLED,
            f"the subscription is {subscription.state}",
            f"The subscription is {subscription.state}, so Azure changes nothing in it. Its owner must reactivate it first.",
        )
    if subscription.provider is not None and subscription.provider.lower() in {"notregistered", "unregistered"}:
        return _state(
            case,
            MachineState.NOT_ENABLED,
            "Microsoft.Security is not registered",
            "Microsoft.Security is not registered on the subscription, so Defender for Cloud does not work there. An owner or "
            "contributor registers it.",
        )
    enabled = _enabled(case)
    if enabled is None:
        if case.system == "?":
            return _state(
                case,
                MachineState.UNKNOWN,
                "Azure does not tell its system",
                "Azure tells neither Linux nor Windows, so it is not clear which setting counts.",
            )
        return _state(
            case,
            MachineState.UNKNOWN,
            "the integration settings could not be read",
            "The settings of the subscription could not be read, so it is not known whether this machine is to be onboarded. "
            "Security Reader on the subscription allows it.",
        )
    if enabled:
        return None
    if case.system == "Linux" and subscription.integration == "on":
        return _state(
            case,
            MachineState.NOT_ENABLED,
            "Linux is excluded in its subscription",
            "The integration is on for Windows, but Linux machines are excluded. Enable for Linux machines (3) brings it aboard.",
        )
    return _state(
        case,
        MachineState.NOT_ENABLED,
        "the integration is off in its subscription",
        "The integration with Defender for Endpoint is off in the subscription. Enable for Linux machines (3) brings it aboard.",
    )


def _is_down(case: _Case) -> bool:
    power = case.machine.power.lower()
    return (power != "connected" and power != "") if case.machine.kind == "arc" else power in STOPPED


def _blocked(case: _Case) -> Onboarding | None:
    machine = case.machine
    if conflict := fanotify_conflict(machine):
        return _state(
            case,
            MachineState.BLOCKED,
            f"fanotify is held by {conflict}",
            f"{conflict} holds fanotify on the machine, and the integration ignores such machines. Remove that product, or install Defender "
            "by hand in passive mode.",
        )
    if _is_down(case):
        if machine.kind == "arc":
            return _state(
                case,
                MachineState.BLOCKED,
                f"the Arc agent is {machine.power}",
                f"The Azure Arc agent is {machine.power}, so nothing can be installed. Start himds on the machine and check its way to Azure; "
                "an expired agent must be connected again with azcmagent.",
            )
        return _state(
            case,
            MachineState.BLOCKED,
            f"the machine is {machine.power}",
            f"The machine is {machine.power}, so nothing can be installed. It is onboarded when it runs; start it to have that now.",
        )
    legacy = case.verdict.provisioned_by == LOG_ANALYTICS
    unified = case.subscription.unified == "on" and case.verdict.name in UNIFIED_SERVERS
    if legacy and not unified:
        agent = log_analytics_extension(machine)
        if agent is None or extension_state(agent) != "succeeded":
            return _state(
                case,
                MachineState.BLOCKED,
                "needs the Log Analytics agent or the unified solution",
                f"{case.verdict.name} gets Defender from the Log Analytics agent, which is not there (and was retired in August 2024). "
                "Switch the unified solution on, or install the agent.",
            )
        return _state(
            case,
            MachineState.ONBOARDED,
            "by the Log Analytics agent (legacy path)",
            f"{case.verdict.name} is onboarded by its Log Analytics agent, without an extension. That agent was retired in August 2024: switch "
            "the unified solution on. To be sure, run “sc query sense” on it.",
        )
    return None


def _waiting(case: _Case) -> Onboarding:
    """Enabled, nothing in the way, no extension yet: pending, then late, then overdue. The wait began when all of that came true."""
    previous = case.previous
    waits = {MachineState.PENDING, MachineState.LATE, MachineState.OVERDUE}
    starts = [one for one in (case.subscription.enabled_at, case.machine.created_at) if one is not None]
    if previous is not None and previous.state in waits and previous.since is not None:
        since = max(previous.since, *starts) if starts else previous.since
    elif previous is not None and previous.state in {MachineState.BLOCKED, MachineState.NOT_ENABLED, MachineState.UNKNOWN}:
        since = max([*starts, previous.since or case.now]) if previous.state is MachineState.UNKNOWN and starts else case.now
        if case.subscription.enabled_at is not None and previous.state is MachineState.NOT_ENABLED:
            since = max(starts)
    elif case.subscription.enabled_at is not None:
        since = max(starts)
    else:
        since = case.now
    since = min(since, case.now)
    waited = case.now - since
    unsure = "" if case.verdict.supported else f" {case.verdict.reason}, so it may also never come."
    if waited < case.expected:
        due = since + case.expected
        return _state(
            case,
            MachineState.PENDING,
            "waiting for Azure to install the extension",
            f"It is enabled and nothing is known to be in the way. Azure installs the extension by itself, usually within "
            f"{_hours(case.expected)}. Nobody has to act.{unsure}",
            since=since,
            due=due,
        )
    if waited < OVERDUE:
        return _state(
            case,
            MachineState.LATE,
            f"no extension after {_hours(case.expected)}",
            f"Azure usually installs the extension within {_hours(case.expected)} and has not. It may take up to 24 hours. Check outbound "
            f"access and the VM agent meanwhile.{unsure}",
            since=since,
            due=since + OVERDUE,
        )
    return _state(
        case,
        MachineState.OVERDUE,
        "no extension after 24 hours",
        "Azure has not installed the extension in 24 hours. Check that the VM agent runs, that outbound access is open, and that no policy or "
        f"lock forbids extensions; a moved subscription needs Microsoft's support.{unsure}",
        since=since,
        due=None,
    )


def _hours(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return "an hour" if hours == 1 else f"{hours} hours"


_DECISIONS: tuple[Callable[[_Case], Onboarding | None], ...] = (
    _aboard,
    _unsupported,
    _failed,
    _installing,
    _not_read,
    _not_enabled,
    _blocked,
)
"""What decides, in this order; where nothing does, the machine is waited for."""

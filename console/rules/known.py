"""What the checks of one subscription stand on, and the words in which they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import wraps

from cache.machine_reports import MachineReport
from cache.model import Assessment, Check, CheckStatus, Machine, MachineState, Problem, Source, Subscription
from console.rules.conflicts import fanotify_conflict, other_edr
from console.rules.extensions import SUCCEEDED, defender_extension, extension_state, log_analytics_extension
from console.rules.rights import READ_ARC, READ_VMS, allows
from console.rules.systems import SystemVerdict, judge_system

SECURITY_ADMIN = "Security Admin or Owner of the subscription"
OWNER = "Owner of the subscription"
MACHINE_ADMIN = "Administrator of the machines"

AVAILABILITY = "Availability"
PREREQUISITES = "Enable the integration: Prerequisites"
LINUX = "Enable the integration: Linux"
REQUIREMENTS = "Requirements for the Defender for Endpoint tenant"
PORTAL = "Access the Microsoft Defender for Endpoint portal"
FAQ = "FAQ"
TODAY = "Defender for Cloud documentation of today"


@dataclass(frozen=True, slots=True)
class Kind:
    """What the checks look at in a machine, worked out once for all that have it in common."""

    machine: Machine
    system: SystemVerdict
    defender: str
    """The state of the Defender extension, empty without one."""
    log_analytics: bool
    conflict: str | None
    other_edr: str | None

    @classmethod
    def of(cls, machine: Machine) -> Kind:
        """The kind of a machine, whose id, name, place, times and tags count for nothing."""
        extension, agent = defender_extension(machine), log_analytics_extension(machine)
        return cls(
            machine,
            judge_system(machine),
            "" if extension is None else extension_state(extension),
            agent is not None and extension_state(agent) == SUCCEEDED,
            fanotify_conflict(machine),
            other_edr(machine),
        )


@dataclass(frozen=True, slots=True)
class Alike:
    """Machines of one subscription that are of one kind and in one state (``None``: not worked out). ``silent_since`` is the earliest
    time at which one of them last changed its status, as far as told."""

    kind: Kind
    state: MachineState | None
    ids: tuple[str, ...]
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that the checks of one subscription stand on. ``problems`` has sources as keys."""

    subscription: Subscription
    machines: Sequence[Alike]
    assessments: Sequence[Assessment]
    problems: Mapping[str, Problem]
    integration_supported: bool
    azure_portal: str
    reports: Mapping[str, Mapping[str, MachineReport]] = field(default_factory=dict)
    """What machines told of themselves, by what was asked and by id in lower case."""

    @property
    def machines_known(self) -> bool:
        """Whether the list of machines can be trusted to be there."""
        return self.subscription.can_see_machines is True and Source.MACHINES not in self.problems

    @property
    def hidden(self) -> str:
        """Which machines the caller may not see while seeing others, as a sentence; empty when none are hidden."""
        for kind, action in (("virtual machines", READ_VMS), ("Azure Arc machines", READ_ARC)):
            if self.subscription.can_see_machines and self.may(action) is False:
                return f"You may not see the {kind} of this subscription ({action})."
        return ""

    @property
    def extensions_known(self) -> bool:
        """Whether the extensions of every machine were read."""
        return (
            self.machines_known
            and Source.EXTENSIONS not in self.problems
            and all(one.kind.machine.extensions_known for one in self.machines)
        )

    def may(self, action: str) -> bool | None:
        """Whether the caller's permissions include ``action``; ``None`` when they could not be read."""
        return None if self.subscription.permissions is None else allows(self.subscription.permissions, action)

    def link(self, blade: str) -> str:
        """A page of the Azure portal; empty where the cloud names no portal."""
        return f"{self.azure_portal}/#blade/{blade}" if self.azure_portal else ""

    def support(self) -> str:
        """The address at which Microsoft's support is asked."""
        return self.link("Microsoft_Azure_Support/HelpAndSupportBlade/overview")

    def recommendation(self, key: str) -> str:
        """The page of one recommendation."""
        return self.link(f"Microsoft_Azure_Security/RecommendationsBlade/assessmentKey/{key}")

    def why_unknown(self, *sources: Source) -> str:
        """Why something is not known: the problem that was met, or that nothing was read yet."""
        for source in sources:
            if (problem := self.problems.get(source)) is not None:
                return problem.message
        if sources and sources[0] in {Source.MACHINES, Source.EXTENSIONS} and self.subscription.can_see_machines is False:
            return "Your permissions do not let you see the machines of this subscription."
        if Source.EXTENSIONS in sources and any(not one.kind.machine.extensions_known for one in self.machines):
            return "The extensions of some machines could not be read."
        return "It has not been read yet."


@dataclass(frozen=True, slots=True)
class Question:
    """One prerequisite: its stable id, its title, and the section of the seed it comes from."""

    id: str
    title: str
    reference: str

    def answer(
        self,
        known: Known,
        status: CheckStatus,
        evidence: str,
        *,
        who: str = "",
        remedy: str = "",
        command: str = "",
        link: str = "",
        machines: Sequence[Alike] = (),
    ) -> Check:
        """The check that answers it."""
        return Check(
            known.subscription.id,
            self.id,
            self.title,
            status,
            evidence,
            remedy,
            who,
            command,
            link,
            self.reference,
            tuple(whole for one in machines for whole in one.ids),
            as_of=known.subscription.as_of,
        )


def number(machines: Iterable[Alike]) -> int:
    """How many machines these are."""
    return sum(len(one.ids) for one in machines)


def of_system(known: Known, system: str) -> list[Alike]:
    """The machines that run ``linux`` or ``windows``."""
    return [one for one in known.machines if one.kind.machine.os_type.lower() == system]


def those(machines: Sequence[Alike], wanted: Callable[[str], bool]) -> list[Alike]:
    """The machines whose ids in lower case are wanted."""
    found = (replace(one, ids=tuple(whole for whole in one.ids if wanted(whole.lower()))) for one in machines)
    return [one for one in found if one.ids]


def count(machines: Sequence[Alike], singular: str, plural: str) -> str:
    """``1 machine has …`` or ``3 machines have …``: the predicate in both numbers."""
    many = number(machines)
    return f"1 machine {singular}" if many == 1 else f"{many} machines {plural}"


def of_all_machines(check: Callable[[Known], Check]) -> Callable[[Known], Check]:
    """A check that holds only for the machines of both kinds together: while one kind is hidden it neither passes nor is void."""

    @wraps(check)
    def judged(known: Known) -> Check:
        found = check(known)
        if known.hidden and found.status in {CheckStatus.PASS, CheckStatus.NOT_APPLICABLE}:
            return replace(found, status=CheckStatus.UNKNOWN, evidence=f"{found.evidence} {known.hidden}")
        return found

    return judged

"""What the console knows: the records that travel between Azure, the cache and the screens.

Every record is a frozen dataclass. Values that Azure chooses (a power state, a severity, a provisioning state) stay plain
strings, since every enumeration of Azure can grow and an unknown value is shown as it is; values that the console
chooses are :class:`enum.StrEnum`. All text in a record has been through :func:`cache.text.clean`. Times are aware
``datetime`` objects in UTC. Resource ids keep Azure's spelling and are compared without case. The records of plans and of the
journal stand in :mod:`cache.plan_model` and are handed on here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cache.enabling import Enabling as Enabling
from cache.plan_model import NO_EXTRAS as NO_EXTRAS
from cache.plan_model import AuditEntry as AuditEntry
from cache.plan_model import Blocker as Blocker
from cache.plan_model import Extras as Extras
from cache.plan_model import Fate as Fate
from cache.plan_model import Intent as Intent
from cache.plan_model import MachineFate as MachineFate
from cache.plan_model import Plan as Plan
from cache.plan_model import PlanAction as PlanAction
from cache.plan_model import SettingChange as SettingChange
from cache.plan_model import Step as Step
from cache.plan_model import SubscriptionPlan as SubscriptionPlan
from cache.plan_model import Tick as Tick


class MachineState(StrEnum):
    """Where a machine stands on its way to Defender for Endpoint."""

    UNSUPPORTED = "unsupported"
    NOT_ENABLED = "not-enabled"
    BLOCKED = "blocked"
    PENDING = "pending"
    LATE = "late"
    OVERDUE = "overdue"
    INSTALLING = "installing"
    FAILED = "failed"
    ONBOARDED = "onboarded"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


STATES_WORST_FIRST = (
    MachineState.FAILED,
    MachineState.UNHEALTHY,
    MachineState.OVERDUE,
    MachineState.LATE,
    MachineState.BLOCKED,
    MachineState.UNKNOWN,
    MachineState.INSTALLING,
    MachineState.PENDING,
    MachineState.NOT_ENABLED,
    MachineState.UNSUPPORTED,
    MachineState.ONBOARDED,
    MachineState.HEALTHY,
)
"""The order in which states are listed and sorted."""


ON_THE_WAY = frozenset((MachineState.PENDING, MachineState.LATE, MachineState.INSTALLING))
"""The states that are expected to change by themselves."""

ABOARD = frozenset((MachineState.ONBOARDED, MachineState.HEALTHY, MachineState.UNHEALTHY))
"""The states in which Defender for Endpoint is in place on a machine, whatever it says of itself."""

VERIFIED = frozenset((MachineState.HEALTHY, MachineState.UNHEALTHY))
"""The states that a machine tells of itself when it is asked."""

SEVERITIES = ("High", "Medium", "Low", "Informational")
"""The severities of alerts that are known, worst first."""

ALERT_STATUSES = ("Active", "InProgress", "Resolved", "Dismissed")
"""The statuses of alerts that are known; what waits for somebody first."""


class CheckStatus(StrEnum):
    """The outcome of one prerequisite for one subscription."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    MANUAL = "manual"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read or done for a subscription, remembered until it succeeds.

    ``code`` is stable for scripts (``forbidden``, ``not-registered``, ``throttled``, ``outage``, ``not-found``,
    ``conflict``, ``sign-in``, ``bad-answer``); ``message`` is the sentence shown; ``source`` is what was being read
    (see :class:`Source`). ``subscription_id`` is empty for what concerns the whole tenant.
    """

    code: str
    message: str
    source: str
    at: datetime
    subscription_id: str = ""


class Source(StrEnum):
    """What a fetch was for: the unit of freshness and of problems."""

    SUBSCRIPTIONS = "subscriptions"
    PERMISSIONS = "permissions"
    PROVIDER = "provider"
    SETTINGS = "settings"
    PLAN = "plan"
    MACHINES = "machines"
    EXTENSIONS = "extensions"
    ASSESSMENTS = "assessments"
    ALERTS = "alerts"


POLLED = frozenset((Source.MACHINES, Source.EXTENSIONS, Source.PLAN, Source.ALERTS))
"""The sources that every poll brings up to date; the others are read as a whole, now and then."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission set of the caller at a scope: ``actions`` minus ``not_actions``, both with wildcards."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """An Azure subscription and what decides whether its machines come aboard. ``None`` means not known.

    ``servers_plan``: ``P1``, ``P2``, ``standard`` (on, without a sub-plan) or ``free``. ``integration``: the WDATP setting, ``on`` or
    ``off``. ``linux``: the inverted WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW setting, ``enabled``, ``excluded`` or ``not-set``.
    ``unified``: WDATP_UNIFIED_SOLUTION, ``on``, ``off`` or ``not-set``. ``provider``: registration state of Microsoft.Security
    (``Registered``, ``NotRegistered``, …). ``enabled_at``: the earliest time known at which Linux was enabled.
    """

    id: str
    name: str
    state: str
    tenant_id: str
    servers_plan: str | None = None
    integration: str | None = None
    linux: str | None = None
    unified: str | None = None
    provider: str | None = None
    permissions: tuple[Permission, ...] | None = None
    can_enable: bool | None = None
    can_triage: bool | None = None
    can_see_machines: bool | None = None
    can_set_plan: bool | None = None
    enabled_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as the screens list it: the record, its machines by state, its open alerts and its problems."""

    subscription: Subscription
    states: Mapping[str, int]
    problems: tuple[Problem, ...]
    alerts: int = 0
    selected: bool = False
    enabling: Enabling | None = None

    @property
    def machines(self) -> int:
        """How many machines are known in the subscription."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension of a machine. ``state`` is its provisioning state; ``code`` and ``message`` come from its instance view."""

    name: str
    publisher: str
    type: str
    state: str
    version: str = ""
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine (``kind`` ``vm``) or an Azure Arc machine (``arc``) as Azure describes it.

    ``power`` is the VM's power state (``running``, ``deallocated``, …) or the Arc agent's status (``Connected``, …), empty when not
    told. ``os_name`` and ``os_version`` come from the instance view or the Arc agent; ``image`` is
    ``publisher:offer:sku`` of the image reference, empty for custom images and Arc. ``status_at`` is when Azure says the
    power or agent status last changed.
    """

    id: str
    name: str
    kind: str
    subscription_id: str
    resource_group: str
    location: str
    os_type: str
    os_name: str = ""
    os_version: str = ""
    image: str = ""
    power: str = ""
    provisioning_state: str = ""
    agent_version: str = ""
    status_at: datetime | None = None
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[Extension, ...] = ()
    extensions_known: bool = True
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a failure means: a stable ``code``, its ``cause`` and ``remedy`` as sentences, and the ``layer`` that reported it."""

    code: str
    cause: str
    remedy: str
    layer: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Onboarding:
    """The state of one machine and why.

    ``reason`` is one short sentence for the table; ``explanation`` says why, what happens next and who must act.
    ``since`` is when this state began as far as known, of ``healthy`` and ``unhealthy`` when the machine last said so;
    ``due`` is when the next thing is expected. ``evidence`` lists the facts that decided, one a line.
    """

    machine_id: str
    state: MachineState
    reason: str
    since: datetime | None = None
    due: datetime | None = None
    explanation: str = ""
    evidence: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True)
class MachineRow:
    """A machine as the table lists it. ``extension`` is the Defender for Endpoint extension, if there is one."""

    id: str
    name: str
    kind: str
    subscription_id: str
    subscription_name: str
    resource_group: str
    location: str
    os_type: str
    os_name: str
    power: str
    state: MachineState
    reason: str
    since: datetime | None
    due: datetime | None
    extension: Extension | None
    diagnosis: Diagnosis | None
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class MachineGroup:
    """How many machines share a state with its reason and diagnosis."""

    state: MachineState
    reason: str
    diagnosis: Diagnosis | None
    machines: int


@dataclass(frozen=True, slots=True)
class MachineEvent:
    """A change of a machine's state: from ``before`` (empty at first sight) to ``after`` at ``at``, and why."""

    machine_id: str
    at: datetime
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """A recommendation of Defender for Cloud about one resource. ``status``: Healthy, Unhealthy, NotApplicable or what Azure says."""

    machine_id: str
    subscription_id: str
    key: str
    status: str
    cause: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Log Analytics workspace, by the id that agents know it by (not its resource id)."""

    workspace_id: str
    name: str
    subscription_id: str
    region: str


@dataclass(frozen=True, slots=True)
class Check:
    """One prerequisite for one subscription: what was found, what it rests on, and what to do about it.

    ``who`` names the role that can act; ``command`` is the exact command and ``link`` the portal address, both copyable, either may be
    empty. ``affected`` counts and ``machine_ids`` names the machines concerned. ``ticked_by`` and ``ticked_at`` are filled for a
    manual step that somebody confirmed.
    """

    subscription_id: str
    id: str
    title: str
    status: CheckStatus
    evidence: str
    remedy: str = ""
    who: str = ""
    command: str = ""
    link: str = ""
    reference: str = ""
    machine_ids: tuple[str, ...] = ()
    ticked_by: str = ""
    ticked_at: datetime | None = None
    as_of: datetime | None = None

    @property
    def affected(self) -> int:
        """How many machines the check concerns."""
        return len(self.machine_ids)


@dataclass(frozen=True, slots=True)
class Alert:
    """A security alert of Defender for Cloud. ``from_endpoint`` tells whether Defender for Endpoint raised it.

    ``entities`` are short ``(kind, description)`` pairs; ``facts`` are the extended properties that are worth reading.
    ``details_known``: whether description, remediation, links, entities and facts were read; a listing of very many leaves them out.
    """

    id: str
    name: str
    subscription_id: str
    resource_group: str
    location: str
    title: str
    severity: str
    status: str
    product: str
    alert_type: str
    from_endpoint: bool
    machine_id: str | None
    compromised_entity: str
    description: str
    remediation: tuple[str, ...]
    started: datetime | None
    generated: datetime | None
    azure_link: str
    defender_link: str
    entities: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    as_of: datetime | None = None
    details_known: bool = True


@dataclass(frozen=True, slots=True)
class Freshness:
    """When one source was last read for one subscription (empty id: for the tenant)."""

    source: str
    subscription_id: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """A source was last read at one moment for so many subscriptions, the tenant counting as one."""

    source: str
    at: datetime
    subscriptions: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How fresh the data is that somebody looks at. ``oldest``: what was read the longest ago, leaving out what is stale unless all is,
    and what can be read no more unless nothing can.

    ``unreadable`` subscriptions could not be read when that was last tried: they make nothing else stale. Of the other ``subscriptions``
    ``stale`` have data that is too old, ``stale`` being less than all of them.
    """

    oldest: Freshness | None = None
    stale: int = 0
    subscriptions: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line of the console's own log that the log screen keeps. ``level``: ``info``, ``warning`` or ``error``."""

    at: datetime
    level: str
    message: str

"""What is to be changed and what was: plans, what they make of machines, and the entries of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PlanAction(StrEnum):
    """What a plan sets out to do."""

    ENABLE = "enable"
    DISABLE = "disable"


class Fate(StrEnum):
    """What a plan will make of one machine."""

    ONBOARD = "onboard"
    RECONFIGURE = "reconfigure"
    ALREADY_ON = "already-on"
    IGNORED = "ignored"
    UNSUPPORTED = "unsupported"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    UNPROTECTED = "unprotected"


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One write of a plan: a setting's name as Azure has it, what was read (``None``: absent) and what will be written."""

    name: str
    before: bool | None
    after: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A write that has to come before the settings, and was asked for. ``kind``: ``provider`` (Microsoft.Security is registered; the values
    are registration states) or ``servers-plan`` (Defender for Servers; the values are as in :class:`Subscription`)."""

    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Extras:
    """What a plan that enables does besides, where it is asked for: the Defender for Servers plan ``P1`` or ``P2`` (empty: none is asked
    for; ``downgrade``: also where P2 is on and P1 is asked for), registering Microsoft.Security, the unified solution."""

    servers_plan: str = ""
    downgrade: bool = False
    register: bool = False
    unified: bool = False


NO_EXTRAS = Extras()


@dataclass(frozen=True, slots=True)
class Blocker:
    """What stops a plan for one subscription, and who can clear it."""

    code: str
    message: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class MachineFate:
    """What will happen to one machine under a plan, and why."""

    machine_id: str
    name: str
    os_type: str
    fate: Fate
    reason: str


@dataclass(frozen=True, slots=True)
class SubscriptionPlan:
    """A plan for one subscription: ``steps``, then ``settings``. None of them and no ``blockers``: nothing to do.

    ``case`` is ``existing-windows``, ``never-enabled``, ``already-on``, ``unregistered``, ``disable``, ``already-off`` or ``unknown``;
    ``why`` says what was read that makes it so. ``warnings`` must be read before confirming; ``irreversible`` lists what cannot be undone.
    """

    id: str
    name: str
    case: str
    why: str
    settings: tuple[SettingChange, ...]
    fates: tuple[MachineFate, ...] = ()
    irreversible: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def changes(self) -> int:
        """How many writes it takes, blocked or not."""
        return len(self.steps) + len(self.settings)

    def count(self, fate: Fate) -> int:
        """How many machines meet ``fate``."""
        return sum(1 for one in self.fates if one.fate is fate)


@dataclass(frozen=True, slots=True)
class Plan:
    """A document that says exactly what will be changed; what is confirmed is what is applied.

    ``again`` is the id of the plan that had these subscriptions before, where Azure had changed since and they were planned anew.
    """

    id: str
    created_at: datetime
    action: PlanAction
    cloud: str
    tenant_id: str
    principal: str
    subscriptions: tuple[SubscriptionPlan, ...]
    extras: Extras = NO_EXTRAS
    again: str = ""

    @property
    def changes(self) -> int:
        """How many writes it takes, leaving out blocked subscriptions."""
        return sum(one.changes for one in self.subscriptions if not one.blockers)


@dataclass(frozen=True, slots=True)
class Intent:
    """A change that was written down before it was sent. ``outcome`` is empty until it is known how it ended."""

    sequence: int
    at: datetime
    action: str
    target: str
    before: str
    after: str
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit trail. ``hash`` covers the entry and the hash before it, so an edit anywhere shows."""

    sequence: int
    at: datetime
    actor: str
    action: str
    target: str
    before: str
    after: str
    outcome: str
    hash: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A manual step that somebody confirmed."""

    subscription_id: str
    check_id: str
    who: str
    at: datetime

"""What a plan does besides switching the integration on, where it is asked for: registering Microsoft.Security, the Defender for Servers
plan, the unified solution. Without being asked for, what is missing of them blocks.

Source: seed, *Requires Azure Defender for servers*; the pricings API 2024-01-01; Azure's provider operations, as of 2026-03.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cache.model import Blocker, Extras, Machine, SettingChange, Step, Subscription
from console.rules.onboarding import UNREGISTERED
from console.rules.rights import REGISTER, allows
from console.rules.settings import UNIFIED

SECURITY_ADMIN = "Security Admin or Owner of the subscription"
REGISTERED = "Registered"
PROVIDER, SERVERS_PLAN = "provider", "servers-plan"
FULL = frozenset({"P2", "standard"})
"""Plans that are all of Defender for Servers: without a sub-plan the full plan is applied."""


@dataclass(slots=True)
class Besides:
    """What is asked for besides in one subscription: the steps, why, what to know, and what stands in their way."""

    steps: list[Step] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    blockers: list[Blocker] = field(default_factory=list)

    def has(self, kind: str) -> bool:
        """Whether there is a step of this kind."""
        return any(one.kind == kind for one in self.steps)


def is_unregistered(subscription: Subscription) -> bool:
    """Whether Microsoft.Security is known not to be registered."""
    return subscription.provider is not None and subscription.provider.lower() in UNREGISTERED


def besides(subscription: Subscription, machines: Sequence[Machine], extras: Extras) -> Besides:
    """The steps that come before the settings: first the registration, then the plan."""
    found = Besides()
    _provider(subscription, extras, found)
    if extras.servers_plan:
        _servers_plan(subscription, machines, extras, found)
    return found


def _provider(subscription: Subscription, extras: Extras, found: Besides) -> None:
    if is_unregistered(subscription) and not extras.register:
        command = f"az provider register --namespace Microsoft.Security --subscription {subscription.id}"
        found.blockers.append(
            Blocker(
                "not-registered",
                "Microsoft.Security is not registered on the subscription. A plan registers it where that is asked for.",
                f"Owner or Contributor of the subscription: {command}",
            )
        )
    if not extras.register or not (is_unregistered(subscription) or _is_registering(subscription)):
        return
    found.steps.append(Step(PROVIDER, subscription.provider or "", REGISTERED))
    found.why.append("Microsoft.Security is not registered and its registration was asked for: it comes first, and is waited for.")
    right = None if subscription.permissions is None else allows(subscription.permissions, REGISTER)
    if not right:
        unread = "It could not be read whether you may" if right is None else "You have no right to"
        message = f"{unread} register Microsoft.Security here ({REGISTER})."
        found.blockers.append(Blocker("rights-register", message, "Owner, Contributor or Security Admin of the subscription"))


def _is_registering(subscription: Subscription) -> bool:
    return subscription.provider is not None and subscription.provider.lower() == "registering"


def _servers_plan(subscription: Subscription, machines: Sequence[Machine], extras: Extras, found: Besides) -> None:
    wanted = extras.servers_plan
    unregistered = is_unregistered(subscription) or _is_registering(subscription)
    if unregistered and not found.has(PROVIDER):
        return  # the registration stands in the way and is told
    now = "free" if unregistered else subscription.servers_plan
    if now not in {"free", "P1", *FULL}:
        said = "could not be read" if now is None else f"reads {now}, which is not known here"
        message = f"Defender for Servers {wanted} was asked for, and which plan is on {said}, so no change of it can be planned."
        found.blockers.append(Blocker("plan-unknown", message, "Somebody with Security Reader can look; then plan again"))
        return
    if now == wanted or (wanted == "P2" and now in FULL):
        found.why.append(f"Defender for Servers {wanted} was asked for and is on already.")
        return
    if now in FULL and not extras.downgrade:
        message = (
            f"Defender for Servers {_told(now)} is on and P1, which is less, was asked for: it is not taken back unless that is meant."
        )
        found.blockers.append(Blocker("downgrade", message, "You, by planning without a plan, or with --allow-downgrade"))
        return
    found.steps.append(Step(SERVERS_PLAN, now, wanted))
    verb = "is switched on" if now == "free" else "takes its place"
    was = "off" if now == "free" else _told(now)
    found.why.append(f"Defender for Servers is {was} and {wanted} was asked for: it {verb} before the settings.")
    found.warnings.append(_bill(subscription, machines, wanted))
    if now in FULL:
        found.warnings.append("What only Defender for Servers P2 does ends with this.")
    if not subscription.can_set_plan:
        unread = "It could not be read whether you may" if subscription.can_set_plan is None else "You have no right to"
        message = f"{unread} change the Defender for Servers plan here (Microsoft.Security/pricings/write)."
        found.blockers.append(Blocker("rights-plan", message, SECURITY_ADMIN))


def _told(plan: str) -> str:
    return "without a sub-plan (all of it)" if plan == "standard" else plan


def _bill(subscription: Subscription, machines: Sequence[Machine], wanted: str) -> str:
    """What is known of what the plan costs."""
    billed = f"Defender for Servers {wanted} is billed by machine."
    price = "What one costs is not known here: see Azure's price list and your agreement."
    if subscription.can_see_machines is False:
        return f"{billed} How many it would bill cannot be told, since you may not see them. {price}"
    arc = sum(1 for one in machines if one.kind == "arc")
    known = f"{len(machines):,} machine{'' if len(machines) == 1 else 's'} ({len(machines) - arc:,} in Azure, {arc:,} of Azure Arc)"
    return f"{billed} It would bill {known}, as far as they are known. {price}"


def unified_change(raw: Mapping[str, bool | None], extras: Extras) -> SettingChange | None:
    """The write of the unified solution, where it is asked for and not on. One that holds neither true nor false is left alone."""
    if not extras.unified or raw.get(UNIFIED) is True or (UNIFIED in raw and raw[UNIFIED] is None):
        return None
    return SettingChange(UNIFIED, raw.get(UNIFIED), True)

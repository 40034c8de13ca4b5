"""What a plan writes, and what of Azure is changed from here at all, as the audit trail spells it."""

from __future__ import annotations

from dataclasses import dataclass

from cache.model import SubscriptionPlan

PUT_SETTING = "put-setting"
"""A write of a setting. The target of each write is the subscription's id, a slash and a name: here that of the setting."""

PUT_PRICING = "put-pricing"
"""A write of the Defender for Servers plan, by the name :data:`SERVERS`."""

REGISTER_PROVIDER = "register-provider"
"""The registration of Microsoft.Security, by that name."""

WRITES = frozenset({PUT_SETTING, PUT_PRICING, REGISTER_PROVIDER})
"""What plans consist of."""

SET_STATUS = "set-alert-status"
"""A change of an alert's status; its target is the alert's id."""

DELETE_EXTENSION = "delete-extension"
"""A failed extension is deleted, so that Azure provisions it again; its target is the extension's resource id."""

ABSENT = "absent"
"""What is not there: a setting that was never set, an extension that is gone or was replaced by a new one."""

APPLY_PLAN = "apply-plan"
"""A plan that is applied; its target is the plan's id. Its outcome begins with ``done`` when no change that was sent is left in doubt
and none waits; else with ``stopped`` or ``interrupted``."""

NOT_APPLIED = "not-applied"
"""A subscription of a plan for which nothing was sent; its target is the subscription's id, ``before`` the plan's. One entry, no intent."""

RESUMED_WITHIN = 24 * 60
"""Minutes for which a plan that was begun can be finished: what is left of it is compared with Azure before it is sent."""

SERVERS = "VirtualMachines"
PROVIDER = "Microsoft.Security"

_STEPS = {"provider": (REGISTER_PROVIDER, PROVIDER), "servers-plan": (PUT_PRICING, SERVERS)}


@dataclass(frozen=True, slots=True)
class Write:
    """One write: what is done, to what, and the values as the trail has them."""

    action: str
    name: str
    before: str
    after: str

    def target(self, subscription_id: str) -> str:
        """Its target in the trail."""
        return f"{subscription_id}/{self.name}"


def told_name(name: str) -> str:
    """What a write is about, in words where Azure's name tells nothing."""
    return {SERVERS: "Defender for Servers", PROVIDER: f"the registration of {PROVIDER}"}.get(name, name)


def word(value: bool | None) -> str:
    """A setting's value in the trail: ``true``, ``false`` or ``absent``."""
    return ABSENT if value is None else str(value).lower()


def writes_of(one: SubscriptionPlan) -> tuple[Write, ...]:
    """What a plan writes for a subscription, in that order. Raises :class:`KeyError` for a step of an unknown kind."""
    steps = [Write(*_STEPS[each.kind], each.before, each.after) for each in one.steps]
    settings = [Write(PUT_SETTING, each.name, word(each.before), word(each.after)) for each in one.settings]
    return (*steps, *settings)


def kind_of(outcome: str) -> str:
    """What an outcome in the trail comes to: ``confirmed``, ``failed``, ``unknown`` or ``started``."""
    return outcome.partition(":")[0]

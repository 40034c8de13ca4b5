"""The prerequisites of the seed, checked for one subscription: what holds, what it rests on, who can mend the rest and how.

Each check is a function of what is known; the order of :data:`CHECKS` is the order of the list. Missing data makes *unknown*, never
*pass*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cache.model import Assessment, Check, CheckStatus, Machine, Onboarding, Problem, Subscription, Tick
from console.rules import machine_checks, subscription_checks
from console.rules.known import Known

CHECKS: tuple[Callable[[Known], Check], ...] = (*subscription_checks.FIRST, *machine_checks.CHECKS, *subscription_checks.LAST)
"""Every check, in the order of the list."""


def checks_of(
    subscription: Subscription,
    machines: Sequence[Machine],
    onboardings: Mapping[str, Onboarding],
    assessments: Sequence[Assessment],
    problems: Sequence[Problem],
    ticks: Sequence[Tick],
    *,
    integration_supported: bool,
    azure_portal: str,
    now: datetime,
) -> list[Check]:
    """Every check for ``subscription``, each exactly once. ``onboardings`` is keyed by lower-cased machine id.

    A manual step that somebody ticked passes, with who and when.
    """
    known = Known(
        subscription,
        machines,
        onboardings,
        assessments,
        {one.source: one for one in problems},
        integration_supported,
        azure_portal.rstrip("/"),
        now,
    )
    ticked = {one.check_id: one for one in ticks}
    found = []
    for check in (make(known) for make in CHECKS):
        tick = ticked.get(check.id)
        if tick is not None and check.status is CheckStatus.MANUAL:
            check = replace(check, status=CheckStatus.PASS, ticked_by=tick.who, ticked_at=tick.at)
        found.append(replace(check, as_of=subscription.as_of or now))
    return found

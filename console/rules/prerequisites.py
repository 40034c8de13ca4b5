"""The prerequisites of the seed, checked for one subscription: what holds, what it rests on, who can mend the rest and how.

Each check is a function of what is known; the order of :data:`CHECKS` is the order of the list. Missing data makes *unknown*, never
*pass*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from cache.machine_reports import MachineReport
from cache.model import Assessment, Check, CheckStatus, Problem, Subscription, Tick
from console.rules import machine_checks, subscription_checks
from console.rules.known import Alike, Known
from console.rules.told_checks import by_kind

CHECKS: tuple[Callable[[Known], Check], ...] = (
    *subscription_checks.FIRST,
    *machine_checks.CHECKS,
    *subscription_checks.LAST,
    machine_checks.other_edr,
    subscription_checks.portal_access,
)
"""Every check, in the order of the list."""

WITHOUT_INTEGRATION = frozenset(("right-to-see-machines", "right-to-triage", "cloud", "subscription-state", "provider"))
"""What still matters in a cloud that has no integration: its alerts can be looked at."""


def checks_of(
    subscription: Subscription,
    machines: Sequence[Alike],
    assessments: Sequence[Assessment],
    problems: Sequence[Problem],
    ticks: Sequence[Tick],
    *,
    integration_supported: bool,
    azure_portal: str,
    now: datetime,
    reports: Sequence[MachineReport] = (),
) -> list[Check]:
    """Every check for ``subscription``, each exactly once. Machines come put together where they are alike.

    A manual step that somebody ticked passes, with who and when.
    """
    known = Known(
        subscription,
        machines,
        assessments,
        {one.source: one for one in problems},
        integration_supported,
        azure_portal.rstrip("/"),
        by_kind(reports),
    )
    ticked = {one.check_id: one for one in ticks}
    found = []
    for check in (_offered(make(known), integration_supported) for make in CHECKS):
        tick = ticked.get(check.id)
        if tick is not None and check.status is CheckStatus.MANUAL:
            check = replace(check, status=CheckStatus.PASS, ticked_by=tick.who, ticked_at=tick.at)
        found.append(check if check.as_of is not None else replace(check, as_of=now))
    return found


def _offered(check: Check, integration_supported: bool) -> Check:
    """In a cloud without the integration nobody is told to prepare for it."""
    if integration_supported or check.id in WITHOUT_INTEGRATION:
        return check
    not_here = subscription_checks.NOT_HERE
    return replace(check, status=CheckStatus.NOT_APPLICABLE, evidence=not_here, remedy="", who="", command="", link="", machine_ids=())

"""The way to the cloud: whether its sign-in and its Resource Manager answer from here, and whether the clocks agree."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.doctor.finding import Finding, Status
from console.gateway.reach import Reached, Unreachable, reach
from console.session import Setup

SECONDS = 10.0
"""How long each address is waited for."""

SKEW, MOST_SKEW = timedelta(minutes=1), timedelta(minutes=5)
"""From where on a difference of clocks is worth a word, and from where on tokens are refused for it."""

SIGN_IN_PATH = "/organizations/v2.0/.well-known/openid-configuration"
MANAGER_PATH = "/subscriptions?api-version=2022-12-01"
"""Asked for without a token, so the right answer is 401."""


@dataclass(frozen=True, slots=True)
class Way:
    """Whether anything answers at the two addresses of a cloud."""

    findings: list[Finding]
    sign_in: bool
    manager: bool


async def way(setup: Setup) -> Way:
    """Try both addresses at once, and compare the clocks with whichever answers."""
    cloud = setup.cloud
    sign_in, manager = await asyncio.gather(
        _reached(setup, cloud.authority, SIGN_IN_PATH),
        _reached(setup, cloud.resource_manager, MANAGER_PATH),
    )
    findings = [
        _finding("authority", cloud.authority, sign_in, ""),
        _finding("resource-manager", cloud.resource_manager, manager, "401"),
    ]
    answer = next((one for one in (manager, sign_in) if isinstance(one, Reached) and one.date is not None), None)
    findings.append(clock(answer.date if answer is not None else None, setup.clock.now()))
    return Way(findings, isinstance(sign_in, Reached), isinstance(manager, Reached))


async def _reached(setup: Setup, address: str, path: str) -> Reached | Unreachable:
    try:
        return await reach(setup.cloud, address, path, SECONDS)
    except Unreachable as failure:
        return failure


def _finding(name: str, address: str, found: Reached | Unreachable, wanted: str) -> Finding:
    if isinstance(found, Unreachable):
        return Finding(name, Status.FAIL, found.evidence, found.remedy)
    by = f" through the proxy {found.proxy}" if found.proxy else ""
    if found.status >= 500:
        return Finding(name, Status.WARN, f"{address} answers HTTP {found.status}{by}.", "Try again in a while: Azure may have an outage.")
    if wanted and str(found.status) != wanted:
        return Finding(
            name,
            Status.WARN,
            f"{address} answers HTTP {found.status}{by} where nobody has signed in, which Resource Manager does not.",
            "Check the address in the cloud file, and whether a proxy or a sign-in page of the network answers in its place.",
        )
    return Finding(name, Status.OK, f"{address} answers{by}.")


def clock(theirs: datetime | None, ours: datetime) -> Finding:
    """What the difference between the cloud's clock and this machine's means. ``None``: the cloud's is not known."""
    if theirs is None:
        return Finding("clock", Status.UNKNOWN, "Nothing that answered has told the time.")
    ahead = ours - theirs
    told = f"This machine's clock is {_span(abs(ahead))} {'ahead of' if ahead > timedelta() else 'behind'} Azure's"
    remedy = "Set it, best by a time service: timedatectl set-ntp true"
    if abs(ahead) > MOST_SKEW:
        return Finding("clock", Status.FAIL, f"{told}: tokens and certificates are taken for expired or not yet valid.", remedy)
    if abs(ahead) > SKEW:
        return Finding("clock", Status.WARN, f"{told}; from five minutes on tokens are refused.", remedy)
    return Finding("clock", Status.OK, "This machine's clock and Azure's agree within a minute.")


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.0f} h"

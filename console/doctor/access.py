"""The sign-in and what it allows: which subscriptions are seen, and which exact actions are missing in which of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cache.model import Permission, Subscription
from console.doctor.finding import Finding, Status, gave_up
from console.rules import rights
from console.session import Setup
from console.together import together

if TYPE_CHECKING:
    from console.gateway.azure import Azure
    from console.identity import SignedIn

SIGN_IN_SECONDS = 60.0
DEVICE_CODE_SECONDS = 15 * 60.0
"""How long a sign-in may take: a person who enters a code has the time that the code is good for."""

LIST_SECONDS = 30.0
RIGHTS_SECONDS = 60.0
GRAPH_SECONDS = 30.0
NAMED = 3
"""Subscriptions that are named; the others are counted, and listed in the JSON."""


@dataclass(frozen=True, slots=True)
class Need:
    """Actions that something takes. ``reads``: they change nothing; ``vital``: without them the console does not see what it is for."""

    id: str
    purpose: str
    actions: tuple[str, ...]
    role: str
    reads: bool = False
    vital: bool = False


NEEDS = (
    Need("right-machines", "machines of that kind are not seen", (rights.READ_VMS, rights.READ_ARC), "Reader", reads=True, vital=True),
    Need("right-settings", "the integration's settings are not seen", (rights.READ_SETTINGS,), "Security Reader", reads=True, vital=True),
    Need("right-activity-log", "who enabled it elsewhere, and when, is not seen", (rights.READ_ACTIVITY_LOG,), "Reader", reads=True),
    Need("right-triage", "alerts cannot be changed", rights.TRIAGE, "Security Admin"),
    Need("right-enable", "the integration cannot be switched on or off", (rights.ENABLE,), "Security Admin or Owner"),
    Need("right-plan", "the Defender for Servers plan cannot be set", (rights.SET_PLAN,), "Security Admin or Owner"),
    Need(
        "right-run",
        "nothing can be run on machines of that kind (verify)",
        rights.RUN_COMMANDS,
        "Virtual Machine Contributor (VMs) or Azure Connected Machine Resource Administrator (Azure Arc)",
    ),
)


async def access(setup: Setup, on_prompt: Callable[[Any], None] | None) -> list[Finding]:
    """Sign in and look at what that allows. ``on_prompt`` shows a device code to somebody who waits; ``None``: nobody does."""
    from console.gateway.azure import Azure
    from console.identity import SignInError, sign_in

    seconds = DEVICE_CODE_SECONDS if on_prompt is not None else SIGN_IN_SECONDS
    try:
        async with asyncio.timeout(seconds):
            signed_in = await sign_in(setup.cloud, setup.method, setup.tenant or None, on_prompt, setup.environ)
    except TimeoutError:
        return [gave_up("sign-in", seconds)]
    except SignInError as failure:
        return [_not_signed_in(failure)]
    try:
        async with await Azure.open(setup.cloud, signed_in, sleep=setup.sleep, read_only=True) as azure:
            return [_signed_in(signed_in), *await _seen(setup, azure)]
    finally:
        await signed_in.close()


def _not_signed_in(failure: Exception) -> Finding:
    code = getattr(failure, "code", "")
    if code in {"none", "unattended"}:  # not one that a person does not wait for
        remedy = "Run “mde-console doctor --auth device-code” in a terminal, or “az login” first. The console asks for a code by itself."
        return Finding("sign-in", Status.WARN, str(failure), remedy)
    return Finding("sign-in", Status.FAIL, str(failure))


def _signed_in(signed_in: SignedIn) -> Finding:
    tenant = f" in tenant {signed_in.tenant_id}" if signed_in.tenant_id else ""
    return Finding("sign-in", Status.OK, f"Signed in as {signed_in.principal}{tenant}, by {signed_in.method}.")


async def _seen(setup: Setup, azure: Azure) -> list[Finding]:
    from console.gateway.errors import AzureProblem

    found: list[Subscription] = []
    try:
        async with asyncio.timeout(LIST_SECONDS):
            async for page in azure.subscriptions():
                found += page
    except TimeoutError:
        return [gave_up("subscriptions", LIST_SECONDS)]
    except AzureProblem as problem:
        return [Finding("subscriptions", Status.FAIL, problem.message)]
    findings = [_listed(setup, found)]
    wanted = [one for one in found if not setup.only or one.id.lower() in setup.only]
    if not wanted:
        return findings
    graph, permissions = await asyncio.gather(_graph(azure, wanted), _permissions(setup, azure, wanted))
    return [*findings, graph, *_rights(setup, wanted, permissions)]


def _listed(setup: Setup, found: Sequence[Subscription]) -> Finding:
    missing = sorted(setup.only - {one.id.lower() for one in found})
    if missing:
        evidence = f"{len(missing)} of the {len(setup.only)} subscriptions that are asked for cannot be seen: {', '.join(missing[:NAMED])}."
        return Finding("subscriptions", Status.FAIL, evidence, "Check the ids and the tenant (--tenant).", tuple(missing))
    if not found:
        remedy = "Ask for Reader on one, or choose another tenant with --tenant."
        return Finding("subscriptions", Status.FAIL, "No subscription can be seen in this tenant.", remedy)
    return Finding("subscriptions", Status.OK, f"{_count(len(found))} can be seen.")


async def _graph(azure: Azure, subscriptions: Sequence[Subscription]) -> Finding:
    from console.gateway.errors import AzureProblem

    remedy = "Each subscription is then read by itself, which takes longer and shows more slowly what changes."
    try:
        async with asyncio.timeout(GRAPH_SECONDS):
            await azure.alert_digest([one.id for one in subscriptions])
    except TimeoutError:
        return gave_up("resource-graph", GRAPH_SECONDS, remedy)
    except AzureProblem as problem:
        return Finding("resource-graph", Status.WARN, f"Resource Graph does not serve: {problem.message}", remedy)
    return Finding("resource-graph", Status.OK, "Resource Graph answers.")


async def _permissions(
    setup: Setup, azure: Azure, subscriptions: Sequence[Subscription]
) -> tuple[Mapping[str, tuple[Permission, ...]], str]:
    """The permissions of those subscriptions of which they could be read, and why the others' could not."""
    from console.gateway.errors import AzureProblem

    gate = asyncio.Semaphore(setup.settings.concurrency)
    told: dict[str, tuple[Permission, ...]] = {}
    why = ""

    async def one(subscription_id: str) -> None:
        nonlocal why
        async with gate:
            try:
                told[subscription_id] = await azure.permissions(subscription_id)
            except AzureProblem as problem:
                why = problem.message

    try:
        async with asyncio.timeout(RIGHTS_SECONDS):
            await together(one(each.id) for each in subscriptions)
    except TimeoutError:
        why = why or f"They were given up after {RIGHTS_SECONDS:.0f} s."
    return told, why


def _rights(
    setup: Setup, subscriptions: Sequence[Subscription], permissions: tuple[Mapping[str, tuple[Permission, ...]], str]
) -> list[Finding]:
    told, why = permissions
    findings = []
    untold = [one for one in subscriptions if one.id not in told]
    if untold:
        evidence = f"The rights in {_of(untold, subscriptions)} could not be read. {why}"
        findings.append(Finding("rights", Status.UNKNOWN, evidence.strip(), "", tuple(one.id for one in untold)))
    known = [one for one in subscriptions if one.id in told]
    for need in NEEDS if known else ():
        if setup.read_only and not need.reads:
            continue
        findings += _missing(need, known, told)
    return findings


def _missing(need: Need, known: Sequence[Subscription], told: Mapping[str, tuple[Permission, ...]]) -> list[Finding]:
    """What of a need is missing; actions that are missing in the same subscriptions are told together."""
    missing: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for action in need.actions:
        missing[tuple(one.id for one in known if not rights.allows(told[one.id], action))].append(action)
    blind = need.vital and [*missing] == [tuple(one.id for one in known)]
    findings = []
    for ids, actions in missing.items():
        if not ids:
            continue
        verb = "is" if len(actions) == 1 else "are"
        evidence = f"{_and(actions)} {verb} missing in {_of([one for one in known if one.id in ids], known)}: {need.purpose} there."
        findings.append(Finding(need.id, Status.FAIL if blind else Status.WARN, evidence, f"Ask for {need.role} there.", ids))
    return findings or [Finding(need.id, Status.OK, f"{_and(need.actions)} in {_of(known, known)}.")]


def _and(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _of(some: Sequence[Subscription], all_of_them: Sequence[Subscription]) -> str:
    if len(some) == len(all_of_them):
        return "the one subscription" if len(some) == 1 else f"all {len(some):,} subscriptions"
    names = ", ".join(one.name or one.id for one in some[:NAMED])
    more = f" and {len(some) - NAMED:,} more" if len(some) > NAMED else ""
    return f"{len(some):,} of {_count(len(all_of_them))} ({names}{more})"


def _count(number: int) -> str:
    return "1 subscription" if number == 1 else f"{number:,} subscriptions"

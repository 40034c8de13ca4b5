"""Reading Azure into the cache: every source of every subscription, each failure kept where it belongs and stopping nobody else."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable
from dataclasses import dataclass, replace
from uuid import uuid4

from cache.model import Machine, Permission, Problem, Source, Subscription
from cache.sighting import Sighting
from console.gateway.errors import AzureProblem, Forbidden, NotFound, NotRegistered, SignInRequired
from console.rules.extensions import defender_extension, extension_state
from console.rules.rights import rights_of
from console.rules.settings import read_settings
from console.workers.evaluate import evaluate, judge_of
from console.workers.work import Work

EVERYTHING = frozenset(Source)
MOVING = frozenset({Source.MACHINES, Source.EXTENSIONS})
"""What changes while machines come aboard: all that a quick poll reads."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How a sync ended: how many subscriptions were looked at, and what could not be read."""

    subscriptions: int
    problems: tuple[Problem, ...]
    nothing: bool = False

    @property
    def exit_code(self) -> int:
        """0 all was read, 3 some of it, 1 nothing."""
        if self.nothing:
            return 1
        return 3 if self.problems else 0


async def sync(work: Work, subscription_ids: Collection[str] = (), sources: frozenset[Source] = EVERYTHING) -> SyncReport:
    """Read ``sources`` of ``subscription_ids`` (none named: of all that can be seen) and evaluate what was read.

    Raises :class:`SignInRequired` when the sign-in is over; any other failure is a problem in the cache and in the report.
    """
    work.activity.begin("sync", "reading subscriptions")
    try:
        if Source.SUBSCRIPTIONS in sources and not await _subscriptions(work):
            return SyncReport(0, tuple(await work.fleet.problems()), nothing=True)
        known = [row.subscription for row in await work.fleet.subscriptions()]
        chosen = _chosen(known, subscription_ids or work.only)
        ids = [one.id for one in chosen]
        await _unknown(work, known)
        if not chosen:
            return SyncReport(0, tuple(await work.fleet.problems()), nothing=True)
        if sources - MOVING - {Source.SUBSCRIPTIONS}:
            work.activity.begin("sync", "reading settings and rights", total=len(chosen))
            await _each(work, chosen, sources)
        if Source.MACHINES in sources:
            work.activity.begin("sync", "reading machines")
            await read_machines(work, ids)
        if Source.ASSESSMENTS in sources:
            work.activity.begin("sync", "reading recommendations")
            await _assessments(work, ids)
        work.activity.begin("sync", "working out states")
        await evaluate(work.fleet, work.journal, work.clock, work.cloud, ids)
        wanted = {one.lower() for one in ids} | {""}
        left = tuple(one for one in await work.fleet.problems() if one.subscription_id.lower() in wanted and one.source in sources)
        return SyncReport(len(chosen), left)
    finally:
        work.activity.end("sync")


async def _unknown(work: Work, known: list[Subscription]) -> None:
    """Say what was asked for and cannot be seen, and that nothing at all can be seen."""
    seen = {one.id.lower() for one in known}
    missing = sorted(work.only - seen)
    if missing:
        sentence = (
            f"Subscription {missing[0]} is not among those that {work.principal} can see in this tenant. Check the id and the tenant."
        )
    elif not seen:
        sentence = f"{work.principal} can see no subscription in tenant {work.tenant_id}. Ask for Reader on one, or choose another tenant."
    else:
        return
    await work.remember(NotFound(sentence), Source.SUBSCRIPTIONS, "")


def _chosen(known: Iterable[Subscription], ids: Collection[str]) -> list[Subscription]:
    wanted = {one.lower() for one in ids}
    return [one for one in known if not wanted or one.id.lower() in wanted]


async def _subscriptions(work: Work) -> bool:
    found: list[Subscription] = []
    only = {one.lower() for one in work.only}
    try:
        async for page in work.azure.subscriptions():
            now = work.clock.now()
            page = [replace(one, as_of=now) for one in page if not only or one.id.lower() in only]
            found += page
            await work.fleet.put_subscriptions(page, complete=False)
            work.activity.advance("sync", done=len(found))
    except SignInRequired:
        raise
    except AzureProblem as problem:
        await work.remember(problem, Source.SUBSCRIPTIONS, "")
        return bool(found)
    await work.fleet.put_subscriptions(found, complete=True)
    await work.fleet.clear_problem(Source.SUBSCRIPTIONS)
    await work.fleet.mark_fresh(Source.SUBSCRIPTIONS)
    return True


async def _each(work: Work, subscriptions: list[Subscription], sources: frozenset[Source]) -> None:
    done = 0

    async def one(subscription: Subscription) -> None:
        nonlocal done
        await read_subscription(work, subscription.id, sources)
        done += 1
        work.activity.advance("sync", done=done)

    await _together(one(subscription) for subscription in subscriptions)


async def read_subscription(work: Work, subscription_id: str, sources: frozenset[Source] = EVERYTHING) -> dict[str, bool | None] | None:
    """Read what decides about one subscription: rights, provider, settings, plan; and its alerts. Returns the raw settings, if read."""
    raw: dict[str, bool | None] | None = None
    can_read = True

    async def keep_rights(permissions: tuple[Permission, ...]) -> None:
        nonlocal can_read
        rights = rights_of(permissions)
        can_read = rights.can_read_security is not False
        await work.fleet.put_rights(
            subscription_id, permissions, rights.can_enable, rights.can_triage, rights.can_see_machines, rights.can_set_plan
        )

    async def keep_provider(state: str) -> None:
        await work.fleet.put_provider(subscription_id, state)

    async def keep_settings(settings: dict[str, bool | None]) -> None:
        nonlocal raw
        raw = settings if settings or can_read else None
        before = await work.fleet.subscription(subscription_id)
        integration, linux, unified = read_settings(settings, readable=can_read)
        turned_on = before is not None and before.enabled_at is None and _was_off(before) and integration == "on" and linux != "excluded"
        enabled_at = work.clock.now() if turned_on else None
        await work.fleet.put_settings(subscription_id, integration, linux, unified, enabled_at=enabled_at)

    async def keep_plan(plan: str) -> None:
        await work.fleet.put_servers_plan(subscription_id, plan)

    if Source.PERMISSIONS in sources:
        await work.attempt(Source.PERMISSIONS, subscription_id, lambda: work.azure.permissions(subscription_id), keep_rights)
    if Source.PROVIDER in sources:
        await work.attempt(Source.PROVIDER, subscription_id, lambda: work.azure.provider_state(subscription_id), keep_provider)

    async def settings() -> dict[str, bool | None]:
        try:
            return dict(await work.azure.settings(subscription_id))
        except NotRegistered:
            await work.fleet.put_provider(subscription_id, "NotRegistered")
            raise

    if Source.SETTINGS in sources:
        await work.attempt(Source.SETTINGS, subscription_id, settings, keep_settings)
    if Source.PLAN in sources:
        await work.attempt(Source.PLAN, subscription_id, lambda: work.azure.servers_plan(subscription_id), keep_plan)
    if Source.ALERTS in sources:
        await read_alerts(work, subscription_id)
    return raw


def _was_off(before: Subscription) -> bool:
    """Whether Linux is known to have been off: then the moment at which it is first seen on is worth remembering."""
    return before.integration == "off" or (before.integration == "on" and before.linux == "excluded")


async def read_alerts(work: Work, subscription_id: str) -> None:
    """Read a subscription's alerts, page by page."""
    sync_id = uuid4().hex

    async def pages() -> None:
        async for page in work.azure.alerts(subscription_id):
            await work.fleet.put_alerts(subscription_id, page, sync_id)

    async def finish(_: None) -> None:
        await work.fleet.finish_alerts(subscription_id, sync_id)

    await work.attempt(Source.ALERTS, subscription_id, pages, finish)


async def read_machines(work: Work, subscription_ids: list[str]) -> None:
    """Read machines with their extensions: from Resource Graph, and where it refuses or fails, from the services themselves."""
    blind = {row.subscription.id.lower() for row in await work.fleet.subscriptions() if row.subscription.can_see_machines is False}
    for subscription_id in subscription_ids:
        if subscription_id.lower() in blind:
            await work.remember(_NO_INVENTORY, Source.MACHINES, subscription_id)
    seeing = [one for one in subscription_ids if one.lower() not in blind]
    if not seeing:
        return
    try:
        async with work.gate:
            await _keep_sightings(work, seeing)
    except SignInRequired:
        raise
    except AzureProblem as problem:
        await work.fleet.add_log("warning", f"Resource Graph did not serve, each subscription is read by itself: {problem.message}")
        await _machines_by_service(work, seeing)
    await _details(work, seeing)


_NO_INVENTORY = Forbidden(
    "Your roles let you see security settings but no machines here (Security Admin and Security Reader cannot read Compute or Arc). "
    "Ask an owner for Reader on this subscription."
)


async def _keep_sightings(work: Work, subscription_ids: list[str]) -> None:
    """Read machines from Resource Graph; whatever pages have landed meanwhile become one write, and each machine is judged as it lands."""
    sync_id = uuid4().hex
    judge = await judge_of(work.fleet, work.clock)
    landed: list[Sighting] = []
    count = 0
    pages = aiter(work.azure.graph_machines(subscription_ids))
    following = asyncio.ensure_future(anext(pages, None))
    writing: asyncio.Task[object] | None = None
    try:
        while True:
            page = await following
            if page is None:
                break
            landed += page
            count += len(page)
            work.activity.advance("sync", done=count)
            following = asyncio.ensure_future(anext(pages, None))
            if writing is None or writing.done():
                if writing is not None:
                    await writing
                writing = asyncio.create_task(work.fleet.see_machines(landed, sync_id, judge))
                landed = []
        if writing is not None:
            await writing
        await work.fleet.see_machines(landed, sync_id, judge)
    finally:
        following.cancel()
        await asyncio.gather(following, *([writing] if writing is not None else []), return_exceptions=True)
    await work.fleet.finish_listing(subscription_ids, sync_id)
    await work.fleet.settle(Source.MACHINES, subscription_ids)


async def _keep_pages(work: Work, subscription_ids: list[str], pages: AsyncIterator[list[Machine]], *, finish: bool = True) -> None:
    sync_id = uuid4().hex
    names = {one.lower(): one for one in subscription_ids}
    count = 0
    async for page in pages:
        groups: dict[str, list[Machine]] = defaultdict(list)
        for machine in page:
            groups[machine.subscription_id.lower()].append(machine)
        for key, machines in groups.items():
            await work.fleet.put_machines(names.get(key, key), machines, sync_id)
        count += len(page)
        work.activity.advance("sync", done=count)
    if finish:
        for subscription_id in subscription_ids:
            await work.fleet.finish_machines(subscription_id, sync_id)
            await work.fleet.clear_problem(Source.MACHINES, subscription_id)
            await work.fleet.mark_fresh(Source.MACHINES, subscription_id)


async def _machines_by_service(work: Work, subscription_ids: list[str]) -> None:
    async def one(subscription_id: str) -> None:
        try:
            async with work.gate:
                await _keep_pages(work, [subscription_id], work.azure.service_machines(subscription_id))
        except AzureProblem as problem:
            await work.remember(problem, Source.MACHINES, subscription_id)

    await _together(one(subscription_id) for subscription_id in subscription_ids)


async def _details(work: Work, subscription_ids: list[str]) -> None:
    """Resource Graph does not tell why a VM's extension failed (it keeps no instance view of it): ask for those few by themselves."""

    def unclear(machine: Machine) -> bool:
        extension = defender_extension(machine)
        return (
            machine.kind == "vm" and extension is not None and not extension.code and extension_state(extension) in {"failed", "installing"}
        )

    async def one(machine: Machine) -> None:
        try:
            async with work.gate:
                extensions = await work.azure.extension_details(machine)
        except AzureProblem as problem:
            await work.remember(problem, Source.EXTENSIONS, machine.subscription_id)
            return
        await work.fleet.put_extensions(machine.id, extensions)
        await work.fleet.clear_problem(Source.EXTENSIONS, machine.subscription_id)

    await _together(one(machine) for machine in await work.fleet.machines(subscription_ids) if unclear(machine))


async def _assessments(work: Work, subscription_ids: list[str]) -> None:
    async def one(subscription_id: str) -> None:
        await work.attempt(
            Source.ASSESSMENTS,
            subscription_id,
            lambda: work.azure.assessments(subscription_id),
            lambda found: work.fleet.put_assessments(subscription_id, found),
        )

    try:
        async with work.gate:
            by_subscription = defaultdict(list)
            for assessment in await work.azure.graph_assessments(subscription_ids):
                by_subscription[assessment.subscription_id.lower()].append(assessment)
    except AzureProblem:
        await _together(one(subscription_id) for subscription_id in subscription_ids)
        return
    for subscription_id in subscription_ids:
        await work.fleet.put_assessments(subscription_id, by_subscription[subscription_id.lower()])
        await work.fleet.clear_problem(Source.ASSESSMENTS, subscription_id)
        await work.fleet.mark_fresh(Source.ASSESSMENTS, subscription_id)


async def _together(coroutines: Iterable[Coroutine[object, object, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)

"""Reading Azure into the cache: every source of every subscription, each failure kept where it belongs and stopping nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cache.model import Permission, Problem, Source, Subscription
from console.gateway.errors import AzureProblem, Forbidden, NotFound, NotRegistered, SignInRequired
from console.rules.extensions import is_unclear
from console.rules.rights import rights_of
from console.rules.settings import read_settings
from console.together import together
from console.workers import watermark
from console.workers.alerts import read_all_alerts
from console.workers.enabling_time import enabled_from_here, look_up_enabling
from console.workers.evaluate import evaluate, settle_states
from console.workers.landing import Landing
from console.workers.services import read_by_service, read_details
from console.workers.work import Work

EVERYTHING = frozenset(Source)
ONE_BY_ONE = frozenset({Source.PERMISSIONS, Source.PROVIDER, Source.SETTINGS})
"""What each subscription has to be asked for by itself."""

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


async def sync(
    work: Work,
    subscription_ids: Collection[str] = (),
    sources: frozenset[Source] = EVERYTHING,
    listed: datetime | None = None,
) -> SyncReport:
    """Read ``sources`` of ``subscription_ids`` (none named: of all that can be seen) and evaluate what was read.

    ``listed``: the subscriptions have just been listed, when it was this late by Azure's clock. Raises :class:`SignInRequired` when the
    sign-in is over; any other failure is a problem in the cache and in the report.
    """
    work.activity.begin("sync", "reading subscriptions")
    try:
        if Source.SUBSCRIPTIONS in sources and listed is None and not await list_subscriptions(work):
            return SyncReport(0, tuple(await work.fleet.problems()), nothing=True)
        known = [*(await work.fleet.subscription_records()).values()]
        chosen = _chosen(known, subscription_ids or work.only)
        ids = [one.id for one in chosen]
        await _unknown(work, known)
        if not chosen:
            return SyncReport(0, tuple(await work.fleet.problems()), nothing=True)
        whole = sources == EVERYTHING and not subscription_ids
        beginning = await watermark.begin(work, listed or work.azure.date) if whole else None
        if sources & ONE_BY_ONE:
            work.activity.begin("sync", "reading settings and rights", total=len(chosen))
            await _each(work, chosen, sources & ONE_BY_ONE)
        if Source.PLAN in sources:
            work.activity.begin("sync", "reading plans")
            await read_plans(work, ids)
        if Source.MACHINES in sources:
            work.activity.begin("sync", "reading machines")
            if not await read_machines(work, ids, all_of_them=not subscription_ids):
                beginning = None
        if Source.ALERTS in sources:
            work.activity.begin("sync", "reading alerts")
            await read_all_alerts(work, ids)
        if Source.ASSESSMENTS in sources:
            work.activity.begin("sync", "reading recommendations")
            await _assessments(work, ids)
        work.activity.begin("sync", "working out states")
        await evaluate(work.fleet, work.journal, work.clock, work.cloud, ids)
        if whole:
            await watermark.completed(work, beginning)
            await work.fleet.tidy()
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


async def list_subscriptions(work: Work, on_page: Callable[[int], None] | None = None) -> bool:
    """Read which subscriptions there are. Returns whether any could be read; the failure is kept as the tenant's problem.

    Where only some are looked at, what is known of others stays, unless they are gone: another console, or the next one, looks at them.
    ``on_page`` is told with each page how many there are by then.
    """
    found: list[Subscription] = []
    only = {one.lower() for one in work.only}
    if only:
        only |= (await work.fleet.subscription_names()).keys()
    try:
        async for page in work.azure.subscriptions():
            now = work.clock.now()
            page = [replace(one, as_of=now) for one in page if not only or one.id.lower() in only]
            found += page
            if on_page is not None:
                on_page(len(found))
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

    await together(one(subscription) for subscription in subscriptions)


async def read_subscription(work: Work, subscription_id: str, sources: frozenset[Source] = EVERYTHING) -> dict[str, bool | None] | None:
    """Read what decides about one subscription: rights, provider, settings, plan. Returns the raw settings, if read."""
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
        if not turned_on and integration == "on" and linux != "excluded" and (before is None or before.enabled_at is None):
            enabled_at = await enabled_from_here(work, subscription_id)
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

    if Source.SETTINGS in sources and await work.attempt(Source.SETTINGS, subscription_id, settings, keep_settings):
        await look_up_enabling(work, subscription_id)
    if Source.PLAN in sources:
        await work.attempt(Source.PLAN, subscription_id, lambda: work.azure.servers_plan(subscription_id), keep_plan)
    return raw


def _was_off(before: Subscription) -> bool:
    """Whether Linux is known to have been off: then the moment at which it is first seen on is worth remembering."""
    return before.integration == "off" or (before.integration == "on" and before.linux == "excluded")


async def read_plans(work: Work, subscription_ids: list[str]) -> None:
    """Read the Defender for Servers plans: from Resource Graph, and those that it does not show from Defender for Cloud itself."""
    plans: dict[str, str] = {}
    try:
        async with work.gate:
            plans = await work.azure.graph_plans(subscription_ids)
    except SignInRequired:
        raise
    except AzureProblem as problem:
        await work.fleet.add_log("warning", f"Resource Graph did not tell the plans, each subscription is asked: {problem.message}")
    shown = [one for one in subscription_ids if one.lower() in plans]
    await work.fleet.put_servers_plans(plans)
    await work.fleet.settle(Source.PLAN, shown)

    async def one(subscription_id: str) -> None:
        await read_subscription(work, subscription_id, frozenset({Source.PLAN}))

    await together(one(subscription_id) for subscription_id in subscription_ids if subscription_id.lower() not in plans)


async def read_machines(work: Work, subscription_ids: list[str], *, all_of_them: bool = False) -> bool:
    """Read machines with their extensions: from Resource Graph, and where it refuses or fails, from the services themselves.

    ``all_of_them``: these are all that this console looks at. Returns whether Resource Graph served, so that from here on it may be asked
    for differences.
    """
    blind = {key for key, one in (await work.fleet.subscription_records()).items() if one.can_see_machines is False}
    for subscription_id in subscription_ids:
        if subscription_id.lower() in blind:
            await work.remember(_NO_INVENTORY, Source.MACHINES, subscription_id)
    seeing = [one for one in subscription_ids if one.lower() not in blind]
    if not seeing:
        return True
    try:
        async with work.gate:
            await _land_machines(work, seeing)
    except SignInRequired:
        raise
    except AzureProblem as problem:
        await work.fleet.add_log("warning", f"Resource Graph did not serve, each subscription is read by itself: {problem.message}")
        await read_by_service(work, seeing, all_of_them=all_of_them)
        return False
    await read_details(work, await work.fleet.machines_with(lambda told: any(map(is_unclear, told)), seeing))
    return True


_NO_INVENTORY = Forbidden(
    "Your roles let you see security settings but no machines here (Security Admin and Security Reader cannot read Compute or Arc). "
    "Ask an owner for Reader on this subscription."
)


async def _land_machines(work: Work, subscription_ids: list[str]) -> None:
    """Read machines from Resource Graph: each is judged as it lands, and what has landed is kept when the reading fails."""
    judge = await settle_states(work.fleet, work.clock, work.cloud, subscription_ids)
    known = await work.fleet.digests(subscription_ids)
    landing = Landing(work.fleet, judge)
    count = pages = 0
    try:
        async for page in work.azure.graph_machines(subscription_ids, lambda total: work.activity.advance("sync", total=total), known):
            landing.see(page)
            count, pages = count + len(page), pages + 1
            work.activity.advance("sync", done=count, pages=pages)
        landing.complete(subscription_ids)
    finally:
        await landing.close()


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
        await together(one(subscription_id) for subscription_id in subscription_ids)
        return
    for subscription_id in subscription_ids:
        await work.fleet.put_assessments(subscription_id, by_subscription[subscription_id.lower()])
        await work.fleet.clear_problem(Source.ASSESSMENTS, subscription_id)
        await work.fleet.mark_fresh(Source.ASSESSMENTS, subscription_id)

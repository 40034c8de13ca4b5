"""Reading Azure by difference: what changed since the last time, so that a poll in which nothing changed costs three requests.

Machines and extensions come from the history of changes, from a watermark on. Of alerts and plans a digest tells whether any differs from
what the cache has; only then rows are read. Settings, rights and providers are in no history: a complete reading now and then covers them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from cache.alert_store import AlertDigest
from cache.model import Source
from console.gateway.errors import AzureProblem, SignInRequired
from console.gateway.graph import PAGE, Scope
from console.gateway.graph_changes import Change
from console.gateway.graph_machines import SOME
from console.gateway.reading import part_of
from console.gateway.security import PlanDigest, digest_of_plans
from console.workers.alerts import list_alerts, read_newest_details
from console.workers.apart import read_fleet
from console.workers.evaluate import evaluate, settle_states
from console.workers.services import read_details
from console.workers.sync import MOVING, SyncReport
from console.workers.watermark import OVERLAP, Watermark, move, searched, watermark
from console.workers.work import Work

PASSING = frozenset({"outage", "throttled", "bad-answer"})
"""The codes of problems that may be gone at the next attempt."""

TRIED_AGAIN = 20
"""Subscriptions with passing problems that one poll reads again."""


@dataclass(slots=True)
class Poll:
    """What one console knows between its polls. One reading is under way at a time.

    ``reconcile``: everything is read again when the last complete reading is so long ago, by the console's clock.
    """

    work: Work
    reconcile: timedelta
    _alerts: AlertDigest | None = None
    _plans: PlanDigest | None = None
    _strange: set[str] = field(default_factory=set)

    async def complete_reading_due(self) -> bool:
        """Whether everything has to be read: it never was, it was too long ago, or differences cannot be read."""
        mark = await watermark(self.work)
        return mark is None or mark.changes is None or self.work.clock.now() - mark.complete >= self.reconcile

    async def differences(self, *, moving: bool = False) -> SyncReport:
        """Read what changed; ``moving``: of machines alone. Raises :class:`SignInRequired`; any other failure is kept as a problem."""
        mark = await watermark(self.work)
        if mark is None or mark.changes is None:
            return await read_fleet(self.work, sources=MOVING) if moving else await read_fleet(self.work)
        scope = await searched(self.work)
        readings: list[tuple[Source, Callable[[], Awaitable[None]]]] = [(Source.MACHINES, lambda: self._read_changes(mark, scope))]
        if not moving:
            readings += [(Source.ALERTS, lambda: self._read_alerts(scope)), (Source.PLAN, lambda: self._read_plans(scope))]
        failed = 0
        try:
            for source, read in readings:
                failed += not await self._attempt(source, read)
        finally:
            self.work.activity.end("sync")
        if not moving and not failed:
            await self._try_again()
        problems = tuple(await self.work.fleet.problems())
        return SyncReport(len(await self.work.fleet.subscription_ids()), problems, nothing=failed == len(readings))

    async def _attempt(self, source: Source, read: Callable[[], Awaitable[None]]) -> bool:
        work = self.work
        try:
            await read()
        except SignInRequired:
            raise
        except AzureProblem as problem:
            await work.remember(problem, source, "")
            return False
        await work.fleet.clear_problem(source)
        await work.fleet.still_fresh(source)
        return True

    # Machines

    async def _read_changes(self, mark: Watermark, scope: Scope) -> None:
        work = self.work
        assert mark.changes is not None
        seen: set[str] = set()
        new: dict[str, Change] = {}
        async for page in work.azure.graph_changes(mark.changes - OVERLAP, scope):
            for change in page:
                seen.add(change.id)
                if change.id not in work.shown:
                    new[change.machine_id] = change
        until = work.azure.date  # no change's own time: one in the future would hide all that happen until then
        known = {one.lower() for one in await work.fleet.subscription_ids()}
        strange = {part_of(one, "subscriptions") for one in new} - known
        changed = [one for one in new.values() if part_of(one.machine_id, "subscriptions") in known]
        if changed:
            await self._read_machines(changed)
        if strange - self._strange and not work.only:
            await self._read_strange(strange)
        work.shown = frozenset(seen)
        await move(work, mark, until)

    async def _read_machines(self, changed: list[Change]) -> None:
        """Read the machines that changed, or all of them where that takes fewer queries. Those that are not there are gone."""
        work = self.work
        known = sum((await work.fleet.state_counts()).values())
        if -(-len(changed) // SOME) > max(1, -(-known // PAGE)):
            await read_fleet(work, sources=MOVING)
            return
        work.activity.begin("sync", "reading changed machines", total=len(changed))
        judge = await settle_states(work.fleet, work.clock, work.cloud)
        touched: set[str] = set()
        for start in range(0, len(changed), SOME):
            batch = changed[start : start + SOME]
            found = await work.azure.some_machines([one.named for one in batch])
            touched |= await work.fleet.see_machines(found, uuid4().hex, judge)
            touched |= await work.fleet.forget_machines({one.machine_id for one in batch} - {one.id.lower() for one in found})
            await read_details(work, await work.fleet.some_machines([one.id for one in found]))
            work.activity.advance("sync", done=start + len(batch))
        await self._evaluate(touched)

    async def _read_strange(self, subscription_ids: set[str]) -> None:
        """Something changed in subscriptions that are not known: they may be new. One that is not listed is not asked for again."""
        self._strange |= subscription_ids
        await read_fleet(self.work, sources=frozenset({Source.SUBSCRIPTIONS}))
        found = [one for one in await self.work.fleet.subscription_ids() if one.lower() in subscription_ids]
        if found:
            await read_fleet(self.work, found)

    # Alerts and plans

    async def _read_alerts(self, scope: Scope) -> None:
        work, fleet = self.work, self.work.fleet
        told = await work.azure.alert_digest(scope)
        if told == self._alerts:
            return
        if told != await fleet.alert_digest():
            work.activity.begin("sync", "reading alerts")
            ids = await fleet.subscription_ids()
            known = {one.lower() for one in ids}
            newest = await fleet.newest_alert()
            if newest is not None:
                async for page in work.azure.graph_alerts_since(newest - OVERLAP, scope):
                    await fleet.see_alerts([one for one in page if one.place.subscription_id.lower() in known], uuid4().hex)
            if newest is None or told != await fleet.alert_digest():
                differing = _differing(await work.azure.alert_digest_by_subscription(scope), await fleet.alert_digest_by_subscription())
                await list_alerts(work, [one for one in ids if one.lower() in differing] or ids)
            await read_newest_details(work)
        self._alerts = told

    async def _read_plans(self, scope: Scope) -> None:
        work, fleet = self.work, self.work.fleet
        told = await work.azure.plan_digest(scope)
        if told == self._plans:
            return
        if told != digest_of_plans(await fleet.servers_plans()):
            await self._evaluate(await fleet.put_servers_plans(await work.azure.graph_plans(scope)))
        self._plans = told

    # Afterwards

    async def _evaluate(self, subscription_ids: Collection[str]) -> None:
        work = self.work
        if subscription_ids:
            await evaluate(work.fleet, work.journal, work.clock, work.cloud, subscription_ids)

    async def _try_again(self) -> None:
        """Read again some of the subscriptions of which something could not be read the last time, for a reason that may have passed."""
        failed = sorted({one.subscription_id for one in await self.work.fleet.problems() if one.subscription_id and one.code in PASSING})
        if failed:
            await read_fleet(self.work, failed[:TRIED_AGAIN])


def _differing(told: AlertDigest, known: AlertDigest) -> set[str]:
    """The subscriptions of which two digests tell something else."""
    return {key[0] for key in told.keys() | known.keys() if told.get(key) != known.get(key)}

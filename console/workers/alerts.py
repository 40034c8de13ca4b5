"""Reading alerts: all of them from Resource Graph, or from Defender for Cloud itself where that does not serve; and the details of some."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from uuid import uuid4

from cache.alert_store import AlertSighting
from cache.model import Source, Subscription
from console.gateway.errors import AzureProblem, NotFound, SignInRequired
from console.gateway.graph_alerts import SOME
from console.rules.rights import READ_ALERTS, allows
from console.together import together
from console.workers.work import Work

DETAILED = 500
"""Of so many of the newest alerts the details are read with the list; of others when somebody looks at them."""


async def read_all_alerts(work: Work, subscription_ids: Sequence[str]) -> None:
    """Read the alerts of these subscriptions. Where they can be seen is known from the rights: elsewhere the service says why not."""
    subscriptions = await work.fleet.subscription_records()
    seen = [one for one in subscription_ids if shows_alerts(subscriptions.get(one.lower()))]
    by_service = [one for one in subscription_ids if one not in set(seen)]
    if seen:
        try:
            async with work.gate:
                await list_alerts(work, seen)
            await work.fleet.settle(Source.ALERTS, seen)
        except SignInRequired:
            raise
        except AzureProblem as problem:
            await work.fleet.add_log("warning", f"Resource Graph did not tell the alerts, each subscription is asked: {problem.message}")
            by_service = list(subscription_ids)
        else:
            await read_newest_details(work)
    await together(read_alerts(work, one) for one in by_service)


def shows_alerts(subscription: Subscription | None) -> bool:
    """Whether Resource Graph is known to show the alerts of a subscription, if there are any."""
    if subscription is None or (subscription.provider or "").lower() != "registered":
        return False
    return subscription.permissions is not None and allows(subscription.permissions, READ_ALERTS)


async def list_alerts(work: Work, subscription_ids: Sequence[str]) -> None:
    """Keep what Resource Graph lists; whatever pages have landed meanwhile become one write. Alerts that it does not list are gone."""
    sync_id = uuid4().hex
    landed: list[AlertSighting] = []
    count = pages = 0
    writing: asyncio.Task[None] | None = None
    try:
        async for page in work.azure.graph_alerts(subscription_ids):
            landed += page
            count, pages = count + len(page), pages + 1
            work.activity.advance("sync", done=count, pages=pages)
            if writing is None or writing.done():
                if writing is not None:
                    await writing
                writing = asyncio.create_task(work.fleet.see_alerts(landed, sync_id))
                landed = []
        if writing is not None:
            await writing
        await work.fleet.see_alerts(landed, sync_id)
    finally:
        if writing is not None:
            await asyncio.gather(writing, return_exceptions=True)
    await work.fleet.finish_alert_listing(subscription_ids, sync_id)


async def read_alerts(work: Work, subscription_id: str) -> None:
    """Read a subscription's alerts from Defender for Cloud itself, page by page."""
    sync_id = uuid4().hex

    async def pages() -> None:
        async for page in work.azure.alerts(subscription_id):
            await work.fleet.put_alerts(subscription_id, page, sync_id)

    async def finish(_: None) -> None:
        await work.fleet.finish_alerts(subscription_id, sync_id)

    await work.attempt(Source.ALERTS, subscription_id, pages, finish)


async def read_newest_details(work: Work) -> None:
    """Read the details of the newest alerts, those of them that are not known. What fails is read when somebody looks at it."""
    if lacking := await work.fleet.newest_without_details(DETAILED):
        try:
            async with work.gate:
                await keep_details(work, lacking)
        except SignInRequired:
            raise
        except AzureProblem as problem:
            await work.fleet.add_log("warning", f"The details of the newest alerts could not be read: {problem.message}")


async def keep_details(work: Work, alert_ids: Sequence[str]) -> Collection[str]:
    """Read the details of these alerts and keep them. Returns the ids, in lower case, of those that are there."""
    found: set[str] = set()
    for start in range(0, len(alert_ids), SOME):
        told = await work.azure.alert_details(alert_ids[start : start + SOME])
        await work.fleet.see_alerts(told, uuid4().hex)
        found |= {one.id.lower() for one in told}
    return found


async def read_details(work: Work, alert_id: str) -> None:
    """Read the details of one alert, for somebody who looks at it. Raises an :class:`AzureProblem` when that fails."""
    async with work.gate:
        if not await keep_details(work, [alert_id]):
            raise NotFound("Resource Graph does not show this alert (any more). Press r to read the alerts again.")

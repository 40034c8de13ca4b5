"""When the machines of a subscription were told to come aboard: by our own journal, else by Azure's activity log. Clocks begin then."""

from __future__ import annotations

from datetime import datetime, timedelta

from cache.changes import PUT_SETTING
from cache.enabling import KEPT, Enabling
from cache.model import Subscription
from console.gateway import activity_log
from console.gateway.errors import AzureProblem, SignInRequired
from console.rules.rights import ENABLE, READ_ACTIVITY_LOG, allows
from console.rules.settings import EXCLUDE_LINUX, WDATP, linux_on
from console.workers.work import Work

SHOWS_WITHIN = timedelta(hours=6)
"""For so long after the integration was seen to come on, a log that shows nothing yet is asked again: events come in minutes later."""

AGAIN_AFTER = timedelta(hours=1)
"""A log that could not be read, or showed nothing yet, is not asked again sooner."""

SETTINGS = "/providers/Microsoft.Security/settings"

AHEAD = timedelta(minutes=10)
"""How far the clock of Azure may be ahead of ours."""

WELL_WITHIN = KEPT - timedelta(hours=1)
"""How far back it is asked for: a time that is a little too old is refused."""


async def enabled_from_here(work: Work, subscription_id: str) -> datetime | None:
    """When the journal says that Linux was switched on from here, if that was the last thing done to it: the cache may have been built anew
    since, and a machine's clock must not begin anew with it."""
    if await work.journal.last(PUT_SETTING) is None:
        return None
    times = []
    for name, on in ((WDATP, "true"), (EXCLUDE_LINUX, "false")):
        entry = await work.journal.last(PUT_SETTING, f"{subscription_id}/{name}")
        if entry is not None and entry.outcome == "confirmed":
            if entry.after != on:
                return None
            times.append(entry.at)
    return max(times, default=None)


async def look_up_enabling(work: Work, subscription_id: str) -> None:
    """Where Linux is on and was not switched on from here: ask Azure's activity log who wrote the settings last and when, and keep that.

    It is asked once; again only where it could not be read, or may not show yet what was seen to happen. Raises
    :class:`~console.gateway.errors.SignInRequired`; any other failure is kept as why it could not be read.
    """
    one = await work.fleet.subscription(subscription_id)
    if one is None or not linux_on(one):
        return
    before = (await work.fleet.enablings([subscription_id])).get(subscription_id.lower())
    if not _is_due(one, before, work.clock.now()) or await enabled_from_here(work, subscription_id) is not None:
        return
    found = await _ask(work, one)
    if before is None or (found.at, found.by, found.problem) != (before.at, before.by, before.problem):
        await work.fleet.put_enabling(found)
    if found.at is not None:
        await work.fleet.put_settings(subscription_id, one.integration, one.linux, one.unified, enabled_at=found.at)


async def who_enabled(work: Work, subscription_id: str) -> str:
    """Who switched Linux on and when, in a sentence with its age: by our own journal, else by the activity log; empty where nothing was
    looked up."""
    if (at := await enabled_from_here(work, subscription_id)) is not None:
        entries = [await work.journal.last(PUT_SETTING, f"{subscription_id}/{name}") for name in (WDATP, EXCLUDE_LINUX)]
        by = next((one.actor for one in entries if one is not None and one.at == at), "")
        return f"It was switched on from this console {at:%Y-%m-%d %H:%M} UTC by {by}."
    one = (await work.fleet.enablings([subscription_id])).get(subscription_id.lower())
    return "" if one is None else f"{one.told().rstrip('.')} (read {one.read_at:%Y-%m-%d %H:%M} UTC)."


def _is_due(one: Subscription, before: Enabling | None, now: datetime) -> bool:
    if before is None:
        return True
    seen_later = one.enabled_at is not None and one.enabled_at > before.read_at
    if before.at is not None:
        return seen_later  # it was off in between
    young = one.enabled_at is not None and now - one.enabled_at < SHOWS_WITHIN
    return seen_later or ((bool(before.problem) or young) and now - before.read_at >= AGAIN_AFTER)


async def _ask(work: Work, one: Subscription) -> Enabling:
    now = work.clock.now()
    if one.permissions is not None and not allows(one.permissions, READ_ACTIVITY_LOG):
        missing = f"you have no right to it here ({READ_ACTIVITY_LOG}; Reader has it)."
        return Enabling(one.id, now, problem=missing)
    found: list[tuple[activity_log.Written, str]] = []
    try:
        for name in (WDATP, EXCLUDE_LINUX):
            async with work.gate:
                written = await work.azure.last_write(f"/subscriptions/{one.id}{SETTINGS}/{name}", ENABLE, now - WELL_WITHIN, now + AHEAD)
            if written is not None:
                found.append((written, name))
    except SignInRequired:
        raise
    except AzureProblem as problem:
        return Enabling(one.id, now, problem=problem.message)
    if not found:
        return Enabling(one.id, now)
    last, name = max(found, key=lambda each: each[0].at)
    return Enabling(one.id, now, name, last.at, last.by)

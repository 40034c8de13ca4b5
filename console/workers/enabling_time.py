"""When the machines of a subscription were told to come aboard, by our own journal: their clocks begin then."""

from __future__ import annotations

from datetime import datetime

from cache.changes import PUT_SETTING
from console.rules.settings import EXCLUDE_LINUX, WDATP
from console.workers.work import Work


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

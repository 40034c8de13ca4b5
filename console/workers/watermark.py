"""Up to when the cache stands for Azure: the mark from which a poll reads on by difference, kept in the cache for the next console.

The mark is a time of Azure's own clock, taken before a complete listing begins and moved on by every poll. Changes may enter Azure's
history late, so a poll asks from somewhat before the mark on and leaves out what it knows to be in the cache already.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.gateway.errors import AzureProblem, SignInRequired
from console.gateway.graph import MOST_SEARCHED, Scope
from console.workers.work import Work

OVERLAP = timedelta(minutes=10)
"""How late a change may be known to Resource Graph and still be found."""

OLDEST = timedelta(days=13)
"""Resource Graph keeps changes for 14 days: from an older mark nothing can be read on."""

_KEY = "watermark"


@dataclass(frozen=True, slots=True)
class Watermark:
    """``changes``: up to when, by Azure's clock, changes of machines are in the cache; ``None`` where they cannot be followed.
    ``complete``: when, by the console's clock, everything was last read."""

    changes: datetime | None
    complete: datetime


async def watermark(work: Work) -> Watermark | None:
    """The mark of the subscriptions that this console looks at; ``None`` without one, or if it can be of no use."""
    try:
        kept = json.loads(await work.fleet.remembered(_KEY) or "null")
        if not isinstance(kept, dict) or kept["scope"] != _scope(work):
            return None
        changes = None if kept["changes"] is None else datetime.fromisoformat(kept["changes"])
        found = Watermark(changes, datetime.fromisoformat(kept["complete"]))
        now = work.clock.now()
        if changes is not None and not -OLDEST < now - changes < OLDEST:
            return None
        return found if found.complete <= now else None
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Beginning:
    """A complete reading begins: Azure's time, and the ids of the latest changes, which that reading will show."""

    at: datetime
    changes: frozenset[str]


async def begin(work: Work, at: datetime | None) -> Beginning | None:
    """What the mark will be if the reading that began ``at``, by Azure's clock, is complete; ``None`` where changes cannot be followed."""
    if at is None:
        return None
    try:
        seen = [one.id async for page in work.azure.graph_changes(at - OVERLAP, await searched(work)) for one in page]
    except SignInRequired:
        raise
    except AzureProblem:
        return None
    return Beginning(at, frozenset(seen))


async def completed(work: Work, beginning: Beginning | None) -> None:
    """Everything was read. Without a ``beginning`` differences cannot be read from here on."""
    if beginning is not None:
        work.shown = beginning.changes
    await _keep(work, Watermark(None if beginning is None else beginning.at, work.clock.now()))


async def move(work: Work, mark: Watermark, to: datetime | None) -> None:
    """Changes up to ``to`` are in the cache too. The mark never goes back."""
    if mark.changes is not None and to is not None and to > mark.changes:
        await _keep(work, Watermark(to, mark.complete))


async def _keep(work: Work, mark: Watermark) -> None:
    kept = {
        "scope": _scope(work),
        "changes": None if mark.changes is None else mark.changes.isoformat(),
        "complete": mark.complete.isoformat(),
    }
    await work.fleet.remember(_KEY, json.dumps(kept))


def _scope(work: Work) -> list[str]:
    return sorted(work.only)


async def searched(work: Work) -> Scope:
    """The subscriptions that a query names: those that were asked for; else none, which stands for all, if there are not too many."""
    if work.only:
        return _scope(work)
    known = await work.fleet.subscription_ids()
    return known if len(known) > MOST_SEARCHED else None

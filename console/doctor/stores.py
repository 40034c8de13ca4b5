"""The cache and the journal of the last sign-in: whether they are sound, and whether the audit trail is as it was written."""

from __future__ import annotations

import asyncio

from cache.checkup import look_through
from cache.errors import NEVER_REBUILT, CacheDamaged, CacheError
from cache.fleet import FILE as FLEET_FILE
from cache.journal import FILE as JOURNAL_FILE
from cache.journal import Journal
from cache.schema import FLEET, JOURNAL
from console.doctor.finding import Finding, Status, gave_up
from console.session import Setup, cache_folder, remembered

SECONDS = 20.0
"""How long each file is looked through at most."""

REBUILT_BY_ITSELF = "It only holds what can be read again: the next start puts it aside and builds it anew."


async def cache(setup: Setup) -> list[Finding]:
    """The cache."""
    last = remembered(setup)
    if last is None:
        return [Finding("cache", Status.OK, "There is none yet: nothing was read from here.")]
    path = cache_folder(setup, last.tenant_id, last.principal) / FLEET_FILE
    if not path.exists():
        return [Finding("cache", Status.WARN, f"{path} is not there.", "Read Azure again: mde-console sync")]
    try:
        await asyncio.to_thread(look_through, path, FLEET, REBUILT_BY_ITSELF, SECONDS)
    except TimeoutError:
        return [gave_up("cache", SECONDS, f"Look through it yourself: sqlite3 {path} 'PRAGMA quick_check'")]
    except CacheDamaged as failure:
        return [Finding("cache", Status.WARN, str(failure), "Read Azure again: mde-console sync")]
    except CacheError as failure:
        return [Finding("cache", Status.FAIL, str(failure))]
    return [Finding("cache", Status.OK, f"{path} is sound.")]


async def journal(setup: Setup) -> list[Finding]:
    """The journal with the audit trail."""
    last = remembered(setup)
    if last is None:
        return [Finding("journal", Status.OK, "There is none yet: nothing was changed from here.")]
    folder = cache_folder(setup, last.tenant_id, last.principal)
    path = folder / JOURNAL_FILE
    restore = "Restore the folder from a backup. No change is made meanwhile."
    if not path.exists():
        evidence = f"{path} is not there although somebody has signed in from here: it was moved or deleted."
        return [Finding("journal", Status.FAIL, evidence, restore)]
    try:
        await asyncio.to_thread(look_through, path, JOURNAL, NEVER_REBUILT, SECONDS)
        async with asyncio.timeout(SECONDS), await Journal.open(folder, setup.clock) as opened:
            sound, sentence = await opened.verify()
    except TimeoutError:
        return [gave_up("journal", SECONDS, "Have the trail verified by itself: mde-console audit verify")]
    except CacheError as failure:
        return [Finding("journal", Status.FAIL, str(failure))]
    if not sound:
        return [Finding("journal", Status.FAIL, sentence, restore)]
    return [Finding("journal", Status.OK, f"{path} is sound. {sentence}")]

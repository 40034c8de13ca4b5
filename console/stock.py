"""What the verbs stand on: a connection, or the cache as it was left; which subscriptions and machine are meant; a word to a person."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cache.activity import Activity
from cache.failure import Failure
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.model import Machine, Source
from console.session import Connection, Setup, connect, open_cache, remembered


class VerbError(Failure):
    """A verb cannot do its work; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stock:
    """The cache and the journal that a printing verb reads."""

    fleet: FleetCache
    journal: Journal


def say(text: str) -> None:
    """Tell a person something that is not the output: to standard error."""
    print(text, file=sys.stderr, flush=True)


def prompt_on_stderr(prompt: Any) -> None:
    """The device code, for a person who watches a verb."""
    say(f"To sign in, open {prompt.verification_uri} and enter the code {prompt.user_code}")


@asynccontextmanager
async def connected(setup: Setup, on_prompt: Callable[[Any], None] = prompt_on_stderr) -> AsyncIterator[Connection]:
    """A connection for the length of a verb; waiting for a throttled service is told, and what an earlier end left unfinished."""
    from console.workers.recovery import reconcile

    activity = Activity(setup.clock)
    connection = await connect(
        setup,
        activity,
        on_prompt=on_prompt if sys.stderr.isatty() or setup.method == "device-code" else None,
        on_wait=lambda wait: say(f"Waiting {wait.told}") if wait.seconds else None,
    )
    try:
        for sentence in await reconcile(connection.work):
            say(sentence)
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def stocked(setup: Setup, refresh: bool) -> AsyncIterator[Stock]:
    """The cache of the last sign-in, refreshed first if asked for; states are as of now."""
    if refresh:
        from console.workers.apart import read_fleet

        async with connected(setup) as connection:
            await read_fleet(connection.work)
            yield Stock(connection.fleet, connection.journal)
        return
    last = remembered(setup)
    if last is None:
        where = f"{setup.cloud.name}, tenant {setup.tenant}" if setup.tenant else setup.cloud.name
        raise VerbError(f"Nothing has been read from {where} yet. Run “mde-console sync” first, or add --refresh.")
    from console.workers.evaluate import evaluate

    fleet, journal = await open_cache(setup, last.tenant_id, last.principal)
    try:
        await evaluate(fleet, journal, setup.clock, setup.cloud)
        yield Stock(fleet, journal)
    finally:
        await fleet.close()
        await journal.close()


async def wanted(setup: Setup, fleet: FleetCache) -> list[str] | None:
    """The subscriptions named on the command line, as Azure spells them; ``None``: all. Raises :class:`VerbError` for an unknown one."""
    if not setup.only:
        return None
    known = {one.lower(): one for one in await fleet.subscription_ids()}
    for one in sorted(setup.only - known.keys()):
        raise VerbError(f"Subscription {one} is not among the {len(known)} that can be seen. “mde-console subscriptions” lists them.")
    return [known[one] for one in sorted(setup.only)]


async def machine_named(fleet: FleetCache, named: str) -> Machine:
    """The machine with this resource id, or the only one of this name. Raises :class:`VerbError`."""
    found = await (fleet.some_machines([named]) if named.startswith("/") else fleet.machines_named(named))
    if not found:
        raise VerbError(f"No machine {named} is known. “mde-console machines” lists them; “mde-console sync” reads Azure again.")
    if len(found) > 1:
        raise VerbError(f"{len(found)} machines are called {named}. Give the resource id of one of them: {found[0].id}, for one.")
    return found[0]


async def oldest(fleet: FleetCache, source: Source, ids: Collection[str] | None) -> datetime | None:
    """When the oldest data of ``source`` among the printed subscriptions was read."""
    times = [one.fetched_at for one in await fleet.freshness(ids) if one.source == source]
    return min(times, default=None)

"""From the command line to a working connection: the settings in force, the sign-in, the cache that belongs to it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cache.activity import Activity
from cache.clock import Clock, SystemClock
from cache.errors import CacheError
from cache.folders import fleet_folder
from console.clouds import Cloud, load_cloud
from console.paths import Paths, find_paths, make_folder, write_private
from console.settings import OWN_RULES, Settings, load_settings

if TYPE_CHECKING:
    from cache.fleet import FleetCache
    from cache.journal import Journal
    from console.gateway.azure import Azure
    from console.gateway.transport import Wait
    from console.identity import DevicePrompt, SignedIn
    from console.workers.work import Work


_LARGEST_RULES = 200_000


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that is decided before anybody signs in.

    ``own_rules``: the user's rules of diagnosis, as :func:`console.rules.own.kept` writes them; ``own_mistakes``: what is wrong in their
    file. ``sleep`` is how requests and workers wait, in seconds.
    """

    paths: Paths
    settings: Settings
    cloud: Cloud
    method: str
    tenant: str
    only: frozenset[str] = frozenset()
    read_only: bool = False
    clock: Clock = field(default_factory=SystemClock)
    plan_minutes: float = 15.0
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    screen: str = ""
    slow_line: bool | None = None
    own_rules: str = ""
    own_mistakes: tuple[str, ...] = ()
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Remembered:
    """Who was signed in where last: enough to find the cache again. Never a token."""

    cloud: str
    tenant_id: str
    principal: str


def set_up(
    *,
    home: str | None,
    cloud: str | None,
    method: str | None,
    tenant: str | None,
    only: tuple[str, ...],
    read_only: bool,
    environ: Mapping[str, str],
    screen: str = "",
    slow_line: bool = False,
) -> Setup:
    """Read the settings and the cloud. Raises the sentences of :mod:`console.paths`, ``settings`` and ``clouds``."""
    paths = find_paths(home, environ)
    make_folder(paths.home)
    settings = load_settings(paths.config)
    own_rules, own_mistakes = _own_rules(paths.rules)
    return Setup(
        paths,
        settings,
        load_cloud(cloud or settings.cloud, paths.clouds),
        method or settings.auth,
        tenant or settings.tenant,
        frozenset(one.lower() for one in only),
        read_only or settings.read_only,
        environ=environ,
        screen=screen,
        slow_line=True if slow_line else settings.slow_line,
        own_rules=own_rules,
        own_mistakes=own_mistakes,
    )


def _own_rules(path: Path) -> tuple[str, tuple[str, ...]]:
    """The user's rules of diagnosis and the mistakes in their file, which stop nothing."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_RULES + 1)
    except FileNotFoundError:
        return "", ()
    except OSError as error:
        return "", (f"The rules in {path} cannot be read: {error.strerror or error}. The console goes on without them.",)
    if len(data) > _LARGEST_RULES:
        return "", (f"The rules in {path} are longer than {_LARGEST_RULES:,} bytes. The console goes on without them.",)
    from console.rules.own import kept, read_own_rules

    found = read_own_rules(data, str(path))
    return kept(found.rules) if found.rules else "", found.mistakes


def last_sessions(paths: Paths) -> list[Remembered]:
    """The remembered sign-ins, newest first. A file that cannot be read remembers nothing."""
    try:
        rows = json.loads(paths.last_session.read_text(encoding="utf-8"))["sessions"]
        return [Remembered(str(row["cloud"]), str(row["tenant_id"]), str(row["principal"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def remembered(setup: Setup) -> Remembered | None:
    """The last sign-in that fits the cloud and tenant asked for."""
    for one in last_sessions(setup.paths):
        if one.cloud == setup.cloud.key and setup.tenant in ("", one.tenant_id):
            return one
    return None


def remember(setup: Setup, tenant_id: str, principal: str) -> None:
    """Put this sign-in first among the remembered ones."""
    this = Remembered(setup.cloud.key, tenant_id, principal)
    rows = [this, *(one for one in last_sessions(setup.paths) if one != this)][:20]
    document = {"sessions": [{"cloud": one.cloud, "tenant_id": one.tenant_id, "principal": one.principal} for one in rows]}
    write_private(setup.paths.last_session, json.dumps(document, indent=2) + "\n")


def cache_folder(setup: Setup, tenant_id: str, principal: str) -> Path:
    """Where the cache of a sign-in lives."""
    return fleet_folder(setup.paths.home, setup.cloud.key, tenant_id, principal)


async def open_cache(setup: Setup, tenant_id: str, principal: str) -> tuple[FleetCache, Journal]:
    """Open the fleet cache and the journal of a sign-in. Raises the cache's errors; leaves nothing open then."""
    from cache.fleet import FleetCache
    from cache.journal import Journal

    folder = cache_folder(setup, tenant_id, principal)
    opening = asyncio.ensure_future(FleetCache.open(folder, setup.clock))  # both at once: each waits for threads most of the time
    try:
        journal = await Journal.open(folder, setup.clock)
    except BaseException:
        with suppress(CacheError):
            await (await opening).close()
        raise
    try:
        fleet = await opening
    except BaseException:
        await journal.close()
        raise
    if fleet.quarantined is not None:
        await fleet.add_log(
            "warning", f"The cache was damaged. It was put aside as {fleet.quarantined.name} and is built anew; the journal is untouched."
        )
    if (await fleet.remembered(OWN_RULES) or "") != setup.own_rules:
        await fleet.remember(OWN_RULES, setup.own_rules)
    for sentence in setup.own_mistakes:
        await fleet.add_log("warning", sentence)
    return fleet, journal


@dataclass(slots=True)
class Connection:
    """A sign-in, the gateway that uses it, and the cache that belongs to it."""

    signed_in: SignedIn
    azure: Azure
    fleet: FleetCache
    journal: Journal
    work: Work

    async def close(self) -> None:
        """Close everything, whatever fails."""
        try:
            await self.azure.close()
        finally:
            try:
                await self.signed_in.close()
            finally:
                try:
                    await self.fleet.close()
                finally:
                    await self.journal.close()


async def connect(
    setup: Setup,
    activity: Activity,
    *,
    on_prompt: Callable[[DevicePrompt], None] | None = None,
    on_wait: Callable[[Wait], None] | None = None,
    cache: Callable[[str, str], tuple[FleetCache, Journal] | None] = lambda tenant, principal: None,
) -> Connection:
    """Sign in, open the gateway and the cache. ``cache`` may hand over files that are open already for this tenant and principal."""
    from console.gateway.azure import Azure
    from console.identity import sign_in
    from console.workers.work import Work

    signed_in = await sign_in(setup.cloud, setup.method, setup.tenant or None, on_prompt, setup.environ)
    azure = None
    try:
        azure = await Azure.open(setup.cloud, signed_in, on_wait=on_wait, sleep=setup.sleep, read_only=setup.read_only)
        tenant_id = signed_in.tenant_id or setup.tenant
        fleet, journal = cache(tenant_id, signed_in.principal) or await open_cache(setup, tenant_id, signed_in.principal)
        azure.names_are(await fleet.subscription_names())
        remember(setup, tenant_id, signed_in.principal)
    except BaseException:
        if azure is not None:
            await azure.close()
        await signed_in.close()
        raise
    work = Work(
        azure,
        fleet,
        journal,
        setup.clock,
        activity,
        setup.cloud,
        tenant_id,
        signed_in.principal,
        setup.read_only,
        setup.plan_minutes,
        setup.settings.concurrency,
        setup.only,
        sleep=setup.sleep,
    )
    return Connection(signed_in, azure, fleet, journal, work)


def for_demo(setup: Setup, clock: Clock) -> Setup:
    """The same, at the pace of a simulator whose clock runs fast: its own time, short polls, plans that live longer."""
    settings = replace(setup.settings, poll_seconds=6.0, moving_seconds=2.0, reconcile_minutes=600.0, stale_minutes=240.0)
    return replace(setup, settings=settings, clock=clock, plan_minutes=24 * 60.0)

"""The one place that knows how the console is started, filled and made to read Azure. When those change, this is adapted, nothing else.

The console's modules are imported where they are needed: what is measured imports only what it needs, and a part that has moved makes
the rows that need it unmeasurable, not all of them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.fleet import PRINCIPAL, TENANT, MadeUp, graph_row, machines, subscription_id, subscription_name, subscriptions_for
from benchmarks.meter import Program

CLOSED = 9
"""A port on which nothing listens."""

MACHINE = r"(?:web|api|sql|app|cache|queue|build|batch|proxy|store)-(?:prod|test|dev|stage)-[a-z]+-\d{6}"
"""What shows that rows are on the screen."""

MACHINE_CUT = MACHINE.removesuffix(r"+-\d{6}")
"""The same where the terminal is so narrow that names are cut."""

ARRANGED = r"\d of [\d,]+ "
"""What shows that the whole fleet is in memory, filterable, and not only its first rows on the screen."""

SORTED_BY_NAME = ("s",)
"""The keys that sort the table of machines by name, from the order in which it opens: then a change of state moves no row."""


class Unmeasurable(Exception):
    """A row cannot be measured with this console; the message says why."""


# Starting the console


def write_cloud(folder: Path, port: int = CLOSED, ca_file: Path | None = None) -> Path:
    """A cloud file for a server on this machine; by default one that does not answer."""
    here = f"https://127.0.0.1:{port}"
    addresses = ("authority", "resource_manager", "audience", "azure_portal", "defender_portal")
    lines = ['name = "Bench"', *(f'{one} = "{here}"' for one in addresses)]
    if ca_file is not None:
        lines.append(f'ca_file = "{ca_file}"')
    path = folder / "bench.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def console_arguments(home: Path, cloud: Path) -> list[str]:
    """The console, offline: without a token in the environment ``--auth token`` fails at once, and the cache is what there is."""
    return ["-m", "console", "--home", str(home), "--cloud", str(cloud), "--auth", "token", "--screen", "machines"]


def watched_arguments(home: Path, cloud: Path, pipe: Path, report: Path) -> list[str]:
    """The same console with something inside that changes states and looks at the event loop."""
    return ["-m", "benchmarks.programs.console", str(pipe), str(report), *console_arguments(home, cloud)[2:]]


def reach_machines(program: Program, timeout: float = 120.0) -> float:
    """Wait until the console shows machines; returns when."""
    program.wait_for(MACHINE, timeout)
    return program.wait_for(ARRANGED, timeout)


def sort_columns() -> int:
    """By how many columns the table of machines can be sorted."""
    from screens.machines import MachinesScreen

    return len(MachinesScreen.SORT_KEYS)


def run_watched(arguments: Sequence[str], on_app: Callable[[Any], None]) -> int:
    """Run the command line; ``on_app`` is called in the event loop with the app, just before it runs."""
    from console import app, cli

    run_async = app.ConsoleApp.run_async

    async def watched(self: Any, *values: Any, **options: Any) -> Any:
        on_app(self)
        return await run_async(self, *values, **options)

    app.ConsoleApp.run_async = watched  # type: ignore[method-assign]
    return cli.run(list(arguments))


def fleet_of(app: Any) -> Any:
    """The open cache of a running app; ``None`` until there is one."""
    desk = app.desk
    return None if desk is None else desk.fleet


# Filling the cache


class _Earlier:
    """Ten minutes ago: nobody opens a console in the very minute of a sync, in which the age of the data is told in seconds."""

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC) - timedelta(minutes=10)


async def change_states(fleet: Any, changed: Sequence[tuple[MadeUp, str, str]]) -> None:
    """Give machines another state and reason, in one write."""
    from cache.model import MachineState, Onboarding

    await fleet.put_onboardings([Onboarding(one.id, MachineState(state), reason, one.since) for one, state, reason in changed])


async def seed(home: Path, cloud: Path, count: int, alerts: int) -> None:
    """Fill a home with ``count`` machines, their states, and alerts; the console opens it without a sign-in."""
    from cache.fleet import FleetCache
    from cache.model import Source
    from cache.sighting import sighting_of
    from console.gateway.machines import machine_of_graph
    from console.session import cache_folder, open_cache, remember

    setup = replace(set_up(home, cloud, {}), clock=_Earlier())
    remember(setup, TENANT, PRINCIPAL)
    fleet, journal = await open_cache(setup, TENANT, PRINCIPAL)
    assert isinstance(fleet, FleetCache)
    assert fleet.path.parent == cache_folder(setup, TENANT, PRINCIPAL)
    try:
        ids = await _seed_subscriptions(fleet, count)
        fleet_of_machines = list(machines(count))
        for start in range(0, count, 1000):
            page = fleet_of_machines[start : start + 1000]
            await fleet.see_machines([sighting_of(machine_of_graph(graph_row(one)), one.subscription_id) for one in page], "seed")
            await change_states(fleet, [(one, one.state, one.reason) for one in page])
        await _seed_alerts(fleet, fleet_of_machines, alerts)
        for source in Source:
            await fleet.settle(source, ids)
            await fleet.mark_fresh(source)
    finally:
        await fleet.close()
        await journal.close()


async def _seed_subscriptions(fleet: Any, count: int) -> list[str]:
    from cache.model import Subscription

    total = subscriptions_for(count)
    ids = [subscription_id(one) for one in range(total)]
    rows = [Subscription(one, subscription_name(place), "Enabled", TENANT) for place, one in enumerate(ids)]
    await fleet.put_subscriptions(rows, complete=True)
    for one in ids[:200]:
        await fleet.put_settings(one, "on", "enabled", "on")
        await fleet.put_servers_plan(one, "P2")
        await fleet.put_provider(one, "Registered")
    return ids


async def _seed_alerts(fleet: Any, over: Sequence[MadeUp], count: int) -> None:
    from cache.alert_store import alert_sighting
    from cache.model import Alert

    severities = ("High", "Medium", "Low", "Informational")
    made: list[Any] = []
    for number in range(count):
        one = over[number * len(over) // count]
        made.append(
            alert_sighting(
                Alert(
                    id=f"/subscriptions/{one.subscription_id}/providers/Microsoft.Security/locations/westeurope/alerts/{number:08d}",
                    name=f"{number:08d}",
                    subscription_id=one.subscription_id,
                    resource_group=one.resource_group,
                    location="westeurope",
                    title="Suspicious process executed",
                    severity=severities[number % 4],
                    status="Active" if number % 3 else "Resolved",
                    product="Microsoft Defender for Endpoint",
                    alert_type="MDE_1",
                    from_endpoint=True,
                    machine_id=one.id,
                    compromised_entity=one.name,
                    description="A process that is often used by attackers was started.",
                    remediation=("Isolate the machine.", "Look at what it did."),
                    started=one.since,
                    generated=one.since,
                    azure_link="",
                    defender_link="",
                ),
                one.subscription_id,
            )
        )
    for start in range(0, count, 1000):
        await fleet.see_alerts(made[start : start + 1000], "seed")


# Reading Azure


def set_up(home: Path, cloud: Path, environ: dict[str, str]) -> Any:
    """What the command line makes of its options."""
    from console import session

    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return session.set_up(home=str(home), cloud=str(cloud), method="token", tenant=TENANT, only=(), read_only=False, environ=environ)


def token() -> str:
    """A bearer token that nobody signed; the server here does not look at it."""

    def part(document: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    claims = {"tid": TENANT, "upn": PRINCIPAL, "oid": "0be9c4e1-0000-4000-8000-00000000beac", "exp": int(time.time()) + 7200}
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.none"


@asynccontextmanager
async def connected(home: Path, cloud: Path) -> AsyncIterator[Any]:
    """A connection of the console's, as its verbs make one. What reads is imported before, as the console does."""
    from cache.activity import Activity
    from console.session import connect
    from console.workers import apart  # noqa: F401

    setup = set_up(home, cloud, {"MDE_CONSOLE_TOKEN": token()})
    connection = await connect(setup, Activity(setup.clock))
    try:
        yield connection
    finally:
        await connection.close()


async def sync(connection: Any) -> int:
    """Read subscriptions and machines, with their states, into the cache. Returns how many machines are known then."""
    from cache.model import Source
    from console.workers.apart import read_fleet

    report = await read_fleet(connection.work, sources=frozenset({Source.SUBSCRIPTIONS, Source.MACHINES}))
    if report.problems:
        raise Unmeasurable(f"the sync had problems: {report.problems[0].message}")
    return sum((await connection.fleet.state_counts()).values())


def client(connection: Any, kind: Any, **more: Any) -> Any:
    """An SDK client with the console's own pipeline: connections, policies and credential."""
    return kind(**connection.azure._transport.options(), **more)


def machines_query() -> str:
    """The query for machines."""
    from console.gateway.graph import query

    return query("machines")


async def keep_rows(connection: Any, rows: Sequence[Any], listing: str) -> None:
    """A page of Resource Graph's rows into the cache, in one write, as a plain loop would."""
    from cache.sighting import sighting_of
    from console.gateway.machines import machine_of_graph

    found = map(machine_of_graph, rows)
    await connection.fleet.see_machines([sighting_of(one, one.subscription_id) for one in found], listing)


async def finish_rows(connection: Any, subscription_ids: Sequence[str], listing: str) -> None:
    """All rows have been kept: what they did not show is gone."""
    await connection.fleet.finish_listing(subscription_ids, listing)


async def keep_machines(connection: Any, owner: str, found: Sequence[Any], listing: str) -> None:
    """The machines of a subscription into the cache, whole."""
    from cache.sighting import sighting_of

    await connection.fleet.see_machines([sighting_of(one, owner) for one in found], listing)
    await connection.fleet.finish_listing((owner,), listing)


async def subscriptions_of(connection: Any) -> list[str]:
    """The subscriptions that the connection sees, put into the cache too."""
    found: list[Any] = []
    async for page in connection.azure.subscriptions():
        found += page
    await connection.fleet.put_subscriptions(found, complete=True)
    return [str(one.id) for one in found]


def run(work: Any) -> Any:
    """Run a coroutine as the command line does."""
    return asyncio.run(work)

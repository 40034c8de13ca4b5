"""The verbs: each prints from the cache what a screen shows, and returns the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cache.activity import Activity
from cache.failure import Failure
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.model import Plan, PlanAction, Source
from cache.plan_text import plan_lines
from cache.plans import PlanUnreadable, plan_from_json, plan_to_json
from console import output
from console.paths import write_private
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
    """A connection for the length of a verb; waiting for a throttled service is told."""
    activity = Activity(setup.clock)
    connection = await connect(
        setup,
        activity,
        on_prompt=on_prompt if sys.stderr.isatty() or setup.method == "device-code" else None,
        on_wait=lambda wait: say(f"Waiting {wait.seconds:.0f} s: {wait.reason}") if wait.seconds else None,
    )
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def stocked(setup: Setup, refresh: bool) -> AsyncIterator[Stock]:
    """The cache of the last sign-in, refreshed first if asked for; states are as of now."""
    if refresh:
        from console.workers.sync import sync as read

        async with connected(setup) as connection:
            await read(connection.work)
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
    known = {row.subscription.id.lower(): row.subscription.id for row in await fleet.subscriptions()}
    for one in sorted(setup.only - known.keys()):
        raise VerbError(f"Subscription {one} is not among the {len(known)} that can be seen. “mde-console subscriptions” lists them.")
    return [known[one] for one in sorted(setup.only)]


async def oldest(fleet: FleetCache, source: Source, ids: Collection[str] | None) -> datetime | None:
    """When the oldest data of ``source`` among the printed subscriptions was read."""
    times = [one.fetched_at for one in await fleet.freshness(ids) if one.source == source]
    return min(times, default=None)


async def sync(setup: Setup, as_json: bool) -> int:
    """Refresh the cache once. Exit 0 all, 3 partly, 1 nothing."""
    from console.workers.sync import sync as read

    async with connected(setup) as connection:
        for attempt in connection.signed_in.attempts:
            say(f"{attempt.method}: {attempt.outcome}")
        report = await read(connection.work)
        problems = report.problems
        if as_json:
            items = [
                {"subscription_id": one.subscription_id or None, "source": one.source, "code": one.code, "message": one.message}
                for one in problems
            ]
            print(output.document(items, setup.clock.now()))
        else:
            counts = await connection.fleet.state_counts()
            print(f"Read {report.subscriptions} subscriptions with {sum(counts.values())} machines.")
            names = {row.subscription.id.lower(): row.subscription.name for row in await connection.fleet.subscriptions()}
            for one in problems:
                where = names.get(one.subscription_id.lower(), one.subscription_id) or "the tenant"
                print(f"  {where} · {one.source}: {one.message}")
        return report.exit_code


async def subscriptions(setup: Setup, as_json: bool, refresh: bool) -> int:
    """Print the subscriptions."""
    async with stocked(setup, refresh) as stock:
        ids = await wanted(setup, stock.fleet)
        rows = [row for row in await stock.fleet.subscriptions() if ids is None or row.subscription.id in ids]
        if as_json:
            print(output.document([output.subscription_item(row) for row in rows], await oldest(stock.fleet, Source.SUBSCRIPTIONS, None)))
        else:
            lines = [
                (
                    row.subscription.id,
                    row.subscription.state,
                    row.subscription.servers_plan or "?",
                    row.subscription.integration or "?",
                    row.subscription.linux or "?",
                    row.machines,
                    len(row.problems),
                    row.subscription.name,
                )
                for row in rows
            ]
            print(output.table(("ID", "STATE", "PLAN", "INTEGRATION", "LINUX", "MACHINES", "PROBLEMS", "NAME"), lines))
        return 0


async def checklist(setup: Setup, as_json: bool, refresh: bool) -> int:
    """Print the checks."""
    async with stocked(setup, refresh) as stock:
        ids = await wanted(setup, stock.fleet)
        checks = await stock.fleet.checks(ids)
        if as_json:
            print(output.document([output.check_item(one) for one in checks], await oldest(stock.fleet, Source.SETTINGS, ids)))
        else:
            names = {row.subscription.id.lower(): row.subscription.name for row in await stock.fleet.subscriptions()}
            lines = [
                (one.status, one.id, names.get(one.subscription_id.lower(), one.subscription_id), one.affected, one.evidence)
                for one in checks
            ]
            print(output.table(("STATUS", "CHECK", "SUBSCRIPTION", "MACHINES", "EVIDENCE"), lines))
        return 0


async def machines(setup: Setup, as_json: bool, refresh: bool) -> int:
    """Print the machines."""
    async with stocked(setup, refresh) as stock:
        ids = await wanted(setup, stock.fleet)
        rows = await stock.fleet.machine_rows(ids)
        if as_json:
            print(output.document([output.machine_item(row) for row in rows], await oldest(stock.fleet, Source.MACHINES, ids)))
        else:
            lines = [
                (row.state, row.name, row.kind, row.os_name or row.os_type, row.power, row.subscription_name, row.reason) for row in rows
            ]
            print(output.table(("STATE", "NAME", "KIND", "SYSTEM", "POWER", "SUBSCRIPTION", "REASON"), lines))
        return 0


async def alerts(setup: Setup, as_json: bool, refresh: bool) -> int:
    """Print the alerts, newest first."""
    async with stocked(setup, refresh) as stock:
        ids = await wanted(setup, stock.fleet)
        found = await stock.fleet.alerts(ids)
        if as_json:
            print(output.document([output.alert_item(one) for one in found], await oldest(stock.fleet, Source.ALERTS, ids)))
        else:
            lines = [
                (output.moment(one.generated), one.severity, one.status, one.product, one.compromised_entity, one.title) for one in found
            ]
            print(output.table(("TIME", "SEVERITY", "STATUS", "PRODUCT", "MACHINE", "TITLE"), lines))
        return 0


async def audit(setup: Setup, as_json: bool) -> int:
    """Print the audit trail and whether its chain holds. Exit 1 when it does not."""
    last = remembered(setup)
    if last is None:
        raise VerbError(f"There is no journal for {setup.cloud.name} yet: nothing was ever read or changed from here.")
    fleet, journal = await open_cache(setup, last.tenant_id, last.principal)
    try:
        entries = await journal.entries()
        sound, sentence = await journal.verify()
    finally:
        await fleet.close()
        await journal.close()
    if as_json:
        print(output.document([output.audit_item(one) for one in entries], setup.clock.now()))
    elif entries:
        lines = [
            (one.sequence, output.moment(one.at), one.actor, one.action, one.before, one.after, one.outcome, one.target) for one in entries
        ]
        print(output.table(("#", "TIME", "ACTOR", "ACTION", "BEFORE", "AFTER", "OUTCOME", "TARGET"), lines))
    say(sentence)
    return 0 if sound else 1


async def plan(setup: Setup, as_json: bool, action: PlanAction, out: str | None) -> int:
    """Print what enabling (or disabling) would change. Exit 0 nothing to do, 2 changes, 1 it cannot be done."""
    async with connected(setup) as connection:
        made = await _made(setup, connection, action)
        document = output.document([plan_to_json(made)], made.created_at)
        if out:
            _write(out, document)
            say(f"The plan is in {out}. Apply it with: mde-console enable --plan {out}")
        print(document if as_json else "\n".join(plan_lines(made)))
        if made.changes:
            return 2
        return 1 if any(one.blockers for one in made.subscriptions) else 0


async def _made(setup: Setup, connection: Connection, action: PlanAction) -> Plan:
    from console.workers.plan import make_plan
    from console.workers.sync import sync as read

    work = connection.work
    report = await read(work, sources=frozenset({Source.SUBSCRIPTIONS}))
    if report.nothing:
        raise VerbError(report.problems[0].message if report.problems else "No subscription can be seen.")
    ids = await wanted(setup, connection.fleet)
    chosen = ids or sorted(await connection.fleet.selection())
    return await make_plan(work, chosen or [row.subscription.id for row in await connection.fleet.subscriptions()], action)


def read_plan(path: str) -> Plan:
    """The plan in a file: what ``plan --json`` or ``plan --out`` wrote. Raises :class:`VerbError`."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise VerbError(f"The plan {path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise VerbError(f"The plan {path} is not JSON: {error}. Make one with “mde-console plan --out FILE”.") from None
    if isinstance(document, dict) and "items" in document:
        if document.get("schema") != output.SCHEMA:
            raise VerbError(f"The plan {path} has schema {document.get('schema')}; this version reads {output.SCHEMA}. Plan again.")
        items = document["items"]
        if not isinstance(items, list) or len(items) != 1:
            raise VerbError(f"The plan {path} must hold exactly one plan in “items”.")
        document = items[0]
    try:
        return plan_from_json(document)
    except PlanUnreadable as error:
        raise VerbError(f"The plan {path} cannot be used: {error}") from None


async def enable(setup: Setup, as_json: bool, action: PlanAction, plan_file: str | None) -> int:
    """Apply a plan: the one in ``plan_file``, else one made now. Exit 0 all, 3 partly, 1 nothing done."""
    from console.workers.apply import apply_plan, reconcile
    from console.workers.evaluate import evaluate

    given = read_plan(plan_file) if plan_file else None
    async with connected(setup) as connection:
        for sentence in await reconcile(connection.work):
            say(sentence)
        made = given or await _made(setup, connection, action)
        if not as_json:
            print("\n".join(plan_lines(made)))
        outcomes = await apply_plan(connection.work, made)
        await evaluate(connection.fleet, connection.journal, setup.clock, setup.cloud, [one.id for one in made.subscriptions])
        if as_json:
            items: Sequence[dict[str, Any]] = [
                {"subscription_id": one.subscription_id, "name": one.name, "outcome": one.code, "message": one.message} for one in outcomes
            ]
            print(output.document(items, setup.clock.now()))
        else:
            print()
            for one in outcomes:
                print(f"{one.code:>10}  {one.name}: {one.message}")
        good = sum(one.code in {"confirmed", "nothing"} for one in outcomes)
        return 0 if good == len(outcomes) else 3 if good else 1


async def info(setup: Setup, as_json: bool, version: str) -> int:
    """Print every path, version and setting in force. Signs in nowhere."""
    last = remembered(setup)
    folder = None
    if last is not None:
        from console.session import cache_folder

        folder = str(cache_folder(setup, last.tenant_id, last.principal))
    facts: dict[str, Any] = {
        "version": version,
        "python": sys.version.split()[0],
        "home": str(setup.paths.home),
        "settings_file": str(setup.paths.config),
        "clouds_folder": str(setup.paths.clouds),
        "cache_folder": folder,
        "log_file": str(setup.paths.log),
        "cloud": setup.cloud.name,
        "authority": setup.cloud.authority,
        "resource_manager": setup.cloud.resource_manager,
        "scope": setup.cloud.scope,
        "ca_file": str(setup.cloud.ca_file) if setup.cloud.ca_file else None,
        "integration_supported": setup.cloud.integration_supported,
        "auth": setup.method,
        "tenant": setup.tenant or (last.tenant_id if last else None),
        "principal": last.principal if last else None,
        "read_only": setup.read_only,
        "poll_seconds": setup.settings.poll_seconds,
        "moving_seconds": setup.settings.moving_seconds,
        "stale_minutes": setup.settings.stale_minutes,
        "concurrency": setup.settings.concurrency,
        "theme": setup.settings.theme,
        "subscriptions": sorted(setup.only),
        "proxy": _host(setup.environ.get("HTTPS_PROXY") or setup.environ.get("https_proxy") or ""),
    }
    if as_json:
        print(output.document([facts], setup.clock.now()))
    else:
        for key, value in facts.items():
            print(f"{key:>22}  {'–' if value in (None, '', []) else value}")
    return 0


def _host(address: str) -> str | None:
    """A proxy's host and port, without the credentials that its address may hold."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    return f"{parts.hostname}:{parts.port}" if parts.hostname and parts.port else parts.hostname


def _write(path: str, text: str) -> None:
    write_private(Path(path).absolute(), text + "\n")

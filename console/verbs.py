"""The verbs that need no module of their own: each prints what a screen shows, and returns the exit code."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cache.errors import CacheError
from cache.failure import Exit
from cache.journal import FILE as JOURNAL_FILE
from cache.journal import Journal
from cache.model import NO_EXTRAS, Extras, Plan, PlanAction, Source
from cache.plan_text import plan_lines
from console import output
from console.paths import write_private
from console.plan_files import plan_item
from console.plan_markdown import plan_markdown
from console.session import Connection, Setup, cache_folder, remembered
from console.stock import VerbError, connected, say, wanted


class JournalGone(CacheError):
    """The journal is not where it was."""


async def sync(setup: Setup, as_json: bool) -> int:
    """Refresh the cache once. Exit 0 all, 3 partly, 1 nothing."""
    from console.workers.apart import read_fleet

    async with connected(setup) as connection:
        for attempt in connection.signed_in.attempts:
            say(f"{attempt.method}: {attempt.outcome}")
        report = await read_fleet(connection.work)
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
            names = await connection.fleet.subscription_names()
            for one in problems:
                where = names.get(one.subscription_id.lower(), one.subscription_id) or "the tenant"
                print(f"  {where} · {one.source}: {one.message}")
        return report.exit_code


async def audit(setup: Setup, as_json: bool) -> int:
    """Print the audit trail and whether its chain holds. Exit 1 when it does not."""
    async with _journal(setup) as journal:
        entries = await journal.entries()
        sound, sentence = await journal.verify()
    if as_json:
        print(output.document([output.audit_item(one) for one in entries], setup.clock.now()))
    elif entries:
        lines = [
            (one.sequence, output.moment(one.at), one.actor, one.action, one.before, one.after, one.outcome, one.target) for one in entries
        ]
        print(output.table(("#", "TIME", "ACTOR", "ACTION", "BEFORE", "AFTER", "OUTCOME", "TARGET"), lines))
    say(sentence)
    return 0 if sound else 1


async def audit_verify(setup: Setup, as_json: bool, noted: str) -> int:
    """Say whether the audit trail is as it was written. ``noted``: an entry as this verb told it before, which must still be in it.

    Exit 0 it is, 1 it is not, 6 the journal is gone, damaged or cannot be read.
    """
    number, _, digest = noted.partition(":")
    if noted and not (number.isascii() and number.isdecimal() and digest):
        raise VerbError(f"--head {noted} is not what “audit verify” tells: a number, a colon and a hash.")
    async with _journal(setup) as journal:
        entries = await journal.entries()
        sound, sentence = await journal.verify()
    if sound and noted and not any(one.sequence == int(number) and one.hash == digest for one in entries):
        sound, sentence = False, f"Entry {number} of the audit trail is not the one that was noted: the trail was exchanged or cut off."
    head = f"{entries[-1].sequence}:{entries[-1].hash}" if entries else ""
    if as_json:
        print(output.document([{"sound": sound, "entries": len(entries), "head": head, "message": sentence}], setup.clock.now()))
    else:
        print(sentence)
        if sound and head:
            print(f"Its head is {head}. Kept elsewhere and given to --head, it shows also a trail that was exchanged whole.")
    return Exit.DONE if sound else Exit.FAILED


@asynccontextmanager
async def _journal(setup: Setup) -> AsyncIterator[Journal]:
    """The journal of the last sign-in, as it is: none is begun where there is none."""
    last = remembered(setup)
    if last is None:
        raise VerbError(f"There is no journal for {setup.cloud.name} yet: nothing was ever read or changed from here.")
    folder = cache_folder(setup, last.tenant_id, last.principal)
    if not (folder / JOURNAL_FILE).exists():
        raise JournalGone(f"{folder / JOURNAL_FILE} is not there although somebody has signed in from here: it was moved or deleted.")
    async with await Journal.open(folder, setup.clock) as journal:
        yield journal


async def plan(setup: Setup, as_json: bool, action: PlanAction, out: str | None, extras: Extras = NO_EXTRAS) -> int:
    """Print what enabling (or disabling) would change. Exit 0 nothing to do, 2 changes, 1 it cannot be done."""
    async with connected(setup) as connection:
        made = await made_now(setup, connection, action, extras)
        document = output.document([plan_item(made)], made.created_at)
        if out:
            if out.lower().endswith(".md"):
                write_document(out, plan_markdown(made))
                say(f"The plan is in {out}, to be read. Named .json it can be applied with: mde-console enable --plan FILE")
            else:
                write_document(out, document)
                say(f"The plan is in {out}. Apply it with: mde-console enable --plan {out}")
        print(document if as_json else "\n".join(plan_lines(made)))
        if made.changes:
            return 2
        return 1 if any(one.blockers for one in made.subscriptions) else 0


async def made_now(setup: Setup, connection: Connection, action: PlanAction, extras: Extras) -> Plan:
    """A plan for the subscriptions that are asked for, else chosen, else all. Raises :class:`VerbError` when none can be seen."""
    from console.workers.apart import read_fleet
    from console.workers.plan import make_plan

    work = connection.work
    report = await read_fleet(work, sources=frozenset({Source.SUBSCRIPTIONS}))
    if report.nothing:
        raise VerbError(report.problems[0].message if report.problems else "No subscription can be seen.")
    ids = await wanted(setup, connection.fleet)
    chosen = ids or sorted(await connection.fleet.selection())
    return await make_plan(work, chosen or [row.subscription.id for row in await connection.fleet.subscriptions()], action, extras)


async def info(setup: Setup, as_json: bool, version: str) -> int:
    """Print every path, version and setting in force. Signs in nowhere."""
    from console.rules.own import from_kept

    last = remembered(setup)
    folder = None
    if last is not None:
        folder = str(cache_folder(setup, last.tenant_id, last.principal))
    facts: dict[str, Any] = {
        "version": version,
        "python": sys.version.split()[0],
        "home": str(setup.paths.home),
        "settings_file": str(setup.paths.config),
        "rules_file": str(setup.paths.rules),
        "own_rules": [one.code for one in from_kept(setup.own_rules)],
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
        "reconcile_minutes": setup.settings.reconcile_minutes,
        "stale_minutes": setup.settings.stale_minutes,
        "canary_minutes": setup.settings.canary_minutes,
        "concurrency": setup.settings.concurrency,
        "theme": setup.settings.theme,
        "slow_line": "auto" if setup.slow_line is None else setup.slow_line,
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


def write_document(path: str, text: str) -> None:
    """Write a document into a file that is private to the user."""
    write_private(Path(path).absolute(), text + "\n")

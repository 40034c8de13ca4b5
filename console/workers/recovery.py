"""After an end that nobody saw: which changes were begun, what Azure says of them now, and what is left of a plan.

A change whose outcome is not known is always read back here before anything about the same setting is sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from cache.changes import APPLY_PLAN, DELETE_EXTENSION, REGISTER_PROVIDER, SET_STATUS, WRITES, kind_of, told_name, writes_of
from cache.failure import Failure
from cache.lead import APPLY_FILE, Lead
from cache.model import Intent, Plan
from console.gateway.errors import AzureProblem, NotFound
from console.together import together
from console.workers.work import Work
from console.workers.writes import REGISTERING, extension_holds, holds, is_done, write_of

_BY_RESOURCE = frozenset({SET_STATUS, DELETE_EXTENSION})
"""Changes whose target is a resource of its own and no name in a subscription."""

AT_ONCE = 4
"""Subscriptions that are changed, or read after an end that nobody saw, at the same time."""

ARRIVES_WITHIN = 5.0
"""Seconds within which a write that was on its way when its sender ended has come to Azure."""

NAMED = 5
"""Subscriptions that a sentence names."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was found out of one change. ``known`` false: Azure could not be asked, and it stays unfinished."""

    intent: Intent
    known: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How the writes of a plan stand by the journal: how many are ``confirmed``, ``failed``, ``unknown`` and not ``sent``. ``what`` they
    are."""

    total: int
    counts: Counter[str]
    unsent: tuple[str, ...]
    """The names of the subscriptions of which not every write is confirmed."""
    what: str = "settings"

    def told(self) -> str:
        """This in words."""
        words = [f"{self.counts['confirmed']:,} of {self.total:,} {self.what} are written and confirmed"]
        words += [f"{self.counts[key]:,} {text}" for key, text in _WORDS.items() if self.counts[key]]
        return ", ".join(words)


_WORDS = {"failed": "failed", "unknown": "not known", "unsent": "not sent"}


async def reconcile(work: Work) -> list[str]:
    """After a start: for every change whose end is not known, ask Azure what holds now and write that down.

    Returns a sentence for each, and one for each plan that was being applied. Nothing is done while another process applies a plan.
    """
    if not await work.journal.unfinished():
        return []
    lock = Lead(work.journal.path.parent, APPLY_FILE)
    if not lock.take():
        return []
    try:
        sentences = [one.sentence for one in await settle(work)]
        for intent in await work.journal.unfinished():
            if intent.action == APPLY_PLAN:
                sentences.append(await _close(work, intent))
    finally:
        lock.release()
    for sentence in sentences:
        await work.fleet.add_log("warning", sentence)
    return sentences


async def settle(work: Work, targets: Collection[str] | None = None) -> list[Settled]:
    """Read back every change whose end is not known (of ``targets`` only, in lower case, if they are named) and write its end down.

    The caller holds the lock :data:`~cache.lead.APPLY_FILE`.
    """
    wanted = [
        one
        for one in await work.journal.unfinished()
        if one.action in {*WRITES, *_BY_RESOURCE} and "/" in one.target and (targets is None or one.target.lower() in targets)
    ]
    if not wanted:
        return []
    by_place: dict[str, list[Intent]] = defaultdict(list)
    for one in wanted:
        by_place[one.target.lower() if one.action in _BY_RESOURCE else one.target.partition("/")[0].lower()].append(one)
    names = await work.fleet.subscription_names()
    gate = asyncio.Semaphore(AT_ONCE)

    async def settled(place: str, intents: list[Intent]) -> list[Settled]:
        async with gate:
            return await _settle(work, names.get(place, ""), intents)

    return [one for found in await together(settled(*item) for item in by_place.items()) for one in found]


async def _settle(work: Work, name: str, intents: list[Intent]) -> list[Settled]:
    """Settle changes of one subscription, or of one alert."""
    try:
        now = await _read(work, intents)
        if any(not is_done(write_of(one), now[one.target]) for one in intents):
            youngest = min((work.clock.now() - one.at).total_seconds() for one in intents)
            if youngest < ARRIVES_WITHIN:
                await work.sleep(min(ARRIVES_WITHIN, ARRIVES_WITHIN - youngest))
                now = await _read(work, intents)
    except NotFound as problem:
        for one in intents:
            await work.journal.finish(one.sequence, f"failed: not found after a restart: {problem.message}")
        return [
            Settled(one, True, f"{_what(one, name)} was being changed when the console ended: it is not there any more.") for one in intents
        ]
    except AzureProblem as problem:
        cannot = f"when the console ended; Azure cannot be asked now: {problem.message}"
        return [Settled(one, False, f"{_what(one, name)} was being changed {cannot}") for one in intents]
    found = []
    for one in intents:
        holding = now[one.target]
        if (one.action, holding.lower()) in {(REGISTER_PROVIDER, REGISTERING), (DELETE_EXTENSION, "deleting")}:
            found.append(Settled(one, False, f"{_what(one, name)} was asked for when the console ended, and Azure is still at it."))
            continue
        done = is_done(write_of(one), holding)
        outcome = "confirmed" if done else f"failed: reads {holding} after a restart, not {one.after}"
        await work.journal.finish(one.sequence, outcome)
        words = "was done" if done else f"was not done (it is {holding})"
        found.append(Settled(one, True, f"{_what(one, name)} was being changed when the console ended: it {words}."))
    return found


async def _read(work: Work, intents: list[Intent]) -> dict[str, str]:
    """What Azure says now of the targets of these changes, all of one subscription, or of one alert or extension."""
    if intents[0].action == DELETE_EXTENSION:
        return {intents[0].target: await extension_holds(work, intents[0].target)}
    if intents[0].action == SET_STATUS:
        return {intents[0].target: await work.azure.alert_status(intents[0].target)}
    now = await holds(work, intents[0].target.partition("/")[0], map(write_of, intents))
    return {one.target: now[one.target.partition("/")[2]] for one in intents}


def _what(intent: Intent, name: str) -> str:
    if intent.action == SET_STATUS:
        return f"Alert {intent.target.rpartition('/')[2]}"
    if intent.action == DELETE_EXTENSION:
        machine_id, _, extension = intent.target.rpartition("/extensions/")
        return f"The extension {extension} of {machine_id.rpartition('/')[2]}"
    subscription_id, _, written = intent.target.partition("/")
    what = told_name(written)
    return f"{what[:1].upper()}{what[1:]} of {f'{name} ({subscription_id})' if name else subscription_id}"


async def _close(work: Work, intent: Intent) -> str:
    """Write down how far the application of a plan came, and say it."""
    try:
        plan = await work.journal.plan(intent.target)
    except Failure as failure:
        await work.journal.finish(intent.sequence, f"interrupted: {failure}")
        return f"Plan {intent.target} was being applied when the console ended, and it cannot be read any more. {failure}"
    if plan is None:
        await work.journal.finish(intent.sequence, "interrupted: the plan is not in the journal")
        return f"Plan {intent.target} was being applied when the console ended, and it is not in the journal. Plan again."
    standing = await standing_of(work, plan)
    await work.journal.finish(intent.sequence, f"{'interrupted' if standing.unsent else 'done'}: {standing.told()}")
    said = f"Plan {plan.id} was being applied when the console ended: {standing.told()}."
    if not standing.unsent:
        return f"{said} Nothing is left to send."
    more = f" and {len(standing.unsent) - NAMED:,} more" if len(standing.unsent) > NAMED else ""
    return (
        f"{said} Left: {', '.join(standing.unsent[:NAMED])}{more}. “mde-console enable --resume” sends only what is missing; "
        "in the console, planning again does the same."
    )


async def standing_of(work: Work, plan: Plan) -> Standing:
    """How what ``plan`` writes stands, by what the journal says since the plan was made."""
    last: dict[str, str] = {}
    for entry in await work.journal.entries():
        if entry.action in WRITES and entry.at >= plan.created_at:
            last[entry.target.lower()] = kind_of(entry.outcome)
    counts: Counter[str] = Counter()
    unsent = []
    for one in plan.subscriptions:
        if one.blockers or not one.changes:
            continue
        found = [last.get(write.target(one.id).lower(), "unsent") for write in writes_of(one)]
        counts.update("unknown" if outcome == "started" else outcome for outcome in found)
        if any(outcome != "confirmed" for outcome in found):
            unsent.append(one.name)
    what = "changes" if any(one.steps for one in plan.subscriptions) else "settings"
    return Standing(counts.total(), counts, tuple(unsent), what)

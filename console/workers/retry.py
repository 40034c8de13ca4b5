"""Trying a failed Defender extension again: written down first, the failed one deleted once, and Azure read back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from cache.changes import ABSENT, DELETE_EXTENSION
from cache.lead import APPLY_FILE, Lead
from cache.model import Machine
from console.gateway.errors import AzureProblem, NotFound, Outage
from console.rules.diagnosis import diagnose
from console.rules.retrying import Retry, retry_of
from console.workers.plan import DECIDING
from console.workers.recovery import ARRIVES_WITHIN, settle
from console.workers.sync import read_subscription
from console.workers.work import Refused, Work
from console.workers.writes import extension_holds

GONE_WITHIN = 10
"""Minutes within which Azure deletes an extension, as far as it is waited for."""

LOOK_EVERY = 10.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Retried:
    """How it ended. ``code``: ``confirmed``, ``failed`` or ``unknown`` (not known yet)."""

    code: str
    message: str


async def look(work: Work, machine_id: str) -> Retry:
    """Read what decides about trying again: the subscription and the machine's extensions. Raises :class:`Refused`, an ``AzureProblem``."""
    known = await work.fleet.machine(machine_id)
    if known is None:
        raise Refused("This machine is not known (any more). Read its subscription again, then try it.")
    await read_subscription(work, known.subscription_id, DECIDING)
    subscription = await work.fleet.subscription(known.subscription_id)
    assert subscription is not None, "a known machine has a subscription"
    machine = replace(known, extensions=await work.azure.extension_details(known.id, known.kind), extensions_known=True)
    found = retry_of(machine, subscription, None, integration_supported=work.cloud.integration_supported)
    if found.refusal or found.extension is None:
        return found
    onboarding = await work.fleet.onboarding(known.id)
    diagnosis = onboarding.diagnosis if onboarding is not None else None
    diagnosis = diagnosis or diagnose(machine, found.extension)
    return retry_of(machine, subscription, diagnosis, integration_supported=work.cloud.integration_supported)


async def retry_extension(work: Work, machine_id: str) -> Retried:
    """Delete the failed Defender extension of a machine, so that Azure provisions it again; look first whether that still makes sense.

    Raises :class:`Refused` before anything is sent, and the journal's error where the change cannot be written down: then it is not made.
    """
    if work.read_only:
        raise Refused("This console is read-only, so nothing was sent. Start it without --read-only to change Azure.")
    lock = Lead(work.journal.path.parent, APPLY_FILE)
    if not lock.take():
        raise Refused("Another mde-console is changing Azure for this sign-in at this moment, so nothing was sent. Wait until it is done.")
    work.activity.begin("retry", "trying an extension again")
    try:
        found = await look(work, machine_id)
        if found.refusal or found.extension is None:
            raise Refused(f"Nothing was sent. {found.refusal}")
        target = f"{found.machine.id}/extensions/{found.extension.name}"
        if any(not one.known for one in await settle(work, {target.lower()})):
            raise Refused("Nothing was sent: how an earlier try ended is not known, and Azure cannot be asked or is still at it.")
        retried = await _delete(work, found.machine, found.extension.name, found.extension.state, target)
        await work.fleet.add_log("info" if retried.code == "confirmed" else "error", f"{found.machine.name}: {retried.message}")
        return retried
    finally:
        lock.release()
        work.activity.end("retry")


async def _delete(work: Work, machine: Machine, name: str, state: str, target: str) -> Retried:
    sequence = await work.journal.begin(work.principal, DELETE_EXTENSION, target, state, ABSENT)
    failure, may_arrive = "", True
    try:
        await work.azure.delete_extension(machine.id, machine.kind, name)
    except NotFound:
        pass
    except AzureProblem as problem:
        failure, may_arrive = problem.message, isinstance(problem, Outage)
    except BaseException:
        await asyncio.shield(work.journal.finish(sequence, "unknown: interrupted while it was being sent"))
        raise
    try:
        now = await _read_back(work, target, state, may_arrive=may_arrive, refused=bool(failure))
    except AzureProblem as problem:
        sentence = f"The deletion of {name} was sent, but could not be read back: {failure or problem.message}"
        await work.journal.finish(sequence, f"unknown: {sentence}")
        return Retried("unknown", sentence)
    if now == ABSENT:
        await work.journal.finish(sequence, "confirmed")
        return Retried("confirmed", f"{name} is deleted, and read back. Azure provisions it again by itself; watch the machine's state.")
    if failure:
        sentence = f"{name} was not deleted: {failure}"
        await work.journal.finish(sequence, f"failed: {sentence}")
        return Retried("failed", sentence)
    sentence = f"{name} still reads {now} after {GONE_WITHIN} minutes. The next start of the console looks again."
    await work.journal.finish(sequence, f"unknown: {sentence}")
    return Retried("unknown", sentence)


async def _read_back(work: Work, target: str, state: str, *, may_arrive: bool, refused: bool) -> str:
    """What Azure has once the extension is gone or replaced, or once that was waited for long enough."""
    now = await extension_holds(work, target)
    if refused:
        if may_arrive and now != ABSENT:
            await work.sleep(ARRIVES_WITHIN)
            now = await extension_holds(work, target)
        return now
    for _ in range(int(GONE_WITHIN * 60 / LOOK_EVERY)):
        if now == ABSENT:
            break
        await work.sleep(LOOK_EVERY)
        now = await extension_holds(work, target)
    return now

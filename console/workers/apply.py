"""Applying a confirmed plan: the journal first, then the write, then what Azure says when it is read back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cache.failure import Exit, Failure
from cache.model import Plan, PlanAction, SettingChange, SubscriptionPlan
from console.gateway.errors import AzureProblem
from console.rules.rights import rights_of
from console.rules.settings import read_settings
from console.workers.work import Work

PUT_SETTING = "put-setting"
AT_ONCE = 4
"""Subscriptions that are changed at the same time."""


class Refused(Failure):
    """The plan is not applied at all; the message says why and what to do."""

    exit_code = Exit.REFUSED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one subscription. ``code``: ``confirmed``, ``nothing``, ``blocked``, ``moved`` or ``failed``; ``message`` says it."""

    subscription_id: str
    name: str
    code: str
    message: str


async def apply_plan(work: Work, plan: Plan) -> list[Outcome]:
    """Apply ``plan`` to every subscription in it that is not blocked. A failure stops only its subscription.

    Raises :class:`Refused` before anything is sent when the plan is not for this sign-in, is too old, or changes are not allowed.
    A change that cannot be written down in the journal is not made: the journal's error goes up.
    """
    check_policy(work, plan)
    work.activity.begin("apply", "applying the plan", total=len(plan.subscriptions))
    gate = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(subscription: SubscriptionPlan) -> Outcome:
        nonlocal done
        async with gate:
            outcome = await _apply_one(work, plan, subscription)
        done += 1
        work.activity.advance("apply", done=done)
        await work.fleet.add_log("info" if outcome.code in {"confirmed", "nothing"} else "error", f"{outcome.name}: {outcome.message}")
        return outcome

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(subscription)) for subscription in plan.subscriptions]
        return [task.result() for task in tasks]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        work.activity.end("apply")


def check_policy(work: Work, plan: Plan) -> None:
    """Whether this sign-in may apply this plan now. Raises :class:`Refused`."""
    if work.read_only:
        raise Refused("This console is read-only, so nothing was sent. Start it without --read-only to change Azure.")
    if not work.cloud.integration_supported:
        raise Refused(f"{work.cloud.name} has no integration with Defender for Endpoint, so there is nothing to change.")
    if (plan.cloud, plan.tenant_id) != (work.cloud.key, work.tenant_id):
        raise Refused(f"The plan is for tenant {plan.tenant_id or '?'} in cloud {plan.cloud}; you are signed in elsewhere. Plan again.")
    minutes = (work.clock.now() - plan.created_at).total_seconds() / 60
    if not -5 <= minutes <= work.plan_minutes:
        raise Refused(f"The plan is of {plan.created_at:%Y-%m-%d %H:%M} UTC and too old to be trusted. Plan again.")


async def _apply_one(work: Work, plan: Plan, planned: SubscriptionPlan) -> Outcome:
    def outcome(code: str, message: str) -> Outcome:
        return Outcome(planned.id, planned.name, code, message)

    if planned.blockers:
        return outcome("blocked", f"Not changed: {planned.blockers[0].message}")
    if not planned.settings:
        return outcome("nothing", "Nothing to change.")
    try:
        rights = rights_of(await work.azure.permissions(planned.id))
        if not rights.can_enable:
            return outcome(
                "blocked", "Not changed: you no longer have the right to change security settings here (Security Admin or Owner)."
            )
        now = await work.azure.settings(planned.id)
    except AzureProblem as problem:
        return outcome("failed", f"Nothing was sent, since its settings could not be read first: {problem.message}")
    moved = [change for change in planned.settings if now.get(change.name) != change.before]
    if moved:
        said = ", ".join(f"{change.name} is {word(now.get(change.name))}, not {word(change.before)}" for change in moved)
        return outcome("moved", f"Nothing was sent: Azure has changed since the plan ({said}). Plan again.")
    for change in planned.settings:
        failure = await _write(work, planned, change)
        if failure:
            return outcome("failed", failure)
    return outcome("confirmed", _said(plan.action, planned))


async def _write(work: Work, planned: SubscriptionPlan, change: SettingChange) -> str:
    """Send one setting and read it back. Returns the sentence of the failure, or nothing."""
    target = f"{planned.id}/{change.name}"
    sequence = await work.journal.begin(work.principal, PUT_SETTING, target, word(change.before), word(change.after))
    failure = ""
    try:
        await work.azure.put_setting(planned.id, change.name, change.after)
    except AzureProblem as problem:
        failure = problem.message
    except BaseException:
        await asyncio.shield(work.journal.finish(sequence, "unknown: interrupted while it was being sent"))
        raise
    try:
        after = await work.azure.settings(planned.id)
    except AzureProblem as problem:
        sentence = f"{change.name} was sent, but could not be read back: {failure or problem.message}"
        await work.journal.finish(sequence, f"unknown: {sentence}")
        return sentence
    integration, linux, unified = read_settings(after)
    turned_on = integration == "on" and linux != "excluded"
    await work.fleet.put_settings(planned.id, integration, linux, unified, enabled_at=work.clock.now() if turned_on else None)
    if after.get(change.name) == change.after:
        await work.journal.finish(sequence, "confirmed")
        return ""
    sentence = f"{change.name} reads {word(after.get(change.name))} after the write, not {word(change.after)}"
    sentence = f"{sentence}: {failure}" if failure else f"{sentence}. Somebody or a policy set it back."
    await work.journal.finish(sequence, f"failed: {sentence}")
    return sentence


async def reconcile(work: Work) -> list[str]:
    """After a start: for every intent whose end is not known, ask Azure what holds now and write that down. Returns a sentence for each."""
    sentences = []
    for intent in await work.journal.unfinished():
        if intent.action != PUT_SETTING or "/" not in intent.target:
            continue
        subscription_id, name = intent.target.split("/", 1)
        try:
            now = word((await work.azure.settings(subscription_id)).get(name))
        except AzureProblem as problem:
            sentences.append(
                f"{name} of {subscription_id} was being changed when the console ended; Azure cannot be asked now: {problem.message}"
            )
            continue
        done = now == intent.after
        await work.journal.finish(intent.sequence, "confirmed" if done else f"failed: reads {now} after a restart, not {intent.after}")
        words = "was done" if done else f"was not done (it is {now}); plan again to finish"
        sentences.append(f"{name} of {subscription_id} was being changed when the console ended: it {words}.")
    for sentence in sentences:
        await work.fleet.add_log("warning", sentence)
    return sentences


def word(value: bool | None) -> str:
    """A setting's value in the audit trail: ``true``, ``false`` or ``absent``."""
    return "absent" if value is None else str(value).lower()


def _said(action: PlanAction, planned: SubscriptionPlan) -> str:
    names = ", ".join(f"{change.name} = {word(change.after)}" for change in planned.settings)
    done = "Enabled" if action is PlanAction.ENABLE else "Disabled"
    return f"{done}, and read back: {names}."

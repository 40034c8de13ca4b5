"""Applying a confirmed plan: the journal first, then the write, then what Azure says when it is read back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cache.changes import (
    APPLY_PLAN,
    NOT_APPLIED,
    PROVIDER,
    REGISTER_PROVIDER,
    RESUMED_WITHIN,
    Write,
    kind_of,
    told_name,
    writes_of,
)
from cache.errors import CacheError
from cache.failure import Exit
from cache.lead import APPLY_FILE, Lead
from cache.model import AuditEntry, Plan, PlanAction, SubscriptionPlan
from cache.plans import STEPS
from console.gateway.errors import AzureProblem, Outage
from console.gateway.security import INTEGRATION_SETTINGS
from console.rules.rights import allows
from console.together import together
from console.workers.recovery import ARRIVES_WITHIN, AT_ONCE, settle
from console.workers.work import Refused, Work
from console.workers.writes import NEEDS, REGISTERING, has_moved, holds, is_done, send

REGISTERED_WITHIN = 10
"""Minutes for which a registration is waited for; Azure usually takes one or two."""

LOOK_EVERY = 10.0
"""Seconds between two looks at it."""

GOOD = frozenset({"confirmed", "nothing"})
"""The codes of outcomes that leave a subscription as the plan wants it."""

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class PlanOld(Refused):
    """The plan is too old, or of the future."""

    exit_code = Exit.PLAN_OLD


class PlanElsewhere(Refused):
    """The plan is for another tenant or cloud."""

    exit_code = Exit.PLAN_ELSEWHERE


class PlanEdited(Refused):
    """The plan writes what no plan of this console does."""

    exit_code = Exit.PLAN_EDITED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one subscription. ``code``: ``confirmed``, ``nothing``, ``blocked``, ``moved``, ``failed`` or ``waiting`` (nothing
    was sent yet); ``message`` says it. ``unsent``: nothing was sent for it, though the plan has something to send. ``before``: the entry of
    the audit trail by which this console had done all of it already."""

    subscription_id: str
    name: str
    code: str
    message: str
    unsent: bool = False
    before: AuditEntry | None = None


async def apply_plan(work: Work, plan: Plan, *, canary: Collection[str] = (), resume: bool = False) -> list[Outcome]:
    """Apply ``plan`` to every subscription in it that is not blocked. A failure stops only its subscription.

    ``canary``: the ids of those to which alone it is applied now; the others wait. ``resume``: the plan was begun before; only what Azure
    does not have yet is sent. Writes of before whose outcome is not known are read back first.

    Raises :class:`Refused` before anything is sent when the plan is not for this sign-in, is too old, was begun before, or changes are
    not allowed. A change that cannot be written down in the journal is not made: the journal's error goes up, once the changes under way
    have ended.
    """
    check_policy(work, plan, resume=resume)
    lock = Lead(work.journal.path.parent, APPLY_FILE)
    if not lock.take():
        raise Refused("Another mde-console is changing Azure for this sign-in at this moment, so nothing was sent. Wait until it is done.")
    chosen = {one.lower() for one in canary}
    now = [one for one in plan.subscriptions if not chosen or one.id.lower() in chosen]
    work.activity.begin("apply", "applying the plan", total=len(now))
    try:
        await _check_begun(work, plan, resume=resume)
        targets = {write.target(one.id).lower() for one in now for write in writes_of(one)}
        unknown = {one.intent.target.lower() for one in await settle(work, targets) if not one.known}
        scope = (
            f"canary: {', '.join(one.name for one in now)}"
            if chosen
            else f"{plan.changes} {'changes' if any(one.steps for one in plan.subscriptions) else 'settings'}"
        )
        sequence = await work.journal.begin(work.principal, APPLY_PLAN, plan.id, "resumed" if resume else "", scope)
        found = {one.subscription_id: one for one in await _apply_all(work, plan, now, unknown, resume=resume)}
        waiting = "Nothing was sent yet: it comes after the canary."
        outcomes = [found.get(one.id) or Outcome(one.id, one.name, "waiting", waiting) for one in plan.subscriptions]
        await work.journal.finish(sequence, _came_to(outcomes))
        return outcomes
    finally:
        lock.release()
        work.activity.end("apply")


async def _apply_all(
    work: Work, plan: Plan, subscriptions: Sequence[SubscriptionPlan], unknown: set[str], *, resume: bool
) -> list[Outcome]:
    """Apply the plan to these, a few at once. When the journal fails, none is begun any more."""
    gate = asyncio.Semaphore(AT_ONCE)
    done = 0
    broken: CacheError | None = None

    async def one(subscription: SubscriptionPlan) -> Outcome:
        nonlocal done, broken
        async with gate:
            if broken is not None:
                return Outcome(subscription.id, subscription.name, "waiting", str(broken))
            try:
                outcome = await _apply_one(work, plan, subscription, unknown, resume=resume)
                level = "info" if outcome.code in GOOD else "error"
                if outcome.unsent:
                    told = f"{outcome.code}: {outcome.message}"
                    last = await work.journal.last(NOT_APPLIED, outcome.subscription_id)
                    if last is None or (last.before, last.outcome) != (plan.id, told):
                        await work.journal.note(work.principal, NOT_APPLIED, outcome.subscription_id, plan.id, "", told)
                await work.fleet.add_log(level, f"{outcome.name}: {outcome.message}")
            except CacheError as error:
                broken = error
                return Outcome(subscription.id, subscription.name, "failed", str(error))
        done += 1
        work.activity.advance("apply", done=done)
        return outcome

    outcomes = await together(one(subscription) for subscription in subscriptions)
    if broken is not None:
        raise broken
    return outcomes


def check_policy(work: Work, plan: Plan, *, resume: bool = False) -> None:
    """Whether this sign-in may apply this plan now. Raises :class:`Refused`."""
    if work.read_only:
        raise Refused("This console is read-only, so nothing was sent. Start it without --read-only to change Azure.")
    if not work.cloud.integration_supported:
        raise Refused(f"{work.cloud.name} has no integration with Defender for Endpoint, so there is nothing to change.")
    if work.elsewhere(plan.cloud, plan.tenant_id):
        raise PlanElsewhere(
            f"The plan is for tenant {plan.tenant_id or '?'} in cloud {plan.cloud}; you are signed in elsewhere. Nothing was sent. "
            "Plan again."
        )
    if work.too_old(plan.created_at, max(work.plan_minutes, RESUMED_WITHIN) if resume else None):
        raise PlanOld(f"The plan is of {plan.created_at:%Y-%m-%d %H:%M} UTC and too old to be trusted. Nothing was sent. Plan again.")
    for one in plan.subscriptions:
        strange = [change.name for change in one.settings if change.name not in INTEGRATION_SETTINGS]
        strange += [f"{step.kind} {step.after}" for step in one.steps if step.after not in STEPS.get(step.kind, ())]
        strange += [
            f"{step.kind} {step.after}" for step in one.steps if step.after == "P1" != step.before != "free" and not plan.extras.downgrade
        ]
        if strange or not _ID.fullmatch(one.id):
            what = f"the change {strange[0]}" if strange else f"the subscription {one.id}"
            raise PlanEdited(f"The plan names {what}, which this console never plans for. Nothing was sent. Plan again.")


async def _check_begun(work: Work, plan: Plan, *, resume: bool) -> None:
    begun = await work.journal.last(APPLY_PLAN, plan.id)
    if resume and begun is None:
        raise Refused(f"Plan {plan.id} was never begun here, so there is nothing to resume. Apply it without --resume.")
    if not resume and begun is not None and not begun.outcome.startswith("done"):
        raise Refused(
            f"Plan {plan.id} was begun before ({begun.outcome}), so nothing was sent. “mde-console enable --plan FILE --resume” sends only "
            "what is missing; or plan again."
        )


def _came_to(outcomes: Sequence[Outcome]) -> str:
    """The outcome of a plan in the audit trail."""
    good = sum(one.code in GOOD for one in outcomes)
    waiting = sum(one.code == "waiting" for one in outcomes)
    told = f"{good} of {len(outcomes)} subscriptions as planned"
    return f"stopped after the canary: {told}, {waiting} wait" if waiting else f"done: {told}"


async def _apply_one(work: Work, plan: Plan, planned: SubscriptionPlan, unknown: set[str], *, resume: bool) -> Outcome:
    sent: list[Write] = []

    def outcome(code: str, message: str, before: AuditEntry | None = None) -> Outcome:
        unsent = not sent and (code in {"blocked", "moved", "failed"} or (before is not None and not resume))
        return Outcome(planned.id, planned.name, code, message, unsent, before)

    if planned.blockers:
        return outcome("blocked", f"Not changed: {planned.blockers[0].message}")
    writes = writes_of(planned)
    if not writes:
        return outcome("nothing", "Nothing to change.")
    doubtful = [one.name for one in writes if one.action != REGISTER_PROVIDER and one.target(planned.id).lower() in unknown]
    if doubtful:
        return outcome("failed", f"Nothing was sent: how an earlier write of {doubtful[0]} ended is not known, and Azure cannot be asked.")
    if lost := await _lost_right(work, planned, writes):
        return outcome(*lost)
    registration = [one for one in writes if one.action == REGISTER_PROVIDER]
    rest = [one for one in writes if one.action != REGISTER_PROVIDER]
    for one in registration:
        was_sent, failure = await _register(work, planned, one)
        sent += [one] if was_sent else []
        if failure:
            return outcome("failed", f"{failure}{_not_sent(rest)}")
    before = "Nothing was sent" if not sent else f"{PROVIDER} is registered now, and nothing else was sent"
    try:
        now = await holds(work, planned.id, rest)
    except AzureProblem as problem:
        return outcome("failed", f"{before}, since its settings could not be read first: {problem.message}")
    earlier = {one.name: await _done_from_here(work, plan, planned, one) for one in writes if is_done(one, now.get(one.name, one.after))}
    left = [one for one in rest if not (is_done(one, now[one.name]) and (resume or registration or earlier[one.name]))]
    if not left and not sent:
        ours = [one for one in earlier.values() if one is not None]
        if len(ours) < len(writes):
            return outcome("nothing", "As planned already: nothing was left to send.")
        last = max(ours, key=lambda one: one.sequence)
        when = f"at {last.at:%Y-%m-%d %H:%M} UTC by {last.actor}"
        return outcome("nothing", f"Already done by this console {when} ({_values(writes)}), so nothing was sent.", last)
    moved = [one for one in left if has_moved(one, now[one.name])]
    if moved:
        said = ", ".join(f"{told_name(one.name)} is {now[one.name]}, not {one.before}" for one in moved)
        return outcome("moved", f"{before}: Azure has changed since the plan ({said}). Plan again.")
    notes: list[str] = []
    for place, one in enumerate(left):
        sent.append(one)
        failure, more = await _write(work, planned, one)
        notes += more
        if failure:
            return outcome("failed", f"{failure}{_not_sent(left[place + 1 :])}")
    return outcome("confirmed", " ".join([_said(plan.action, sent), *notes]))


async def _done_from_here(work: Work, plan: Plan, planned: SubscriptionPlan, write: Write) -> AuditEntry | None:
    """The entry by which this console did ``write`` since the plan was made, if its last one about that did: by this plan or another."""
    last = await work.journal.last(write.action, write.target(planned.id))
    done = last is not None and kind_of(last.outcome) == "confirmed" and is_done(write, last.after) and last.at >= plan.created_at
    return last if done else None


async def _lost_right(work: Work, planned: SubscriptionPlan, writes: Sequence[Write]) -> tuple[str, str] | None:
    """Code and message of an outcome where a right that the writes need is not there (any more)."""
    try:
        permissions = await work.azure.permissions(planned.id)
    except AzureProblem as problem:
        return "failed", f"Nothing was sent, since your rights could not be read first: {problem.message}"
    missing = next((one for one in writes if not allows(permissions, NEEDS[one.action])), None)
    if missing is None:
        return None
    what = {"put-setting": "change security settings", "put-pricing": "change Defender plans"}.get(missing.action, f"register {PROVIDER}")
    return "blocked", f"Not changed: you no longer have the right to {what} here ({NEEDS[missing.action]}; Security Admin or Owner)."


def _not_sent(writes: Sequence[Write]) -> str:
    """What comes after a write that failed, in words."""
    return f" Not sent after that: {', '.join(told_name(one.name) for one in writes)}." if writes else ""


async def _register(work: Work, planned: SubscriptionPlan, write: Write) -> tuple[bool, str]:
    """Have Microsoft.Security registered, and wait until it is. Returns whether that was asked for now, and the sentence of a failure."""
    try:
        state = (await holds(work, planned.id, [write]))[PROVIDER]
    except AzureProblem as problem:
        return False, f"Nothing was sent, since the registration of {PROVIDER} could not be read first: {problem.message}"
    if state.lower() == REGISTERING:  # it was asked for before, and asking again does nothing
        try:
            state = await _registered(work, planned, write)
        except AzureProblem as problem:
            return False, f"Nothing was sent, since the registration of {PROVIDER} could not be read: {problem.message}"
        if not is_done(write, state):
            return False, _still(state)
    if is_done(write, state):
        await settle(work, {write.target(planned.id).lower()})
        return False, ""
    failure, _ = await _write(work, planned, write)
    return True, failure


async def _registered(work: Work, planned: SubscriptionPlan, write: Write) -> str:
    """The state of the registration once Azure is no longer at it, or once it has been waited for long enough."""
    for look in range(int(REGISTERED_WITHIN * 60 / LOOK_EVERY)):
        state = (await holds(work, planned.id, [write], written=True))[PROVIDER]
        if state.lower() != REGISTERING:
            return state
        minutes = look * LOOK_EVERY / 60
        work.activity.advance("apply", note=f"{PROVIDER} is being registered on {planned.name}, {minutes:.0f} of {REGISTERED_WITHIN} min")
        await work.sleep(LOOK_EVERY)
    return state


def _still(state: str) -> str:
    return f"{PROVIDER} reads {state} after {REGISTERED_WITHIN} minutes. Look again later; resuming the plan goes on from there."


async def _write(work: Work, planned: SubscriptionPlan, write: Write) -> tuple[str, list[str]]:
    """Send one write and read it back. Returns the sentence of the failure, or nothing, and what Azure says failed of it all the same."""
    sequence = await work.journal.begin(work.principal, write.action, write.target(planned.id), write.before, write.after)
    failure, may_arrive, notes = "", True, list[str]()
    try:
        notes = await send(work, planned.id, write)
    except AzureProblem as problem:
        failure, may_arrive = problem.message, isinstance(problem, Outage)
    except BaseException:
        await asyncio.shield(work.journal.finish(sequence, "unknown: interrupted while it was being sent"))
        raise
    name = told_name(write.name)
    try:
        now = await _now(work, planned, write)
        if may_arrive and not is_done(write, now) and now.lower() != REGISTERING:
            await work.sleep(ARRIVES_WITHIN)
            now = await _now(work, planned, write)
    except AzureProblem as problem:
        sentence = f"{name} was sent, but could not be read back: {failure or problem.message}"
        await work.journal.finish(sequence, f"unknown: {sentence}")
        return sentence, []
    if is_done(write, now):
        told = [f"Azure says that this failed: {one}" for one in notes]
        await work.journal.finish(sequence, f"confirmed: {' '.join(told)}" if told else "confirmed")
        return "", told
    if now.lower() == REGISTERING:
        await work.journal.finish(sequence, f"unknown: {_still(now)}")
        return _still(now), []
    sentence = f"{name} reads {now} after the write, not {write.after}"
    sentence = f"{sentence}: {failure}" if failure else f"{sentence}. Somebody or a policy set it back."
    await work.journal.finish(sequence, f"failed: {sentence}")
    return sentence, []


async def _now(work: Work, planned: SubscriptionPlan, write: Write) -> str:
    if write.action == REGISTER_PROVIDER:
        return await _registered(work, planned, write)
    return (await holds(work, planned.id, [write], written=True))[write.name]


def _values(writes: Sequence[Write]) -> str:
    return ", ".join(f"{told_name(one.name)} = {one.after}" for one in writes)


def _said(action: PlanAction, written: Sequence[Write]) -> str:
    names = _values(written)
    if all(one.action == REGISTER_PROVIDER for one in written):
        return f"Read back: {names}."
    done = "Enabled" if action is PlanAction.ENABLE else "Disabled"
    return f"{done}, and read back: {names}."

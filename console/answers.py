"""What follows from a request of a screen where workers do it: they are started, and their outcome becomes a sentence.

``tell`` shows a sentence; its keyword ``error`` says that something went wrong. Failures are raised as :class:`cache.failure.Failure`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol

from cache.errors import CacheError
from cache.failure import Failure
from console.clouds import Cloud
from console.workers.alerts import read_details
from console.workers.apply import apply_plan
from console.workers.canary import canary_over, stopped_plan
from console.workers.evaluate import evaluate
from console.workers.plan import make_plan
from console.workers.retry import look, retry_extension
from console.workers.triage import set_status
from console.workers.work import Work
from screens import requests
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog

LOOK_EVERY = 10.0
"""Seconds between two looks at how a canary stands."""

NAMED = 3
"""Subscriptions that a toast names."""


class Tell(Protocol):
    """Shows a sentence."""

    def __call__(self, sentence: str, *, error: bool = False) -> None:
        """Show it."""


async def tick(desk: Desk, cloud: Cloud, request: requests.TickRequested) -> None:
    """Remember that a manual step is done, or is not, and judge its subscription anew."""
    if request.done:
        await desk.journal.tick(request.subscription_id, request.check_id, desk.session.principal)
    else:
        await desk.journal.untick(request.subscription_id, request.check_id, desk.session.principal)
    await evaluate(desk.fleet, desk.journal, desk.clock, cloud, [request.subscription_id])


async def apply(
    work: Work,
    request: requests.ApplyRequested,
    tell: Tell,
    read_again: Callable[[tuple[str, ...]], None],
    canary_life: timedelta = timedelta(minutes=60),
) -> None:
    """Apply a plan of the journal, tell its outcomes, and have its subscriptions read again. After a canary, tell when it is over: somebody
    may look at another screen meanwhile."""
    plan = await work.journal.plan(request.plan_id)
    if plan is None:
        tell("That plan is not in the journal any more. Plan again.", error=True)
        return
    applied = await apply_plan(work, plan, canary=request.first, resume=request.resume)
    outcomes = [one for one in applied if one.code != "waiting"]
    good = sum(one.code in {"confirmed", "nothing"} for one in outcomes)
    for outcome in outcomes:
        if len(outcomes) <= 3 or outcome.code not in {"confirmed", "nothing"}:
            tell(f"{outcome.name}: {outcome.message}", error=outcome.code not in {"confirmed", "nothing"})
    if good == len(outcomes):
        tell("Azure confirms the change. Press 4 to watch the machines come aboard.")
    if moved := [one.subscription_id for one in outcomes if one.code == "moved"]:
        made = await make_plan(work, moved, plan.action, plan.extras, again=plan.id)
        then = "press 3, which asks about those alone." if made.changes else "there is nothing to write there, or it is blocked: press 3."
        many = "1 subscription has" if len(moved) == 1 else f"{len(moved):,} subscriptions have"
        tell(f"{many} changed in Azure since the plan, so nothing was sent there. Planned anew: {then}")
    read_again(tuple(one.id for one in plan.subscriptions))
    if request.first and good and any(one.code == "waiting" for one in applied):
        await tell_canary(work, tell, canary_life)


async def tell_canary(work: Work, tell: Tell, canary_life: timedelta) -> None:
    """Where a plan is stopped after its canary, in this session or in one before: tell once when that has been waited for."""
    with suppress(CacheError):  # somebody has signed in elsewhere
        stopped = await stopped_plan(work)
        there = await canary_over(work, stopped, canary_life.total_seconds() / 60, LOOK_EVERY) if stopped is not None else None
        if stopped is not None and there is not None:
            names = {one.id: one.name for one in stopped.plan.subscriptions}
            of = ", ".join(names[one] for one in stopped.first[:NAMED]) + (" and more" if len(stopped.first) > NAMED else "")
            tell(f"The canary of the plan ({of}): {there.told()} Press 3, which asks about the rest.", error=bool(there.stuck))


async def ask_retry(
    work: Work,
    request: requests.RetryRequested,
    tell: Tell,
    read_again: Callable[[tuple[str, ...]], None],
    push_screen: Callable[[TypedConfirmDialog, Callable[[bool | None], None]], object],
    run: Callable[[str, Coroutine[Any, Any, None]], object],
) -> None:
    """Look whether a failed extension can be tried again; say why not, or ask, and then do so."""
    found = await look(work, request.machine_id)
    if found.refusal or found.extension is None:
        tell(found.refusal, error=True)
        return

    async def retry() -> None:
        retried = await retry_extension(work, found.machine.id)
        tell(retried.message, error=retried.code != "confirmed")
        read_again((found.machine.subscription_id,))

    def answered(confirmed: bool | None) -> None:
        if confirmed:
            run("retry", retry())

    title = f"Try {found.extension.name} on {found.machine.name} again"
    push_screen(TypedConfirmDialog(title, found.told, found.machine.name, "Delete it", found.machine.subscription_id), answered)


async def read_alert_details(work: Work, alert_id: str) -> None:
    """Read the details of an alert; what came of it is told by the activity."""
    work.activity.begin(requests.ALERT_DETAILS, "reading an alert")
    failure = "It was interrupted. Open the alert again."
    try:
        await read_details(work, alert_id)
        failure = ""
    except Failure as problem:
        failure = str(problem)
    finally:
        work.activity.end(requests.ALERT_DETAILS, failure)


async def triage(work: Work, request: requests.AlertStatusRequested, tell: Tell) -> None:
    """Set the status of alerts, and tell how many Azure has set and which it has not."""
    done = await set_status(work, request.alert_ids, request.status)
    failed = [one for one in done if one.failure]
    for one in failed[:3]:
        tell(f"{one.title}: {one.failure}", error=True)
    if len(done) > len(failed):
        number = len(done) - len(failed)
        tell(f"{number} alert{'s' if number > 1 else ''} set to {request.status}. The Defender portal does not follow.")

"""The verbs that change Azure: a plan applied whole, after a canary, or from where it was left."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cache.changes import APPLY_PLAN, RESUMED_WITHIN
from cache.failure import Exit, Failure
from cache.model import NO_EXTRAS, Extras, Plan, PlanAction
from cache.plan_text import plan_lines
from cache.plans import PlanUnreadable
from console import output
from console.plan_files import plan_item, read_plan
from console.session import Connection, Setup
from console.stock import VerbError, connected, say
from console.verbs import made_now, write_document


class WrongUse(Failure):
    """What was asked for on the command line does not go together."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True)
class Asked:
    """What ``enable`` is asked to do. ``plan_file`` and ``resume`` empty: a plan is made now.

    ``canary``: the subscriptions that come first; their machines are waited for ``canary_minutes`` (``None``: as
    long as the settings say). ``yes``: go on without asking.
    """

    action: PlanAction = PlanAction.ENABLE
    plan_file: str = ""
    yes: bool = False
    resume: bool = False
    canary: tuple[str, ...] = ()
    canary_minutes: float | None = None
    extras: Extras = NO_EXTRAS


async def enable(setup: Setup, as_json: bool, asked: Asked) -> int:
    """Apply a plan. Exit 0 all, 3 partly, 1 nothing done, 8 stopped after a canary that went well."""
    given = read_plan(asked.plan_file) if asked.plan_file else None  # before anything of Azure is imported

    from console.workers.apply import GOOD, Outcome, apply_plan, check_policy
    from console.workers.canary import watch_canary
    from console.workers.evaluate import evaluate

    async with connected(setup) as connection:
        work = connection.work
        plan = given or await (_begun_last(connection) if asked.resume else made_now(setup, connection, asked.action, asked.extras))
        if given is not None:
            check_policy(work, given, resume=asked.resume)
            await connection.journal.save_plan(given)
        canary = _canary(plan, asked.canary)
        if not as_json:
            print("\n".join(plan_lines(plan)), flush=True)
        outcomes = await apply_plan(work, plan, canary=canary, resume=asked.resume)
        told = ""
        if canary:
            first = [one for one in outcomes if one.subscription_id in canary]
            went_well = all(one.code in GOOD for one in first)
            minutes = setup.settings.canary_minutes if asked.canary_minutes is None else asked.canary_minutes
            if went_well and minutes:
                say(f"The canary is done. Waiting for its machines for {minutes:g} min at most.")
                aboard = await watch_canary(work, plan, canary, minutes, setup.settings.moving_seconds)
                told, went_well = aboard.told(), not aboard.stuck
                say(told)
            if asked.yes and went_well:
                rest = {one.subscription_id: one for one in await apply_plan(work, plan, resume=True)}
                outcomes = [one if one.code != "waiting" else rest[one.subscription_id] for one in outcomes]
        ids = [one.id for one in plan.subscriptions]
        await evaluate(connection.fleet, connection.journal, setup.clock, setup.cloud, ids)
        moved = [one.subscription_id for one in outcomes if one.code == "moved"]
        if moved:
            await _plan_again(connection, asked, plan, moved)
        _print(setup, as_json, outcomes)
        waiting = sum(one.code == "waiting" for one in outcomes)
        if waiting:
            say(_how_to_go_on(asked, waiting, told))

        def code(of: Sequence[Outcome]) -> int:
            good = sum(one.code in GOOD for one in of)
            return Exit.DONE if good == len(of) else Exit.PARTLY if good else Exit.FAILED

        if waiting:
            return code([one for one in outcomes if one.code != "waiting"]) or Exit.CANARY
        return code(outcomes)


async def _begun_last(connection: Connection) -> Plan:
    """The plan that was begun last from this home and left something, else the last of all. Raises :class:`VerbError`."""
    last = await connection.journal.last(APPLY_PLAN)
    if last is None:
        raise VerbError("No plan was ever begun from here, so there is nothing to resume.")
    ends = {one.target: one for one in await connection.journal.entries() if one.action == APPLY_PLAN}
    young = connection.work.clock.now() - timedelta(minutes=RESUMED_WITHIN)
    left = [one for one in ends.values() if not one.outcome.startswith("done") and one.at >= young]
    last = max(left, key=lambda one: one.sequence, default=last)
    try:
        plan = await connection.journal.plan(last.target)
    except PlanUnreadable as error:
        raise VerbError(f"The plan {last.target} that was begun last cannot be resumed. {error}") from None
    if plan is None:
        raise VerbError(f"The plan {last.target} that was begun last is not in the journal any more. Plan again.")
    return plan


def _canary(plan: Plan, wanted: tuple[str, ...]) -> list[str]:
    """The ids of the first group as the plan spells them; a subscription is named by its id or its name."""
    found: list[str] = []
    for text in wanted:
        met = [one for one in plan.subscriptions if text.strip().lower() in {one.id.lower(), one.name.lower()}]
        if len(met) != 1:
            why = "is not in the plan" if not met else f"names {len(met)} subscriptions of the plan"
            raise WrongUse(f"--canary: {text} {why}, so nothing was sent. Name subscriptions of the plan by their ids.")
        if met[0].blockers or not met[0].changes:
            why = met[0].blockers[0].message if met[0].blockers else "there is nothing to write there."
            raise WrongUse(f"--canary: {met[0].name} tells nothing as a canary, so nothing was sent: {why}")
        found.append(met[0].id)
    return list(dict.fromkeys(found))


async def _plan_again(connection: Connection, asked: Asked, plan: Plan, moved: list[str]) -> None:
    """Plan anew for the subscriptions that Azure has changed since, and say how to look at it and apply it."""
    from console.workers.plan import make_plan

    made = await make_plan(connection.work, moved, plan.action, plan.extras, again=plan.id)
    many = "1 subscription has" if len(moved) == 1 else f"{len(moved):,} subscriptions have"
    if not made.changes:
        say(f"{many} changed since the plan. Planned anew, there is nothing to write there or it is blocked.")
        return
    say("\n".join(plan_lines(made)))
    source = Path(asked.plan_file) if asked.plan_file else Path(f"plan-{plan.id}.json")
    file = str(source.with_name(f"{source.stem}-again{source.suffix or '.json'}"))
    write_document(file, output.document([plan_item(made)], made.created_at))
    say(
        f"{many} changed since the plan, and nothing was sent there. The plan above is for those alone and is in {file}. "
        f"If it is right, apply it with: mde-console enable --plan {shlex.quote(file)}"
    )


def _print(setup: Setup, as_json: bool, outcomes: Sequence[Any]) -> None:
    if as_json:
        items = [
            {
                "subscription_id": one.subscription_id,
                "name": one.name,
                "outcome": one.code,
                "message": one.message,
                "done_before": None
                if one.before is None
                else {"at": output.moment(one.before.at), "by": one.before.actor, "sequence": one.before.sequence},
            }
            for one in outcomes
        ]
        print(output.document(items, setup.clock.now()))
        return
    print()
    for one in outcomes:
        print(f"{one.code:>10}  {one.name}: {one.message}")


def _how_to_go_on(asked: Asked, waiting: int, told: str) -> str:
    many = "1 subscription waits" if waiting == 1 else f"{waiting:,} subscriptions wait"
    plan = f" --plan {shlex.quote(asked.plan_file)}" if asked.plan_file else ""
    stopped = "Stopped after the canary" if not asked.yes else "Stopped after the canary, since not everything in it went well"
    return f"{stopped}. {told} {many}. To go on: mde-console enable{plan} --resume".replace("  ", " ")

"""Verifying machines: a plan of which script runs where, and once it is confirmed what the machines answer, kept with its age."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from cache.fleet import FleetCache
from cache.machine_reports import CONNECTIVITY, GOOD, HEALTH, SYSTEM, MachineReport
from cache.model import ABOARD, Machine, MachineState, Source, Subscription
from console.gateway.run_commands import Output
from console.rules.health import HEALTHY, UNREADABLE, Health, onboarding_of_health, read_health, script_for
from console.rules.machine_judgement import UNREADABLE as UNJUDGED
from console.rules.machine_judgement import Judgement, judge, script_of, with_reports
from console.rules.run_ways import RunWay, way_to_run
from console.rules.told_checks import NOT_ABOARD
from console.together import together
from console.workers.evaluate import evaluate
from console.workers.run_script import (
    PlannedRun,
    Running,
    ScriptKind,
    Verified,
    VerifyPlan,
    Watcher,
    settle_abandoned,
    why_unreadable,
)
from console.workers.run_script import check_policy as check_policy_of
from console.workers.sync import read_machines, read_subscription
from console.workers.work import Refused, Work

__all__ = [
    "KINDS",
    "PlannedRun",
    "Verified",
    "VerifyPlan",
    "Watcher",
    "check_policy",
    "keep_health",
    "keep_judgement",
    "make_verify_plan",
    "of_system",
    "settle_abandoned",
    "verify",
]

_DECIDING = frozenset((Source.PERMISSIONS, Source.PROVIDER, Source.SETTINGS, Source.PLAN))


def subscriptions_of(machine_ids: Collection[str], known: Collection[str]) -> list[str]:
    """Which of the ``known`` subscriptions these machines are in, by their ids."""
    owners = {parts[2].lower() for one in machine_ids if len(parts := one.split("/")) > 2 and parts[1].lower() == "subscriptions"}
    return [one for one in known if one.lower() in owners]


async def make_verify_plan(
    work: Work, subscription_ids: Collection[str], machine_ids: Collection[str] = (), kind: str = HEALTH
) -> VerifyPlan:
    """Read rights and machines of the subscriptions anew, and say what would be sent: to the machines named, else to all of those
    states about which the kind of script asks by default.

    ``kind``: a name in :data:`KINDS`. Raises :class:`Refused` for addresses of a cloud of which none are known.
    """
    if kind == CONNECTIVITY and not work.cloud.integration_supported:
        raise Refused(
            f"Microsoft documents no addresses of Defender for Endpoint for {work.cloud.name}, which has no integration with it: there is "
            "nothing to test."
        )
    ids = list(dict.fromkeys(subscription_ids))
    work.activity.begin("verify", "planning", total=len(ids))
    read = 0

    async def deciding(subscription_id: str) -> None:
        nonlocal read
        await read_subscription(work, subscription_id, _DECIDING)
        read += 1
        work.activity.advance("verify", done=read)

    try:
        await together(deciding(one) for one in ids)
        await read_machines(work, ids)
        await evaluate(work.fleet, work.journal, work.clock, work.cloud, ids)
        owners = await work.fleet.subscription_records()
        failed = {one.subscription_id.lower() for one in await work.fleet.problems(ids) if one.source == Source.PERMISSIONS}
        states = await work.fleet.onboardings(ids)
        known = {one.id.lower(): one for one in await work.fleet.machines(ids)}
        chosen: list[PlannedRun] = []
        if machine_ids:
            for whole in dict.fromkeys(machine_ids):
                machine = known.get(whole.lower())
                chosen.append(_planned(machine, owners, failed) if machine is not None else _unknown(whole))
        else:
            asked = KINDS[kind].by_default
            chosen = [_planned(one, owners, failed) for key, one in known.items() if key in states and states[key].state in asked]
        run = uuid4().hex[:12]
        scripts = {one: KINDS[kind].script(one, run, work.cloud.key) for one in sorted({each.system for each in chosen if each.run.way})}
        return VerifyPlan(run, work.clock.now(), work.cloud.key, work.tenant_id, work.principal, tuple(chosen), scripts, kind)
    finally:
        work.activity.end("verify")


def _planned(machine: Machine, owners: Mapping[str, Subscription], failed: Collection[str]) -> PlannedRun:
    key = machine.subscription_id.lower()
    owner = owners.get(key)
    known = owner is not None and key not in failed
    run = way_to_run(machine, owner.permissions if known and owner is not None else None, owner.state if owner is not None else "")
    system = {"linux": "Linux", "windows": "Windows"}.get(machine.os_type.lower(), machine.os_type)
    return PlannedRun(machine.id, machine.name, machine.subscription_id, machine.location, system, run)


def _unknown(whole: str) -> PlannedRun:
    parts = whole.strip("/").split("/")
    subscription_id = parts[1] if len(parts) > 1 and parts[0].lower() == "subscriptions" else ""
    why = "No machine of this id can be seen. “mde-console machines --json” lists those that can."
    return PlannedRun(whole, parts[-1], subscription_id, "", "", RunWay(reason=why))


def check_policy(work: Work, plan: VerifyPlan, confirmed: str) -> None:
    """Whether this sign-in may send what the plan says, which somebody has ``confirmed`` by its id. Raises :class:`Refused`."""
    check_policy_of(work, plan, confirmed, KINDS[plan.kind])


async def verify(work: Work, plan: VerifyPlan, confirmed: str, watcher: Watcher | None = None) -> list[Verified]:
    """Run what ``plan`` says, and keep what the machines answer. Every machine ends with an outcome and its reason.

    ``watcher`` is told of each machine, and can stop what has not begun. Raises :class:`Refused` before anything is sent. A run that
    cannot be written down in the journal is not sent: its error goes up.
    """
    check_policy(work, plan, confirmed)
    await settle_abandoned(work, [one.machine_id for one in plan.machines if one.run.way])
    return await Running(work, plan, KINDS[plan.kind], watcher).all()


def _read_health(output: Output, system: str, now: datetime, run: str) -> Health:
    """What the output of a run means; one that ended before its time says so."""
    health = of_system(read_health(output.stdout, now, run=run), system)
    why = why_unreadable(output) if health.outcome == UNREADABLE else None
    return health if why is None else replace(health, code=why[0], reason=why[1])


def _read_pasted_health(output: bytes, system: str, now: datetime) -> Health:
    return of_system(read_health(output, now), system)


def of_system(health: Health, system: str) -> Health:
    """The report as one of a machine that runs ``system``: one that can only be of another system counts for nothing."""
    if health.outcome == UNREADABLE or health.system == system:
        return replace(health, system=system)
    why = f"The output is of a {health.system} machine, and this one runs {system}."
    return replace(health, system=system, outcome=UNREADABLE, code="foreign", reason=why, remedy="Verify the machine again.", notes=())


async def keep_health(fleet: FleetCache, machine_id: str, health: Health, at: datetime, how: str) -> bool:
    """Keep what a report says as the machine's state, if it is one that is onboarded. Returns whether it was kept.

    A report that could not be read changes nothing: what was known before stays, with its age.
    """
    onboarding = onboarding_of_health(machine_id, health, at, how)
    before = await fleet.onboarding(machine_id)
    if onboarding is None or before is None or before.state not in ABOARD:
        return False
    await fleet.put_onboardings([onboarding])
    return True


def _judged(kind: str, by_default: frozenset[MachineState], by_hand: Mapping[str, str]) -> ScriptKind[Judgement]:
    """A kind of script whose answers are judged by :mod:`console.rules.machine_judgement` and kept as reports of the machine."""

    def read(output: Output, system: str, now: datetime, run: str) -> Judgement:
        judgement = judge(kind, output.stdout, system, run=run)
        why = why_unreadable(output) if judgement.outcome == UNJUDGED else None
        return judgement if why is None else replace(judgement, code=why[0], reason=why[1])

    def read_pasted(output: bytes, system: str, now: datetime) -> Judgement:
        return judge(kind, output, system)

    async def keep(fleet: FleetCache, machine_id: str, judgement: Judgement, at: datetime, how: str) -> bool:
        return await keep_judgement(fleet, machine_id, kind, judgement, at, how)

    return ScriptKind(kind, by_default, GOOD, partial(script_of, kind), read, read_pasted, keep, by_hand)


async def keep_judgement(fleet: FleetCache, machine_id: str, kind: str, judgement: Judgement, at: datetime, how: str) -> bool:
    """Keep what a machine told, as its last report of this kind and as evidence of its state. Returns whether it was kept.

    What could not be read changes nothing: what was known before stays, with its age.
    """
    if judgement.outcome == UNJUDGED:
        return False
    told = MachineReport(
        machine_id, kind, at, how, judgement.outcome, judgement.code, judgement.reason, judgement.remedy, judgement.findings
    )
    if not await fleet.put_report(told):
        return False
    before = await fleet.onboarding(machine_id)
    if before is not None:
        now = with_reports(before, await fleet.reports_of_machine(machine_id))
        if now != before:
            await fleet.put_onboardings([now])
    return True


KINDS: Mapping[str, ScriptKind[Any]] = {
    HEALTH: ScriptKind(
        HEALTH,
        frozenset(ABOARD),
        HEALTHY,
        lambda system, run, cloud: script_for(system, run),
        _read_health,
        _read_pasted_health,
        keep_health,
        {"Linux": "mdatp health", "Windows": ""},
    ),
    CONNECTIVITY: _judged(CONNECTIVITY, frozenset(ABOARD), {"Linux": "mdatp connectivity test", "Windows": ""}),
    SYSTEM: _judged(SYSTEM, NOT_ABOARD, {"Linux": "", "Windows": ""}),
}
"""What can be asked of machines, by name."""

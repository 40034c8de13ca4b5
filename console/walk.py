"""The main job without a terminal: the demo's walk from sign-in to the report that proves it, printed step by step."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from cache.activity import Activity
from cache.changes import APPLY_PLAN, PUT_SETTING, SET_STATUS
from cache.model import CheckStatus, Fate, MachineState, Plan, PlanAction
from cache.plan_text import plan_lines
from cache.proof import Proof
from cache.report import FOUR, Who, read_report, trail_head
from console.report_text import SHAPES
from console.session import Connection, Setup, connect
from console.workers.apply import apply_plan
from console.workers.detection import wait_for_alert
from console.workers.detection_run import make_test_plan, run_test
from console.workers.plan import make_plan
from console.workers.sync import MOVING, sync
from console.workers.triage import set_status
from console.workers.verify import make_verify_plan, verify

PATIENCE = 75.0
"""Seconds of this machine's time in which machines must come aboard."""

ALERT_PATIENCE = timedelta(days=1)
"""Of the simulated time, in which a test alert must come."""

TOLD_ENTRIES = frozenset({PUT_SETTING, APPLY_PLAN, SET_STATUS})
"""The entries of the audit trail that are printed one by one."""

MOVING_STATES = {MachineState.PENDING, MachineState.INSTALLING}


class StepFailed(Exception):
    """A step of the walk did not do what it should; the message says what was seen."""


def _say(text: str) -> None:
    print(text, flush=True)


async def walk(setup: Setup) -> int:
    """Walk the main job against the cloud of ``setup``, printing each step. Returns 0, or 1 at the first step that fails."""
    try:
        await _walk(setup)
    except StepFailed as failure:
        _say(f"✗ {failure}")
        return 1
    _say("✓ The main job holds from end to end.")
    return 0


async def _walk(setup: Setup) -> None:
    _say("1. Sign in")

    def prompt(one: Any) -> None:
        _say(f"   Open {one.verification_uri} and enter the code {one.user_code} (the simulator does that by itself).")

    connection = await connect(setup, Activity(setup.clock), on_prompt=prompt)
    try:
        _say(f"   Signed in as {connection.signed_in.principal} in tenant {connection.work.tenant_id} by {connection.signed_in.method}.")
        await _sync(connection)
        await _checklist(connection)
        enabled = [await _enable(connection, number, case) for number, case in ((4, "existing-windows"), (5, "never-enabled"))]
        await _aboard(connection)
        await _verify(connection, enabled)
        await _test_alerts(connection, enabled)
        await _triage(connection)
        await _audit(connection)
        await _report(connection, enabled)
    finally:
        await connection.close()


async def _sync(connection: Connection) -> None:
    _say("2. Read Azure")
    report = await sync(connection.work)
    counts = await connection.fleet.state_counts()
    _say(f"   {report.subscriptions} subscriptions, {sum(counts.values())} machines: {_said(counts)}")
    for problem in report.problems:
        _say(f"   not read: {problem.source} of {problem.subscription_id or 'the tenant'}: {problem.message}")
    _demand(report.subscriptions > 0 and sum(counts.values()) > 0, "Nothing was read.")


async def _checklist(connection: Connection) -> None:
    _say("3. Checklist")
    checks = await connection.fleet.checks()
    _say(f"   {len(checks)} checks: {_said(Counter(str(one.status) for one in checks))}")
    failed = Counter(one.title for one in checks if one.status is CheckStatus.FAIL)
    for title, count in failed.most_common(5):
        _say(f"   fails {count} times: {title}")
    _demand(bool(checks), "There are no checks.")


async def _enable(connection: Connection, number: int, case: str) -> str:
    _say(f"{number}. Enable for Linux machines: {case}")
    work = connection.work
    rows = await connection.fleet.subscriptions()
    whole = await make_plan(work, [row.subscription.id for row in rows], PlanAction.ENABLE)
    ready = [one for one in whole.subscriptions if one.case == case and one.changes and not one.blockers]
    _demand(bool(ready), f"No subscription is in the case {case}.")
    largest = max(ready, key=lambda one: one.count(Fate.ONBOARD))
    plan: Plan = await make_plan(work, [largest.id], PlanAction.ENABLE)
    for line in plan_lines(plan):
        _say(f"   {line}")
    outcomes = await apply_plan(work, plan)
    for outcome in outcomes:
        _say(f"   → {outcome.code}: {outcome.message}")
    _demand(all(one.code == "confirmed" for one in outcomes), "The change was not confirmed.")
    return largest.id


async def _aboard(connection: Connection) -> None:
    _say("6. Machines come aboard")
    before = await connection.fleet.state_counts()
    start = time.monotonic()
    counts = before
    while time.monotonic() - start < PATIENCE:
        await sync(connection.work, sources=MOVING)
        now = await connection.fleet.state_counts()
        if now != counts:
            _say(f"   {connection.work.clock.now():%Y-%m-%d %H:%M} {_said(now)}")
        counts = now
        if not any(counts.get(state) for state in MOVING_STATES):
            break
        await asyncio.sleep(1.0)
    gained = counts.get(MachineState.ONBOARDED, 0) - before.get(MachineState.ONBOARDED, 0)
    _say(f"   {gained} machines came aboard.")
    _demand(gained > 0, "No machine came aboard.")


async def _verify(connection: Connection, enabled: Sequence[str]) -> None:
    _say("7. Ask the machines whether Defender works")
    plan = await make_verify_plan(connection.work, enabled)
    found = await verify(connection.work, plan, plan.id)
    _say(f"   {plan.runs} machines ran the script, {len(plan.machines) - plan.runs} cannot: {_said(Counter(one.outcome for one in found))}")
    _demand(any(one.outcome == "healthy" for one in found), "No machine said that it is healthy.")


async def _test_alerts(connection: Connection, enabled: Sequence[str]) -> None:
    _say("8. Run the detection test on a machine of each system, and wait for its alert")
    work, seen = connection.work, 0
    healthy = [row for row in await connection.fleet.machine_rows(enabled) if row.state is MachineState.HEALTHY]
    for system in sorted({(row.subscription_id, row.os_type) for row in healthy}):
        (machine,) = await connection.fleet.some_machines([next(row.id for row in healthy if (row.subscription_id, row.os_type) == system)])
        plan = await make_test_plan(work, machine)
        if plan.obstacle:
            _say(f"   {machine.name}: {plan.obstacle}")
            continue
        # The alert can be there before the answer of the machine: a day passes in a minute.
        ran, waited = await asyncio.gather(
            run_test(work, plan, plan.id), wait_for_alert(work, machine, plan.test, ALERT_PATIENCE, every=timedelta(seconds=2))
        )
        told = "no alert came" if waited.alert is None else f"“{waited.alert.title}” after {_minutes(waited.ended - waited.began)}"
        _say(f"   {machine.name} ({machine.os_type}): {ran.outcome}; {told}")
        seen += waited.alert is not None
    _demand(seen > 0, "No test alert came.")


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f} minutes of the simulated day"


async def _triage(connection: Connection) -> None:
    _say("9. Resolve an alert")
    await sync(connection.work)
    known = [row.subscription for row in await connection.fleet.subscriptions()]
    able = {one.id.lower() for one in known if one.can_triage and one.state == "Enabled"}  # a disabled one can only be read
    active = [one for one in await connection.fleet.alerts() if one.status == "Active" and one.subscription_id.lower() in able]
    _demand(bool(active), "There is no active alert.")
    alert = next((one for one in active if one.from_endpoint), active[0])
    (done,) = await set_status(connection.work, [alert.id], "Resolved")
    _say(f"   {alert.severity}: {alert.title} on {alert.compromised_entity}: {done.failure or 'resolved, and read back'}")
    _demand(not done.failure, "The alert was not resolved.")


async def _audit(connection: Connection) -> None:
    _say("10. Audit")
    entries = await connection.journal.entries()
    for entry in entries:
        if entry.outcome != "started" and entry.action in TOLD_ENTRIES:
            _say(f"   {entry.action} {entry.target}: {entry.before} → {entry.after}: {entry.outcome}")
    _say(f"   and {sum(entry.action not in TOLD_ENTRIES for entry in entries)} entries about scripts and test alerts")
    sound, sentence = await connection.journal.verify()
    _say(f"   {sentence}")
    writes = [one for one in entries if one.action == PUT_SETTING and one.outcome == "confirmed"]
    _demand(sound and len(writes) >= 2, "The audit trail does not hold what was done.")


async def _report(connection: Connection, enabled: Sequence[str]) -> None:
    _say("11. What is proven (“mde-console report” writes it with all its evidence)")
    await sync(connection.work)
    work = connection.work
    who = Who(work.cloud.name, work.tenant_id, work.principal)
    trail = await trail_head(connection.journal)
    report = await read_report(connection.fleet, connection.journal, work.clock.now(), who, enabled, trail)
    for one in report.subscriptions:
        _say(f"   {one.name}: {SHAPES[one.verdict]}")
        for name, shown in one.four.items():
            _say(f"     {FOUR[name]}: {SHAPES[shown.proof]}. {shown.text}")
    _demand(report.in_all["enabled"] is Proof.PROVEN and trail.sound, "The report does not prove that they are enabled.")
    _demand(report.in_all["alert_seen"] in (Proof.PROVEN, Proof.PARTLY), "The report does not tell of the test alerts.")


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items(), key=lambda one: -one[1]) if count)


def _demand(holds: bool, sentence: str) -> None:
    if not holds:
        raise StepFailed(sentence)

"""The verb that proves a machine: the steps of its detection test, the wait for the alert, and its end."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cache.failure import Exit
from cache.fleet import FleetCache
from cache.model import ABOARD, Alert, Machine, MachineState, Onboarding
from console import output
from console.rules.detection_test import REFERENCE, DetectionTest, detection_test, lines, took
from console.session import Setup
from console.stock import VerbError, connected, machine_named, say, stocked, wanted

if TYPE_CHECKING:
    from console.workers.detection_run import TestPlan
    from console.workers.work import Work

RESOLVED = "Resolved"


async def prove(
    setup: Setup,
    as_json: bool,
    named: str,
    minutes: float | None,
    resolve: bool,
    run: bool = False,
    yes: bool = False,
) -> int:
    """Print the steps of the detection test of one machine; with ``minutes`` wait so long for its alert; ``resolve`` it then.

    ``run`` prints the script that would run it there, and with ``yes`` sends it, before the waiting.

    Exit 0 printed, sent, seen or resolved, 2 there is something to run, 9 no alert came, 3 it came and could not be resolved, 7 refused,
    1 no such machine, or the test did not run on it.
    """
    if run:
        return await _run(setup, as_json, named, minutes, resolve, yes)
    if minutes is None:
        async with stocked(setup, refresh=False) as stock:
            machine, test = await _machine(stock.fleet, named)
            onboarding = await stock.fleet.onboarding(machine.id)
            _print_steps(machine, test, onboarding, as_json)
            if as_json:
                print(output.document([_item(machine, test, onboarding)], setup.clock.now()))
        return Exit.DONE
    return await _wait(setup, as_json, named, minutes, resolve)


async def offer(setup: Setup, as_json: bool) -> int:
    """Where no machine is named: print one of each system that is onboarded and runs, of the subscriptions named on the command line, else
    of the chosen ones, else of all.

    Exit 64, since the choice is missing; 1 where there is none to choose.
    """
    async with stocked(setup, refresh=False) as stock:
        within = await wanted(setup, stock.fleet) or await stock.fleet.selection() or None
        rows = await stock.fleet.machines_to_prove(within)
        if as_json:
            items = []
            for row in rows:
                machine, test = await _machine(stock.fleet, row.id)
                items.append(_item(machine, test, await stock.fleet.onboarding(machine.id)) | {"outcome": "offered"})
            print(output.document(items, setup.clock.now()))
        else:
            for row in rows:
                print(f"{row.os_type:<9} {row.state:<10} {row.name}  {row.subscription_name}\n  {row.id}")
    if not rows:
        say("No onboarded machine runs here, so no test alert could come. “mde-console machines” tells their states.")
        return Exit.FAILED
    say(f"Which machine is to prove that it reports? One of each system does: mde-console test-alert --machine {shlex.quote(rows[0].id)}")
    return Exit.USAGE


async def _wait(setup: Setup, as_json: bool, named: str, minutes: float, resolve: bool) -> int:
    _may_resolve(setup, resolve)
    async with connected(setup) as connection:
        machine, test = await _machine(connection.fleet, named)
        onboarding = await connection.fleet.onboarding(machine.id)
        _print_steps(machine, test, onboarding, as_json)
        item = _item(machine, test, onboarding)
        return await _alert(setup, connection.work, machine, test, as_json, item, minutes, resolve)


async def _run(setup: Setup, as_json: bool, named: str, minutes: float | None, resolve: bool, yes: bool) -> int:
    from console.workers.detection_run import check_test_policy, make_test_plan, run_test

    _may_resolve(setup, resolve)
    async with connected(setup) as connection:
        work, fleet = connection.work, connection.fleet
        machine, test = await _machine(fleet, named)
        plan = await make_test_plan(work, machine)
        item = _item(machine, test, await fleet.onboarding(machine.id))
        way = plan.planned.run
        run = {"id": plan.id, "way": way.way or None, "right": way.right or None, "reason": plan.obstacle or None, "script": plan.script}
        if not as_json:
            print("\n".join(_plan_lines(plan)), flush=True)
        if plan.obstacle or not yes:
            if as_json:
                print(output.document([item | {"outcome": "cannot-run" if plan.obstacle else "planned", "run": run}], plan.created_at))
            if plan.obstacle:
                say("Nothing was sent. The steps by hand: mde-console test-alert --machine ID")
                return Exit.FAILED
            say("Nothing was sent. Run the same command with --yes to run the script on this machine.")
            return Exit.CHANGES
        check_test_policy(work, plan, plan.id)
        say(f"Running the detection test on {machine.name}…")
        found = await run_test(work, plan, plan.id)
        run |= {"outcome": found.outcome, "code": found.code, "reason": found.reason, "remedy": found.remedy or None}
        item |= {"run": run}
        if found.outcome == "not-run" or minutes is None:
            message = f"{found.reason} {found.remedy}".rstrip()
            if as_json:
                print(output.document([item | {"outcome": "not-run" if found.outcome == "not-run" else "sent"}], setup.clock.now()))
            else:
                print(message)
            return Exit.FAILED if found.outcome == "not-run" else Exit.DONE
        if not as_json:
            print(f"{found.reason} {found.remedy}".rstrip(), flush=True)
        return await _alert(setup, work, machine, test, as_json, item, minutes, resolve)


def _may_resolve(setup: Setup, resolve: bool) -> None:
    from console.workers.work import Refused

    if resolve and setup.read_only:
        raise Refused("This console is read-only, so the alert could not be resolved when it comes. Leave --resolve or --read-only out.")


def _plan_lines(plan: TestPlan) -> list[str]:
    """What would be sent, for people: how, what it leaves where, and the script whole."""
    from console.gateway.run_commands import WAYS

    way = plan.planned.run
    how = f"{plan.obstacle} Nothing can be sent." if plan.obstacle else f"It would run by {WAYS[way.way]}, with the right to {way.right}."
    return [
        f"Plan {plan.id}: the detection test of {plan.machine.name} ({plan.test.system}), run as a script. {how}",
        f"It raises the harmless alert “{plan.test.title}” ({plan.test.severity}), and removes what it puts on the machine.",
        "Running a script is a write in Azure: it stands in the activity log, and here in the audit trail.",
        "",
        "The script, whole:",
        "",
        *(f"    {line}".rstrip() for line in plan.script.splitlines()),
        "",
    ]


async def _alert(
    setup: Setup,
    work: Work,
    machine: Machine,
    test: DetectionTest,
    as_json: bool,
    item: dict[str, Any],
    minutes: float,
    resolve: bool,
) -> int:
    """Wait for the alert, resolve it if that is asked for, and tell it."""
    from console.workers.detection import wait_for_alert
    from console.workers.triage import set_status

    fleet = work.fleet
    onboarding = await fleet.onboarding(machine.id)
    say(f"Waiting up to {minutes:g} minutes for “{test.title}” on {machine.name}. Ctrl-C ends the waiting and changes nothing.")
    waited = await wait_for_alert(work, machine, test, timedelta(minutes=minutes))
    alert, failure = waited.alert, ""
    if alert is not None and resolve:
        (done,) = await set_status(work, [alert.id], RESOLVED)
        failure = done.failure
        alert = await fleet.alert(alert.id) or alert
    if alert is None:
        outcome, code = "not-seen", Exit.NO_ALERT
        message = f"No alert “{test.title}” of {machine.name} came in {took(waited.began, waited.ended)}."
        message += f" The alerts could not be read: {waited.problem}" if waited.problem else _why_none(onboarding)
    elif failure:
        outcome, code = "not-resolved", Exit.PARTLY
        message = f"{_came(alert, waited.began, waited.ended)} It was not resolved: {failure}"
    else:
        outcome, code = ("resolved" if resolve else "seen"), Exit.DONE
        message = _came(alert, waited.began, waited.ended) + (" It is resolved, and read back as that." if resolve else "")
    if as_json:
        seconds = round((waited.ended - waited.began).total_seconds())
        told = {"began": output.moment(waited.began), "ended": output.moment(waited.ended), "seconds": seconds, "message": message}
        alert_item = None if alert is None else output.alert_item(alert)
        print(output.document([item | {"outcome": outcome, "alert": alert_item} | told], setup.clock.now()))
    else:
        print(message)
        if alert is not None:
            print(f"  {alert.title} · {alert.severity} · {alert.status} · generated {output.moment(alert.generated)}")
            print("\n".join(f"  {link}" for link in (alert.azure_link, alert.defender_link) if link))
    return code


async def _machine(fleet: FleetCache, named: str) -> tuple[Machine, DetectionTest]:
    """The machine with this resource id, or the only one of this name, and its test. Raises :class:`VerbError`."""
    machine = await machine_named(fleet, named)
    test = detection_test(machine)
    if test is None:
        raise VerbError(f"Azure does not tell whether {machine.name} runs Linux or Windows, so there is no test for it.")
    return machine, test


def _print_steps(machine: Machine, test: DetectionTest, onboarding: Onboarding | None, as_json: bool) -> None:
    if not as_json:
        print("\n".join(lines(test, machine.name)))
        print()
    if onboarding is None or onboarding.state not in ABOARD:
        state = onboarding.state if onboarding is not None else MachineState.UNKNOWN
        say(f"{machine.name} is {state}, not onboarded: as long as that is so, no alert can come from it.")


def _item(machine: Machine, test: DetectionTest, onboarding: Onboarding | None) -> dict[str, Any]:
    return {
        "machine_id": machine.id,
        "name": machine.name,
        "os_type": machine.os_type,
        "state": str(onboarding.state if onboarding is not None else MachineState.UNKNOWN),
        "steps": [{"text": step.text, "command": step.command} for step in test.steps],
        "afterwards": {"text": test.afterwards.text, "command": test.afterwards.command},
        "alert_title": test.title,
        "alert_severity": test.severity,
        "reference": REFERENCE,
        "outcome": "steps",
        "alert": None,
    }


def _came(alert: Alert, began: datetime, ended: datetime) -> str:
    told = f"The alert came: Defender for Endpoint works on the machine. It was seen {took(began, ended)} after the waiting began"
    if alert.started is not None and alert.generated is not None and alert.generated >= alert.started:
        told += f"; Azure generated it {took(alert.started, alert.generated)} after what it reports"
    return f"{told}."


def _why_none(onboarding: Onboarding | None) -> str:
    if onboarding is None or onboarding.state not in ABOARD:
        return " The machine is not onboarded, so none could come."
    return " Look whether the test was run as it stands and whether the machine reaches Defender's addresses; then wait once more."

"""The verb ``verify``: what machines say of Defender on them, run there after a plan was confirmed, or pasted by hand."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cache.failure import Exit
from cache.machine_reports import Finding
from cache.model import Source
from console import output
from console.rules.machine_judgement import Judgement
from console.session import Connection, Setup, remembered
from console.stock import VerbError, connected, say, stocked, wanted
from console.workers.verify import (
    KINDS,
    Verified,
    VerifyPlan,
    check_policy,
    make_verify_plan,
    settle_abandoned,
    subscriptions_of,
    verify,
)


async def verify_machines(setup: Setup, as_json: bool, machine_ids: Sequence[str], yes: bool, check: str = "health") -> int:
    """Ask the machines named, else all that the ``check`` (a name in :data:`KINDS`) is about.

    Without ``yes`` the plan is printed and nothing is sent: exit 2 with something to run, 1 with machines but none that can, 0 without.
    With it: exit 0 all well (``healthy``, ``good``), 3 some, 1 none.
    """
    async with connected(setup) as connection:
        plan = await _plan(setup, connection, machine_ids, check)
        if not yes:
            print(output.document([plan_item(plan)], plan.created_at) if as_json else "\n".join(plan_lines(plan)))
            if plan.runs:
                say("Nothing was sent. Run the same command with --yes to run the script on these machines.")
                return Exit.CHANGES
            return Exit.FAILED if plan.machines else Exit.DONE
        check_policy(connection.work, plan, plan.id)
        if not as_json:
            print("\n".join(plan_lines(plan)), flush=True)
        say(f"Running the script on {plan.runs:,} machines…")
        found = await verify(connection.work, plan, plan.id)
        _print(setup, as_json, found, check)
        well = sum(one.outcome == KINDS[check].good for one in found)
        return Exit.FAILED if not well else Exit.DONE if well == len(found) else Exit.PARTLY


async def _plan(setup: Setup, connection: Connection, machine_ids: Sequence[str], check: str) -> VerifyPlan:
    from console.workers.apart import read_fleet

    work = connection.work
    for sentence in await settle_abandoned(work):
        say(sentence)
    report = await read_fleet(work, sources=frozenset({Source.SUBSCRIPTIONS}))
    if report.nothing:
        raise VerbError(report.problems[0].message if report.problems else "No subscription can be seen.")
    known = await connection.fleet.subscription_ids()
    chosen = await wanted(setup, connection.fleet) or sorted(await connection.fleet.selection()) or known
    if machine_ids:
        chosen = subscriptions_of(machine_ids, known)
    return await make_verify_plan(work, chosen, machine_ids, check)


async def verify_pasted(setup: Setup, as_json: bool, machine_id: str, path: str, check: str = "health") -> int:
    """Judge output that somebody ran by hand on a machine (``-``: from standard input), and keep it. Exit 0 where all is well, else 1."""
    from console.workers.verification import MOST_PASTED, judge_pasted

    pasted = _read(path, MOST_PASTED + 1)
    last = remembered(setup)
    async with stocked(setup, False) as stock:
        who = last.principal if last is not None else ""
        found = await judge_pasted(stock.fleet, stock.journal, setup.clock, who, machine_id, pasted, check)
        _print(setup, as_json, [found], check)
        if not found.kept and found.outcome != "unreadable":
            say("It is not kept as the machine's state, since Azure does not show the machine as onboarded.")
        return Exit.DONE if found.outcome == KINDS[check].good else Exit.FAILED


def _read(path: str, most: int) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read(most)
        with Path(path).open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise VerbError(f"The output in {path} cannot be read: {error.strerror or error}.") from None


# What is printed


def plan_item(plan: VerifyPlan) -> dict[str, Any]:
    """A plan for scripts."""
    return {
        "id": plan.id,
        "check": plan.kind,
        "created_at": output.moment(plan.created_at),
        "runs": plan.runs,
        "scripts": dict(plan.scripts),
        "machines": [
            {
                "machine_id": one.machine_id,
                "name": one.name,
                "subscription_id": one.subscription_id,
                "system": one.system or None,
                "way": one.run.way or None,
                "right": one.run.right or None,
                "reason": one.run.reason or None,
            }
            for one in plan.machines
        ],
    }


def verified_item(one: Verified) -> dict[str, Any]:
    """The outcome for one machine, for scripts."""
    return {
        "machine_id": one.machine.machine_id,
        "name": one.machine.name,
        "subscription_id": one.machine.subscription_id,
        "system": one.machine.system or None,
        "outcome": one.outcome,
        "code": one.code,
        "reason": one.reason,
        "remedy": one.remedy or None,
        "notes": list(one.answer.notes) if one.answer is not None else [],
        "way": one.way or None,
        "at": output.moment(one.at),
        "kept": one.kept,
        "fields": dict(one.answer.fields) if one.answer is not None and one.answer.fields is not None else None,
        "findings": [finding_item(each) for each in (one.answer.findings if isinstance(one.answer, Judgement) else ())],
    }


def finding_item(finding: Finding) -> dict[str, Any]:
    """One thing that was looked at on a machine, for scripts."""
    return {
        "id": finding.id,
        "title": finding.title or None,
        "status": str(finding.status),
        "evidence": finding.evidence,
        "remedy": finding.remedy or None,
    }


def plan_lines(plan: VerifyPlan) -> list[str]:
    """A plan for people: each machine with how it is asked or why not, and the scripts in full."""
    if not plan.machines:
        return [_NOTHING[plan.kind]]
    ways = Counter(one.run.way for one in plan.machines if one.run.way)
    told = ", ".join(f"{number:,} by {_WAYS[way]}" for way, number in sorted(ways.items()))
    left = len(plan.machines) - plan.runs
    lines = [
        f"Plan {plan.id}: a script that only reads runs on {plan.runs:,} machines{f' ({told})' if told else ''}; {left:,} cannot run it."
    ]
    lines.append("Running a script is a write in Azure: it stands in the activity log, and here in the audit trail.")
    rows = [(one.run.way or "cannot", one.name, one.system, one.run.reason or f"needs {one.run.right}") for one in plan.machines]
    lines += ["", output.table(("WAY", "NAME", "SYSTEM", "WHY"), rows)]
    for system, script in plan.scripts.items():
        lines += ["", f"The script for {system}, whole:", "", *(f"    {line}".rstrip() for line in script.splitlines())]
    return lines


_NOTHING = {
    "health": "No machine is onboarded, so there is nothing to verify.",
    "connectivity": "No machine is onboarded, so there is nothing to test. With --machine ID another one is tested.",
    "system": "No machine is enabled and not aboard, so there is nothing to look at. With --machine ID another one is looked at.",
}
_WAYS = {"managed": "managed run command", "action": "the run command action", "arc": "Azure Arc"}


def _print(setup: Setup, as_json: bool, found: Sequence[Verified], check: str) -> None:
    if as_json:
        print(output.document([verified_item(one) for one in found], setup.clock.now()))
        return
    print()
    left = [one for one in found if one.outcome in {"skipped", "failed"}]
    rows = [(one.outcome, one.machine.name, one.machine.system, one.reason if one in left else _whole(one)) for one in found]
    print(output.table(("OUTCOME", "NAME", "SYSTEM", "REASON"), rows))
    if told := next((one.remedy for one in left if one.remedy), ""):
        say(f"Where the script did not run: {told[0].lower()}{told[1:]}" if len(left) == 1 else _BY_HAND.format(check=check))
    counts = Counter(one.outcome for one in found)
    say(", ".join(f"{number:,} {outcome}" for outcome, number in counts.most_common()) or "No machine was verified.")


_BY_HAND = (
    "Where the script did not run, run it there by hand (“mde-console verify --check {check}” prints it) and give its output to: "
    "mde-console verify --check {check} --machine ID --paste FILE"
)


def _whole(one: Verified) -> str:
    return f"{one.reason} {one.remedy}".rstrip()

"""Verifications that screens ask for: one at a time, shown while it goes on, and output that somebody ran by hand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from cache.clock import Clock
from cache.failure import Failure
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.machine_reports import BAD, CONNECTIVITY, DOUBTFUL, GOOD, HEALTH, SYSTEM
from cache.model import CheckStatus
from cache.text import resource_name
from cache.verification import AT_WORK, Phase, Standing, Verification, VerifyRow
from console.gateway.run_commands import WAYS
from console.rules.health import HEALTHY, UNHEALTHY, UNREADABLE
from console.rules.machine_judgement import Judgement
from console.rules.run_ways import RunWay
from console.workers.verify import (
    KINDS,
    PlannedRun,
    Verified,
    VerifyPlan,
    Watcher,
    check_policy,
    make_verify_plan,
    settle_abandoned,
    subscriptions_of,
    verify,
)
from console.workers.work import Refused, Work

MOST_PASTED = 1_000_000
"""Bytes of output that are taken from somebody."""

_THE_SCRIPT = "the script that the plan shows"

_STANDINGS = {
    HEALTHY: Standing.HEALTHY,
    UNHEALTHY: Standing.UNHEALTHY,
    UNREADABLE: Standing.UNREADABLE,
    GOOD: Standing.GOOD,
    DOUBTFUL: Standing.DOUBTFUL,
    BAD: Standing.BAD,
}
_ASKED = {
    HEALTH: "all onboarded machines",
    CONNECTIVITY: "all onboarded machines (connectivity)",
    SYSTEM: "all machines that are enabled and not aboard (system)",
}
_ABOUT = {HEALTH: "", CONNECTIVITY: " (connectivity)", SYSTEM: " (system)"}


class NotJudged(Failure):
    """Pasted output is not looked at; the message says why. Nothing was kept."""


class _Watcher(Watcher):
    """Shows how a plan gets on."""

    def __init__(self, shown: Verification) -> None:
        self._shown = shown

    def begun(self, planned: PlannedRun) -> None:
        self._shown.change(planned.machine_id, standing=Standing.UNDER_WAY)

    def heard(self, verified: Verified) -> None:
        self._shown.change(verified.machine.machine_id, **_told(verified))


class Verifier:
    """The verifications of one console. What screens see of the last one is ``shown``."""

    def __init__(self, shown: Verification) -> None:
        self.shown = shown
        self._plan: VerifyPlan | None = None
        self._watcher: _Watcher | None = None

    async def plan(self, work: Work, machine_ids: Collection[str] = (), check: str = HEALTH) -> None:
        """Plan for these machines, else for all that ``check`` is about in the chosen subscriptions (in all, when none is chosen).

        Raises :class:`Refused` while another verification is under way, and what reading raises; ``shown`` tells that as well.
        """
        self._refuse_second()
        shown, self._plan = self.shown, None
        shown.plan("these machines" if machine_ids else _ASKED[check], check)
        problem = "Planning was interrupted. Plan again."
        try:
            subscription_ids, shown.asked = await _asked(work.fleet, machine_ids, work.only, check)
            await settle_abandoned(work)
            plan = await make_verify_plan(work, subscription_ids, machine_ids, check)
            names = await work.fleet.subscription_names()
            rows = [_row(one, names.get(one.subscription_id.lower(), one.subscription_id), check) for one in plan.machines]
            kind, systems = KINDS[check], sorted({each.system for each in plan.machines})
            scripts = {one: kind.script(one, plan.id, plan.cloud) for one in systems if one in kind.by_hand}
            problem, self._plan = "", plan
            shown.show(plan.id, plan.created_at, scripts, rows)
        except Failure as failure:
            problem = str(failure)
            raise
        finally:
            if problem:
                shown.end(problem)

    async def run(self, work: Work, plan_id: str) -> str:
        """Carry out the plan that somebody confirmed by its id. Returns what came of it, in a sentence.

        Raises :class:`Refused`, before anything is sent.
        """
        self._refuse_second()
        shown, plan = self.shown, self._plan
        if plan is None or shown.phase is not Phase.PLANNED:
            raise Refused("Nothing was sent: this plan is used up, or another one took its place. Plan again.")
        problem = "It was interrupted: what had been sent ran to its end unheard, and changes nothing."
        check_policy(work, plan, plan_id)
        shown.begin()
        self._watcher = _Watcher(shown)
        try:
            await verify(work, plan, plan_id, self._watcher)
            problem = ""
        except Failure as failure:
            problem = str(failure)
            raise
        finally:
            shown.end(problem)
        counts = shown.counts
        return f"Verified {shown.asked}: {', '.join(f'{counts[one]:,} {one}' for one in Standing if counts[one])}. Press 7 to look."

    def stop(self) -> None:
        """Send nothing more. Scripts that were sent run to their end, and what they say is kept."""
        if self.shown.phase is Phase.RUNNING and self._watcher is not None:
            self._watcher.stopped = True
            self.shown.stop()

    def _refuse_second(self) -> None:
        shown = self.shown
        if shown.phase is Phase.PLANNING:
            raise Refused("A verification is being planned at this moment. Wait for it.")
        if shown.phase in AT_WORK:
            waiting = shown.counts[Standing.WAITING] + shown.counts[Standing.UNDER_WAY]
            raise Refused(f"A verification is under way, with {waiting:,} machines to be heard of. Wait for it, or stop it (7, then x).")

    async def paste(
        self, fleet: FleetCache, journal: Journal, clock: Clock, who: str, machine_id: str, text: str, check: str = HEALTH
    ) -> tuple[bool, str]:
        """Judge output that somebody ran by hand, keep it, and show it where the machine is part of such a verification.

        Returns whether all is well with the machine, and what came of it in a sentence. Raises :class:`NotJudged`.
        """
        found = await judge_pasted(fleet, journal, clock, who, machine_id, text.encode("utf-8", "replace"), check)
        if check == self.shown.check:
            self.shown.change(found.machine.machine_id, **_told(found))
        told = f"{found.machine.name}: {found.outcome}. {found.reason} {found.remedy}".rstrip()
        if found.outcome == UNREADABLE:
            told += " Nothing was kept."
        elif not found.kept:
            told += " It is not kept as its state, since Azure does not show the machine as onboarded."
        return found.outcome == KINDS[check].good, told


async def _asked(fleet: FleetCache, machine_ids: Collection[str], only: Collection[str], check: str) -> tuple[list[str], str]:
    """The subscriptions in which to look for these machines, or for all that ``check`` is about; and which machines that are, in words."""
    known = await fleet.subscription_ids()
    if machine_ids:
        names = [resource_name(one) for one in machine_ids]
        asked = names[0] if len(names) == 1 else f"{len(names):,} machines"
        return subscriptions_of(machine_ids, known), f"{asked}{_ABOUT[check]}"
    chosen = await fleet.selection()
    if chosen:
        many = len(chosen)
        return sorted(chosen), f"{_ASKED[check]} of {many:,} chosen subscription{'s' if many != 1 else ''}"
    there = [one for one in known if not only or one.lower() in only]
    return there, f"{_ASKED[check]} of {len(there):,} subscription{'s' if len(there) != 1 else ''}"


def _row(one: PlannedRun, subscription: str, check: str) -> VerifyRow:
    by_hand = KINDS[check].by_hand.get(one.system, "")
    way = WAYS[one.run.way] if one.run.way else ""
    standing = Standing.TO_RUN if way else Standing.CANNOT
    return VerifyRow(one.machine_id, one.name, subscription, one.system, way, one.run.right, by_hand, standing, one.run.reason)


def _told(one: Verified) -> dict[str, object]:
    """What came of a machine, as a row has it."""
    remedy = "" if one.outcome == "failed" else one.remedy  # how to do without stands on the screen
    notes = one.answer.notes if one.answer is not None else ()
    if isinstance(one.answer, Judgement):
        found = (each for each in one.answer.findings if each.status is not CheckStatus.PASS)
        notes = (*(f"{each.status}: {each.title or each.id}. {each.evidence} {each.remedy}".rstrip() for each in found), *notes)
    standing = _STANDINGS.get(one.outcome, Standing.FAILED)
    return {"standing": standing, "reason": one.reason, "remedy": remedy, "notes": notes, "at": one.at, "kept": one.kept}


async def judge_pasted(
    fleet: FleetCache, journal: Journal, clock: Clock, who: str, machine_id: str, pasted: bytes, check: str = HEALTH
) -> Verified:
    """What output means that ``who`` ran by hand on a machine of the cache; kept as what that ``check`` is about.

    What cannot be read is told and changes nothing. Raises :class:`NotJudged` for a machine that is not known and for more
    than :data:`MOST_PASTED` bytes.
    """
    machine = await fleet.machine(machine_id)
    if machine is None:
        raise NotJudged(f"Machine {machine_id} is not in the cache. “mde-console machines --json” lists the ids of those that are.")
    if len(pasted) > MOST_PASTED:
        raise NotJudged(
            f"The output is longer than {MOST_PASTED:,} bytes, so it is not that of mdatp or of the script, which take some thousand. "
            "Nothing was kept."
        )
    now, kind = clock.now(), KINDS[check]
    system = machine.os_type or "Linux"
    answer = kind.read_pasted(pasted, system, now)
    if answer.outcome == UNREADABLE:
        command = kind.by_hand.get(system, "")
        taken = f"“{command}”, or {_THE_SCRIPT}," if command else _THE_SCRIPT
        answer = replace(answer, remedy=f"Run {taken} on the machine, and give all that it prints.")
    sequence = await journal.begin(who, f"paste-{check}", machine.id, "", f"output pasted by hand, {len(pasted):,} bytes")
    kept = await kind.keep(fleet, machine.id, answer, now, f"hand, pasted by {who or 'somebody'}")
    await journal.finish(sequence, f"confirmed: {answer.outcome}, {answer.reason}")
    planned = PlannedRun(machine.id, machine.name, machine.subscription_id, machine.location, machine.os_type, RunWay())
    return Verified(planned, answer.outcome, answer.code, answer.reason, answer.remedy, "hand", now, answer, kept)

"""Running scripts that only read on machines: a plan of what runs where, and once it is confirmed each run journaled, sent, read, removed.

What a script is and what its output means is said by its :class:`ScriptKind`; how it is sent is the same for all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote
from typing import Any, Generic, Protocol, TypeVar

from cache.fleet import FleetCache
from cache.machine_reports import HEALTH
from cache.model import MachineState
from console.gateway.errors import AzureProblem, BadAnswer, Outage, SignInRequired
from console.gateway.run_commands import MOST_SECONDS, WAYS, Begun, NotOffered, Output, Script
from console.rules.health import Health
from console.rules.run_ways import RunWay
from console.together import together
from console.workers.work import Refused, Work

RUN_SCRIPT = "run-script"
"""Action in the audit trail."""

UNKNOWN = "end unknown"
"""How the outcome of a script begins of which nobody knows how it ended. That is final: it changes nothing that could be read back."""

CHANGES_NOTHING = "it changes nothing"

AT_ONCE = 32
"""Machines that run a script at the same time; each waits for most of it."""

ABANDONED = timedelta(seconds=2 * MOST_SECONDS)
"""After this no console still waits for a script that it has begun."""


class Answer(Protocol):
    """What the output of one machine means: what every kind of script has in common."""

    @property
    def outcome(self) -> str:
        """One word."""

    @property
    def code(self) -> str:
        """Stable, for scripts."""

    @property
    def reason(self) -> str:
        """A sentence."""

    @property
    def remedy(self) -> str:
        """What to do; empty where nothing is to be done."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing and changes no outcome."""

    @property
    def fields(self) -> Mapping[str, str] | None:
        """All that was told, by name; ``None`` where nothing was."""


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class ScriptKind(Generic[A]):
    """One kind of script that only reads.

    ``by_default``: the states of machines that are asked where none is named.
    ``good``: the outcome with which nothing is left to do. ``script``: its text for a system, the id of a run and the key of a cloud.
    ``read``: what an output means, of a machine of that system, at a time, in that run; ``read_pasted``: the same of bytes that somebody
    pasted. ``keep``: keeps an answer of a machine, made at a time and read in a way, and says whether it did. ``by_hand``: by system, a
    shorter command whose output is understood as well; empty where there is none.
    """

    name: str
    by_default: frozenset[MachineState]
    good: str
    script: Callable[[str, str, str], str]
    read: Callable[[Output, str, datetime, str], A]
    read_pasted: Callable[[bytes, str, datetime], A]
    keep: Callable[[FleetCache, str, A, datetime, str], Awaitable[bool]]
    by_hand: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """What is planned for one machine. ``run.way`` is empty for one that cannot be verified, and ``run.reason`` says why."""

    machine_id: str
    name: str
    subscription_id: str
    location: str
    system: str
    run: RunWay


@dataclass(frozen=True, slots=True)
class VerifyPlan:
    """A document that says which script runs on which machine; what is confirmed is what is sent.

    ``scripts``: texts by system. ``kind``: the name of the kind of script.
    """

    id: str
    created_at: datetime
    cloud: str
    tenant_id: str
    principal: str
    machines: tuple[PlannedRun, ...]
    scripts: Mapping[str, str]
    kind: str = HEALTH

    @property
    def runs(self) -> int:
        """How many machines would run a script."""
        return sum(1 for one in self.machines if one.run.way)


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of one machine.

    ``outcome``: that of the ``answer`` (as its kind has it; ``unreadable``: it answered, but not with what can be trusted), ``skipped``
    (the plan says why), or ``failed``; ``code`` says more for scripts, ``reason`` and ``remedy`` for people. ``way``: how it was read.
    """

    machine: PlannedRun
    outcome: str
    code: str
    reason: str
    remedy: str = ""
    way: str = ""
    at: datetime | None = None
    answer: Answer | None = None
    kept: bool = False

    @property
    def health(self) -> Health | None:
        """The answer, where it is one about the health of Defender."""
        return self.answer if isinstance(self.answer, Health) else None


def by_hand(planned: PlannedRun, kind: ScriptKind[Any]) -> str:
    """How to ask a machine without a run command; empty where its system is not known."""
    command = kind.by_hand.get(planned.system)
    if command is None:
        return ""
    taken = f"“{command}”, or the script that the plan shows," if command else "the script that the plan shows"
    check = "" if kind.name == HEALTH else f"--check {kind.name} "
    verb = f"mde-console verify {check}--machine {quote(planned.machine_id)} --paste FILE"
    return f"Or run {taken} on it by hand, and give its output to: {verb}"


def why_unreadable(output: Output) -> tuple[str, str] | None:
    """A code and a sentence where how a run ended explains that its output cannot be read."""
    if output.state.lower() in {"timedout", "canceled", "cancelled"}:
        return "timeout", f"The script did not end in its time ({output.state})."
    if not output.stdout and output.stderr:
        return "foreign", f"The script printed only an error: “{output.stderr[:200]}”."
    if not output.stdout and output.state.lower() == "failed":
        return "run-failed", "The machine's agent could not run the script, and says nothing more."
    return None


class ScriptPlan(Protocol):
    """What every plan that runs scripts says of itself."""

    @property
    def id(self) -> str:
        """By which it is confirmed."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""

    @property
    def cloud(self) -> str:
        """The key of the cloud it is for."""

    @property
    def tenant_id(self) -> str:
        """The tenant it is for."""


def check_confirmed(work: Work, plan: ScriptPlan, confirmed: str, instead: str) -> None:
    """Whether this sign-in may run scripts, and those of this plan, which somebody has ``confirmed`` by its id. ``instead``: what to do
    where this console is read-only. Raises :class:`Refused`."""
    if work.read_only:
        raise Refused(
            "This console is read-only, and running a script on a machine is a write in Azure, so nothing was sent. Start it without "
            f"--read-only, or {instead}."
        )
    if confirmed != plan.id:
        raise Refused("Nothing was sent: this plan was not confirmed. Look at it, with the script that it would run, and confirm it.")
    if work.elsewhere(plan.cloud, plan.tenant_id):
        raise Refused(f"The plan is for tenant {plan.tenant_id or '?'} in cloud {plan.cloud}; you are signed in elsewhere. Plan again.")
    if work.too_old(plan.created_at):
        raise Refused(f"The plan is of {plan.created_at:%Y-%m-%d %H:%M} UTC and too old to be trusted. Plan again.")


OTHER_SCRIPT = "Nothing was sent: the script in the plan is not the one that this version runs. Plan again."


def check_policy(work: Work, plan: VerifyPlan, confirmed: str, kind: ScriptKind[Any]) -> None:
    """Whether this sign-in may send what the plan says, which somebody has ``confirmed`` by its id. Raises :class:`Refused`."""
    check_confirmed(work, plan, confirmed, "run the script by hand and give its output to “verify --paste”")
    if plan.kind != kind.name or any(
        plan.scripts.get(one.system) != kind.script(one.system, plan.id, plan.cloud) for one in plan.machines if one.run.way
    ):
        raise Refused(OTHER_SCRIPT)


class Watcher:
    """Is told how a plan gets on, machine by machine, and can stop it."""

    stopped = False
    """No further machine is begun."""

    def begun(self, planned: PlannedRun) -> None:
        """It is the machine's turn."""

    def heard(self, verified: Verified) -> None:
        """The machine has ended."""


class Running:
    """One plan being carried out, which the policy allows."""

    def __init__(self, work: Work, plan: VerifyPlan, kind: ScriptKind[Any], watcher: Watcher | None = None) -> None:
        self._work = work
        self._plan = plan
        self._kind = kind
        self._watcher = watcher or Watcher()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._over: SignInRequired | None = None

    async def all(self) -> list[Verified]:
        """Every machine of the plan."""
        work, plan = self._work, self._plan
        work.activity.begin("verify", "verifying machines", total=plan.runs)
        done = 0

        async def one(planned: PlannedRun) -> Verified:
            nonlocal done
            if not planned.run.way:
                return Verified(planned, "skipped", "cannot-run", planned.run.reason, by_hand(planned, self._kind))
            async with self._gate:
                if self._watcher.stopped:
                    return Verified(planned, "skipped", "stopped", "Nothing was sent: it was stopped before its turn.")
                self._watcher.begun(planned)
                verified = await self._one(planned)
            done += 1
            work.activity.advance("verify", done=done)
            self._watcher.heard(verified)
            return verified

        try:
            found = await together(one(planned) for planned in plan.machines)
        finally:
            work.activity.end("verify")
        counts = Counter(one.outcome for one in found)
        said = ", ".join(f"{number} {outcome}" for outcome, number in counts.most_common()) or "no machine"
        await work.fleet.add_log("info" if set(counts) <= {self._kind.good} else "warning", f"Verified: {said}.")
        return found

    async def _one(self, planned: PlannedRun) -> Verified:
        first = await self._run(planned, planned.run.way)
        if first.code == NotOffered.code and planned.run.otherwise:
            return await self._run(planned, planned.run.otherwise)
        return first

    async def _run(self, planned: PlannedRun, way: str) -> Verified:
        """One script on one machine, from the journal to the journal."""
        work = self._work
        if self._over is not None:
            return Verified(
                planned, "failed", self._over.code, f"Nothing was sent: {self._over.message}", by_hand(planned, self._kind), way
            )
        script = Script(planned.machine_id, planned.location, way, planned.system, self._plan.scripts[planned.system])
        after = f"{self._kind.name} script {self._plan.id}, by {WAYS[way]}"
        try:
            return await carry_out(work, RUN_SCRIPT, script, after, lambda output: self._keep(planned, way, output), CHANGES_NOTHING)
        except AzureProblem as problem:
            if isinstance(problem, SignInRequired):
                self._over = problem
            return Verified(planned, "failed", problem.code, problem.message, by_hand(planned, self._kind), way, work.clock.now())

    async def _keep(self, planned: PlannedRun, way: str, output: Output) -> Verified:
        now = self._work.clock.now()
        answer = self._kind.read(output, planned.system, now, self._plan.id)
        kept = await self._kind.keep(self._work.fleet, planned.machine_id, answer, now, WAYS[way])
        return Verified(planned, answer.outcome, answer.code, answer.reason, answer.remedy, way, now, answer, kept)


class Ended(Protocol):
    """What came of a script, as the journal keeps it."""

    @property
    def outcome(self) -> str:
        """One word."""

    @property
    def reason(self) -> str:
        """A sentence."""


E = TypeVar("E", bound=Ended)


async def carry_out(
    work: Work, action: str, script: Script, after: str, read: Callable[[Output], Awaitable[E]], effect: str = CHANGES_NOTHING
) -> E:
    """One script on one machine, from the journal to the journal. Returns what ``read`` makes of its output.

    ``action`` and ``after`` are what the journal says is begun, ``effect`` what it says of a script of which nobody knows how it ended.
    Raises the :class:`AzureProblem` for which nothing was sent or heard, once that is written down.
    """
    sequence = await _write_down(work, action, script.machine_id, after)
    begun: Begun | None = None
    try:
        begun = await work.azure.begin_script(script)
        ended = await read(await work.azure.script_output(begun))
    except AzureProblem as problem:
        sent = begun is not None or isinstance(problem, Outage | BadAnswer)
        await work.journal.finish(sequence, f"{UNKNOWN if sent else 'failed'}: {problem.message}")
        if begun is not None:
            await _remove(work, script)
        raise
    except BaseException:
        await asyncio.shield(work.journal.finish(sequence, f"{UNKNOWN}: interrupted while the script was being run; {effect}"))
        raise
    await work.journal.finish(sequence, f"confirmed: {ended.outcome}, {ended.reason}")
    await _remove(work, script)
    return ended


async def _write_down(work: Work, action: str, machine_id: str, after: str) -> int:
    """Write down that a script is about to be sent; interrupted meanwhile, that it was not."""
    writing = asyncio.ensure_future(work.journal.begin(work.principal, action, machine_id, "", after))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.shield(work.journal.finish(await writing, "failed: interrupted before anything was sent"))
        raise


async def _remove(work: Work, script: Script) -> None:
    """Leave nothing behind; what cannot be removed is replaced by the next run."""
    try:
        await work.azure.remove_script(script)
    except AzureProblem as problem:
        await work.fleet.add_log("warning", f"A run command stays on {script.machine_id}: {problem.message}")


async def settle_abandoned(
    work: Work, machine_ids: Collection[str] = (), *, action: str = RUN_SCRIPT, effect: str = CHANGES_NOTHING
) -> list[str]:
    """Write down of scripts that were being run when a console ended that nobody knows how they ended. Returns a sentence for each.

    These are those that no console can still wait for, and those on ``machine_ids``, where a new one takes their place. ``action`` says
    which scripts, ``effect`` what one that may have run has done.
    """
    replaced = {one.lower() for one in machine_ids}
    sentences = []
    for intent in await work.journal.unfinished():
        abandoned = work.clock.now() - intent.at >= ABANDONED or intent.target.lower() in replaced
        if intent.action != action or not abandoned:
            continue
        await work.journal.finish(intent.sequence, f"{UNKNOWN}: the console ended while the script was being run; {effect}")
        sentences.append(f"The console ended while a script ran on {intent.target}: how that ended is not known; {effect}.")
    for sentence in sentences:
        await work.fleet.add_log("warning", sentence)
    return sentences

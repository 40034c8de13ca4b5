"""Programs that can be killed: the verbs of the console in processes of their own that start in milliseconds, and what is true afterwards.

A fork server imports the console once; each verb is a fork of it, a process like any other.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from cache.activity import Activity
from cache.changes import PROVIDER, SERVERS, WRITES, word, writes_of
from cache.failure import Failure
from cache.model import Extras, Plan, PlanAction
from console.session import Connection, Setup, connect, set_up
from console.simulator import Simulator

FAULTS = ("500:0.01", "503=0:0.01", "429=0:0.01", "drop:0.01", "half:0.01")
"""Five in a hundred requests go wrong, in five ways; the last two after Azure has carried out what was asked for."""

PRELOADED = ["console.enabling", "console.workers.apart", "console.workers.canary", "console.workers.plan", "azure.mgmt.security.aio"]


EXTRAS = Extras(servers_plan="P2", register=True, unified=True)
"""The plans do all that a plan can do."""


async def hurry(seconds: float) -> None:
    """Waits a hundredth of a second at most."""
    await asyncio.sleep(min(seconds, 0.01))


def fork_server() -> ForkServerContext:
    """What starts processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@dataclass(slots=True)
class Scene:
    """A simulated Azure, a home folder and a plan file."""

    simulator: Simulator
    home: Path
    context: ForkServerContext
    token: str = field(init=False)

    def __post_init__(self) -> None:
        """Signed in once."""
        self.token = self.simulator.token()

    @property
    def plan_file(self) -> Path:
        """Where the plan is."""
        return self.home / "plan.json"

    def start(self, verb: str, *, resume: bool = False, canary: tuple[str, ...] = ()) -> BaseProcess:
        """A verb (``plan``, ``enable`` or ``verify``) in a process of its own; what it prints is in ``said.txt`` in the home folder."""
        values = (str(self.simulator.cloud_file), str(self.home), self.token, verb, resume, canary)
        process = self.context.Process(target=_run, args=values, daemon=True)
        process.start()
        return process

    async def run(self, verb: str, *, resume: bool = False, canary: tuple[str, ...] = ()) -> int:
        """The same to its end; its exit code."""
        return await ended(self.start(verb, resume=resume, canary=canary))

    def said(self) -> str:
        """What the last verbs have printed."""
        return (self.home / "said.txt").read_text(encoding="utf-8")

    async def connection(self) -> Connection:
        """A sign-in of this process on the same home."""
        setup = _set_up(str(self.simulator.cloud_file), str(self.home), self.token)
        return await connect(setup, Activity(setup.clock))

    def carried_out(self) -> Counter[str]:
        """How often Azure carried out a write, by its target as in the audit trail."""
        puts = [*self.simulator.requests.of("PUT", "/settings/"), *self.simulator.requests.of("PUT", "/pricings/")]
        registered = [one.path.split("/")[2] for one in self.simulator.requests.of("POST", "/register") if one.status == 200]
        written = [f"{one.path.split('/')[2]}/{one.path.rsplit('/', 1)[-1]}" for one in puts if one.status in {200, 201}]
        return Counter([*written, *(f"{one}/{PROVIDER}" for one in registered)])

    def in_azure(self, target: str) -> str:
        """What Azure has for the target of a write, as the audit trail spells it."""
        subscription_id, _, name = target.partition("/")
        subscription = self.simulator.world.subscriptions[subscription_id]
        if name == PROVIDER:
            return "Registered" if subscription.registered else "NotRegistered"
        if name == SERVERS:
            return subscription.pricings[name].sub_plan or "free"
        return word(subscription.settings.get(name))

    async def disagreements(self, connection: Connection) -> list[str]:
        """Where the journal says something else than Azure has: of the last entry about each write, and of a write without an entry."""
        last = {one.target: one for one in await connection.journal.entries() if one.action in WRITES}
        found = []
        for target, entry in last.items():
            kind, holds = entry.outcome.partition(":")[0], self.in_azure(target)
            if kind not in {"confirmed", "failed"} or (kind == "confirmed") != (holds == entry.after):
                found.append(f"{target}: the journal says {entry.outcome}, Azure has {holds}")
        found += [f"{target}: written without an entry" for target in self.carried_out() if target not in last]
        sound, sentence = await connection.journal.verify()
        return found if sound else [*found, sentence]


def targets_of(plan: Plan) -> dict[str, str]:
    """What a plan writes: the value by target, as in the audit trail."""
    changed = [one for one in plan.subscriptions if not one.blockers]
    return {write.target(one.id): write.after for one in changed for write in writes_of(one)}


def more_situations(simulator: Simulator, dice: random.Random) -> None:
    """Some subscriptions of the world lack Defender for Servers, some the provider as well, so that plans have steps before settings."""
    whole = [one for one in simulator.world.subscriptions.values() if one.situation.name == "all-on" and one.tenant == simulator.tenant_id]
    for place, one in enumerate(dice.sample(whole, min(6, len(whole)))):
        one.pricings["VirtualMachines"] = replace(one.pricings["VirtualMachines"], tier="Free", sub_plan=None, enabled_at=None)
        if place < 3:
            one.registered = False
            one.settings = {"MCAS": True}
        one.switched(simulator.clock.now())


async def ended(process: BaseProcess) -> int:
    """Wait for the end of a process; its exit code, or minus the signal that ended it."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    return process.exitcode or 0


def kill(process: BaseProcess) -> None:
    """kill -9."""
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)


def _set_up(cloud: str, home: str, token: str) -> Setup:
    environ = {"MDE_CONSOLE_TOKEN": token}
    made = set_up(home=home, cloud=cloud, method="token", tenant=None, only=(), read_only=False, environ=environ)
    return replace(made, sleep=hurry, plan_minutes=24 * 60.0)


def _run(cloud: str, home: str, token: str, verb: str, resume: bool, canary: tuple[str, ...]) -> None:
    from console import verbs
    from console.enabling import Asked, enable

    said = os.open(Path(home) / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    setup, file = _set_up(cloud, home, token), str(Path(home) / "plan.json")
    try:
        match verb:
            case "plan":
                code = asyncio.run(verbs.plan(setup, False, PlanAction.ENABLE, file, EXTRAS))
            case "verify":
                code = asyncio.run(verbs.audit_verify(setup, False, ""))
            case _:
                code = asyncio.run(enable(setup, False, Asked(plan_file=file, resume=resume, canary=canary, canary_minutes=0)))
    except Failure as failure:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr)
        code = int(failure.exit_code)
    sys.stdout.flush()
    os._exit(code)

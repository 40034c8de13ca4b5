"""``python -m benchmarks.kills [--kills 200] [--seed 1]``: kill the application of plans at random points, and look each time.

A plan for many subscriptions of all situations is applied in a process of its own, which is killed (-9) at a random moment; what resumes it
is killed as well, until it comes to its end. After each kill the next start reads Azure and completes the journal; then both are compared,
setting by setting. One start in four is killed itself before that. It prints figures, and exits with 1 when anything disagrees.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks.killing import FAULTS, Scene, ended, fork_server, kill, more_situations, targets_of
from cache.changes import WRITES
from cache.model import Plan
from console.plan_files import read_plan
from console.simulator import Simulator
from console.workers.recovery import reconcile

SUBSCRIPTIONS = 60
JITTER = 0.03
"""Seconds after a request within which a process is killed: as long as a change takes to be written down, sent, and read back."""


class Figures:
    """What has happened."""

    def __init__(self) -> None:
        self.kills = self.plans = self.settings = self.duplicates = self.disagreements = self.settled = self.unplanned = 0
        self.under_way: Counter[int] = Counter()
        self.found: list[str] = []

    def told(self, seconds: float) -> str:
        """All of it in a few lines."""
        open_at_kill = ", ".join(f"{number}: {times}" for number, times in sorted(self.under_way.items()))
        lines = [
            f"kills                                  {self.kills}",
            f"plans applied to their end             {self.plans} ({self.settings} changes written)",
            f"changes without an end found by starts {self.settled}",
            f"changes without an end, by kill        {open_at_kill}",
            f"written more than once                 {self.duplicates}",
            f"journal and Azure disagreed            {self.disagreements}",
            f"not as planned at the end              {self.unplanned}",
            f"seconds                                {seconds:.0f}",
        ]
        return "\n".join(lines + self.found)

    @property
    def sound(self) -> bool:
        """Whether everything agreed."""
        return not (self.duplicates or self.disagreements or self.unplanned)


async def one_world(figures: Figures, dice: random.Random, wanted: int, context: ForkServerContext) -> None:
    """Plan for one world, and apply that plan through as many kills as it takes (or as are still wanted)."""
    seed = dice.randrange(1_000_000)
    with tempfile.TemporaryDirectory(prefix="mde-kills-") as folder:
        async with Simulator(machines=40, subscriptions=SUBSCRIPTIONS, seed=seed, speed=0) as simulator:
            more_situations(simulator, dice)
            scene = Scene(simulator, Path(folder), context)
            await scene.run("plan")
            plan = read_plan(str(scene.plan_file))
            for fault in FAULTS:
                simulator.faults.add(fault)
            begun = await _kill_and_look(figures, dice, wanted, scene, plan)
            simulator.faults.clear()
            code = await scene.run("enable", resume=begun)
            targets = targets_of(plan)
            figures.plans += 1
            figures.settings += len(targets)
            written = scene.carried_out()
            figures.duplicates += sum(times - 1 for times in written.values())
            wrong = [target for target, value in targets.items() if scene.in_azure(target) != value or written[target] != 1]
            figures.unplanned += len(wrong)
            if code not in {0, 3} or wrong or await _look(figures, scene):
                figures.found.append(f"world {seed}: exit {code}, {wrong}\n{scene.said()[-2000:]}")


async def _kill_and_look(figures: Figures, dice: random.Random, wanted: int, scene: Scene, plan: Plan) -> bool:
    """Returns whether the plan was begun, so that it has to be resumed."""
    resume = False
    ready = sum(1 for one in plan.subscriptions if one.changes and not one.blockers)
    while figures.kills < wanted:
        left = sum(scene.in_azure(target) != value for target, value in targets_of(plan).items())
        if not left:
            break
        writes = dice.random() < 0.5  # half of the kills are spread over all requests, half are near a write
        requests = min(left, 12) if writes else 2 * ready + 3 * left
        killed = await _killed(scene, resume=resume, after=dice.randrange(requests), late=dice.uniform(0, JITTER), writes=writes)
        figures.kills += killed
        connection = await scene.connection()
        try:
            unfinished = [one for one in await connection.journal.unfinished() if one.action in WRITES]
            resume = resume or any(one.action == "apply-plan" for one in await connection.journal.entries())
        finally:
            await connection.close()
        if killed:
            figures.under_way[len(unfinished)] += 1
        if killed and dice.random() < 0.25 and figures.kills < wanted:
            figures.kills += await _killed(scene, resume=resume, after=dice.randrange(3), late=dice.uniform(0, JITTER))
        await _look(figures, scene)
    return resume


async def _look(figures: Figures, scene: Scene) -> list[str]:
    """Start, let the journal be completed, and compare it with Azure."""
    connection = await scene.connection()
    try:
        figures.settled += sum(one.action in WRITES for one in await connection.journal.unfinished())
        for _ in range(20):  # where Azure cannot be asked just now, the next start asks again
            await reconcile(connection.work)
            if not await connection.journal.unfinished():
                break
        found = await scene.disagreements(connection)
    finally:
        await connection.close()
    figures.disagreements += len(found)
    figures.found += found
    return found


async def _killed(scene: Scene, *, resume: bool, after: int, late: float, writes: bool = False) -> bool:
    """Apply in a process that is killed ``late`` seconds after the request (or write) of that number; whether that was before its end."""
    process: list[BaseProcess] = []
    seen = 0
    loop = asyncio.get_running_loop()

    async def count(method: str, path: str) -> None:
        nonlocal seen
        wrote = method == "PUT" or path.endswith("/register")
        if wrote or (not writes and path.endswith(("/permissions", "/settings", "/VirtualMachines", "/Microsoft.Security"))):
            if seen == after:
                loop.call_later(late, kill, process[0])
            seen += 1

    scene.simulator.box.on_request = count
    process.append(scene.start("enable", resume=resume))
    code = await ended(process[0])
    scene.simulator.box.on_request = None
    return code == -9


async def measure(kills: int, seed: int) -> Figures:
    """Kill so many times."""
    figures, dice, context = Figures(), random.Random(seed), fork_server()
    while figures.kills < kills:
        await one_world(figures, dice, kills, context)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description="kill the application of plans at random points")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    began = time.monotonic()
    figures = asyncio.run(measure(options.kills, options.seed))
    print(figures.told(time.monotonic() - began))
    return 0 if figures.sound else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""One plan for sixty subscriptions of all situations, applied with a canary while five requests in a hundred go wrong and the process is
killed in the middle: afterwards every subscription is as planned or named with its reason, and nothing was sent twice.

Twenty seeds; together they take about a minute on two cores.
"""

from __future__ import annotations

import random
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from benchmarks.killing import FAULTS, Scene, ended, fork_server, kill, more_situations, targets_of
from cache.changes import PROVIDER, SERVERS, writes_of
from console.plan_files import read_plan
from console.simulator import Simulator
from console.workers.recovery import reconcile

SUBSCRIPTIONS = 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_every_subscription_is_as_planned_or_named_and_nothing_is_sent_twice(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    async with Simulator(machines=80, subscriptions=SUBSCRIPTIONS, seed=seed, speed=0, page_size=100, faults=FAULTS) as simulator:
        more_situations(simulator, dice)
        scene = Scene(simulator, tmp_path, fork_server())
        before = {one.id: (dict(one.settings), dict(one.pricings), one.registered) for one in simulator.world.subscriptions.values()}
        assert await scene.run("plan") == 2, scene.said()
        assert not simulator.requests.of("PUT")
        assert not simulator.requests.of("POST", "/register")
        plan = read_plan(str(scene.plan_file))
        targets = targets_of(plan)
        assert len(plan.subscriptions) == SUBSCRIPTIONS
        assert len(targets) > SUBSCRIPTIONS / 3
        kinds = Counter(target.rpartition("/")[2] for target in targets)
        assert kinds[PROVIDER] >= 3
        assert kinds[SERVERS] > 6
        assert kinds["WDATP_UNIFIED_SOLUTION"] >= 3

        ready = [one.id for one in plan.subscriptions if one.changes and not one.blockers]
        canary = tuple(dice.sample(ready, 2))
        assert await scene.run("enable", canary=canary) in {1, 3, 8}, scene.said()
        assert {one.partition("/")[0] for one in scene.carried_out()} <= set(canary)

        await killed_at(scene, dice.randrange(1, 4 * (len(ready) - 2)))
        resumed = await scene.run("enable", resume=True)
        assert resumed in {0, 1, 3}, scene.said()
        outcomes = last_outcomes(scene)
        for one in plan.subscriptions:
            code, message = outcomes[one.name]
            as_planned = all(scene.in_azure(each.target(one.id)) == targets.get(each.target(one.id)) for each in writes_of(one))
            assert as_planned or (code in {"blocked", "failed"} and len(message) > 20), (one.name, code, message)

        simulator.faults.clear()
        assert await scene.run("enable", resume=True) in {0, 3}, scene.said()
        assert {target: scene.in_azure(target) for target in targets} == targets
        assert scene.carried_out() == dict.fromkeys(targets, 1)
        untouched = simulator.world.subscriptions.keys() - {one.partition("/")[0] for one in targets}
        assert {
            one.id: (one.settings, one.pricings, one.registered) for one in simulator.world.subscriptions.values() if one.id in untouched
        } == {one: before[one] for one in untouched}
        assert await scene.run("verify") == 0, scene.said()
        connection = await scene.connection()
        try:
            assert await reconcile(connection.work) == []
            assert await scene.disagreements(connection) == []
        finally:
            await connection.close()
        assert "Traceback" not in scene.said()


async def killed_at(scene: Scene, number: int) -> None:
    """Resume in a process that is killed when Azure gets that request about a subscription."""
    process: list[BaseProcess] = []
    seen = 0

    async def count(method: str, path: str) -> None:
        nonlocal seen
        seen += path.endswith(("/permissions", "/Microsoft.Security", "/register", "/VirtualMachines")) or "/settings" in path
        if seen == number:
            kill(process[0])

    scene.simulator.box.on_request = count
    process.append(scene.start("enable", resume=True))
    code = await ended(process[0])
    scene.simulator.box.on_request = None
    assert code == -9, scene.said()


def last_outcomes(scene: Scene) -> dict[str, tuple[str, str]]:
    """The code and the message of every subscription that the last run has printed, by name."""
    told = scene.said().rpartition("\n\n")[2]
    lines = [line.strip().partition("  ") for line in told.splitlines() if "  " in line.strip()]
    return {rest.partition(": ")[0]: (code, rest.partition(": ")[2]) for code, _, rest in lines}

"""A property: whatever happens in Azure, and whenever it is polled, the cache is what a complete reading would make of it."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cache.activity import Activity
from cache.fleet import FleetCache
from console.clouds import load_cloud
from console.paths import Paths
from console.session import Setup, connect
from console.settings import Settings
from console.simulator import Simulator
from console.simulator.machines import Machine
from console.simulator.principals import ADA
from console.simulator.world import Pricing, Subscription
from console.workers.poll import Poll
from console.workers.sync import sync
from console.workers.watch import follow_the_clock
from tests.moments import START
from tests.workers.conftest import SimulatedTime, no_wait

NUMBER = st.integers(0, 999)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("create", "delete", "switch", "alert", "status", "plan")), NUMBER),
        st.tuples(st.just("wait"), st.sampled_from((1, 30, 300, 4000, 90_000))),
        st.tuples(st.sampled_from(("poll", "moving")), st.just(0)),
        st.tuples(st.just("fault"), st.sampled_from((1, 2, 3))),
    ),
    min_size=3,
    max_size=14,
)


class Owner:
    """Changes the simulated world as its owners would."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.subscriptions: list[Subscription] = [
            one
            for one in simulator.world.visible(ADA, simulator.tenant_id)
            if one.registered and one.situation.name != "no-right-to-see-machines"
        ]

    def machines(self) -> list[Machine]:
        return [machine for one in self.subscriptions for machine in self.simulator.world.machines(one.id)]

    def does(self, what: str, number: int) -> None:
        world, now = self.simulator.world, self.simulator.clock.now()
        subscription = self.subscriptions[number % len(self.subscriptions)]
        machines = self.machines()
        match what:
            case "create":
                world.create(subscription.id, 1 + number % 3)
            case "delete" if machines:
                world.delete(machines[number % len(machines)])
            case "switch" if machines:
                world.set_running(machines[number % len(machines)], number % 2 == 0)
            case "alert" if machines:
                known = [alert for one in self.subscriptions for alert in self.simulator.alerts.until(one, now)]
                kind = known[number % len(known)].kind
                self.simulator.alerts.add(machines[number % len(machines)], kind, now)
            case "status":
                known = [alert for one in self.subscriptions for alert in self.simulator.alerts.until(one, now)]
                status = ("Active", "Dismissed", "Resolved", "InProgress")[number % 4]
                self.simulator.alerts.set_status(known[number % len(known)], status, now)
            case "plan":
                plans = (Pricing("Free", None, None), Pricing("Standard", "P1", now), Pricing("Standard", "P2", now))
                subscription.pricings["VirtualMachines"] = plans[number % 3]
                subscription.revision += 1
            case "wait":
                self.simulator.clock.advance(number)


async def contents(fleet: FleetCache) -> dict[str, Any]:
    """What there is, and in which state."""
    return {
        "machines": {one.id: replace(one, as_of=None) for one in await fleet.machines()},
        "states": {key: one.state for key, one in (await fleet.onboardings()).items()},
        "alerts": {one.id: replace(one, as_of=None) for one in await fleet.alerts()},
        "plans": await fleet.servers_plans(),
        "counts": await fleet.states_by_subscription(),
    }


async def run(steps: list[tuple[str, int]], folder: Path) -> None:
    async with Simulator(machines=24, speed=0, start=START) as simulator:
        setup = Setup(
            Paths(folder / "home"),
            Settings(),
            load_cloud(str(simulator.cloud_file)),
            "token",
            "",
            clock=SimulatedTime(simulator),
            environ={"MDE_CONSOLE_TOKEN": simulator.token()},
            sleep=no_wait,
        )
        connection = await connect(setup, Activity(setup.clock))
        try:
            work, owner = connection.work, Owner(simulator)
            poll = Poll(work, timedelta(hours=1))
            await sync(work)
            for what, number in [*steps, ("poll", 0), ("poll", 0)]:  # the first may still meet a fault
                if what in ("poll", "moving"):
                    await poll.differences(moving=what == "moving")
                    await follow_the_clock(work)
                    simulator.faults.clear()
                elif what == "fault":
                    simulator.faults.add(f"500:1:ResourceGraph:{5 * number}")  # more often than it is tried again
                else:
                    owner.does(what, number)
            polled = await contents(work.fleet)
            await sync(work)
            assert polled == await contents(work.fleet)
        finally:
            await connection.close()


@given(STEPS)
@settings(max_examples=10, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))
def test_after_any_changes_and_polls_the_cache_is_what_a_complete_reading_makes_of_it(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(steps, Path(folder)))

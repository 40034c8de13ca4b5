"""After the first group of a plan its machines are waited for, by the console's clock, and then it is told how they stand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cache.canary import COMING
from cache.model import Plan, PlanAction
from console.answers import apply, tell_canary
from console.session import Connection
from console.simulator import Simulator
from console.workers.apply import apply_plan
from console.workers.canary import canary_over, stopped_plan, watch_canary
from console.workers.plan import make_plan
from console.workers.sync import MOVING, sync
from screens.requests import ApplyRequested
from tests.workers.conftest import Connect

FIRST, SECOND = "existing-windows-linux-excluded", "never-enabled"


@pytest.fixture
async def ada(simulator: Simulator, connect_as: Connect) -> Connection:
    """Ada, for whom waiting makes the time pass."""

    async def sleep(seconds: float) -> None:
        simulator.clock.advance(seconds)

    return await connect_as(sleep=sleep)


async def planned(ada: Connection, simulator: Simulator) -> Plan:
    await sync(ada.work)
    return await make_plan(ada.work, [simulator.subscription(one) for one in (FIRST, SECOND)], PlanAction.ENABLE)


async def test_the_canary_is_applied_alone_and_its_machines_come_aboard(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator)
    first, second = plan.subscriptions
    outcomes = await apply_plan(ada.work, plan, canary=[first.id.upper()])
    assert [one.code for one in outcomes] == ["confirmed", "waiting"]
    assert len(simulator.requests.of("PUT")) == 1
    begun = ada.work.clock.now()
    aboard = await watch_canary(ada.work, plan, [first.id], minutes=24 * 60, every=600)
    assert aboard.aboard > 0
    assert aboard.aboard + aboard.stuck + aboard.coming == sum(first.count(fate) for fate in COMING)
    assert aboard.coming == 0 or (ada.work.clock.now() - begun).total_seconds() >= 24 * 3600
    assert f"{aboard.aboard} of" in aboard.told()
    assert ada.work.activity.tasks() == ()
    resumed = await apply_plan(ada.work, plan, resume=True)
    assert [one.code for one in resumed] == ["nothing", "confirmed"]


async def test_it_is_not_waited_longer_than_is_said(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator)
    await apply_plan(ada.work, plan, canary=[plan.subscriptions[0].id])
    begun = ada.work.clock.now()
    aboard = await watch_canary(ada.work, plan, [plan.subscriptions[0].id], minutes=2, every=30)
    assert (ada.work.clock.now() - begun).total_seconds() == 120
    assert aboard.coming > 0
    assert "on their way" in aboard.told()


async def test_where_no_machine_is_to_come_nothing_is_waited_for(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    plan = await make_plan(ada.work, [simulator.subscription("empty")], PlanAction.ENABLE)
    await apply_plan(ada.work, plan, canary=[plan.subscriptions[0].id])
    simulator.requests.clear()
    aboard = await watch_canary(ada.work, plan, [plan.subscriptions[0].id], minutes=60, every=30)
    assert aboard.told() == "No machine was to come aboard."
    assert len(simulator.requests) == 0


async def test_who_looks_at_another_screen_is_told_when_the_canary_is_over(simulator: Simulator, connect_as: Connect) -> None:
    async def sleep(seconds: float) -> None:
        simulator.clock.advance(600)
        await sync(ada.work, (), MOVING)  # as the polling does

    ada = await connect_as(sleep=sleep)
    plan = await planned(ada, simulator)
    first, second = plan.subscriptions
    told: list[str] = []
    again: list[tuple[str, ...]] = []

    def tell(sentence: str, *, error: bool = False) -> None:
        told.append(sentence)

    await apply(ada.work, ApplyRequested(plan.id, (first.id,)), tell, again.append, timedelta(hours=24))
    assert "machines are aboard" in told[-1]
    assert "Press 3, which asks about the rest." in told[-1]
    assert again == [(first.id, second.id)]
    count = len(told)
    await apply(ada.work, ApplyRequested(plan.id, (), resume=True), tell, again.append, timedelta(hours=24))
    assert not any("canary" in one for one in told[count:])


async def test_a_wait_that_outlived_the_console_ends_with_a_word_once(simulator: Simulator, connect_as: Connect) -> None:
    async def sleep(seconds: float) -> None:
        simulator.clock.advance(600)
        await sync(before.work, (), MOVING)  # as the polling does

    before = await connect_as(sleep=sleep)
    plan = await planned(before, simulator)
    first = plan.subscriptions[0]
    await apply_plan(before.work, plan, canary=[first.id])
    after = await connect_as(sleep=sleep)
    told: list[str] = []

    def tell(sentence: str, *, error: bool = False) -> None:
        told.append(sentence)

    await tell_canary(after.work, tell, timedelta(hours=24))
    (sentence,) = told
    assert sentence.startswith(f"The canary of the plan ({first.name}): After ")
    assert "machines are aboard" in sentence
    await tell_canary(after.work, tell, timedelta(hours=24))
    assert told == [sentence]


async def test_nothing_is_told_of_a_canary_after_which_the_plan_went_on(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator)
    await apply_plan(ada.work, plan, canary=[plan.subscriptions[0].id])
    stopped = await stopped_plan(ada.work)
    assert stopped is not None
    assert stopped.first == (plan.subscriptions[0].id,)
    await apply_plan(ada.work, plan, resume=True)
    assert await stopped_plan(ada.work) is None
    assert await canary_over(ada.work, stopped, 0, 1) is None

"""After an end that nobody saw: the journal tells what was begun, Azure what holds, and only what is missing is sent."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cache.changes import APPLY_PLAN, SET_STATUS
from cache.errors import CacheError, DiskFull
from cache.lead import APPLY_FILE, Lead
from cache.model import Plan, PlanAction
from console.session import Connection
from console.simulator import Simulator
from console.workers.apply import AT_ONCE, PlanEdited, PlanOld, Refused, apply_plan
from console.workers.plan import make_plan
from console.workers.recovery import ARRIVES_WITHIN, reconcile
from console.workers.sync import sync
from tests.workers.conftest import Connect

EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"
FIRST, SECOND = "existing-windows-linux-excluded", "unified-off"


async def planned(ada: Connection, *situations: str, simulator: Simulator) -> Plan:
    await sync(ada.work)
    return await make_plan(ada.work, [simulator.subscription(one) for one in situations], PlanAction.ENABLE)


async def test_a_plan_that_was_interrupted_is_told_and_resuming_sends_only_what_is_missing(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, SECOND, simulator=simulator)
    one, two = plan.subscriptions
    await ada.journal.begin("ada", APPLY_PLAN, plan.id, "", "2 settings")
    await ada.journal.begin("ada", "put-setting", f"{one.id}/{EXCLUDE}", "true", "false")
    await ada.azure.put_setting(one.id, EXCLUDE, False)
    said = await reconcile(ada.work)
    assert said[0] == f"{EXCLUDE} of {one.name} ({one.id}) was being changed when the console ended: it was done."
    assert said[1].startswith(
        f"Plan {plan.id} was being applied when the console ended: 1 of 2 settings are written and confirmed, 1 not sent."
    )
    assert two.name in said[1]
    assert one.name not in said[1]
    assert "mde-console enable --resume" in said[1]
    assert await reconcile(ada.work) == []
    with pytest.raises(Refused, match="begun before"):
        await apply_plan(ada.work, plan)
    outcomes = await apply_plan(ada.work, plan, resume=True)
    assert [each.code for each in outcomes] == ["nothing", "confirmed"]
    assert len(simulator.requests.of("PUT")) == 2
    assert (await ada.journal.verify())[0]
    assert await ada.journal.unfinished() == []


async def test_a_write_that_arrives_late_is_waited_for_and_not_sent_again(simulator: Simulator, connect_as: Connect) -> None:
    slept: list[float] = []
    ada: Connection

    async def arrives(seconds: float) -> None:
        slept.append(seconds)
        await ada.azure.put_setting(target, EXCLUDE, False)

    ada = await connect_as(sleep=arrives)
    target = simulator.subscription(FIRST)
    await sync(ada.work)
    await ada.journal.begin("ada", "put-setting", f"{target}/{EXCLUDE}", "true", "false")
    (sentence,) = await reconcile(ada.work)
    assert "it was done" in sentence
    assert slept == [ARRIVES_WITHIN]


async def test_what_was_begun_long_ago_is_not_waited_for(simulator: Simulator, connect_as: Connect) -> None:
    async def never(_: float) -> None:
        raise AssertionError("nothing is on its way any more")

    ada = await connect_as(sleep=never)
    await sync(ada.work)
    await ada.journal.begin("ada", "put-setting", f"{simulator.subscription(FIRST)}/{EXCLUDE}", "true", "false")
    simulator.clock.advance(60)
    (sentence,) = await reconcile(ada.work)
    assert "it was not done (it is true)" in sentence


async def test_a_write_whose_end_is_not_known_is_read_back_before_anything_is_sent(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, simulator=simulator)
    target = plan.subscriptions[0].id
    simulator.faults.add(f"drop:1:PUT .*/settings/{EXCLUDE}:1")

    async def lose_the_right_to_read(method: str, path: str) -> None:
        if method == "PUT":
            simulator.faults.add("403:1:GET .*/settings$")

    simulator.box.on_request = lose_the_right_to_read
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "failed"
    assert "could not be read back" in outcome.message
    simulator.box.on_request = None
    assert [one.target for one in await ada.journal.unfinished()] == [f"{target}/{EXCLUDE}"]
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.message.startswith("Nothing was sent: how an earlier write")
    simulator.faults.clear()
    (outcome,) = await apply_plan(ada.work, plan, resume=True)
    assert outcome.code == "nothing"
    assert len(simulator.requests.of("PUT")) == 1
    assert await ada.journal.unfinished() == []


async def test_when_azure_cannot_be_asked_a_change_stays_unfinished_until_it_can(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    await ada.journal.begin("ada", "put-setting", f"{simulator.subscription(FIRST)}/{EXCLUDE}", "true", "false")
    simulator.faults.add("403:1:GET .*/settings$")
    (sentence,) = await reconcile(ada.work)
    assert "Azure cannot be asked now" in sentence
    assert len(await ada.journal.unfinished()) == 1
    simulator.faults.clear()
    (sentence,) = await reconcile(ada.work)
    assert "was not done" in sentence


async def test_what_another_console_is_changing_now_is_left_to_it(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, simulator=simulator)
    await ada.journal.begin("ada", "put-setting", f"{plan.subscriptions[0].id}/{EXCLUDE}", "true", "false")
    other = Lead(ada.journal.path.parent, APPLY_FILE)
    assert other.take()
    assert await reconcile(ada.work) == []
    with pytest.raises(Refused, match="Another mde-console is changing Azure"):
        await apply_plan(ada.work, plan)
    other.release()
    assert len(await reconcile(ada.work)) == 1
    assert simulator.requests.of("PUT") == []


async def test_an_alert_whose_change_was_interrupted_is_told_from_what_azure_says_now(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    alert = next(one for one in await ada.fleet.alerts() if one.status == "Active")
    await ada.journal.begin("ada", SET_STATUS, alert.id, "Active", "Resolved")
    (sentence,) = await reconcile(ada.work)
    assert "was not done (it is Active)" in sentence
    await ada.journal.begin("ada", SET_STATUS, f"{alert.id}x", "Active", "Resolved")
    (sentence,) = await reconcile(ada.work)
    assert "not there any more" in sentence
    assert await ada.journal.unfinished() == []


async def test_a_plan_can_be_resumed_for_a_day_and_only_if_it_was_begun(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, SECOND, simulator=simulator)
    with pytest.raises(Refused, match="never begun"):
        await apply_plan(ada.work, plan, resume=True)
    first = await apply_plan(ada.work, plan, canary=[plan.subscriptions[0].id])
    assert [one.code for one in first] == ["confirmed", "waiting"]
    simulator.clock.advance(23 * 3600)
    assert [one.code for one in await apply_plan(ada.work, plan, resume=True)] == ["nothing", "confirmed"]
    simulator.clock.advance(2 * 3600)
    with pytest.raises(PlanOld):
        await apply_plan(ada.work, plan, resume=True)


async def test_resuming_stops_at_a_subscription_that_azure_has_changed_otherwise(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, "never-enabled", simulator=simulator)
    await ada.journal.begin("ada", APPLY_PLAN, plan.id, "", "")
    await ada.azure.put_setting(plan.subscriptions[1].id, "WDATP", False)  # it was not set when the plan was made
    codes = {one.subscription_id: one.code for one in await apply_plan(ada.work, plan, resume=True)}
    assert codes == {plan.subscriptions[0].id: "confirmed", plan.subscriptions[1].id: "moved"}


async def test_a_plan_that_names_what_no_plan_does_is_refused(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, simulator=simulator)
    (one,) = plan.subscriptions
    foreign = replace(one, settings=(replace(one.settings[0], name="MCAS"),))
    elsewhere = replace(one, id="../../x")
    for strange in (foreign, elsewhere):
        with pytest.raises(PlanEdited, match="never plans for"):
            await apply_plan(ada.work, replace(plan, subscriptions=(strange,)))
    assert simulator.requests.of("PUT") == []


# The audit comes first


async def test_when_the_disk_is_full_no_change_is_made(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, simulator=simulator)
    writer = ada.journal._database._writer
    ((pages,),) = await writer.execute_fetchall("PRAGMA page_count")
    await writer.execute_fetchall(f"PRAGMA max_page_count = {pages}")

    async def use_up_the_last_page() -> None:
        while True:
            await ada.journal.tick("s", "c", "ann")

    with pytest.raises(DiskFull, match="Free some space"):
        await use_up_the_last_page()
    with pytest.raises(DiskFull):
        await apply_plan(ada.work, plan)
    assert simulator.requests.of("PUT") == []


async def test_when_the_journal_fails_half_way_what_is_under_way_ends_and_nothing_else_is_begun(
    simulator: Simulator, ada: Connection
) -> None:
    situations = (FIRST, SECOND, "never-enabled", "linux-not-set", "no-right-to-see-machines", "empty")
    plan = await planned(ada, *situations, simulator=simulator)
    writer = ada.journal._database._writer

    async def fail_from_the_second_write_on(method: str, path: str) -> None:
        if method == "PUT" and len(simulator.requests.of("PUT")) == 1:
            await writer.execute_fetchall("PRAGMA query_only = 1")

    simulator.box.on_request = fail_from_the_second_write_on
    with pytest.raises(CacheError):
        await apply_plan(ada.work, plan)
    sent = len(simulator.requests.of("PUT"))
    assert 2 <= sent < plan.changes
    await writer.execute_fetchall("PRAGMA query_only = 0")
    simulator.box.on_request = None
    started = [one for one in await ada.journal.entries() if one.action == "put-setting" and one.outcome == "started"]
    assert len(started) == sent  # each that was sent had been written down
    sentences = await reconcile(ada.work)
    assert f"{sent} of {plan.changes} settings are written and confirmed" in sentences[-1]
    assert {one.code for one in await apply_plan(ada.work, plan, resume=True)} == {"nothing", "confirmed"}
    assert len(simulator.requests.of("PUT")) == plan.changes
    assert (await ada.journal.verify())[0]


async def test_a_journal_that_can_only_be_read_stops_the_change(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, simulator=simulator)
    await ada.journal._database._writer.execute_fetchall("PRAGMA query_only = 1")  # what SQLite says of a read-only file
    with pytest.raises(CacheError):
        await apply_plan(ada.work, plan)
    assert simulator.requests.of("PUT") == []


# Pace


async def test_only_a_few_subscriptions_are_changed_at_once(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, SECOND, "never-enabled", "linux-not-set", "no-right-to-see-machines", "empty", simulator=simulator)
    under_way: set[str] = set()
    most = 0

    async def count(method: str, path: str) -> None:
        nonlocal most
        if method == "PUT":
            under_way.add(path)
            most = max(most, len(under_way))
            for _ in range(200):
                await asyncio.sleep(0)
            under_way.discard(path)

    simulator.box.on_request = count
    outcomes = await apply_plan(ada.work, plan)
    assert {one.code for one in outcomes} == {"confirmed"}
    assert 1 <= most <= AT_ONCE


async def test_throttling_is_waited_out_as_long_as_azure_asks(simulator: Simulator, connect_as: Connect) -> None:
    slept: list[float] = []

    async def wait(seconds: float) -> None:
        slept.append(seconds)

    ada = await connect_as(sleep=wait)
    plan = await planned(ada, FIRST, SECOND, simulator=simulator)
    simulator.faults.add(f"429=7:1:PUT .*/settings/{EXCLUDE}:2")
    outcomes = await apply_plan(ada.work, plan)
    assert [one.code for one in outcomes] == ["confirmed", "confirmed"]
    assert slept == [7.0, 7.0]
    assert sorted(one.status for one in simulator.requests.of("PUT")) == [200, 200, 429, 429]


async def test_a_right_that_is_lost_half_way_costs_its_subscription_alone(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, FIRST, SECOND, simulator=simulator)
    simulator.faults.add(f"403:1:PUT /subscriptions/{plan.subscriptions[0].id}/.*")
    first, second = await apply_plan(ada.work, plan)
    assert (first.code, second.code) == ("failed", "confirmed")
    assert "no right" in first.message
    assert await ada.journal.unfinished() == []

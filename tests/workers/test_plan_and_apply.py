"""Changing Azure: what is confirmed is what is sent, once, and success is what Azure says when it is read back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from cache.model import PlanAction
from console.session import Connection
from console.simulator import Simulator
from console.workers.apply import Refused, apply_plan
from console.workers.plan import make_plan
from console.workers.recovery import reconcile
from console.workers.sync import sync
from tests.workers.conftest import Connect

EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"


def puts(simulator: Simulator) -> list[tuple[str, object]]:
    return [(one["path"].rsplit("/", 1)[-1], one["body"]) for one in (request.as_json() for request in simulator.requests.of("PUT", ""))]


async def planned(ada: Connection, subscription_id: str, action: PlanAction = PlanAction.ENABLE):  # type: ignore[no-untyped-def]  # a test's shorthand
    await sync(ada.work)
    return await make_plan(ada.work, [subscription_id], action)


async def test_an_excluded_linux_subscription_takes_exactly_one_write(simulator: Simulator, ada: Connection) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    plan = await planned(ada, subscription_id)
    assert [(one.name, one.before, one.after) for one in plan.subscriptions[0].settings] == [(EXCLUDE, True, False)]
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "confirmed"
    ((name, body),) = puts(simulator)
    assert name == EXCLUDE
    assert "false" in str(body).lower()
    assert "DataExportSettings" in str(body)
    assert (await ada.fleet.subscription(subscription_id)).linux == "enabled"  # type: ignore[union-attr]  # it was just synced
    entries = [one for one in await ada.journal.entries() if one.action == "put-setting"]
    assert [one.outcome for one in entries] == ["started", "confirmed"]
    assert entries[0].target == f"{subscription_id}/{EXCLUDE}"
    assert (await ada.journal.verify())[0]
    assert await ada.journal.unfinished() == []


async def test_a_subscription_that_was_never_enabled_gets_the_whole_integration(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator.subscription("never-enabled"))
    (one,) = plan.subscriptions
    assert one.case == "never-enabled"
    assert ("WDATP", True) in [(change.name, change.after) for change in one.settings]
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "confirmed"
    again = await make_plan(ada.work, [one.id], PlanAction.ENABLE)
    assert again.changes == 0


async def test_what_is_on_already_is_not_written(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator.subscription("all-on"))
    assert plan.changes == 0
    assert [one.code for one in await apply_plan(ada.work, plan)] == ["nothing"]
    assert puts(simulator) == []


@pytest.mark.parametrize(
    "situation", ["no-right-to-enable", "provider-not-registered", "disabled", "no-servers-plan", "no-right-to-see-machines"]
)
async def test_a_subscription_that_cannot_be_enabled_says_who_must_act_and_nothing_is_sent(
    simulator: Simulator, ada: Connection, situation: str
) -> None:
    plan = await planned(ada, simulator.subscription(situation))
    (one,) = plan.subscriptions
    if situation == "no-right-to-see-machines":
        assert one.warnings
        return
    if one.settings or situation != "disabled":
        assert one.blockers
        assert all(blocker.who for blocker in one.blockers)
    assert [outcome.code for outcome in await apply_plan(ada.work, plan)] in (["blocked"], ["nothing"])
    assert puts(simulator) == []


async def test_when_azure_has_moved_since_the_plan_nothing_is_sent(simulator: Simulator, ada: Connection) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    plan = await planned(ada, subscription_id)
    await ada.azure.put_setting(subscription_id, EXCLUDE, False)
    simulator.requests.clear()
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "moved"
    assert "Plan again" in outcome.message
    assert puts(simulator) == []


async def test_a_plan_that_this_console_has_carried_out_is_told_as_done_by_whom_and_when_and_nothing_is_sent(
    simulator: Simulator, ada: Connection
) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    plan = await planned(ada, subscription_id)
    (first,) = await apply_plan(ada.work, plan)
    assert (first.code, first.before) == ("confirmed", None)
    done = await ada.journal.last("put-setting", f"{subscription_id}/{EXCLUDE}")
    assert done is not None
    for _ in range(2):
        (outcome,) = await apply_plan(ada.work, plan)
        assert (outcome.code, outcome.before) == ("nothing", done)
        assert f"Already done by this console at {done.at:%Y-%m-%d %H:%M} UTC by {ada.work.principal}" in outcome.message
    assert len(puts(simulator)) == 1
    told = [one for one in await ada.journal.entries() if one.action == "not-applied"]
    assert [(one.target, one.before, one.outcome) for one in told] == [(subscription_id, plan.id, f"nothing: {outcome.message}")]
    assert (await ada.journal.last("apply-plan", plan.id)).outcome == "done: 1 of 1 subscriptions as planned"  # type: ignore[union-attr]  # just applied


async def test_a_plan_whose_work_another_plan_of_this_console_did_is_done_already(simulator: Simulator, ada: Connection) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    kept = await planned(ada, subscription_id)
    await apply_plan(ada.work, await make_plan(ada.work, [subscription_id], PlanAction.ENABLE))
    (outcome,) = await apply_plan(ada.work, kept)
    assert outcome.code == "nothing"
    assert outcome.before is not None
    assert len(puts(simulator)) == 1


async def test_what_this_console_did_and_somebody_undid_and_did_again_before_the_plan_is_not_its_doing(
    simulator: Simulator, ada: Connection
) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    await apply_plan(ada.work, await planned(ada, subscription_id))
    await ada.azure.put_setting(subscription_id, EXCLUDE, True)
    simulator.clock.advance(60)
    plan = await make_plan(ada.work, [subscription_id], PlanAction.ENABLE)
    await ada.azure.put_setting(subscription_id, EXCLUDE, False)
    (outcome,) = await apply_plan(ada.work, plan)
    assert (outcome.code, outcome.before) == ("moved", None)


async def test_a_plan_of_which_this_console_did_a_part_sends_only_the_rest(simulator: Simulator, ada: Connection) -> None:
    subscription_id = simulator.subscription("never-enabled")
    await sync(ada.work)
    await ada.azure.put_setting(subscription_id, EXCLUDE, True)
    plan = await make_plan(ada.work, [subscription_id], PlanAction.ENABLE)
    assert [one.name for one in plan.subscriptions[0].settings] == [EXCLUDE, "WDATP"]
    simulator.faults.add("403:1:PUT .*/settings/WDATP$:1")
    simulator.requests.clear()
    assert [one.code for one in await apply_plan(ada.work, plan)] == ["failed"]
    assert [one.code for one in await apply_plan(ada.work, plan)] == ["confirmed"]
    assert [name for name, _ in puts(simulator)] == [EXCLUDE, "WDATP", "WDATP"]


async def test_a_write_whose_answer_is_lost_is_read_back_and_not_sent_again(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator.subscription("existing-windows-linux-excluded"))
    simulator.faults.add(f"half:1:PUT .*/settings/{EXCLUDE}:1")
    (outcome,) = await apply_plan(ada.work, plan)
    assert len(puts(simulator)) == 1
    assert outcome.code in {"confirmed", "failed"}
    now = await ada.azure.settings(plan.subscriptions[0].id)
    assert (now[EXCLUDE] is False) == (outcome.code == "confirmed")


async def test_a_write_that_azure_refuses_is_a_failure_of_its_subscription_alone(simulator: Simulator, ada: Connection) -> None:
    first, second = simulator.subscription("existing-windows-linux-excluded"), simulator.subscription("unified-off")
    await sync(ada.work)
    plan = await make_plan(ada.work, [first, second], PlanAction.ENABLE)
    simulator.faults.add(f"409:1:PUT /subscriptions/{first}/.*/settings/{EXCLUDE}")
    outcomes = {one.subscription_id: one for one in await apply_plan(ada.work, plan)}
    assert outcomes[first].code == "failed"
    assert outcomes[second].code == "confirmed"
    assert await ada.journal.unfinished() == []


async def test_read_only_refuses_where_the_call_is_made(simulator: Simulator, connect_as: Connect) -> None:
    connection = await connect_as(read_only=True)
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    plan = await planned(connection, subscription_id)
    with pytest.raises(Refused, match="read-only"):
        await apply_plan(connection.work, plan)
    from console.gateway.errors import AzureProblem

    with pytest.raises(AzureProblem, match="read-only"):
        await connection.azure.put_setting(subscription_id, EXCLUDE, False)
    assert puts(simulator) == []


async def test_a_plan_that_is_old_or_for_another_tenant_is_refused(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator.subscription("existing-windows-linux-excluded"))
    with pytest.raises(Refused, match="tenant"):
        await apply_plan(ada.work, replace(plan, tenant_id="another"))
    with pytest.raises(Refused, match="too old"):
        await apply_plan(ada.work, replace(plan, created_at=plan.created_at - timedelta(hours=1)))
    assert puts(simulator) == []


async def test_a_journal_that_cannot_be_written_stops_the_change(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator.subscription("existing-windows-linux-excluded"))
    await ada.journal.close()
    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever a closed journal raises, no change may be made)
        await apply_plan(ada.work, plan)
    assert puts(simulator) == []


async def test_a_change_that_was_interrupted_is_told_from_what_azure_says_now(simulator: Simulator, ada: Connection) -> None:
    subscription_id = simulator.subscription("existing-windows-linux-excluded")
    await sync(ada.work)
    await ada.journal.begin("ada", "put-setting", f"{subscription_id}/{EXCLUDE}", "true", "false")
    (sentence,) = await reconcile(ada.work)
    assert "was not done" in sentence
    await ada.journal.begin("ada", "put-setting", f"{subscription_id}/{EXCLUDE}", "true", "false")
    await ada.azure.put_setting(subscription_id, EXCLUDE, False)
    (sentence,) = await reconcile(ada.work)
    assert "was done" in sentence
    assert await reconcile(ada.work) == []


async def test_disabling_says_that_windows_goes_too(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator.subscription("all-on"), PlanAction.DISABLE)
    (one,) = plan.subscriptions
    assert [(change.name, change.before, change.after) for change in one.settings] == [("WDATP", True, False)]
    assert any("Windows" in sentence for sentence in (*one.warnings, *one.irreversible))
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "confirmed"


async def test_cancelling_an_apply_leaves_an_intent_that_tells(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator.subscription("existing-windows-linux-excluded"))
    simulator.faults.add(f"latency=20:1:PUT .*/settings/{EXCLUDE}")
    task = asyncio.create_task(apply_plan(ada.work, plan))
    while not any(one.action == "put-setting" for one in await ada.journal.entries()):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    entries = [one for one in await ada.journal.entries() if one.action == "put-setting"]
    assert entries[-1].outcome.startswith(("started", "unknown"))

"""Registering the provider, switching Defender for Servers and the settings: in that order, journaled, read back; what fails stops only its
subscription, and what comes after it is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache.model import Extras, Plan, PlanAction, Step
from console.session import Connection
from console.simulator import Simulator
from console.workers.apply import REGISTERED_WITHIN, PlanEdited, apply_plan
from console.workers.plan import make_plan
from console.workers.recovery import reconcile
from console.workers.sync import sync
from tests.workers.conftest import Connect

UNREGISTERED, FREE, P1 = "provider-not-registered", "no-servers-plan", "linux-not-set"
EVERYTHING = Extras(servers_plan="P2", register=True, unified=True)


async def planned(ada: Connection, simulator: Simulator, *situations: str, extras: Extras = EVERYTHING) -> Plan:
    await sync(ada.work)
    return await make_plan(ada.work, [simulator.subscription(one) for one in situations], PlanAction.ENABLE, extras)


def sent(simulator: Simulator) -> list[tuple[str, int]]:
    found = [one for one in simulator.requests if one.method == "PUT" or one.path.endswith("/register")]
    return [(one.path.rsplit("/", 1)[-1], one.status) for one in found]


async def trail(ada: Connection) -> list[tuple[str, str, str, str]]:
    found = [one for one in await ada.journal.entries() if one.action != "apply-plan" and one.outcome != "started"]
    return [(one.action, one.target.partition("/")[2], f"{one.before} → {one.after}", one.outcome) for one in found]


async def test_an_unregistered_subscription_is_registered_gets_its_plan_and_then_the_integration(
    simulator: Simulator, ada: Connection
) -> None:
    plan = await planned(ada, simulator, UNREGISTERED)
    assert plan.subscriptions[0].blockers == ()
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "confirmed", outcome.message
    assert sent(simulator) == [("register", 200), ("VirtualMachines", 201), ("WDATP_UNIFIED_SOLUTION", 200), ("WDATP", 200)]
    assert await trail(ada) == [
        ("register-provider", "Microsoft.Security", "NotRegistered → Registered", "confirmed"),
        ("put-pricing", "VirtualMachines", "free → P2", "confirmed"),
        ("put-setting", "WDATP_UNIFIED_SOLUTION", "absent → true", "confirmed"),
        ("put-setting", "WDATP", "absent → true", "confirmed"),
    ]
    one = await ada.fleet.subscription(plan.subscriptions[0].id)
    assert one is not None
    assert (one.provider, one.servers_plan, one.integration) == ("Registered", "P2", "on")
    again = await make_plan(ada.work, [one.id], PlanAction.ENABLE, EVERYTHING)
    assert (again.changes, again.subscriptions[0].blockers) == (0, ())


async def test_registered_alone_the_rest_is_planned_afterwards(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, UNREGISTERED, extras=Extras(register=True))
    (outcome,) = await apply_plan(ada.work, plan)
    assert (outcome.code, sent(simulator)) == ("confirmed", [("register", 200)])
    (one,) = (await make_plan(ada.work, [plan.subscriptions[0].id], PlanAction.ENABLE)).subscriptions
    assert [blocker.code for blocker in one.blockers] == ["plan"]


async def test_a_plan_that_azure_only_partly_takes_is_confirmed_with_what_failed(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, FREE)
    simulator.faults.add("partial:1:PUT .*/pricings/VirtualMachines")
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "confirmed"
    assert "AgentlessVmScanning" in outcome.message
    (bought, *_) = await trail(ada)
    assert bought[3].startswith("confirmed: Azure says that this failed")


async def test_a_step_that_fails_stops_its_subscription_alone_and_names_what_was_not_sent(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, FREE, P1)
    first = plan.subscriptions[0].id
    simulator.faults.add(f"409:1:PUT /subscriptions/{first}/.*/pricings/VirtualMachines")
    failed, other = await apply_plan(ada.work, plan)
    assert (failed.code, other.code) == ("failed", "confirmed")
    assert "Not sent after that: WDATP_UNIFIED_SOLUTION, WDATP." in failed.message
    assert simulator.world.subscriptions[first].settings == {"MCAS": True, "WDATP": False}
    assert await ada.journal.unfinished() == []
    simulator.faults.clear()
    await ada.journal.begin("ada", "apply-plan", plan.id, "", "")
    resumed = {one.subscription_id: one.code for one in await apply_plan(ada.work, plan, resume=True)}
    assert resumed == {first: "confirmed", plan.subscriptions[1].id: "nothing"}


async def test_a_registration_that_azure_refuses_leaves_the_rest_unsent(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, UNREGISTERED)
    simulator.faults.add("403:1:POST .*/register")
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "failed"
    assert "no right" in outcome.message
    assert "Defender for Servers" in outcome.message
    assert sent(simulator) == [("register", 403)]


async def test_a_registration_that_takes_too_long_is_told_and_gone_on_with_later(simulator: Simulator, connect_as: Connect) -> None:
    slept: list[float] = []

    async def wait(seconds: float) -> None:
        slept.append(seconds)
        simulator.clock.advance(seconds)

    ada = await connect_as(sleep=wait)
    plan = await planned(ada, simulator, UNREGISTERED)
    one = simulator.world.subscriptions[plan.subscriptions[0].id]

    async def never(method: str, path: str) -> None:
        if path.endswith("/register"):
            one.registering = 10_000

    simulator.box.on_request = never
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "failed"
    assert f"reads Registering after {REGISTERED_WITHIN} minutes" in outcome.message
    assert sum(slept) == pytest.approx(REGISTERED_WITHIN * 60)
    (sentence,) = await reconcile(ada.work)
    assert "Azure is still at it" in sentence
    one.registering = 3
    (outcome,) = await apply_plan(ada.work, plan, resume=True)
    assert outcome.code == "confirmed", outcome.message
    assert [name for name, _ in sent(simulator)].count("register") == 1
    assert await ada.journal.unfinished() == []


async def test_killed_while_azure_registers_the_next_start_reads_it_back(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, UNREGISTERED)
    (one,) = plan.subscriptions
    await ada.journal.begin("ada", "apply-plan", plan.id, "", "")
    await ada.journal.begin("ada", "register-provider", f"{one.id}/Microsoft.Security", "NotRegistered", "Registered")
    await ada.azure.register_provider(one.id)
    said: list[str] = []
    while await ada.journal.unfinished():
        said += await reconcile(ada.work)
    told = [one for one in said if one.startswith("The registration of Microsoft.Security")]
    assert "Azure is still at it" in told[0]
    assert "was done" in told[-1]
    (outcome,) = await apply_plan(ada.work, plan, resume=True)
    assert outcome.code == "confirmed"
    assert [name for name, _ in sent(simulator)].count("register") == 1


async def test_what_was_set_before_it_was_registered_is_noticed_and_not_overwritten(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, UNREGISTERED)
    simulator.world.subscriptions[plan.subscriptions[0].id].settings["WDATP"] = False
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "moved"
    assert outcome.message.startswith("Microsoft.Security is registered now, and nothing else was sent")
    assert sent(simulator) == [("register", 200)]


async def test_the_exact_right_of_each_step_is_read_before_anything_is_sent(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, FREE)
    from console.simulator.roles import READER, Permission, Role

    settings_only = Role("x", "Settings", "", Permission(("Microsoft.Security/settings/*",)))
    one = simulator.world.subscriptions[plan.subscriptions[0].id]
    one.situation = replace(one.situation, ada=(READER, settings_only))
    (outcome,) = await apply_plan(ada.work, plan)
    assert outcome.code == "blocked"
    assert "Microsoft.Security/pricings/write" in outcome.message
    assert sent(simulator) == []


async def test_what_is_refused_before_anything_is_sent_is_in_the_audit_trail_once(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, "no-right-to-enable", "never-enabled", extras=Extras())
    moved = simulator.world.subscriptions[plan.subscriptions[1].id]
    moved.settings["WDATP"] = False
    for resume in (False, True):
        codes = [one.code for one in await apply_plan(ada.work, plan, resume=resume)]
        assert codes == ["blocked", "moved"]
        if not resume:
            await ada.journal.begin("ada", "apply-plan", plan.id, "", "")
    noted = [one for one in await ada.journal.entries() if one.action == "not-applied"]
    assert [(one.target, one.before, one.outcome.partition(":")[0]) for one in noted] == [
        (plan.subscriptions[0].id, plan.id, "blocked"),
        (plan.subscriptions[1].id, plan.id, "moved"),
    ]
    assert (await ada.journal.verify())[0]


async def test_steps_that_no_plan_has_are_refused(simulator: Simulator, ada: Connection) -> None:
    plan = await planned(ada, simulator, FREE)
    (one,) = plan.subscriptions
    for step in (Step("servers-plan", "P2", "free"), Step("provider", "Registered", "NotRegistered"), Step("servers-plan", "P2", "P1")):
        with pytest.raises(PlanEdited, match="never plans for"):
            await apply_plan(ada.work, replace(plan, subscriptions=(replace(one, steps=(step,)),)))
    assert sent(simulator) == []

"""Verifying machines: nothing unconfirmed is sent, everything is written down, every machine ends with an answer or a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from shlex import quote
from urllib.parse import unquote

import pytest

from cache.model import MachineState, Onboarding
from console.rules.health import onboarding_of_health, read_health
from console.session import Connection
from console.simulator import Simulator
from console.simulator.runcommands import TROUBLES
from console.workers.evaluate import evaluate
from console.workers.sync import sync
from console.workers.verify import VerifyPlan, make_verify_plan, of_system, settle_abandoned, verify
from console.workers.work import Refused
from tests.moments import START
from tests.rules.health_samples import ERA_2023, WINDOWS
from tests.workers.conftest import Connect
from tests.workers.scripts_on_machines import broken_off, passing, sent


@pytest.fixture
async def timed(simulator: Simulator, connect_as: Connect) -> Connection:
    return await connect_as(sleep=passing(simulator), plan_minutes=60 * 24)


async def planned(connection: Connection, subscription_id: str, machine_ids: Collection[str] = ()) -> VerifyPlan:
    await sync(connection.work)
    return await make_verify_plan(connection.work, [subscription_id], machine_ids)


async def test_the_plan_names_script_and_way_for_each_onboarded_machine_and_sends_nothing(simulator: Simulator, timed: Connection) -> None:
    plan = await planned(timed, simulator.subscription("all-on"))
    assert {one.run.way for one in plan.machines} >= {"managed", "arc"}
    assert set(plan.scripts) == {"Linux", "Windows"}
    assert all(plan.id in script for script in plan.scripts.values())
    states = await timed.fleet.onboardings()
    assert {states[one.machine_id.lower()].state for one in plan.machines} == {MachineState.ONBOARDED}
    assert sent(simulator) == []


async def test_what_machines_say_becomes_their_state_with_its_age_and_outlives_the_next_reading(
    simulator: Simulator, timed: Connection
) -> None:
    plan = await planned(timed, simulator.subscription("all-on"))
    found = await verify(timed.work, plan, plan.id)
    assert len(found) == len(plan.machines)
    assert {one.outcome for one in found} >= {"healthy"}
    by_id = {one.machine.machine_id: one for one in found if one.outcome in {"healthy", "unhealthy"}}
    await sync(timed.work)
    await timed.fleet.outdate("other rules")
    await evaluate(timed.fleet, timed.journal, timed.work.clock, timed.work.cloud)
    for machine_id, one in by_id.items():
        onboarding = await timed.fleet.onboarding(machine_id)
        assert onboarding is not None
        assert (onboarding.state, onboarding.since) == (one.outcome, one.at)
        assert one.health is not None
        assert one.health.fields is not None
        told = one.health.fields.get("app_version") or one.health.fields["sense_service"]
        assert any(told in line for line in onboarding.evidence)
    assert not any(simulator.box.run_commands.known.values())


async def test_what_one_machine_said_is_never_told_of_another_that_is_like_it(simulator: Simulator, timed: Connection) -> None:
    simulator.world.create(simulator.subscription("all-on"), 80)
    simulator.clock.advance(2 * 24 * 3600)
    await sync(timed.work)
    now = timed.work.clock.now()
    ids = [one.id for one in await timed.fleet.machines([simulator.subscription("all-on")])]
    said = [Onboarding(one, MachineState.HEALTHY, "well", now, evidence=(f"org_id: {number}",)) for number, one in enumerate(ids)]
    await timed.fleet.put_onboardings(said)
    await timed.fleet.outdate("other rules")
    await evaluate(timed.fleet, timed.journal, timed.work.clock, timed.work.cloud)
    found = await timed.fleet.onboardings()
    kept = [one for one in said if found[one.machine_id.lower()].state is MachineState.HEALTHY]
    assert len(kept) > 50
    assert [found[one.machine_id.lower()].evidence for one in kept] == [one.evidence for one in kept]


async def test_each_run_is_in_the_journal_before_it_is_sent_and_with_its_end(simulator: Simulator, timed: Connection) -> None:
    plan = await planned(timed, simulator.subscription("all-on"))
    begun: list[str] = []

    async def look(method: str, path: str) -> None:
        if method in {"PUT", "POST"} and "/runcommand" in path.lower():
            begun.extend(
                one.target for one in await timed.journal.unfinished() if unquote(path).lower().startswith(unquote(one.target).lower())
            )

    simulator.box.on_request = look
    found = await verify(timed.work, plan, plan.id)
    ran = [one for one in found if one.way]
    assert Counter(begun) == Counter(one.machine.machine_id for one in ran)
    entries = [one for one in await timed.journal.entries() if one.action == "run-script"]
    assert len(entries) == 2 * len(ran)
    assert all(one.outcome == "started" or one.outcome.startswith("confirmed: ") for one in entries)
    assert all(plan.id in one.after for one in entries)
    assert (await timed.journal.verify())[0]


async def test_nothing_is_sent_without_a_confirmed_plan(simulator: Simulator, timed: Connection, connect_as: Connect) -> None:
    plan = await planned(timed, simulator.subscription("all-on"))
    scripts = {system: f"{script}rm -rf /\n" for system, script in plan.scripts.items()}
    for other, confirmed, said in (
        (plan, "", "not confirmed"),
        (plan, "another", "not confirmed"),
        (replace(plan, tenant_id="x"), plan.id, "tenant"),
        (replace(plan, created_at=plan.created_at - timedelta(days=2)), plan.id, "too old"),
        (replace(plan, scripts=scripts), plan.id, "not the one"),
    ):
        with pytest.raises(Refused, match=said):
            await verify(timed.work, other, confirmed)
    timed.work.read_only = True
    with pytest.raises(Refused, match="read-only"):
        await verify(timed.work, plan, plan.id)
    assert sent(simulator) == []
    assert await timed.journal.entries() == []


async def test_machines_that_cannot_run_scripts_are_in_the_plan_with_the_reason(simulator: Simulator, timed: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    machines = simulator.world.machines(subscription_id)
    off = next(one for one in machines if one.kind == "vm" and simulator.world.stopped_since(one) < simulator.clock.now())
    silent = next(one for one in machines if one.kind == "arc" and simulator.world.stopped_since(one) < simulator.clock.now())
    gone = f"/subscriptions/{subscription_id}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/gone"
    plan = await planned(timed, subscription_id, [off.id, silent.id, gone])
    found = await verify(timed.work, plan, plan.id)
    assert {one.outcome for one in found} == {"skipped"}
    reasons = {one.machine.machine_id: one.reason for one in found}
    assert "Start it first" in reasons[off.id]
    assert "Arc agent is" in reasons[silent.id]
    assert "No machine of this id" in reasons[gone]
    remedies = {one.machine.machine_id: one.remedy for one in found}
    assert f"verify --machine {quote(off.id)} --paste FILE" in remedies[off.id]
    assert sent(simulator) == []


async def test_without_rights_the_exact_one_is_named(simulator: Simulator, timed: Connection) -> None:
    plan = await planned(timed, simulator.subscription("no-right-to-enable"))
    assert plan.machines
    assert plan.runs == 0
    reasons = " ".join(one.run.reason for one in plan.machines)
    assert "Microsoft.Compute/virtualMachines/runCommand/action" in reasons


async def test_one_machine_is_verified_with_its_hostile_output_clean(simulator: Simulator, timed: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    plan = await planned(timed, subscription_id)
    one = next(one for one in plan.machines if one.run.way and one.system == "Linux")
    simulator.box.run_commands.troubles[one.machine_id.lower()] = "hostile"
    plan = await make_verify_plan(timed.work, [subscription_id], [one.machine_id])
    (found,) = await verify(timed.work, plan, plan.id)
    assert found.outcome in {"healthy", "unhealthy"}
    onboarding = await timed.fleet.onboarding(one.machine_id)
    told = f"{found} {onboarding} {await timed.journal.entries()}"
    assert not set(told) & {"\x1b", "\x07", "\x00", "\x9b", "\u202e", "\u200b"}


async def test_rights_that_are_lost_half_way_fail_the_rest_by_name(simulator: Simulator, timed: Connection) -> None:
    plan = await planned(timed, simulator.subscription("all-on"))
    seen = 0

    async def revoke(method: str, path: str) -> None:
        nonlocal seen
        seen += method == "PUT" and "/runcommands/" in path.lower()
        if seen == 4:
            simulator.faults.add("403:1:PUT .*/runCommands/")

    simulator.box.on_request = revoke
    found = await verify(timed.work, plan, plan.id)
    outcomes = Counter((one.outcome, one.code) for one in found if one.way)
    assert outcomes["failed", "forbidden"] == plan.runs - 4 or outcomes["failed", "forbidden"] == plan.runs - 3
    assert all("no right" in one.reason for one in found if one.code == "forbidden")
    ends = [one.outcome for one in await timed.journal.entries() if one.action == "run-script" and one.outcome != "started"]
    assert sum(one.startswith("failed: ") for one in ends) == outcomes["failed", "forbidden"]


@pytest.mark.parametrize("kind", ["vm", "arc"])
async def test_a_machine_that_is_deleted_while_it_is_verified_is_told_as_gone(simulator: Simulator, timed: Connection, kind: str) -> None:
    subscription_id = simulator.subscription("all-on")
    plan = await planned(timed, subscription_id)
    way = {"vm": "managed", "arc": "arc"}[kind]
    one = next(one for one in plan.machines if one.run.way == way)
    machine = next(each for each in simulator.world.machines(subscription_id) if each.id.lower() == one.machine_id.lower())
    deleted: list[str] = []

    async def delete(method: str, path: str) -> None:
        if method == "GET" and sent(simulator) and not deleted:
            simulator.world.delete(machine)
            deleted.append(path)

    simulator.box.on_request = delete
    plan = await make_verify_plan(timed.work, [subscription_id], [one.machine_id])
    (found,) = await verify(timed.work, plan, plan.id)
    assert deleted
    assert (found.outcome, found.code) == ("failed", "not-found")
    assert "gone" in found.reason
    ends = [entry.outcome for entry in await timed.journal.entries() if entry.action == "run-script" and entry.outcome != "started"]
    assert ends == [f"end unknown: {found.reason}"]


async def test_a_sign_in_that_ends_half_way_sends_nothing_more(
    simulator: Simulator, timed: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.workers.run_script.AT_ONCE", 2)
    plan = await planned(timed, simulator.subscription("all-on"))
    simulator.faults.add("expired:1:/runCommands")
    found = await verify(timed.work, plan, plan.id)
    assert len(sent(simulator)) <= 2 * 2 < plan.runs  # each request is tried once more with a fresh token
    assert {one.code for one in found if one.way} == {"sign-in"}
    assert await timed.journal.unfinished() == []


async def test_a_verification_that_is_interrupted_leaves_unknown_in_the_journal(simulator: Simulator, timed: Connection) -> None:
    plan = await planned(timed, simulator.subscription("all-on"))
    await broken_off(simulator, verify(timed.work, plan, plan.id))
    entries = [one for one in await timed.journal.entries() if one.action == "run-script"]
    assert await timed.journal.unfinished() == []
    assert sum(one.outcome == "started" for one in entries) * 2 == len(entries)
    assert any(one.outcome.startswith("end unknown: interrupted") for one in entries)


async def test_what_a_killed_console_left_is_called_unknown_once_nobody_can_wait_for_it(simulator: Simulator, timed: Connection) -> None:
    plan = await planned(timed, simulator.subscription("all-on"))
    target = next(one.machine_id for one in plan.machines if one.run.way)
    await timed.journal.begin("ada", "run-script", target, "", "health script")
    await timed.journal.begin("ada", "run-script", "/another", "", "health script")
    assert await settle_abandoned(timed.work) == []
    await verify(timed.work, plan, plan.id)
    assert [one.target for one in await timed.journal.unfinished()] == ["/another"]
    simulator.clock.advance(3600)
    (sentence,) = await settle_abandoned(timed.work)
    assert "/another" in sentence
    assert await timed.journal.unfinished() == []


async def test_where_managed_run_commands_are_not_offered_the_action_is_taken(simulator: Simulator, timed: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    plan = await planned(timed, subscription_id)
    one = next(one for one in plan.machines if one.run.way == "managed")
    simulator.box.run_commands.troubles[one.machine_id.lower()] = "not-offered"
    plan = await make_verify_plan(timed.work, [subscription_id], [one.machine_id])
    (found,) = await verify(timed.work, plan, plan.id)
    assert (found.way, found.outcome in {"healthy", "unhealthy"}) == ("action", True)


async def test_a_report_that_cannot_be_read_leaves_the_state_as_it_was(simulator: Simulator, timed: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    plan = await planned(timed, subscription_id)
    one = next(one for one in plan.machines if one.run.way)
    before = await timed.fleet.onboarding(one.machine_id)
    for trouble in ("cut", "killed", "silent", "foreign", "script-timeout"):
        simulator.box.run_commands.troubles[one.machine_id.lower()] = trouble
        plan = await make_verify_plan(timed.work, [subscription_id], [one.machine_id])
        (found,) = await verify(timed.work, plan, plan.id)
        assert (found.outcome, found.kept) == ("unreadable", False), trouble
        assert found.reason
        simulator.clock.advance(60)
    assert await timed.fleet.onboarding(one.machine_id) == before


async def test_what_a_machine_says_that_is_not_onboarded_is_told_and_not_kept(simulator: Simulator, timed: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    await sync(timed.work)
    now = simulator.clock.now()
    states = await timed.fleet.onboardings([subscription_id])
    failed = next(
        one.id
        for one in simulator.world.machines(subscription_id)
        if one.system.linux and simulator.world.stopped_since(one) > now and states[one.id.lower()].state is MachineState.FAILED
    )
    before = await timed.fleet.onboarding(failed)
    plan = await make_verify_plan(timed.work, [subscription_id], [failed])
    (found,) = await verify(timed.work, plan, plan.id)
    assert (found.outcome, found.code, found.kept) == ("unhealthy", "not-installed", False)
    assert await timed.fleet.onboarding(failed) == before


def test_a_report_of_another_system_counts_for_nothing() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for output, system in ((WINDOWS, "Linux"), (ERA_2023, "Windows")):
        found = of_system(read_health(output, now), system)
        assert (found.outcome, found.code, found.system) == ("unreadable", "foreign", system)
        assert onboarding_of_health("/m", found, now, "x") is None
    assert of_system(read_health(WINDOWS, now), "Windows").outcome == "healthy"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_five_hundred_machines_of_which_a_fifth_fail_in_every_known_way_all_end_with_an_answer(connect_as: Connect) -> None:
    async with Simulator(machines=1400, subscriptions=3, speed=0, start=START) as simulator:
        connection = await connect_as(simulator=simulator, sleep=passing(simulator), plan_minutes=60 * 24)
        await sync(connection.work)
        ids = [row.subscription.id for row in await connection.fleet.subscriptions()]
        whole = await make_verify_plan(connection.work, ids)
        runnable = [one.machine_id for one in whole.machines if one.run.way][:500]
        assert len(runnable) == 500
        plan = await make_verify_plan(connection.work, ids, runnable)
        troubled = {machine_id: [*TROUBLES][number % len(TROUBLES)] for number, machine_id in enumerate(runnable[::5])}
        simulator.box.run_commands.troubles.update({machine_id.lower(): trouble for machine_id, trouble in troubled.items()})
        found = await verify(connection.work, plan, plan.id)
        assert [one.machine.machine_id for one in found] == runnable
        assert all(one.reason and (one.outcome in {"healthy", "unhealthy"} or one.remedy or one.outcome == "failed") for one in found)
        well = [one for one in found if one.machine.machine_id not in troubled]
        assert {one.outcome for one in well} <= {"healthy", "unhealthy"}
        mended = {"busy-once", "hostile", "not-offered"}  # what is got over: a while later, cleaned, by the other way
        for one in found:
            trouble = troubled.get(one.machine.machine_id)
            if trouble is not None:
                assert (one.outcome in {"healthy", "unhealthy"}) == (trouble in mended), (trouble, one)
        assert await connection.journal.unfinished() == []
        entries = [one for one in await connection.journal.entries() if one.action == "run-script"]
        assert {one.machine.machine_id for one in found} == {one.target for one in entries}
        counts = await connection.fleet.state_counts()
        kept = sum(one.kept for one in found)
        assert counts["healthy"] + counts["unhealthy"] == kept == sum(one.outcome in {"healthy", "unhealthy"} for one in found)

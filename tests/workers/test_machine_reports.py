"""Connectivity and the system, asked of machines: the same care as for health, and what they tell reaches checklist and state."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from cache.model import ABOARD, Check, CheckStatus, MachineState
from console.rules.told_checks import NOT_ABOARD
from console.session import Connection
from console.simulator import Simulator
from console.simulator.runcommands import TROUBLES
from console.workers.evaluate import evaluate
from console.workers.sync import sync
from console.workers.verify import Verified, make_verify_plan, verify
from console.workers.work import Refused
from tests.moments import START
from tests.workers.conftest import Connect
from tests.workers.scripts_on_machines import passing, sent

TOLD = {"good", "doubtful", "bad"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(machines=200, subscriptions=3, speed=0, start=START) as running:
        yield running


@pytest.fixture
async def timed(simulator: Simulator, connect_as: Connect) -> Connection:
    connection = await connect_as(simulator=simulator, sleep=passing(simulator), plan_minutes=60 * 24)
    await sync(connection.work)
    return connection


async def asked(connection: Connection, kind: str, subscription_id: str, *machine_ids: str) -> list[Verified]:
    plan = await make_verify_plan(connection.work, [subscription_id], machine_ids, kind)
    return await verify(connection.work, plan, plan.id)


async def check(connection: Connection, subscription_id: str, one: str) -> Check:
    await evaluate(connection.fleet, connection.journal, connection.work.clock, connection.work.cloud)
    return next(found for found in await connection.fleet.checks([subscription_id]) if found.id == one)


@pytest.mark.parametrize(("kind", "states"), [("connectivity", ABOARD), ("system", NOT_ABOARD)])
async def test_the_plan_shows_the_script_whole_for_the_machines_it_is_about_and_sends_nothing(
    simulator: Simulator, timed: Connection, kind: str, states: frozenset[MachineState]
) -> None:
    ids = [row.subscription.id for row in await timed.fleet.subscriptions()]
    plan = await make_verify_plan(timed.work, ids, (), kind)
    known = await timed.fleet.onboardings()
    assert {one.machine_id.lower() for one in plan.machines} == {key for key, one in known.items() if one.state in states}
    assert {known[one.machine_id.lower()].state for one in plan.machines} <= states
    assert plan.kind == kind
    assert all(f"mde-console {kind} {plan.id} end" in script for script in plan.scripts.values())
    assert sent(simulator) == []


async def test_what_machines_tell_is_kept_with_its_age_and_stands_in_the_checklist(simulator: Simulator, timed: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    before = await check(timed, subscription_id, "connectivity-linux")
    assert (before.status, f"Not run yet on {before.affected} machines" in before.evidence) == (CheckStatus.MANUAL, True)
    found = await asked(timed, "connectivity", subscription_id)
    told = {one.machine.machine_id: one for one in found if one.way}
    assert {one.outcome for one in told.values()} == TOLD
    assert all(one.kept and one.at for one in told.values())
    for machine_id, one in told.items():
        (report,) = await timed.fleet.reports_of_machine(machine_id)
        assert (report.kind, report.outcome, report.at, report.reason) == ("connectivity", one.outcome, one.at, one.reason)
        assert report.findings
    bad = {key for key, one in told.items() if one.outcome == "bad" and one.machine.system == "Linux"}
    after = await check(timed, subscription_id, "connectivity-linux")
    assert (after.status, set(after.machine_ids)) == (CheckStatus.FAIL, bad)
    assert f"{len(bad)} bad" in after.evidence
    assert "not run yet on" in after.evidence
    assert after.remedy
    oldest = min(one.at for one in told.values() if one.machine.system == "Linux" and one.at)
    assert f"The oldest answer is of {oldest:%Y-%m-%d %H:%M} UTC" in after.evidence
    await sync(timed.work)
    assert (await check(timed, subscription_id, "connectivity-linux")).evidence == after.evidence
    assert not any(simulator.box.run_commands.known.values())


async def test_what_keeps_machines_from_coming_aboard_is_found_on_them_and_cited_by_their_state(
    simulator: Simulator, timed: Connection
) -> None:
    subscription_id = simulator.subscription("all-on")
    assert (await check(timed, subscription_id, "machine-system")).status is CheckStatus.MANUAL
    found = await asked(timed, "system", subscription_id)
    fates = {one.id: one for one in simulator.world.machines(subscription_id)}
    codes = {fates[one.machine.machine_id].fate: one.code for one in found if one.way and fates[one.machine.machine_id].system.linux}
    expected = {"requirements": "memory", "python": "python", "conflict": "fanotify-holders", "noexec": "noexec", "package": "disk"}
    assert {fate: code for fate, code in codes.items() if fate in expected} == expected
    bad = {one.machine.machine_id for one in found if one.outcome == "bad"}
    told = await check(timed, subscription_id, "machine-system")
    assert (told.status, set(told.machine_ids)) == (CheckStatus.FAIL, bad)
    holders = {key for key in bad if fates[key].product or fates[key].fate == "half-installed"}
    fanotify = await check(timed, subscription_id, "fanotify")
    assert (fanotify.status, holders <= set(fanotify.machine_ids)) == (CheckStatus.FAIL, True)
    for one in found:
        if one.kept:
            onboarding = await timed.fleet.onboarding(one.machine.machine_id)
            assert onboarding is not None
            assert onboarding.evidence[0] == f"Look at the system of {one.at:%Y-%m-%d %H:%M} UTC: {one.reason}"
    await timed.fleet.outdate("other rules")
    await evaluate(timed.fleet, timed.journal, timed.work.clock, timed.work.cloud)
    kept = await timed.fleet.onboardings([subscription_id])
    assert all(kept[one.machine.machine_id.lower()].evidence[0].startswith("Look at the system of ") for one in found if one.kept)


async def test_a_machine_without_defender_that_reaches_nothing_says_so_in_its_state(simulator: Simulator, timed: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    states = await timed.fleet.onboardings([subscription_id])
    now = simulator.clock.now()
    machine = next(
        one
        for one in simulator.world.machines(subscription_id)
        if one.fate == "repository" and simulator.world.stopped_since(one) > now and states[one.id.lower()].state is MachineState.FAILED
    )
    (found,) = await asked(timed, "connectivity", subscription_id, machine.id)
    assert (found.outcome, found.code, "packages.microsoft.com" in found.reason) == ("bad", "blocked", True)
    onboarding = await timed.fleet.onboarding(machine.id)
    assert onboarding is not None
    assert onboarding.state is MachineState.FAILED
    assert f"Connectivity test of {found.at:%Y-%m-%d %H:%M} UTC: {found.reason}" in onboarding.evidence
    simulator.clock.advance(3600)
    (again,) = await asked(timed, "connectivity", subscription_id, machine.id)
    onboarding = await timed.fleet.onboarding(machine.id)
    assert onboarding is not None
    assert [one for one in onboarding.evidence if one.startswith("Connectivity")] == [
        f"Connectivity test of {again.at:%Y-%m-%d %H:%M} UTC: {again.reason}"
    ]


@pytest.mark.parametrize("kind", ["connectivity", "system"])
async def test_each_run_is_in_the_journal_with_its_end_and_each_trouble_is_a_named_reason_that_changes_nothing(
    simulator: Simulator, timed: Connection, kind: str
) -> None:
    subscription_id = simulator.subscription("all-on")
    now = simulator.clock.now()
    machine = next(
        one
        for one in simulator.world.machines(subscription_id)
        if one.kind == "vm" and one.system.linux and simulator.world.stopped_since(one) > now
    )
    (well,) = await asked(timed, kind, subscription_id, machine.id)
    assert well.outcome in TOLD
    ((before),) = await timed.fleet.reports_of_machine(machine.id)
    mended = {"busy-once", "hostile", "not-offered"}
    for trouble in (one for one in TROUBLES if one != "vanishes"):
        simulator.clock.advance(600)
        simulator.box.run_commands.busy_until.clear()
        simulator.box.run_commands.troubles[machine.id.lower()] = trouble
        (found,) = await asked(timed, kind, subscription_id, machine.id)
        assert found.reason
        assert (found.outcome in TOLD) == (trouble in mended), (trouble, found)
        assert not set(f"{found}") & {"\x1b", "\x07", "\x00", "\x9b", "\u202e", "\u200b"}
        (kept,) = await timed.fleet.reports_of_machine(machine.id)
        assert (kept.reason, kept.findings) == (before.reason, before.findings)
    simulator.box.run_commands.troubles[machine.id.lower()] = "vanishes"
    (found,) = await asked(timed, kind, subscription_id, machine.id)
    assert (found.outcome, found.kept) == ("failed", False)
    assert await timed.journal.unfinished() == []
    entries = [one for one in await timed.journal.entries() if one.action == "run-script"]
    assert {one.after.split(" script")[0] for one in entries} == {kind}
    assert (await timed.journal.verify())[0]


async def test_a_machine_that_is_gone_leaves_no_report(simulator: Simulator, timed: Connection) -> None:
    subscription_id = simulator.subscription("all-on")
    found = await asked(timed, "connectivity", subscription_id)
    gone = next(one.machine.machine_id for one in found if one.kept)
    simulator.world.delete(next(one for one in simulator.world.machines(subscription_id) if one.id == gone))
    await sync(timed.work)
    assert await timed.fleet.machine(gone) is None
    assert gone not in {one.machine_id for one in await timed.fleet.reports()}
    assert gone not in (await check(timed, subscription_id, "connectivity-linux")).machine_ids


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["connectivity", "system"])
async def test_three_hundred_machines_of_which_a_fifth_fail_in_every_known_way_all_end_with_an_answer(
    connect_as: Connect, kind: str
) -> None:
    async with Simulator(machines=900, subscriptions=3, speed=0, start=START) as simulator:
        connection = await connect_as(simulator=simulator, sleep=passing(simulator), plan_minutes=60 * 24)
        await sync(connection.work)
        ids = [row.subscription.id for row in await connection.fleet.subscriptions()]
        machines = [one.id for one in await connection.fleet.machines(ids)]
        whole = await make_verify_plan(connection.work, ids, machines, kind)
        runnable = [one.machine_id for one in whole.machines if one.run.way][:300]
        plan = await make_verify_plan(connection.work, ids, runnable, kind)
        troubled = {machine_id: [*TROUBLES][number % len(TROUBLES)] for number, machine_id in enumerate(runnable[::5])}
        simulator.box.run_commands.troubles.update({machine_id.lower(): trouble for machine_id, trouble in troubled.items()})
        found = await verify(connection.work, plan, plan.id)
        assert [one.machine.machine_id for one in found] == runnable
        assert all(one.reason for one in found)
        mended = {"busy-once", "hostile", "not-offered"}
        for one in found:
            trouble = troubled.get(one.machine.machine_id)
            assert (one.outcome in TOLD) == (trouble is None or trouble in mended), (trouble, one)
        counts = Counter(one.outcome for one in found)
        assert len(await connection.fleet.reports()) == sum(counts[one] for one in TOLD) == sum(one.kept for one in found)
        assert await connection.journal.unfinished() == []


async def test_in_a_cloud_without_the_integration_there_is_nothing_to_test(simulator: Simulator, connect_as: Connect) -> None:
    connection = await connect_as()
    connection.work.cloud = replace(connection.work.cloud, name="Azure China", integration_supported=False)
    with pytest.raises(Refused, match="no addresses of Defender for Endpoint for Azure China"):
        await make_verify_plan(connection.work, [simulator.subscription("all-on")], (), "connectivity")

"""The report: only what is known, of now, and of every machine proves anything; each thing that is missing is named."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.changes import APPLY_PLAN, PUT_SETTING
from cache.clock import ManualClock
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.model import ABOARD, Alert, AuditEntry, Diagnosis, Machine, MachineState, Onboarding, Problem, Source, Subscription
from cache.proof import GOOD_FOR, READ_WITHIN, TEST_ALERTS, HealthGroup, Proof, SubscriptionFacts, prove, together
from cache.report import FOUR, Report, Who, read_report, trail_head
from cache.trail import DETECTION_TEST, RUN_TEST, last_writes, waitings
from cache.values import stamp
from tests.listed import list_machines

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SUB, OTHER = "11111111-aaaa-4aaa-8aaa-111111111111", "22222222-bbbb-4bbb-8bbb-222222222222"
EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"
WHO = Who("public", "tenant", "ann@contoso.example")
LINUX, WINDOWS = ("Linux", "l-1"), ("Windows", "w-1")


def machine_id(name: str, subscription_id: str = SUB) -> str:
    return f"/subscriptions/{subscription_id}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/{name}"


def a_machine(name: str, os_type: str, subscription_id: str = SUB) -> Machine:
    return Machine(machine_id(name, subscription_id), name, "vm", subscription_id, "rg", "westeurope", os_type)


def an_alert(name: str, system: str, at: datetime) -> Alert:
    place = f"/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Security/locations/westeurope/alerts"
    return Alert(
        id=f"{place}/alert-of-{name}",
        name=f"alert-of-{name}",
        subscription_id=SUB,
        resource_group="rg",
        location="westeurope",
        title=TEST_ALERTS[system],
        severity="Low",
        status="Resolved",
        product="Microsoft Defender for Endpoint",
        alert_type="VM.MDATP",
        from_endpoint=True,
        machine_id=machine_id(name),
        compromised_entity=name,
        description="",
        remediation=(),
        started=at - timedelta(minutes=4),
        generated=at,
        azure_link="https://portal.azure.com/#alert",
        defender_link="https://security.microsoft.com/alerts/1",
    )


def healthy(name: str, at: datetime, state: MachineState = MachineState.HEALTHY) -> Onboarding:
    return Onboarding(machine_id(name), state, "mdatp says so", at, None, "It said so.", ("Read by a managed run command", "healthy: true"))


class Stock:
    """A subscription in which everything is proven, in a real cache with a real journal."""

    def __init__(self, fleet: FleetCache, journal: Journal, clock: ManualClock) -> None:
        self.fleet, self.journal, self.clock = fleet, journal, clock

    async def fill(self) -> None:
        fleet, journal = self.fleet, self.journal
        one = Subscription(SUB, "Production", "Enabled", "tenant", servers_plan="P2", integration="on", linux="enabled", unified="on")
        await fleet.put_subscriptions([one], complete=True)
        await fleet.put_settings(SUB, "on", "enabled", "on")
        await fleet.put_servers_plan(SUB, "P2")
        await list_machines(fleet, SUB, [a_machine(name, system) for system, name in (LINUX, WINDOWS)], "s1")
        await fleet.finish_listing((SUB,), "s1")
        await fleet.put_onboardings([healthy(name, NOW - timedelta(hours=3)) for _, name in (LINUX, WINDOWS)])
        await self.fresh()
        sequence = await journal.begin("ann", APPLY_PLAN, "plan-1", "", "1 settings")
        written = await journal.begin("ann", PUT_SETTING, f"{SUB}/{EXCLUDE}", "true", "false")
        await journal.finish(written, "confirmed")
        await journal.finish(sequence, "done: 1 of 1 subscriptions as planned")
        for system, name in (LINUX, WINDOWS):
            alert = an_alert(name, system, NOW)
            await journal.note("ann", DETECTION_TEST, machine_id(name), "", TEST_ALERTS[system], "begun")
            self.clock.advance(minutes=5)
            began = stamp(self.clock.now() - timedelta(minutes=5))
            await journal.note("ann", DETECTION_TEST, machine_id(name), began, alert.id, "confirmed: the alert was seen 300 s after")
            await fleet.put_alerts(SUB, [alert], name)

    async def fresh(self) -> None:
        await self.fleet.mark_fresh(Source.SUBSCRIPTIONS)
        for source in (Source.SETTINGS, Source.PLAN, Source.MACHINES, Source.ALERTS):
            await self.fleet.mark_fresh(source, SUB)

    async def report(self, ids: list[str] | None = None) -> Report:
        return await read_report(self.fleet, self.journal, self.clock.now(), WHO, ids, await trail_head(self.journal))


@pytest.fixture
async def stock(tmp_path: Path) -> AsyncIterator[Stock]:
    clock = ManualClock(NOW)
    async with await FleetCache.open(tmp_path, clock) as fleet, await Journal.open(tmp_path, clock) as journal:
        found = Stock(fleet, journal, clock)
        await found.fill()
        yield found


async def test_what_is_proven_says_on_what_it_rests(stock: Stock) -> None:
    report = await stock.report()
    assert report.verdict is Proof.PROVEN
    assert set(report.in_all.values()) == {Proof.PROVEN}
    (one,) = report.subscriptions
    by = one.enabled_by
    assert by is not None
    assert (by.setting, by.after, by.plan_id, by.by, by.sequence) == (EXCLUDE, "false", "plan-1", "ann", 3)
    entries = await stock.journal.entries()
    assert by.hash == entries[2].hash
    assert {each.way for each in one.facts.health} == {"a managed run command"}
    assert [(each.system, each.seconds) for each in one.tests] == [("Linux", 300), ("Windows", 300)]
    assert all(each.alert is not None and each.alert.status == "Resolved" for each in one.tests)
    assert report.trail is not None
    assert (report.trail.sequence, report.trail.hash) == (entries[-1].sequence, entries[-1].hash)
    assert report.as_of == NOW
    assert not report.causes


Change = Callable[[Stock], Awaitable[object]]


async def _time_passes(stock: Stock, **span: float) -> None:
    stock.clock.advance(**span)
    if "days" in span:
        await stock.fresh()


MISSING: dict[str, tuple[str, Proof, str, Change]] = {
    "excluded": ("enabled", Proof.NOT_PROVEN, "excluded", lambda one: one.fleet.put_settings(SUB, "on", "excluded", "on")),
    "off": ("enabled", Proof.NOT_PROVEN, "is off", lambda one: one.fleet.put_settings(SUB, "off", "enabled", "on")),
    "no plan": ("enabled", Proof.NOT_PROVEN, "Defender for Servers is off", lambda one: one.fleet.put_servers_plan(SUB, "free")),
    "not told": ("enabled", Proof.UNKNOWN, "does not tell", lambda one: one.fleet.put_settings(SUB, None, None, None)),
    "refused": (
        "enabled",
        Proof.UNKNOWN,
        "could not be read: no right",
        lambda one: one.fleet.put_problem(Problem("forbidden", "no right", Source.SETTINGS, NOW, SUB)),
    ),
    "old data": ("onboarded", Proof.UNKNOWN, "proves nothing of now", lambda one: _time_passes(one, hours=25)),
    "machines refused": (
        "onboarded",
        Proof.UNKNOWN,
        "no right",
        lambda one: one.fleet.put_problem(Problem("forbidden", "no right", Source.MACHINES, NOW, SUB)),
    ),
    "one failed": (
        "onboarded",
        Proof.PARTLY,
        "1 of 2 machines",
        lambda one: one.fleet.put_onboardings([replace(healthy("l-1", NOW), state=MachineState.FAILED)]),
    ),
    "never asked": (
        "healthy",
        Proof.PARTLY,
        "1 was never asked",
        lambda one: one.fleet.put_onboardings([replace(healthy("l-1", NOW), state=MachineState.ONBOARDED)]),
    ),
    "said not to be": (
        "healthy",
        Proof.PARTLY,
        "1 said not to be",
        lambda one: one.fleet.put_onboardings([healthy("l-1", NOW, MachineState.UNHEALTHY)]),
    ),
    "said long ago": ("healthy", Proof.NOT_PROVEN, "2 said so more than 30 days ago", lambda one: _time_passes(one, days=31)),
    "alert long ago": ("alert_seen", Proof.NOT_PROVEN, "more than 30 days ago", lambda one: _time_passes(one, days=31)),
}


@pytest.mark.parametrize("what", MISSING)
async def test_what_is_missing_is_named_and_never_good(stock: Stock, what: str) -> None:
    name, proof, words, change = MISSING[what]
    await change(stock)
    report = await stock.report()
    (one,) = report.subscriptions
    assert one.four[name].proof is proof
    assert words in one.four[name].text
    assert report.verdict is Proof.NOT_PROVEN
    assert report.in_all[name] is proof


async def test_a_system_without_its_test_is_not_proven_by_the_test_of_another(stock: Stock) -> None:
    other = a_machine("w-2", "Windows", OTHER)
    await stock.fleet.put_subscriptions([Subscription(OTHER, "Second", "Enabled", "tenant")], complete=False)
    await list_machines(stock.fleet, OTHER, [other], "s2")
    await stock.fleet.put_onboardings([replace(healthy("w-2", NOW), machine_id=other.id)])
    await stock.fleet.mark_fresh(Source.MACHINES, OTHER)
    report = await stock.report()
    second = next(one for one in report.subscriptions if one.id == OTHER)
    assert second.alert.proof is Proof.NOT_PROVEN
    assert "No detection test was run" in second.alert.text
    assert report.verdict is Proof.PARTLY
    assert (await stock.report([SUB])).verdict is Proof.PROVEN


async def test_an_alert_whose_test_nobody_wrote_down_counts_and_says_so(stock: Stock) -> None:
    await list_machines(stock.fleet, SUB, [a_machine(name, "Linux") for name in ("l-1", "w-1")], "s2")
    later = replace(an_alert("l-1", "Linux", NOW), id=an_alert("l-1", "Linux", NOW).id + "-later")
    async with await Journal.open(stock.journal.path.parent / "another", stock.clock) as journal:
        await stock.fleet.put_alerts(SUB, [later], "s3")
        report = await read_report(stock.fleet, journal, NOW, WHO, None, None)
    (test,) = report.subscriptions[0].tests
    assert (test.shown.proof, test.waiting, test.seconds) == (Proof.PROVEN, None, None)
    assert "not written down here" in test.shown.text
    assert report.subscriptions[0].enabled_by is None
    assert report.verdict is Proof.PARTLY, "without a look at the trail nothing is proven whole"


@pytest.mark.parametrize(("outcome", "days", "known"), [("confirmed: ran", 0, True), ("failed: no right", 0, False), ("started", 2, False)])
async def test_an_alert_after_a_test_that_was_run_from_here_is_that_of_the_test(stock: Stock, outcome: str, days: int, known: bool) -> None:
    stock.clock.advance(days=-days) if days else None
    ran = stock.clock.now()
    async with await Journal.open(stock.journal.path.parent / "another", stock.clock) as journal:
        sequence = await journal.begin("ann", RUN_TEST, machine_id("l-1"), "", "detection test, by Arc")
        if outcome != "started":
            await journal.finish(sequence, outcome)
        stock.clock.advance(minutes=7, days=days)
        await stock.fleet.put_alerts(SUB, [an_alert("l-1", "Linux", stock.clock.now())], "s3")
        report = await read_report(stock.fleet, journal, stock.clock.now(), WHO, None, None)
    test = next(each for each in report.subscriptions[0].tests if each.system == "Linux")
    assert test.shown.proof is Proof.PROVEN
    assert (test.seconds, test.waiting and test.waiting.began) == ((420, ran) if known else (None, None))
    assert ("its alert was generated 7 minutes later" in test.shown.text) is known


async def test_a_later_test_without_an_alert_is_not_hidden_behind_an_earlier_one(stock: Stock) -> None:
    stock.clock.advance(minutes=1)
    await stock.journal.note("ann", DETECTION_TEST, machine_id("l-1"), "", TEST_ALERTS["Linux"], "begun")
    await stock.journal.note("ann", DETECTION_TEST, machine_id("l-1"), stamp(stock.clock.now()), "", "failed: no alert came in 60 s")
    (one,) = (await stock.report()).subscriptions
    assert "Of a later test no alert came." in one.alert.text


async def test_a_trail_that_somebody_wrote_in_proves_nothing_whole(stock: Stock) -> None:
    path = stock.journal.path
    with sqlite3.connect(path) as other:
        other.execute("DROP TRIGGER audit_is_not_edited")
        other.execute("UPDATE audit SET actor = 'mallory' WHERE sequence = 2")
    report = await stock.report()
    assert report.trail is not None
    assert not report.trail.sound
    assert report.verdict is Proof.PARTLY


async def test_a_subscription_without_machines_has_nothing_to_prove_but_that_it_is_enabled(stock: Stock) -> None:
    await stock.fleet.finish_listing((SUB,), "nothing was listed")
    report = await stock.report()
    (one,) = report.subscriptions
    assert one.verdict is Proof.NOTHING
    assert report.verdict is Proof.NOT_PROVEN, "nothing was proven anywhere"


async def test_a_chosen_subscription_that_is_gone_is_told_as_not_known(stock: Stock) -> None:
    report = await stock.report([SUB, OTHER])
    gone = next(one for one in report.subscriptions if one.id == OTHER)
    assert {shown.proof for shown in gone.four.values()} == {Proof.UNKNOWN}
    assert report.verdict is Proof.PARTLY


async def test_machines_that_are_not_aboard_are_grouped_by_cause_whatever_their_number(stock: Stock) -> None:
    names = [f"f-{number}" for number in range(300)]
    await list_machines(stock.fleet, SUB, [a_machine(name, "Linux") for name in names], "s2")
    failed = Diagnosis("no-python", "There is no Python.", "Install it.", "installer")
    await stock.fleet.put_onboardings(
        [
            Onboarding(machine_id(name), MachineState.FAILED, f"exit 1 on {name}", NOW, None, "why", (name,), failed)
            if number % 3
            else Onboarding(machine_id(name), MachineState.BLOCKED, "the machine is off", NOW, None, "Start it.")
            for number, name in enumerate(names)
        ]
    )
    (one,) = (await stock.report()).subscriptions
    assert [(each.state, each.code, each.cause, each.remedy, each.machines) for each in one.facts.causes] == [
        (MachineState.FAILED, "no-python", "There is no Python.", "Install it.", 200),
        (MachineState.BLOCKED, "", "the machine is off", "Start it.", 100),
    ]


STATES = st.dictionaries(st.sampled_from([str(one) for one in MachineState]), st.integers(0, 3))
TIMES = st.one_of(st.none(), st.integers(0, 60 * 24 * 3).map(lambda minutes: NOW - timedelta(minutes=minutes)))
PROBLEMS = st.lists(st.sampled_from(list(Source)).map(lambda one: Problem("outage", "Azure is out.", one, NOW, SUB)), max_size=2)


@given(
    st.sampled_from(["on", "off", None]),
    st.sampled_from(["enabled", "excluded", "not-set", None]),
    st.sampled_from(["P1", "P2", "standard", "free", None]),
    st.sampled_from([True, False, None]),
    st.fixed_dictionaries(dict.fromkeys(Source, TIMES)),
    PROBLEMS,
    st.dictionaries(st.sampled_from(["Linux", "Windows", "other"]), STATES),
    st.lists(
        st.builds(HealthGroup, st.just("Linux"), st.sampled_from(MachineState), st.just(""), st.just(3), TIMES, TIMES, st.integers(0, 3))
    ),
)
def test_only_what_is_known_and_of_now_proves_anything(
    integration: str | None,
    linux: str | None,
    plan: str | None,
    sees: bool | None,
    read: dict[Source, datetime | None],
    problems: list[Problem],
    systems: dict[str, dict[str, int]],
    health: list[HealthGroup],
) -> None:
    known = Subscription(SUB, "x", "Enabled", "t", plan, integration, linux, can_see_machines=sees)
    times = {str(source): at for source, at in read.items() if at is not None}
    found = prove(SubscriptionFacts(SUB, known, times, problems, systems, health), NOW)
    failed = {one.source for one in problems}

    def current(source: Source) -> bool:
        return source not in failed and source in times and NOW - times[source] <= READ_WITHIN

    if found.enabled.proof is Proof.PROVEN:
        assert (integration, linux in {"enabled", "not-set"}, plan not in {"free", None}) == ("on", True, True)
        assert current(Source.SETTINGS)
        assert current(Source.PLAN)
    numbers = {state: sum(told.get(state, 0) for told in systems.values()) for state in map(str, MachineState)}
    aboard = sum(numbers[state] for state in ABOARD)
    if found.onboarded.proof in (Proof.PROVEN, Proof.NOTHING):
        assert sum(numbers.values()) - numbers[MachineState.UNSUPPORTED] == aboard
        assert current(Source.MACHINES)
        assert sees is not False
    if found.healthy.proof is Proof.PROVEN:
        assert sum(one.recent for one in health if one.state is MachineState.HEALTHY) == aboard > 0
    assert found.alert.proof is not Proof.PROVEN, "no alert is known"
    assert found.verdict is not Proof.PROVEN
    assert all(shown.text.endswith(".") for shown in found.four.values())


@given(st.lists(st.sampled_from(Proof)))
def test_together_is_proven_only_where_each_is(proofs: list[Proof]) -> None:
    told = [one for one in proofs if one is not Proof.NOTHING]
    assert (together(proofs) is Proof.PROVEN) == (bool(told) and set(told) == {Proof.PROVEN})
    assert (together(proofs) is Proof.NOTHING) == (not told)


def an_entry(sequence: int, action: str, target: str, before: str, after: str, outcome: str) -> AuditEntry:
    return AuditEntry(sequence, NOW + timedelta(seconds=sequence), "ann", action, target, before, after, outcome, f"hash {sequence}")


def test_a_write_that_was_settled_later_still_belongs_to_the_plan_that_sent_it() -> None:
    entries = [
        an_entry(1, APPLY_PLAN, "plan-1", "", "", "started"),
        an_entry(2, PUT_SETTING, f"{SUB}/WDATP", "false", "true", "started"),
        an_entry(3, APPLY_PLAN, "plan-1", "", "", "interrupted: 0 of 1 settings"),
        an_entry(4, PUT_SETTING, f"{SUB}/WDATP", "false", "true", "confirmed"),
    ]
    one = last_writes(entries)[SUB]["WDATP"]
    assert (one.plan_id, one.sequence, one.confirmed) == ("plan-1", 4, True)
    begun = last_writes(entries[:2])[SUB]["WDATP"]
    assert (begun.outcome, begun.confirmed) == ("started", False)


def test_each_waiting_is_told_once_and_one_that_never_ended_stays_begun() -> None:
    entries = [
        an_entry(1, DETECTION_TEST, "m", "", "title", "begun"),
        an_entry(2, DETECTION_TEST, "m", stamp(NOW + timedelta(seconds=1)), "", "failed: no alert came in 1 s"),
        an_entry(3, DETECTION_TEST, "m", "", "title", "begun"),
    ]
    assert [(one.outcome, one.words, one.title, one.sequence) for one in waitings(entries)] == [
        ("failed", "no alert came in 1 s", "title", 2),
        ("begun", "", "title", 3),
    ]


def test_the_four_are_told_in_the_order_of_the_walk() -> None:
    assert list(FOUR) == ["enabled", "onboarded", "healthy", "alert_seen"]
    assert timedelta(days=1) <= GOOD_FOR

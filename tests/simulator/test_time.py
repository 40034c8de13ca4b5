"""What the clock does to machines, alerts and the record of changes."""

from __future__ import annotations

from collections import Counter

from console.simulator import Simulator
from console.simulator.clock import DAY, HOUR, MINUTE, Clock
from console.simulator.machines import Machine
from tests.simulator.conftest import Api

EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"


async def _switch(sim: Simulator, api: Api, situation: str, setting: str, enabled: bool) -> None:
    path = f"/subscriptions/{sim.subscription(situation)}/providers/Microsoft.Security/settings/{setting}"
    answer = await api("PUT", path, json={"kind": "DataExportSettings", "properties": {"enabled": enabled}}, version="2022-05-01")
    assert answer.status == 200, answer.body


def _states(sim: Simulator, situation: str, *, linux: bool | None = None) -> Counter[str]:
    found: Counter[str] = Counter()
    for machine in sim.world.machines(sim.subscription(situation)):
        if linux is None or machine.system.linux is linux:
            extension = sim.world.defender(machine, sim.clock.now())
            found[extension.provisioning_state if extension else "none"] += 1
    return found


def test_the_clock_runs_as_fast_as_it_is_told_and_never_back() -> None:
    wall = 100.0
    clock = Clock(start=1000.0, speed=288, wall=lambda: wall)
    wall = 110.0
    assert clock.now() == 1000 + 2880
    assert clock.advance(60) == 1000 + 2880 + 60


async def test_enabling_linux_brings_linux_machines_aboard_through_intermediate_states(sim: Simulator, api: Api) -> None:
    situation = "existing-windows-linux-excluded"
    before = _states(sim, situation, linux=True)
    assert set(before) == {"none"}
    windows = _states(sim, situation, linux=False)
    await _switch(sim, api, situation, EXCLUDE, False)
    seen: set[str] = set()
    for _ in range(90):
        sim.clock.advance(2 * MINUTE)
        seen |= set(_states(sim, situation, linux=True))
    sim.clock.advance(DAY)
    after = _states(sim, situation, linux=True)
    assert seen >= {"none", "Creating", "Succeeded", "Failed"}
    assert after["Succeeded"] > after["Failed"] > 0
    assert after["none"] > 0, "powered off, silent, ignored, stuck and unsupported machines stay as they are"
    assert _states(sim, situation, linux=False) == windows


async def test_enabling_for_the_first_time_brings_windows_too(sim: Simulator, api: Api) -> None:
    assert set(_states(sim, "never-enabled")) == {"none"}
    await _switch(sim, api, "never-enabled", "WDATP", True)
    sim.clock.advance(DAY)
    assert _states(sim, "never-enabled", linux=False)["Succeeded"] > 0
    assert _states(sim, "never-enabled", linux=True)["Succeeded"] > 0


async def test_disabling_stops_who_waits_and_leaves_who_is_aboard(sim: Simulator, api: Api) -> None:
    await _switch(sim, api, "never-enabled", "WDATP", True)
    sim.clock.advance(25 * MINUTE)
    await _switch(sim, api, "never-enabled", "WDATP", False)
    sim.clock.advance(HOUR)
    early = _states(sim, "never-enabled")
    assert early["Succeeded"] > 0
    sim.clock.advance(2 * DAY)
    assert _states(sim, "never-enabled") == early
    await _switch(sim, api, "never-enabled", "WDATP", True)
    sim.clock.advance(2 * DAY)
    assert _states(sim, "never-enabled")["Succeeded"] > early["Succeeded"]


async def test_a_free_plan_onboards_nobody(sim: Simulator, api: Api) -> None:
    await _switch(sim, api, "no-servers-plan", "WDATP", True)
    sim.clock.advance(2 * DAY)
    assert set(_states(sim, "no-servers-plan")) == {"none"}
    path = f"/subscriptions/{sim.subscription('no-servers-plan')}/providers/Microsoft.Security/pricings/VirtualMachines"
    await api("PUT", path, json={"properties": {"pricingTier": "Standard", "subPlan": "P2"}})
    sim.clock.advance(2 * DAY)
    assert _states(sim, "no-servers-plan")["Succeeded"] > 0


async def test_a_moved_subscription_is_on_and_nothing_happens(sim: Simulator) -> None:
    subscription = sim.world.subscriptions[sim.subscription("moved-between-tenants")]
    assert subscription.settings["WDATP"] is True
    assert subscription.managed_by
    sim.clock.advance(10 * DAY)
    assert set(_states(sim, "moved-between-tenants")) == {"none"}


async def test_old_windows_servers_wait_for_the_unified_solution(sim: Simulator, api: Api) -> None:
    machines = sim.world.machines(sim.subscription("unified-off"))
    legacy = [m for m in machines if m.system.legacy and m.fate == "ready"]
    modern = [m for m in machines if not m.system.linux and not m.system.legacy and m.system.supported and m.fate == "ready"]
    assert legacy
    assert all(sim.world.defender(m, sim.clock.now()) is None for m in legacy)
    assert any(sim.world.defender(m, sim.clock.now()) is not None for m in modern)
    await _switch(sim, api, "unified-off", "WDATP_UNIFIED_SOLUTION", True)
    sim.clock.advance(DAY)
    assert any(sim.world.defender(m, sim.clock.now()) is not None for m in legacy)


async def test_the_subscription_that_is_all_on_shows_every_state(sim: Simulator) -> None:
    seen = _states(sim, "all-on")
    assert seen["Succeeded"] > seen["Failed"] > 0
    assert seen["none"] > 0
    fresh = [m for m in sim.world.machines(sim.subscription("all-on")) if m.created > sim.clock.start - 2 * DAY]
    assert fresh


async def test_the_same_seed_brings_machines_aboard_at_the_same_moments() -> None:
    def courses(seed: int) -> list[tuple[str, float, float]]:
        from console.simulator.world import World

        world = World(Clock(start=1.7e9, speed=0), seed, 60, 4)
        return [(m.id, world.course(m).appears, world.course(m).done) for m in world.everything()]

    assert courses(5) == courses(5)
    assert courses(5) != courses(6)


async def test_a_machine_that_is_switched_on_meets_what_it_missed(sim: Simulator) -> None:
    machine = next(
        m for m in sim.world.machines(sim.subscription("all-on")) if m.system.key == "ubuntu-2404" and m.stopped < sim.clock.now()
    )
    sim.world.removed[machine.id.lower(), "mde.linux"] = sim.clock.now()
    assert sim.world.defender(machine, sim.clock.now()) is None
    sim.world.set_running(machine, True)
    assert sim.world.defender(machine, sim.clock.now()) is None
    sim.clock.advance(DAY)
    extension = sim.world.defender(machine, sim.clock.now())
    assert extension is not None
    assert extension.outcome == "succeeded"


# Alerts


async def test_alerts_arrive_several_a_day(sim: Simulator) -> None:
    subscription = sim.world.subscriptions[sim.subscription("all-on")]
    before = {a.name for a in sim.alerts.until(subscription, sim.clock.now())}
    sim.clock.advance(7 * DAY)
    after = {a.name for a in sim.alerts.until(subscription, sim.clock.now())}
    assert before < after
    assert all(a.generated <= sim.clock.now() for a in sim.alerts.until(subscription, sim.clock.now()))


async def test_alerts_are_the_same_however_often_one_looks() -> None:
    names = []
    for steps in (1, 40):
        async with Simulator(speed=0, start=1.7e9, seed=3) as sim:
            subscription = sim.world.subscriptions[sim.subscription("all-on")]
            for _ in range(steps):
                sim.clock.advance(4 * DAY / steps)
                sim.alerts.until(subscription, sim.clock.now())
            names.append([a.name for a in sim.alerts.until(subscription, sim.clock.now())])
    assert names[0] == names[1]


def _aboard(sim: Simulator, *, linux: bool) -> Machine:
    for machine in sim.world.machines(sim.subscription("all-on")):
        extension = sim.world.defender(machine, sim.clock.now())
        if machine.system.linux is linux and extension and extension.outcome == "succeeded" and machine.stopped > sim.clock.now():
            return machine
    raise LookupError


async def test_a_detection_test_raises_its_alert_five_to_fifteen_minutes_later(sim: Simulator, api: Api) -> None:
    cases = (
        (True, "./mde_linux_edr_diy", "Enumeration of files with sensitive data", "Low"),
        (
            False,
            r"DownloadFile('http://127.0.0.1/1.exe', 'C:\\test-MDATP-test\\invoice.exe')",
            "Suspicious PowerShell CommandLine",
            "Informational",
        ),
    )
    for linux, script, title, severity in cases:
        machine = _aboard(sim, linux=linux)
        if machine.kind == "vm":
            shell = "RunShellScript" if linux else "RunPowerShellScript"
            await api("POST", f"{machine.id}/runCommand", json={"commandId": shell, "script": [script]})
        else:
            await api("PUT", f"{machine.id}/runCommands/t", json={"location": "x", "properties": {"source": {"script": script}}})
        triggered = sim.clock.now()
        subscription = sim.world.subscriptions[machine.subscription]
        sim.clock.advance(4 * MINUTE)
        assert not [a for a in sim.alerts.until(subscription, sim.clock.now()) if a.generated > triggered and a.forced]
        sim.clock.advance(12 * MINUTE)
        raised = [a for a in sim.alerts.until(subscription, sim.clock.now()) if a.generated > triggered and a.forced]
        assert [(a.kind.title, a.kind.severity, a.machine.id) for a in raised] == [(title, severity, machine.id)]


async def test_a_detection_test_on_a_machine_that_is_not_aboard_raises_nothing(sim: Simulator) -> None:
    machine = sim.world.machines(sim.subscription("never-enabled"))[0]
    sim.alerts.trigger_test(machine, sim.clock.now())
    sim.clock.advance(HOUR)
    assert not [a for a in sim.alerts.until(sim.world.subscriptions[machine.subscription], sim.clock.now()) if a.forced]


# Resource Graph follows


async def test_resource_graph_follows_the_clock(sim: Simulator, api: Api) -> None:
    situation = "never-enabled"
    subscription = sim.subscription(situation)
    query = (
        "resources | where type has 'extensions' and properties.publisher == 'Microsoft.Azure.AzureDefenderForServers' "
        "| summarize n = count() by state = tostring(properties.provisioningState)"
    )
    assert await api.query(query, subscriptions=[subscription]) == []
    await _switch(sim, api, situation, "WDATP", True)
    for step in (10, 10, 15, 30, 60, 24 * 60):
        sim.clock.advance(step * MINUTE)
        counted = {row["state"]: row["n"] for row in await api.query(query, subscriptions=[subscription])}
        expected = _states(sim, situation)
        del expected["none"]
        assert counted == dict(expected)


async def test_changes_of_extensions_are_recorded_with_their_times(sim: Simulator, api: Api) -> None:
    subscription = sim.subscription("never-enabled")
    await _switch(sim, api, "never-enabled", "WDATP", True)
    began = sim.clock.now()
    sim.clock.advance(20 * HOUR)
    query = (
        "resourcechanges | extend at = todatetime(properties.changeAttributes.timestamp), kind = tostring(properties.changeType) "
        "| where properties.targetResourceId contains '/extensions/MDE.' | project at, kind, "
        "target = tostring(properties.targetResourceId), "
        "now = tostring(properties.changes['properties.provisioningState'].newValue) | order by at asc"
    )
    rows = await api.query(query, subscriptions=[subscription])
    assert {row["kind"] for row in rows} == {"Create", "Update"}
    assert {row["now"] for row in rows} >= {"", "Succeeded", "Failed"}
    from console.simulator.clock import parse_iso

    assert all(began <= parse_iso(row["at"].replace("0Z", "+00:00")) <= sim.clock.now() for row in rows)
    sim.clock.advance(15 * DAY)
    assert (
        await api.query("resourcechanges | where properties.targetResourceId contains '/extensions/MDE.'", subscriptions=[subscription])
        == []
    )


async def test_ago_and_now_are_by_the_simulated_clock(api: Api) -> None:
    async with Simulator(speed=0, start=1_500_000_000.0, machines=8, subscriptions=2) as sim:
        other = Api(sim, api._session, sim.token())
        import ssl

        options = {"ssl": ssl.create_default_context(cafile=str(sim.ca_file))}
        body = {"query": "resourcecontainers | take 1 | project n = now(), a = ago(1d)"}
        answer = await other("POST", "/providers/Microsoft.ResourceGraph/resources", json=body, **options)
    assert answer.body["data"] == [{"n": "2017-07-14T02:40:00.0000000Z", "a": "2017-07-13T02:40:00.0000000Z"}]

"""What scripts do on simulated machines: they print as theirs would, and fail in every way that is asked for."""

from __future__ import annotations

import pytest

from console.simulator import Simulator
from console.simulator.machines import Machine
from console.simulator.runcommands import TROUBLES
from tests.simulator.conftest import Api

LINUX = "echo '--- one ---'\nif command -v mdatp >/dev/null; then\n  mdatp health\nelse\n  echo 'nothing here'\nfi\necho '--- two ---'\n"
WINDOWS = "Write-Output '--- one ---'\n$service = Get-Service -Name sense\nWrite-Output '--- two ---'\n"
ENDED_BEFORE = {"killed", "script-timeout", "silent"}
REFUSED = {"busy", "busy-once", "revoked", "not-offered"}
NEVER_DONE = {"agent-not-ready", "broken", "stuck", "vanishes"}


def a_machine(sim: Simulator, *, linux: bool, aboard: bool) -> Machine:
    now = sim.clock.now()
    return next(
        one
        for one in sim.world.machines(sim.subscription("all-on"))
        if one.kind == "vm"
        and one.system.linux is linux
        and sim.world.stopped_since(one) > now
        and (sim.world.defender(one, now) is not None) is aboard
    )


async def printed(sim: Simulator, api: Api, machine: Machine, script: str) -> str:
    body = {"location": machine.location, "properties": {"source": {"script": script}}}
    assert (await api("PUT", f"{machine.id}/runCommands/x", json=body)).status == 201
    sim.clock.advance(60)
    answer = await api("GET", f"{machine.id}/runCommands/x?$expand=instanceView")
    return str(answer.body["properties"]["instanceView"]["output"])


async def test_sentinels_stand_around_what_the_machine_says(sim: Simulator, api: Api) -> None:
    linux = await printed(sim, api, a_machine(sim, linux=True, aboard=True), LINUX)
    assert linux.startswith("--- one ---\n")
    assert linux.endswith("--- two ---\n")
    assert "licensed" in linux
    assert "nothing here" not in linux
    assert await printed(sim, api, a_machine(sim, linux=True, aboard=False), LINUX) == "--- one ---\nnothing here\n--- two ---\n"
    windows = await printed(sim, api, a_machine(sim, linux=False, aboard=True), WINDOWS)
    assert "sense_service : " in windows


@pytest.mark.parametrize("trouble", sorted(TROUBLES))
async def test_each_trouble_shows(sim: Simulator, api: Api, trouble: str) -> None:
    machine = a_machine(sim, linux=True, aboard=True)
    well = await printed(sim, api, machine, LINUX)
    answer = await api.anonymous()("POST", "/simulator/machines", json={"machine": machine.id, "trouble": trouble})
    assert answer.status == 200
    body = {"location": machine.location, "properties": {"source": {"script": LINUX}}}
    put = await api("PUT", f"{machine.id}/runCommands/x", json=body)
    assert (put.status >= 400) == (trouble in REFUSED)
    if trouble in REFUSED:
        return
    sim.clock.advance(60)
    operation = (await api("GET", put.headers["Azure-AsyncOperation"])).body
    assert (operation["status"] == "Succeeded") == (trouble not in NEVER_DONE - {"vanishes"})
    view = await api("GET", f"{machine.id}/runCommands/x?$expand=instanceView")
    assert (view.status == 404) == (trouble == "vanishes")
    if trouble not in NEVER_DONE:
        output = view.body["properties"]["instanceView"]["output"]
        assert output != well
        assert output.endswith("--- two ---\n") == (trouble not in ENDED_BEFORE)
        assert len(output.encode()) <= 4096


async def test_a_trouble_that_is_not_known_is_refused(sim: Simulator, api: Api) -> None:
    machine = a_machine(sim, linux=True, aboard=True)
    answer = await api.anonymous()("POST", "/simulator/machines", json={"machine": machine.id, "trouble": "boredom"})
    assert answer.status == 400
    assert "agent-not-ready" in answer.message

"""Scripts on machines: each way to run one, each way in which that fails, and that a failure says whether anything was sent."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from console.clouds import load_cloud
from console.gateway.azure import Azure
from console.gateway.errors import AzureProblem, BadAnswer, Forbidden
from console.gateway.run_commands import ACTION, ARC, MANAGED, NAME, Output, Script
from console.identity import SignedIn, StaticToken
from console.simulator import Simulator
from console.simulator.machines import Machine
from tests.gateway.odd_server import Canned, OddServer

SCRIPT = "echo '--- first ---'\nmdatp health\necho '--- last ---'\n"


class Clocked:
    """Waiting moves the simulator's clock."""

    def __init__(self, simulator: Simulator) -> None:
        self._clock = simulator.clock
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.advance(seconds)


@pytest.fixture
def clocked(simulator: Simulator) -> Clocked:
    return Clocked(simulator)


@pytest.fixture
async def azure(simulator: Simulator, clocked: Clocked) -> AsyncIterator[Azure]:
    signed_in = SignedIn(StaticToken(simulator.token(), int(time.time()) + 3600), "token", (), "", "ada", "")
    async with await Azure.open(load_cloud(str(simulator.cloud_file)), signed_in, sleep=clocked.sleep) as opened:
        yield opened


def machine_for(simulator: Simulator, way: str, *, linux: bool = True) -> Machine:
    """A machine of the subscription where all is on, with Defender on it."""
    now = simulator.clock.now()
    return next(
        one
        for one in simulator.world.machines(simulator.subscription("all-on"))
        if (one.kind == "arc") == (way == ARC)
        and one.system.linux is linux
        and simulator.world.stopped_since(one) > now
        and (found := simulator.world.defender(one, now)) is not None
        and found.outcome == "succeeded"
    )


def script_on(machine: Machine, way: str, text: str = SCRIPT) -> Script:
    return Script(machine.id, machine.location, way, "Linux" if machine.system.linux else "Windows", text)


async def run(azure: Azure, script: Script) -> Output:
    return await azure.script_output(await azure.begin_script(script))


@pytest.mark.parametrize("way", [MANAGED, ACTION, ARC])
async def test_a_script_is_run_waited_for_read_and_leaves_nothing_behind(simulator: Simulator, azure: Azure, way: str) -> None:
    script = script_on(machine_for(simulator, way), way)
    output = await run(azure, script)
    assert output.stdout.startswith("--- first ---\n")
    assert output.stdout.endswith("--- last ---")
    assert "licensed" in output.stdout
    assert output.state == "Succeeded"
    await azure.remove_script(script)
    assert not any(simulator.box.run_commands.known.values())
    await azure.remove_script(script)  # what is gone already is no failure


@pytest.mark.parametrize("way", [MANAGED, ACTION])
async def test_windows_gets_powershell(simulator: Simulator, azure: Azure, way: str) -> None:
    machine = machine_for(simulator, way, linux=False)
    output = await run(azure, script_on(machine, way, "Write-Output 'a'\nGet-Service -Name sense\nWrite-Output 'b'\n"))
    assert "sense_service : " in output.stdout
    (sent,) = [one for one in simulator.requests.of("", "/runCommand") if one.method in {"POST", "PUT"}]
    assert "RunPowerShellScript" in str(sent.as_json()) if way == ACTION else NAME in sent.path


@pytest.mark.parametrize(
    ("trouble", "way", "code", "said"),
    [
        ("agent-not-ready", MANAGED, "agent-not-ready", "agent does not report"),
        ("agent-not-ready", ACTION, "agent-not-ready", "agent does not report"),
        ("broken", MANAGED, "run-failed", "waagent is full"),
        ("broken", ARC, "run-failed", "waagent is full"),
        ("busy", ACTION, "conflict", "one at a time"),
        ("busy", MANAGED, "conflict", "one at a time"),
        ("revoked", MANAGED, "forbidden", "Microsoft.Compute/virtualMachines/runCommands/write"),
        ("revoked", ACTION, "forbidden", "Microsoft.Compute/virtualMachines/runCommand/action"),
        ("revoked", ARC, "forbidden", "Microsoft.HybridCompute/machines/runCommands/write"),
        ("not-offered", MANAGED, "not-offered", "does not offer a managed run command"),
        ("stuck", MANAGED, "timeout", "15 minutes"),
        ("stuck", ACTION, "timeout", "15 minutes"),
        ("stuck", ARC, "timeout", "15 minutes"),
        ("script-timeout", ACTION, "timeout", "time that Azure allows"),
        ("vanishes", MANAGED, "not-found", "gone"),
        ("vanishes", ARC, "not-found", "gone"),
    ],
)
async def test_each_way_to_fail_is_a_sentence_of_its_own(
    simulator: Simulator, azure: Azure, trouble: str, way: str, code: str, said: str
) -> None:
    machine = machine_for(simulator, way)
    simulator.box.run_commands.troubles[machine.id.lower()] = trouble
    with pytest.raises(AzureProblem) as raised:
        await run(azure, script_on(machine, way))
    assert raised.value.code == code
    assert said in raised.value.message


@pytest.mark.parametrize(("way", "said"), [(MANAGED, "not running"), (ACTION, "not running"), (ARC, "not connected")])
async def test_a_machine_that_is_off_says_so(simulator: Simulator, azure: Azure, way: str, said: str) -> None:
    machine = machine_for(simulator, way)
    simulator.world.set_running(machine, False)
    with pytest.raises(AzureProblem) as raised:
        await azure.begin_script(script_on(machine, way))
    assert (raised.value.code, said in raised.value.message) == ("unreachable", True)


async def test_a_machine_that_is_busy_is_waited_for_and_asked_again(simulator: Simulator, azure: Azure, clocked: Clocked) -> None:
    machine = machine_for(simulator, ACTION)
    simulator.box.run_commands.troubles[machine.id.lower()] = "busy-once"
    assert "licensed" in (await run(azure, script_on(machine, ACTION))).stdout
    assert clocked.slept[0] == 20.0
    assert len(simulator.requests.of("POST", "/runCommand")) == 2


async def test_a_managed_script_that_takes_too_long_is_told_in_its_state(simulator: Simulator, azure: Azure) -> None:
    machine = machine_for(simulator, MANAGED)
    simulator.box.run_commands.troubles[machine.id.lower()] = "script-timeout"
    assert (await run(azure, script_on(machine, MANAGED))).state == "TimedOut"


@pytest.mark.parametrize("way", [MANAGED, ACTION, ARC])
async def test_what_a_machine_prints_is_clean_and_only_its_end_is_kept(simulator: Simulator, azure: Azure, way: str) -> None:
    machine = machine_for(simulator, way)
    simulator.box.run_commands.troubles[machine.id.lower()] = "hostile"
    output = (await run(azure, script_on(machine, way))).stdout
    assert not set(output) & {"\x1b", "\x07", "\x00", "\x9b", "\u202e", "\u2066", "\u200b"}
    assert "[bold]red[/bold]" in output
    simulator.box.run_commands.troubles[machine.id.lower()] = "cut"
    simulator.clock.advance(60)
    output = (await run(azure, script_on(machine, way))).stdout
    assert "--- first ---" not in output
    assert output.endswith("--- last ---")


async def test_a_script_is_sent_once_whatever_the_line_does(simulator: Simulator, azure: Azure) -> None:
    machine = machine_for(simulator, MANAGED)
    simulator.faults.add("drop:1:PUT .*/runCommands/")
    with pytest.raises(AzureProblem) as raised:
        await azure.begin_script(script_on(machine, MANAGED))
    assert raised.value.code == "outage"
    assert len(simulator.requests.of("PUT", "/runCommands/")) == 1


async def test_read_only_sends_nothing(simulator: Simulator, clocked: Clocked) -> None:
    signed_in = SignedIn(StaticToken(simulator.token(), int(time.time()) + 3600), "token", (), "", "ada", "")
    cloud = load_cloud(str(simulator.cloud_file))
    async with await Azure.open(cloud, signed_in, sleep=clocked.sleep, read_only=True) as azure:
        with pytest.raises(Forbidden, match="read-only"):
            await azure.begin_script(script_on(machine_for(simulator, MANAGED), MANAGED))
    assert not simulator.requests.of("PUT", "")


ODD = Script(
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v",
    "westeurope",
    ACTION,
    "Linux",
    SCRIPT,
)


async def test_a_token_is_not_sent_where_an_answer_points_elsewhere(odd: OddServer, odd_azure: Azure) -> None:
    for header in ("Azure-AsyncOperation", "Location"):
        odd.answers = [Canned({}, 202, {header: "https://elsewhere.example/operations/1"})]
        with pytest.raises(BadAnswer, match="not followed"):
            await odd_azure.begin_script(ODD)


@pytest.mark.parametrize("way", [MANAGED, ACTION, ARC])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", {}, {"status": "Dancing"}, {"status": 7, "properties": []}, {"value": "x"}])
async def test_odd_answers_end_in_a_sentence(odd: OddServer, odd_azure: Azure, way: str, body: object) -> None:
    script = Script(ODD.machine_id, "westeurope", way, "Linux", SCRIPT)
    started = Canned({}, 202, {"Azure-AsyncOperation": f"{odd.url}/operations/1", "Retry-After": "100"})
    odd.answers = [started, Canned(body)]
    begun = await odd_azure.begin_script(script)
    with pytest.raises(AzureProblem) as raised:
        await odd_azure.script_output(begun)
    assert raised.value.code in {"bad-answer", "timeout"}


async def test_an_action_that_is_done_at_once_or_only_tells_a_location_is_read(odd: OddServer, odd_azure: Azure) -> None:
    value = {"value": [{"code": "ComponentStatus/StdOut/succeeded", "message": "out"}, {"code": "ComponentStatus/StdErr/succeeded"}, 7]}
    odd.answers = [Canned(value)]
    assert (await run(odd_azure, ODD)).stdout == "out"
    located = {"Location": f"{odd.url}/operations/1?monitor=true"}
    odd.answers = [Canned(b"", 202, located), Canned(b"", 202, located), Canned(value)]
    assert await run(odd_azure, ODD) == Output("Succeeded", None, "out", "")

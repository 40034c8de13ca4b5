"""The verb test-alert with the real program: steps to copy, the alert that comes or does not, and its end."""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from console.simulator import Simulator
from tests.test_verbs import mde, printed


def alert_on(simulator: Simulator, machine_id: str) -> None:
    """Somebody has run the detection test on a machine a while ago; its alert is there now."""
    body = json.dumps({"machine": unquote(machine_id), "seconds": 0}).encode()
    request = urllib.request.Request(f"{simulator.url}/simulator/alerts", body, method="POST")
    context = ssl.create_default_context(cafile=str(simulator.ca_file))
    with urllib.request.urlopen(request, context=context) as told:
        assert told.status == 201


def answer(out: str) -> dict[str, Any]:
    (item,) = json.loads(out)["items"]
    found: dict[str, Any] = item
    return found


async def test_steps_wait_and_resolve_each_end_with_their_exit_code(tmp_path: Path) -> None:
    async with Simulator(machines=50) as simulator:
        code, _, err = await mde(simulator, tmp_path, "test-alert", "--machine", "web-1")
        assert code == 1
        assert "mde-console sync" in err
        await mde(simulator, tmp_path, "sync")
        machines = await printed(simulator, tmp_path, "machines")
        on = simulator.subscription("all-on")
        linux = next(one for one in machines if one["subscription_id"] == on and (one["os_type"], one["state"]) == ("Linux", "onboarded"))
        names = Counter(one["name"].lower() for one in machines)
        aboard = [one for one in machines if one["os_type"] == "Windows" and one["state"] == "onboarded"]
        windows = next(one for one in aboard if names[one["name"].lower()] == 1)
        double = next(name for name, number in names.items() if number > 1)

        requests = len(simulator.requests.of("", ""))
        code, out, err = await mde(simulator, tmp_path, "test-alert")
        assert code == 64, err
        assert [line.split()[:2] for line in out.splitlines()[::2]] == [["Linux", "onboarded"], ["Windows", "onboarded"]]
        assert f"mde-console test-alert --machine {out.splitlines()[1].strip()}" in err
        code, out, err = await mde(simulator, tmp_path, "test-alert", "--subscription", on, "--json")
        assert code == 64, err
        offered = json.loads(out)["items"]
        assert [(one["os_type"], one["outcome"]) for one in offered] == [("Linux", "offered"), ("Windows", "offered")]
        assert {one["machine_id"].split("/")[2] for one in offered} == {on}
        code, _, err = await mde(simulator, tmp_path, "test-alert", "--subscription", simulator.subscription("never-enabled"))
        assert code == 1
        assert "No onboarded machine runs here" in err
        code, _, err = await mde(simulator, tmp_path, "test-alert", "--wait", "1")
        assert code == 64
        assert "--wait take a --machine ID" in err
        code, out, err = await mde(simulator, tmp_path, "test-alert", "--machine", linux["id"])
        assert code == 0, err
        assert "\n     ./mde_linux_edr_diy\n" in out
        assert "Enumeration of files with sensitive data" in out
        code, out, err = await mde(simulator, tmp_path, "test-alert", "--machine", double)
        assert code == 1
        assert "Give the resource id" in err
        code, out, err = await mde(simulator, tmp_path, "test-alert", "--machine", windows["name"], "--json")
        assert code == 0, err
        item = answer(out)
        assert (code, item["outcome"], item["alert_severity"]) == (0, "steps", "Informational")
        assert any("invoice.exe" in step["command"] for step in item["steps"])
        assert len(simulator.requests.of("", "")) == requests, "printing the steps asks Azure nothing"

        code, out, err = await mde(simulator, tmp_path, "test-alert", "--machine", linux["id"], "--wait", "0", "--json")
        item = answer(out)
        assert (code, item["outcome"], item["alert"]) == (9, "not-seen", None)

        await asyncio.to_thread(alert_on, simulator, linux["id"])
        code, out, err = await mde(simulator, tmp_path, "test-alert", "--machine", linux["id"], "--wait", "5", "--json")
        item = answer(out)
        assert (code, item["outcome"]) == (0, "seen"), err
        assert item["alert"]["machine_id"].lower() == linux["id"].lower() == item["machine_id"].lower()
        assert item["alert"]["azure_link"].startswith("https://")
        assert item["seconds"] >= 0

        arguments = ("test-alert", "--machine", linux["id"], "--wait", "5", "--resolve")
        code, _, err = await mde(simulator, tmp_path, "--read-only", *arguments)
        assert code == 7
        assert "read-only" in err
        code, out, err = await mde(simulator, tmp_path, *arguments)
        assert code == 0, err
        assert "It is resolved" in out
        trail = await printed(simulator, tmp_path, "audit")
        assert [one["outcome"] for one in trail if one["action"] == "set-alert-status"] == ["started", "confirmed"]


async def test_a_machine_that_is_not_aboard_is_told_as_that(tmp_path: Path) -> None:
    async with Simulator(machines=50) as simulator:
        await mde(simulator, tmp_path, "sync")
        machines = await printed(simulator, tmp_path, "machines")
        off = next(one for one in machines if one["state"] == "not-enabled")
        code, out, err = await mde(simulator, tmp_path, "test-alert", "--machine", off["id"], "--wait", "0")
        assert code == 9
        assert "not-enabled, not onboarded" in err
        assert "not onboarded, so none could come" in out


async def test_to_resolve_without_waiting_is_wrong_use(tmp_path: Path) -> None:
    async with Simulator(machines=12) as simulator:
        code, _, err = await mde(simulator, tmp_path, "test-alert", "--machine", "x", "--resolve")
        assert code == 64
        assert "--wait" in err


def scripts(simulator: Simulator) -> list[str]:
    return [one.path for one in simulator.requests if one.method in {"PUT", "POST"} and "/runcommand" in one.path.lower()]


async def test_the_test_is_run_there_only_with_yes_and_its_alert_comes(tmp_path: Path) -> None:
    async with Simulator(machines=50, speed=600) as simulator:
        await mde(simulator, tmp_path, "sync")
        now, on = simulator.clock.now(), simulator.subscription("all-on")
        running = {one.id.lower() for one in simulator.world.machines(on) if simulator.world.stopped_since(one) > now}
        machines = [one for one in await printed(simulator, tmp_path, "machines") if one["subscription_id"] == on]
        aboard = [one for one in machines if one["state"] == "onboarded" and unquote(one["id"]).lower() in running]
        linux = next(one for one in aboard if one["os_type"] == "Linux")
        windows = next(one for one in aboard if one["os_type"] == "Windows")

        for machine, words in ((linux, "https://aka.ms/LinuxDIY"), (windows, "C:\\\\test-MDATP-test\\\\invoice.exe")):
            asked = ("test-alert", "--machine", machine["id"], "--run")
            code, out, err = await mde(simulator, tmp_path, *asked)
            assert code == 2, out + err
            assert words in out
            assert "activity log" in out
            assert "--yes" in err
        code, out, err = await mde(simulator, tmp_path, *asked, "--json")
        item = answer(out)
        assert (code, item["outcome"], item["run"]["reason"]) == (2, "planned", None), err
        assert item["run"]["way"] in {"managed", "action", "arc"}
        code, _, err = await mde(simulator, tmp_path, "--read-only", *asked, "--yes")
        assert (code, "read-only" in err) == (7, True)
        assert scripts(simulator) == []

        code, out, err = await mde(
            simulator, tmp_path, "test-alert", "--machine", linux["id"], "--run", "--yes", "--wait", "60", "--resolve", "--json"
        )
        item = answer(out)
        assert (code, item["outcome"], item["run"]["outcome"]) == (0, "resolved", "ran"), out + err
        assert item["alert"]["machine_id"].lower() == linux["id"].lower()
        assert len(scripts(simulator)) == 1
        assert not any(simulator.box.run_commands.known.values())
        trail = [(one["action"], one["outcome"].partition(":")[0]) for one in await printed(simulator, tmp_path, "audit")]
        assert trail == [
            ("run-detection-test", "started"),
            ("run-detection-test", "confirmed"),
            ("detection-test", "begun"),
            ("detection-test", "confirmed"),
            ("set-alert-status", "started"),
            ("set-alert-status", "confirmed"),
        ]


async def test_a_test_that_cannot_run_says_why_and_sends_nothing(tmp_path: Path) -> None:
    async with Simulator(machines=50, speed=0) as simulator:
        await mde(simulator, tmp_path, "sync")
        machines = await printed(simulator, tmp_path, "machines")
        not_aboard = next(one for one in machines if one["state"] == "not-enabled" and one["power"] == "running")
        code, out, err = await mde(simulator, tmp_path, "test-alert", "--machine", not_aboard["id"], "--run", "--yes", "--json")
        item = answer(out)
        assert (code, item["outcome"]) == (1, "cannot-run"), err
        assert item["run"]["reason"]
        assert scripts(simulator) == []
        code, _, err = await mde(simulator, tmp_path, "test-alert", "--machine", "x", "--yes")
        assert (code, "--run" in err) == (64, True)

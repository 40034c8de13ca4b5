"""The verb verify, as the real program: a plan first, the script only when it is confirmed, and a kill in the middle leaves a record."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from console.simulator import Simulator
from tests.rules.health_samples import ERA_2020_07, ERA_2023
from tests.rules.machine_samples import LINUX_WELL
from tests.test_verbs import mde, printed


def ran(simulator: Simulator) -> list[str]:
    return [one.path for one in simulator.requests if one.method in {"PUT", "POST"} and "/runcommand" in one.path.lower()]


@pytest.mark.slow
async def test_the_plan_is_printed_with_its_scripts_and_only_yes_runs_them(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=600) as simulator:
        subscription_id = simulator.subscription("all-on")
        only = ("--subscription", subscription_id)
        code, out, err = await mde(simulator, tmp_path, "verify", *only)
        assert code == 2, out + err
        assert "mdatp health 2>&1" in out
        assert "Get-Service -Name sense" in out
        assert "--yes" in err
        (plan,) = await printed(simulator, tmp_path, "verify", *only)
        assert {"id", "created_at", "runs", "scripts", "machines"} <= plan.keys()
        assert {"machine_id", "name", "subscription_id", "system", "way", "right", "reason"} == plan["machines"][0].keys()
        assert ran(simulator) == []
        code, out, err = await mde(simulator, tmp_path, "--read-only", "verify", *only, "--yes")
        assert code == 7, out + err
        assert "verify --paste" in err
        assert ran(simulator) == []
        code, out, err = await mde(simulator, tmp_path, "verify", *only, "--yes", "--json")
        items: list[dict[str, Any]] = json.loads(out)["items"]
        outcomes = {one["outcome"] for one in items}
        assert code == 3, out + err
        assert "healthy" in outcomes
        assert all(one["reason"] for one in items)
        assert {"code", "remedy", "notes", "way", "at", "kept", "fields"} <= items[0].keys()
        assert len(ran(simulator)) == plan["runs"]
        kept = {one["machine_id"]: one["outcome"] for one in items if one["kept"]}
        states = {one["id"]: one["state"] for one in await printed(simulator, tmp_path, "machines")}
        assert {machine_id: states[machine_id] for machine_id in kept} == kept


async def test_one_healthy_machine_exits_with_0_and_one_that_cannot_be_asked_with_1(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=600) as simulator:
        now = simulator.clock.now()
        machines = simulator.world.machines(simulator.subscription("all-on"))
        well = next(one for one in machines if one.kind == "vm" and one.system.linux and simulator.world.defender(one, now))
        off = next(one for one in machines if simulator.world.stopped_since(one) < now)
        code, out, err = await mde(simulator, tmp_path, "verify", "--machine", well.id, "--yes")
        assert code == 0, out + err
        code, out, err = await mde(simulator, tmp_path, "verify", "--machine", off.id, "--yes")
        assert code == 1, out + err
        assert "skipped" in out
        assert "--paste FILE" in err


async def test_output_that_somebody_ran_by_hand_is_judged_kept_and_in_the_audit(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        now = simulator.clock.now()
        machines = simulator.world.machines(simulator.subscription("all-on"))
        machine = next(one for one in machines if one.kind == "vm" and one.system.linux and simulator.world.defender(one, now))
        await mde(simulator, tmp_path / "home", "sync")
        pasted = tmp_path / "pasted.txt"
        asked = ("verify", "--machine", machine.id, "--paste", str(pasted))
        for text, code, outcome, said in (
            (ERA_2023, 0, "healthy", "healthy"),
            (ERA_2020_07, 1, "unhealthy", "license"),
            ("total nonsense \x1b[2J", 1, "unreadable", "not the output"),
        ):
            pasted.write_text(text)
            found, out, err = await mde(simulator, tmp_path / "home", *asked, "--json")
            assert found == code, out + err
            (item,) = json.loads(out)["items"]
            assert (item["outcome"], item["way"]) == (outcome, "hand")
            assert said in item["reason"]
            assert "\\u001b" not in out
        pasted.write_text("healthy : true\nlicensed : true\n" * 40_000)
        found, out, err = await mde(simulator, tmp_path / "home", *asked)
        assert (found, out) == (1, "")
        assert "longer than 1,000,000 bytes" in err
        states = {one["id"]: one["state"] for one in await printed(simulator, tmp_path / "home", "machines")}
        assert states[machine.id] == "unhealthy"  # what could not be read changed nothing
        entries = [one for one in await printed(simulator, tmp_path / "home", "audit") if one["action"] == "paste-health"]
        assert [one["outcome"].partition(",")[0] for one in entries if one["outcome"] != "started"] == [
            "confirmed: healthy",
            "confirmed: unhealthy",
            "confirmed: unreadable",
        ]
        assert ran(simulator) == []
        code, _, err = await mde(simulator, tmp_path / "home", "verify", "--machine", machine.id, "--paste", str(tmp_path / "none"))
        assert (code, "cannot be read" in err) == (1, True)
        code, _, err = await mde(simulator, tmp_path / "home", "verify", "--paste", str(pasted))
        assert (code, "--machine ID" in err) == (64, True)


async def test_a_verification_that_is_killed_is_called_unknown_by_the_next_one(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        now = simulator.clock.now()
        machines = simulator.world.machines(simulator.subscription("all-on"))
        machine = next(one for one in machines if one.kind == "vm" and one.system.linux and simulator.world.defender(one, now))
        sent = asyncio.Event()

        async def look(method: str, path: str) -> None:
            if method == "GET" and "/operations/" in path.lower():
                if sent.is_set():
                    simulator.clock.advance(30)
                sent.set()

        simulator.box.on_request = look
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AZURE_", "MDE_", "IDENTITY_"))}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "console", "--cloud", str(simulator.cloud_file), "--auth", "token", "--home", str(tmp_path)),
            *("verify", "--machine", machine.id, "--yes"),
            env={**kept, "MDE_CONSOLE_TOKEN": simulator.token("ada"), "HOME": str(tmp_path)},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await asyncio.wait_for(sent.wait(), 60)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        entries = [one for one in await printed(simulator, tmp_path, "audit") if one["action"] == "run-script"]
        assert [one["outcome"] for one in entries] == ["started"]
        code, out, err = await mde(simulator, tmp_path, "verify", "--machine", machine.id, "--yes")
        assert code == 0, out + err
        entries = [one for one in await printed(simulator, tmp_path, "audit") if one["action"] == "run-script"]
        assert [one["outcome"].partition(":")[0] for one in entries] == ["started", "end unknown", "started", "confirmed"]


@pytest.mark.slow
async def test_connectivity_and_system_are_planned_run_kept_and_told_by_the_checklist(tmp_path: Path) -> None:
    async with Simulator(machines=60, speed=600) as simulator:
        only = ("--subscription", simulator.subscription("all-on"))
        for check, said in (("connectivity", "mdatp connectivity test"), ("system", "fanotify_holders")):
            code, out, err = await mde(simulator, tmp_path, "verify", "--check", check, *only)
            assert code == 2, out + err
            assert said in out
            (plan,) = await printed(simulator, tmp_path, "verify", "--check", check, *only)
            assert plan["check"] == check
            before = len(ran(simulator))
            code, out, err = await mde(simulator, tmp_path, "verify", "--check", check, *only, "--yes", "--json")
            items: list[dict[str, Any]] = json.loads(out)["items"]
            assert code in {1, 3}, out + err
            assert len(ran(simulator)) - before == plan["runs"]
            told = [one for one in items if one["kept"]]
            assert {one["outcome"] for one in told} <= {"good", "doubtful", "bad"}
            assert all(one["findings"] for one in told)
            assert {"id", "title", "status", "evidence", "remedy"} == told[0]["findings"][0].keys()
        checks = {one["id"]: one for one in await printed(simulator, tmp_path, "checklist", *only)}
        assert "The oldest answer is of" in checks["connectivity-linux"]["evidence"]
        assert "The oldest answer is of" in checks["machine-system"]["evidence"]


async def test_what_was_run_by_hand_about_connectivity_and_system_is_judged_kept_and_in_the_audit(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        now = simulator.clock.now()
        machines = simulator.world.machines(simulator.subscription("all-on"))
        machine = next(one for one in machines if one.kind == "vm" and one.system.linux and simulator.world.defender(one, now))
        home = tmp_path / "home"
        await mde(simulator, home, "sync")
        pasted = tmp_path / "pasted.txt"
        well = "Testing connection with https://x.cp.wd.microsoft.com/api/report ... [OK]\n"
        for check, text, code, outcome in (
            ("connectivity", well, 0, "good"),
            ("connectivity", well.replace("[OK]", "[ERROR] (curl error 60: not OK)"), 1, "bad"),
            ("connectivity", ERA_2023, 1, "unreadable"),
            ("system", LINUX_WELL, 0, "good"),
            ("system", LINUX_WELL.replace("fanotify_holders : none", "fanotify_holders : ds_am"), 1, "bad"),
            ("system", LINUX_WELL[:300].rpartition("\n")[0], 1, "doubtful"),
            ("system", "total nonsense \x1b[2J", 1, "unreadable"),
        ):
            pasted.write_text(text)
            found, out, err = await mde(
                simulator, home, "verify", "--check", check, "--machine", machine.id, "--paste", str(pasted), "--json"
            )
            assert found == code, out + err
            (item,) = json.loads(out)["items"]
            assert (item["outcome"], item["way"], item["kept"]) == (outcome, "hand", outcome != "unreadable")
            assert "\\u001b" not in out
        entries = [one for one in await printed(simulator, home, "audit") if one["action"] in {"paste-connectivity", "paste-system"}]
        assert Counter(one["action"] for one in entries) == {"paste-connectivity": 6, "paste-system": 8}
        assert ran(simulator) == []
        code, _, err = await mde(simulator, home, "verify", "--check", "nonsense")
        assert (code, "connectivity" in err) == (64, True)

"""The verbs against a server that speaks ARM: the real program with a cloud file and a token, and a server that has a bad day."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from console.simulator import Simulator

EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"
BAD_DAY = (
    "403:1:/providers/Microsoft.ResourceGraph",
    "429=0:1:/alerts:1",
    "503=0:1:/settings:1",
    "unknown:1",
)


async def mde(simulator: Simulator, home: Path, *arguments: str, principal: str = "ada") -> tuple[int, str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AZURE_", "MDE_", "IDENTITY_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "console", "--cloud", str(simulator.cloud_file), "--auth", "token", "--home", str(home), *arguments),
        env={**clean, "MDE_CONSOLE_TOKEN": simulator.token(principal), "HOME": str(home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert b"Traceback" not in err, err.decode()
    return process.returncode or 0, out.decode(), err.decode()


async def printed(simulator: Simulator, home: Path, *arguments: str) -> list[dict[str, Any]]:
    _, out, _ = await mde(simulator, home, *arguments, "--json")
    document = json.loads(out)
    assert document["schema"] == 1
    assert document["as_of"].endswith("Z")
    items: list[dict[str, Any]] = document["items"]
    return items


async def test_on_a_bad_day_the_verbs_print_what_is_documented(tmp_path: Path) -> None:
    async with Simulator(machines=50, speed=0, page_size=6, faults=BAD_DAY) as simulator:
        code, out, err = await mde(simulator, tmp_path, "sync")
        assert code == 3, err
        assert "12 subscriptions" in out
        assert "not registered" in out
        machines = await printed(simulator, tmp_path, "machines")
        seen = sum(one.machine_count for one in simulator.world.subscriptions.values() if one.tenant == simulator.tenant_id)
        hidden = simulator.world.subscriptions[simulator.subscription("no-right-to-see-machines")].machine_count
        assert len(machines) == seen - hidden
        assert {"id", "name", "kind", "state", "reason", "since", "due", "extension", "diagnosis", "as_of"} <= machines[0].keys()
        alerts = await printed(simulator, tmp_path, "alerts")
        assert {"id", "title", "severity", "from_endpoint", "machine_id", "azure_link", "defender_link", "entities"} <= alerts[0].keys()
        checks = await printed(simulator, tmp_path, "checklist")
        assert {one["status"] for one in checks} <= {"pass", "fail", "warn", "manual", "unknown", "not-applicable"}
        code, out, _ = await mde(simulator, tmp_path, "plan", "--json")
        assert code == 2
        (plan,) = json.loads(out)["items"]
        changed = [one for one in plan["subscriptions"] if one["settings"]]
        assert {"id", "name", "settings", "machines", "irreversible", "blockers"} <= changed[0].keys()
        assert {"name", "before", "after"} == changed[0]["settings"][0].keys()
        assert not simulator.requests.of("PUT", "")


async def test_enable_applies_exactly_the_plan_of_the_file_with_one_put_and_the_audit_shows_it(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        subscription_id = simulator.subscription("existing-windows-linux-excluded")
        file = tmp_path / "plan.json"
        code, _, err = await mde(simulator, tmp_path / "home", "plan", "--subscription", subscription_id, "--out", str(file))
        assert code == 2, err
        code, out, err = await mde(simulator, tmp_path / "home", "enable", "--plan", str(file))
        assert code == 0, out + err
        assert "confirmed" in out
        (put,) = simulator.requests.of("PUT", "")
        assert put.path.endswith(f"{subscription_id}/providers/Microsoft.Security/settings/{EXCLUDE}")
        code, out, err = await mde(simulator, tmp_path / "home", "audit", "--json")
        assert code == 0, err
        outcomes = [one["outcome"] for one in json.loads(out)["items"] if one["action"] == "put-setting"]
        assert outcomes == ["started", "confirmed"]
        code, _, _ = await mde(simulator, tmp_path / "home", "plan", "--subscription", subscription_id)
        assert code == 0
        code, out, err = await mde(simulator, tmp_path / "home", "enable", "--plan", str(file))
        assert code == 0, err
        assert "Already done by this console" in out
        assert len(simulator.requests.of("PUT", "")) == 1


@pytest.mark.parametrize(
    ("arguments", "principal", "code", "said"),
    [
        (("sync",), "nobody", 1, "no subscription"),
        (("--subscription", "11111111-2222-3333-4444-555555555555", "plan"), "ada", 1, "11111111-2222-3333-4444-555555555555"),
        (("--read-only", "enable", "--yes"), "ada", 7, "read-only"),
        (("enable", "--plan", "missing.json"), "ada", 1, "missing.json"),
    ],
)
async def test_what_cannot_be_done_ends_in_a_sentence_and_its_own_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], principal: str, code: int, said: str
) -> None:
    async with Simulator(machines=20, speed=0) as simulator:
        found, out, err = await mde(simulator, tmp_path, *arguments, principal=principal)
        assert found == code, out + err
        assert said in out + err
        assert not simulator.requests.of("PUT", "")


async def test_the_users_own_rules_hold_from_the_next_start_and_a_mistake_in_them_stops_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    async with Simulator(machines=60, speed=0) as simulator:
        await mde(simulator, tmp_path, "sync")
        before = await printed(simulator, tmp_path, "machines")
        assert not [one for one in before if (one["diagnosis"] or {}).get("code", "").startswith("own-")]
        ours = '[[rule]]\ncode = "ours"\npattern = "."\nlayer = "platform"\nmeaning = "Ours."\nremedy = "Do it."\n'
        rules.write_text(f"{ours}layers = 7\n{ours.replace('ours', 'mine')}")
        code, out, err = await mde(simulator, tmp_path, "machines", "--json")
        assert code == 0
        assert f"{rules}, line 7, column 1: “layers” is not part of a rule" in err
        after = json.loads(out)["items"]
        said = [one for one in before if one["state"] == "failed" and (one["extension"]["message"] or one["extension"]["code"])]
        assert said
        told = {one["id"]: one["diagnosis"] for one in after}
        assert {told[one["id"]]["code"] for one in said} == {"own-mine"}
        assert {told[one["id"]]["cause"] for one in said} == {"Ours."}
        (info,) = await printed(simulator, tmp_path, "info")
        assert info["own_rules"] == ["mine"]
        assert info["rules_file"] == str(rules)
        rules.unlink()
        assert await printed(simulator, tmp_path, "machines") == before


async def test_the_discount_report_tells_workspace_region_and_machines_and_what_azure_does_not_tell(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with Simulator(machines=120, speed=0) as simulator:
        code, _, err = await mde(simulator, home, "report", "discount", "--out", str(tmp_path / "report.pdf"))
        assert code == 1
        assert ".md for Markdown" in err
        code, out, err = await mde(simulator, home, "report", "discount", "--out", str(tmp_path / "report.json"))
        assert code == 3, err  # in one subscription of this world machines cannot be seen
        assert out == ""
        assert "could not be read, so they are not counted" in err
        document = json.loads((tmp_path / "report.json").read_text())
        items = document["items"]
        machines = await printed(simulator, home, "machines")
        aboard = [one for one in machines if one["state"] in {"onboarded", "healthy", "unhealthy"}]
        assert sum(one["machines"] for one in items) == len(aboard) > 0
        assert {"workspace_id", "name", "region", "machines", "subscription_ids"} == items[0].keys()
        assert any(one["workspace_id"] and one["region"] == "westeurope" and one["name"] for one in items)
        assert any(one["workspace_id"] is None and one["region"] for one in items)
        code, _, err = await mde(simulator, home, "report", "discount", "--out", str(tmp_path / "report.md"))
        text = (tmp_path / "report.md").read_text()
        assert all(one["workspace_id"] in text for one in items if one["workspace_id"])
        assert "does not tell how many licences" in text
        only = simulator.subscription("all-on")
        code, out, err = await mde(simulator, home, "report", "discount", "--subscription", only, "--json")
        assert code == 0, err
        assert {one for item in json.loads(out)["items"] for one in item["subscription_ids"]} <= {only}


async def test_where_resource_graph_refuses_the_discount_report_names_no_workspace_and_says_so(tmp_path: Path) -> None:
    async with Simulator(machines=60, speed=0) as simulator:
        await mde(simulator, tmp_path, "sync")
        simulator.faults.add("403:1:/providers/Microsoft.ResourceGraph")
        code, out, err = await mde(simulator, tmp_path, "report", "discount", "--json")
        assert code == 3
        assert "so none is named" in err
        assert {one["workspace_id"] for one in json.loads(out)["items"]} == {None}

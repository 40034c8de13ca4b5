"""The verb as a program: lines for people, documented JSON for scripts, exit codes, and no wait for a cloud that is not there."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from console.clouds import load_cloud
from console.doctor.finding import Finding, Status, exit_code
from console.simulator import Simulator
from console.simulator.certificates import make_certificates
from tests.test_verbs import mde

DOCS = Path(__file__).parents[2] / "docs"
OFFLINE = {"terminal", "locale", "settings", "files", "disk", "cache", "journal"}


def everything_in(folder: Path) -> bytes:
    return b"".join(Path(inside, name).read_bytes() for inside, _, names in os.walk(folder) for name in names)


async def test_all_well_is_exit_0_and_a_line_each(simulator: Simulator, tmp_path: Path) -> None:
    own = simulator.subscription("existing-windows-linux-excluded")
    code, out, err = await mde(simulator, tmp_path / "home", "doctor", "--subscription", own)
    assert code == 0, out + err
    lines = out.splitlines()
    assert all(re.match(r"ok +[a-z-]+: \S", line) for line in lines[:-1]), out
    assert lines[-1] == f"{len(lines) - 1} ok"


async def test_the_json_is_as_documented_and_a_warning_is_exit_3(simulator: Simulator, tmp_path: Path) -> None:
    home = tmp_path / "home"
    await mde(simulator, home, "sync")
    (home / "session.json").chmod(0o644)
    code, out, _ = await mde(simulator, home, "doctor", "--json")
    assert code == 3
    items = json.loads(out)["items"]
    section = (DOCS / "json.md").read_text().split("\n## doctor\n")[1].split("\n## ")[0]
    for item in items:
        assert item.keys() == {"id", "status", "evidence", "remedy", "subscription_ids"}
        assert f"`{item['id']}`" in section
        assert item["status"] in {"ok", "warn", "fail", "unknown"}
    files = next(one for one in items if one["id"] == "files")
    assert files["status"] == "warn"
    assert "session.json" in files["evidence"]


async def test_a_wrong_ca_file_fails_and_what_needs_no_network_is_told_all_the_same(simulator: Simulator, tmp_path: Path) -> None:
    cloud = load_cloud(str(simulator.cloud_file))
    (tmp_path / "wrong.pem").write_bytes(make_certificates().ca_pem)
    fields = {
        "name": "Wrong",
        "authority": cloud.authority,
        "resource_manager": cloud.resource_manager,
        "audience": cloud.audience,
        "azure_portal": cloud.azure_portal,
        "defender_portal": cloud.defender_portal,
        "ca_file": "wrong.pem",
    }
    file = tmp_path / "wrong.toml"
    file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items()))
    code, out, _ = await mde(simulator, tmp_path / "home", "doctor", "--json", "--cloud", str(file))
    assert code == 1
    found = {one["id"]: one for one in json.loads(out)["items"]}
    assert found.keys() == OFFLINE | {"authority", "resource-manager", "clock", "sign-in"}
    assert {found[one]["status"] for one in OFFLINE} == {"ok"}
    assert found["authority"]["status"] == found["resource-manager"]["status"] == "fail"
    assert "not trusted" in found["authority"]["evidence"]
    assert "wrong.pem" in found["authority"]["remedy"]
    assert found["sign-in"]["status"] == "unknown"


async def test_no_token_and_no_write_leave_the_doctor(simulator: Simulator, tmp_path: Path) -> None:
    _, out, err = await mde(simulator, tmp_path / "home", "doctor")
    assert "eyJ" not in out + err
    assert {one.method for one in simulator.requests} <= {"GET", "POST"}
    assert all("/Microsoft.ResourceGraph/" in one.path for one in simulator.requests if one.method == "POST")
    assert b"eyJ" not in everything_in(tmp_path)


def test_the_worst_finding_decides_the_exit_code() -> None:
    def code(*statuses: Status) -> int:
        return exit_code(Finding("x", one, "") for one in statuses)

    assert code(Status.OK, Status.OK) == 0
    assert code(Status.OK, Status.WARN) == 3
    assert code(Status.UNKNOWN) == 3
    assert code(Status.FAIL, Status.WARN, Status.OK) == 1

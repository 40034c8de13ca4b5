"""docs/json.md: the names that the real program prints are the documented ones, no more and no less; so are the exit codes."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from cache.failure import Exit
from cache.model import MachineState
from console.options import VERBS
from console.simulator import Simulator
from tests.test_verbs import mde

TEXT = (Path(__file__).parents[1] / "docs" / "json.md").read_text(encoding="utf-8")
SECTIONS = {title: body for title, _, body in (one.partition("\n") for one in TEXT.split("\n## ")[1:])}


def names_in(section: str) -> list[set[str]]:
    """The names in the first column of each table that tells what items have."""
    tables = [one.split("\n\n")[0] for one in SECTIONS[section].split("| Name | Is |\n")[1:]]
    return [{name for line in one.splitlines() for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])} for one in tables]


async def test_every_verb_prints_exactly_the_names_that_are_documented(tmp_path: Path) -> None:
    printed: dict[str, set[str]] = defaultdict(set)
    home, plan = tmp_path / "home", str(tmp_path / "plan.json")

    async def run(section: str, *arguments: str) -> list[dict[str, Any]]:
        _, out, err = await mde(simulator, home, *arguments, "--json")
        assert out, err
        document = json.loads(out)
        assert document.keys() == {"schema", "as_of", "items"}
        assert document["items"], f"{arguments} printed no item"
        for item in document["items"]:
            printed[section] |= item.keys()
        items: list[dict[str, Any]] = document["items"]
        return items

    async with Simulator(machines=50, speed=600) as simulator:
        await run("sync", "sync")
        for verb in ("subscriptions", "checklist", "alerts", "doctor", "info", "report"):
            await run(verb, verb)
        await run("plan", "plan", "--subscription", simulator.subscription("all-on"))
        await run("report discount", "report", "discount")
        machines = await run("machines", "machines")
        (aboard, *_) = (one["id"] for one in machines if one["state"] == "onboarded" and one["kind"] == "vm" and one["power"] == "running")
        (failed, *_) = (one["id"] for one in machines if one["state"] == "failed")
        await run("retry", "retry", "--machine", failed)
        await run("verify", "verify")
        await run("verify --yes", "verify", "--yes", "--machine", aboard)
        await run("test-alert", "test-alert", "--machine", aboard, "--run")
        await run("test-alert", "test-alert", "--machine", aboard, "--wait", "0")
        await mde(simulator, home, "plan", "--out", plan)
        await run("enable", "enable", "--plan", plan)
        await run("audit", "audit")
        await run("audit verify", "audit", "verify")
    planned, answered = names_in("verify")
    documented = {section: names_in(section)[0] for section in printed.keys() - {"verify", "verify --yes", "info"}}
    documented |= {"verify": planned, "verify --yes": answered, "info": printed["info"]}
    assert dict(printed) == documented
    assert {section.split()[0] for section in printed} == VERBS.keys() - {"simulator"}
    assert all(f"`{state}`" in SECTIONS["machines"] for state in MachineState)


def test_every_exit_code_is_documented() -> None:
    documented = [int(code) for code in re.findall(r"^\| (\d+) \|", SECTIONS["Exit codes"], re.MULTILINE)]
    assert documented == sorted(Exit)

"""The verb checklist with the real program: one check alone, read again alone, and documents that hold any name."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cache.model import Check, CheckStatus
from console.checklist_markdown import checklist_markdown
from console.simulator import Simulator
from tests.rules.samples import NOW
from tests.test_verbs import mde, printed

READER = MarkdownIt("gfm-like")
TEXTS = st.one_of(st.sampled_from(["a|b", "<b>", "[x](y)", "https://evil.example", "x\n# y", "- x"]), st.text(min_size=1, max_size=12))


async def test_a_manual_step_is_ticked_with_who_and_when_and_taken_back(tmp_path: Path) -> None:
    async with Simulator(machines=20, speed=0) as simulator:
        moved, other = simulator.subscription("moved-between-tenants"), simulator.subscription("all-on")
        step = ("checklist", "--check", "tenant-move", "--subscription", moved)
        await mde(simulator, tmp_path, "sync")

        async def told(*arguments: str) -> list[dict[str, Any]]:
            _, out, err = await mde(simulator, tmp_path, *arguments, "--json")
            assert out, err
            items: list[dict[str, Any]] = json.loads(out)["items"]
            return items

        requests = len(simulator.requests)
        (before,) = await told(*step)
        assert (before["status"], before["ticked_by"]) == ("manual", None)
        (ticked,) = await told(*step, "--tick")
        assert (ticked["status"], ticked["ticked_by"]) == ("pass", "ada@contoso.example")
        assert await told(*step, "--tick") == [ticked], "it keeps who and when"
        (elsewhere,) = await told("checklist", "--check", "tenant-move", "--subscription", other)
        assert elsewhere["status"] == "manual"
        (back,) = await told(*step, "--untick")
        assert back == before
        trail = [(one["action"], one["target"]) for one in await told("audit")]
        assert trail == [("tick", f"{moved}/tenant-move"), ("untick", f"{moved}/tenant-move")]
        code, _, err = await mde(simulator, tmp_path, "checklist", "--check", "linux", "--subscription", moved, "--tick")
        assert (code, "Only manual steps are ticked; linux is checked by reading Azure" in err) == (1, True)
        code, _, err = await mde(simulator, tmp_path, "checklist", "--check", "tenant-move", "--tick")
        assert (code, "which subscription" in err) == (64, True)
        assert len(simulator.requests) == requests


async def test_one_check_is_read_again_alone_and_written_to_a_file(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "out" / "checklist.md"
    async with Simulator(machines=40, speed=0) as simulator:
        one = simulator.subscription("existing-windows-linux-excluded")
        await mde(simulator, home, "sync")
        every = await printed(simulator, home, "checklist")
        simulator.requests.clear()
        items = await printed(simulator, home, "checklist", "--check", "linux", "--check", "running")
        assert {each["id"] for each in items} == {"linux", "running"}
        assert len(simulator.requests) == 0
        before = await printed(simulator, home, "checklist", "--subscription", one, "--check", "linux")
        code, out, err = await mde(
            simulator, home, "checklist", "--subscription", one, "--check", "linux", "--refresh", "--json", "--out", str(file)
        )
        assert code == 0, err
        (item,) = json.loads(out)["items"]
        asked = [request.path for request in simulator.requests if "/subscriptions/" in request.path]
        assert asked == [f"/subscriptions/{one}/providers/Microsoft.Security/settings"], "and nothing else"
        assert item["status"] == before[0]["status"] == "fail"
        assert item["as_of"] >= before[0]["as_of"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "# Checklist" in file.read_text()
        code, _, err = await mde(simulator, home, "checklist", "--out", str(file))
        assert code == 1
        assert "--force" in err
        code, out, err = await mde(simulator, home, "checklist", "--out", str(file.with_suffix(".json")))
        assert (code, out) == (0, ""), err
        kept = json.loads(file.with_suffix(".json").read_text())["items"]
        assert [{**each, "as_of": ""} for each in kept] == [{**each, "as_of": ""} for each in every]
        code, _, err = await mde(simulator, home, "checklist", "--check", "lunix")
        assert code == 1
        assert "There is no check lunix" in err
        simulator.requests.clear()
        code, _, err = await mde(simulator, home, "checklist", "--check", "data-location", "--refresh")
        assert code == 0
        assert "Nothing in Azure is read" in err
        assert len(simulator.requests) == 0


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_no_name_breaks_the_document(name: str, evidence: str, who: str, machine: str) -> None:
    def shape(name: str, evidence: str, who: str, machine: str) -> list[str]:
        whole = f"/subscriptions/s/resourceGroups/g/providers/p/t/{machine}"
        checks = [
            Check("s", "id", name, status, evidence, who, who, who, "https://portal.example/x", name, (whole,)) for status in CheckStatus
        ]
        tokens = READER.parse(checklist_markdown(checks, {"s": name}, NOW, 1))
        inline = {each.type for one in tokens for each in one.children or ()}
        assert inline <= {"text", "text_special", "strong_open", "strong_close", "softbreak", "code_inline", "link_open", "link_close"}
        return [one.type for one in tokens]

    plain = [text if text.strip() and text.isprintable() else "x" for text in (name, evidence, who, machine)]
    assert shape(*plain) == shape("n", "e", "w", "m")

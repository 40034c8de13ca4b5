"""A plan in Markdown has everything that the JSON has, and no name in it breaks the document."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cache import markdown
from cache.model import Blocker, Fate, MachineFate, Plan, PlanAction, SettingChange, Step, SubscriptionPlan
from cache.plan_text import FATE_WORDS
from console.plan_markdown import plan_markdown
from console.simulator import Simulator
from tests.test_verbs import mde

READER = MarkdownIt("gfm-like")
TEXTS = st.one_of(st.sampled_from(["a|b", "<b>", "[x](y)", "https://evil.example", "`", "- x", "1. x", "\n\n# x"]), st.text(max_size=12))


def a_plan(name: str, reason: str, message: str, who: str) -> Plan:
    fates = tuple(MachineFate(f"/m/{fate}", name, "Linux", fate, reason) for fate in Fate)
    one = SubscriptionPlan(
        "id",
        name,
        "existing-windows",
        reason,
        (SettingChange("WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", True, False), SettingChange("WDATP", None, True)),
        fates,
        (message,),
        (who,),
        (),
        (Step("servers-plan", "free", "P2"),),
    )
    blocked = replace(one, id="other", blockers=(Blocker("right", message, who),))
    nothing = SubscriptionPlan("third", name, "already-on", reason, ())
    return Plan("p1", datetime(2026, 3, 1, tzinfo=UTC), PlanAction.ENABLE, "public", name, who, (one, blocked, nothing))


def test_everything_is_told() -> None:
    text = plan_markdown(a_plan("web", "the reason", "Nobody may.", "Security Admin"))
    for words in (
        "p1",
        "the reason",
        "Nobody may.",
        "Security Admin",
        "WDATP",
        "Before",
        "true",
        "false",
        "not set",
        "Defender for Servers",
    ):
        assert words in text
    assert "**Cannot be undone:** Nobody may." in text
    assert "in the portal: “Enable for Linux machines”" in text
    for single, _ in FATE_WORDS.values():
        assert text.count(f"### {markdown.text(f'1 machine {single}')}") == 2, "each fate in each subscription with machines"
    assert "Nothing is written." in text
    assert "- 1 machine will be onboarded" in text, "of the subscription that is not blocked alone"


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_no_name_breaks_the_document(name: str, reason: str, message: str, who: str) -> None:
    def shape(plan: Plan) -> list[str]:
        tokens = READER.parse(plan_markdown(plan))
        inline = {each.type for one in tokens for each in one.children or ()}
        assert inline <= {"text", "text_special", "strong_open", "strong_close", "softbreak"}
        return [one.type for one in tokens]

    full = [text if markdown.text(text) else "x" for text in (name, reason, message, who)]
    assert shape(a_plan(*full)) == shape(a_plan("n", "r", "m", "w"))


async def test_plan_out_writes_what_its_end_says(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        one = simulator.subscription("existing-windows-linux-excluded")
        code, _, err = await mde(simulator, tmp_path / "home", "plan", "--subscription", one, "--out", str(tmp_path / "plan.md"))
        assert code == 2, err
        assert "to be read" in err
        assert "### " in (tmp_path / "plan.md").read_text()
        code, _, err = await mde(simulator, tmp_path / "home", "enable", "--plan", str(tmp_path / "plan.md"))
        assert code == 20
        code, out, _ = await mde(
            simulator, tmp_path / "home", "plan", "--subscription", one, "--out", str(tmp_path / "plan.json"), "--json"
        )
        assert json.loads((tmp_path / "plan.json").read_text()) == json.loads(out)
        assert not simulator.requests.of("PUT", "")

"""The verb report with the real program against the simulator: what it proves, its exit codes, its files; its documents hold any name."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cache.clock import SystemClock
from cache.fleet import FleetCache
from cache.model import MachineState, Onboarding, Subscription
from cache.proof import TEST_ALERTS, CauseGroup, HealthGroup, SubscriptionFacts, prove
from cache.report import DataAge, Report, TrailHead
from cache.trail import Written, waitings
from console.exports import ExportError, check_free, write_export
from console.report_text import report_item, report_markdown
from console.simulator import Simulator
from console.simulator.world import SettingWrite
from tests.test_proving import alert_on
from tests.test_verbs import mde, printed

READER = MarkdownIt("gfm-like")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def test_without_a_cache_it_says_what_to_do(tmp_path: Path) -> None:
    async with Simulator(machines=20) as simulator:
        code, out, err = await mde(simulator, tmp_path, "report")
        assert (code, out) == (1, "")
        assert "mde-console sync" in err


async def test_who_enabled_a_subscription_elsewhere_is_in_the_report_and_in_the_list(tmp_path: Path) -> None:
    async with Simulator(machines=20, speed=0) as simulator:
        subscription = simulator.world.subscriptions[simulator.subscription("all-on")]
        at = simulator.clock.now() - 86400
        subscription.written.append(SettingWrite(at, "WDATP", "pia|[/x]@contoso.example"))
        await mde(simulator, tmp_path, "sync")
        (item,) = await printed(simulator, tmp_path, "report", "--subscription", subscription.id)
        told = item["subscriptions"][0]["enabled_elsewhere"]
        assert (told["actor"], told["setting"], told["problem"]) == ("pia|[/x]@contoso.example", "WDATP", None)
        assert told["at"] == f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
        listed = next(one for one in await printed(simulator, tmp_path, "subscriptions") if one["id"] == subscription.id)
        assert (listed["enabled_at"], listed["enabled_elsewhere"]) == (told["at"], told)
        _, out, _ = await mde(simulator, tmp_path, "report", "--subscription", subscription.id)
        assert "It was not enabled from here. Azure's activity log: WDATP was last written" in out
        assert "(read " in out


async def test_the_walk_ends_with_its_proof(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "reports" / "report.md"
    async with Simulator(machines=60, speed=0) as simulator:
        await mde(simulator, home, "sync")
        machines = await printed(simulator, home, "machines")
        aboard = {"onboarded", "unsupported"}
        subscriptions = {one["subscription_id"] for one in machines}
        whole = next(
            one
            for one in sorted(subscriptions)
            if {each["state"] for each in machines if each["subscription_id"] == one} <= aboard
            and any(each["subscription_id"] == one and each["state"] == "onboarded" for each in machines)
        )
        code, out, err = await mde(simulator, home, "report", "--subscription", whole, "--json")
        assert code == 1, err
        (item,) = json.loads(out)["items"]
        (one,) = item["subscriptions"]
        proofs = {name: shown["proof"] for name, shown in one["proofs"].items()}
        assert (proofs["enabled"], proofs["onboarded"], proofs["healthy"]) == ("proven", "proven", "not-proven")
        assert proofs["alert_seen"] != "proven"
        mine = [each for each in machines if each["subscription_id"] == whole and each["state"] == "onboarded"]
        (folder,) = await asyncio.to_thread(lambda: {one.parent for one in home.glob("fleets/**/fleet.db")})
        await _all_say_that_they_are_healthy(folder, mine)
        for system in {each["os_type"] for each in mine}:
            machine = next(each for each in mine if each["os_type"] == system)
            await asyncio.to_thread(alert_on, simulator, machine["id"])
            code, _, err = await mde(simulator, home, "test-alert", "--machine", machine["id"], "--wait", "5", "--resolve")
            assert code == 0, err
        code, out, err = await mde(simulator, home, "report", "--subscription", whole, "--out", str(file))
        assert (code, out) == (0, ""), err
        assert str(file) in err
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        text = file.read_text()
        assert "✓ proven" in text
        assert "Status: Resolved" in text
        code, _, err = await mde(simulator, home, "report", "--subscription", whole, "--out", str(file))
        assert code == 1
        assert "--force" in err
        assert file.read_text() == text
        code, out, err = await mde(simulator, home, "report", "--out", str(file), "--force", "--json")
        assert code == 3, err
        (item,) = json.loads(out)["items"]
        assert (item["verdict"], item["counts"]["all_four"]["proven"]) == ("partly", 1)
        assert item["audit"]["sound"]
        tests = next(each for each in item["subscriptions"] if each["id"] == whole)["tests"]
        assert all(each["alert"]["resolved"] and each["seconds"] is not None and each["hash"] for each in tests)
        assert sum(item["machines"].values()) == len(machines)
        requests = len(simulator.requests.of("", ""))
        assert (await mde(simulator, home, "report"))[0] == 3
        assert len(simulator.requests.of("", "")) == requests, "it is made from the cache"
        assert (await mde(simulator, home, "report", "--refresh"))[0] in {1, 3}
        assert len(simulator.requests.of("", "")) > requests


async def _all_say_that_they_are_healthy(folder: Path, machines: Sequence[dict[str, Any]]) -> None:
    """Each was verified: some simulated machines would say otherwise."""
    clock = SystemClock()
    async with await FleetCache.open(folder, clock) as fleet:
        await fleet.put_onboardings(
            [Onboarding(one["id"], MachineState.HEALTHY, "says so", clock.now(), None, "", ("Read by hand",)) for one in machines]
        )


@pytest.mark.parametrize("path", ["report.pdf", "report", "folder.md"])
async def test_a_file_that_cannot_be_written_is_a_sentence_before_anything_is_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder.md").mkdir()
    async with Simulator(machines=20) as simulator:
        code, _, err = await mde(simulator, tmp_path / "home", "report", "--refresh", "--out", str(tmp_path / path))
        assert code == 1
        assert path in err
        assert not simulator.requests.of("", "")


def test_nothing_is_written_over_unasked(tmp_path: Path) -> None:
    path = write_export(str(tmp_path / "deep" / "er" / "x.md"), "one")
    assert path.read_text() == "one\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ExportError, match="is there already"):
        write_export(str(path), "two")
    (tmp_path / "away.md").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ExportError, match="is there already"):
        check_free(str(tmp_path / "away.md"), force=False)
    assert write_export(str(path), "two", force=True).read_text() == "two\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        write_export(str(tmp_path / "file" / "x.md"), "text")
    assert [one.name for one in path.parent.iterdir()] == ["x.md"]


HOSTILE = st.one_of(
    st.sampled_from(
        ["a|b", "\\|", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "https://evil.example", "`", "**", "# x", "\n|x|"]
    ),
    st.text(max_size=20),
)


def a_report(name: str, cause: str, way: str, outcome: str) -> Report:
    """A report in which every text that others choose is one of these."""
    facts = SubscriptionFacts(
        f"id {name}",
        Subscription("id", name, "Enabled", "t", "P2", "on", "enabled"),
        dict.fromkeys(("settings", "plan", "machines"), NOW),
        (),
        {"Linux": {"onboarded": 1, "failed": 2}, name or "other": {"healthy": 1}},
        (HealthGroup("Linux", MachineState.HEALTHY, way, 1, NOW, NOW, 1),),
        (CauseGroup(MachineState.FAILED, "code", cause, way, 2),),
        {"WDATP": Written("WDATP", "false", "true", outcome, NOW, name, 3, "hash", "plan")},
        tuple(waitings([])),
    )
    ages = (DataAge("settings", NOW, NOW, 0, 0),)
    return Report(NOW, name, "tenant", way, True, (prove(facts, NOW),), ages, TrailHead(True, cause, 3, "hash"))


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_name_breaks_the_document(name: str, cause: str, way: str, outcome: str) -> None:
    def shape(report: Report) -> list[str]:
        tokens = READER.parse(report_markdown(report))
        assert not [one for one in tokens if one.type in {"html_block", "code_block", "fence"}]
        inline: list[Token] = [each for one in tokens for each in one.children or ()]
        assert {one.type for one in inline} <= {"text", "text_special", "code_inline", "strong_open", "strong_close", "softbreak"}
        return [one.type for one in tokens]

    assert shape(a_report(name, cause, way, outcome)) == shape(a_report("plain", "cause", "way", "confirmed"))


def test_the_json_says_what_is_documented() -> None:
    (one,) = report_item(a_report("n", "c", "w", "confirmed"))["subscriptions"]
    assert one["enabled_by"] == {"plan": "plan", "at": "2026-03-01T12:00:00Z", "actor": "n"}
    assert one["settings"][0]["hash"] == "hash"
    assert set(TEST_ALERTS) == {"Linux", "Windows"}

"""What the output of a machine means: every era is read, and what cannot be read for certain is never called healthy."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import MachineState
from console.rules.health import HEALTHY, UNHEALTHY, UNREADABLE, onboarding_of_health, read_health, script_for
from tests.rules.health_samples import ERA_2020_03, ERA_2020_07, ERA_2023, JSON_2023, WINDOWS, framed

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SAMPLES = (ERA_2020_03, ERA_2020_07, ERA_2023, JSON_2023, WINDOWS)


@pytest.mark.parametrize("output", [ERA_2020_03, ERA_2023, JSON_2023, WINDOWS])
def test_a_healthy_machine_of_every_era_is_healthy(output: str) -> None:
    found = read_health(framed(output), NOW, run="run1")
    assert (found.outcome, found.code, found.remedy) == (HEALTHY, "healthy", "")
    assert read_health(output, NOW).outcome == HEALTHY


@pytest.mark.parametrize("output", [ERA_2023, JSON_2023])
def test_passive_mode_without_real_time_protection_is_healthy_and_noted(output: str) -> None:
    found = read_health(output, NOW)
    assert found.outcome == HEALTHY
    assert any("Passive mode" in one for one in found.notes)
    assert found.fields is not None
    assert found.fields["passive_mode_enabled"] == "true"
    assert "a_field_of_tomorrow" in found.fields


def test_no_license_is_not_onboarded_whatever_else_is_said() -> None:
    assert read_health(ERA_2020_07, NOW).code == "not-licensed"
    assert read_health(ERA_2023.replace('"a1b2c3d4-0000-4000-8000-c0ffee000001"', "unavailable"), NOW).code == "not-licensed"
    assert read_health(f"ATTENTION: No license found.\n{ERA_2023}", NOW).code == "not-licensed"


@pytest.mark.parametrize(
    ("before", "after", "code", "said"),
    [
        ("healthy                                     : true", "healthy : false", "says-unhealthy", "does not say why"),
        ("Dec 30, 2026", "Jan 30, 2026", "expired", "2026-01-30"),
        ('"up_to_date"', '"outdated"', "definitions-outdated", "outdated"),
        ("licensed                                    : true", "licensed : maybe", "undecided", "maybe"),
        ("healthy                                     : true", "", "undecided", "does not tell “healthy”"),
        ("healthy                                     : true", "healthy : true\nhealthy : false", "contradiction", "twice"),
    ],
)
def test_each_way_not_to_be_healthy_has_its_reason_and_what_to_do(before: str, after: str, code: str, said: str) -> None:
    assert before in ERA_2023
    found = read_health(ERA_2023.replace(before, after), NOW)
    assert found.code == code
    assert said in found.reason
    assert found.remedy


def test_issues_and_conflicts_are_named_with_their_remedy() -> None:
    sick = ERA_2023.replace("healthy                                     : true", "healthy : false")
    sick = sick.replace("health_issues                               : []", 'health_issues : ["no active supplementary event provider"]')
    found = read_health(sick, NOW)
    assert "no active supplementary event provider" in found.reason
    assert "auditd" in found.remedy
    noted = read_health(
        ERA_2023.replace("conflicting_applications                    : []", 'conflicting_applications : ["ds_agent"]'), NOW
    )
    assert noted.outcome == HEALTHY
    assert any("ds_agent" in one for one in noted.notes)


def test_old_definitions_and_a_near_expiry_are_noted() -> None:
    old = ERA_2023.replace("definitions_updated_minutes_ago             : 63", "definitions_updated_minutes_ago : 14400")
    found = read_health(old.replace("Dec 30, 2026", "Mar 20, 2026"), NOW)
    assert found.outcome == HEALTHY
    assert any("10 days old" in one for one in found.notes)
    assert any("2026-03-20" in one for one in found.notes)


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("", "empty"),
        ("bash: mdatp: Befehl nicht gefunden", "foreign"),
        ("\x1b[2J\x1b]0;owned\x07\x00\xff", "foreign"),
        ('{"healthy":true,"licensed":tr', "cut-json"),
        ('{"healthy":true,"licensed":true,"healthy":false}', "cut-json"),
    ],
)
def test_what_is_no_report_is_a_named_reason_with_clean_text(output: str, code: str) -> None:
    found = read_health(output, NOW)
    assert (found.outcome, found.code) == (UNREADABLE, code)
    assert "\x1b" not in found.reason
    assert "\x07" not in found.reason


def test_a_shell_without_mdatp_means_that_defender_is_not_installed() -> None:
    for said in ("mdatp : not-installed", "/bin/sh: 1: mdatp: not found", "bash: mdatp: command not found"):
        assert read_health(said, NOW).code == "not-installed"


@pytest.mark.parametrize(
    ("before", "after", "outcome", "code"),
    [
        ("Running", "Stopped", UNHEALTHY, "sense-stopped"),
        ("Running", "missing", UNHEALTHY, "not-installed"),
        ("onboarding_state : 1", "onboarding_state : 0", UNHEALTHY, "not-onboarded"),
        ("onboarding_state : 1", "onboarding_state : missing", UNHEALTHY, "not-onboarded"),
        ("onboarding_state : 1", "onboarding_state : 7", UNREADABLE, "undecided"),
        ("onboarding_state : 1", "", UNREADABLE, "undecided"),
        ("Running", "Dancing", UNREADABLE, "undecided"),
    ],
)
def test_windows_is_healthy_only_when_sense_runs_and_is_onboarded(before: str, after: str, outcome: str, code: str) -> None:
    found = read_health(WINDOWS.replace(before, after), NOW)
    assert (found.system, found.outcome, found.code) == ("Windows", outcome, code)


@pytest.mark.parametrize("output", SAMPLES)
def test_a_cut_output_is_noticed_wherever_it_is_cut(output: str) -> None:
    whole = framed(output)
    for position in range(1, len(whole) - 1, 7):
        tail, head = read_health(whole[position:], NOW, run="run1"), read_health(whole[:position], NOW, run="run1")
        assert tail.outcome == UNREADABLE, position
        assert head.outcome == UNREADABLE, position
    assert read_health(whole[30:], NOW).code == "cut-begin"
    assert read_health(whole[:-30], NOW).code == "cut-end"


def test_output_of_another_run_does_not_count() -> None:
    assert read_health(framed(ERA_2023, "old"), NOW, run="run1").outcome == UNREADABLE
    both = framed(ERA_2023, "old") + framed(ERA_2020_07, "run1")
    assert read_health(both, NOW, run="run1").code == "not-licensed"
    assert read_health(both, NOW).code == "not-licensed"  # pasted: the last run counts


def test_a_file_of_powershell_in_utf_16_is_read() -> None:
    assert read_health(framed(WINDOWS).encode("utf-16"), NOW).outcome == HEALTHY


@given(st.text() | st.binary(), st.sampled_from([None, "run1"]))
def test_nothing_raises_and_nothing_foreign_is_healthy(output: str | bytes, run: str | None) -> None:
    found = read_health(output, NOW, run=run)
    assert found.outcome in {UNREADABLE, UNHEALTHY}
    assert found.reason
    assert found.remedy


@given(
    st.dictionaries(
        st.sampled_from(
            ["healthy", "licensed", "org_id", "product_expiration", "definitions_status", "definitions_updated", "health_issues"]
        ),
        st.sampled_from(
            ["true", "false", "unavailable", "[]", "outdated", "9" * 16, "1", "", "true [managed]", "Foo 99, 2026 at 99:00:00 PM"]
        )
        | st.text(max_size=20),
    )
)
def test_healthy_only_where_both_fields_say_true(fields: dict[str, str]) -> None:
    found = read_health("\n".join(f"{name} : {value}" for name, value in fields.items()), NOW)
    if found.outcome == HEALTHY:
        assert found.fields is not None
        assert (found.fields["healthy"].lower(), found.fields["licensed"].lower()) == ("true", "true")
    else:
        assert found.reason
        assert found.remedy


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda one: st.lists(one, max_size=2), max_leaves=4))
def test_any_json_value_of_a_field_is_kept_or_leaves_the_machine_unreadable(value: object) -> None:
    import json

    found = read_health(json.dumps({"healthy": value, "licensed": True}), NOW)
    assert (found.outcome == HEALTHY) == (value is True or (isinstance(value, str) and value.strip().lower() == "true"))


def test_the_state_of_the_machine_carries_when_it_was_read_and_what_decided() -> None:
    good = onboarding_of_health("/m", read_health(ERA_2023, NOW), NOW, "a managed run command")
    assert good is not None
    assert (good.state, good.since, good.diagnosis) == (MachineState.HEALTHY, NOW, None)
    assert "Read by a managed run command" in good.evidence
    assert "licensed: true" in good.evidence
    bad = onboarding_of_health("/m", read_health(ERA_2020_07, NOW), NOW, "the run command action")
    assert bad is not None
    assert bad.state is MachineState.UNHEALTHY
    assert len(bad.reason) <= 60
    assert bad.diagnosis is not None
    assert bad.diagnosis.code == "health-not-licensed"
    assert onboarding_of_health("/m", read_health("", NOW), NOW, "x") is None


def run_here(folder: str | None, script: str) -> str:
    path = "/usr/bin:/bin" if folder is None else f"{folder}:/usr/bin:/bin"
    return subprocess.run(["sh", "-c", script], env={"PATH": path}, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("mdatp") is not None, reason="Defender is installed here")
def test_the_script_of_linux_runs_in_a_real_shell_and_only_reads(tmp_path) -> None:  # type: ignore[no-untyped-def]  # a fixture of pytest
    script = script_for("Linux", "run1")
    assert read_health(run_here(None, script), NOW, run="run1").code == "not-installed"
    fake = tmp_path / "mdatp"
    long = "".join(f"field_{number} : {'x' * 90}\n" for number in range(60))
    for output, code in ((ERA_2023, "healthy"), (ERA_2020_03, "healthy"), (ERA_2020_07, "not-licensed"), (ERA_2023 + long, "healthy")):
        fake.write_text(f"#!/bin/sh\ncat <<'EOF'\n{output}EOF\n")
        fake.chmod(0o755)
        said = run_here(str(tmp_path), script)
        assert len(said.encode()) < 4096
        assert read_health(said, NOW, run="run1").code == code
    assert [one for one in script.splitlines() if "mdatp " in one and "mdatp health" not in one and "command -v mdatp" not in one] == [
        "  echo 'mdatp : not-installed'"
    ]

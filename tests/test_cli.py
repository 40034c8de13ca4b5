"""The command line as a user meets it: the real program in a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def mde(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AZURE_", "MDE_", "IDENTITY_", "MSI_"))}
    return subprocess.run(
        [sys.executable, "-m", "console", *arguments],
        env={**clean, "MDE_CONSOLE_HOME": str(home), "HOME": str(home), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_without_a_terminal_the_console_names_the_verbs(tmp_path: Path) -> None:
    said(mde(tmp_path), 64, "needs a terminal", "machines --json")


def test_wrong_use_is_told_apart_from_a_plan_with_changes(tmp_path: Path) -> None:
    said(mde(tmp_path, "machnes"), 64, "machnes", "--help")
    said(mde(tmp_path, "enable"), 64, "--plan", "--yes")
    said(mde(tmp_path, "--auth", "magic", "sync"), 64, "magic")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_need_no_home(tmp_path: Path, option: str) -> None:
    result = mde(tmp_path / "nowhere", option)
    assert result.returncode == 0
    assert "mde-console" in result.stdout
    assert not (tmp_path / "nowhere").exists()


def test_an_unknown_cloud_lists_the_known_ones(tmp_path: Path) -> None:
    said(mde(tmp_path, "--cloud", "moon", "info"), 5, "moon", "public", "china")


def test_a_broken_cloud_file_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text('name = "Odd"\nauthority = \n')
    said(mde(tmp_path, "--cloud", str(file), "info"), 5, str(file), "line 2")


def test_a_missing_ca_is_named(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text(
        'name = "Odd"\nauthority = "https://login.odd.example"\nresource_manager = "https://arm.odd.example"\n'
        'audience = "https://arm.odd.example"\nazure_portal = "https://portal.odd.example"\n'
        'defender_portal = "https://security.microsoft.com"\nintegration_supported = true\nca_file = "missing.pem"\n'
    )
    said(mde(tmp_path, "--cloud", str(file), "info"), 5, "missing.pem")


def test_wrong_settings_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("poll_seconds = 0\n")
    said(mde(tmp_path, "info"), 5, "config.toml", "poll_seconds")


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said(mde(tmp_path / "file" / "home", "info"), 5, "--home")


def test_printing_before_anything_was_read_says_what_to_do(tmp_path: Path) -> None:
    said(mde(tmp_path, "machines", "--json"), 1, "mde-console sync")
    said(mde(tmp_path, "audit"), 1, "no journal")


def test_a_token_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    said(mde(tmp_path, "--auth", "token", "sync"), 4, "MDE_CONSOLE_TOKEN")


def test_an_authority_that_cannot_be_reached_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "gone.toml"
    file.write_text(
        'name = "Gone"\nauthority = "https://localhost:9"\nresource_manager = "https://localhost:9"\n'
        'audience = "https://localhost:9"\nazure_portal = "https://portal.azure.com"\n'
        'defender_portal = "https://security.microsoft.com"\nintegration_supported = true\n'
    )
    said(mde(tmp_path, "--cloud", str(file), "--auth", "device-code", "sync"), 4, "localhost:9")


def test_info_prints_what_is_in_force_and_no_secret_of_the_proxy(tmp_path: Path) -> None:
    result = mde(tmp_path, "info", "--json", HTTPS_PROXY="http://ada:hunter2@proxy.example:8080")
    assert result.returncode == 0
    (facts,) = json.loads(result.stdout)["items"]
    assert facts["home"] == str(tmp_path)
    assert facts["proxy"] == "proxy.example:8080"
    assert "hunter2" not in result.stdout + result.stderr


def test_info_says_whether_the_line_counts_as_slow(tmp_path: Path) -> None:
    for option, meant in (((), "auto"), (("--slow-line",), True)):
        (facts,) = json.loads(mde(tmp_path, "info", "--json", *option).stdout)["items"]
        assert facts["slow_line"] == meant


def test_options_may_stand_before_or_after_the_verb(tmp_path: Path) -> None:
    for arguments in (("--cloud", "china", "info", "--json"), ("info", "--json", "--cloud", "china")):
        (facts,) = json.loads(mde(tmp_path, *arguments).stdout)["items"]
        assert facts["integration_supported"] is False

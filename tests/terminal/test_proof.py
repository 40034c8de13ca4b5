"""In a real terminal of 80×24, by keys alone: a machine is verified, output is pasted, its detection test is run until the alert came."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal.terminal import Terminal
from tests.terminal.test_console import demo, journals, signed_in

HEALTHY = 'healthy : true\rhealth_issues : []\rlicensed : true\rorg_id : "a1b2"\r'
"""As a terminal sends what is pasted: lines end with a carriage return."""


def paste(terminal: Terminal, text: str) -> None:
    terminal.press(f"\x1b[200~{text}\x1b[201~")


@pytest.mark.slow
def test_a_machine_is_verified_pasted_and_proven_with_keys_alone(tmp_path: Path) -> None:
    with demo(tmp_path) as terminal:
        signed_in(terminal)
        terminal.press("4")
        terminal.wait_for("of 105", timeout=60)
        terminal.press("/", "is:onboarded os:linux power:running name:search-test", "enter")
        terminal.wait_for("1 of 105", "filter “is:onboarded")
        terminal.press("v")
        terminal.wait_for("Which machines are asked", "under the cursor")
        terminal.press("enter")
        terminal.wait_for("the script can run on 1 machine", "The script for Linux, whole", timeout=60)
        terminal.press("a")
        terminal.wait_for("Run this script on 1 machine?", "activity log")
        terminal.press("right", "enter")
        terminal.wait_for("Verified ", "healthy", timeout=90)
        terminal.press("m")
        terminal.wait_for("Esc goes back", "as it said")
        terminal.press("o")
        terminal.wait_for("Paste the whole output of", "mdatp health")
        paste(terminal, "Fehler: Zeitüberschreitung\r")
        terminal.wait_for("Fehler: Zeitüberschreitung")
        terminal.press("\x1bOQ")
        terminal.wait_for(": unreadable.", gone="Judge (F2)")
        terminal.press("o")
        terminal.wait_for("Paste the whole output of")
        paste(terminal, HEALTHY)
        terminal.wait_for("licensed : true")
        terminal.press("\x1bOQ")
        terminal.wait_for("Read by hand, pasted by", gone="Judge (F2)")
        terminal.press("a")
        terminal.wait_for("Detection test for", "a plans to run the test")
        terminal.press("a")
        terminal.wait_for("It can be run by", "The script, whole", timeout=60)
        terminal.press("a")
        words = terminal.wait_for("To confirm, type").partition("To confirm, type ")[2].split("│")[0]
        terminal.press(words.replace("(the name cannot be typed)", "").strip(), "enter")
        terminal.wait_for("The test alert of", "v resolves it", timeout=120)
        terminal.press("v")
        terminal.wait_for("It is resolved", timeout=60)
        terminal.press("q")
        assert terminal.wait_end() == 0
    done = [(action, outcome.partition(":")[0].partition(",")[0]) for action, _, outcome in journals(tmp_path)]
    assert [action for action, _ in done] == [
        "run-script",
        "paste-health",
        "paste-health",
        "run-detection-test",
        "detection-test",
        "detection-test",
        "set-alert-status",
    ]
    assert {outcome for _, outcome in done} == {"confirmed", "begun"}

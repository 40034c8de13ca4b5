"""The detection test is the seed's, and only the alert that it raises on that machine proves anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import Alert
from console.rules.detection_test import EARLIER, LINUX, WINDOWS, detection_test, lines, proves
from tests.rules.samples import NOW, SUB, a_machine, a_server

POWERSHELL = (
    r"powershell.exe -NoExit -ExecutionPolicy Bypass -WindowStyle Hidden (New-Object System.Net.WebClient).DownloadFile("
    r"'http://127.0.0.1/1.exe', 'C:\\test-MDATP-test\\invoice.exe'); Start-Process 'C:\\test-MDATP-test\\invoice.exe'"
)


def the_alert(**changes: Any) -> Alert:
    machine = a_machine()
    plain = Alert(
        "/x", "x", SUB, "rg", "westeurope", LINUX.title, "Low", "Active", "", "", True, machine.id, machine.name, "", (), NOW, NOW, "", ""
    )
    return replace(plain, **changes)


def test_the_steps_are_those_of_the_seed() -> None:
    assert "./mde_linux_edr_diy" in [step.command for step in LINUX.steps]
    assert "https://aka.ms/LinuxDIY" in " ".join(step.command for step in LINUX.steps)
    assert POWERSHELL in [step.command for step in WINDOWS.steps]
    assert any("C:\\test-MDATP-test" in step.text for step in WINDOWS.steps)
    assert (LINUX.title, LINUX.severity) == ("Enumeration of files with sensitive data", "Low")
    assert (WINDOWS.title, WINDOWS.severity) == ("Suspicious PowerShell CommandLine", "Informational")


def test_each_system_has_its_test_and_an_unknown_one_has_none() -> None:
    assert detection_test(a_machine()) is LINUX
    assert detection_test(a_server()) is WINDOWS
    assert detection_test(a_machine(os_type="")) is None


def test_each_command_stands_on_a_line_of_its_own_to_be_copied() -> None:
    for test in (LINUX, WINDOWS):
        text = lines(test, "web-1")
        for step in (*test.steps, test.afterwards):
            assert not step.command or f"     {step.command}" in text
        assert any(test.title in line for line in text)


@pytest.mark.parametrize(
    ("changes", "proof"),
    [
        ({}, True),
        ({"title": LINUX.title.upper(), "machine_id": a_machine().id.upper()}, True),
        ({"machine_id": None}, True),
        ({"machine_id": None, "compromised_entity": a_machine().id}, True),
        ({"status": "InProgress"}, True),
        ({"generated": NOW - EARLIER}, True),
        ({"title": "Suspicious PowerShell CommandLine"}, False),
        ({"machine_id": a_machine("web-2").id}, False),
        ({"machine_id": None, "compromised_entity": "web-10"}, False),
        ({"machine_id": None, "subscription_id": "another"}, False),
        ({"status": "Resolved"}, False),
        ({"status": "Dismissed"}, False),
        ({"generated": NOW - EARLIER - timedelta(seconds=1)}, False),
        ({"generated": None}, False),
    ],
)
def test_only_the_alert_of_this_test_on_this_machine_is_a_proof(changes: dict[str, Any], proof: bool) -> None:
    assert proves(the_alert(**changes), a_machine(), LINUX, NOW) is proof


@given(st.text(), st.text(), st.none() | st.text(), st.text())
def test_whatever_azure_says_nothing_else_proves_anything(title: str, status: str, machine_id: str | None, entity: str) -> None:
    alert = the_alert(title=title, status=status, machine_id=machine_id, compromised_entity=entity)
    if proves(alert, a_machine(), LINUX, NOW):
        assert title.strip().casefold() == LINUX.title.casefold()

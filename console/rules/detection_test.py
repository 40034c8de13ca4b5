"""The detection test of each system: the exact steps, and the alert by which a machine proves that it reports.

Source: seed, *Send a test alert* (2021); the same commands stand in today's documentation of Defender for Endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cache.model import Alert, Machine
from cache.proof import TEST_ALERTS
from cache.text import resource_name

REFERENCE = "https://learn.microsoft.com/defender-endpoint/run-detection-test"

USUAL = timedelta(minutes=15)
"""The alert *might take a few minutes*; within this it usually is there."""

EARLIER = timedelta(minutes=15)
"""An alert that was generated so long before somebody began to wait still counts: the test may have been run before."""

FINISHED = frozenset(("resolved", "dismissed"))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do on the machine; ``command`` is to be copied as it is, and empty where there is nothing to type."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class DetectionTest:
    """How to raise a harmless alert on a system, and what that alert is called."""

    system: str
    steps: tuple[Step, ...]
    title: str
    severity: str
    afterwards: Step


LINUX = DetectionTest(
    "Linux",
    (
        Step("Open a shell on the machine, in a folder in which programs may run (not one mounted noexec)."),
        Step("Download the test tool.", "curl -L -o mde_linux_edr_diy.zip https://aka.ms/LinuxDIY"),
        Step("Extract the zip file.", "unzip mde_linux_edr_diy.zip"),
        Step("Run the script in it (where it is called mde_linux_edr_diy.sh, add that ending).", "./mde_linux_edr_diy"),
    ),
    TEST_ALERTS["Linux"],
    "Low",
    Step("When the alert has come, remove the tool.", "rm -f mde_linux_edr_diy*"),
)

WINDOWS = DetectionTest(
    "Windows",
    (
        Step("Open the machine with Remote Desktop, and in it a command prompt."),
        Step("Create the folder C:\\test-MDATP-test.", "mkdir C:\\test-MDATP-test"),
        Step(
            "At the prompt, run this line. The window closes by itself; the download, from the machine's own address, is meant to fail.",
            "powershell.exe -NoExit -ExecutionPolicy Bypass -WindowStyle Hidden (New-Object System.Net.WebClient).DownloadFile("
            "'http://127.0.0.1/1.exe', 'C:\\\\test-MDATP-test\\\\invoice.exe'); Start-Process 'C:\\\\test-MDATP-test\\\\invoice.exe'",
        ),
    ),
    TEST_ALERTS["Windows"],
    "Informational",
    Step("When the alert has come, remove the folder.", "rmdir /s /q C:\\test-MDATP-test"),
)


def detection_test(machine: Machine) -> DetectionTest | None:
    """The test for a machine's system; ``None`` where Azure tells neither Linux nor Windows."""
    return {"linux": LINUX, "windows": WINDOWS}.get(machine.os_type.lower())


def proves(alert: Alert, machine: Machine, test: DetectionTest, began: datetime) -> bool:
    """Whether ``alert`` is the one that the test raised on ``machine``, for somebody who began to wait at ``began``.

    One that is resolved or dismissed already belongs to an earlier test.
    """
    if alert.title.strip().casefold() != test.title.casefold() or alert.status.casefold() in FINISHED:
        return False
    if alert.machine_id is not None:
        of_machine = alert.machine_id.casefold() == machine.id.casefold()
    else:
        same_place = alert.subscription_id.casefold() == machine.subscription_id.casefold()
        of_machine = same_place and resource_name(alert.compromised_entity).casefold() == machine.name.casefold()
    return of_machine and alert.generated is not None and alert.generated >= began - EARLIER


def lines(test: DetectionTest, name: str) -> list[str]:
    """The steps as text: each numbered, its command on a line of its own."""
    found = [f"Detection test for {name} ({test.system})", ""]
    for number, step in enumerate(test.steps, 1):
        found.append(f"{number}. {step.text}")
        if step.command:
            found += ["", f"     {step.command}", ""]
    minutes = int(USUAL.total_seconds() // 60)
    found += [
        f"The alert “{test.title}” ({test.severity}) follows, usually within {minutes} minutes.",
        "",
        test.afterwards.text,
        "",
        f"     {test.afterwards.command}",
    ]
    return found


def took(begin: datetime, end: datetime) -> str:
    """How long something took, in words."""
    seconds = max(0, round((end - begin).total_seconds()))
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes" if seconds < 2 * 3600 else f"{seconds // 3600} hours {seconds % 3600 // 60} minutes"

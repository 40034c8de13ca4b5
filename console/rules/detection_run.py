"""The detection test as a script that is run on the machine, and what its output means.

Source: the seed's steps (see :mod:`console.rules.detection_test`), done without anybody at the machine: the tool runs in a folder of its
own, which is removed again; the line for Windows is ended after a while, since nobody closes its window.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from cache.text import clean, clean_lines

RAN = "ran"
NOT_RUN = "not-run"
UNREADABLE = "unreadable"

_SCRIPTS = {"Linux": "detection.sh", "Windows": "detection.ps1"}
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class DetectionRun:
    """What the output of the script means. ``outcome``: ``ran``, ``not-run``, or ``unreadable`` (it may have run); ``code`` is stable for
    scripts, ``reason`` a sentence, ``remedy`` what to do, empty where nothing is to be done."""

    outcome: str
    code: str
    reason: str
    remedy: str = ""


_TOLD = {
    "ran": DetectionRun(RAN, "ran", "The detection test ran on the machine."),
    "no-folder": DetectionRun(
        NOT_RUN, "no-folder", "No folder could be made for the test tool on the machine.", "Look whether its disk is full or read-only."
    ),
    "not-downloaded": DetectionRun(
        NOT_RUN,
        "not-downloaded",
        "The machine could not download the test tool from aka.ms/LinuxDIY.",
        "Bring the tool there by another way and do the steps by hand; the machine may lack curl, or the way to aka.ms.",
    ),
    "not-extracted": DetectionRun(
        NOT_RUN,
        "not-extracted",
        "The test tool was downloaded and could not be extracted: the machine has neither unzip nor python3, or got something else.",
        "Install unzip on it, or do the steps by hand.",
    ),
    "not-executable": DetectionRun(
        NOT_RUN,
        "not-executable",
        "The machine does not allow the test to run where it was put.",
        "Do the steps by hand in a folder in which programs may run (not one mounted noexec).",
    ),
}


def detection_script(system: str, run: str) -> str:
    """The exact script for ``Linux`` or ``Windows``; ``run`` (letters and digits) stands in its sentinels."""
    return _script(system).replace("{run}", run)


@cache
def _script(system: str) -> str:
    return (resources.files("console.rules") / "scripts" / _SCRIPTS[system]).read_text(encoding="utf-8")


def read_detection_run(output: str, run: str) -> DetectionRun:
    """What ``output`` of the run ``run`` means. Never raises for what it holds; what cannot be read for certain never counts as run."""
    text = clean_lines(output, _MOST)
    found = re.search(
        rf"^ *--- mde-console test {re.escape(run)} begin --- *$(.*)^ *--- mde-console test {re.escape(run)} end --- *$", text, re.M | re.S
    )
    said = re.findall(r"^ *test : ([a-z-]{1,40}) *$", found[1], re.M) if found is not None else []
    if len(said) == 1 and said[0] in _TOLD:
        return _TOLD[said[0]]
    why = f"“{clean(text, 120)}”" if text else "nothing"
    return DetectionRun(
        UNREADABLE,
        "cut" if found is None else "undecided",
        f"The machine answered {why}, which does not say whether the test ran.",
        "Wait for the alert all the same; if none comes, do the steps by hand.",
    )

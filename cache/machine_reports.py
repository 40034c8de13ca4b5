"""What machines told of themselves when a script ran on them: the last report of each kind, with its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cache.model import CheckStatus

HEALTH = "health"
CONNECTIVITY = "connectivity"
SYSTEM = "system"
"""What a machine can be asked: whether Defender works (which is its state), what it reaches, and what its system has."""

TITLES = {CONNECTIVITY: "Connectivity test", SYSTEM: "Look at the system"}
"""How the reports are called."""

GOOD = "good"
DOUBTFUL = "doubtful"
BAD = "bad"
"""Outcomes: nothing is left to do; something is in doubt or not told, and nothing is bad; something is bad."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at on a machine. ``id`` is stable for scripts; ``remedy`` is empty where nothing is to be done."""

    id: str
    title: str
    status: CheckStatus
    evidence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class MachineReport:
    """What a machine told at ``at``, read in some ``way``.

    ``kind``: what was asked (``connectivity``, ``system``). ``outcome``: ``good``, ``doubtful`` or ``bad``; ``code``, ``reason`` and
    ``remedy`` as in the judgement. ``findings`` are empty where a listing leaves them out.
    """

    machine_id: str
    kind: str
    at: datetime
    way: str
    outcome: str
    code: str
    reason: str
    remedy: str = ""
    findings: tuple[Finding, ...] = ()
    subscription_id: str = ""

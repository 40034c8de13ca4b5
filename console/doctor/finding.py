"""What the doctor finds: one thing that was looked at, how it is, what that rests on and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cache.failure import Exit


class Status(StrEnum):
    """How something is. ``unknown``: it could not be looked at."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """``id`` is stable for scripts; ``evidence`` and ``remedy`` are sentences, the remedy empty where there is nothing to do.

    ``subscription_ids``: the subscriptions that it concerns, where it concerns some and not the console as a whole.
    """

    id: str
    status: Status
    evidence: str
    remedy: str = ""
    subscription_ids: tuple[str, ...] = ()


def exit_code(findings: Iterable[Finding]) -> Exit:
    """0 all is well, 1 something fails, 3 something is to be looked at or could not be."""
    found = {one.status for one in findings}
    if Status.FAIL in found:
        return Exit.FAILED
    return Exit.PARTLY if found & {Status.WARN, Status.UNKNOWN} else Exit.DONE


def gave_up(name: str, seconds: float, remedy: str = "") -> Finding:
    """The finding of what took too long."""
    return Finding(name, Status.UNKNOWN, f"This was given up after {seconds:.0f} s.", remedy)

"""How the screens say things: ages, states, severities; always a word or a shape beside the colour."""

from __future__ import annotations

from datetime import datetime

from cache.model import STATES_WORST_FIRST, CheckStatus, MachineState

_SHAPES: dict[MachineState, tuple[str, str]] = {
    MachineState.FAILED: ("✗", "bad"),
    MachineState.UNHEALTHY: ("♡", "bad"),
    MachineState.OVERDUE: ("!", "bad"),
    MachineState.LATE: ("◔", "warn"),
    MachineState.BLOCKED: ("■", "warn"),
    MachineState.UNKNOWN: ("?", "warn"),
    MachineState.INSTALLING: ("◐", "busy"),
    MachineState.PENDING: ("○", "busy"),
    MachineState.NOT_ENABLED: ("–", "muted"),
    MachineState.UNSUPPORTED: ("×", "muted"),
    MachineState.ONBOARDED: ("●", "good"),
    MachineState.HEALTHY: ("♥", "good"),
}

STATE_SHAPES = {state: _SHAPES[state] for state in STATES_WORST_FIRST}
"""For every state its shape and its tone, worst first: the order in which states are listed and sorted."""

CHECK_SHAPES: dict[CheckStatus, tuple[str, str]] = {
    CheckStatus.FAIL: ("✗", "bad"),
    CheckStatus.WARN: ("!", "warn"),
    CheckStatus.UNKNOWN: ("?", "warn"),
    CheckStatus.MANUAL: ("☐", "busy"),
    CheckStatus.PASS: ("✓", "good"),
    CheckStatus.NOT_APPLICABLE: ("–", "muted"),
}

SEVERITIES: dict[str, tuple[int, str, str]] = {
    "High": (0, "▲", "bad"),
    "Medium": (1, "▲", "warn"),
    "Low": (2, "△", "busy"),
    "Informational": (3, "·", "muted"),
}

ALERT_STATUSES: dict[str, tuple[str, str, str]] = {
    "Active": ("○", "active", "warn"),
    "InProgress": ("◐", "in progress", "busy"),
    "Resolved": ("✓", "resolved", "good"),
    "Dismissed": ("–", "dismissed", "muted"),
}
"""For every status of an alert its shape, its word and its tone."""

BEING_READ = "Reading…"
"""Stands in place of rows until it is known whether there are any."""

SMALLEST = (40, 10)
"""Columns and rows that a main screen needs; on less it only says so."""

TONES = ("good", "bad", "warn", "busy", "muted", "accent")
"""The tones that cells and texts may have; each is a component class of the line table and a CSS class."""

STATE_ORDER: dict[str, int] = {str(state): place for place, state in enumerate(STATE_SHAPES)}


def severity_shape(severity: str) -> tuple[int, str, str]:
    """Rank, shape and tone of a severity; one that is not known ranks with Medium and says so by its shape."""
    return SEVERITIES.get(severity, (1, "?", "warn"))


def severity_cell(severity: str) -> tuple[str, str]:
    """A severity as shape and word, and its tone."""
    _, shape, tone = severity_shape(severity)
    return f"{shape} {severity or 'not told'}", tone


def alert_status_cell(status: str) -> tuple[str, str]:
    """The status of an alert as shape and word, and its tone; one that is not known is shown as it is."""
    shape, word, tone = ALERT_STATUSES.get(status, ("?", status or "not told", "warn"))
    return f"{shape} {word}", tone


def age(then: datetime | None, now: datetime, coarse: bool = False) -> str:
    """How long ago, short: ``45s``, ``12m``, ``3h``, ``9d``; ``0s`` for what a clock ahead of ours wrote, ``–`` when not known."""
    if then is None:
        return "–"
    return span((now - then).total_seconds(), coarse)


def until(then: datetime | None, now: datetime, coarse: bool = False) -> str:
    """How long until, short: ``in 12m``, or ``3h ago`` when it is past; ``–`` when not known."""
    if then is None:
        return "–"
    seconds = (then - now).total_seconds()
    return f"in {span(seconds, coarse)}" if seconds > 0 else f"{span(-seconds, coarse)} ago"


def span(seconds: float, coarse: bool = False) -> str:
    """A length of time in its largest unit; hours up to two days, since a day is what onboarding may take.

    ``coarse``: seconds are not counted (``<1m``), for a line on which each change costs.
    """
    seconds = max(0, int(seconds))
    if seconds < 60:
        return "<1m" if coarse else f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m"
    if seconds < 2 * 86400:
        return f"{seconds // 3600}h"
    return f"{seconds // 86400}d"


def moment(then: datetime | None) -> str:
    """A time as it is written in full: ``2026-03-01 14:05 UTC``; ``not known`` without one."""
    return "not known" if then is None else f"{then:%Y-%m-%d %H:%M} UTC"


def count(number: int, one: str, many: str = "") -> str:
    """``1 machine``, ``3 machines``, ``1,204 machines``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

"""What each check of the list rests on: so that its evidence has an age, and that it can be read again alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from cache.model import Source

_MACHINES = frozenset((Source.MACHINES, Source.PERMISSIONS))
_EXTENSIONS = _MACHINES | {Source.EXTENSIONS}

RESTS_ON: dict[str, frozenset[Source]] = {
    "right-to-enable": frozenset((Source.PERMISSIONS,)),
    "right-to-see-machines": frozenset((Source.PERMISSIONS,)),
    "right-to-triage": frozenset((Source.PERMISSIONS,)),
    "cloud": frozenset(),
    "subscription-state": frozenset((Source.SUBSCRIPTIONS,)),
    "provider": frozenset((Source.PROVIDER,)),
    "servers-plan": frozenset((Source.PLAN,)),
    "integration": frozenset((Source.SETTINGS,)),
    "linux": frozenset((Source.SETTINGS,)),
    "unified-solution": _MACHINES | {Source.SETTINGS},
    "log-analytics-agent": _EXTENSIONS | {Source.SETTINGS, Source.ASSESSMENTS},
    "connectivity-linux": _MACHINES,
    "connectivity-windows": _MACHINES,
    "arc-connection": _MACHINES,
    "running": _MACHINES,
    "supported-systems": _MACHINES,
    "machine-system": _EXTENSIONS | {Source.SETTINGS, Source.PLAN},
    "fanotify": _EXTENSIONS,
    "extensions": _EXTENSIONS,
    "edr-recommendations": _MACHINES | {Source.ASSESSMENTS},
    "tenant-move": frozenset(),
    "data-location": frozenset(),
    "licence": frozenset((Source.PLAN,)),
    "other-edr": _EXTENSIONS,
    "portal-access": frozenset(),
}
"""The sources of each check by its id; none for those that follow from the cloud or are done by hand. What machines themselves told when a
script ran on them has its own age, which the check says."""


def sources_of(check_ids: Iterable[str]) -> frozenset[Source]:
    """All that must be read to judge these checks again."""
    found: frozenset[Source] = frozenset()
    for one in check_ids:
        found |= RESTS_ON.get(one, frozenset(Source) - {Source.ALERTS})
    return found


def readings_of(check_id: str, read: Mapping[str, datetime]) -> dict[str, datetime | None]:
    """When each source of a check was read, by ``read`` of its subscription; extensions are read with their machines."""
    sources = sorted(RESTS_ON.get(check_id, frozenset()) - {Source.EXTENSIONS})
    return {str(source): read.get(source) for source in sources}


def evidence_read(check_id: str, read: Mapping[str, datetime]) -> datetime | None:
    """When the oldest of what a check rests on was read; ``None`` where nothing was, or it rests on nothing."""
    return min((at for at in readings_of(check_id, read).values() if at is not None), default=None)

"""Other products on a machine that keep Defender for Endpoint away, and traces of an earlier Defender.

Source: seed, *Enable the integration* (machines with other fanotify-based solutions are ignored; earlier installations are
reconfigured); Microsoft's installer for Linux (``found conflicting applications``).
"""

from __future__ import annotations

import re

from cache.model import Machine
from console.rules.extensions import defender_extension

FANOTIFY_EXTENSIONS: dict[tuple[str, str], str] = {
    ("trendmicro", "dsa"): "Trend Micro Deep Security (ds_agent)",
    ("trendmicro", "deepsecurity"): "Trend Micro Deep Security (ds_agent)",
    ("carbonblack", ""): "Carbon Black (cbsensor)",
    ("mcafee", ""): "McAfee Endpoint Security (MFEcma)",
    ("trellix", ""): "Trellix Endpoint Security (MFEcma)",
    ("symantec", ""): "Symantec Endpoint Protection",
    ("sophos", ""): "Sophos",
    ("eset", ""): "ESET",
    ("kaspersky", ""): "Kaspersky",
    ("crowdstrike", ""): "CrowdStrike Falcon",
    ("sentinelone", ""): "SentinelOne",
}
"""Parts of publisher and type of the extensions of products that hold fanotify on Linux."""

_CONFLICT = re.compile(r"conflicting applications:\s*\[([^\]]*)\]", re.IGNORECASE)


def fanotify_conflict(machine: Machine) -> str | None:
    """The product that holds fanotify on a Linux machine, as far as its extensions or a failed installation tell."""
    if machine.os_type.lower() != "linux":
        return None
    defender = defender_extension(machine)
    if defender is not None and (found := _CONFLICT.search(defender.message)):
        names = found.group(1).strip()
        return None if "wdavdaemon" in names else names or "another product"
    for extension in machine.extensions:
        publisher, kind = extension.publisher.lower().replace(".", ""), extension.type.lower()
        for (of_publisher, of_type), name in FANOTIFY_EXTENSIONS.items():
            if of_publisher in publisher and of_type in f"{publisher} {kind}":
                return name
    return None


def previous_defender(machine: Machine) -> bool:
    """Whether an earlier Defender shows: an extension of it while the machine is not yet onboarded by the integration, or a tag."""
    defender = defender_extension(machine)
    if defender is not None:
        return True
    return any("mdatp" in key.lower() or "defender" in key.lower() for key in machine.tags)

"""Other products on a machine that keep Defender for Endpoint away, and traces of an earlier Defender.

Source: seed, *Enable the integration* (machines with other fanotify-based solutions are ignored; earlier installations are
reconfigured); Microsoft's requirements and installer for Linux (``found conflicting applications``), as of 2026-03.
"""

from __future__ import annotations

import re

from cache.model import Machine
from console.rules.extensions import DELETING, SUCCEEDED, defender_extension, extension_state

FANOTIFY_EXTENSIONS: tuple[tuple[str, str, str], ...] = (
    ("trendmicro", "", "Trend Micro Deep Security (ds_agent)"),
    ("", "trendmicrodsa", "Trend Micro Deep Security (ds_agent)"),
    ("carbonblack", "", "Carbon Black (cbsensor)"),
    ("", "carbonblack", "Carbon Black (cbsensor)"),
    ("mcafee", "", "McAfee Endpoint Security (MFEcma)"),
    ("trellix", "", "Trellix Endpoint Security (MFEcma)"),
    ("kaspersky", "", "Kaspersky Endpoint Security"),
    ("sophos", "", "Sophos Protection for Linux"),
    ("bitdefender", "", "Bitdefender GravityZone"),
)
"""Part of the publisher, part of the type, and the product: extensions of products that hold fanotify on Linux.

Only such are named. Products that watch by other means (a kernel module, eBPF) do not keep Defender away.
"""

OTHER_EDR_EXTENSIONS: tuple[tuple[str, str, str], ...] = (
    *FANOTIFY_EXTENSIONS,
    ("crowdstrike", "", "CrowdStrike Falcon"),
    ("sentinelone", "", "SentinelOne"),
    ("symantec", "", "Symantec Endpoint Protection"),
    ("eset", "", "ESET"),
)
"""The same of products that protect endpoints by whatever means: who has one switches to Defender. As of 2026-03."""

_CONFLICT = re.compile(r"conflicting applications:\s*\[([^\]]*)\]", re.IGNORECASE)
_OWN_DAEMON = "wdavdaemon"
_EARLIER_TAGS = ("mdatp", "excludemdeautoupdate")


def conflicting_applications(message: str) -> str | None:
    """The applications that Microsoft's installer found in its way, in its words; ``None`` when it found none but itself."""
    found = _CONFLICT.search(message)
    if found is None or _OWN_DAEMON in found.group(1):
        return None
    return found.group(1).strip() or "another product"


def fanotify_conflict(machine: Machine) -> str | None:
    """The product that holds fanotify on a Linux machine, as far as its extensions or a failed installation tell.

    ``None`` says that nothing shows, not that there is nothing: products that were not installed as extensions are seen only there.
    """
    if machine.os_type.lower() != "linux":
        return None
    defender = defender_extension(machine)
    if defender is not None and extension_state(defender) == SUCCEEDED:
        return None
    if defender is not None and (named := conflicting_applications(defender.message)):
        return named
    return _among(machine, FANOTIFY_EXTENSIONS)


def other_edr(machine: Machine) -> str | None:
    """The product of another maker that protects the machine, as far as its extensions tell; Windows machines too. ``None`` as above."""
    return _among(machine, OTHER_EDR_EXTENSIONS)


def _among(machine: Machine, products: tuple[tuple[str, str, str], ...]) -> str | None:
    for extension in machine.extensions:
        publisher, kind = extension.publisher.lower().replace(".", ""), extension.type.lower()
        if extension_state(extension) == DELETING:
            continue
        for of_publisher, of_type, name in products:
            if of_publisher in publisher and of_type in kind:
                return name
    return None


def previous_defender(machine: Machine) -> bool:
    """Whether an earlier Defender shows on the machine: a left or half-done installation, or a tag that only such machines carry.

    One that was installed by other means leaves no trace in Azure; the integration finds and reconfigures it all the same.
    """
    return defender_extension(machine) is not None or any(tag in key.lower() for key in machine.tags for tag in _EARLIER_TAGS)

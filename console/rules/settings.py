"""The three integration settings of Microsoft.Security, read in the words of the model.

Source: seed, *Enable the integration*; Azure's settings API 2022-05-01; Microsoft's policy definitions for the WDATP settings,
as of 2026-03.
"""

from __future__ import annotations

from collections.abc import Mapping

from cache.model import Subscription

WDATP = "WDATP"
"""True: the integration is on. The other two work only then."""

EXCLUDE_LINUX = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"
"""Inverted: true excludes Linux; the portal's *Enable for Linux machines* writes false."""

UNIFIED = "WDATP_UNIFIED_SOLUTION"
"""True: Windows Server 2012 R2 and 2016 get the unified agent and need no Log Analytics agent."""


def read_settings(raw: Mapping[str, bool | None], readable: bool = True) -> tuple[str | None, str | None, str | None]:
    """Integration, Linux and unified solution as :class:`~cache.model.Subscription` has them.

    Absent is a state of its own: WDATP absent is off, the others are *not set*. A setting that is there with ``None`` holds something
    that is neither true nor false, so it is not known. Nothing listed while the caller may not read security settings
    (``readable`` false) tells nothing: then all three are not known.
    """
    if not raw and not readable:
        return None, None, None
    return (
        _word(raw, WDATP, "on", "off", absent="off"),
        _word(raw, EXCLUDE_LINUX, "excluded", "enabled", absent="not-set"),
        _word(raw, UNIFIED, "on", "off", absent="not-set"),
    )


def _word(raw: Mapping[str, bool | None], name: str, true: str, false: str, *, absent: str) -> str | None:
    if name not in raw:
        return absent
    value = raw[name]
    return None if value is None else true if value else false


def windows_on(subscription: Subscription) -> bool | None:
    """Whether Windows machines of the subscription are onboarded; ``None`` when its settings are not known."""
    return {"on": True, "off": False}.get(subscription.integration or "")


def linux_on(subscription: Subscription) -> bool | None:
    """Whether Linux machines are onboarded: the integration is on and Linux is not excluded.

    *Not set* counts as not excluded, as in Microsoft's own script. ``None`` when the settings are not known.
    """
    integration = windows_on(subscription)
    if integration is not True:
        return integration
    return {"enabled": True, "not-set": True, "excluded": False}.get(subscription.linux or "")

"""The three integration settings of Microsoft.Security, read in the words of the model.

Source: seed, *Enable the integration*; Azure's settings API 2022-05-01; Microsoft's policy definitions for the WDATP settings.
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

    Absent is a state of its own: WDATP absent is off, the others are *not set*. Nothing listed while the caller may not read security
    settings tells nothing (``readable`` false): then all three are unknown.
    """
    if not raw and not readable:
        return None, None, None
    integration = "on" if raw.get(WDATP) else "off"
    excluded, unified = raw.get(EXCLUDE_LINUX), raw.get(UNIFIED)
    linux = "not-set" if excluded is None else "excluded" if excluded else "enabled"
    return integration, linux, "not-set" if unified is None else "on" if unified else "off"


def windows_on(subscription: Subscription) -> bool | None:
    """Whether Windows machines of the subscription are onboarded; ``None`` when its settings are not known."""
    return None if subscription.integration is None else subscription.integration == "on"


def linux_on(subscription: Subscription) -> bool | None:
    """Whether Linux machines are onboarded: the integration is on and Linux is not excluded. *Not set* counts as not excluded."""
    if subscription.integration is None:
        return None
    if subscription.integration != "on":
        return False
    return None if subscription.linux is None else subscription.linux != "excluded"

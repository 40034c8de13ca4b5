"""What every screen works with: the cache to read, the clock, and who is signed in where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cache.activity import Activity
from cache.clock import Clock
from cache.fleet import FleetCache
from cache.journal import Journal


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in where, as the status bar tells it.

    ``signed_in`` is false while only the cache is there; ``message`` then says why. ``read_only`` means that no change will be sent.
    """

    cloud: str
    tenant_id: str
    principal: str
    method: str = ""
    signed_in: bool = False
    message: str = ""
    read_only: bool = False
    integration_supported: bool = True
    azure_portal: str = "https://portal.azure.com"
    defender_portal: str = "https://security.microsoft.com"


@dataclass(slots=True)
class Desk:
    """The cache, the journal, the clock and the session, handed to every screen. ``stale_after``: older data is called stale;
    ``plan_life``: an older plan is not applied."""

    fleet: FleetCache
    journal: Journal
    clock: Clock
    activity: Activity
    session: Session
    stale_after: timedelta
    plan_life: timedelta = timedelta(minutes=15)

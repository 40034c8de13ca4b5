"""What every screen works with: the cache to read, the clock, and who is signed in where."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cache.activity import READING, Activity
from cache.clock import Clock
from cache.detection import Detections
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.model import POLLED
from cache.verification import Verification


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
    """The cache, the journal, the clock and the session, handed to every screen.

    ``home``: the folder of what is the user's own, such as saved filters. ``stale_after``: older data is called stale; what is not polled
    but read every ``reconcile`` is given that much longer. ``plan_life``: an older plan is not applied. ``canary``: for so long the
    machines of a canary are waited for. ``slow_line``: bytes to the terminal are dear, so what changes by itself changes seldom.
    ``verification``: the one that was planned last. ``detections``: the detection tests that were begun here.
    """

    fleet: FleetCache
    journal: Journal
    clock: Clock
    activity: Activity
    session: Session
    home: Path
    stale_after: timedelta
    plan_life: timedelta = timedelta(minutes=15)
    slow_line: bool = False
    reconcile: timedelta = timedelta(minutes=60)
    verification: Verification = field(default_factory=Verification)
    detections: Detections = field(default_factory=Detections)
    canary: timedelta = timedelta(minutes=60)

    @property
    def until_read(self) -> str:
        """What brings what is not known yet, as the end of a sentence."""
        reading = any(task.key == READING for task in self.activity.tasks())
        return "Azure is being read at this moment" if reading else "press r to read Azure"

    def stale_limit(self, source: str) -> timedelta:
        """At what age data of a source is called stale."""
        return self.stale_after if source in POLLED else self.stale_after + self.reconcile

"""Who enabled the integration of a subscription outside of this console and when, as far as Azure's activity log tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

KEPT = timedelta(days=90)
"""For so long Azure keeps its activity log (Azure Monitor's documentation, as of 2026-03)."""


@dataclass(frozen=True, slots=True)
class Enabling:
    """The last write of a setting that the integration stands on: which ``setting``, ``at`` what time and ``by`` whom, as Azure names the
    caller. The log does not say what was written: since it is on now, it has been on from then at the latest. ``at`` is ``None`` where the
    log shows no such write; ``problem`` says why it could not be read."""

    subscription_id: str
    read_at: datetime
    setting: str = ""
    at: datetime | None = None
    by: str = ""
    problem: str = ""

    def told(self) -> str:
        """This in a sentence, without its age."""
        if self.problem:
            return f"Azure's activity log could not be read: {self.problem}"
        if self.at is None:
            return f"Azure's activity log, which goes back {KEPT.days} days, shows no write of its settings"
        return f"Azure's activity log: {self.setting} was last written {self.at:%Y-%m-%d %H:%M} UTC by {self.by or 'a caller not told'}"

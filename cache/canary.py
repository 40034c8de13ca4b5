"""After the first group of a plan: how its machines stand, and whether they are still waited for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cache.model import ABOARD, Fate, MachineState, Plan

STUCK = frozenset({MachineState.FAILED, MachineState.BLOCKED, MachineState.UNSUPPORTED})
COMING = frozenset({Fate.ONBOARD, Fate.RECONFIGURE})
"""The fates of the machines that are waited for."""


@dataclass(frozen=True, slots=True)
class Aboard:
    """How the machines stand that a first group was to bring: ``aboard``, ``stuck`` (something must be done about them), ``coming``."""

    aboard: int = 0
    stuck: int = 0
    coming: int = 0
    minutes: float = 0.0

    def over(self, minutes: float) -> bool:
        """Whether nothing is waited for any more where it is waited so many minutes."""
        return not self.coming or self.minutes >= minutes

    def told(self) -> str:
        """This in words."""
        total = self.aboard + self.stuck + self.coming
        if not total:
            return "No machine was to come aboard."
        stuck = f", {self.stuck:,} failed or blocked" if self.stuck else ""
        return f"After {self.minutes:.0f} min {self.aboard:,} of {total:,} machines are aboard{stuck}, {self.coming:,} on their way."


def awaited(plan: Plan, subscription_ids: Collection[str]) -> frozenset[str]:
    """The ids, in lower case, of the machines that ``plan`` brings in these subscriptions."""
    chosen = {one.lower() for one in subscription_ids}
    found = (fate for one in plan.subscriptions if one.id.lower() in chosen for fate in one.fates)
    return frozenset(fate.machine_id.lower() for fate in found if fate.fate in COMING)


def aboard(states: Iterable[MachineState], minutes: float) -> Aboard:
    """How machines in these states stand after so many minutes."""
    told = list(states)
    there, stuck = (sum(one in which for one in told) for which in (ABOARD, STUCK))
    return Aboard(there, stuck, len(told) - there - stuck, minutes)

"""Where a subscription stands on the way to Linux machines that are protected, and what its next step is, in words."""

from __future__ import annotations

from enum import StrEnum

from cache.model import ON_THE_WAY, MachineState, Subscription, SubscriptionRow
from screens.words import STATE_SHAPES, count

ACTING = frozenset((MachineState.FAILED, MachineState.UNHEALTHY, MachineState.OVERDUE, MachineState.BLOCKED))
"""The states in which somebody has to do something about a machine."""

NOT_ENABLED = frozenset(("disabled", "deleted"))
"""The states of a subscription in which nothing can be switched on, in lower case."""


class Coverage(StrEnum):
    """How far a subscription has come. The first that holds counts, in this order."""

    UNAVAILABLE = "unavailable"
    NOT_REGISTERED = "not registered"
    UNKNOWN = "unknown"
    NO_PLAN = "no plan"
    OFF = "not enabled"
    EXCLUDED = "Linux excluded"
    NOT_SET = "Linux not set"
    ENABLED = "Linux enabled"

    @property
    def slug(self) -> str:
        """What the field ``coverage`` of a filter reads."""
        return self.value.replace(" ", "-").casefold()

    @property
    def search(self) -> str:
        """The filter that finds the subscriptions of this coverage and no others."""
        return f"is:{self.slug}"


COVERAGE_SHAPES: dict[Coverage, tuple[str, str]] = {
    Coverage.ENABLED: ("●", "good"),
    Coverage.NOT_SET: ("◐", "warn"),
    Coverage.EXCLUDED: ("✗", "bad"),
    Coverage.OFF: ("○", "warn"),
    Coverage.NO_PLAN: ("–", "warn"),
    Coverage.UNKNOWN: ("?", "warn"),
    Coverage.NOT_REGISTERED: ("!", "warn"),
    Coverage.UNAVAILABLE: ("×", "muted"),
}
"""For every coverage its shape and tone, in the order in which they are listed."""


NO_RIGHT = "no-right"
"""What the field ``coverage`` reads besides where the user may not enable."""


def coverage(one: Subscription) -> Coverage:
    """How far ``one`` has come (seed, *Prerequisites* and *Enable the integration*)."""
    if one.state.casefold() in NOT_ENABLED:
        return Coverage.UNAVAILABLE
    if one.provider is not None and one.provider.casefold() != "registered":
        return Coverage.NOT_REGISTERED
    if one.integration is None:
        return Coverage.UNKNOWN
    if one.servers_plan == "free":
        return Coverage.NO_PLAN
    if one.integration != "on":
        return Coverage.OFF
    if one.linux == "excluded":
        return Coverage.EXCLUDED
    if one.linux == "enabled":
        return Coverage.ENABLED
    return Coverage.NOT_SET if one.linux == "not-set" else Coverage.UNKNOWN


def compact_states(row: SubscriptionRow) -> str:
    """``12: 1✗ 2◐ 9●``: how many machines there are and how many in each state, worst first; ``0`` without machines."""
    known = {str(state) for state in STATE_SHAPES}
    parts = [f"{row.states[state]:,}{shape}" for state, (shape, _) in STATE_SHAPES.items() if row.states.get(state)]
    if odd := sum(number for state, number in row.states.items() if state not in known):
        parts.append(f"{odd:,}?")
    return f"{row.machines:,}: {' '.join(parts)}" if parts else "0"


def machines_tone(row: SubscriptionRow) -> str:
    """The tone of the worst state that somebody must act on."""
    return next((tone for state, (_, tone) in STATE_SHAPES.items() if state in ACTING and row.states.get(state)), "")


def in_states(row: SubscriptionRow, states: frozenset[MachineState]) -> int:
    """How many machines are in any of ``states``."""
    return sum(row.states.get(state, 0) for state in states)


def next_step(row: SubscriptionRow, integration_supported: bool = True, until_read: str = "press r to read Azure") -> str:
    """What to do next about a subscription, with the key that leads there. ``until_read``: what brings what was never read."""
    one = row.subscription
    if not integration_supported:
        return "This cloud has no integration with Defender for Endpoint: there are only alerts here. Press 5."
    where = coverage(one)
    no_right = "You have no right to switch it on: Security Admin or Owner of the subscription can."
    match where:
        case Coverage.UNAVAILABLE:
            return f"The subscription is {one.state}: nothing can be switched on until it is active again."
        case Coverage.NOT_REGISTERED:
            return (
                f"Microsoft.Security is not registered here ({one.provider}). An Owner or Contributor runs: "
                f"az provider register --namespace Microsoft.Security --subscription {one.id}"
            )
        case Coverage.UNKNOWN if not row.problems:
            return f"Its settings are not known yet: {until_read}."
        case Coverage.UNKNOWN:
            return "Its settings are not known, which may mean that Security Reader is missing: press r to read again, 2 for the checklist."
        case Coverage.NO_PLAN:
            return "Defender for Servers is off, and without it nothing comes aboard: choose it and press 2 for the remedy."
        case Coverage.OFF:
            return (
                no_right
                if one.can_enable is False
                else "Never enabled: choose it and press 3; that brings Windows and Linux machines aboard."
            )
        case Coverage.EXCLUDED:
            return (
                f"Linux machines are excluded. {no_right}"
                if one.can_enable is False
                else "Linux machines are excluded: choose it and press 3."
            )
        case Coverage.NOT_SET:
            return no_right if one.can_enable is False else "Whether Linux is excluded was never set: choose it and press 3 to set it."
    if one.can_see_machines is False:
        return "Linux is enabled, but you have no right to see the machines: Reader of the subscription has it."
    if acting := in_states(row, ACTING):
        return f"Linux is enabled; {count(acting, 'machine')} need{'s' if acting == 1 else ''} attention: choose it and press 4."
    if waiting := in_states(row, ON_THE_WAY):
        return f"Linux is enabled; {count(waiting, 'machine')} on the way: press 4 to watch."
    return "Linux is enabled; nothing to do here." if row.machines else "Linux is enabled; no machines are known here."

"""Machines and alerts as a listing tells them, in the shape in which a hundred thousand of them are cheap.

What many rows have in common (a place, a system, a list of extensions) is one shared value, so that whoever makes, compares or keeps
rows handles a few small tuples and texts instead of dozens of fields.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from cache import rows
from cache.model import Machine, Onboarding
from cache.text import clean
from cache.values import microseconds_or_none, moment_of


class Place(NamedTuple):
    """Where a resource lies."""

    subscription_id: str
    resource_group: str
    location: str


class System(NamedTuple):
    """What a machine is and runs, as :class:`cache.model.Machine` has it."""

    kind: str
    os_type: str
    os_name: str
    os_version: str
    image: str


class Condition(NamedTuple):
    """How a machine was last seen."""

    power: str
    provisioning_state: str
    agent_version: str


class Sighting(NamedTuple):
    """A machine as one listing shows it; every text has been cleaned.

    ``extensions`` is the JSON of :func:`cache.rows.extensions_row`, ``None`` where the listing does not tell them; ``tags`` that of
    :func:`cache.rows.tags_row`. Times are microseconds since 1970.
    """

    id: str
    name: str
    place: Place
    system: System
    condition: Condition
    extensions: str | None
    tags: str
    status_at: int | None
    created_at: int | None
    digest: int | None = None
    """That of the row in which a listing told all this; ``None``: it did not come in one row."""


class Unchanged(NamedTuple):
    """A machine that a listing shows in the very row in which it is known already, by the numbers of its row and its place.

    ``id`` is what the cache has, which is only to tell machines apart.
    """

    id: str
    key: int
    place: int


Judge = Callable[[Sighting, Onboarding | None], Onboarding | None]
"""Says in which state a machine is, from what a listing shows and the state it was in; ``None``: that cannot be said yet. The
``machine_id`` of its answer counts for nothing, so that one answer may stand for many machines."""


def sighting_of(one: Machine, subscription_id: str) -> Sighting:
    """A machine as a listing of ``subscription_id`` shows it."""
    return Sighting(
        clean(one.id),
        clean(one.name),
        Place(clean(subscription_id), clean(one.resource_group), clean(one.location)),
        System(clean(one.kind), clean(one.os_type), clean(one.os_name), clean(one.os_version), clean(one.image)),
        Condition(clean(one.power), clean(one.provisioning_state), clean(one.agent_version)),
        rows.extensions_row(one.extensions) if one.extensions_known else None,
        rows.tags_row(one.tags),
        microseconds_or_none(one.status_at),
        microseconds_or_none(one.created_at),
    )


def machine_of(one: Sighting, as_of: datetime | None = None) -> Machine:
    """The record of a sighting."""
    return Machine(
        one.id,
        one.name,
        one.system.kind,
        one.place.subscription_id,
        one.place.resource_group,
        one.place.location,
        one.system.os_type,
        one.system.os_name,
        one.system.os_version,
        one.system.image,
        one.condition.power,
        one.condition.provisioning_state,
        one.condition.agent_version,
        moment_of(one.status_at),
        moment_of(one.created_at),
        rows.tags(one.tags),
        rows.extensions(one.extensions),
        one.extensions is not None,
        as_of,
    )

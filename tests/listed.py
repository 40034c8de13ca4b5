"""Machines as a listing of one subscription tells them to the cache."""

from __future__ import annotations

from collections.abc import Sequence

from cache.fleet import FleetCache
from cache.model import Machine
from cache.sighting import sighting_of


async def list_machines(fleet: FleetCache, subscription_id: str, machines: Sequence[Machine], listing: str) -> None:
    """A page of the machines of a subscription; ``listing`` ties pages together until ``finish_listing`` says that they were all."""
    await fleet.see_machines([sighting_of(one, subscription_id) for one in machines], listing)

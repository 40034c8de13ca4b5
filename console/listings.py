"""The verbs that print a list from the cache: each is what to read, what of it is JSON and what are the columns of its table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from cache.fleet import FleetCache
from cache.model import Alert, Check, MachineRow, Source, SubscriptionRow
from console import output
from console.session import Setup
from console.stock import oldest, stocked, wanted

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """``read`` gets the ids of the subscriptions that are asked for, ``None`` for all; ``item`` gets the time; ``source`` tells the age."""

    read: Callable[[FleetCache, Collection[str] | None], Awaitable[Sequence[Row]]]
    item: Callable[[Row, datetime], dict[str, Any]]
    source: Source
    columns: Mapping[str, Callable[[Row], object]]


async def _subscriptions(fleet: FleetCache, ids: Collection[str] | None) -> list[SubscriptionRow]:
    return [row for row in await fleet.subscriptions() if ids is None or row.subscription.id in ids]


async def _checks(fleet: FleetCache, ids: Collection[str] | None) -> list[tuple[Check, str]]:
    """Each check with the name of its subscription."""
    names = await fleet.subscription_names()
    return [(one, names.get(one.subscription_id.lower(), one.subscription_id)) for one in await fleet.checks(ids)]


async def _machines(fleet: FleetCache, ids: Collection[str] | None) -> list[MachineRow]:
    return await fleet.machine_rows(ids)


async def _alerts(fleet: FleetCache, ids: Collection[str] | None) -> list[Alert]:
    return await fleet.alerts(ids)


SUBSCRIPTIONS = Listing(
    _subscriptions,
    lambda row, _: output.subscription_item(row),
    Source.SUBSCRIPTIONS,
    {
        "ID": lambda row: row.subscription.id,
        "STATE": lambda row: row.subscription.state,
        "PLAN": lambda row: row.subscription.servers_plan or "?",
        "INTEGRATION": lambda row: row.subscription.integration or "?",
        "LINUX": lambda row: row.subscription.linux or "?",
        "MACHINES": lambda row: row.machines,
        "PROBLEMS": lambda row: len(row.problems),
        "NAME": lambda row: row.subscription.name,
    },
)

CHECKLIST = Listing(
    _checks,
    lambda row, _: output.check_item(row[0]),
    Source.SETTINGS,
    {
        "STATUS": lambda row: row[0].status,
        "CHECK": lambda row: row[0].id,
        "SUBSCRIPTION": lambda row: row[1],
        "MACHINES": lambda row: row[0].affected,
        "EVIDENCE": lambda row: row[0].evidence,
    },
)

MACHINES = Listing(
    _machines,
    output.machine_item,
    Source.MACHINES,
    {
        "STATE": lambda row: row.state,
        "NAME": lambda row: row.name,
        "KIND": lambda row: row.kind,
        "SYSTEM": lambda row: row.os_name or row.os_type,
        "POWER": lambda row: row.power,
        "SUBSCRIPTION": lambda row: row.subscription_name,
        "REASON": lambda row: row.reason,
    },
)

ALERTS = Listing(
    _alerts,
    lambda row, _: output.alert_item(row),
    Source.ALERTS,
    {
        "TIME": lambda row: output.moment(row.generated),
        "SEVERITY": lambda row: row.severity,
        "STATUS": lambda row: row.status,
        "PRODUCT": lambda row: row.product,
        "MACHINE": lambda row: row.compromised_entity,
        "TITLE": lambda row: row.title,
    },
)
"""The newest alert comes first."""

LISTINGS: Mapping[str, Listing[Any]] = {"subscriptions": SUBSCRIPTIONS, "machines": MACHINES, "alerts": ALERTS}
"""Each listing that is no more than that, by its verb."""


async def print_listing(setup: Setup, listing: Listing[Any], as_json: bool, refresh: bool) -> int:
    """Print a listing of the subscriptions that are asked for. ``refresh``: read Azure first. Raises :class:`console.stock.VerbError`."""
    async with stocked(setup, refresh) as stock:
        ids = await wanted(setup, stock.fleet)
        rows = await listing.read(stock.fleet, ids)
        if as_json:
            now = setup.clock.now()
            tenant = listing.source is Source.SUBSCRIPTIONS  # which are read all at once
            as_of = await oldest(stock.fleet, listing.source, None if tenant else ids)
            print(output.document([listing.item(row, now) for row in rows], as_of))
        else:
            print(output.table(tuple(listing.columns), [tuple(tell(row) for tell in listing.columns.values()) for row in rows]))
    return 0

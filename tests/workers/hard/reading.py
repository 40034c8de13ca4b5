"""What a console makes of an odd fleet."""

from __future__ import annotations

from typing import Any

from cache.model import Source
from console.gateway.errors import AzureProblem
from console.session import Connection
from console.workers.alerts import list_alerts
from console.workers.sync import MOVING, sync
from tests.workers.hard.odd_fleet import OddFleet, Row, subscription

S = subscription(1)
KINDS = ["machines", "alerts"]


async def read(console: Connection, kind: str) -> str:
    """Read all ``machines`` or ``alerts`` from Resource Graph alone; the sentence in which that ends, if it does."""
    if kind == "machines":
        await sync(console.work, sources=MOVING)
        lines = [one.message for one in await console.fleet.log() if "Resource Graph did not serve" in one.message]
        return lines[0] if lines else ""
    try:
        await list_alerts(console.work, [S])
    except AzureProblem as problem:
        return str(problem)
    return ""


async def known(console: Connection, kind: str) -> list[str]:
    """The names of what the cache has, which its counts agree with."""
    if kind == "alerts":
        return sorted(one.name for one in await console.fleet.alerts())
    names = sorted(one.name for one in await console.fleet.machines())
    assert sum((await console.fleet.state_counts()).values()) == len(names)
    return names


def there(odd: OddFleet, kind: str) -> list[str]:
    rows: list[Row] = odd.machines if kind == "machines" else odd.alerts
    return sorted(row["id"].rsplit("/", 1)[-1] for row in rows)


async def fresh(console: Connection, kind: str) -> Any:
    """When a subscription's machines were last read completely."""
    return {one.subscription_id: one.fetched_at for one in await console.fleet.freshness() if one.source == Source(kind)}.get(S)

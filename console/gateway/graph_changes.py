"""What happened to machines and their extensions lately, from the change history of Resource Graph."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NamedTuple

from console.gateway.graph import PAGE, Graph, Scope, query, rows
from console.gateway.reading import Item, at, moment, resource_id, text

_PARTS = 9
"""Of a machine's id, parted by slashes: what follows names an extension."""


class Change(NamedTuple):
    """Something happened to a machine or to an extension of it. ``named`` is the machine's id as the history has it, to ask by;
    ``machine_id`` is the same as the cache knows it, in lower case. ``at`` is ``None`` where the history tells no time."""

    id: str
    named: str
    machine_id: str
    at: datetime | None


async def changes(graph: Graph, since: datetime, scope: Scope, *, page: int = PAGE) -> AsyncIterator[list[Change]]:
    """What happened after ``since``, oldest first, a page at a time."""
    moment_of_it = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    async for found in rows(graph, query("changes", since=moment_of_it), scope, page=page):
        yield [one for row in found if (one := change_of(row)) is not None]


def change_of(row: Item) -> Change | None:
    """A row of ``changes.kql``; ``None`` for one that names no machine."""
    target, then = at(row, "targetId"), moment(row, "at")
    if not isinstance(target, str) or not target.lower().startswith("/subscriptions/"):
        return None
    named = "/".join(target.split("/")[:_PARTS])
    return Change(text(row, "id") or f"{target} {text(row, 'at')}", named, resource_id({"id": named}, "id").lower(), then)

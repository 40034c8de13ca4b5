"""Machines of very many subscriptions from Resource Graph: several chains of pages at once, decoded typed, at the pace of the quota."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from cache import rows
from cache.sighting import Condition, Place, Sighting, System, sighting_of
from cache.text import clean
from cache.values import microseconds_or_none
from console.gateway.errors import BadAnswer
from console.gateway.graph import MOST_SUBSCRIPTIONS, PAGE, Pacer, Page, chain, page_of
from console.gateway.machines import extensions_of_graph, machine_of_graph, os_type, power_of_code
from console.gateway.reading import Send, moment, part_of, resource_id, tags_of
from console.gateway.transport import OnWait, Sleep

CHAINS = 8
"""Chains of pages that are followed at the same time."""

FEW = 25
"""Subscriptions for which another chain is worth its query."""

_REMEMBERED = 50_000
_PLAIN_ID = re.compile(r"/[A-Za-z0-9/_.()-]+")


class _Row(msgspec.Struct, gc=False):
    """A row of ``machines.kql``. What is odd makes the whole page be read patiently instead."""

    id: str
    name: str = ""
    type: str = ""
    subscriptionId: str = ""
    resourceGroup: str = ""
    location: str = ""
    tags: msgspec.Raw = msgspec.Raw(b"{}")
    osType: str | None = None
    osName: str | None = None
    osVersion: str | None = None
    power: str | None = None
    imagePublisher: str | None = None
    imageOffer: str | None = None
    imageSku: str | None = None
    provisioningState: str | None = None
    agentVersion: str | None = None
    statusAt: str | None = None
    createdAt: str | None = None
    extensions: msgspec.Raw = msgspec.Raw(b"[]")


class _Page(msgspec.Struct, gc=False):
    """A page of rows."""

    data: list[_Row]
    skip_token: str | None = msgspec.field(name="$skipToken", default=None)
    resultTruncated: str | bool | None = None
    totalRecords: int | None = None


class Reader:
    """Makes sightings of pages. What many rows have in common is cleaned and kept once. Used by one thread at a time."""

    def __init__(self) -> None:
        self._page = msgspec.json.Decoder(_Page)
        self._texts: dict[str, str] = {}
        self._places: dict[tuple[str, str, str], Place] = {}
        self._extensions: dict[bytes, str] = {}
        self._tags: dict[bytes, str] = {}

    def read(self, body: bytes) -> Page:
        """The machines of a page."""
        try:
            page = self._page.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            patient = page_of(body)
            machines = [machine_of_graph(row) for row in patient.rows]
            return patient._replace(rows=[sighting_of(one, one.subscription_id) for one in machines if one.id])
        cut = str(page.resultTruncated).lower() == "true" and not page.skip_token
        return Page([self._sighting(row) for row in page.data if row.id], page.skip_token or None, cut, page.totalRecords)

    def _sighting(self, row: _Row) -> Sighting:
        said = self._said
        whole = row.id if _PLAIN_ID.fullmatch(row.id) and len(row.id) < 2000 else resource_id({"id": row.id}, "id")
        vm = "virtualmachines" in row.type.lower()
        group = part_of(whole, "resourceGroups") or row.resourceGroup
        key = (row.subscriptionId, group, row.location)
        place = self._places.get(key)
        if place is None:
            subscription_id = clean(row.subscriptionId) or part_of(whole, "subscriptions")
            place = _remember(self._places, key, Place(subscription_id, clean(group), clean(row.location)))
        image = (said(row.imagePublisher), said(row.imageOffer), said(row.imageSku))
        return Sighting(
            whole,
            clean(row.name, 200) or whole.rsplit("/", 1)[-1],
            place,
            System(
                "vm" if vm else "arc",
                os_type(said(row.osType)),
                said(row.osName, 200),
                said(row.osVersion, 100),
                ":".join(image) if any(image) else "",
            ),
            Condition(
                power_of_code(said(row.power)) if vm else said(row.power),
                said(row.provisioningState),
                said(row.agentVersion),
            ),
            self._list_of_extensions(row.extensions),
            self._tags_text(row.tags),
            microseconds_or_none(moment({"at": row.statusAt}, "at")) if row.statusAt else None,
            microseconds_or_none(moment({"at": row.createdAt}, "at")) if row.createdAt else None,
        )

    def _said(self, value: str | None, limit: int = 4000) -> str:
        if not value:
            return ""
        found = self._texts.get(value)
        return _remember(self._texts, value, clean(value, limit)) if found is None else found

    def _list_of_extensions(self, raw: msgspec.Raw) -> str:
        key = bytes(raw)
        found = self._extensions.get(key)
        if found is None:
            extensions = extensions_of_graph({"extensions": _value(key)})
            found = _remember(self._extensions, key, rows.extensions_row(extensions))
        return found

    def _tags_text(self, raw: msgspec.Raw) -> str:
        key = bytes(raw)
        found = self._tags.get(key)
        return _remember(self._tags, key, rows.tags_row(tags_of({"tags": _value(key)}))) if found is None else found


def _value(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _remember(memory: dict[Any, Any], key: Any, value: Any) -> Any:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
    return value


def groups_of(subscription_ids: Sequence[str]) -> list[list[str]]:
    """The subscriptions in at most :data:`CHAINS` groups of like size, or as many as the size of a query demands; few are one group."""
    count = max(1, min(CHAINS, len(subscription_ids) // FEW), -(-len(subscription_ids) // MOST_SUBSCRIPTIONS))
    return [list(subscription_ids[number::count]) for number in range(count)]


async def machines(
    send: Send,
    origin: str,
    subscription_ids: Sequence[str],
    *,
    on_wait: OnWait | None = None,
    sleep: Sleep = asyncio.sleep,
    page: int = PAGE,
) -> AsyncIterator[list[Sighting]]:
    """The machines of ``subscription_ids`` with their extensions, a page at a time, in whatever order pages arrive.

    Raises :class:`BadAnswer` when an answer was cut short or left out rows, and every other :class:`AzureProblem`.
    """
    pacer, reader = Pacer(on_wait, sleep), Reader()
    reading = asyncio.Lock()
    ready: asyncio.Queue[list[Sighting] | None] = asyncio.Queue()

    async def read(body: bytes) -> Page:
        async with reading:
            return await asyncio.to_thread(reader.read, body)

    async def follow(group: list[str]) -> None:
        ids: set[str] = set()
        expected: int | None = None
        async for found in chain(send, origin, "machines", group, read, pacer, page):
            expected = found.total if expected is None else expected
            ids.update(one.id for one in found.rows)
            ready.put_nowait(found.rows)
        if expected is not None and len(ids) < expected:
            raise BadAnswer(f"Resource Graph left out {expected - len(ids):,} of {expected:,} machines between its pages.")

    async def all_chains() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for one in groups_of(subscription_ids):
                    group.create_task(follow(one))
        finally:
            ready.put_nowait(None)

    task = asyncio.create_task(all_chains())
    try:
        while (found := await ready.get()) is not None:
            yield found
        await _result(task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _result(task: asyncio.Task[None]) -> None:
    """The end of the chains: their first failure, by itself."""
    try:
        await task
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None

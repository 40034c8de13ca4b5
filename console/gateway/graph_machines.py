"""Machines of very many subscriptions from Resource Graph: several chains of pages at once, decoded typed, at the pace of the quota."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Any

import msgspec

from cache import rows
from cache.sighting import Condition, Place, Sighting, System, Unchanged, sighting_of
from cache.text import clean
from cache.values import microseconds, microseconds_or_none
from console.gateway.graph import PAGE, Graph, Page, TypedPage, chain, chains, page_of, query, quoted
from console.gateway.machines import extensions_of_graph, machine_of_graph, os_type, power_of_code
from console.gateway.reading import MOST_ID, moment, part_of, resource_id, tags_of

SOME = 500
"""Machines that one query may name."""

REMEMBERED = 50_000
PLAIN_ID = re.compile(r"/[A-Za-z0-9/_.()-]+")
_LONGEST_NAME = 200
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.()-]{0,199}")
_PLAIN_TEXT = rb'"[!#-\[\]-~](?:[ !#-\[\]-~]{0,198}[!#-\[\]-~])?"'
_PLAIN_TAGS = re.compile(rb"\{" + _PLAIN_TEXT + rb":" + _PLAIN_TEXT + rb"(?:," + _PLAIN_TEXT + rb":" + _PLAIN_TEXT + rb")*\}")
_tags_decoder = msgspec.json.Decoder(dict[str, str])


@cache
def _salt() -> bytes:
    """What is another one when rows are asked for or read in another way: what older code made of a row does not count."""
    made_by = (
        *(resources.files("console.gateway").joinpath(name) for name in ("queries/machines.kql", "graph_machines.py", "machines.py")),
        resources.files("console.gateway").joinpath("reading.py"),
        *(resources.files("cache").joinpath(name) for name in ("rows.py", "sighting.py", "text.py")),
    )
    return blake2b(b"".join(one.read_bytes() for one in made_by), digest_size=16).digest()


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


class Reader:
    """Makes sightings of pages. What many rows have in common is cleaned and kept once. Used by one thread at a time.

    A row whose digest is ``known`` is not even decoded.
    """

    def __init__(self, known: Mapping[int, Unchanged] | None = None) -> None:
        self._known = known or {}
        self._salt = _salt()
        self._page = msgspec.json.Decoder(TypedPage[msgspec.Raw])
        self._row = msgspec.json.Decoder(_Row)
        self._texts: dict[str, str] = {}
        self._places: dict[tuple[str, str, str, str], Place] = {}
        self._systems: dict[tuple[str | None, ...], System] = {}
        self._conditions: dict[tuple[str | None, ...], Condition] = {}
        self._extensions: dict[bytes, str] = {}
        self._tags: dict[bytes, str] = {}

    def read(self, body: bytes) -> Page:
        """The machines of a page."""
        try:
            page = self._page.decode(body)
            named = [one for one in map(self._seen, page.data) if one is not None]
        except (msgspec.DecodeError, ValueError, RecursionError):
            patient = page_of(body)
            machines = [machine_of_graph(row) for row in patient.rows]
            found = [sighting_of(one, one.subscription_id) for one in machines if one.id]
            return patient._replace(rows=found, nameless=len(machines) - len(found))
        cut = str(page.resultTruncated).lower() == "true" and not page.skip_token
        return Page(named, page.skip_token or None, cut, page.totalRecords, len(page.data) - len(named))

    def _seen(self, raw: msgspec.Raw) -> Sighting | Unchanged | None:
        digest = int.from_bytes(blake2b(raw, digest_size=8, salt=self._salt).digest(), "little", signed=True)
        known = self._known.get(digest)
        if known is not None:
            return known
        row = self._row.decode(raw)
        return self._sighting(row, digest) if row.id else None

    def _sighting(self, row: _Row, digest: int) -> Sighting:
        whole, name = row.id, row.name
        parent = whole.removesuffix(name)
        key = (parent, row.subscriptionId, row.resourceGroup, row.location)
        place = self._places.get(key)
        if place is None or not PLAIN_NAME.fullmatch(name):
            plain = PLAIN_ID.fullmatch(whole) is not None and len(whole) < MOST_ID
            whole = whole if plain else resource_id({"id": whole}, "id")
            place = self._place(row, whole, plain)
            if plain and PLAIN_NAME.fullmatch(name):  # so is another plain name behind the same parent
                remember(self._places, key, place)
            else:
                name = clean(name, _LONGEST_NAME) or whole.rsplit("/", 1)[-1]
        system = (row.type, row.osType, row.osName, row.osVersion, row.imagePublisher, row.imageOffer, row.imageSku)
        condition = (row.type, row.power, row.provisioningState, row.agentVersion)
        extensions, tags = bytes(row.extensions), bytes(row.tags)
        found = self._extensions.get(extensions)
        told = self._tags.get(tags)
        return Sighting(
            whole,
            name,
            place,
            self._systems.get(system) or remember(self._systems, system, _system(row)),
            self._conditions.get(condition) or remember(self._conditions, condition, _condition(row)),
            remember(self._extensions, extensions, _extensions(extensions)) if found is None else found,
            remember(self._tags, tags, tags_text(tags)) if told is None else told,
            microseconds_of(row.statusAt) if row.statusAt else None,
            microseconds_of(row.createdAt) if row.createdAt else None,
            digest,
        )

    def _place(self, row: _Row, whole: str, plain: bool) -> Place:
        parts = whole.split("/", 5)
        if plain and len(parts) > 5 and parts[3].lower() == "resourcegroups":  # as nearly always
            group = parts[4]
        else:
            group = clean(part_of(whole, "resourceGroups") or row.resourceGroup)
        return Place(self._said(row.subscriptionId) or part_of(whole, "subscriptions"), group, self._said(row.location))

    def _said(self, value: str) -> str:
        found = self._texts.get(value)
        return remember(self._texts, value, clean(value)) if found is None else found


def _is_vm(row: _Row) -> bool:
    return "virtualmachines" in row.type.lower()


def _system(row: _Row) -> System:
    image = [clean(one or "") for one in (row.imagePublisher, row.imageOffer, row.imageSku)]
    return System(
        "vm" if _is_vm(row) else "arc",
        os_type(clean(row.osType or "")),
        clean(row.osName or "", 200),
        clean(row.osVersion or "", 100),
        ":".join(image) if any(image) else "",
    )


def _condition(row: _Row) -> Condition:
    power = clean(row.power or "")
    return Condition(power_of_code(power) if _is_vm(row) else power, clean(row.provisioningState or ""), clean(row.agentVersion or ""))


def _extensions(raw: bytes) -> str:
    return rows.extensions_row(extensions_of_graph({"extensions": _value(raw)}))


def tags_text(raw: bytes) -> str:
    """The JSON of tags as the cache keeps it, of the JSON that Azure tells."""
    if _PLAIN_TAGS.fullmatch(raw):  # nothing to clean: only the order of the names counts
        tags = _tags_decoder.decode(raw)
        return msgspec.json.encode(dict(sorted(tags.items()))).decode()
    return rows.tags_row(tags_of({"tags": _value(raw)}))


def microseconds_of(value: str) -> int | None:
    """A time as Azure writes it in microseconds since 1970; ``None`` for what is no time."""
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return microseconds_or_none(moment({"at": value}, "at"))
    plain = time.tzinfo is not None and time.year >= 1900
    return microseconds(time) if plain else microseconds_or_none(moment({"at": value}, "at"))


def _value(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def remember(memory: dict[Any, Any], key: Any, value: Any) -> Any:
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = value
    return value


def machines(
    graph: Graph,
    subscription_ids: Sequence[str],
    on_total: Callable[[int], None] | None = None,
    known: Mapping[int, Unchanged] | None = None,
    *,
    page: int = PAGE,
) -> AsyncIterator[list[Sighting | Unchanged]]:
    """The machines of ``subscription_ids`` with their extensions, a page at a time, in whatever order pages arrive.

    ``on_total`` is told how many there are as soon as that is known; ``known`` are those that need not be told again, by the digests of
    their rows.

    Raises :class:`BadAnswer` when an answer was cut short or left out rows, and every other :class:`AzureProblem`.
    """
    return chains(graph, query("machines"), subscription_ids, Reader(known).read, "machines", page, on_total)


async def some_machines(graph: Graph, machine_ids: Sequence[str]) -> list[Sighting]:
    """Those of the machines with these ids (at most :data:`SOME`) that are there, with their extensions."""
    reader = Reader()

    async def read(body: bytes) -> Page:
        return await asyncio.to_thread(reader.read, body)

    subscriptions = sorted({part_of(one, "subscriptions") for one in machine_ids})
    return [one async for page in chain(graph, query("machines_some", ids=quoted(machine_ids)), subscriptions, read) for one in page.rows]

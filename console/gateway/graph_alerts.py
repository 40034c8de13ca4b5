"""Alerts of very many subscriptions from Resource Graph: lists, the details of some, and digests that tell whether any changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from cache.alert_store import AlertDigest, AlertKind, AlertSighting, alert_sighting
from cache.sighting import Place
from cache.text import clean
from cache.values import microseconds_or_none
from console.gateway.alerts import alert_of, machine_of_identifiers
from console.gateway.graph import PAGE, Graph, Page, Scope, TypedPage, chains, page_of, query, quoted, rows
from console.gateway.graph_machines import PLAIN_ID, remember
from console.gateway.reading import Item, at, moment, number, part_of, resource_id, text

SOME = 500
"""Alerts that one query may name."""


class _Row(msgspec.Struct, gc=False):
    """A row of ``alerts.kql``. What is odd makes the whole page be read patiently instead."""

    id: str
    subscriptionId: str = ""
    title: str | None = None
    severity: str | None = None
    status: str | None = None
    product: str | None = None
    alertType: str | None = None
    compromisedEntity: str | None = None
    generated: str | None = None
    started: str | None = None
    resourceIdentifiers: msgspec.Raw = msgspec.Raw(b"[]")
    wdatpTenantId: str | None = None


class Reader:
    """Makes sightings of pages. What many rows have in common is cleaned and kept once. Used by one thread at a time."""

    def __init__(self) -> None:
        self._page = msgspec.json.Decoder(TypedPage[_Row])
        self._places: dict[tuple[str, str, str], Place] = {}
        self._kinds: dict[tuple[Any, ...], AlertKind] = {}
        self._machines: dict[bytes, str | None] = {}

    def read(self, body: bytes) -> Page:
        """The alerts of a page, without their details."""
        try:
            page = self._page.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            patient = page_of(body)
            found = [sighting_of_row(row) for row in patient.rows if text(row, "id")]
            return patient._replace(rows=found, nameless=len(patient.rows) - len(found))
        cut = str(page.resultTruncated).lower() == "true" and not page.skip_token
        named = [self._sighting(row) for row in page.data if row.id]
        return Page(named, page.skip_token or None, cut, page.totalRecords, len(page.data) - len(named))

    def _sighting(self, row: _Row) -> AlertSighting:
        whole = row.id if PLAIN_ID.fullmatch(row.id) and len(row.id) < 2000 else resource_id({"id": row.id}, "id")
        key = (row.subscriptionId, part_of(whole, "resourceGroups"), part_of(whole, "locations"))
        place = self._places.get(key)
        if place is None:
            subscription_id = clean(row.subscriptionId) or part_of(whole, "subscriptions")
            place = remember(self._places, key, Place(subscription_id, clean(key[1]), clean(key[2])))
        told = (row.title, row.severity, row.product, row.alertType, bool(row.wdatpTenantId))
        kind = self._kinds.get(told)
        if kind is None:
            patient = sighting_of_row(msgspec.structs.asdict(row) | {"resourceIdentifiers": []})
            kind = remember(self._kinds, told, patient.kind)
        identifiers = bytes(row.resourceIdentifiers)
        if identifiers not in self._machines:
            remember(self._machines, identifiers, machine_of_identifiers(_value(identifiers)))
        return AlertSighting(
            whole,
            clean(whole.rsplit("/", 1)[-1]),
            place,
            kind,
            clean(row.status) if row.status else "Unknown",
            self._machines[identifiers],
            clean(row.compromisedEntity, 300) if row.compromisedEntity else "",
            microseconds_or_none(moment({"at": row.started}, "at")) if row.started else None,
            microseconds_or_none(moment({"at": row.generated}, "at")) if row.generated else None,
            None,
        )


def _value(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _as_alert(row: Item) -> Item:
    """A row in the shape that Defender for Cloud itself gives an alert."""
    whole = at(row, "extendedProperties")
    return {
        "id": at(row, "id"),
        "properties": {
            "alertDisplayName": at(row, "title"),
            "severity": at(row, "severity"),
            "status": at(row, "status"),
            "productName": at(row, "product"),
            "alertType": at(row, "alertType"),
            "compromisedEntity": at(row, "compromisedEntity"),
            "timeGeneratedUtc": at(row, "generated"),
            "startTimeUtc": at(row, "started"),
            "resourceIdentifiers": at(row, "resourceIdentifiers"),
            "alertUri": at(row, "alertUri"),
            "description": at(row, "description"),
            "remediationSteps": at(row, "remediationSteps"),
            "entities": at(row, "entities"),
            "extendedProperties": whole if isinstance(whole, Mapping) else {"WdatpTenantId": at(row, "wdatpTenantId")},
            "extendedLinks": at(row, "extendedLinks"),
        },
    }


def sighting_of_row(row: Item, portals: Collection[str] = (), *, detailed: bool = False) -> AlertSighting:
    """A row of ``alerts.kql`` or, ``detailed``, of ``alerts_some.kql``; whatever is missing or odd is blank."""
    alert = replace(alert_of(_as_alert(row), portals), details_known=detailed)
    return alert_sighting(alert, text(row, "subscriptionId") or alert.subscription_id)


def alerts(graph: Graph, subscription_ids: Sequence[str], *, page: int = PAGE) -> AsyncIterator[list[AlertSighting]]:
    """The alerts of ``subscription_ids`` without their details, a page at a time, in whatever order pages arrive.

    Raises :class:`BadAnswer` when an answer was cut short or left out rows, and every other :class:`AzureProblem`.
    """
    return chains(graph, query("alerts"), subscription_ids, Reader().read, "alerts", page)


async def alerts_since(graph: Graph, since: datetime, scope: Scope) -> AsyncIterator[list[AlertSighting]]:
    """The alerts that were generated after ``since``, without their details, a page at a time."""
    moment_of_it = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    async for page in rows(graph, query("alerts_since", since=moment_of_it), scope):
        yield [sighting_of_row(row) for row in page if text(row, "id")]


async def details(graph: Graph, alert_ids: Sequence[str], portals: Collection[str] = ()) -> list[AlertSighting]:
    """Those of the alerts with these ids (at most :data:`SOME`) that are there, with their details."""
    subscriptions = sorted({part_of(one, "subscriptions") for one in alert_ids})
    found: list[AlertSighting] = []
    async for page in rows(graph, query("alerts_some", ids=quoted(alert_ids)), subscriptions):
        found += [sighting_of_row(row, portals, detailed=True) for row in page if text(row, "id")]
    return found


async def digest(graph: Graph, scope: Scope) -> AlertDigest:
    """How many alerts there are of each status and severity, and the sum of the times at which they were generated."""
    return await _digest(graph, "alerts_digest", ("status", "severity"), scope)


async def digest_by_subscription(graph: Graph, scope: Scope) -> AlertDigest:
    """The same of each subscription (its id in lower case) and status."""
    return await _digest(graph, "alerts_by_subscription", ("subscriptionId", "status"), scope)


async def _digest(graph: Graph, name: str, keys: tuple[str, str], scope: Scope) -> AlertDigest:
    found: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    async for page in rows(graph, query(name), scope, attempts=1):  # rows that came twice would be counted twice
        for row in page:
            first, second = (text(row, key) or "Unknown" for key in keys)
            if keys[0] == "subscriptionId":
                first = first.lower()
            alerts, seconds = found[first, second]
            found[first, second] = (alerts + number(row, "alerts"), seconds + number(row, "seconds"))
    return dict(found)

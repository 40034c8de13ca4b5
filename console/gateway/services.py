"""Machines from Compute and Azure Arc themselves, where Resource Graph refuses: lists, and the extensions of one machine after the other.

No list tells extensions: the list of all VMs of a subscription expands the instance view only within a scale set, the list of its Arc
machines expands nothing. So each machine is a call of its own, and what a call costs counts: pages are decoded typed, large ones in a
thread. A page that is odd in any way is read patiently instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
from azure.core.rest import HttpRequest

from cache.model import Extension, Machine
from cache.sighting import Condition, Place, Sighting, System, sighting_of
from cache.text import clean
from console.gateway.errors import AzureProblem, Forbidden, SignInRequired
from console.gateway.graph_machines import PLAIN_ID, PLAIN_NAME, microseconds_of, remember, tags_text
from console.gateway.machines import MESSAGE, arc_machine, extension_of, os_type, power_of_code, virtual_machine
from console.gateway.pace import Pace
from console.gateway.reading import MOST_ID, ListPage, Send, address_of, fetch_body, list_page, pages, part_of, resource_id, text
from console.gateway.transport import Sleep

COMPUTE_API = "2026-04-01"
HYBRID_API = "2026-07-15"
LARGE = 64 * 1024
"""Bytes from which on a page is decoded in a thread."""

Row = TypeVar("Row")


class _TypedList(msgspec.Struct, Generic[Row], gc=False):
    value: list[Row]
    nextLink: str | None = None


class _Status(msgspec.Struct, gc=False):
    code: str | None = None
    message: str | None = None
    displayStatus: str | None = None


class _Agent(msgspec.Struct, gc=False):
    vmAgentVersion: str | None = None


class _VmView(msgspec.Struct, gc=False):
    osName: str | None = None
    osVersion: str | None = None
    vmAgent: _Agent | None = None
    statuses: list[_Status] | None = None


class _Image(msgspec.Struct, gc=False):
    publisher: str | None = None
    offer: str | None = None
    sku: str | None = None


class _Disk(msgspec.Struct, gc=False):
    osType: str


class _Storage(msgspec.Struct, gc=False):
    osDisk: _Disk
    imageReference: _Image | None = None


class _VmProperties(msgspec.Struct, gc=False):
    provisioningState: str
    storageProfile: _Storage
    timeCreated: str | None = None
    instanceView: _VmView | None = None


class _Vm(msgspec.Struct, gc=False):
    id: str
    name: str
    location: str
    properties: _VmProperties
    tags: msgspec.Raw = msgspec.Raw(b"{}")


class _SeenProperties(msgspec.Struct, gc=False):
    instanceView: _VmView


class _Seen(msgspec.Struct, gc=False):
    id: str
    properties: _SeenProperties


class _ArcProperties(msgspec.Struct, gc=False):
    status: str
    provisioningState: str
    osType: str | None = None
    osName: str | None = None
    osSku: str | None = None
    osVersion: str | None = None
    agentVersion: str | None = None
    lastStatusChange: str | None = None


class _Arc(msgspec.Struct, gc=False):
    id: str
    name: str
    location: str
    properties: _ArcProperties
    tags: msgspec.Raw = msgspec.Raw(b"{}")


class _ExtensionView(msgspec.Struct, gc=False):
    typeHandlerVersion: str | None = None
    statuses: list[_Status] | None = None
    status: _Status | None = None
    substatuses: list[_Status] | None = None


class _ExtensionProperties(msgspec.Struct, gc=False):
    publisher: str
    type: str
    provisioningState: str
    typeHandlerVersion: str | None = None
    instanceView: _ExtensionView | None = None


class _Extension(msgspec.Struct, gc=False):
    name: str
    properties: _ExtensionProperties


class View(NamedTuple):
    """What the instance view of a VM tells; empty where it does not."""

    power: str = ""
    os_name: str = ""
    os_version: str = ""
    agent_version: str = ""


class Reader:
    """Makes sightings of the bodies of one sign-in's lists. What many rows have in common is cleaned and kept once."""

    def __init__(self) -> None:
        self._vms = msgspec.json.Decoder(_TypedList[_Vm])
        self._seen = msgspec.json.Decoder(_TypedList[_Seen])
        self._arcs = msgspec.json.Decoder(_TypedList[_Arc])
        self._extensions = msgspec.json.Decoder(_TypedList[_Extension])
        self._places: dict[tuple[str, str, str], Place] = {}
        self._systems: dict[tuple[str | None, ...], System] = {}
        self._conditions: dict[tuple[str, ...], Condition] = {}
        self._tags: dict[bytes, str] = {}

    def views(self, body: bytes, what: str) -> ListPage:
        """Ids of VMs in lower case, each with its :class:`View`, from the list that tells little else."""
        try:
            page = self._seen.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            patient = list_page(body, what)
            found = [virtual_machine(one) for one in patient.rows]
            return patient._replace(rows=[(one.id.lower(), _view_of_machine(one)) for one in found])
        return ListPage([(_whole(one.id).lower(), _view(one.properties.instanceView)) for one in page.value], page.nextLink or None)

    def vms(self, body: bytes, what: str, subscription_id: str, views: dict[str, View]) -> ListPage:
        """VMs without their extensions."""
        try:
            page = self._vms.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            patient = list_page(body, what)
            found = [_with_view(virtual_machine(one), views) for one in patient.rows if text(one, "id")]
            return patient._replace(rows=[sighting_of(one, _owner(one.id, subscription_id)) for one in found])
        return ListPage([self._vm(row, subscription_id, views) for row in page.value if row.id], page.nextLink or None)

    def arcs(self, body: bytes, what: str, subscription_id: str) -> ListPage:
        """Azure Arc machines without their extensions."""
        try:
            page = self._arcs.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            patient = list_page(body, what)
            found = [arc_machine(one) for one in patient.rows if text(one, "id")]
            return patient._replace(rows=[sighting_of(one, _owner(one.id, subscription_id)) for one in found])
        return ListPage([self._arc(row, subscription_id) for row in page.value if row.id], page.nextLink or None)

    def extensions(self, body: bytes, what: str) -> ListPage:
        """The extensions of a machine, from either service."""
        try:
            page = self._extensions.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            patient = list_page(body, what)
            return patient._replace(rows=[extension_of(one) for one in patient.rows if text(one, "name")])
        return ListPage([_extension(one) for one in page.value if clean(one.name)], page.nextLink or None)

    def _vm(self, row: _Vm, subscription_id: str, views: dict[str, View]) -> Sighting:
        whole, name, place = self._named(row, subscription_id)
        properties, disk, image = row.properties, row.properties.storageProfile.osDisk, row.properties.storageProfile.imageReference
        own = View() if properties.instanceView is None else _view(properties.instanceView)
        told = views.get(whole.lower(), own)
        view = View(*(one or other for one, other in zip(told, own, strict=True)))
        parts = ("", "", "") if image is None else (image.publisher or "", image.offer or "", image.sku or "")
        system = ("vm", disk.osType, view.os_name, view.os_version, *parts)
        condition = ("vm", view.power, properties.provisioningState, view.agent_version)
        return Sighting(
            whole,
            name,
            place,
            self._systems.get(system) or remember(self._systems, system, _system_of_vm(disk.osType, view, parts)),
            self._condition(condition),
            None,
            self._tags_of(row.tags),
            None,
            microseconds_of(properties.timeCreated) if properties.timeCreated else None,
        )

    def _arc(self, row: _Arc, subscription_id: str) -> Sighting:
        whole, name, place = self._named(row, subscription_id)
        properties = row.properties
        system = ("arc", properties.osType, properties.osName, properties.osSku, properties.osVersion)
        condition = ("arc", properties.status, properties.provisioningState, properties.agentVersion or "")
        return Sighting(
            whole,
            name,
            place,
            self._systems.get(system) or remember(self._systems, system, _system_of_arc(properties)),
            self._condition(condition),
            None,
            self._tags_of(row.tags),
            microseconds_of(properties.lastStatusChange) if properties.lastStatusChange else None,
            None,
        )

    def _named(self, row: _Vm | _Arc, subscription_id: str) -> tuple[str, str, Place]:
        """Id, name and place of a machine."""
        whole, name = _whole(row.id), row.name
        if not PLAIN_NAME.fullmatch(name):
            name = clean(name, 200) or whole.rsplit("/", 1)[-1]
        key = (whole.rsplit("/", 1)[0], row.location, subscription_id)
        place = self._places.get(key)
        if place is None:
            group = clean(part_of(whole, "resourceGroups"))
            place = remember(self._places, key, Place(_owner(whole, subscription_id), group, clean(row.location)))
        return whole, name, place

    def _condition(self, key: tuple[str, ...]) -> Condition:
        return self._conditions.get(key) or remember(self._conditions, key, Condition(*map(clean, key[1:])))

    def _tags_of(self, raw: msgspec.Raw) -> str:
        tags = bytes(raw)
        told = self._tags.get(tags)
        return remember(self._tags, tags, tags_text(tags)) if told is None else told


def _whole(told: str) -> str:
    return told if PLAIN_ID.fullmatch(told) and len(told) < MOST_ID else resource_id({"id": told}, "id")


def _owner(whole: str, subscription_id: str) -> str:
    """The subscription of a machine; the one that was listed as it is written there, as services differ in the case."""
    found = part_of(whole, "subscriptions")
    return subscription_id if found.lower() == subscription_id.lower() else clean(found)


def _view(told: _VmView) -> View:
    codes = [clean(one.code or "") for one in told.statuses or ()]
    power = next((power_of_code(code) for code in codes if code.lower().startswith("powerstate/")), "")
    agent = "" if told.vmAgent is None else told.vmAgent.vmAgentVersion or ""
    return View(power, clean(told.osName or "", 200), clean(told.osVersion or "", 100), clean(agent))


def _view_of_machine(one: Machine) -> View:
    return View(one.power, one.os_name, one.os_version, one.agent_version)


def _with_view(machine: Machine, views: dict[str, View]) -> Machine:
    own = _view_of_machine(machine)
    told = views.get(machine.id.lower(), own)
    power, os_name, os_version, agent_version = (one or other for one, other in zip(told, own, strict=True))
    return replace(machine, power=power, os_name=os_name, os_version=os_version, agent_version=agent_version)


def _system_of_vm(system: str, view: View, image: tuple[str, ...]) -> System:
    parts = [clean(one) for one in image]
    return System("vm", os_type(clean(system)), view.os_name, view.os_version, ":".join(parts) if any(parts) else "")


def _system_of_arc(told: _ArcProperties) -> System:
    name = clean(told.osSku or "", 200) or clean(told.osName or "", 200)
    return System("arc", os_type(clean(told.osType or "") or clean(told.osName or "")), name, clean(told.osVersion or "", 100), "")


def _extension(row: _Extension) -> Extension:
    told, view = row.properties, row.properties.instanceView or _ExtensionView()
    statuses = view.statuses or ([view.status] if view.status is not None else [])
    said = next((one for one in statuses if "failed" in clean(one.code or "").lower()), statuses[0] if statuses else _Status())
    deeper = next((message for one in view.substatuses or () if (message := clean(one.message or ""))), "")
    return Extension(
        clean(row.name),
        clean(told.publisher),
        clean(told.type),
        clean(told.provisioningState),
        clean(view.typeHandlerVersion or "") or clean(told.typeHandlerVersion or ""),
        clean(said.code or ""),
        clean(said.message or "", MESSAGE) or deeper[:MESSAGE] or clean(said.displayStatus or ""),
    )


class Services:
    """Compute and Azure Arc for one sign-in, each subscription at the pace that Resource Manager allows."""

    def __init__(self, send_compute: Send, send_hybrid: Send, origin: str, sleep: Sleep) -> None:
        self._compute = send_compute
        self._hybrid = send_hybrid
        self._origin = origin
        self._pace = Pace(sleep)
        self._reader = Reader()
        self._turn = asyncio.Lock()

    async def machines(self, subscription_id: str) -> AsyncIterator[list[Sighting]]:
        """The machines of one subscription, page by page, without their extensions.

        Where one of the two refuses, the other is read all the same, and VMs are read without their power states where only those are
        refused; the refusal is raised at the end. A sign-in that is over ends it at once.
        """
        compute, hybrid = self._pace.of(subscription_id, self._compute), self._pace.of(subscription_id, self._hybrid)
        base = f"{self._origin}/subscriptions/{subscription_id}/providers"
        vms = f"{base}/Microsoft.Compute/virtualMachines?api-version={COMPUTE_API}"
        arcs = f"{base}/Microsoft.HybridCompute/machines?api-version={HYBRID_API}"
        failures: list[AzureProblem] = []
        views: dict[str, View] = {}
        reader = self._reader
        what = "reading power states"
        async for page in _until_refused(
            pages(compute, f"{vms}&statusOnly=true", what, self._reading(partial(reader.views, what=what))), failures
        ):
            views |= page
        what = "reading virtual machines"
        read = self._reading(partial(reader.vms, what=what, subscription_id=subscription_id, views=views))
        async for page in _until_refused(pages(compute, vms, what, read), failures):
            yield page
        what = "reading Azure Arc machines"
        read = self._reading(partial(reader.arcs, what=what, subscription_id=subscription_id))
        async for page in _until_refused(pages(hybrid, arcs, what, read), failures):
            yield page
        if failures:
            raise next((one for one in failures if not isinstance(one, Forbidden)), failures[0])

    async def extensions(self, machine_id: str, kind: str) -> tuple[Extension, ...]:
        """The extensions of one machine (of ``kind`` ``vm`` or ``arc``) with what they say."""
        what = "reading the extensions of a machine"
        if kind == "vm":
            send, rest = self._compute, f"/extensions?$expand=instanceView&api-version={COMPUTE_API}"
        else:
            send, rest = self._hybrid, f"/extensions?api-version={HYBRID_API}"
        address = address_of(self._origin, machine_id, rest)
        send = self._pace.of(part_of(machine_id, "subscriptions"), send)
        read = self._reading(partial(self._reader.extensions, what=what))
        return tuple([one async for page in pages(send, address, what, read) for one in page])

    async def delete_extension(self, machine_id: str, kind: str, name: str) -> None:
        """Have an extension of a machine (of ``kind`` ``vm`` or ``arc``) deleted. Azure goes on with it after this has returned."""
        send, version = (self._compute, COMPUTE_API) if kind == "vm" else (self._hybrid, HYBRID_API)
        address = address_of(self._origin, machine_id, f"/extensions/{quote(name, safe='')}?api-version={version}")
        await fetch_body(send, HttpRequest("DELETE", address), "deleting an extension")

    def _reading(self, read: Callable[[bytes], ListPage]) -> Callable[[bytes], Awaitable[ListPage]]:
        """``read``, in a thread where a body is large, one such body at a time."""

        async def reading(body: bytes) -> ListPage:
            if len(body) < LARGE:
                return read(body)
            async with self._turn:
                return await asyncio.to_thread(read, body)

        return reading


async def _until_refused(found: AsyncIterator[list[Any]], failures: list[AzureProblem]) -> AsyncIterator[list[Any]]:
    """The pages up to a failure, which is kept, unless it is that the sign-in is over."""
    try:
        async for page in found:
            yield page
    except SignInRequired:
        raise
    except AzureProblem as problem:
        failures.append(problem)

"""Machines and their extensions: from Resource Graph in one query, or from Compute and Azure Arc themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from cache.model import Extension, Machine
from console.gateway.errors import AzureProblem, Forbidden, NotFound, SignInRequired
from console.gateway.reading import Item, Send, address_of, at, items, moment, pages, part_of, resource_id, tags_of, text

COMPUTE_API = "2026-04-01"
HYBRID_API = "2026-07-15"
AT_ONCE = 16
"""Machines whose extensions are asked for at the same time."""

MESSAGE = 3000


def machine_of_graph(row: Item) -> Machine:
    """A row of ``machines.kql``."""
    whole = resource_id(row, "id")
    vm = "virtualmachines" in text(row, "type").lower()
    image = [text(row, key) for key in ("imagePublisher", "imageOffer", "imageSku")]
    return Machine(
        whole,
        text(row, "name", limit=200) or whole.rsplit("/", 1)[-1],
        "vm" if vm else "arc",
        text(row, "subscriptionId") or part_of(whole, "subscriptions"),
        part_of(whole, "resourceGroups") or text(row, "resourceGroup"),
        text(row, "location"),
        os_type(text(row, "osType")),
        text(row, "osName", limit=200),
        text(row, "osVersion", limit=100),
        ":".join(image) if any(image) else "",
        power_of_code(text(row, "power")) if vm else text(row, "power"),
        text(row, "provisioningState"),
        text(row, "agentVersion"),
        moment(row, "statusAt"),
        moment(row, "createdAt"),
        tags_of(row),
        extensions_of_graph(row),
    )


def extensions_of_graph(row: Item) -> tuple[Extension, ...]:
    """The extensions in a row of ``machines.kql``."""
    return tuple(
        Extension(
            text(one, "name"),
            text(one, "publisher"),
            text(one, "type"),
            text(one, "state"),
            text(one, "version"),
            text(one, "code"),
            text(one, "message", limit=MESSAGE),
        )
        for one in items(row, "extensions")
        if text(one, "name")
    )


def os_type(told: str) -> str:
    """``Linux`` or ``Windows``, however it is written."""
    return {"linux": "Linux", "windows": "Windows"}.get(told.lower(), told)


def power_of_code(code: str) -> str:
    """``running`` of ``PowerState/running``."""
    return code.rsplit("/", 1)[-1] if code.lower().startswith("powerstate/") else code


def _vm(row: Item) -> Machine:
    whole = resource_id(row, "id")
    reference = at(row, "properties", "storageProfile", "imageReference")
    image = [text(reference, key) for key in ("publisher", "offer", "sku")]
    return Machine(
        whole,
        text(row, "name", limit=200) or whole.rsplit("/", 1)[-1],
        "vm",
        part_of(whole, "subscriptions"),
        part_of(whole, "resourceGroups"),
        text(row, "location"),
        os_type(text(row, "properties", "storageProfile", "osDisk", "osType")),
        text(row, "properties", "instanceView", "osName", limit=200),
        text(row, "properties", "instanceView", "osVersion", limit=100),
        ":".join(image) if any(image) else "",
        _power_of(row),
        text(row, "properties", "provisioningState"),
        text(row, "properties", "instanceView", "vmAgent", "vmAgentVersion"),
        created_at=moment(row, "properties", "timeCreated"),
        tags=tags_of(row),
        extensions_known=False,
    )


def _power_of(row: Item) -> str:
    statuses = items(row, "properties", "instanceView", "statuses")
    codes = [text(one, "code") for one in statuses]
    return next((power_of_code(code) for code in codes if code.lower().startswith("powerstate/")), "")


def _arc(row: Item) -> Machine:
    whole = resource_id(row, "id")
    return Machine(
        whole,
        text(row, "name", limit=200) or whole.rsplit("/", 1)[-1],
        "arc",
        part_of(whole, "subscriptions"),
        part_of(whole, "resourceGroups"),
        text(row, "location"),
        os_type(text(row, "properties", "osType") or text(row, "properties", "osName")),
        text(row, "properties", "osSku", limit=200) or text(row, "properties", "osName", limit=200),
        text(row, "properties", "osVersion", limit=100),
        "",
        text(row, "properties", "status"),
        text(row, "properties", "provisioningState"),
        text(row, "properties", "agentVersion"),
        moment(row, "properties", "lastStatusChange"),
        None,
        tags_of(row),
        extensions_known=False,
    )


def extension_of(row: Item) -> Extension:
    """An extension from Compute (a list of statuses) or Azure Arc (one status)."""
    view = at(row, "properties", "instanceView")
    statuses = items(view, "statuses") or ([at(view, "status")] if at(view, "status") else [])
    told = next((one for one in statuses if "failed" in text(one, "code").lower()), statuses[0] if statuses else {})
    deeper = next((text(one, "message") for one in items(view, "substatuses") if text(one, "message")), "")
    return Extension(
        text(row, "name"),
        text(row, "properties", "publisher"),
        text(row, "properties", "type"),
        text(row, "properties", "provisioningState"),
        text(view, "typeHandlerVersion") or text(row, "properties", "typeHandlerVersion"),
        text(told, "code"),
        text(told, "message", limit=MESSAGE) or deeper[:MESSAGE] or text(told, "displayStatus"),
    )


async def extensions(send_compute: Send, send_hybrid: Send, origin: str, machine: Machine) -> tuple[Extension, ...]:
    """The extensions of one machine with what they say."""
    what = "reading the extensions of a machine"
    found: list[Extension] = []
    if machine.kind == "vm":
        send, rest = send_compute, f"/extensions?$expand=instanceView&api-version={COMPUTE_API}"
    else:
        send, rest = send_hybrid, f"/extensions?api-version={HYBRID_API}"
    async for page in pages(send, address_of(origin, machine.id, rest), what):
        found += [extension_of(one) for one in page if text(one, "name")]
    return tuple(found)


async def service_machines(send_compute: Send, send_hybrid: Send, origin: str, subscription_id: str) -> AsyncIterator[list[Machine]]:
    """The machines of one subscription from Compute and Azure Arc, each page with its extensions.

    Where one of the two refuses, the other is read all the same, and VMs are read without their power states where only those are
    refused; the refusal is raised at the end. A sign-in that is over ends it at once.
    """
    failures: list[AzureProblem] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def complete(machine: Machine) -> Machine | None:
        async with gate:
            if any(isinstance(one, SignInRequired) for one in failures):
                return machine
            try:
                return replace(machine, extensions=await extensions(send_compute, send_hybrid, origin, machine), extensions_known=True)
            except NotFound:  # deleted since the list was made
                return None
            except AzureProblem as problem:
                failures.append(problem)
                return machine

    async def completed(machines: list[Machine]) -> list[Machine]:
        found = [one for one in await asyncio.gather(*map(complete, machines)) if one is not None]
        if over := next((one for one in failures if isinstance(one, SignInRequired)), None):
            raise over
        return found

    base = f"{origin}/subscriptions/{subscription_id}/providers"
    power: dict[str, Machine] = {}
    try:
        power = await _power_states(send_compute, base)
    except SignInRequired:
        raise
    except AzureProblem as problem:
        failures.append(problem)
    try:
        async for page in pages(
            send_compute, f"{base}/Microsoft.Compute/virtualMachines?api-version={COMPUTE_API}", "reading virtual machines"
        ):
            found = [_with_view(_vm(one), power) for one in page if text(one, "id")]
            yield await completed(found)
    except SignInRequired:
        raise
    except AzureProblem as problem:
        failures.append(problem)
    try:
        async for page in pages(
            send_hybrid, f"{base}/Microsoft.HybridCompute/machines?api-version={HYBRID_API}", "reading Azure Arc machines"
        ):
            yield await completed([_arc(one) for one in page if text(one, "id")])
    except SignInRequired:
        raise
    except AzureProblem as problem:
        failures.append(problem)
    if failures:
        raise next((one for one in failures if not isinstance(one, Forbidden)), failures[0])


def _with_view(machine: Machine, views: dict[str, Machine]) -> Machine:
    view = views.get(machine.id.lower())
    if view is None:
        return machine
    return replace(
        machine,
        power=view.power or machine.power,
        os_name=view.os_name or machine.os_name,
        os_version=view.os_version or machine.os_version,
        agent_version=view.agent_version or machine.agent_version,
    )


async def _power_states(send: Send, base: str) -> dict[str, Machine]:
    """The instance views of all VMs in one list, which holds little else."""
    found: dict[str, Machine] = {}
    url = f"{base}/Microsoft.Compute/virtualMachines?api-version={COMPUTE_API}&statusOnly=true"
    async for page in pages(send, url, "reading power states"):
        found |= {resource_id(one, "id").lower(): _vm(one) for one in page}
    return found

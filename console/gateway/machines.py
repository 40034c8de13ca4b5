"""Machines and their extensions read patiently, whatever is odd about them: from Resource Graph, Compute and Azure Arc."""

from __future__ import annotations

from cache.model import Extension, Machine
from console.gateway.reading import Item, at, items, moment, part_of, resource_id, tags_of, text

MESSAGE = 3000
"""Characters of what an extension says that are kept."""


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


def virtual_machine(row: Item) -> Machine:
    """A VM from Compute, without its extensions."""
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


def arc_machine(row: Item) -> Machine:
    """A machine from Azure Arc, without its extensions."""
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

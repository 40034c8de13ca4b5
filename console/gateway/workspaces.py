"""Log Analytics workspaces, and which machine's agent reports to which: read from Resource Graph when a report asks for it."""

from __future__ import annotations

from cache.model import Workspace
from console.gateway.graph import Graph, Scope, query, rows
from console.gateway.reading import part_of, resource_id, text


async def workspaces(graph: Graph, scope: Scope) -> list[Workspace]:
    """The workspaces that the caller can see."""
    found: dict[str, Workspace] = {}
    async for page in rows(graph, query("workspaces"), scope):
        for row in page:
            if (key := text(row, "workspaceId").lower()) and (whole := resource_id(row, "id")):
                found[key] = Workspace(key, text(row, "name"), part_of(whole, "subscriptions"), text(row, "location"))
    return list(found.values())


async def agents(graph: Graph, scope: Scope) -> dict[str, str]:
    """The workspace that the Log Analytics agent of a machine is set to, by machine id, both in lower case; empty where it names none."""
    found: dict[str, str] = {}
    async for page in rows(graph, query("agents"), scope):
        for row in page:
            if machine := text(row, "machineId").lower():
                found[machine] = text(row, "workspaceId").lower()
    return found

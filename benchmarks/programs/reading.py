"""Reads Azure once, in one of the ways that are compared, and prints what it took.

``python -m benchmarks.programs.reading WAY HOME CLOUD``.

Ways: ``sync`` is the console's; ``sdk`` one chain of ``ResourceGraphClient.resources()`` into the same cache; ``raw`` the same pages in
eight chains, decoded into types and thrown away; ``machines`` a loop over the models of the Compute SDK, sixteen machines at once. The
time begins with an open connection, so that no way pays for imports.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import product

CHAINS = 8
AT_ONCE = 16
TICK = 0.005
API = "2021-03-01"


class Extension(msgspec.Struct):
    """What a row tells of an extension."""

    name: str
    publisher: str = ""
    type: str = ""
    state: str = ""
    version: str = ""
    code: str = ""
    message: str = ""


class Found(msgspec.Struct, rename="camel"):
    """A row of the query for machines."""

    id: str
    name: str
    type: str
    subscription_id: str
    resource_group: str
    location: str
    tags: dict[str, str] | None
    os_type: str
    os_name: str
    os_version: str
    power: str
    image_publisher: str
    image_offer: str
    image_sku: str
    provisioning_state: str
    agent_version: str
    status_at: str
    created_at: str
    extensions: list[Extension] | None


class Page(msgspec.Struct, rename={"token": "$skipToken"}):
    """A page."""

    data: list[Found]
    token: str | None = None


class Lag:
    """How late the event loop is, tick by tick: a stall makes every tick that falls into it late, not only one."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + TICK
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            now = loop.time()
            while due <= now:
                self.late.append((now - due) * 1000)
                due += TICK

    def p99(self) -> float:
        """The lag below which 99 of 100 ticks lie, in ms."""
        ordered = sorted(self.late)
        return ordered[int(len(ordered) * 0.99)] if ordered else 0.0


async def by_sdk(connection: Any) -> int:
    """As the documentation of the SDK shows it: page after page, and each page into the cache."""
    from azure.mgmt.resourcegraph.aio import ResourceGraphClient
    from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions

    ids = await product.subscriptions_of(connection)
    count = 0
    async with product.client(connection, ResourceGraphClient) as client:
        for start in range(0, len(ids), 1000):
            token: str | None = None
            while True:
                options = QueryRequestOptions(top=1000, skip_token=token, result_format="objectArray")
                asked = QueryRequest(query=product.machines_query(), subscriptions=ids[start : start + 1000], options=options)
                answer = await client.resources(asked)
                await product.keep_rows(connection, answer.data, "sdk")
                count += len(answer.data)
                token = answer.skip_token
                if not token:
                    break
    await product.finish_rows(connection, ids, "sdk")
    return count


async def raw(connection: Any) -> int:
    """Fetch and decode: the least that any reading does."""
    from azure.core.rest import HttpRequest
    from azure.mgmt.resourcegraph.aio import ResourceGraphClient

    ids = await product.subscriptions_of(connection)
    decoder = msgspec.json.Decoder(Page)
    text = product.machines_query()
    origin = connection.azure.cloud.resource_manager
    size = -(-len(ids) // CHAINS)
    client: Any
    async with product.client(connection, ResourceGraphClient) as client:

        async def chain(group: list[str]) -> int:
            token: str | None = None
            count = 0
            while True:
                options = {"resultFormat": "objectArray", "$top": 1000} | ({"$skipToken": token} if token else {})
                body = {"subscriptions": group, "query": text, "options": options}
                request = HttpRequest("POST", f"{origin}/providers/Microsoft.ResourceGraph/resources?api-version={API}", json=body)
                response = await client._send_request(request, stream=True)
                page = decoder.decode(await response.read())
                await response.close()
                count += len(page.data)
                token = page.token
                if not token:
                    return count

        groups = [ids[start : start + size] for start in range(0, len(ids), size)]
        return sum(await asyncio.gather(*map(chain, groups)))


async def by_machine(connection: Any) -> int:
    """The machines of each subscription as models, and the extensions machine by machine."""
    from azure.mgmt.compute.aio import ComputeManagementClient

    from cache.model import Extension as Known
    from cache.model import Machine

    ids = await product.subscriptions_of(connection)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(client: Any, owner: str, vm: Any, views: dict[str, Any]) -> Any:
        group = vm.id.split("/")[4]
        async with gate:
            answer = await client.virtual_machine_extensions.list(group, vm.name, expand="instanceView")
        view = views[vm.id.lower()].instance_view
        power = next((status.code.partition("/")[2] for status in view.statuses if status.code.startswith("PowerState/")), "")
        image = vm.storage_profile.image_reference
        return Machine(
            vm.id,
            vm.name,
            "vm",
            owner,
            group,
            vm.location,
            str(vm.storage_profile.os_disk.os_type),
            view.os_name or "",
            view.os_version or "",
            f"{image.publisher}:{image.offer}:{image.sku}",
            power,
            vm.provisioning_state or "",
            view.vm_agent.vm_agent_version or "",
            tags=dict(vm.tags or {}),
            extensions=tuple(_known(Known, each) for each in answer.value or ()),
        )

    async def owner_of(owner: str) -> int:
        async with product.client(connection, ComputeManagementClient, subscription_id=owner) as client:
            async with gate:
                views = {vm.id.lower(): vm async for vm in client.virtual_machines.list_all(status_only="true")}
            async with gate:
                vms = [vm async for vm in client.virtual_machines.list_all()]
            found = await asyncio.gather(*(one(client, owner, vm, views) for vm in vms))
        await product.keep_machines(connection, owner, found, "machines")
        return len(found)

    return sum(await asyncio.gather(*map(owner_of, ids)))


def _known(kind: Any, each: Any) -> Any:
    statuses = each.instance_view.statuses if each.instance_view else []
    told = statuses[0] if statuses else None
    code, message = (told.code or "", told.message or "") if told else ("", "")
    told_type = each.properties.type or ""
    return kind(each.name, each.publisher, told_type, each.provisioning_state, each.type_handler_version or "", code, message)


WAYS: dict[str, Callable[[Any], Awaitable[int]]] = {"sync": product.sync, "sdk": by_sdk, "raw": raw, "machines": by_machine}


async def read(way: str, home: Path, cloud: Path) -> dict[str, Any]:
    """Read and measure."""
    async with product.connected(home, cloud) as connection:
        lag = Lag()
        ticking = asyncio.create_task(lag.run())
        await asyncio.sleep(0.1)
        lag.late.clear()
        began = time.perf_counter()
        count = await WAYS[way](connection)
        took = time.perf_counter() - began
        late = lag.p99()
        ticking.cancel()
        return {"seconds": took, "machines": count, "lag": late, "longest": max(lag.late, default=0.0)}


def main(arguments: list[str]) -> None:
    """Read and print."""
    way, home, cloud = arguments
    print(json.dumps(asyncio.run(read(way, Path(home), Path(cloud)))))


if __name__ == "__main__":
    main(sys.argv[1:])

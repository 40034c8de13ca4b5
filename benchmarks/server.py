"""An Azure that is never the bottleneck: Resource Graph and the services over real TLS, every row encoded before the first request.

``python -m benchmarks.server FOLDER MACHINES [--refuse-graph]`` in a process of its own. It makes a certificate authority, writes
``ca.pem`` into the folder, prints its port and serves until its standard input ends. Each answer takes 50 ms as one of Azure's does, and
there is no quota. ``POST /control/change?share=0.01`` changes that share of the machines and lists them among the changes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from benchmarks.fleet import PER_SUBSCRIPTION, TENANT, MadeUp, extensions_of, graph_row, machine, subscription_id, subscription_name
from benchmarks.fleet import subscriptions_for as subscriptions_in
from console.simulator.certificates import make_certificates, server_context

DELAY = 0.05
"""Seconds that each answer takes."""

PAGE = 1000
EMPTY = b'{"totalRecords":0,"count":0,"data":[],"facets":[],"resultTruncated":"false"}'
QUOTA = {"x-ms-user-quota-remaining": "1000", "x-ms-user-quota-resets-after": "00:00:01", "x-ms-ratelimit-remaining-tenant-reads": "11999"}

encode = msgspec.json.encode


class Options(msgspec.Struct, rename={"top": "$top", "skip": "$skip", "token": "$skipToken"}):
    """How many rows, and from where."""

    top: int = PAGE
    skip: int = 0
    token: str | None = None


class Question(msgspec.Struct):
    """What Resource Graph is asked."""

    query: str
    subscriptions: list[str] | None = None
    options: Options = msgspec.field(default_factory=Options)


@dataclass(slots=True)
class Azure:
    """All that is served: a row for each machine, those of a subscription one after the other."""

    count: int
    refuses_graph: bool
    rows: list[bytes] = field(default_factory=list)
    generations: dict[int, int] = field(default_factory=dict)
    changes: list[tuple[datetime, int, bytes]] = field(default_factory=list)
    by_id: dict[str, int] = field(default_factory=dict)
    subscriptions: dict[str, int] = field(default_factory=dict)
    services: dict[str, bytes] = field(default_factory=dict)
    requests: int = 0

    def fill(self) -> None:
        """Make everything before the first request."""
        for number in range(self.count):
            one = machine(number)
            self.rows.append(encode(graph_row(one)))
            self.by_id[one.id.lower()] = number
        self.subscriptions = {subscription_id(one): one for one in range(subscriptions_in(self.count))}
        self.services["/subscriptions"] = encode(
            {"value": [_subscription(one) for one in range(len(self.subscriptions))]},
        )
        if self.count > 10_000:  # the services are asked about small fleets only
            return
        for owner, place in self.subscriptions.items():
            here = [machine(one) for one in range(place * PER_SUBSCRIPTION, min(self.count, (place + 1) * PER_SUBSCRIPTION))]
            base = f"/subscriptions/{owner}/providers/Microsoft.Compute/virtualMachines".lower()
            self.services[base] = encode({"value": [_vm(one) for one in here]})
            self.services[f"{base}?statusonly"] = encode({"value": [_status(one) for one in here]})

    def change(self, share: float) -> int:
        """Change a share of the machines, spread evenly. Returns how many."""
        step = max(1, round(1 / share))
        now = datetime.now(UTC)
        start = sum(self.generations.values()) % step
        for number in range(start, self.count, step):
            self.generations[number] = self.generations.get(number, 0) + 1
            one = machine(number)
            self.rows[number] = encode(graph_row(one, self.generations[number]))
            row = {
                "id": f"{one.id}/providers/Microsoft.Resources/changes/{len(self.changes):012d}",
                "targetId": one.id.lower(),
                "targetType": "microsoft.compute/virtualmachines",
                "changeType": "Update",
                "at": now.isoformat(timespec="microseconds").replace("+00:00", "0Z"),
            }
            self.changes.append((now, number // PER_SUBSCRIPTION, encode(row)))
        return len(range(start, self.count, step))

    def answer(self, question: Question) -> bytes:
        """What Resource Graph answers."""
        asked = question.query
        if question.subscriptions is None:
            places = list(range(len(self.subscriptions)))
        else:
            places = sorted(self.subscriptions[one.lower()] for one in question.subscriptions if one.lower() in self.subscriptions)
        if "resourcechanges" in asked.lower():
            return _page(self._changes(asked, set(places)), question.options)
        if "microsoft.compute/virtualmachines" not in asked.lower() or "securityresources" in asked.lower():
            return EMPTY
        if found := re.search(r"\bin~?\s*\(\s*'(/subscriptions/[^)]*)\)", asked):
            numbers = [self.by_id[one] for one in re.findall(r"/subscriptions/[^']+", found.group(1).lower()) if one in self.by_id]
            return _page([self.rows[one] for one in sorted(numbers)], question.options)
        return self._machines(places, question.options)

    def extensions(self, path: str) -> bytes | None:
        """The extensions of the machine at a path."""
        number = self.by_id.get(path.removesuffix("/extensions"))
        if number is None:
            return None
        one = machine(number)
        return encode({"value": [_extension(one, each) for each in extensions_of(one)]})

    def _machines(self, places: list[int], options: Options) -> bytes:
        start = _start(options)
        total = sum(self._size(one) for one in places)
        rows: list[bytes] = []
        skip = start
        for place in places:
            size = self._size(place)
            if skip >= size:
                skip -= size
                continue
            first = place * PER_SUBSCRIPTION + skip
            rows += self.rows[first : min(first + options.top - len(rows), place * PER_SUBSCRIPTION + size)]
            skip = 0
            if len(rows) >= options.top:
                break
        return _document(rows, total, start)

    def _size(self, place: int) -> int:
        return min(PER_SUBSCRIPTION, self.count - place * PER_SUBSCRIPTION)

    def _changes(self, asked: str, places: set[int]) -> list[bytes]:
        found = re.search(r"\bdatetime\(\s*([^)\s]+)\s*\)", asked)
        since = _moment(found.group(1)) if found else datetime.min.replace(tzinfo=UTC)
        return [row for at, place, row in self.changes if at > since and place in places]


def _moment(text: str) -> datetime:
    head, dot, tail = text.strip("'\"").rstrip("Z").partition(".")
    moment = datetime.fromisoformat(head + (f".{tail[:6].ljust(6, '0')}" if dot and tail.isdigit() else ""))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _start(options: Options) -> int:
    return int(options.token) if options.token else options.skip


def _page(rows: list[bytes], options: Options) -> bytes:
    start = _start(options)
    return _document(rows[start : start + options.top], len(rows), start)


def _document(rows: list[bytes], total: int, start: int) -> bytes:
    following = start + len(rows)
    token = f',"$skipToken":"{following}"' if following < total and rows else ""
    head = f'{{"totalRecords":{total},"count":{len(rows)},"resultTruncated":"false"{token},"facets":[],"data":['
    return b"%b%b]}" % (head.encode(), b",".join(rows))


def _subscription(number: int) -> dict[str, Any]:
    one = subscription_id(number)
    names = {"subscriptionId": one, "displayName": subscription_name(number), "tenantId": TENANT}
    return {"id": f"/subscriptions/{one}", "state": "Enabled", **names}


def _vm(one: MadeUp) -> dict[str, Any]:
    publisher, offer, sku, _, _, os_type = one.system
    disk = {"osType": os_type, "name": f"{one.name}-os", "createOption": "FromImage", "caching": "ReadWrite", "diskSizeGB": 64}
    image = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}
    nic = one.id.replace("Microsoft.Compute/virtualMachines", "Microsoft.Network/networkInterfaces")
    return {
        "id": one.id,
        "name": one.name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": one.location,
        "tags": graph_row(one)["tags"],
        "properties": {
            "vmId": f"{one.number:08x}-0000-4000-8000-000000000000",
            "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
            "storageProfile": {"imageReference": image, "osDisk": disk, "dataDisks": []},
            "osProfile": {"computerName": one.name, "adminUsername": "contoso", "allowExtensionOperations": True},
            "networkProfile": {"networkInterfaces": [{"id": nic, "properties": {"primary": True}}]},
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
            "provisioningState": "Succeeded",
            "timeCreated": one.since.isoformat(),
        },
    }


def _status(one: MadeUp) -> dict[str, Any]:
    statuses = [{"code": "ProvisioningState/succeeded", "level": "Info"}, {"code": f"PowerState/{one.power}", "level": "Info"}]
    agent = {"vmAgentVersion": "2.11.1.4", "statuses": []}
    view = {"osName": one.system[3], "osVersion": one.system[4], "vmAgent": agent, "statuses": statuses}
    kept = {"provisioningState": "Succeeded", "instanceView": view}
    return {"id": one.id, "name": one.name, "type": "Microsoft.Compute/virtualMachines", "location": one.location, "properties": kept}


def _extension(one: MadeUp, each: dict[str, str]) -> dict[str, Any]:
    code = each["code"] or "ProvisioningState/succeeded"
    statuses = [{"code": code, "message": each["message"]}]
    view = {"name": each["name"], "type": each["type"], "typeHandlerVersion": each["version"], "statuses": statuses}
    properties = {
        "publisher": each["publisher"],
        "type": each["type"],
        "typeHandlerVersion": each["version"],
        "autoUpgradeMinorVersion": True,
        "provisioningState": each["state"],
        "instanceView": view,
    }
    whole = f"{one.id}/extensions/{each['name']}"
    kind = "Microsoft.Compute/virtualMachines/extensions"
    return {"id": whole, "name": each["name"], "type": kind, "location": one.location, "properties": properties}


def application(azure: Azure) -> web.Application:
    """The routes."""
    question = msgspec.json.Decoder(Question)

    async def graph(request: web.Request) -> web.Response:
        azure.requests += 1
        until = asyncio.get_running_loop().time() + DELAY
        if azure.refuses_graph:
            await asyncio.sleep(DELAY)
            return _json(encode({"error": {"code": "AuthorizationFailed", "message": "Not allowed."}}), status=403)
        body = azure.answer(question.decode(await request.read()))
        await asyncio.sleep(max(0.0, until - asyncio.get_running_loop().time()))
        return _json(body, headers=QUOTA)

    async def service(request: web.Request) -> web.Response:
        azure.requests += 1
        await asyncio.sleep(DELAY)
        path = request.path.lower().rstrip("/")
        if request.query.get("statusOnly", "").lower() == "true":
            path += "?statusonly"
        found = azure.services.get(path) or azure.extensions(path)
        if found is None and path.endswith("/providers/microsoft.security"):
            found = b'{"namespace":"Microsoft.Security","registrationState":"Registered"}'
        return _json(found or b'{"value":[]}')

    async def change(request: web.Request) -> web.Response:
        return _json(encode({"changed": azure.change(float(request.query["share"]))}))

    async def count(_: web.Request) -> web.Response:
        return _json(encode({"requests": azure.requests}))

    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/providers/{provider:(?i:microsoft.resourcegraph)}/{kind:(?i:resources)}", graph)
    app.router.add_post("/control/change", change)
    app.router.add_get("/control/requests", count)
    app.router.add_get("/{path:.*}", service)
    return app


def _json(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


async def serve(folder: Path, azure: Azure) -> None:
    """Serve until standard input ends."""
    certificates = make_certificates()
    (folder / "ca.pem").write_bytes(certificates.ca_pem)
    runner = web.AppRunner(application(azure), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(certificates))
    await site.start()
    gc.collect()
    gc.freeze()
    addresses: Any = runner.addresses
    print(addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


def main(arguments: list[str]) -> None:
    """Fill and serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server")
    parser.add_argument("folder", type=Path)
    parser.add_argument("machines", type=int)
    parser.add_argument("--refuse-graph", action="store_true")
    options = parser.parse_args(arguments)
    azure = Azure(options.machines, options.refuse_graph)
    azure.fill()
    asyncio.run(serve(options.folder, azure))


if __name__ == "__main__":
    main(sys.argv[1:])

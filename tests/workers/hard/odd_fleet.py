"""A fleet that a server of odd answers tells of as Resource Graph does, so that a test may spoil any page of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.gateway.odd_server import Canned, OddServer

Row = dict[str, Any]
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ELSEWHERE = {"value": [], "registrationState": "Registered", "properties": {"pricingTier": "Free"}}


class OddTime:
    """A clock that a test moves on: the server's and the console's."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Query:
    """A query as it arrives: what it is about, all rows that answer it, where its page begins, and the how manieth of its kind it is."""

    about: str
    """``machines``, ``some machines``, ``alerts``, ``changes`` or ``digest``."""

    rows: list[Any]
    start: int
    number: int
    subscriptions: tuple[str, ...] = ()

    def page(self, size: int, **spoilt: Any) -> Canned:
        """The page of ``size`` rows from ``start`` on as the service answers it, but for what is ``spoilt`` of its body."""
        end = self.start + size
        body: dict[str, Any] = {"totalRecords": len(self.rows), "data": self.rows[self.start : end], "resultTruncated": "false"}
        if end < len(self.rows):
            body["$skipToken"] = str(end)
        return Canned({key: value for key, value in (body | spoilt).items() if value is not None})


@dataclass
class Told:
    """The queries that came, by what they are about."""

    queries: list[Query] = field(default_factory=list)

    def about(self, about: str) -> list[Query]:
        return [one for one in self.queries if one.about == about]


class OddFleet(OddServer):
    """``subscriptions``, ``machines``, ``alerts`` and ``changes`` are what is there. ``spoil`` may give another answer to a query."""

    def __init__(self, folder: Path, size: int = 3) -> None:
        super().__init__(folder)
        self.clock = OddTime()
        self.size = size
        self.subscriptions = [subscription(1)]
        self.machines: list[Any] = []
        self.alerts: list[Any] = []
        self.changes: list[Any] = []
        self.told = Told()
        self.spoil: Callable[[Query], Canned | None] = lambda _: None
        self.service: Callable[[str], Canned | None] = lambda _: None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.endswith("/Microsoft.ResourceGraph/resources"):
            answer = self._graph(await request.json())
        elif path == "/subscriptions":
            answer = Canned({"value": [{"subscriptionId": one, "displayName": one[-4:], "state": "Enabled"} for one in self.subscriptions]})
        elif path.endswith("/permissions"):
            answer = Canned({"value": [{"actions": ["*"], "notActions": []}]})
        else:
            answer = self.service(path) or Canned(_ELSEWHERE)
        dated = {"Date": format_datetime(self.clock.now(), usegmt=True), **answer.headers}
        return await self._send(request, Canned(answer.content, answer.status, dated, answer.cut))

    def _graph(self, body: Any) -> Canned:
        kql, scope = body["query"], tuple(body.get("subscriptions") or ())
        about, rows = self._asked(kql)
        if scope and about != "changes":
            rows = [row for row in rows if not isinstance(row, dict) or row.get("subscriptionId") in (None, *scope)]
        number = len(self.told.about(about))
        one = Query(about, rows, int((body.get("options") or {}).get("$skipToken") or 0), number, scope)
        self.told.queries.append(one)
        return self.spoil(one) or one.page(self.size)

    def _asked(self, kql: str) -> tuple[str, list[Any]]:
        if "resourcechanges" in kql:
            return "changes", [row for row in self.changes if not _before(row, kql.partition("> datetime(")[2].partition(")")[0])]
        if "machineId in (" in kql:
            named = set(re.findall(r'"([^"]+)"', kql.partition("machineId in (")[2].partition(")\n")[0]))
            return "some machines", [row for row in self.machines if str(row["id"]).lower() in named]
        if kql.lstrip().startswith("resources"):
            return "machines", self.machines
        if "locations/alerts" in kql and "summarize" not in kql and "tolower(id) in" not in kql:
            return "alerts", self.alerts
        return "digest", []


def _before(row: Any, since: str) -> bool:
    """Whether a change is known to be older."""
    try:
        return datetime.fromisoformat(row["at"]) <= datetime.fromisoformat(since)
    except (TypeError, ValueError, KeyError):
        return False


def subscription(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


def machine(number: int, owner: int = 1, group: str = "g", **odd: Any) -> Row:
    """A row of ``machines.kql``."""
    name = f"vm-{number:04}"
    return {
        "id": f"/subscriptions/{subscription(owner)}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}",
        "name": name,
        "type": "microsoft.compute/virtualmachines",
        "subscriptionId": subscription(owner),
        "resourceGroup": group,
        "location": "westeurope",
        "tags": {"role": "web"},
        "osType": "Linux",
        "osName": "ubuntu",
        "osVersion": "22.04",
        "power": "PowerState/running",
        "createdAt": "2026-01-01T00:00:00Z",
        "extensions": [
            {"name": "MDE.Linux", "publisher": "Microsoft.Azure.AzureDefenderForServers", "type": "MDE.Linux", "state": "Succeeded"}
        ],
        **odd,
    }


def alert(number: int, owner: int = 1, **odd: Any) -> Row:
    """A row of ``alerts.kql``."""
    place = f"/subscriptions/{subscription(owner)}/resourceGroups/g/providers/Microsoft.Security/locations/westeurope"
    return {
        "id": f"{place}/alerts/a{number:04}",
        "subscriptionId": subscription(owner),
        "title": "Odd",
        "severity": "Low",
        "status": "Active",
        "generated": "2026-02-01T00:00:00Z",
        **odd,
    }


def change(number: int, target: Any, at: Any = "2026-03-01T12:00:30Z", **odd: Any) -> Row:
    """A row of ``changes.kql``."""
    return {"id": f"/changes/{number}", "targetId": target, "at": at, **odd}

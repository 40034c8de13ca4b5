"""The DuckDB tables behind Resource Graph, kept in step with the world.

A subscription's rows are made when it is first asked for and whenever something in it was changed by hand; what changes by time alone is
followed machine by machine, from a queue of the moments at which each does. All of it runs in one thread.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from console.simulator import graph_rows as rows
from console.simulator.alerts import Alerts
from console.simulator.assessments import assessments
from console.simulator.machines import Machine
from console.simulator.wire import Json
from console.simulator.world import Subscription, World

TABLES = (rows.RESOURCES, rows.SECURITY, rows.CONTAINERS, rows.CHANGES)


class GraphTables:
    def __init__(self, world: World, alerts: Alerts) -> None:
        self._world = world
        self._alerts = alerts
        self.connection: Any = duckdb.connect(config={"threads": str(min(4, os.cpu_count() or 1))})
        self.connection.execute("SET TimeZone='UTC'")
        self._folder = tempfile.TemporaryDirectory(prefix="mde-simulator-graph-")
        self._revisions: dict[str, int] = {}
        self._alert_marks: dict[str, tuple[int, int]] = {}
        self._queue: list[tuple[float, str, int, int]] = []
        columns = ", ".join(f'"{name}" {kind}' for name, kind in rows.COLUMNS.items())
        for table in TABLES:
            self.connection.execute(f"CREATE TABLE all_{table} ({columns}, _needs VARCHAR)")

    def close(self) -> None:
        self.connection.close()
        self._folder.cleanup()

    def refresh(self, now: float) -> None:
        """Bring every table up to `now`."""
        for subscription in self._world.subscriptions.values():
            revision = subscription.revision
            if self._revisions.get(subscription.id) != revision:
                self._rebuild(subscription, revision, now)
                self._revisions[subscription.id] = revision
            self._refresh_alerts(subscription, now)
        self._follow_time(now)

    def show_to(self, readable: dict[str, tuple[str, ...]]) -> None:
        """Make the tables show what a caller may read: subscription id → types."""
        by_types: dict[tuple[str, ...], list[str]] = {}
        for subscription, types in readable.items():
            by_types.setdefault(types, []).append(subscription)
        parts = [f"(subscriptionId IN ({_listed(ids)}) AND _needs IN ({_listed(types)}))" for types, ids in by_types.items() if types]
        condition = " OR ".join(parts) or "FALSE"
        for table in TABLES:
            self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * EXCLUDE (_needs) FROM all_{table} WHERE {condition}")

    def _rebuild(self, subscription: Subscription, revision: int, now: float) -> None:
        world = self._world
        for table in TABLES:
            self.connection.execute(f"DELETE FROM all_{table} WHERE subscriptionId = ?", [subscription.id])
        self._alert_marks.pop(subscription.id, None)
        resources: list[Json] = []
        changes: list[Json] = []
        for machine in world.machines(subscription.id):
            resources.append(rows.machine_row(world, machine, now))
            self._add_extensions(machine, now, resources, changes)
            way = world.course(machine)
            for moment in (way.appears, way.done):
                if now < moment < float("inf"):
                    heapq.heappush(self._queue, (moment, subscription.id, machine.number, revision))
            for manual in world.manual.get(machine.id.lower(), {}).values():
                if manual.done > now:
                    heapq.heappush(self._queue, (manual.done, subscription.id, machine.number, revision))
        self._insert(rows.RESOURCES, resources)
        self._insert(rows.CHANGES, changes)
        self._insert(rows.CONTAINERS, rows.container_rows(world, subscription))
        security = [rows.pricing_row(subscription, name) for name in subscription.pricings] if subscription.registered else []
        security += [rows.assessment_row(world, found) for found in assessments(world, subscription, now)]
        self._insert(rows.SECURITY, security)

    def _follow_time(self, now: float) -> None:
        """Redo the extensions of the machines on which one appeared or was done since."""
        due: dict[tuple[str, int], Machine] = {}
        while self._queue and self._queue[0][0] <= now:
            _, subscription, number, revision = heapq.heappop(self._queue)
            if self._revisions.get(subscription) == revision:
                due[subscription, number] = self._world.machines(subscription)[number]
        if not due:
            return
        resources: list[Json] = []
        changes: list[Json] = []
        for machine in due.values():
            self._add_extensions(machine, now, resources, changes)
        self._delete(rows.RESOURCES, [row["id"] for row in resources])
        self._delete(rows.CHANGES, [row["id"] for row in changes])
        self._insert(rows.RESOURCES, resources)
        self._insert(rows.CHANGES, changes)
        security = []
        for subscription in {machine.subscription for machine in due.values()}:
            numbers = {number for owner, number in due if owner == subscription}
            chosen = [self._world.machines(subscription)[number] for number in sorted(numbers)]
            security += [
                rows.assessment_row(self._world, a) for a in assessments(self._world, self._world.subscriptions[subscription], now, chosen)
            ]
        self._delete(rows.SECURITY, [row["id"] for row in security])
        self._insert(rows.SECURITY, security)

    def _add_extensions(self, machine: Machine, now: float, resources: list[Json], changes: list[Json]) -> None:
        for extension in self._world.extensions(machine, now):
            resources.append(rows.extension_row(self._world, machine, extension))
            changes.extend(rows.change_rows(self._world, machine, extension, now))

    def _refresh_alerts(self, subscription: Subscription, now: float) -> None:
        known = self._alerts.until(subscription, now)
        mark = (len(known), self._alerts.revision)
        if self._alert_marks.get(subscription.id) == mark:
            return
        self.connection.execute(
            f"DELETE FROM all_{rows.SECURITY} WHERE subscriptionId = ? AND type = ?", [subscription.id, rows.ALERT_TYPE]
        )
        self._insert(rows.SECURITY, [rows.alert_row(self._world, alert) for alert in known])
        self._alert_marks[subscription.id] = mark

    def _delete(self, table: str, ids: list[str]) -> None:
        if ids:
            self.connection.execute(f"DELETE FROM all_{table} WHERE id IN (SELECT unnest(?))", [ids])

    def _insert(self, table: str, items: Iterable[Json]) -> None:
        """Through a file of JSON lines, which DuckDB reads many times faster than it takes rows from Python."""
        path = Path(self._folder.name, "rows.json")
        encoder = msgspec.json.Encoder()
        content = encoder.encode_lines(items)
        if not content:
            return
        path.write_bytes(content)
        columns = {**rows.COLUMNS, "_needs": "VARCHAR"}
        described = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items()) + "}"
        names = ", ".join(f'"{name}"' for name in columns)
        self.connection.execute(
            f"INSERT INTO all_{table} SELECT {names} FROM read_json('{path}', format='newline_delimited', columns={described})"
        )
        path.unlink()


def _listed(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)

"""The DuckDB tables behind Resource Graph, kept in step with the world.

A subscription's rows are made when it is first asked for and whenever something in it was changed by hand; what changes by time alone is
followed machine by machine, from a queue of the moments at which each does. All of it runs in one thread.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from console.simulator import graph_rows as rows
from console.simulator.alerts import Alerts
from console.simulator.assessments import assessments
from console.simulator.clock import iso
from console.simulator.machines import Machine
from console.simulator.wire import Json
from console.simulator.world import Subscription, World

TABLES = (rows.RESOURCES, rows.SECURITY, rows.CONTAINERS, rows.CHANGES)
PREFIX = "everything_in_"
"""The tables of all rows are named so; queries see views of what the caller may read, and may not name these."""


Maker = Callable[[Subscription, Sequence[Machine], float, bool], dict[str, list[Json]]]


@dataclass
class _Part:
    """Tables whose rows are made together: for which revision of each subscription, and when time will change them next."""

    tables: tuple[str, ...]
    make: Maker
    revisions: dict[str, int] = field(default_factory=dict)
    queue: list[tuple[float, str, int, int]] = field(default_factory=list)


class GraphTables:
    def __init__(self, world: World, alerts: Alerts) -> None:
        self._world = world
        self._alerts = alerts
        self.connection: Any = duckdb.connect(config={"threads": str(min(4, os.cpu_count() or 1))})
        self.connection.execute("SET TimeZone='UTC'")
        self._folder = tempfile.TemporaryDirectory(prefix="mde-simulator-graph-")
        self._parts: tuple[_Part, ...] = (
            _Part((rows.RESOURCES, rows.CHANGES), self._machines),
            _Part((rows.SECURITY,), self._security),
            _Part((rows.CONTAINERS,), self._containers),
        )
        self._alert_marks: dict[str, tuple[int, int]] = {}
        columns = ", ".join(f'"{name}" {kind}' for name, kind in rows.COLUMNS.items())
        for table in TABLES:
            self.connection.execute(f"CREATE TABLE {PREFIX}{table} ({columns}, _needs VARCHAR)")

    def close(self) -> None:
        self.connection.close()
        self._folder.cleanup()

    def refresh(self, now: float, tables: Iterable[str] = TABLES) -> None:
        """Bring these tables up to `now`."""
        wanted = set(tables)
        for part in self._parts:
            if not wanted.intersection(part.tables):
                continue
            for subscription in self._world.subscriptions.values():
                if part.revisions.get(subscription.id) != subscription.revision:
                    self._rebuild(part, subscription, now)
            self._follow_time(part, now)
        if rows.SECURITY in wanted:
            for subscription in self._world.subscriptions.values():
                self._refresh_alerts(subscription, now)

    def show_to(self, readable: dict[str, tuple[str, ...]], now: float) -> None:
        """Make the tables show what a caller may read: subscription id → types; and of changes, the last 14 days."""
        by_types: dict[tuple[str, ...], list[str]] = {}
        for subscription, types in readable.items():
            by_types.setdefault(types, []).append(subscription)
        parts = [f"(subscriptionId IN ({_listed(ids)}) AND _needs IN ({_listed(types)}))" for types, ids in by_types.items() if types]
        condition = " OR ".join(parts) or "FALSE"
        recent = f"(properties->>'$.changeAttributes.timestamp') > '{iso(now - rows.CHANGES_KEPT)}'"
        for table in TABLES:
            shown = f"({condition}) AND {recent}" if table == rows.CHANGES else condition
            self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * EXCLUDE (_needs) FROM {PREFIX}{table} WHERE {shown}")

    def _rebuild(self, part: _Part, subscription: Subscription, now: float) -> None:
        """All of a subscription's rows anew, and the moments at which time will change them."""
        world, revision = self._world, subscription.revision
        part.revisions[subscription.id] = revision
        for table in part.tables:
            self.connection.execute(f"DELETE FROM {PREFIX}{table} WHERE subscriptionId = ?", [subscription.id])
        self._alert_marks.pop(subscription.id, None)
        machines = world.machines(subscription.id)
        for table, items in part.make(subscription, machines, now, True).items():
            self._insert(table, items)
        for machine in machines:
            way = world.course(machine)
            by_hand = world.manual.get(machine.id.lower(), {}) if world.manual else {}
            moments = (way.appears, way.done, *(manual.done for manual in by_hand.values()))
            for moment in moments:
                if now < moment < float("inf"):
                    heapq.heappush(part.queue, (moment, subscription.id, machine.number, revision))

    def _follow_time(self, part: _Part, now: float) -> None:
        """Redo the rows of the machines for which a moment has passed since."""
        due: dict[str, set[int]] = {}
        while part.queue and part.queue[0][0] <= now:
            _, subscription_id, number, revision = heapq.heappop(part.queue)
            if part.revisions.get(subscription_id) == revision:
                due.setdefault(subscription_id, set()).add(number)
        for subscription_id, numbers in due.items():
            machines = self._world.machines(subscription_id)
            chosen = [machines[number] for number in sorted(numbers)]
            for table, items in part.make(self._world.subscriptions[subscription_id], chosen, now, False).items():
                self._delete(table, [row["id"] for row in items])
                self._insert(table, items)

    # What the rows of each part are. `whole` asks for the subscription's own rows too, and not for those of its machines alone.

    def _machines(self, _subscription: Subscription, machines: Sequence[Machine], now: float, whole: bool) -> dict[str, list[Json]]:
        resources: list[Json] = []
        changes: list[Json] = []
        for machine in machines:
            if whole:
                resources.append(rows.machine_row(self._world, machine, now))
            self._add_extensions(machine, now, resources, changes)
        return {rows.RESOURCES: resources, rows.CHANGES: changes}

    def _security(self, subscription: Subscription, machines: Sequence[Machine], now: float, whole: bool) -> dict[str, list[Json]]:
        made = [rows.assessment_row(self._world, found) for found in assessments(self._world, subscription, now, machines)]
        if whole and subscription.registered:
            made += [rows.pricing_row(subscription, name) for name in subscription.pricings]
        return {rows.SECURITY: made}

    def _containers(self, subscription: Subscription, _machines: Sequence[Machine], _now: float, whole: bool) -> dict[str, list[Json]]:
        return {rows.CONTAINERS: list(rows.container_rows(self._world, subscription)) if whole else []}

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
            f"DELETE FROM {PREFIX}{rows.SECURITY} WHERE subscriptionId = ? AND type = ?", [subscription.id, rows.ALERT_TYPE]
        )
        self._insert(rows.SECURITY, [rows.alert_row(self._world, alert) for alert in known])
        self._alert_marks[subscription.id] = mark

    def _delete(self, table: str, ids: list[str]) -> None:
        if ids:
            self.connection.execute(f"DELETE FROM {PREFIX}{table} WHERE id IN (SELECT unnest(?))", [ids])

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
            f"INSERT INTO {PREFIX}{table} SELECT {names} FROM read_json('{path}', format='newline_delimited', columns={described})"
        )
        path.unlink()


def _listed(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)

"""The DuckDB tables behind Resource Graph, kept in step with the world.

A subscription's rows are made when it is first asked for and whenever something in it was changed by hand; what changes by time alone is
followed machine by machine, from a queue of the moments at which each does. All of it runs in one thread.
"""

from __future__ import annotations

import gc
import heapq
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from console.simulator import changes
from console.simulator import graph_rows as rows
from console.simulator.alerts import Alerts
from console.simulator.assessments import assessments
from console.simulator.clock import iso
from console.simulator.machines import Machine
from console.simulator.wire import Json
from console.simulator.world import Subscription, World

ALERTS = "alerts"
"""Alerts are kept by themselves, since they change apart from the other rows of their table."""

TABLES = (rows.RESOURCES, rows.SECURITY, rows.CONTAINERS, rows.CHANGES)
PREFIX = "everything_in_"
"""The tables of all rows are named so; queries see views of what the caller may read, and may not name these."""


BATCH = 25_000
"""How many rows are put in a table at a time: each time costs milliseconds, however few rows it brings."""

Rows = dict[str, list[Json]]
Maker = Callable[[Subscription, Sequence[Machine], float, bool], Rows]


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
        self.connection: Any = duckdb.connect(config={"threads": str(min(4, os.cpu_count() or 1)), "memory_limit": "1GB"})
        self.connection.execute("SET TimeZone='UTC'")
        self.connection.execute("SET preserve_insertion_order=true")
        self._folder = tempfile.TemporaryDirectory(prefix="mde-simulator-graph-")
        self.connection.execute(f"SET temp_directory='{self._folder.name}/spill'")
        self._parts: tuple[_Part, ...] = (
            _Part((rows.RESOURCES, rows.CHANGES), self._machines),
            _Part((rows.SECURITY,), self._security),
            _Part((rows.CONTAINERS,), self._containers),
        )
        self._alert_marks: dict[str, tuple[int, int]] = {}
        self._pending: Rows = {}
        self._encoder = msgspec.json.Encoder()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="resource-graph-writer")
        self._writing: Future[None] | None = None
        columns = ", ".join(f'"{name}" {kind}' for name, kind in rows.COLUMNS.items())
        for table in (*TABLES, ALERTS):
            self.connection.execute(f"CREATE TABLE {PREFIX}{table} ({columns}, _needs VARCHAR)")

    def close(self) -> None:
        self._writer.shutdown()
        self.connection.close()
        self._folder.cleanup()

    def refresh(self, now: float, tables: Iterable[str] = TABLES) -> None:
        """Bring these tables up to `now`."""
        wanted = set(tables)
        with _without_collecting():
            for part in self._parts:
                if not wanted.intersection(part.tables):
                    continue
                subscriptions = self._world.subscriptions.values()
                self._rebuild(part, [s for s in subscriptions if part.revisions.get(s.id) != s.revision], now)
                self._follow_time(part, now)
            if rows.SECURITY in wanted:
                self._refresh_alerts(now)

    def show_to(self, readable: dict[str, tuple[str, ...]], now: float, tables: Iterable[str] = TABLES) -> None:
        """Make these tables show what a caller may read: subscription id → types; and of changes, the last 14 days."""
        by_types: dict[tuple[str, ...], list[str]] = {}
        for subscription, types in readable.items():
            by_types.setdefault(types, []).append(subscription)
        parts = [f"(subscriptionId IN ({_listed(ids)}) AND _needs IN ({_listed(types)}))" for types, ids in by_types.items() if types]
        condition = " OR ".join(parts) or "FALSE"
        recent = f"(properties->>'$.changeAttributes.timestamp') > '{iso(now - rows.CHANGES_KEPT)}'"
        for table in tables:
            shown = f"({condition}) AND {recent}" if table == rows.CHANGES else condition
            source = f"{PREFIX}{table}"
            if table == rows.SECURITY:
                source = f"(SELECT * FROM {source} UNION ALL SELECT * FROM {PREFIX}{ALERTS})"
            self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * EXCLUDE (_needs) FROM {source} WHERE {shown}")

    def _rebuild(self, part: _Part, subscriptions: Sequence[Subscription], now: float) -> None:
        """All rows of these subscriptions anew, and the moments at which time will change them."""
        world = self._world
        known = [s.id for s in subscriptions if s.id in part.revisions]
        if known:
            for table in part.tables:
                self.connection.execute(f"DELETE FROM {PREFIX}{table} WHERE subscriptionId IN (SELECT unnest(?))", [known])
        for subscription in subscriptions:
            revision = part.revisions[subscription.id] = subscription.revision
            machines = world.machines(subscription.id)
            self._add(part.make(subscription, machines, now, True))
            for machine in machines:
                way = world.course(machine)
                by_hand = world.manual.get(machine.id.lower(), {}) if world.manual else {}
                own = changes.moments(machine, world.stopped_since(machine), now)
                for moment in (way.appears, way.done, *(manual.done for manual in by_hand.values()), *own):
                    if now < moment < float("inf"):
                        heapq.heappush(part.queue, (moment, subscription.id, machine.number, revision))
        self._flush()

    def _follow_time(self, part: _Part, now: float) -> None:
        """Redo the rows of the machines for which a moment has passed since."""
        due: dict[str, set[int]] = {}
        while part.queue and part.queue[0][0] <= now:
            _, subscription_id, number, revision = heapq.heappop(part.queue)
            if part.revisions.get(subscription_id) == revision:
                due.setdefault(subscription_id, set()).add(number)
        made: Rows = {}
        for subscription_id, numbers in due.items():
            chosen = [machine for machine in self._world.machines(subscription_id) if machine.number in numbers]
            for table, items in part.make(self._world.subscriptions[subscription_id], chosen, now, False).items():
                made.setdefault(table, []).extend(items)
        for table, items in made.items():
            self._delete(table, [row["id"] for row in items])
        self._add(made)
        self._flush()

    # What the rows of each part are. `whole` asks for the subscription's own rows too, and not for those of its machines alone.

    def _machines(self, subscription: Subscription, machines: Sequence[Machine], now: float, whole: bool) -> Rows:
        world = self._world
        resources: list[Json] = []
        changed: list[Json] = []
        for machine in machines:
            resources.append(rows.machine_row(world, machine, now))
            extensions = world.extensions(machine, now)
            resources.extend(rows.extension_row(world, machine, extension) for extension in extensions)
            changed.extend(rows.change_rows(world, machine, extensions, now))
        if whole:
            changed.extend(rows.change_row(world, change) for change in world.log.get(subscription.id, ()))
            if any(machine.legacy_agent for machine in machines):
                resources.append(rows.workspace_row(subscription))
        return {rows.RESOURCES: resources, rows.CHANGES: changed}

    def _security(self, subscription: Subscription, machines: Sequence[Machine], now: float, whole: bool) -> Rows:
        made = [rows.assessment_row(self._world, found) for found in assessments(self._world, subscription, now, machines)]
        if whole and subscription.registered:
            made += [rows.pricing_row(subscription, name) for name in subscription.pricings]
        return {rows.SECURITY: made}

    def _containers(self, subscription: Subscription, _machines: Sequence[Machine], _now: float, whole: bool) -> Rows:
        return {rows.CONTAINERS: list(rows.container_rows(self._world, subscription)) if whole else []}

    def _refresh_alerts(self, now: float) -> None:
        """Add the alerts that arrived, and redo those of the subscriptions in which somebody changed any."""
        gone: list[str] = []
        for subscription in self._world.subscriptions.values():
            known = self._alerts.until(subscription, now)
            mark = (len(known), self._alerts.revisions.get(subscription.id, 0))
            before = self._alert_marks.get(subscription.id, (0, 0))
            if before != mark:
                if before[1] == mark[1]:
                    known = known[: mark[0] - before[0]]  # the newest come first
                elif before[0]:
                    gone.append(subscription.id)
                self._alert_marks[subscription.id] = mark
                self._pending.setdefault(ALERTS, []).extend(rows.alert_row(self._world, alert) for alert in known)
                if not gone and len(self._pending[ALERTS]) > BATCH:
                    self._flush()
        if gone:
            self.connection.execute(f"DELETE FROM {PREFIX}{ALERTS} WHERE subscriptionId IN (SELECT unnest(?))", [gone])
        self._flush()

    def _add(self, made: Rows) -> None:
        """Put rows in their tables, some time before the next `_flush` is over."""
        for table, items in made.items():
            waiting = self._pending.setdefault(table, [])
            waiting.extend(items)
            if len(waiting) > BATCH:
                self._insert(table, self._pending.pop(table))

    def _flush(self) -> None:
        while self._pending:
            self._insert(*self._pending.popitem())
        self._written()

    def _delete(self, table: str, ids: list[str]) -> None:
        if ids:
            self.connection.execute(f"DELETE FROM {PREFIX}{table} WHERE id IN (SELECT unnest(?))", [ids])

    def _insert(self, table: str, items: Iterable[Json]) -> None:
        """Through a file of JSON lines, which DuckDB reads many times faster than it takes rows from Python; while the next are made."""
        content = self._encoder.encode_lines(items)
        self._written()
        if content:
            self._writing = self._writer.submit(self._write, table, content)

    def _written(self) -> None:
        """Wait until what was inserted is there."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _write(self, table: str, content: bytes) -> None:
        path = Path(self._folder.name, "rows.json")
        path.write_bytes(content)
        columns = {**rows.COLUMNS, "_needs": "VARCHAR"}
        described = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items()) + "}"
        names = ", ".join(f'"{name}"' for name in columns)
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {PREFIX}{table} SELECT {names} FROM read_json('{path}', format='newline_delimited', columns={described})"
            )
        path.unlink()


@contextmanager
def _without_collecting() -> Iterator[None]:
    """No garbage is collected inside: of a great many new objects none is garbage, and looking at them all takes as long as making them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _listed(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)

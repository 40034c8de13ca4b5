"""Resource Graph: runs the query it is given over the tables, in a thread of its own so that the server keeps answering."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import msgspec

from console.simulator.alerts import Alerts
from console.simulator.graph_rows import READ_ACTIONS
from console.simulator.graph_tables import GraphTables
from console.simulator.kql import BadQuery, translate
from console.simulator.roles import Role, allows
from console.simulator.world import World

_KEPT_ROWS = 400_000
"""How many rows of results that are still being paged are remembered; the least recently used go first."""


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    """In the service's words: string, integer, number, boolean, object."""


@dataclass(frozen=True)
class Result:
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Any, ...]]
    pageable: bool


class ResourceGraph:
    def __init__(self, world: World, alerts: Alerts) -> None:
        self._world, self._alerts = world, alerts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="resource-graph")
        self._tables: GraphTables | None = None
        self._results: OrderedDict[str, Result] = OrderedDict()

    def close(self) -> None:
        if self._tables is not None:
            self._thread.submit(self._tables.close).result()
        self._thread.shutdown()

    async def run(self, query: str, readable: dict[str, tuple[Role, ...]], now: float) -> Result:
        """The whole result of a query for a caller who holds these roles in these subscriptions; BadQuery says what is wrong."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, query, readable, now)

    def keep(self, result: Result) -> str:
        """Remember a result so that its next pages are of the same moment; the token to ask for them with."""
        token = secrets.token_urlsafe(24)
        self._results[token] = result
        while len(self._results) > 1 and sum(len(kept.rows) for kept in self._results.values()) > _KEPT_ROWS:
            self._results.popitem(last=False)
        return token

    def kept(self, token: str) -> Result | None:
        if token in self._results:
            self._results.move_to_end(token)
        return self._results.get(token)

    def _run(self, query: str, readable: dict[str, tuple[Role, ...]], now: float) -> Result:
        translated = translate(query, now)
        if self._tables is None:
            self._tables = GraphTables(self._world, self._alerts)
        self._tables.refresh(now, translated.tables)
        self._tables.show_to({subscription: _types(roles) for subscription, roles in readable.items()}, now, translated.tables)
        connection = self._tables.connection
        try:
            connection.execute(translated.sql, translated.parameters or None)
            described = [(name, str(kind)) for name, kind, *_ in connection.description]
            found = connection.fetchall()
        except duckdb.Error as error:
            raise BadQuery(_semantic_failure(str(error))) from error
        columns = tuple(Column(name, _kind(kind)) for name, kind in described)
        converters = [_converter(kind) for _, kind in described]
        rows = [tuple(c(v) if c and v is not None else v for c, v in zip(converters, row, strict=True)) for row in found]
        pageable = not translated.limits and any(column.type != "object" for column in columns)
        return Result(columns, rows, pageable)


def _types(roles: tuple[Role, ...]) -> tuple[str, ...]:
    """The row types whose resources these roles may read."""
    return tuple(kind for kind, action in READ_ACTIONS.items() if roles and (not action or allows(roles, action)))


def _kind(duckdb_type: str) -> str:
    if duckdb_type == "VARCHAR" or duckdb_type.startswith(("TIMESTAMP", "INTERVAL", "DATE", "TIME", "UUID")):
        return "string"
    if duckdb_type in ("BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "SMALLINT", "TINYINT"):
        return "integer"
    if duckdb_type.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return "number"
    return "boolean" if duckdb_type == "BOOLEAN" else "object"


def _converter(duckdb_type: str) -> Any:
    """How a DuckDB value becomes what is encoded: JSON text goes through untouched."""
    if duckdb_type == "JSON":
        return lambda value: msgspec.Raw(value.encode())
    if duckdb_type == "JSON[]":
        return lambda values: [None if v is None else msgspec.Raw(v.encode()) for v in values]
    if duckdb_type.startswith(("VARCHAR", "BIGINT", "INTEGER", "BOOLEAN")):
        return None
    return _plain


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and value != value else value


def _semantic_failure(text: str) -> dict[str, Any]:
    column = re.search(r'column "([^"]+)"', text)
    table = re.search(r"Table with name (\S+) does not exist", text)
    if column:
        return {"code": "Default", "message": f"Failed to resolve column or scalar expression named '{column[1]}'"}
    if table:
        return {"code": "DisallowedLogicalTableName", "message": f"Table {table[1]} was not found or is not allowed."}
    return {"code": "Default", "message": text.partition("\n")[0]}

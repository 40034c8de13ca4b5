"""Resource Graph: runs the query it is given over the tables, in a thread of its own so that the server keeps answering."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import msgspec

from console.simulator.alerts import Alerts
from console.simulator.graph_rows import READ_ACTIONS
from console.simulator.graph_tables import TABLES, GraphTables
from console.simulator.kql import BadQuery, translate
from console.simulator.roles import Role, allows
from console.simulator.world import World

KEPT_BYTES = 512 * 1024 * 1024
"""How much of the results that are being paged is remembered; those that were read to their end go first, then the least recently used."""

_FETCHED = 10_000
"""Rows that are taken from the database at a time."""


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    """In the service's words: string, integer, number, boolean, object."""


@dataclass(frozen=True)
class Result:
    """All that a query found, of one moment: `rows` are JSON objects, encoded."""

    columns: tuple[Column, ...]
    rows: Sequence[bytes]
    pageable: bool
    size: int
    """Of the rows, in bytes."""

    def decoded(self, start: int = 0, end: int | None = None) -> list[dict[str, Any]]:
        """Rows as a client reads them."""
        return [msgspec.json.decode(row) for row in self.rows[start:end]]


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
        while len(self._results) > 1 and sum(kept.size for kept in self._results.values()) > KEPT_BYTES:
            self._results.popitem(last=False)
        return token

    def finish(self, token: str) -> None:
        """The last page of a result was asked for: it is the first to be forgotten, though it may be asked for again."""
        if token in self._results:
            self._results.move_to_end(token, last=False)

    def kept(self, token: str) -> Result | None:
        if token in self._results:
            self._results.move_to_end(token)
        return self._results.get(token)

    def _run(self, query: str, readable: dict[str, tuple[Role, ...]], now: float) -> Result:
        translated = translate(query, now)
        tables = self._refreshed(now, translated.tables)
        tables.show_to({subscription: _types(roles) for subscription, roles in readable.items()}, now, translated.tables)
        connection = tables.connection
        try:
            connection.execute(translated.sql, translated.parameters or None)
            described = [(name, str(kind)) for name, kind, *_ in connection.description]
            rows = _encoded(connection, described)
        except duckdb.Error as error:
            raise BadQuery(_semantic_failure(str(error))) from error
        columns = tuple(Column(name, _kind(kind)) for name, kind in described)
        pageable = not translated.limits and any(column.type != "object" for column in columns)
        return Result(columns, rows, pageable, sum(map(len, rows)))

    async def build(self, now: float) -> None:
        """Make the tables now rather than when they are first asked; queries that come meanwhile wait for one table at the most."""
        loop = asyncio.get_running_loop()
        for table in TABLES:
            await loop.run_in_executor(self._thread, self._refreshed, now, (table,))

    def _refreshed(self, now: float, tables: Iterable[str]) -> GraphTables:
        if self._tables is None:
            self._tables = GraphTables(self._world, self._alerts)
        self._tables.refresh(now, tables)
        return self._tables


def _encoded(connection: Any, described: list[tuple[str, str]]) -> list[bytes]:
    """What a query found, a JSON object a row."""
    converters = [(name, _converter(kind)) for name, kind in described]
    encode = msgspec.json.Encoder().encode
    rows: list[bytes] = []
    while found := connection.fetchmany(_FETCHED):
        for row in found:
            values = zip(converters, row, strict=True)
            rows.append(encode({name: convert(v) if convert and v is not None else v for (name, convert), v in values}))
    return rows


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

"""Resource Graph's query language, made into DuckDB's SQL by duckdb-kql.

What that library lacks and queries commonly use is added here: `make_bag`, and the limits that the service sets (three joins, three
mv-expands). Not supported, by it or by this module: `evaluate` (bag_unpack, pivot), `mv-apply`, `serialize`, `project-reorder`,
`bag_keys`, `pack_all`, `materialize`, and `union` with `withsource`. Column names compare without case, which the service does not do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb_kql
from duckdb_kql.translate import functions

from console.simulator import graph_rows as rows
from console.simulator.graph_tables import TABLES

_QUOTED_OR_COMMENT = re.compile(r"""@?"(?:[^"\\\n]|\\.)*"|@?'(?:[^'\\\n]|\\.)*'|//[^\n]*""")
_LIMITING = re.compile(r"\|\s*(?:take|limit|sample|sample-distinct)\b", re.IGNORECASE)
_MAX_JOINS = _MAX_EXPANDS = 3


def _add_make_bag() -> None:
    """An aggregate that merges property bags, in the library's own table of aggregates."""
    template = (
        "CAST(list_reduce(list_concat([CAST('{{}}' AS JSON)], coalesce(list(CAST({0} AS JSON)) FILTER (WHERE {0} IS NOT NULL), [])), "
        "lambda a, b: json_merge_patch(a, b)) AS JSON)"
    )
    functions.AGGREGATE_FUNCTIONS.setdefault("make_bag", functions.AggregateSpec("make_bag", template, (1, 2), name_prefix="bag"))


_add_make_bag()


class BadQuery(Exception):
    """A query that the service would refuse: `details` are in its words, after the general one."""

    def __init__(self, *details: dict[str, Any]) -> None:
        super().__init__(details[0].get("message", "") if details else "")
        self.details = list(details)


@dataclass(frozen=True)
class Translated:
    sql: str
    parameters: Mapping[str, Any]
    tables: frozenset[str]
    limits: bool
    """Does the query use take, limit or sample? Such a query cannot be paged."""


def translate(query: str, now: float) -> Translated:
    """The SQL of a query, with `now()` and `ago()` by the simulated clock; BadQuery where it cannot be."""
    bare = _QUOTED_OR_COMMENT.sub("''", query)
    if not bare.strip():
        raise BadQuery({"code": "InvalidQuery", "message": "Query is empty."})
    for operator, limit in (("join", _MAX_JOINS), ("mv-expand", _MAX_EXPANDS)):
        if len(re.findall(rf"(?<![\w-]){operator}\b", bare, re.IGNORECASE)) > limit:
            raise BadQuery(
                {"code": "DisallowedMaxNumberOfRemoteTables", "message": f"The query uses more than {limit} '{operator}' operators."}
            )
    moment = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
    try:
        result = duckdb_kql.to_sql(query, schema=_schema(bare), query_now=moment, allow_write=False)
    except duckdb_kql.KqlSyntaxError as error:
        raise BadQuery(_parser_failure(error)) from error
    except duckdb_kql.KqlError as error:
        raise BadQuery({"code": "UnsupportedByTheSimulator", "message": str(error)}) from error
    if query.lstrip().startswith("."):
        raise BadQuery({"code": "ParserFailure", "message": "ParserFailure", "line": 1, "characterPositionInLine": 0, "token": "."})
    tables = frozenset(word.lower() for word in re.findall(r"[A-Za-z]+", bare)) & frozenset(TABLES)
    return Translated(str(result), dict(result.parameters), tables, _LIMITING.search(bare) is not None)


def _schema(bare: str) -> dict[str, list[str]]:
    """The tables' columns under every spelling that the query uses: the service reads table names without case."""
    columns = list(rows.COLUMNS)
    spellings = set(re.findall(r"[A-Za-z]+", bare))
    return dict.fromkeys({*TABLES, *(s for s in spellings if s.lower() in TABLES)}, columns)


def _parser_failure(error: duckdb_kql.KqlSyntaxError) -> dict[str, Any]:
    found = re.search(r"at (\d+):(\d+): (.*)", str(error), re.DOTALL)
    line, column, text = (int(found[1]), int(found[2]), found[3]) if found else (1, 0, str(error))
    token = re.search(r"(?:input|at:?) '([^']*)'", text)
    return {
        "code": "ParserFailure",
        "message": "ParserFailure",
        "line": line,
        "characterPositionInLine": column,
        "token": token[1] if token else "",
        "expectedToken": text.partition("expecting ")[2] or "a valid query",
    }

"""Resource Graph's query language, made into DuckDB's SQL by duckdb-kql.

What that library lacks and queries commonly use is added here: `make_bag`; columns named by words that its grammar reserves and the
service does not, such as `kind`; and the limits that the service sets (three joins, three mv-expands). Not supported, by it or by this
module: `evaluate` (bag_unpack, pivot), `mv-apply`, `serialize`, `project-reorder`, `bag_keys`, `pack_all`, `materialize`, and `union`
with `withsource`. Column names compare without case, which the service does not do.
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
from console.simulator.graph_tables import PREFIX, TABLES

_QUOTED_OR_COMMENT = re.compile(r"""@?"(?:[^"\\\n]|\\.)*"|@?'(?:[^'\\\n]|\\.)*'|//[^\n]*""")
_NAMES_NOT_WORDS = re.compile(r"(\.\s*)?(?<![\w$'\"\[-])(kind|title|flags|first|last|table|date|time)\b(?!\s*\(|['\"\]-])", re.IGNORECASE)
_PARAMETER_OF = re.compile(
    r"(?:\b(?:join|lookup|union|parse|parse-where|mv-expand|mv-apply|search|find|nulls|render\s+\w+\s+with\s*\()\s+|\w+\s*=\s*\w+\s+)$",
    re.IGNORECASE,
)
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


def quote_names(query: str) -> str:
    """The query with columns such as `kind` written as `['kind']`, which the library's grammar asks for and the service does not."""
    parts, end = [], 0
    for skipped in _QUOTED_OR_COMMENT.finditer(query):
        parts += [_quote_in(query[end : skipped.start()]), skipped.group()]
        end = skipped.end()
    return "".join((*parts, _quote_in(query[end:])))


def _quote_in(code: str) -> str:
    def quote(found: re.Match[str]) -> str:
        if not found[1] and _PARAMETER_OF.search(code[: found.start()]):
            return found.group()
        return f"['{found[2]}']"

    return _NAMES_NOT_WORDS.sub(quote, code)


@dataclass(frozen=True)
class Translated:
    sql: str
    parameters: Mapping[str, Any]
    tables: frozenset[str]
    limits: bool
    """Does the query use take, limit or sample? Such a query cannot be paged."""


def translate(query: str, now: float) -> Translated:
    """The SQL of a query, with `now()` and `ago()` by the simulated clock; BadQuery where it cannot be."""
    bare = _QUOTED_OR_COMMENT.sub(lambda found: "" if found.group().startswith("//") else "''", query)
    if not bare.strip():
        raise BadQuery({"code": "InvalidQuery", "message": "Query is empty."})
    if bare.lstrip().startswith("."):
        raise BadQuery({"code": "ParserFailure", "message": "ParserFailure", "line": 1, "characterPositionInLine": 0, "token": "."})
    hidden = re.search(rf"\b({PREFIX}\w+)", bare, re.IGNORECASE)
    if hidden:
        raise BadQuery({"code": "DisallowedLogicalTableName", "message": f"Table {hidden[1]} was not found or is not allowed."})
    for operator, limit in (("join", _MAX_JOINS), ("mv-expand", _MAX_EXPANDS)):
        if len(re.findall(rf"(?<![\w-]){operator}\b", bare, re.IGNORECASE)) > limit:
            raise BadQuery(
                {"code": "DisallowedMaxNumberOfRemoteTables", "message": f"The query uses more than {limit} '{operator}' operators."}
            )
    moment = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
    try:
        result = duckdb_kql.to_sql(quote_names(query), schema=_schema(bare), query_now=moment, allow_write=False)
    except duckdb_kql.KqlSyntaxError as error:
        raise BadQuery(_parser_failure(error)) from error
    except duckdb_kql.KqlError as error:
        raise BadQuery({"code": "UnsupportedByTheSimulator", "message": str(error)}) from error
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

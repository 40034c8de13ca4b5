"""Resource Graph's query language, made into DuckDB's SQL by duckdb-kql.

What that library lacks and queries commonly use is added here: `make_bag`; columns named by words that its grammar reserves and the
service does not, such as `kind`; and the limits that the service sets (three joins, three mv-expands). Not supported, by it or by this
module: `evaluate` (bag_unpack, pivot), `mv-apply`, `serialize`, `project-reorder`, `bag_keys`, `pack_all`, `materialize`, and `union`
with `withsource`. Column names compare without case, which the service does not do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
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
        parts += [_quote_in(query[end : skipped.start()]), _without_code_points(skipped.group())]
        end = skipped.end()
    return "".join((*parts, _quote_in(query[end:])))


def _without_code_points(text: str) -> str:
    """A text with `\\u00e9` written as that letter, which the library does not read; quotes, backslashes and controls stay as they are."""

    def letter(found: re.Match[str]) -> str:
        written = chr(int(found[1], 16)) if found[1] else ""
        whole = found.group()
        return whole if not written or written in "'\"\\" or ord(written) < 32 or ord(written) == 127 else written

    if "\\u" not in text or text[0] in "@/":
        return text
    return _paired(re.sub(r"\\(?:u([0-9A-Fa-f]{4})|.)", letter, text))


def _paired(text: str) -> str:
    """The text with the two halves of a letter beyond the first 65,536 put together."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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
    """The SQL of a query, with `now()` and `ago()` by the simulated clock; BadQuery where it cannot be.

    What was translated lately is remembered: a client asks the same over and over, of other subscriptions or with other values in a
    long list.
    """
    moment = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
    if _TELLS_TIME.search(query) is None:
        moment = datetime.min
    short, lists = _lists_taken_out(query)
    if lists:
        translated = _translate(short, moment)
        sql = _lists_put_back(translated.sql, lists)
        if _MARK not in sql:
            return replace(translated, sql=sql)
    return _translate(query, moment)


_TELLS_TIME = re.compile(r"\b(?:now|ago)\s*\(", re.IGNORECASE)
_MARK = "\ue000"
_TEXT = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
_LONG_LIST = re.compile(rf"(?<=\()\s*{_TEXT}(?:\s*,\s*{_TEXT}){{19,}}\s*(?=\))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "0": "\0"}


def _lists_taken_out(query: str) -> tuple[str, list[list[str]]]:
    """The query with a single text in place of each list of twenty texts or more, which the parser is slow to read; and those lists."""
    lists: list[list[str]] = []

    def take(found: re.Match[str]) -> str:
        texts = [_unescaped(text[1:-1]) for text in re.findall(_TEXT, found.group())]
        if texts not in lists:
            lists.append(texts)
        return f"'{_MARK}{lists.index(texts)}{_MARK}'"

    return (query, []) if _MARK in query else (_LONG_LIST.sub(take, query), lists)


def _lists_put_back(sql: str, lists: list[list[str]]) -> str:
    """The SQL with the lists where their marks are the only member of an `IN`."""
    for position, texts in enumerate(lists):
        mark = f"'{_MARK}{position}{_MARK}'"
        listed = ["'" + text.replace("'", "''") + "'" for text in texts]
        sql = sql.replace(f"IN ({mark})", f"IN ({', '.join(listed)})")
        sql = sql.replace(f"IN (lower({mark}))", f"IN ({', '.join(f'lower({text})' for text in listed)})")
    return sql


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if code[0] == "u" and len(code) == 5 else _ESCAPES.get(code, code)

    return _paired(re.sub(r"\\(u[0-9A-Fa-f]{4}|.)", plain, text))


@lru_cache(maxsize=64)
def _translate(query: str, moment: datetime) -> Translated:
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

"""From the output of a script on a machine to names and values: sentinels, lines of text, JSON. Nothing here says what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cache.text import clean, clean_lines

MOST = 200_000
"""Characters of an output that are looked at."""

MOST_FIELDS = 200
_VALUE = 2000

_SENTINEL = re.compile(r"^ *--- mde-console (?P<topic>[a-z]{1,20}) (?P<run>[0-9A-Za-z]{1,40}) (?P<edge>begin|end) --- *$", re.MULTILINE)
_LINE = re.compile(r"^ *([A-Za-z][A-Za-z0-9_]{0,79}) *: ?(.*)$")
_MANAGED = re.compile(r" *\[managed\] *$", re.IGNORECASE)
_NOT_FOUND = re.compile(r"\bmdatp: (?:command )?not found\b|^mdatp *: The term 'mdatp' is not recognized", re.IGNORECASE | re.MULTILINE)


class Cut(StrEnum):
    """What is missing of an output."""

    BEGIN = "begin"
    END = "end"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Told:
    """An output in parts. ``fields``: values by names in snake_case. ``cut``: what is missing of it. ``contradiction``: a field that is
    told twice and differently. ``missing``: a shell did not find `mdatp`. ``text``: all of it, cleaned. ``other``: the script that it is of
    instead."""

    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    cut: Cut | None = None
    contradiction: str = ""
    missing: bool = False
    other: str = ""


def read_text(output: str | bytes, run: str | None, topic: str = "health") -> Told:
    """The parts of ``output`` of the script about ``topic``. ``run``: only what stands between the sentinels of that run counts."""
    text = clean_lines(_decoded(output), MOST)
    all_marks = list(_SENTINEL.finditer(text))
    marks = [one for one in all_marks if one["topic"] == topic and (run is None or one["run"] == run)]
    if not marks and (others := [one["topic"] for one in all_marks if one["topic"] != topic]):
        return Told(text, other=others[-1])
    ends = [one for one in marks if one["edge"] == "end"]
    last = ends[-1] if ends else None
    before = text if last is None else text[: last.start()]
    begins = [one for one in marks if one["edge"] == "begin" and one.start() < len(before) and (last is None or one["run"] == last["run"])]
    if run is None and not marks:
        return _parts(text)
    if last is None and not begins:
        return Told(text, cut=Cut.BEGIN if text else None)
    if last is None:
        return Told(text, cut=Cut.END)
    if not begins:
        return Told(text, cut=Cut.BEGIN)
    return _parts(before[begins[-1].end() :].strip("\n"))


def _decoded(output: str | bytes) -> str:
    """Text of bytes: PowerShell writes files in UTF-16."""
    if isinstance(output, str):
        return output
    if output[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return output.decode("utf-16", "replace")
    return output.decode("utf-8-sig", "replace")


def _parts(text: str) -> Told:
    stripped = text.strip()
    if (start := re.search(r"^ *\{", text, re.MULTILINE)) is not None:
        try:
            document, _ = json.JSONDecoder(object_pairs_hook=_once).raw_decode(text[start.start() :].lstrip())
        except (ValueError, RecursionError):
            return Told(stripped, cut=Cut.JSON)
        if isinstance(document, dict):
            fields, contradiction = _of_pairs((snake(str(key)), _plain(value)) for key, value in document.items())
            return Told(stripped, fields, None, contradiction)
    pairs = []
    for line in text.split("\n"):
        if (found := _LINE.match(line)) is not None:
            pairs.append((snake(found[1]), _unquoted(found[2])))
    fields, contradiction = _of_pairs(pairs)
    return Told(stripped, fields, None, contradiction, _NOT_FOUND.search(text) is not None and "healthy" not in fields)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name stands twice. Raises :class:`ValueError` for another."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _of_pairs(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], str]:
    """Fields, and the first that is told twice and differently."""
    fields: dict[str, str] = {}
    contradiction = ""
    for name, value in pairs:
        if fields.get(name, value) != value:
            contradiction = contradiction or name
        elif len(fields) < MOST_FIELDS:
            fields[name] = value
    return fields, contradiction


def snake(name: str) -> str:
    """A name in snake_case, whichever era wrote it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", clean(name, 80).strip()).lower()


def _unquoted(value: str) -> str:
    plain = _MANAGED.sub("", value).strip()
    if len(plain) >= 2 and plain[0] == plain[-1] == '"':
        plain = plain[1:-1]
    return clean(plain, _VALUE)


def _plain(value: Any) -> str:
    """A value of the JSON as the text writes it; a setting's object is its value, a typed one its type."""
    if isinstance(value, dict):
        for key in ("value", "displayValue", "$type"):
            if key in value:
                return snake(str(value[key])) if key == "$type" else _plain(value[key])
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return clean(value, _VALUE)
    try:
        return clean("" if value is None else json.dumps(value, ensure_ascii=False), _VALUE)
    except (ValueError, RecursionError):
        return ""

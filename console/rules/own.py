"""The user's own diagnosis rules: ``rules.toml`` in the home folder, which extends the table of :mod:`console.rules.failures`.

::

    [[rule]]
    code = "proxy-block"                        # small letters, digits and hyphens; shown as own-proxy-block
    pattern = 'blocked by policy \\d+'           # a regular expression (RE2), looked for in the extension's message and its code
    layer = "extension"                         # installer (Linux), windows, arc, extension or platform (any machine)
    meaning = "Our proxy refused the download."
    remedy = "Ask the network team for category Security."
    reference = "https://wiki.example/proxy"    # optional

A rule with a mistake is left out and told with its line and column; the others hold. RE2 takes time that is linear in the text, so that no
pattern can hold the console up, and patterns are short.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from cache.model import Machine
from cache.patterns import compile_pattern
from cache.text import clean
from console.rules.failures import ARC, EXTENSION, INSTALLER, PLATFORM, WINDOWS

LAYERS = (INSTALLER, EXTENSION, ARC, WINDOWS, PLATFORM)

FILE = "rules.toml"
LONGEST_PATTERN = 200
LONGEST_TEXT = 400
MOST_CHARACTERS = 16_000
"""Characters of all rules together, as the cache keeps them."""

_REQUIRED = ("code", "pattern", "layer", "meaning", "remedy")
_KEYS = (*_REQUIRED, "reference")
_HEADER = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+){0,9}")
_AT = re.compile(r"(.*) \(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)", re.DOTALL)
_MEMORY = 1 << 20


class Pattern(Protocol):
    """What is looked for in a text."""

    def search(self, text: str, /) -> Any:
        """Something true where it is found."""


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One rule of the user's, checked: how a failure is recognised, what it means, what to do, and where in the file that is written."""

    code: str
    pattern: str
    layer: str
    meaning: str
    remedy: str
    reference: str

    def fits(self, machine: Machine, message: str, code: str) -> bool:
        """Whether this is what happened on ``machine``, whose extension said ``message`` and ``code``."""
        system = machine.os_type.lower()
        if {INSTALLER: system != "linux", WINDOWS: system != "windows", ARC: machine.kind != "arc"}.get(self.layer, False):
            return False
        compiled = _compile(self.pattern)
        return any(compiled.search(text.encode("utf-8", "replace").decode()) for text in (message, code) if text)


@dataclass(frozen=True, slots=True)
class OwnRules:
    """The rules that hold, and a sentence for each that does not."""

    rules: tuple[OwnRule, ...] = ()
    mistakes: tuple[str, ...] = ()


class _Mistake(Exception):
    """A rule cannot be used: why, and where in its block (from 0), line and column."""

    def __init__(self, why: str, line: int = 0, column: int = 0) -> None:
        super().__init__(why)
        self.line = line
        self.column = column


def read_own_rules(data: bytes, where: str) -> OwnRules:
    """The rules in ``data``, the contents of the file ``where``. Never raises: whatever is wrong becomes a sentence with file, line and
    column, and costs only the rule it is in."""
    lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
    rules: list[OwnRule] = []
    mistakes = []
    room = MOST_CHARACTERS
    for start, block in _blocks(lines):
        try:
            rule = _rule(block, start)
            if rule is None:
                continue
            if any(one.code == rule.code for one in rules):
                raise _Mistake(f"another rule has the code “{rule.code}” already. Give this one another", *_place(block, "code"))
            room -= len(kept([rule]))
            if room < 0:
                raise _Mistake(f"the rules of this file are longer than {MOST_CHARACTERS:,} characters together. Shorten some")
        except _Mistake as mistake:
            at = f"{where}, line {start + mistake.line + 1}, column {mistake.column + 1}"
            mistakes.append(f"{at}: {clean(str(mistake), 600)}. The console goes on without this rule.")
        else:
            rules.append(rule)
    return OwnRules(tuple(rules), tuple(mistakes))


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """What stands before the first ``[[rule]]``, and each rule, with the number (from 0) of its first line."""
    starts = [0, *(number for number, line in enumerate(lines) if _HEADER.match(line))]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if start < end:
            yield start, lines[start:end]


def _rule(block: list[str], start: int) -> OwnRule | None:
    """The rule in ``block``; ``None`` for what stands before the first one, which may only be comments. Raises :class:`_Mistake`."""
    table = _table(block)
    if not table and not _HEADER.match(block[0]):
        return None
    if list(table) != ["rule"]:
        stray = next(one for one in table if one != "rule")
        raise _Mistake(f"“{clean(stray, 40)}” stands in no rule. Write [[rule]] on a line of its own above it", *_place(block, stray))
    (values,) = table["rule"]
    for key, value in values.items():
        _check_text(block, key, value)
    for key in _REQUIRED:
        if key not in values:
            raise _Mistake(f"“{key}” is missing. A rule needs {', '.join(_REQUIRED)}")
    if _CODE.fullmatch(values["code"]) is None or len(values["code"]) > 40:
        raise _Mistake("“code” is made of small letters, digits and single hyphens, 40 at the most", *_place(block, "code"))
    if values["layer"] not in LAYERS:
        raise _Mistake(f"“layer” must be one of {', '.join(LAYERS)}", *_place(block, "layer"))
    _check_pattern(block, values["pattern"])
    values.setdefault("reference", f"{FILE}, line {start + 1}")
    return OwnRule(**{key: clean(value) if key != "pattern" else value for key, value in values.items()})


def _check_text(block: list[str], key: str, value: object) -> None:
    place = _place(block, key)
    if key not in _KEYS:
        raise _Mistake(f"“{clean(key, 40)}” is not part of a rule. A rule has {', '.join(_KEYS)}", place[0], 0)
    if not isinstance(value, str) or not value.strip():
        raise _Mistake(f"“{key}” must be text in quotes", *place)
    longest = LONGEST_PATTERN if key == "pattern" else LONGEST_TEXT
    if len(value) > longest:
        raise _Mistake(f"“{key}” is longer than {longest} characters", *place)
    if clean(value) != value.strip(" "):
        raise _Mistake(f"“{key}” must be one line of visible characters", *place)


def _check_pattern(block: list[str], pattern: str) -> None:
    try:
        everything = _compile(pattern).search("")
    except ValueError as error:
        raise _Mistake(f"“pattern” is not a regular expression of RE2: {error}", *_place(block, "pattern")) from None
    if everything:
        raise _Mistake("“pattern” is found in every text, so every failure would be this one", *_place(block, "pattern"))


def _table(block: list[str]) -> dict[str, Any]:
    for number, text in enumerate(block):
        if (at := text.find("\ufffd")) >= 0:
            raise _Mistake("these bytes are not UTF-8", number, at)
    try:
        return tomllib.loads("\n".join(block))
    except RecursionError:
        raise _Mistake("this is nested too deeply to be a rule") from None
    except ValueError as error:
        if (found := _AT.fullmatch(str(error))) is None:
            raise _Mistake(f"this is not TOML: {error}") from None
        last = max((number for number, text in enumerate(block) if text.strip()), default=0)
        line, column = (int(found[2]) - 1, int(found[3]) - 1) if found[2] else (last, len(block[last]))
        why = found[1][:1].lower() + found[1][1:]
        raise _Mistake(f"this is not TOML: {why}", line, column) from None


def _place(block: list[str], key: str) -> tuple[int, int]:
    """The line and column (from 0) at which the value of ``key`` begins in ``block``; its first line where that cannot be told."""
    wanted = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=\s*""")
    for number, line in enumerate(block):
        if found := wanted.match(line):
            return number, found.end()
    return 0, 0


def kept(rules: tuple[OwnRule, ...] | list[OwnRule]) -> str:
    """The rules as a text that the cache can remember."""
    return json.dumps([[getattr(one, key) for key in _KEYS] for one in rules], ensure_ascii=False)


@lru_cache(maxsize=8)
def from_kept(text: str) -> tuple[OwnRule, ...]:
    """The rules of :func:`kept`; none of what cannot be read."""
    try:
        rules = tuple(OwnRule(*map(str, row)) for row in json.loads(text or "[]"))
        for one in rules:
            _compile(one.pattern)
    except (ValueError, TypeError):
        return ()
    return rules


@lru_cache(maxsize=512)
def _compile(pattern: str) -> Pattern:
    """The pattern, for texts without case and over lines. Raises :class:`ValueError` with what RE2 has against it."""
    compiled: Pattern = compile_pattern(pattern, _MEMORY, over_lines=True)
    return compiled

"""The filter language of the tables: what a user types becomes a tree of tests; what a row is stays the caller's affair.

Blanks join with *and*; ``OR`` in capitals joins weaker than that, ``NOT x`` or ``-x`` negates, and parentheses group::

    word                     contains it, anywhere in the row           web*01        * and ? stand for characters of one word
    "two words"              contains exactly this                      ~web-\\d+      a regular expression (RE2), anywhere
    state:late               the field contains it                      state:late,overdue    any of them
    state=late               the field is this                          name:va*      the whole field, with * and ?
    name~^va\\d               the field matches a regular expression     name:"a b"    a value with blanks
    group:none  group:""     the field is empty                         group:*       the field is not empty
    since>2d  due<1h30m      longer or shorter than; since:2d is two days but not yet three

Case never matters. What is not there yet (``state:``, a lone ``-``, ``late OR``) restricts nothing, so that typing shows no errors.

A word with an operator after a name is a test of a field. It is plain text instead when the name is no field's and could not be meant as
one: it has anything but letters in it or is a single one (``fe80::1``, ``C:x``), or what follows has a colon or begins with a colon, a
slash, a backslash or an equals sign (``a::b``, ``https://x``, ``ab:cd:ef``). Only ``stat:late`` is left as an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import cast

from cache.filter import (
    Age,
    All,
    AnyOf,
    Contains,
    Empty,
    Equals,
    Field,
    Filter,
    FilterError,
    Glob,
    Matches,
    Node,
    Not,
    Term,
    Test,
    compiled,
    sound,
)

LONGEST_TEXT = 2000
"""Characters of a filter; a longer one is an error."""

LONGEST_PATTERN = 200
"""Characters of a regular expression."""

DEEPEST = 40
"""How deep parentheses may lie in each other."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LENGTH = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?[smhdw])+")
_LENGTH_PART = re.compile(r"([0-9.]+)([smhdw])")
_TEST = re.compile(r"([^\W\d_][\w-]*)(:[<>]=?|[<>]=?|[:=~])")
_KEYWORD = re.compile(r"(OR|AND|NOT)(?=[\s()\"]|$)")
_PATTERN_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^\x00-\x7f]", re.DOTALL)
_NEEDS_QUOTES = frozenset('()",*?<>')


def parse(text: str, fields: Sequence[Field]) -> Filter:
    """The filter that ``text`` means. Raises :class:`FilterError`."""
    if len(text) > LONGEST_TEXT:
        raise FilterError(f"the filter is longer than {LONGEST_TEXT:,} characters", LONGEST_TEXT, len(text))
    parser = _Parser(text, fields)
    return Filter(parser.whole() or All(), text)


@dataclass(frozen=True, slots=True)
class _Value:
    start: int
    end: int
    text: str
    quoted: bool = False
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Word:
    """A term as it is written: ``name`` and ``operator`` with ``values``, or one value without a name (an operator ``~`` can be there)."""

    start: int
    end: int
    name: str
    field: Field | None
    operator: str
    values: tuple[_Value, ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """``(``, ``)``, ``-``, ``OR``, ``AND`` or ``NOT``."""

    start: int
    end: int
    text: str


@lru_cache(1024)
def plain(name: str) -> str:
    """A name as it is compared: without case, blanks and signs."""
    return re.sub(r"[\s_-]", "", name.casefold())


def names_of(fields: Sequence[Field]) -> dict[str, Field]:
    """What each field may be called; where two fields share a name, keys go before aliases, and these before titles."""
    names: dict[str, Field] = {}
    for called in (lambda one: (one.key,), lambda one: one.aliases, lambda one: (one.title,)):
        for one in fields:
            for name in cast(Callable[[Field], tuple[str, ...]], called)(one):
                names.setdefault(plain(name), one)
    return names


def tokens_of(text: str, names: dict[str, Field]) -> Iterator[Word | Sign]:
    place = 0
    while place < len(text):
        character = text[place]
        if character.isspace():
            place += 1
        elif character in "()":
            yield Sign(place, place + 1, character)
            place += 1
        elif character == "-":
            if text[place + 1 : place + 2].strip():  # else there is nothing yet to negate
                yield Sign(place, place + 1, "-")
            place += 1
        elif keyword := _KEYWORD.match(text, place):
            yield Sign(place, keyword.end(), keyword[1])
            place = keyword.end()
        else:
            word = _word(text, place, names)
            yield word
            place = word.end


def _word(text: str, start: int, names: dict[str, Field]) -> Word:
    if text[start] == "~":
        value = _value(text, start + 1, pattern=True, listed=False)
        return Word(start, value.end, "", None, "~", (value,))
    found = _TEST.match(text, start)
    if found is None or not _is_test(found[1], names, text, found.end()):
        value = _value(text, start, pattern=False, listed=False)
        return Word(start, value.end, "", None, "", (value,))
    operator = found[2]
    values = [_value(text, found.end(), pattern=operator == "~", listed=operator != "~")]
    while operator != "~" and values[-1].end < len(text) and text[values[-1].end] == ",":
        values.append(_value(text, values[-1].end + 1, pattern=False, listed=True))
    return Word(start, values[-1].end, found[1], names.get(plain(found[1])), operator.removeprefix(":") or ":", tuple(values))


def _is_test(name: str, names: dict[str, Field], text: str, after: int) -> bool:
    """Whether a name and an operator, which ends at ``after``, make a test of a field, or else a word; see the top of this module."""
    if plain(name) in names:
        return True
    if len(name) < 2 or not name.isalpha():
        return False
    if text.startswith('"', after):
        return True
    rest = text[after : _bare_end(text, after, pattern=False, listed=False)]
    return not rest.startswith((":", "/", "\\", "=")) and ":" not in rest


def _value(text: str, start: int, pattern: bool, listed: bool) -> _Value:
    """The value that begins at ``start``: in quotes, or up to a blank, a parenthesis that it did not open or (``listed``) a comma."""
    if not text.startswith('"', start):
        end = _bare_end(text, start, pattern, listed)
        return _Value(start, end, text[start:end])
    place = start + 1
    kept: list[str] = []
    while place < len(text) and text[place] != '"':
        if text[place] == "\\" and text[place + 1 : place + 2] in ('"', "\\"):
            kept.append("\\\\" if pattern and text[place + 1] == "\\" else text[place + 1])
            place += 2
        else:
            kept.append(text[place])
            place += 1
    closed = place < len(text)
    return _Value(start, place + closed, "".join(kept), True, closed)


def _bare_end(text: str, start: int, pattern: bool, listed: bool) -> int:
    opened = 0
    place = start
    while place < len(text):
        character = text[place]
        if character.isspace() or (listed and character == ","):
            break
        if pattern and character == "\\":
            place += 1
            if place < len(text) and text[place].isspace():
                break
        elif character == "(":
            opened += 1
        elif character == ")":
            opened -= 1
            if opened < 0:
                break
        place += 1
    return min(place, len(text))


class _Parser:
    """Tokens to a tree. A part is ``None`` where there is nothing yet."""

    def __init__(self, text: str, fields: Sequence[Field]) -> None:
        self._fields = fields
        self._tokens: list[Word | Sign] = list(tokens_of(text, names_of(fields)))
        self._place = 0

    def whole(self) -> Node | None:
        node = self._any_of(0)
        if self._place < len(self._tokens):
            extra = self._tokens[self._place]
            raise FilterError(f"“)” at {extra.start + 1} closes nothing: put it in quotes if it is meant as text", extra.start, extra.end)
        return node

    def _sign(self) -> str:
        token = self._tokens[self._place] if self._place < len(self._tokens) else None
        return token.text if isinstance(token, Sign) else ""

    def _any_of(self, depth: int) -> Node | None:
        parts = [self._all_of(depth)]
        while self._sign() == "OR":
            self._place += 1
            parts.append(self._all_of(depth))
        return _joined(parts, AnyOf)

    def _all_of(self, depth: int) -> Node | None:
        parts: list[Node | None] = []
        while self._place < len(self._tokens) and self._sign() not in (")", "OR"):
            if self._sign() == "AND":
                self._place += 1
            else:
                parts.append(self._one(depth))
        return _joined(parts, All)

    def _one(self, depth: int) -> Node | None:
        negated = False
        while self._sign() in ("-", "NOT"):
            negated = not negated
            self._place += 1
        if self._place == len(self._tokens) or self._sign() in (")", "OR", "AND"):
            return None
        token = self._tokens[self._place]
        self._place += 1
        node = self._group(token, depth + 1) if isinstance(token, Sign) else self._term(token)
        return Not(node) if negated and node is not None else node

    def _group(self, opening: Sign, depth: int) -> Node | None:
        if depth > DEEPEST:
            raise FilterError(f"the parentheses at {opening.start + 1} lie too deep in each other", opening.start, opening.end)
        node = self._any_of(depth)
        if self._sign() != ")":
            raise FilterError(f"“(” at {opening.start + 1} is not closed", opening.start, opening.end)
        self._place += 1
        return node

    def _term(self, word: Word) -> Node | None:
        for value in word.values:
            if not value.closed:
                raise FilterError(f"the quote at {value.start + 1} is not closed", value.start, value.end)
        if word.name and word.field is None:
            raise self._unknown(word)
        parts = [
            Term(word.field.key if word.field else "", test, word.start, value.end) for value in word.values for test in _tests(word, value)
        ]
        return _joined(parts, AnyOf)

    def _unknown(self, word: Word) -> FilterError:
        keys = [one.key for one in self._fields]
        near = get_close_matches(plain(word.name), names_of(self._fields), 1, 0.6)
        meant = [key for key in keys if key.startswith(word.name.casefold())] or near
        advice = f"did you mean {meant[0]}?" if meant else "put it in quotes if it is meant as text;"
        known = f"{advice} fields are {', '.join(keys)}" if keys else "there are no fields here"
        return FilterError(f"unknown field “{word.name}” at {word.start + 1}: {known}", word.start, word.start + len(word.name))


def _joined(parts: Sequence[Node | None], kind: type[All] | type[AnyOf]) -> Node | None:
    there = list(dict.fromkeys(part for part in parts if part is not None))
    if not there:
        return None
    return there[0] if len(there) == 1 else kind(tuple(there))


def _tests(word: Word, value: _Value) -> Iterator[Test]:
    """The test that a value means, or none while there is nothing yet."""
    if not value.quoted and not value.text:
        return
    if word.field is not None and word.field.kind == "time":
        yield _age(word, value)
    elif word.operator == "~":
        yield _matching(value)
    elif word.operator in (":", "="):
        yield _text(value, word.operator == "=")
    elif word.operator:
        sentence = f"“{word.name}” at {word.start + 1} is a text: it can be tested with : = and ~ but not with {word.operator}"
        raise FilterError(sentence, word.start, value.end)
    elif value.text:
        plain = value.text.casefold()
        wild = not value.quoted and any(character in "*?" for character in plain) and plain.strip("*?")
        yield Glob(plain, part=True) if wild else Contains(plain)


def _text(value: _Value, whole: bool) -> Test:
    plain = value.text.casefold()
    if not plain or (not value.quoted and plain == "none"):
        return Empty()
    if not value.quoted and any(character in "*?" for character in plain):
        return Glob(plain) if plain.strip("*") else Empty(False)
    return Equals(plain) if whole else Contains(plain)


def _matching(value: _Value) -> Test:
    where = f"at {value.start + 1}"
    if not value.text:
        raise FilterError(f"the regular expression {where} is empty", value.start, value.end)
    if len(value.text) > LONGEST_PATTERN:
        raise FilterError(f"the regular expression {where} is longer than {LONGEST_PATTERN} characters", value.start, value.end)
    test = Matches(_PATTERN_PIECE.sub(_fold_piece, sound(value.text)))
    try:
        compiled(test.pattern)
    except ValueError as error:
        raise FilterError(f"bad regular expression {where}: {error}", value.start, value.end) from error
    return test


def _fold_piece(piece: re.Match[str]) -> str:
    """Texts are casefolded, so the characters of a pattern are, save where that is left to RE2: classes and what is escaped."""
    if piece[0].isascii() or len(piece[0]) > 1:
        return piece[0]
    folded = piece[0].casefold()
    return folded if len(folded) == 1 else f"(?:{folded})"


def _age(word: Word, value: _Value) -> Test:
    if word.operator == "~":
        raise FilterError(f"“{word.name}” at {word.start + 1} is a time: compare it, as in {word.name}>2d", word.start, value.end)
    plain = value.text.casefold()
    if plain in ("", "none"):
        return Age(math.inf, -math.inf, missing=True)
    if plain == "*":
        return Age(-math.inf, math.inf)
    if _LENGTH.fullmatch(plain) is None:
        sentence = f"“{value.text}” at {value.start + 1} is no length of time: write a number and one of s, m, h, d, w, as in 90m or 2d"
        raise FilterError(sentence, value.start, value.end)
    parts = [(float(number), _UNITS[unit]) for number, unit in _LENGTH_PART.findall(plain)]
    seconds = sum(number * unit for number, unit in parts) * (-1 if plain.startswith("-") else 1)
    match word.operator:
        case ">":
            return Age(math.nextafter(seconds, math.inf), math.inf)
        case ">=":
            return Age(seconds, math.inf)
        case "<":
            return Age(-math.inf, math.nextafter(seconds, -math.inf))
        case "<=":
            return Age(-math.inf, seconds)
        case _:
            return Age(seconds, math.nextafter(seconds + parts[-1][1], -math.inf))


def quoted(value: str) -> str:
    """``value`` as it is written in a filter so that it stands for itself: in quotes if it has to be."""
    if value and value.casefold() != "none" and not any(one in _NEEDS_QUOTES or one.isspace() for one in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

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
from dataclasses import field as attribute
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol, TypeVar, cast

from cache.failure import Exit, Failure

LONGEST_TEXT = 2000
"""Characters of a filter; a longer one is an error."""

LONGEST_PATTERN = 200
"""Characters of a regular expression."""

DEEPEST = 40
"""How deep parentheses may lie in each other."""

MOST_HITS = 200
"""Spans that are marked in one text."""

MOST_COMPLETIONS = 20

Span = tuple[int, int]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LENGTH = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?[smhdw])+")
_LENGTH_PART = re.compile(r"([0-9.]+)([smhdw])")
_TEST = re.compile(r"([^\W\d_][\w-]*)(:[<>]=?|[<>]=?|[:=~])")
_KEYWORD = re.compile(r"(OR|AND|NOT)(?=[\s()\"]|$)")
_PATTERN_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^\x00-\x7f]", re.DOTALL)
_PATTERN_MEMORY = 1 << 20
_NEEDS_QUOTES = frozenset('()",*?<>')


@dataclass(frozen=True, slots=True)
class Field:
    """Something of a row that a filter can name: by its key, an alias, or its title (blanks, ``-`` and ``_`` do not matter).

    Values of the kind ``time`` are compared as lengths of time: how long ago, or how long until.
    """

    key: str
    title: str
    aliases: tuple[str, ...] = ()
    kind: Literal["text", "time"] = "text"


class FilterError(Failure):
    """A text that is no filter. The sentence names the position as people count, from 1; ``start`` and ``end`` are offsets."""

    exit_code: ClassVar[Exit] = Exit.USAGE

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


class Test:
    """What a value must be like. Tests that test the same are equal and have the same hash."""

    __slots__ = ()
    __test__: ClassVar[bool] = False  # no test case of pytest
    by_age: ClassVar[bool] = False
    """Whether :meth:`accepts_age` is the one to ask."""

    def accepts(self, text: str) -> bool:
        """Whether ``text``, which is casefolded, passes."""
        return False

    def accepts_age(self, seconds: float | None) -> bool:
        """Whether a length of time passes; ``None`` stands for one that is not known."""
        return False

    def hits(self, text: str) -> list[Span]:
        """What to mark in ``text`` as it is displayed: spans of characters in order, none of them empty."""
        return []


@dataclass(frozen=True, slots=True)
class Contains(Test):
    """The text contains ``part``."""

    part: str

    def accepts(self, text: str) -> bool:
        """Whether it does."""
        return self.part in text

    def hits(self, text: str) -> list[Span]:
        """Wherever it does."""
        return _displayed(text, lambda folded: _occurrences(self.part, folded))


@dataclass(frozen=True, slots=True)
class Equals(Test):
    """The text is ``whole``."""

    whole: str

    def accepts(self, text: str) -> bool:
        """Whether it is."""
        return text == self.whole

    def hits(self, text: str) -> list[Span]:
        """Wherever the text as displayed, which may have a shape beside it, contains it."""
        return _displayed(text, lambda folded: _occurrences(self.whole, folded))


@dataclass(frozen=True, slots=True)
class Empty(Test):
    """There is nothing in the text, or with ``wanted`` false, there is something."""

    wanted: bool = True

    def accepts(self, text: str) -> bool:
        """Whether that is so; blanks are nothing."""
        return (not text.strip()) is self.wanted


@dataclass(frozen=True, slots=True)
class Matches(Test):
    """A regular expression of RE2 matches somewhere in the text, in time that grows with the text only."""

    pattern: str

    def accepts(self, text: str) -> bool:
        """Whether it does."""
        return _compile(self.pattern).search(text.encode("utf-8", "replace")) is not None

    def hits(self, text: str) -> list[Span]:
        """Wherever it does."""
        return _displayed(text, lambda folded: (match.span() for match in _compile(self.pattern).finditer(_sound(folded))))


@dataclass(frozen=True, slots=True)
class Glob(Test):
    """The text is like ``pattern``, in which ``*`` stands for any characters and ``?`` for one; with ``part`` a word contains the like."""

    pattern: str
    part: bool = False

    def accepts(self, text: str) -> bool:
        """Whether it is."""
        return _compiled_glob(self.pattern, self.part, not self.part).search(text.encode("utf-8", "replace")) is not None

    def hits(self, text: str) -> list[Span]:
        """What stands for itself in the pattern, wherever the text as displayed contains it."""
        expression = _compiled_glob(self.pattern, self.part, False)
        groups = range(1, expression.groups + 1)
        return _displayed(text, lambda folded: (match.span(one) for match in expression.finditer(_sound(folded)) for one in groups))


@dataclass(frozen=True, slots=True)
class Age(Test):
    """A length of time from ``least`` to ``most`` seconds, both included; ``missing`` is what one that is not known passes as."""

    least: float
    most: float
    missing: bool = False
    by_age: ClassVar[bool] = True

    def accepts_age(self, seconds: float | None) -> bool:
        """Whether it lies there."""
        return self.missing if seconds is None else self.least <= seconds <= self.most


@dataclass(frozen=True, slots=True)
class Term:
    """One test of one field, or of the whole row where ``field`` is empty. Where it stood in the text does not tell terms apart."""

    field: str
    test: Test
    start: int = attribute(default=0, compare=False)
    end: int = attribute(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """What ``part`` does not let pass."""

    part: Node


@dataclass(frozen=True, slots=True)
class All:
    """What each of ``parts`` lets pass; everything if there is none."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What one of ``parts`` lets pass; there are at least two."""

    parts: tuple[Node, ...]


Node = All | AnyOf | Not | Term


class Mask(Protocol):
    """What :meth:`Filter.evaluate` combines: NumPy's arrays of booleans, for one."""

    def __and__(self, other: Any, /) -> Any:
        """Both."""

    def __or__(self, other: Any, /) -> Any:
        """One of them."""

    def __invert__(self) -> Any:
        """All others."""


M = TypeVar("M", bound=Mask)


@dataclass(frozen=True, slots=True)
class Filter:
    """A text and the tree that it means. Filters of the same meaning have equal roots."""

    root: Node = All()
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether everything passes."""
        return self.root == All()

    @property
    def words(self) -> list[tuple[str, Test]]:
        """The fields (empty: any) and tests whose hits are marked: those that are not negated, each once."""
        return list(dict.fromkeys((term.field, term.test) for term in _wanted(self.root, True)))

    def evaluate(self, mask_of: Callable[[Term], M], everything: M) -> M:
        """The mask of what passes, put together from the masks of the terms; ``everything`` is that of an empty filter."""
        return _evaluate(self.root, mask_of, everything)

    def matches(self, row: Callable[[str], str], age: Callable[[str], float | None]) -> bool:
        """Whether a row passes. ``row`` gives the casefolded text of a field (of all, for an empty key), ``age`` a length of time."""
        return _matches(self.root, row, age)


@dataclass(frozen=True, slots=True)
class Completion:
    """A way to go on: the text and the cursor afterwards, what to show, and how many rows have it (``None`` for names of fields)."""

    text_after: str
    cursor_after: int
    label: str
    count: int | None = None


def parse(text: str, fields: Sequence[Field]) -> Filter:
    """The filter that ``text`` means. Raises :class:`FilterError`."""
    if len(text) > LONGEST_TEXT:
        raise FilterError(f"the filter is longer than {LONGEST_TEXT:,} characters", LONGEST_TEXT, len(text))
    parser = _Parser(text, fields)
    return Filter(parser.whole() or All(), text)


def completions(text: str, cursor: int, fields: Sequence[Field], values: Callable[[str], Sequence[tuple[str, int]]]) -> list[Completion]:
    """The ways to go on at ``cursor``: names of fields where a word is, values (the most frequent first) where one of a field is.

    ``values`` gives the values of a field by its key, each with its count. What stands behind the cursor stays.
    """
    before, after = text[:cursor], text[cursor:]
    names = _names(fields)
    tokens = list(_tokens(before, names))
    last = tokens[-1] if tokens else None
    if last is None or last.end < len(before) or (isinstance(last, _Sign) and not last.text.isalpha()):
        return list(_field_completions(before, "", after, fields))
    if isinstance(last, _Sign) or last.operator == "~":
        return []
    if last.field is not None:
        return _value_completions(before, after, last, values(last.field.key))
    if last.name or last.values[0].quoted:
        return []
    return list(_field_completions(before[: last.start], last.values[0].text, after, fields))


# Reading the text: tokens, then the tree.


@dataclass(frozen=True, slots=True)
class _Value:
    start: int
    end: int
    text: str
    quoted: bool = False
    closed: bool = True


@dataclass(frozen=True, slots=True)
class _Word:
    """A term as it is written: ``name`` and ``operator`` with ``values``, or one value without a name (an operator ``~`` can be there)."""

    start: int
    end: int
    name: str
    field: Field | None
    operator: str
    values: tuple[_Value, ...]


@dataclass(frozen=True, slots=True)
class _Sign:
    """``(``, ``)``, ``-``, ``OR``, ``AND`` or ``NOT``."""

    start: int
    end: int
    text: str


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.casefold())


def _names(fields: Sequence[Field]) -> dict[str, Field]:
    """What each field may be called; where two fields share a name, keys go before aliases, and these before titles."""
    names: dict[str, Field] = {}
    for called in (lambda one: (one.key,), lambda one: one.aliases, lambda one: (one.title,)):
        for one in fields:
            for name in cast(Callable[[Field], tuple[str, ...]], called)(one):
                names.setdefault(_plain(name), one)
    return names


def _tokens(text: str, names: dict[str, Field]) -> Iterator[_Word | _Sign]:
    place = 0
    while place < len(text):
        character = text[place]
        if character.isspace():
            place += 1
        elif character in "()":
            yield _Sign(place, place + 1, character)
            place += 1
        elif character == "-":
            if text[place + 1 : place + 2].strip():  # else there is nothing yet to negate
                yield _Sign(place, place + 1, "-")
            place += 1
        elif keyword := _KEYWORD.match(text, place):
            yield _Sign(place, keyword.end(), keyword[1])
            place = keyword.end()
        else:
            word = _word(text, place, names)
            yield word
            place = word.end


def _word(text: str, start: int, names: dict[str, Field]) -> _Word:
    if text[start] == "~":
        value = _value(text, start + 1, pattern=True, listed=False)
        return _Word(start, value.end, "", None, "~", (value,))
    found = _TEST.match(text, start)
    if found is None or not _is_test(found[1], names, text, found.end()):
        value = _value(text, start, pattern=False, listed=False)
        return _Word(start, value.end, "", None, "", (value,))
    operator = found[2]
    values = [_value(text, found.end(), pattern=operator == "~", listed=operator != "~")]
    while operator != "~" and values[-1].end < len(text) and text[values[-1].end] == ",":
        values.append(_value(text, values[-1].end + 1, pattern=False, listed=True))
    return _Word(start, values[-1].end, found[1], names.get(_plain(found[1])), operator.removeprefix(":") or ":", tuple(values))


def _is_test(name: str, names: dict[str, Field], text: str, after: int) -> bool:
    """Whether a name and an operator, which ends at ``after``, make a test of a field, or else a word; see the top of this module."""
    if _plain(name) in names:
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
        self._tokens: list[_Word | _Sign] = list(_tokens(text, _names(fields)))
        self._place = 0

    def whole(self) -> Node | None:
        node = self._any_of(0)
        if self._place < len(self._tokens):
            extra = self._tokens[self._place]
            raise FilterError(f"“)” at {extra.start + 1} closes nothing: put it in quotes if it is meant as text", extra.start, extra.end)
        return node

    def _sign(self) -> str:
        token = self._tokens[self._place] if self._place < len(self._tokens) else None
        return token.text if isinstance(token, _Sign) else ""

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
        node = self._group(token, depth + 1) if isinstance(token, _Sign) else self._term(token)
        return Not(node) if negated and node is not None else node

    def _group(self, opening: _Sign, depth: int) -> Node | None:
        if depth > DEEPEST:
            raise FilterError(f"the parentheses at {opening.start + 1} lie too deep in each other", opening.start, opening.end)
        node = self._any_of(depth)
        if self._sign() != ")":
            raise FilterError(f"“(” at {opening.start + 1} is not closed", opening.start, opening.end)
        self._place += 1
        return node

    def _term(self, word: _Word) -> Node | None:
        for value in word.values:
            if not value.closed:
                raise FilterError(f"the quote at {value.start + 1} is not closed", value.start, value.end)
        if word.name and word.field is None:
            raise self._unknown(word)
        parts = [
            Term(word.field.key if word.field else "", test, word.start, value.end) for value in word.values for test in _tests(word, value)
        ]
        return _joined(parts, AnyOf)

    def _unknown(self, word: _Word) -> FilterError:
        keys = [one.key for one in self._fields]
        near = get_close_matches(_plain(word.name), _names(self._fields), 1, 0.6)
        meant = [key for key in keys if key.startswith(word.name.casefold())] or near
        advice = f"did you mean {meant[0]}?" if meant else "put it in quotes if it is meant as text;"
        known = f"{advice} fields are {', '.join(keys)}" if keys else "there are no fields here"
        return FilterError(f"unknown field “{word.name}” at {word.start + 1}: {known}", word.start, word.start + len(word.name))


def _joined(parts: Sequence[Node | None], kind: type[All] | type[AnyOf]) -> Node | None:
    there = list(dict.fromkeys(part for part in parts if part is not None))
    if not there:
        return None
    return there[0] if len(there) == 1 else kind(tuple(there))


def _tests(word: _Word, value: _Value) -> Iterator[Test]:
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
    test = Matches(_PATTERN_PIECE.sub(_fold_piece, _sound(value.text)))
    try:
        _compile(test.pattern)
    except ValueError as error:
        raise FilterError(f"bad regular expression {where}: {error}", value.start, value.end) from error
    return test


def _fold_piece(piece: re.Match[str]) -> str:
    """Texts are casefolded, so the characters of a pattern are, save where that is left to RE2: classes and what is escaped."""
    if piece[0].isascii() or len(piece[0]) > 1:
        return piece[0]
    folded = piece[0].casefold()
    return folded if len(folded) == 1 else f"(?:{folded})"


def _age(word: _Word, value: _Value) -> Test:
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


@lru_cache(256)
def _compile(pattern: str) -> Any:
    """The pattern, compiled for texts without case. Raises :class:`ValueError` with what RE2 has against it."""
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _PATTERN_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0] if error.args else b"not understood"
        raise ValueError(why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)) from error


@lru_cache(256)
def _compiled_glob(pattern: str, part: bool, whole: bool) -> Any:
    """A glob, compiled to match in a word (``part``) or in a text, and there from end to end (``whole``); literal pieces are groups."""
    any_one, any_number = (r"\S", r"\S*?") if part else (".", ".*?")
    pieces = [_escape(piece).replace(r"\?", any_one) for piece in re.split(r"\*+", pattern if whole else pattern.strip("*"))]
    inner = any_number.join(f"({piece})" if piece else "" for piece in pieces)
    return _compile(rf"(?s)\A{inner}\z" if whole else f"(?s){inner}")


def _escape(text: str) -> str:
    """``text`` as a pattern of RE2 for itself."""
    return re.sub(r"([^\w\s]|\s)", lambda found: f"\\{found[0]}" if found[0].isascii() else found[0], _sound(text), flags=re.ASCII)


def _sound(text: str) -> str:
    """``text`` of the same length without what RE2 cannot read: halves of surrogate pairs."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# Using the tree.


def _wanted(node: Node, positive: bool) -> Iterator[Term]:
    match node:
        case Term():
            if positive:
                yield node
        case Not(part):
            yield from _wanted(part, not positive)
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _wanted(part, positive)


def _evaluate(node: Node, mask_of: Callable[[Term], M], everything: M) -> M:
    match node:
        case Term():
            return mask_of(node)
        case Not(part):
            return cast(M, everything & ~_evaluate(part, mask_of, everything))
        case All(parts):
            masks = [_evaluate(part, mask_of, everything) for part in parts]
            return everything if not masks else _reduced(masks, lambda one, other: one & other)
        case AnyOf(parts):
            return _reduced([_evaluate(part, mask_of, everything) for part in parts], lambda one, other: one | other)


def _reduced(masks: Sequence[M], join: Callable[[M, M], Any]) -> M:
    result = masks[0]
    for mask in masks[1:]:
        result = join(result, mask)
    return result


def _matches(node: Node, row: Callable[[str], str], age: Callable[[str], float | None]) -> bool:
    match node:
        case Term(key, test):
            return test.accepts_age(age(key)) if test.by_age else test.accepts(row(key))
        case Not(part):
            return not _matches(part, row, age)
        case All(parts):
            return all(_matches(part, row, age) for part in parts)
        case AnyOf(parts):
            return any(_matches(part, row, age) for part in parts)


def _occurrences(part: str, text: str) -> Iterator[Span]:
    place = text.find(part) if part else -1
    while place >= 0:
        yield place, place + len(part)
        place = text.find(part, place + len(part))


def _displayed(text: str, find: Callable[[str], Iterator[Span]]) -> list[Span]:
    """Spans found in the casefolded ``text`` as spans of ``text`` itself, which casefolding can have made longer (``ß``)."""
    folded = text.casefold()
    spans: list[Span] = []
    origins = None if len(folded) == len(text) else [place for place, one in enumerate(text) for _ in one.casefold()]
    for start, end in find(folded):
        if start < end:
            spans.append((start, end) if origins is None else (origins[start], origins[end - 1] + 1))
            if len(spans) == MOST_HITS:
                break
    return spans


# Completing what is typed.


def _field_completions(before: str, typed: str, after: str, fields: Sequence[Field]) -> Iterator[Completion]:
    wanted = _plain(typed)
    if typed and not wanted:
        return
    by_key = [one for one in fields if _plain(one.key).startswith(wanted)]
    by_other = [one for one in fields if one not in by_key and any(_plain(name).startswith(wanted) for name in (*one.aliases, one.title))]
    for one in by_key + by_other:
        sign = "" if after.startswith((":", "=", "~", "<", ">")) else ">" if one.kind == "time" else ":"
        name = one.key + sign
        title = "" if _plain(one.title) == _plain(one.key) else f"  {one.title}"
        yield Completion(before + name + after, len(before + name), f"{one.key}{sign or ':'}{title}")


def _value_completions(before: str, after: str, word: _Word, values: Sequence[tuple[str, int]]) -> list[Completion]:
    typed = word.values[-1]
    if typed.quoted and typed.closed:
        return []
    chosen = {value.text.casefold() for value in word.values[:-1]}
    wanted = typed.text.casefold()
    left = sorted(
        ((value, number) for value, number in values if value.casefold() not in chosen), key=lambda one: (-one[1], one[0].casefold())
    )
    fitting = [one for one in left if one[0].casefold().startswith(wanted)] or [one for one in left if wanted in one[0].casefold()]
    found = []
    for value, number in fitting[:MOST_COMPLETIONS]:
        head = before[: typed.start] + quoted(value)
        found.append(Completion(head + after, len(head), value or '""', number))
    return found


def quoted(value: str) -> str:
    """``value`` as it is written in a filter so that it stands for itself: in quotes if it has to be."""
    if value and value.casefold() != "none" and not any(one in _NEEDS_QUOTES or one.isspace() for one in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""Filters of tables as trees of tests: what they mean for a row, for columns of rows, and where in a text they hit.

:mod:`cache.filter_language` makes them of what a user types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol, TypeVar, cast

from cache.failure import Exit, Failure
from cache.patterns import compile_pattern

MOST_HITS = 200
"""Spans that are marked in one text."""

Span = tuple[int, int]

_PATTERN_MEMORY = 1 << 20


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
        return _displayed(text, lambda folded: _occurrences(self.part, folded)) if self.part in text.casefold() else []


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
        return compiled(self.pattern).search(text.encode("utf-8", "replace")) is not None

    def hits(self, text: str) -> list[Span]:
        """Wherever it does."""
        return _displayed(text, lambda folded: (match.span() for match in compiled(self.pattern).finditer(sound(folded))))


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
        return _displayed(text, lambda folded: (match.span(one) for match in expression.finditer(sound(folded)) for one in groups))


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


# Patterns.


@lru_cache(256)
def compiled(pattern: str) -> Any:
    """The pattern, compiled for texts without case. Raises :class:`ValueError` with what RE2 has against it."""
    return compile_pattern(pattern, _PATTERN_MEMORY)


@lru_cache(256)
def _compiled_glob(pattern: str, part: bool, whole: bool) -> Any:
    """A glob, compiled to match in a word (``part``) or in a text, and there from end to end (``whole``); literal pieces are groups."""
    any_one, any_number = (r"\S", r"\S*?") if part else (".", ".*?")
    pieces = [_escape(piece).replace(r"\?", any_one) for piece in re.split(r"\*+", pattern if whole else pattern.strip("*"))]
    inner = any_number.join(f"({piece})" if piece else "" for piece in pieces)
    return compiled(rf"(?s)\A{inner}\z" if whole else f"(?s){inner}")


def _escape(text: str) -> str:
    """``text`` as a pattern of RE2 for itself."""
    return re.sub(r"([^\w\s]|\s)", lambda found: f"\\{found[0]}" if found[0].isascii() else found[0], sound(text), flags=re.ASCII)


def sound(text: str) -> str:
    """``text`` of the same length without what RE2 cannot read: halves of surrogate pairs."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

"""What a filter found, marked in the cells of a table: by characters as they are displayed, so that wide ones and emoji stay whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import split_graphemes
from rich.style import Style

from cache.filter import Span, Test


def hits(tests: Sequence[Test], text: str) -> list[Span]:
    """Where any of ``tests`` finds something in ``text``: spans of whole displayed characters in order, none touching another."""
    found = [span for test in tests for span in test.hits(text)]
    if not found:
        return found
    found.sort()
    starts, ends = (None, None) if text.isascii() else _boundaries(text)
    joined: list[Span] = []
    for start, end in found:
        if starts is not None and ends is not None:
            start, end = starts[start], ends[end - 1]
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _boundaries(text: str) -> tuple[list[int], list[int]]:
    """For every code point of ``text`` where the displayed character that it is part of begins and ends."""
    starts, ends = list(range(len(text))), [place + 1 for place in range(len(text))]
    for start, end, _ in split_graphemes(text)[0]:
        for place in range(start, end):
            starts[place], ends[place] = start, end
    return starts, ends


def with_hits(text: str, fitted: str, spans: Sequence[Span], style: Style, hit: Style) -> Iterator[tuple[str, Style]]:
    """``fitted``, which is ``text`` cut or filled to the width of a cell, in pieces with their styles: those of ``spans`` in ``text`` are
    marked."""
    place = 0
    for start, end in _moved(text, fitted, spans):
        if start < end:
            if place < start:
                yield fitted[place:start], style
            yield fitted[start:end], hit
            place = end
    if place < len(fitted):
        yield fitted[place:], style


def _moved(text: str, fitted: str, spans: Sequence[Span]) -> list[Span]:
    """Where ``spans`` of ``text`` are in ``fitted``. What was cut off, at the end or in the middle, is in none."""
    offset = fitted.find(text)
    if offset >= 0:
        return [(start + offset, end + offset) for start, end in spans]
    front = _common(text, fitted)
    back = min(_common(text[::-1], fitted[::-1]), len(fitted) - front - 1)
    later = len(fitted) - len(text)
    return [
        *((start, min(end, front)) for start, end in spans),
        *((max(start, len(text) - back) + later, end + later) for start, end in spans if end > len(text) - back),
    ]


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), min(len(one), len(other)))

"""The fleet as columns of numbers in memory: what filtering and sorting a hundred thousand rows at a keystroke needs.

Rows are known by their keys in ``fleet.db``. What many rows have in common is tested and ranked once for each distinct value; the rows
hold the numbers of these values. Nothing here is shown: a table fetches the few rows on the screen from the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.filter import Age, Contains, Filter, Term, Test
from cache.names import Names

Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.int32]

MISSING = np.iinfo(np.int64).min
"""Stands for a time that is not known."""

_LAST = np.iinfo(np.int64).max
_REMEMBERED_MASKS = 48
SortKey = Callable[[str], Any]

_FEW_TEXTS = 4_096
"""Up to so many distinct texts the way from a text to its number is kept, beyond it is made anew when it is needed."""


@dataclass(frozen=True, slots=True)
class Order:
    """By what rows are sorted: the key of a field, and whether backwards."""

    field: str
    backwards: bool = False


class Dimension:
    """One column of numbers that stand for values. A value has several fields; of each field every distinct text is kept once."""

    def __init__(self, fields: Sequence[str], numbers: npt.DTypeLike = np.int32) -> None:
        self.fields = tuple(fields)
        self.codes = np.zeros(0, numbers)
        self._count = 1
        self._texts: dict[str, list[str]] = {name: [""] for name in fields}
        self._folded: dict[str, list[str]] = {name: [""] for name in fields}
        self._known: dict[str, dict[str, int]] = {}
        self._of_value: dict[str, npt.NDArray[np.int32]] = {name: np.zeros(1, np.int32) for name in fields}

    def __len__(self) -> int:
        return self._count

    def grow(self, count: int) -> None:
        """There may be numbers up to before ``count``: growing once leaves fewer holes in memory than growing often."""
        for name, numbers in self._of_value.items():
            if count > len(numbers):
                self._of_value[name] = np.concatenate([numbers, np.zeros(count - len(numbers), np.int32)])

    def put(self, codes: Sequence[int], values: Mapping[str, Sequence[str]]) -> None:
        """What the numbers ``codes`` (1 and on; 0 is nothing) stand for, field by field."""
        if not codes:
            return
        last = max(codes)
        at = np.array(codes, np.int64)
        have = len(self._of_value[self.fields[0]])
        if last >= have:
            self.grow(max(last + 1, have + 64, have + have // 4))
        for name in self.fields:
            texts = self._texts[name]
            known = self._known.pop(name, None) or {text: number for number, text in enumerate(texts)}
            for text in values[name]:
                if text not in known:
                    known[text] = len(texts)
                    texts.append(text)
                    folded = text.casefold()
                    self._folded[name].append(text if folded == text else folded)
            self._of_value[name][at] = [known[text] for text in values[name]]
            if len(known) < _FEW_TEXTS:
                self._known[name] = known
        self._count = max(self._count, last + 1)

    def text(self, code: int, field: str) -> str:
        """What a field of a value reads."""
        return self._texts[field][int(self._of_value[field][code])]

    def mask(self, field: str, test: Test) -> Mask:
        """The rows whose value passes in a field; in any of them where ``field`` is empty."""
        values = np.zeros(self._count, np.bool_)
        for name in (field,) if field else self.fields:
            folded = self._folded[name]
            part = test.part if isinstance(test, Contains) else None
            hits = np.array([part in text for text in folded] if part is not None else [test.accepts(text) for text in folded], np.bool_)
            if hits.any():
                values |= hits[self._of_value[name][: self._count]]
        return values[self.codes] if values.any() else np.zeros(len(self.codes), np.bool_)

    def mask_of(self, field: str, accepts: Callable[[str], bool]) -> Mask:
        """The rows whose value reads in a field what is accepted."""
        hits = np.fromiter(map(accepts, self._texts[field]), np.bool_, len(self._texts[field]))
        return hits[self._of_value[field][self.codes]]

    def counts(self, field: str, rows: Mask) -> list[tuple[str, int]]:
        """How many of these rows read what in a field, most first."""
        counts = np.bincount(self._of_value[field][self.codes[rows]], minlength=len(self._texts[field]))
        found = [(self._texts[field][number], int(counts[number])) for number in np.flatnonzero(counts)]
        return sorted(found, key=lambda item: (-item[1], item[0].casefold()))

    def ranks(self, field: str, rank: SortKey | None) -> Numbers:
        """For every row the place of its value among all values of a field; equal texts share one."""
        texts = self._folded[field]
        distinct = sorted(set(texts), key=rank if rank is not None else None)
        places = {text: place for place, text in enumerate(distinct)}
        by_text = np.array([places[text] for text in texts], np.int32)
        return by_text[self._of_value[field][self.codes]]


class Columns:
    """Rows by key. ``dimensions`` are named; ``name`` is the text that is the row's own and sorts; ``texts`` are others of its own that
    are only found; ``times`` are microseconds since 1970.

    Every method costs some milliseconds at a hundred thousand rows: call it from a thread, one at a time.
    """

    def __init__(
        self,
        dimensions: Mapping[str, Dimension],
        name: str,
        times: Sequence[str],
        ranks: Mapping[str, SortKey],
        texts: Sequence[str] = (),
    ) -> None:
        self.dimensions = dict(dimensions)
        self.name = name
        self.alive = np.zeros(0, np.bool_)
        self._names = Names()
        self._texts = {text: Names() for text in texts}
        self._times = {time: np.zeros(0, np.int64) for time in times}
        self._field_of = {field: dimension for dimension in self.dimensions.values() for field in dimension.fields}
        self._ranks = dict(ranks)
        self._name_ranks: Numbers | None = None
        self._masks: dict[tuple[str, Test], Mask] = {}
        self._sorted: tuple[tuple[Order, ...], Keys] | None = None
        self._named: Keys | None = None

    def __len__(self) -> int:
        return int(np.count_nonzero(self.alive))

    # Keeping up

    def put(
        self,
        keys: Sequence[int],
        names: Sequence[str],
        codes: Mapping[str, Sequence[int]],
        times: Mapping[str, Sequence[int]],
        texts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Insert or replace rows, column by column."""
        if not keys:
            return
        at = np.array(keys, np.int64)
        last, have = int(at.max()), len(self.alive)
        if last >= have:
            self.grow(max(last + 1, have + 64, have + have // 8))
        if self._names.put(keys, names):
            self._name_ranks = None
        for text, own in (texts or {}).items():
            self._texts[text].put(keys, own)
        self.alive[at] = True
        for dimension, numbers in codes.items():
            self.dimensions[dimension].codes[at] = numbers
        for time, values in times.items():
            self._times[time][at] = np.array(values, np.int64)
        self._forget()

    def remove(self, keys: Iterable[int]) -> None:
        """These rows are gone."""
        at = np.array([key for key in keys if key < len(self.alive)], np.int64)
        if len(at):
            self.alive[at] = False
            self._forget()

    def values_changed(self) -> None:
        """Values of a dimension were put: what was worked out from them counts no longer."""
        self._forget()

    def _forget(self) -> None:
        self._masks.clear()
        self._sorted = None
        self._named = None

    def grow(self, size: int) -> None:
        """There may be keys up to before ``size``: growing once leaves fewer holes in memory than growing often."""
        more = size - len(self.alive)
        if more <= 0:
            return
        self.alive = np.concatenate([self.alive, np.zeros(more, np.bool_)])
        for names in (self._names, *self._texts.values()):
            names.grow(size)
        for dimension in self.dimensions.values():
            dimension.codes = np.concatenate([dimension.codes, np.zeros(more, dimension.codes.dtype)])
        for time, values in self._times.items():
            self._times[time] = np.concatenate([values, np.full(more, MISSING, np.int64)])
        self._name_ranks = None

    def make_ready(self) -> None:
        """Do before it is asked what the first search would have to do."""
        for names in (self._names, *self._texts.values()):
            names.make_ready()

    # Asking

    def narrowed(self, mask: Mask | None, only: Collection[int] | None) -> Mask | None:
        """``mask`` without the rows that are not among ``only``; ``None`` stands for no narrowing."""
        if only is None:
            return mask
        found = np.zeros(len(self.alive), np.bool_)
        found[[key for key in only if 0 <= key < len(found)]] = True
        return found if mask is None else found & mask

    def arrange(
        self,
        wanted: Sequence[Filter],
        order: Sequence[Order],
        now: int,
        *,
        within: Mask | None = None,
        always: Collection[int] = (),
    ) -> Keys:
        """The keys of the rows that pass all of ``wanted`` and ``within``, in this order; the first of ``wanted`` lets ``always`` pass too.

        Times that are not known lie last in either direction. Rows that compare equal lie by name, then by age of the row. ``now`` is in
        microseconds since 1970.
        """
        mask = np.ones(len(self.alive), np.bool_)
        for place, one in enumerate(wanted):
            mask &= one.evaluate(lambda term: self._mask_of(term, now), np.ones(len(self.alive), np.bool_))
            if always and not place:
                mask[[key for key in always if key < len(mask)]] = True
        if within is not None:
            mask &= within
        ordered = self._order(tuple(order))
        return ordered[mask[ordered]]

    def present(self, keys: Collection[int]) -> frozenset[int]:
        """Those of ``keys`` whose rows are there."""
        at = np.fromiter(keys, np.int64, len(keys))
        at = at[at < len(self.alive)]
        return frozenset(at[self.alive[at]].tolist())

    def tally(self, keys: Keys, dimension: str) -> dict[int, int]:
        """How many of these rows have each number of a dimension."""
        counts = np.bincount(self.dimensions[dimension].codes[keys])
        return {int(code): int(counts[code]) for code in np.flatnonzero(counts)}

    def times(self, keys: Keys, time: str, dimension: str, numbers: Collection[int]) -> Numbers:
        """A time of those of these rows whose number in a dimension is among ``numbers``; :data:`MISSING` where there is none."""
        if not numbers:
            return np.zeros(0, np.int64)
        one = self.dimensions[dimension]
        wanted = np.zeros(len(one), np.bool_)
        wanted[list(numbers)] = True
        return self._times[time][keys[wanted[one.codes[keys]]]]

    def value_counts(self, field: str, within: Mask | None = None) -> list[tuple[str, int]]:
        """The distinct values of a field that rows have, with how many have it, most first."""
        dimension = self._field_of.get(field)
        if dimension is None:
            return []
        return dimension.counts(field, self.alive if within is None else self.alive & within)

    def _mask_of(self, term: Term, now: int) -> Mask:
        known = self._masks.get((term.field, term.test))
        if known is not None:
            return known
        if isinstance(term.test, Age):
            return self._by_age(term.field, term.test, now)
        if not term.field:
            mask = self._names.mask(term.test)
            for names in self._texts.values():
                mask |= names.mask(term.test)
            for dimension in self.dimensions.values():
                mask = mask | dimension.mask("", term.test)
        elif term.field == self.name:
            mask = self._names.mask(term.test)
        elif term.field in self._texts:
            mask = self._texts[term.field].mask(term.test)
        else:
            found = self._field_of.get(term.field)
            mask = found.mask(term.field, term.test) if found is not None else np.zeros(len(self.alive), np.bool_)
        if len(self._masks) >= _REMEMBERED_MASKS:
            self._masks.pop(next(iter(self._masks)))
        self._masks[term.field, term.test] = mask
        return mask

    def _by_age(self, field: str, test: Age, now: int) -> Mask:
        values = self._times.get(field)
        if values is None:
            return np.zeros(len(self.alive), np.bool_)
        known = values != MISSING
        distance = np.abs(np.where(known, values, now) - now) / 1e6
        passes = (distance >= test.least) & (distance <= test.most)
        mask: Mask = np.where(known, passes, test.missing)
        return mask

    def _order(self, order: tuple[Order, ...]) -> Keys:
        """All rows that are there, sorted."""
        if self._sorted is not None and self._sorted[0] == order:
            return self._sorted[1]
        keys = self._by_name()
        for one in reversed(order):
            values = self._ranks_of(one.field)[keys]
            keys = keys[_sorting(values, one.backwards)]
        self._sorted = (order, keys)
        return keys

    def _by_name(self) -> Keys:
        """All rows that are there, by name, then by age of the row."""
        if self._named is None:
            keys = np.flatnonzero(self.alive)
            self._named = keys[_sorting(self._ranks_of(self.name)[keys], backwards=False)]
        return self._named

    def _ranks_of(self, field: str) -> Numbers:
        if field == self.name:
            if self._name_ranks is None:
                self._name_ranks = self._names.ranks()
            return self._name_ranks
        values = self._times.get(field)
        if values is not None:
            return np.where(values == MISSING, _LAST, values)
        dimension = self._field_of.get(field)
        return dimension.ranks(field, self._ranks.get(field)) if dimension is not None else np.zeros(len(self.alive), np.int64)


def _sorting(values: Numbers, backwards: bool) -> Keys:
    """The order in which these are sorted, equal ones as they lie. Few distinct small numbers, as most are, take a tenth of the time."""
    numbers = np.where(values == _LAST, _LAST, -values) if backwards else values
    few = len(values) > 0 and values.dtype == np.int32 and int(values.max()) < 1 << 15
    return np.argsort(numbers.astype(np.int16) if few else numbers, kind="stable")


class KeyOrder:
    """The keys of rows in order. Finding a key costs a fraction of a millisecond at a hundred thousand."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, place: int) -> int:
        return int(self.keys[place])

    def __iter__(self) -> Iterator[int]:
        return iter(self.slice(0, len(self.keys)))

    def slice(self, start: int, stop: int) -> list[int]:
        """The keys from ``start`` to before ``stop``."""
        found: list[int] = self.keys[start:stop].tolist()
        return found

    def find(self, key: int) -> int | None:
        """The place of a key."""
        found = np.flatnonzero(self.keys == key)
        return int(found[0]) if len(found) else None

    def left_after(self, place: int, others: Any) -> int | None:
        """The place in ``others`` of the first key behind ``place`` here that is there too."""
        behind = self.keys[place + 1 :]
        if not isinstance(others, KeyOrder) or not len(others) or not len(behind):
            return None
        there = np.zeros(int(max(others.keys.max(), behind.max())) + 1, np.bool_)
        there[others.keys] = True
        found = np.flatnonzero(there[behind])
        return others.find(int(behind[found[0]])) if len(found) else None

    def count(self, keys: Collection[Any]) -> int:
        """How many of these keys are here."""
        return int(np.isin(self.keys, list(keys)).sum()) if keys else 0

    def same(self, others: Any) -> bool:
        """Whether ``others`` are the same keys in the same order."""
        return isinstance(others, KeyOrder) and np.array_equal(self.keys, others.keys)

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

Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]

MISSING = np.iinfo(np.int64).min
"""Stands for a time that is not known."""

_REMEMBERED_MASKS = 48
SortKey = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Order:
    """By what rows are sorted: the key of a field, and whether backwards."""

    field: str
    backwards: bool = False


class Dimension:
    """One column of numbers that stand for distinct values, and what each of the fields of such a value reads."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = tuple(fields)
        self.codes = np.zeros(0, np.int32)
        self._values: list[Mapping[str, str]] = [dict.fromkeys(fields, "")]
        self._folded: dict[str, list[str]] = {name: [""] for name in (*fields, "")}

    def __len__(self) -> int:
        return len(self._values)

    def put(self, code: int, value: Mapping[str, str], more: str = "") -> None:
        """What the number ``code`` (1 and on; 0 is nothing) stands for; ``more`` is found by free text besides the fields."""
        while len(self._values) <= code:
            self._values.append(self._values[0])
            for folded in self._folded.values():
                folded.append("")
        self._values[code] = value
        for name in self.fields:
            self._folded[name][code] = value[name].casefold()
        self._folded[""][code] = " ".join((*value.values(), more)).casefold()

    def text(self, code: int, field: str) -> str:
        """What a field of a value reads."""
        return self._values[code].get(field, "")

    def folded(self, field: str) -> list[str]:
        """A field of every value, casefolded, by number; the field ``""`` is all of a value."""
        return self._folded[field]

    def mask(self, field: str, test: Test) -> Mask:
        """The rows whose value passes."""
        hits = np.fromiter((test.accepts(text) for text in self._folded[field]), np.bool_, len(self._values))
        if not hits.any():
            return np.zeros(len(self.codes), np.bool_)
        return hits[self.codes]

    def ranks(self, field: str, rank: SortKey | None) -> Numbers:
        """For every row the place of its value among all values of a field; equal texts share one."""
        texts = self._folded[field]
        distinct = sorted(set(texts), key=rank if rank is not None else None)
        places = {text: place for place, text in enumerate(distinct)}
        by_code = np.fromiter((places[text] for text in texts), np.int64, len(texts))
        return by_code[self.codes]


class Columns:
    """Rows by key. ``dimensions`` are named; ``names`` is the text that is the row's own; ``times`` are microseconds since 1970.

    Every method costs some milliseconds at a hundred thousand rows: call it from a thread, one at a time.
    """

    def __init__(self, dimensions: Mapping[str, Dimension], name: str, times: Sequence[str], ranks: Mapping[str, SortKey]) -> None:
        self.dimensions = dict(dimensions)
        self.name = name
        self.alive = np.zeros(0, np.bool_)
        self._names: list[str] = []
        self._times = {time: np.zeros(0, np.int64) for time in times}
        self._field_of = {field: dimension for dimension in self.dimensions.values() for field in dimension.fields}
        self._ranks = dict(ranks)
        self._name_ranks: Numbers | None = None
        self._masks: dict[tuple[str, Test], Mask] = {}
        self._sorted: tuple[tuple[Order, ...], Keys] | None = None

    def __len__(self) -> int:
        return int(np.count_nonzero(self.alive))

    # Keeping up

    def put(
        self, keys: Sequence[int], names: Sequence[str], codes: Mapping[str, Sequence[int]], times: Mapping[str, Sequence[int]]
    ) -> None:
        """Insert or replace rows, column by column."""
        if not keys:
            return
        at = np.array(keys, np.int64)
        self._grow(int(at.max()) + 1)
        renamed = False
        for key, name in zip(keys, names, strict=True):
            folded = name.casefold()
            if self._names[key] != folded:
                self._names[key] = folded
                renamed = True
        if renamed or not self.alive[at].all():
            self._name_ranks = None
        self.alive[at] = True
        for dimension, numbers in codes.items():
            self.dimensions[dimension].codes[at] = np.array(numbers, np.int32)
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

    def _grow(self, size: int) -> None:
        have = len(self.alive)
        if size <= have:
            return
        room = max(size, have + have // 8, 64)
        more = room - have
        self.alive = np.concatenate([self.alive, np.zeros(more, np.bool_)])
        self._names.extend([""] * more)
        for dimension in self.dimensions.values():
            dimension.codes = np.concatenate([dimension.codes, np.zeros(more, np.int32)])
        for time, values in self._times.items():
            self._times[time] = np.concatenate([values, np.full(more, MISSING, np.int64)])
        self._name_ranks = None

    # Asking

    def arrange(
        self,
        wanted: Sequence[Filter],
        order: Sequence[Order],
        now: int,
        *,
        within: Mask | None = None,
        always: Collection[int] = (),
    ) -> Keys:
        """The keys of the rows that pass all of ``wanted`` (or are among ``always``) and ``within``, in this order.

        Rows that compare equal lie by name, then by age of the row. ``now`` is in microseconds since 1970.
        """
        mask = np.ones(len(self.alive), np.bool_)
        for one in wanted:
            mask &= one.evaluate(lambda term: self._mask_of(term, now), np.ones(len(self.alive), np.bool_))
        if always:
            mask[[key for key in always if key < len(mask)]] = True
        if within is not None:
            mask &= within
        ordered = self._order(tuple(order))
        return ordered[mask[ordered]]

    def mask_of_values(self, dimension: str, accepts: Callable[[int], bool]) -> Mask:
        """The rows whose number in a dimension is accepted."""
        one = self.dimensions[dimension]
        hits = np.fromiter((accepts(code) for code in range(len(one))), np.bool_, len(one))
        return hits[one.codes]

    def tally(self, keys: Keys, dimension: str) -> dict[int, int]:
        """How many of these rows have each number of a dimension."""
        counts = np.bincount(self.dimensions[dimension].codes[keys])
        return {int(code): int(counts[code]) for code in np.flatnonzero(counts)}

    def times(self, keys: Keys, time: str) -> Numbers:
        """A time of these rows; :data:`MISSING` where there is none."""
        return self._times[time][keys]

    def value_counts(self, field: str, within: Mask | None = None) -> list[tuple[str, int]]:
        """The distinct values of a field that rows have, with how many have it, most first."""
        dimension = self._field_of.get(field)
        if dimension is None:
            return []
        mask = self.alive if within is None else self.alive & within
        counts = np.bincount(dimension.codes[mask], minlength=len(dimension))
        found: dict[str, int] = {}
        for code in np.flatnonzero(counts):
            text = dimension.text(int(code), field)
            found[text] = found.get(text, 0) + int(counts[code])
        return sorted(found.items(), key=lambda item: (-item[1], item[0].casefold()))

    def _mask_of(self, term: Term, now: int) -> Mask:
        known = self._masks.get((term.field, term.test))
        if known is not None:
            return known
        if isinstance(term.test, Age):
            return self._by_age(term.field, term.test, now)
        if not term.field:
            mask = self._by_name(term.test)
            for dimension in self.dimensions.values():
                mask = mask | dimension.mask("", term.test)
        elif term.field == self.name:
            mask = self._by_name(term.test)
        else:
            found = self._field_of.get(term.field)
            mask = found.mask(term.field, term.test) if found is not None else np.zeros(len(self.alive), np.bool_)
        if len(self._masks) >= _REMEMBERED_MASKS:
            self._masks.pop(next(iter(self._masks)))
        self._masks[term.field, term.test] = mask
        return mask

    def _by_name(self, test: Test) -> Mask:
        names = self._names
        if isinstance(test, Contains):
            part = test.part
            return np.fromiter([part in name for name in names], np.bool_, len(names))
        return np.fromiter([test.accepts(name) for name in names], np.bool_, len(names))

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
        keys: Keys = np.flatnonzero(self.alive)
        keys = keys[np.argsort(self._ranks_of(self.name)[keys], kind="stable")]
        for one in reversed(order):
            values = self._ranks_of(one.field)[keys]
            keys = keys[np.argsort(-values if one.backwards else values, kind="stable")]
        self._sorted = (order, keys)
        return keys

    def _ranks_of(self, field: str) -> Numbers:
        if field == self.name:
            if self._name_ranks is None:
                ranks = np.zeros(len(self._names), np.int64)
                ranks[sorted(range(len(self._names)), key=self._names.__getitem__)] = np.arange(len(self._names))
                self._name_ranks = ranks
            return self._name_ranks
        values = self._times.get(field)
        if values is not None:
            return np.where(values == MISSING, np.iinfo(np.int64).max, values)
        dimension = self._field_of.get(field)
        return dimension.ranks(field, self._ranks.get(field)) if dimension is not None else np.zeros(len(self.alive), np.int64)


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

"""What a line table shows, in order: rows that are all there, or the keys of rows of which only some have been fetched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)

REMEMBERED = 2_000
"""Rows that are kept beyond those on the screen."""


class Lines(Protocol[Row_co]):
    """An order of rows. Ids are what cursor, marks and scroll position belong to."""

    def __len__(self) -> int: ...

    def id_at(self, place: int) -> Hashable:
        """The id of the row at a place."""

    def row_at(self, place: int) -> Row_co | None:
        """The row at a place, ``None`` while it has not been fetched."""

    def find(self, row_id: Hashable) -> int | None:
        """The place of an id."""

    def left_after(self, place: int, others: Lines[Any]) -> int | None:
        """The place in ``others`` of the first row behind ``place`` here that is there too."""

    def ids(self) -> Iterable[Hashable]:
        """Every id in order."""

    def slice(self, start: int, stop: int) -> Sequence[Hashable]:
        """The ids from ``start`` to before ``stop``."""

    def count(self, ids: Collection[Hashable]) -> int:
        """How many of these ids are here."""

    def same_order(self, others: Lines[Any]) -> bool:
        """Whether ``others`` shows the same ids in the same order."""


class RowLines(Generic[Row]):
    """Rows that are all in memory."""

    def __init__(self, rows: Sequence[Row], identify: Callable[[Row], str]) -> None:
        self.rows = rows
        self._identify = identify
        self._places: dict[Hashable, int] = {identify(row): place for place, row in enumerate(rows)}

    def __len__(self) -> int:
        return len(self.rows)

    def id_at(self, place: int) -> Hashable:
        """The id of the row at a place."""
        return self._identify(self.rows[place])

    def row_at(self, place: int) -> Row | None:
        """The row at a place."""
        return self.rows[place]

    def find(self, row_id: Hashable) -> int | None:
        """The place of an id."""
        return self._places.get(row_id)

    def left_after(self, place: int, others: Lines[Any]) -> int | None:
        """The place in ``others`` of the first row behind ``place`` here that is there too."""
        found = (others.find(self._identify(row)) for row in self.rows[place + 1 :])
        return next((one for one in found if one is not None), None)

    def ids(self) -> Iterable[Hashable]:
        """Every id in order."""
        return self._places

    def slice(self, start: int, stop: int) -> Sequence[Hashable]:
        """The ids from ``start`` to before ``stop``."""
        return [self._identify(row) for row in self.rows[start:stop]]

    def count(self, ids: Collection[Hashable]) -> int:
        """How many of these ids are here."""
        return sum(1 for one in ids if one in self._places)

    def same_order(self, others: Lines[Any]) -> bool:
        """Whether ``others`` shows the same ids in the same order."""
        return isinstance(others, RowLines) and len(others) == len(self) and list(others._places) == list(self._places)


class Order(Protocol):
    """The keys of very many rows in order, as :class:`cache.columns.KeyOrder` has them."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> int: ...

    def slice(self, start: int, stop: int) -> list[int]:
        """The keys from ``start`` to before ``stop``."""

    def find(self, key: int) -> int | None:
        """The place of a key."""

    def left_after(self, place: int, others: Any) -> int | None:
        """The place in ``others`` of the first key behind ``place`` here that is there too."""

    def count(self, keys: Collection[Hashable]) -> int:
        """How many of these keys are here."""

    def same(self, others: Any) -> bool:
        """Whether ``others`` are the same keys in the same order."""

    def __iter__(self) -> Iterator[int]: ...


class KeyLines(Generic[Row]):
    """Keys in order, and the rows that were fetched so far. ``rows`` is shared by the orders of one table."""

    def __init__(self, order: Order, rows: dict[int, Row]) -> None:
        self.order = order
        self._rows = rows

    def __len__(self) -> int:
        return len(self.order)

    def id_at(self, place: int) -> Hashable:
        """The key at a place."""
        return self.order[place]

    def row_at(self, place: int) -> Row | None:
        """The row at a place, ``None`` while it has not been fetched."""
        return self._rows.get(self.order[place])

    def find(self, row_id: Hashable) -> int | None:
        """The place of a key."""
        return self.order.find(row_id) if isinstance(row_id, int) else None

    def left_after(self, place: int, others: Lines[Any]) -> int | None:
        """The place in ``others`` of the first key behind ``place`` here that is there too."""
        return self.order.left_after(place, others.order) if isinstance(others, KeyLines) else None

    def ids(self) -> Iterable[Hashable]:
        """Every key in order."""
        return self.order

    def slice(self, start: int, stop: int) -> Sequence[Hashable]:
        """The keys from ``start`` to before ``stop``."""
        return self.order.slice(start, stop)

    def count(self, ids: Collection[Hashable]) -> int:
        """How many of these keys are here."""
        return self.order.count(ids)

    def same_order(self, others: Lines[Any]) -> bool:
        """Whether ``others`` shows the same keys in the same order."""
        return isinstance(others, KeyLines) and self.order.same(others.order)

    def missing(self, start: int, stop: int) -> list[int]:
        """The keys between two places whose rows have not been fetched."""
        return [key for key in self.order.slice(max(0, start), stop) if key not in self._rows]

    def take(self, rows: Mapping[int, Row], keep: Sequence[int]) -> None:
        """Rows that were fetched. When there are too many, only these and ``keep`` stay."""
        if len(self._rows) + len(rows) > REMEMBERED:
            kept = {key: self._rows[key] for key in keep if key in self._rows}
            self._rows.clear()
            self._rows.update(kept)
        self._rows.update(rows)


class KeyList:
    """A few keys in order: those that are shown before the columns are in memory."""

    def __init__(self, keys: Sequence[int] = ()) -> None:
        self._keys = list(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, place: int) -> int:
        return self._keys[place]

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def slice(self, start: int, stop: int) -> list[int]:
        """The keys from ``start`` to before ``stop``."""
        return self._keys[start:stop]

    def find(self, key: int) -> int | None:
        """The place of a key."""
        return self._keys.index(key) if key in self._keys else None

    def left_after(self, place: int, others: Order) -> int | None:
        """The place in ``others`` of the first key behind ``place`` here that is there too."""
        found = (others.find(key) for key in self._keys[place + 1 :])
        return next((one for one in found if one is not None), None)

    def count(self, keys: Collection[Hashable]) -> int:
        """How many of these keys are here."""
        return sum(1 for one in self._keys if one in keys)

    def same(self, others: Order) -> bool:
        """Whether ``others`` are the same keys in the same order."""
        return len(others) == len(self._keys) and others.slice(0, len(others)) == self._keys

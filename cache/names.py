"""The names of very many rows as one text: a part of them is found in a millisecond or two, without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cache.filter import Contains, Test

Mask = npt.NDArray[np.bool_]

_END = b"\n"
_LOOSE = 4_096
"""Names that may have changed before they are taken into the text. One beside it takes the room of five in it."""

_PART = 1 << 16
"""Bytes that are counted at a time: NumPy counts in a copy of eight times their size."""

_FEW_LOOSE = 256
"""Names that may stay beside the text when it is searched: each is looked at by itself."""

_MANY = 65_536
"""Hits from which on each row is asked whether it has one, not each hit for its row."""

_STEP = 16
"""From every so many bytes on it is known which row's name lies there: names are longer than that as a rule."""


class Names:
    """Names by row, casefolded. A name is never found across its end: what would end a line is kept as a blank.

    ``_starts`` says where the names of the rows that are in the text begin, and then where it ends.
    """

    def __init__(self) -> None:
        self._text = b""
        self._bytes: npt.NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._starts: npt.NDArray[np.int64] = np.zeros(1, np.int64)
        self._often: npt.NDArray[np.int64] | None = None
        self._rows_at: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._loose: dict[int, str] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        found = self._text.decode().split("\n")[:-1]
        found.extend([""] * (self._count - len(found)))
        for row, name in self._loose.items():
            found[row] = name
        return iter(found)

    def grow(self, count: int) -> None:
        """There are so many rows now; the new ones have no name yet."""
        self._count = max(self._count, count)

    def put(self, rows: Sequence[int], names: Sequence[str]) -> bool:
        """Give rows names; whether any is another one than before."""
        changed = False
        for row, name in zip(rows, names, strict=True):
            folded = name.casefold().replace("\n", " ").encode("utf-8", "replace").decode()
            if self._name(row) != folded:
                self._loose[row] = folded
                changed = True
        if len(self._loose) > _LOOSE:
            self._bind()
        return changed

    def make_ready(self) -> None:
        """Do before it is asked what the first search would have to do."""
        if len(self._loose) > _FEW_LOOSE:
            self._bind()
        if self._often is None:
            whole = self._bytes
            parts = (whole[start : start + _PART] for start in range(0, len(whole), _PART))
            self._often = np.sum([np.zeros(256, np.int64), *(np.bincount(one, minlength=256) for one in parts)], axis=0)
            begun = np.bincount((self._starts[:-1] + _STEP - 1) // _STEP, minlength=len(whole) // _STEP + 1)
            self._rows_at = (np.cumsum(begun) - 1).astype(np.int32)

    def mask(self, test: Test) -> Mask:
        """The rows whose name passes."""
        if not isinstance(test, Contains) or not test.part or "\n" in test.part:
            return np.fromiter((test.accepts(name) for name in self), np.bool_, self._count)
        self.make_ready()
        found = np.zeros(self._count, np.bool_)
        self._find(test.part.encode("utf-8", "replace"), found)
        for row, name in self._loose.items():
            found[row] = test.part in name
        return found

    def ranks(self) -> npt.NDArray[np.int64]:
        """For every row the place of its name among all; equal names share one."""
        names = list(self)
        order = sorted(range(len(names)), key=names.__getitem__)
        ranks = np.zeros(len(names), np.int64)
        place, before = -1, None
        for row in order:
            if names[row] != before:
                place, before = place + 1, names[row]
            ranks[row] = place
        return ranks

    def _find(self, part: bytes, found: Mask) -> None:
        whole = self._bytes
        last = len(whole) - len(part) + 1
        if last <= 0:
            return
        assert self._often is not None
        often = self._often[np.frombuffer(part, np.uint8)]
        if len(part) == 1 and often[0] > _MANY:
            found[: len(self._starts) - 1] = np.logical_or.reduceat(whole == part[0], self._starts[:-1])
            return
        anchor = int(often.argmin())  # the rarest byte of the part first, so that few places are left to be looked at
        hits = np.flatnonzero(whole[anchor : anchor + last] == part[anchor])
        for place, byte in enumerate(part):
            if place != anchor and len(hits):
                hits = hits[whole[hits + place] == byte]
        rows = self._rows_at[hits // _STEP]
        while (further := self._starts[rows + 1] <= hits).any():
            rows = rows + further
        found[rows] = True

    def _name(self, row: int) -> str:
        if row in self._loose:
            return self._loose[row]
        if row + 1 >= len(self._starts):
            return ""
        return self._text[self._starts[row] : self._starts[row + 1] - 1].decode()

    def _bind(self) -> None:
        """Take the loose names into the text."""
        pieces: list[bytes] = []
        done = 0
        for row in sorted(self._loose):
            if done < row:
                pieces.append(self._bound(done, row))
            pieces += (self._loose[row].encode(), _END)
            done = row + 1
        pieces.append(self._bound(done, max(done, len(self._starts) - 1)))
        self._loose = {}
        self._text = b"".join(pieces)
        self._bytes = np.frombuffer(self._text, np.uint8)
        ends = np.flatnonzero(self._bytes == _END[0])
        self._starts = np.concatenate([np.zeros(1, np.int64), ends + 1])
        self._often = None

    def _bound(self, start: int, stop: int) -> bytes:
        """What the text has for the rows from ``start`` to before ``stop``; no names for those that are not in it."""
        there = len(self._starts) - 1
        first, last = self._starts[min(start, there)], self._starts[min(stop, there)]
        return self._text[first:last] + _END * (stop - max(start, min(stop, there)))

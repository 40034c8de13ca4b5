"""What the terminal shows, remembered, so that only what differs from it is sent.

Textual paints regions that may have changed: a footer that is composed anew, a table whose rows are the same after a reading, the whole
screen after a layout. This keeps the strips that were last sent for each line, and lets through what of a frame is other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

FEW = 8
"""Lines up to which a frame is compared segment by segment; a page that is turned has little in common with the one before."""

Painted = dict[int, tuple[int, Strip]]
"""A line: for columns the column at which the strip that starts there ends, and the strip."""


class Pieces(CompositorUpdate):
    """A frame of strips, each with its column and line."""

    def __init__(self, pieces: list[tuple[int, int, Strip]]) -> None:
        self.pieces = pieces

    def render_segments(self, console: Console) -> str:
        """The bytes for the terminal."""
        return "".join([Control.move_to(x, y).segment.text + strip.render(console) for x, y, strip in self.pieces])


class Shown:
    """The lines of the terminal as they were last painted. ``frugal``: bytes are dearer than the time that it takes to save them."""

    def __init__(self) -> None:
        self.frugal = False
        self._size = (0, 0)
        self._lines: dict[int, Painted] = {}

    @property
    def known(self) -> bool:
        """Whether anything is known of what the terminal shows."""
        return bool(self._lines)

    def forget(self) -> None:
        """The terminal shows something else: the next frame is sent whole."""
        self._lines.clear()

    def difference(self, update: CompositorUpdate) -> CompositorUpdate | None:
        """What of a frame must be sent; ``None`` when nothing. From then on the frame counts as shown."""
        if isinstance(update, LayoutUpdate):
            self._sized(update.region.width, update.region.height)
            parts, fine = _of_layout(update), True
        elif isinstance(update, ChopsUpdate):
            self._sized(update.chop_ends[0][-1], len(update.chops))
            parts, fine = _of_chops(update), self.frugal or len(update.spans) <= FEW
        else:
            self.forget()
            return update
        pieces: list[tuple[int, int, Strip]] = []
        for y, x, end, strip in parts:
            line = self._lines.setdefault(y, {})
            old = line.get(x)
            placed = old is not None and old[0] == end
            if placed and old is not None and old[1] == strip:
                continue
            if fine and line:
                pieces += [(at, y, run) for at, run in self._runs(line, x, end, strip)]
            else:
                pieces.append((x, y, strip))
            if not placed:
                _clear(line, x, end)
            line[x] = end, strip
        return Pieces(pieces) if pieces else None

    def _sized(self, width: int, height: int) -> None:
        if (width, height) != self._size:
            self._size = (width, height)
            self.forget()

    def _runs(self, line: Painted, x: int, end: int, strip: Strip) -> Iterable[tuple[int, Strip]]:
        """What of a strip a line does not show, with its columns."""
        before = _segments(line, x, end)
        runs = list(_differing(before, x, strip))
        if runs and (_odd(strip) or _odd(before.values())):  # a terminal may think otherwise of such a width: paint all from here on
            _clear(line, x, self._size[0])
            runs = [(x, strip)]
        return [(at, run.simplify()) for at, run in runs] if self.frugal else runs


def _segments(line: Painted, x: int, end: int) -> dict[int, Segment]:
    """The segments of a line between two columns, by their columns."""
    found = {}
    for start, (until, strip) in line.items():
        if start < end and until > x:
            at = start
            for segment in strip:
                found[at] = segment
                at += segment.cell_length
    return found


def _differing(before: dict[int, Segment], x: int, strip: Strip) -> Iterator[tuple[int, Strip]]:
    """The runs of segments that were not there before."""
    run: list[Segment] = []
    start = x
    for segment in strip:
        if before.get(x) == segment:
            if run:
                yield start, Strip(run)
                run = []
        else:
            start = start if run else x
            run.append(segment)
        x += segment.cell_length
    if run:
        yield start, Strip(run)


def _odd(segments: Iterable[Segment]) -> bool:
    return any(not text.isascii() and cell_len(text) != len(text) for text, _, _ in segments)


def _clear(line: Painted, x: int, end: int) -> None:
    """Take out of a line what lies between two columns. Of a strip with wide characters, one of which may be cut, nothing is known then."""
    for start, (until, strip) in [*line.items()]:
        if start < end and until > x:
            del line[start]
            if _odd(strip):
                continue
            if start < x:
                line[start] = x, strip.crop(0, x - start)
            if until > end:
                line[end] = until, strip.crop(end - start)


def _of_layout(update: LayoutUpdate) -> Iterator[tuple[int, int, int, Strip]]:
    """Line, column, end and strip of each part of a whole screen."""
    for y, strips in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in strips:
            yield y, x, x + strip.cell_length, strip
            x += strip.cell_length


def _of_chops(update: ChopsUpdate) -> Iterator[tuple[int, int, int, Strip]]:
    """The same of some regions. Where a region begins or ends within a strip, the strip is true all the same."""
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < right and end > left:
                yield y, x, end, strip

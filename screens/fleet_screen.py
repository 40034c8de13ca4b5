"""A list screen over very many rows: the columns of the fleet say which rows and in what order, the table fetches those in view."""

from __future__ import annotations

import asyncio
import importlib
import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cache.errors import CacheError
from cache.filter_language import parse
from screens.desk import Desk
from screens.table_screen import TableScreen
from screens.widgets.line_table import LineTable
from screens.widgets.lines import KeyList
from screens.words import BEING_READ

if TYPE_CHECKING:
    from cache.index import Answer, FleetIndex

Row = TypeVar("Row")

FIRST = 200
"""Rows that are read at once, before the columns are in memory."""


class FleetScreen(TableScreen[Row]):
    """A screen around one table of very many rows.

    The first rows come straight from the cache. Then the columns are read into memory, in a thread, and from there on only what changed.
    """

    LATEST_FIRST: ClassVar[frozenset[str]] = frozenset()
    """Columns of times that are sorted from the latest to the earliest, unless reversed."""

    DEFAULT_CSS = """
    FleetScreen #table { overflow-y: scroll; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        order = self.table.order
        self.table = LineTable(self.COLUMNS, self.identify, self.cell, fetch=self._fetched, empty=BEING_READ, id="table")
        self.table.order = order
        self.within: frozenset[str] | None = None
        self.only: frozenset[int] | None = None
        self.answer: Answer | None = None
        self.total = 0
        self._index: FleetIndex | None = None
        self._wished = 0
        self._arranged = 0
        self._arranging = False
        self._idle = asyncio.Event()
        self._turn = asyncio.Lock()

    @abstractmethod
    async def window(self, keys: Sequence[int]) -> Mapping[int, Row]:
        """Read some rows."""

    @abstractmethod
    async def first_keys(self, limit: int) -> tuple[list[int], int]:
        """The keys of the first rows in the usual order, and how many rows there are in all."""

    @abstractmethod
    def make_index(self, module: Any) -> FleetIndex:
        """The index of this screen's rows, made from :mod:`cache.index`."""

    @abstractmethod
    async def read_around(self) -> None:
        """Read what the screen tells besides its rows; sets ``within``, and ``only`` where it shows but some rows."""

    def toggled(self) -> str:
        """What the toggles let pass, as a filter; empty for everything."""
        return ""

    def always(self) -> frozenset[int]:
        """The keys of rows that the toggles do not hide."""
        return frozenset()

    async def rows(self) -> Sequence[Row]:
        """Never all of them."""
        raise NotImplementedError

    async def values(self, key: str) -> Sequence[tuple[str, int]]:
        """The values of a field, each with the number of rows that have it; counted in a thread."""
        return await self._index.value_counts(key, self.within) if self._index is not None else ()

    @property
    def up_to_date(self) -> bool:
        """Whether everything that the cache has told of, and every key, is on the screen."""
        return super().up_to_date and self._index is not None

    async def load(self) -> None:
        """Show what has changed. The mark of a row that is gone for good goes with it."""
        await self.read_around()
        if self._index is None:
            keys, self.total = await self.first_keys(FIRST)
            await self.table.set_keys(KeyList(keys))
            self.told()
            self.call_after_refresh(self._begin)
            return
        changed = await self._index.refresh()
        if changed and self.table.marks:
            gone = self.table.marks - await self._index.alive(self.table.marks)
            self.table.set_marks(self.table.marks - gone)
        await self._arrange_now(again=changed or self.answer is None)

    def _begin(self) -> None:
        if self._index is None and not self._arranging:
            self._arranging = True
            self._idle.clear()
            self.work("columns into memory", self._build())

    async def _build(self) -> None:
        try:
            module = await asyncio.to_thread(importlib.import_module, "cache.index")
            index = self.make_index(module)
            await index.refresh()
            self._index = index
            await self._arrange_now(again=False)
            while self._arranged != self._wished:  # what was typed meanwhile
                await self._arrange_now(again=False)
        finally:
            self._arranging = False
            self._idle.set()

    def rearrange(self) -> None:
        """Filter and sort anew, soon; several wishes become one."""
        self._wished += 1
        if not self._arranging and self._index is not None:
            self._arranging = True
            self._idle.clear()
            self.work("filter and order", self._arrange())

    async def _arrange(self) -> None:
        try:
            while self._arranged != self._wished:
                with self.app.batch_update():  # the letter and the rows that it leaves are painted together
                    await self._arrange_now(again=False)
                self.paint_now()
        finally:
            self._arranging = False
            self._idle.set()

    async def arranged(self) -> None:
        """Wait until the table shows what the filter leaves."""
        while self._arranging:
            await self._idle.wait()

    async def _fetched(self, keys: Sequence[int]) -> Mapping[int, Row]:
        """The rows in view. Those that cannot be read stay a mark that something is missing."""
        try:
            return await self.window(keys)
        except CacheError as failure:
            self._tell_unreadable(failure)
        except Exception as failure:
            logging.getLogger("console").exception("rows in view")
            await self._tell_unknown("rows in view", failure)
        return {}

    async def _arrange_now(self, *, again: bool) -> None:
        """Ask and show, one after the other, so that no older answer comes to stand over a newer one."""
        async with self._turn:
            await self._show_answer(again=again)

    async def _show_answer(self, *, again: bool) -> None:
        from cache.index import Order, Question

        assert self._index is not None
        wish = self._wished
        self.read_filter()
        order = tuple(Order(key, backwards ^ (key in self.LATEST_FIRST)) for key, backwards in self.whole_order())
        filters = (parse(self.toggled(), self.FIELDS), self._filter)
        answer = await self._index.answer(Question(filters, order, self.within, self.always(), self.only), self.desk.clock.now())
        self.answer, self.total = answer, answer.total
        await self.table.set_keys(answer.order, again=again)
        self.show_hits()
        self.table.repaint_header()
        self._arranged = max(self._arranged, wish)
        self.told()

    def told(self) -> None:
        """The rows are shown: tell what there is to tell about them."""
        self._tell_count()

    def summary_line(self) -> str:
        """The line below the table."""
        return f"{self.table.count:,} of {self.total:,}"

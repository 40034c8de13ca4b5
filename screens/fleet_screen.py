"""A list screen over very many rows: the columns of the fleet say which rows and in what order, the table fetches those in view."""

from __future__ import annotations

import asyncio
import importlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cache.errors import CacheError
from cache.filter import Field, Filter, FilterError, parse
from screens.desk import Desk
from screens.table_screen import TableScreen
from screens.widgets.line_table import LineTable
from screens.widgets.lines import KeyList

if TYPE_CHECKING:
    from cache.index import Answer, FleetIndex

Row = TypeVar("Row")

FIRST = 200
"""Rows that are read at once, before the columns are in memory."""


class FleetScreen(TableScreen[Row]):
    """A screen around one table of very many rows.

    The first rows come straight from the cache. Then the columns are read into memory, in a thread, and from there on only what changed.
    """

    FIELDS: ClassVar[tuple[Field, ...]] = ()

    DEFAULT_CSS = """
    FleetScreen #table { overflow-y: scroll; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        sorted_by = self.table.sorted_by
        self.table = LineTable(self.COLUMNS, self.identify, self.cell, fetch=self.window, empty=self.EMPTY, id="table")
        self.table.sorted_by = sorted_by
        self.within: frozenset[str] | None = None
        self.answer: Answer | None = None
        self.total = 0
        self._index: FleetIndex | None = None
        self._filter = Filter()
        self._filter_error: FilterError | None = None
        self._wanted = 0
        self._arranged = 0
        self._arranging = False
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
        """Read what the screen tells besides its rows; sets ``within``."""

    def toggled(self) -> str:
        """What the toggles let pass, as a filter; empty for everything."""
        return ""

    def always(self) -> frozenset[int]:
        """The keys of rows that no filter hides."""
        return frozenset()

    async def rows(self) -> Sequence[Row]:
        """Never all of them."""
        raise NotImplementedError

    @property
    def up_to_date(self) -> bool:
        """Whether everything that the cache has told of, and every key, is on the screen."""
        return super().up_to_date and not self._arranging and self._index is not None

    async def load(self) -> None:
        """Show what has changed."""
        await self.read_around()
        if self._index is None:
            keys, self.total = await self.first_keys(FIRST)
            await self.table.set_keys(KeyList(keys))
            self.told()
            self.call_after_refresh(self._begin)
            return
        if await self._index.refresh() or self.answer is None:
            await self._arrange_now(again=True)
        else:
            await self._arrange_now(again=False)

    def _begin(self) -> None:
        if self._index is None and not self._arranging:
            self._arranging = True
            self.run_worker(self._build(), group="columns", description="columns into memory", exit_on_error=False)

    async def _build(self) -> None:
        try:
            module = await asyncio.to_thread(importlib.import_module, "cache.index")
            index = self.make_index(module)
            await index.refresh()
            self._index = index
            await self._arrange_now(again=False)
            while self._arranged != self._wanted:  # what was typed meanwhile
                await self._arrange_now(again=False)
        except CacheError as failure:
            self.notify(str(failure), title="The cache cannot be read", severity="error", markup=False)
        finally:
            self._arranging = False

    def rearrange(self) -> None:
        """Filter and sort anew, soon; several wishes become one."""
        self._wanted += 1
        if not self._arranging and self._index is not None:
            self._arranging = True
            self.run_worker(self._arrange(), group="arrange", description="filter and order", exit_on_error=False)

    def sort(self) -> None:
        """The order is another one: the lines are painted once, when they are in it."""
        self.rearrange()

    async def _arrange(self) -> None:
        try:
            while self._arranged != self._wanted:
                with self.app.batch_update():  # the letter and the rows that it leaves are painted together
                    await self._arrange_now(again=False)
        except CacheError as failure:
            self.notify(str(failure), title="The cache cannot be read", severity="error", markup=False)
        finally:
            self._arranging = False

    async def _arrange_now(self, *, again: bool) -> None:
        """Ask and show, one after the other, so that no older answer comes to stand over a newer one."""
        async with self._turn:
            await self._show_answer(again=again)

    async def _show_answer(self, *, again: bool) -> None:
        from cache.index import Order, Question

        assert self._index is not None
        wish = self._wanted
        self._filter_error = None
        try:
            self._filter = parse(self.filter_text, self.FIELDS)
        except FilterError as error:
            self._filter_error = error
        order = (Order(self.table.sorted_by, self.table.reversed),) if self.table.sorted_by else ()
        filters = (parse(self.toggled(), self.FIELDS), self._filter)
        answer = await self._index.answer(Question(filters, order, self.within, self.always()), self.desk.clock.now())
        self.answer, self.total = answer, answer.total
        await self.table.set_keys(answer.order, again=again)
        self.table.repaint_header()
        self._arranged = max(self._arranged, wish)
        self.told()

    def told(self) -> None:
        """The rows are shown: tell what there is to tell about them."""
        self._tell_count()

    def summary_line(self) -> str:
        """The line below the table."""
        return f"{self.table.count:,} of {self.total:,}"

    def count_line(self) -> str:
        """What stands below the table, or first why the filter does not count."""
        text = super().count_line()
        return text if self._filter_error is None else f"filter: {self._filter_error} · {text}"

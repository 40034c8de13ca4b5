"""What all main screens share: a title with the steps of the walk, a status bar, keys, and reading the cache when it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from cache.errors import CacheError
from cache.model import Source
from cache.writing import AGES
from screens.desk import Desk
from screens.uncovered import Uncovering
from screens.widgets.key_line import KeyLine
from screens.widgets.status_bar import StatusBar
from screens.words import SMALLEST

STEPS: tuple[tuple[str, str], ...] = (
    ("subscriptions", "Subscriptions"),
    ("checklist", "Checklist"),
    ("enable", "Enable"),
    ("machines", "Machines"),
)
"""The walk of the seed, for which the keys 1 to 4 stand; ``n`` goes on to the next step."""

TOO_SMALL = f"This terminal is too small: mde-console needs {SMALLEST[0]}×{SMALLEST[1]}, better 80×24. q leaves."

COALESCE = 0.1
"""Seconds in which several changes of the cache become one reading."""

PROMPT = 0.3
"""Seconds after which a screen appears although what it shows is still being read: a key that does nothing for longer seems lost."""

SLOW_COALESCE = 2.0
"""The same on a slow line, also for what the workers tell of what they are doing."""

SLOW_TICKS = 10
"""On a slow line the clocks on the screen move on once in so many seconds."""


class ConsoleScreen(Uncovering, Screen[None]):
    """A main screen. A subclass names the cache tables it shows and the sources these stand on, composes its ``body``, reads in ``load``.

    ``load`` is called when the screen appears and, at most every :data:`COALESCE` seconds, after any of ``TABLES`` has changed;
    a screen that is not in front waits until it is.
    """

    NAME: ClassVar[str] = ""
    TITLE_TEXT: ClassVar[str] = ""
    BEFORE_TITLE: ClassVar[str] = "  │ "
    TABLES: ClassVar[frozenset[str]] = frozenset()
    SOURCES: ClassVar[frozenset[Source]] = frozenset(Source)
    DEFAULT_CSS = """
    ConsoleScreen {
        #title { height: 1; background: $panel; text-style: bold; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        .good { color: $text-success; }
        .bad { color: $text-error; }
        .warn { color: $text-warning; }
        .busy { color: $text-primary; }
        .muted { color: $text-muted; }
        .accent { color: $text-accent; }
        #too-small { display: none; color: $text-warning; }
        &.-too-small > * { display: none !important; }
        &.-too-small > #too-small { display: block !important; }
        #hint { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
    }
    """

    class Loaded(Message):
        """What is known is on the screen, or will be with the next frame."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._dirty = True
        self._changes: dict[str, int] = {}
        self._rereads: dict[frozenset[str], int] = {}
        self._reading = False
        self._timer: Timer | None = None
        self._activity_timer: Timer | None = None
        self._ticks = 0
        self._stop_listening: list[Callable[[], None]] = []

    def compose(self) -> ComposeResult:
        """Title, body, status bar, footer."""
        yield Static(self.title_line(), id="title", markup=False)
        yield from self.body()
        yield StatusBar(self.desk)
        yield KeyLine()
        yield Static(TOO_SMALL, id="too-small", markup=False)

    def body(self) -> Iterator[Widget]:
        """The widgets between title and status bar."""
        raise NotImplementedError

    async def load(self) -> None:
        """Read the cache and show it."""
        raise NotImplementedError

    def title_line(self) -> Content:
        """The name of the screen and the steps of the walk, the current one marked."""
        parts: list[Content] = []
        for number, (name, title) in enumerate(STEPS, 1):
            here = name == self.NAME
            parts.append(Content.styled(f"{number} {title}", "reverse" if here else ""))
        steps = Content(" → ").join(parts)
        if any(name == self.NAME for name, _ in STEPS):
            return Content.assemble("mde-console  ", steps)
        return Content.assemble("mde-console  ", steps, self.BEFORE_TITLE, Content.styled(self.TITLE_TEXT, "reverse"))

    def on_mount(self) -> None:
        """Listen to the cache, the journal and what is under way."""
        self._stop_listening = [
            self.desk.fleet.subscribe(self.cache_changed),
            self.desk.journal.subscribe(self.cache_changed),
            self.desk.activity.subscribe(self._activity_changed),
        ]
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        """Listen no longer."""
        for stop in self._stop_listening:
            stop()

    def on_resize(self, event: events.Resize) -> None:
        """Where there is no room for the screen, a sentence stands instead, and nothing is done that cannot be seen."""
        small = event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1]
        if small != self.has_class("-too-small"):
            self.set_class(small, "-too-small")
            if not small:
                self.call_after_refresh(self._focus_again)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key of the screen works unseen."""
        return False if self.has_class("-too-small") else super().check_action(action, parameters)

    def _focus_again(self) -> None:
        if self.focused is None and self.AUTO_FOCUS:
            for widget in self.query(self.AUTO_FOCUS):
                widget.focus()

    async def on_screen_resume(self) -> None:
        """In front again: read what has changed meanwhile."""
        self._focus_again()
        if not self._dirty:
            await self._follow_ages()
            return
        appears = asyncio.create_task(self._appear())
        try:
            await self._reload()
        finally:
            appears.cancel()

    async def _appear(self) -> None:
        """Where reading takes long, take the place of the screen before, with what is known so far: Textual paints when this is through.

        Keys of the screen still wait until there is what they act on.
        """
        await asyncio.sleep(PROMPT)
        if self.is_attached and self.is_current and self.outer_size != self.app.size:
            self._refresh_layout(self.app.size)
        self.refresh()
        while self.is_attached and self.is_current:
            self._on_timer_update()
            await asyncio.sleep(COALESCE)

    def cache_changed(self, tables: frozenset[str]) -> None:
        """Some tables changed: read again soon if they are ours. Where nothing changed but ages, the status bar alone follows."""
        if tables == {AGES}:
            if self.is_current:
                self.call_later(self._follow_ages)
            return
        if not tables & (self.TABLES | {"freshness", "problems"}):
            return
        self._dirty = True
        self._changes |= {table: self._changes.get(table, 0) + 1 for table in tables}
        if self._timer is None and self.is_current:
            self._timer = self.set_timer(max(self.coalescing(), SLOW_COALESCE if self.desk.slow_line else COALESCE), self._reload)

    def coalescing(self) -> float:
        """Seconds in which several changes become one reading at least, where a reading is dear."""
        return 0.0

    @property
    def up_to_date(self) -> bool:
        """Whether everything that the cache has told of is on the screen."""
        return not self._dirty and not self._reading

    async def _reload(self) -> None:
        self._timer = None
        if not self.is_mounted or not self.is_current:
            return
        self._dirty = False
        self._reading = True
        try:
            await self.load()
            await self._load_status()
        except CacheError as failure:
            self._tell_unreadable(failure)
        finally:
            self._reading = False
            self.post_message(self.Loaded())

    async def reread(self, tables: frozenset[str], read: Callable[[], Awaitable[None]]) -> bool:
        """Read what stands on ``tables``, if it has not been read since one of them changed; whether it was."""
        now = sum(self._changes.get(table, 0) for table in tables)
        if self._rereads.get(tables) == now:
            return False
        await read()
        self._rereads[tables] = now
        return True

    async def _follow_ages(self) -> None:
        try:
            await self.ages_moved()
            await self._load_status()
        except CacheError as failure:
            self._tell_unreadable(failure)

    def _tell_unreadable(self, failure: CacheError) -> None:
        self.notify(str(failure), title="The cache cannot be read", severity="error", markup=False)

    async def _load_status(self) -> None:
        now, desk = self.desk.clock.now(), self.desk
        standing = await desk.fleet.standing(self.SOURCES, now - desk.stale_after, now - desk.stale_after - desk.reconcile)
        problems = await self.desk.fleet.problem_count()
        for bar in self.query(StatusBar):
            bar.show(standing, problems)

    def paint_now(self) -> None:
        """Paint what has changed at once, not with the next frame: it is the answer to a key, and whole.

        Widgets tell the screen of their changes by messages, which are still on their way; here all are asked.
        """
        self._dirty_widgets.update(self._compositor.visible_widgets)
        self._on_timer_update()

    def _activity_changed(self) -> None:
        if not self.desk.slow_line:
            self._show_activity()
        elif self._activity_timer is None and self.is_mounted and self.is_current:
            self._activity_timer = self.set_timer(SLOW_COALESCE, self._show_activity)

    def _show_activity(self) -> None:
        self._activity_timer = None
        self._tick_bar()
        if self.is_mounted and self.is_current:
            self.activity_moved()

    def _tick(self) -> None:
        self._ticks += 1
        if self.is_current and not (self.desk.slow_line and self._ticks % SLOW_TICKS):
            self._tick_bar()
            self.clock_moved()

    def _tick_bar(self) -> None:
        if self.is_current:
            for bar in self.query(StatusBar):
                bar.tick()

    async def ages_moved(self) -> None:
        """A poll found nothing else, so that all that is polled is as fresh as that."""

    def clock_moved(self) -> None:
        """A second has passed, on a slow line ten: ages on the screen may have moved on."""

    def activity_moved(self) -> None:
        """What the workers are doing has begun, got on or ended."""

"""The composition root: it hands the cache to the screens, and what screens ask for to the workers."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from textual import events
from textual.binding import BindingType
from textual.command import Provider
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from cache.activity import Activity
from cache.clock import SystemClock
from cache.errors import CacheError
from cache.fleet import FleetCache
from cache.journal import Journal
from console.first_paint import ENTER, FirstPaint
from console.hearing import HearingApp
from console.paths import HomeError, make_folder
from console.session import Setup, open_cache, remembered
from console.settings import SettingsError
from console.signing_in import SigningIn
from screens import requests
from screens.actions import ACTIONS, EVERYWHERE, bindings
from screens.console_screen import STEPS
from screens.desk import Desk, Session
from screens.themes import following, register

if TYPE_CHECKING:
    from screens.sign_in import SignInScreen

AZURE_MODULES = ("console.identity", "console.gateway.azure", "console.workers.watch", "console.workers.plan", "console.answers")
"""What is imported, off the event loop, once the first screen stands."""

MAIN_SCREENS: dict[str, tuple[str, str]] = {
    "overview": ("screens.overview", "OverviewScreen"),
    "subscriptions": ("screens.subscriptions", "SubscriptionsScreen"),
    "checklist": ("screens.checklist", "ChecklistScreen"),
    "enable": ("screens.enable", "EnableScreen"),
    "machines": ("screens.machines", "MachinesScreen"),
    "alerts": ("screens.alerts", "AlertsScreen"),
    "onboarding": ("screens.onboarding", "OnboardingScreen"),
    "report": ("screens.report", "ReportScreen"),
    "verify": ("screens.verify", "VerifyScreen"),
    "audit": ("screens.audit", "AuditScreen"),
    "log": ("screens.log", "LogScreen"),
}
"""Each main screen by its module and class: the first one is imported to be shown, the others when it stands."""

PAGES = ("screens.machine", "screens.alert", "screens.help", "screens.palette")
"""What is opened from a main screen."""


class TakingOver(LinuxDriver):
    """The driver of a terminal on which something stands already: it is not told to clear it."""

    def write(self, data: str) -> None:
        """Write to the terminal."""
        if data != ENTER:
            super().write(data)


def _palette() -> type[Provider]:
    from screens.palette import ActionProvider

    return ActionProvider


class ConsoleApp(HearingApp):
    """The console. Reads nothing of Azure itself: workers do, and screens see what they wrote into the cache."""

    TITLE = "mde-console"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = {_palette}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]

    def __init__(self, setup: Setup, first: FirstPaint | None = None) -> None:
        super().__init__(setup.slow_line, TakingOver if first is not None and first.painted else None)
        self.setup = setup
        self._first = first
        self._begun = False
        self._early: list[events.Key] = []
        self.activity = Activity(setup.clock)
        self.desk: Desk | None = None
        self.failure: Exception | None = None
        self.sign_in_screen: SignInScreen | None = None
        self.signing_in = SigningIn(self, setup, self.activity, _import_the_rest)
        register(self)
        if setup.settings.theme not in self.available_themes:
            names = ", ".join(sorted(self.available_themes))
            raise SettingsError(f"{setup.paths.config}: “theme” must be one of {names}.")
        self.theme = setup.settings.theme
        if setup.slow_line:
            self.be_frugal()
        self.own_keys = _own_keys(setup)
        self.set_keymap(dict(self.own_keys))

    async def on_mount(self) -> None:
        """Paint from the cache of the last sign-in, if there is one; then sign in."""
        if self._first is not None:
            self._first.taken_over = True
        last = remembered(self.setup)
        try:
            if last is not None:
                fleet, journal = await open_cache(self.setup, last.tenant_id, last.principal)
                await self.show_desk(fleet, journal, last.tenant_id, last.principal)
        except CacheError as failure:
            self.fail(failure)
            return
        if self.desk is None:
            await self.show_sign_in()
            self._begin()
        self.set_interval(1.0, self._follow)

    def on_console_screen_loaded(self) -> None:
        """A main screen shows what is known: the first to do so takes the place of what was painted before Textual."""
        if not self._begun:
            self._begin()

    def _begin(self) -> None:
        self._begun = True
        self._first = None
        self.screen.refresh()
        self.call_after_refresh(self._hand_on_early_keys)
        self.call_after_refresh(self.watch_line)
        self.call_after_refresh(self.signing_in.start)

    def _hand_on_early_keys(self) -> None:
        early, self._early = self._early, []
        for key in early:
            self.post_message(key)

    async def on_event(self, event: events.Event) -> None:
        """Keys that were pressed while the first rows stood there alone are for the screen that takes their place."""
        if isinstance(event, events.Key) and self._first is not None and self._first.painted:
            self._early.append(event)
        else:
            await super().on_event(event)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if self._first is None or not self._first.painted:  # until there are rows, those that stand there are not painted over
            super()._display(screen, renderable)

    async def _follow(self) -> None:
        """Show what another console on the same files has written."""
        if self.desk is not None:
            with suppress(CacheError):  # what reads next meets the same and says it
                await self.desk.fleet.poll_foreign_changes()
                await self.desk.journal.poll_foreign_changes()

    async def shut_down(self) -> None:
        """End every task and close what is open; called after the screen is gone."""
        await self.end_what_was_asked_for()
        await self.signing_in.shut_down()
        if self.signing_in.connection is None and self.desk is not None:
            await self.desk.fleet.close()
            await self.desk.journal.close()

    def fail(self, failure: Exception) -> None:
        """Leave with a failure that the command line will say."""
        self.failure = failure
        self.exit(return_code=1)

    # The screen of the sign-in

    async def show_sign_in(self) -> SignInScreen:
        """Show the screen of the sign-in, unless it is shown already."""
        from screens.sign_in import SignInScreen

        if self.sign_in_screen is None:
            self.sign_in_screen = SignInScreen(SystemClock())
            await self.push_screen(self.sign_in_screen)
        return self.sign_in_screen

    def hide_sign_in(self) -> None:
        """Take it away, if it is shown."""
        screen, self.sign_in_screen = self.sign_in_screen, None
        if screen is not None and screen in self.screen_stack:
            screen.dismiss()

    # Screens

    async def show_desk(self, fleet: FleetCache, journal: Journal, tenant_id: str, principal: str) -> None:
        """Show the main screens on this cache, in place of those that are shown."""
        setup = self.setup
        session = Session(
            setup.cloud.name,
            tenant_id,
            principal,
            read_only=setup.read_only,
            integration_supported=setup.cloud.integration_supported,
            azure_portal=setup.cloud.azure_portal,
            defender_portal=setup.cloud.defender_portal,
        )
        desk = Desk(
            fleet,
            journal,
            setup.clock,
            self.activity,
            session,
            setup.paths.home,
            timedelta(minutes=setup.settings.stale_minutes),
            timedelta(minutes=setup.plan_minutes),
            reconcile=timedelta(minutes=setup.settings.reconcile_minutes),
            canary=timedelta(minutes=setup.settings.canary_minutes),
        )
        first_time = self.desk is None
        self.desk = desk
        if self.line.slow:
            self.line_slow()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        for name in MAIN_SCREENS:
            if self.is_screen_installed(name):
                self.uninstall_screen(name)
        known = await fleet.knows_subscriptions()
        await self.push_screen(self.main_screen((self.setup.screen or "overview") if known and first_time else "subscriptions"))
        for sentence in setup.own_mistakes[:3] if first_time else ():
            self.tell(sentence, error=True)
        self.sign_in_screen = None

    async def on_key(self, event: events.Key) -> None:
        """Text typed ahead of the focus is not lost, and never taken for keys.

        A field that has the focus keeps what is typed. So a printable key that comes up to here meanwhile was on its way to another
        widget when the field opened: a slow line brings several keys at once. The line of a filter takes its other keys as well.
        """
        focused = self.focused
        late_key: Callable[[events.Key], Awaitable[None]] | None = getattr(focused, "late_key", None)
        if late_key is not None:
            await late_key(event)
        elif isinstance(focused, Input) and event.is_printable and event.character:
            event.prevent_default()
            event.stop()
            focused.insert_text_at_cursor(event.character)

    def main_screen(self, name: str) -> Screen[Any]:
        """A main screen; it is made when it is first asked for."""
        if not self.is_screen_installed(name):
            module, kind = MAIN_SCREENS[name]
            self.install_screen(getattr(importlib.import_module(module), kind)(self.desk), name)
        return self.get_screen(name)

    def action_show(self, name: str) -> None:
        """Show a main screen, from wherever."""
        if self.desk is None or isinstance(self.screen, ModalScreen):
            return
        if self.main_screen(name) is self.screen:  # somebody else may have written on the terminal
            self.shown.forget()
            self.screen.refresh()
            return
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if self.main_screen(name) is not self.screen:
            self.switch_screen(name)

    def action_next_step(self) -> None:
        """Go on to the next step of the walk."""
        names = [name for name, _ in STEPS]
        current = getattr(self.screen, "NAME", "")
        place = names.index(current) if current in names else -1
        self.action_show(names[(place + 1) % len(names)])

    async def action_back(self) -> None:
        """Clear the filter, else close the page that lies on top."""
        screen = self.screen
        clear: Callable[[], bool] | None = getattr(screen, "clear_filter", None)
        if clear is not None and clear():
            return
        if len(self.screen_stack) > 2:
            self.pop_screen()

    async def action_help(self) -> None:
        """Show the keys, those of the screen in front first."""
        scopes = tuple(getattr(self.screen, "SCOPES", ())) or (getattr(self.screen, "NAME", ""),)
        from screens.help import HelpScreen

        await self.push_screen(HelpScreen(scopes, self.own_keys))

    def action_theme(self) -> None:
        """Go on to the next theme."""
        self.theme = following(self.theme)

    def action_leave(self) -> None:
        """Leave at once."""
        self.leave()

    async def action_quit(self) -> None:
        """Leave; where something under way would end with that, ask first."""
        from screens.dialogs import ConfirmDialog
        from screens.leaving import left_unfinished

        unfinished = left_unfinished(self.desk) if self.desk is not None else []
        if not unfinished:
            self.leave()
            return

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.leave()

        self.push_screen(ConfirmDialog("Leave although this is under way?", unfinished, "Leave"), answered)

    def action_sync(self) -> None:
        """Read Azure now."""
        self.post_message(requests.SyncRequested())

    def action_pause(self) -> None:
        """Pause the polling or go on."""
        self.post_message(requests.PauseToggled())

    def action_sign_in(self) -> None:
        """Sign in again."""
        self.post_message(requests.SignInRequested())

    def action_tenant(self) -> None:
        """Choose another tenant."""
        self._run("tenants", self._choose_tenant())

    def action_screenshot_svg(self) -> None:
        """Save a picture of the screen."""
        folder = self.setup.paths.pictures
        try:
            make_folder(folder)
            path = self.save_screenshot(path=str(folder))
            Path(path).chmod(0o600)
        except (HomeError, OSError) as error:
            self.tell(f"The picture could not be saved: {error}", error=True)
            return
        self.tell(f"Saved {path}")

    def line_slow(self) -> None:
        """The line is slow: say so once, and let the clocks of the screens tick coarser."""
        if self.desk is None:
            return
        self.desk.slow_line = True
        if self.setup.slow_line is None:
            sentence = (
                f"The terminal answers after {self.line.seconds * 1000:.0f} ms, so few bytes are sent to it: its own colours, "
                f"coarser clocks, no animation. “slow_line = false” in {self.setup.paths.config} ends that."
            )
            self._run("slow line", self.desk.fleet.add_log("info", sentence))


def _import_the_rest() -> None:
    for module in (*(module for module, _ in MAIN_SCREENS.values()), *PAGES, *AZURE_MODULES):
        importlib.import_module(module)


def _own_keys(setup: Setup) -> Mapping[str, str]:
    """The keys that the user gave to actions. Raises :class:`SettingsError` for an action that there is not."""
    names = [action.name for action in ACTIONS]
    for unknown in setup.settings.keys.keys() - set(names):
        close = difflib.get_close_matches(unknown, names, 1)
        hint = f" Did you mean “{close[0]}”?" if close else " The names are scope.action, such as “table.filter”."
        raise SettingsError(f"{setup.paths.config}: [keys] “{unknown}” is no action.{hint}")
    return setup.settings.keys


async def run_console(setup: Setup, first: FirstPaint | None = None) -> int:
    """Run the console until the user leaves. Returns the exit code; raises the failure that ended it, if one did."""
    app = ConsoleApp(setup, first)
    try:
        await app.run_async(mouse=setup.settings.mouse)
    finally:
        await app.shut_down()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0

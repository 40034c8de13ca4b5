"""The composition root: it hands the cache to the screens, and what screens ask for to the workers."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.screen import ModalScreen
from textual.widgets import Input

from cache.activity import Activity
from cache.clock import SystemClock
from cache.errors import CacheError
from cache.failure import Failure
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.lead import Lead
from console.paths import HomeError, make_folder
from console.session import Connection, Setup, connect, open_cache, remembered
from screens import requests
from screens.actions import EVERYWHERE, bindings
from screens.alert import AlertPage
from screens.alerts import AlertsScreen
from screens.checklist import ChecklistScreen
from screens.console_screen import STEPS, ConsoleScreen
from screens.desk import Desk, Session
from screens.enable import EnableScreen
from screens.help import HelpScreen
from screens.log import LogScreen
from screens.machine import MachinePage
from screens.machines import MachinesScreen
from screens.overview import OverviewScreen
from screens.palette import ActionProvider
from screens.sign_in import SignInScreen
from screens.subscriptions import SubscriptionsScreen
from screens.table_screen import TableScreen
from screens.themes import following, register

if TYPE_CHECKING:
    from console.gateway.transport import Wait
    from console.identity import DevicePrompt
    from console.workers.watch import Watch

AZURE_MODULES = ("console.identity", "console.gateway.azure", "console.workers.watch", "console.workers.plan", "console.workers.triage")
"""What is imported, off the event loop, once the first screen stands."""

MAIN_SCREENS: dict[str, type[ConsoleScreen]] = {
    "overview": OverviewScreen,
    "subscriptions": SubscriptionsScreen,
    "checklist": ChecklistScreen,
    "enable": EnableScreen,
    "machines": MachinesScreen,
    "alerts": AlertsScreen,
    "log": LogScreen,
}

CLIPBOARD_LIMIT = 8_192
"""Terminals drop longer OSC 52 sequences, or worse."""


class ConsoleApp(App[int]):
    """The console. Reads nothing of Azure itself: workers do, and screens see what they wrote into the cache."""

    TITLE = "mde-console"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = {ActionProvider}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.setup = setup
        self.activity = Activity(setup.clock)
        self.desk: Desk | None = None
        self.connection: Connection | None = None
        self.poller: Watch | None = None
        self.failure: Exception | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._sign_in: SignInScreen | None = None
        self._lead: Lead | None = None
        register(self)
        if setup.settings.theme in self.available_themes:
            self.theme = setup.settings.theme
        if setup.settings.keys:
            self.set_keymap(dict(setup.settings.keys))

    async def on_mount(self) -> None:
        """Paint from the cache of the last sign-in, if there is one; then sign in."""
        last = remembered(self.setup)
        try:
            if last is not None:
                fleet, journal = await open_cache(self.setup, last.tenant_id, last.principal)
                await self._show_desk(fleet, journal, last.tenant_id, last.principal)
        except CacheError as failure:
            self.fail(failure)
            return
        if self.desk is None:
            await self._show_sign_in()
        self.call_after_refresh(self._start_connecting)
        self.set_interval(1.0, self._follow)

    async def _follow(self) -> None:
        """Show what another console on the same files has written."""
        if self.desk is not None:
            with suppress(CacheError):  # what reads next meets the same and says it
                await self.desk.fleet.poll_foreign_changes()

    async def shut_down(self) -> None:
        """End every task and close what is open; called after the screen is gone."""
        tasks = [one for one in (*self._tasks, self._watching, self._connecting) if one is not None and not one.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._lead is not None:
            self._lead.release()
        if self.connection is not None:
            await self.connection.close()
        elif self.desk is not None:
            await self.desk.fleet.close()
            await self.desk.journal.close()

    def fail(self, failure: Exception) -> None:
        """Leave with a failure that the command line will say."""
        self.failure = failure
        self.exit(return_code=1)

    # Signing in

    def _start_connecting(self) -> None:
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        if self._sign_in is not None:
            self._sign_in.show_progress(f"Signing in to {self.setup.cloud.name}…")
        self._say_session("signing in…")
        await asyncio.to_thread(_import_azure)
        from console.identity import SignInError

        try:
            connection = await connect(self.setup, self.activity, on_prompt=self._prompt, on_wait=self._waiting, cache=self._open_files)
        except SignInError as failure:
            await self._sign_in_failed(str(failure), [(one.method, one.outcome) for one in failure.attempts])
        except (CacheError, HomeError) as failure:
            self.fail(failure)
        except Exception as failure:  # whatever else a credential may raise must not take the screen away
            logging.getLogger("console").exception("sign-in")
            await self._sign_in_failed(f"The sign-in met something unknown ({type(failure).__name__}); the log file has the details.")
        else:
            await self._connected(connection)

    def _open_files(self, tenant_id: str, principal: str) -> tuple[FleetCache, Journal] | None:
        desk = self.desk
        if desk is not None and (desk.session.tenant_id, desk.session.principal) == (tenant_id, principal):
            return desk.fleet, desk.journal
        return None

    def _prompt(self, prompt: DevicePrompt) -> None:
        """Called from the thread that waits for the approval."""
        asyncio.run_coroutine_threadsafe(self._show_prompt(prompt.verification_uri, prompt.user_code, prompt.expires_at), self._loop_of_app)

    async def _show_prompt(self, verification_uri: str, user_code: str, expires_at: datetime) -> None:
        await self._show_sign_in()
        assert self._sign_in is not None
        self._sign_in.show_prompt(verification_uri, user_code, expires_at)

    async def _show_sign_in(self) -> None:
        if self._sign_in is None:
            self._sign_in = SignInScreen(SystemClock())
            await self.push_screen(self._sign_in)

    async def _hide_sign_in(self) -> None:
        if self._sign_in is not None:
            screen, self._sign_in = self._sign_in, None
            if screen in self.screen_stack:
                screen.dismiss()

    async def _sign_in_failed(self, sentence: str, attempts: Sequence[tuple[str, str]] = ()) -> None:
        self._say_session("not signed in: press ctrl+l")
        if self.desk is not None:
            await self.desk.fleet.add_log("error", sentence)
            self.tell(sentence, error=True)
        if self._sign_in is not None:
            self._sign_in.show_failure(sentence, attempts)

    async def _connected(self, connection: Connection) -> None:
        from console.workers.apply import reconcile
        from console.workers.watch import Watch

        old = self.desk
        self.connection = connection
        work = connection.work
        await self._hide_sign_in()
        if old is None or old.fleet is not connection.fleet:
            await self._show_desk(connection.fleet, connection.journal, work.tenant_id, work.principal)
            if old is not None:
                await old.fleet.close()
                await old.journal.close()
        self._say_session("", signed_in=True, method=connection.signed_in.method)
        for attempt in connection.signed_in.attempts:
            await connection.fleet.add_log("info", f"sign-in by {attempt.method}: {attempt.outcome}")
        for sentence in await reconcile(work):
            self.tell(sentence)
        settings = self.setup.settings
        if self._lead is not None:  # of the sign-in before: a lock that is still held would keep this one from it
            self._lead.release()
        self._lead = Lead(connection.fleet.path.parent)
        self.poller = Watch(work, settings.poll_seconds, settings.moving_seconds, self._sign_in_lost, self._lead.take)
        self._watching = asyncio.create_task(self._watch(self.poller))

    async def _watch(self, watch: Watch) -> None:
        while True:
            try:
                await watch.run()
                return
            except CacheError as failure:
                self.fail(failure)
                return
            except Exception as failure:  # one poll that fails in an unknown way must not end the polling
                logging.getLogger("console").exception("poll")
                self.tell(f"A poll met something unknown ({type(failure).__name__}); the log file has the details.", error=True)
                await asyncio.sleep(self.setup.settings.poll_seconds)

    async def _sign_in_lost(self, sentence: str) -> None:
        self._say_session("sign-in lost: press ctrl+l")
        if self.desk is not None:
            await self.desk.fleet.add_log("error", sentence)
        self.tell(sentence, error=True)

    def _say_session(self, message: str, *, signed_in: bool = False, method: str = "") -> None:
        if self.desk is not None:
            self.desk.session = replace(self.desk.session, signed_in=signed_in, message=message, method=method or self.desk.session.method)

    def _waiting(self, wait: Wait) -> None:
        for task in self.activity.tasks():
            self.activity.advance(task.key, note=f"waiting {wait.seconds:.0f} s: {wait.reason}" if wait.seconds else "")

    # Screens

    async def _show_desk(self, fleet: FleetCache, journal: Journal, tenant_id: str, principal: str) -> None:
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
            timedelta(minutes=setup.settings.stale_minutes),
            timedelta(minutes=setup.plan_minutes),
        )
        first_time = self.desk is None
        self.desk = desk
        while len(self.screen_stack) > 1:
            self.pop_screen()
        for name, screen in MAIN_SCREENS.items():
            if self.is_screen_installed(name):
                self.uninstall_screen(name)
            self.install_screen(screen(desk), name)
        known = await fleet.knows_subscriptions()
        await self.push_screen((self.setup.screen or "overview") if known and first_time else "subscriptions")
        if self._sign_in is not None:
            self._sign_in = None

    @property
    def _loop_of_app(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def on_key(self, event: events.Key) -> None:
        """Text typed ahead of the focus is not lost, and never taken for keys.

        A field that has the focus keeps what is typed. So a printable key that comes up to here meanwhile was on its way to another
        widget when the field opened: a slow line brings several keys at once.
        """
        focused = self.focused
        if isinstance(focused, Input) and event.is_printable and event.character:
            event.prevent_default()
            event.stop()
            focused.insert_text_at_cursor(event.character)

    def action_show(self, name: str) -> None:
        """Show a main screen, from wherever."""
        if self.desk is None or isinstance(self.screen, ModalScreen):
            return
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if self.get_screen(name) is not self.screen:
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
        await self.push_screen(HelpScreen(scopes))

    def action_theme(self) -> None:
        """Go on to the next theme."""
        self.theme = following(self.theme)

    def action_leave(self) -> None:
        """Leave at once."""
        self.exit(return_code=0)

    async def action_quit(self) -> None:
        """Leave."""
        self.exit(return_code=0)

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
        except (HomeError, OSError) as error:
            self.tell(f"The picture could not be saved: {error}", error=True)
            return
        self.tell(f"Saved {path}")

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A toast. What matters is in the log screen too."""
        self.notify(sentence, severity="error" if error else "information", timeout=8 if error else 5, markup=False)

    # Requests

    def on_go_to(self, request: requests.GoTo) -> None:
        """Show a main screen, optionally through a filter or with the cursor on one row."""
        self.action_show(request.screen)

        def arrive() -> None:
            screen = self.screen
            if isinstance(screen, TableScreen):
                if request.filter_text:
                    screen.set_filter(request.filter_text)
                if request.focus_id:
                    screen.table.move_to(request.focus_id)

        self.call_after_refresh(arrive)

    async def on_open_machine(self, request: requests.OpenMachine) -> None:
        """Show a machine's page."""
        if self.desk is not None:
            await self.push_screen(MachinePage(self.desk, request.machine_id))

    async def on_open_alert(self, request: requests.OpenAlert) -> None:
        """Show an alert's page."""
        if self.desk is not None:
            await self.push_screen(AlertPage(self.desk, request.alert_id))

    def on_sync_requested(self, request: requests.SyncRequested) -> None:
        """Read now."""
        if self.poller is None or self._watching is None or self._watching.done():
            self.tell("Not signed in yet, so nothing can be read. Press ctrl+l to sign in.")
            return
        self.poller.refresh(request.subscription_ids)

    def on_pause_toggled(self, _: requests.PauseToggled) -> None:
        """Pause or go on."""
        self.activity.pause(not self.activity.paused)
        if self.poller is not None:
            self.poller.pause(self.activity.paused)

    def on_sign_in_requested(self, _: requests.SignInRequested) -> None:
        """Sign in again, with the cache that is open."""
        self._run("sign-in", self._reconnect(self.setup))

    def on_tenant_requested(self, request: requests.TenantRequested) -> None:
        """Sign in to another tenant."""
        self._run("tenant", self._reconnect(replace(self.setup, tenant=request.tenant_id)))

    def on_selection_changed(self, request: requests.SelectionChanged) -> None:
        """Remember the chosen subscriptions."""
        if self.desk is not None:
            self._run("selection", self.desk.fleet.select(request.subscription_ids))

    def on_tick_requested(self, request: requests.TickRequested) -> None:
        """Remember a manual step."""
        self._run("tick", self._tick_step(request))

    def on_plan_requested(self, request: requests.PlanRequested) -> None:
        """Compute a plan."""
        self._run("plan", self._plan(request))

    def on_apply_requested(self, request: requests.ApplyRequested) -> None:
        """Apply a confirmed plan."""
        self._run("apply", self._apply(request.plan_id))

    def on_alert_status_requested(self, request: requests.AlertStatusRequested) -> None:
        """Change alerts."""
        self._run("triage", self._triage(request))

    def on_copy_requested(self, request: requests.CopyRequested) -> None:
        """Hand a text to the terminal's clipboard. There is no answer, so success is never claimed."""
        if len(request.text) > CLIPBOARD_LIMIT:
            self.tell(f"The {request.what} is too long for a terminal's clipboard.")
            return
        self._write_clipboard(request.text)
        self.tell(f"Sent to the terminal's clipboard, if it takes that: {request.text}")

    def _write_clipboard(self, text: str) -> None:
        self.copy_to_clipboard(text)
        if self.setup.environ.get("TMUX") and self._driver is not None:
            from base64 import b64encode

            inner = f"\x1b]52;c;{b64encode(text.encode()).decode()}\x07"
            self._driver.write("\x1bPtmux;" + inner.replace("\x1b", "\x1b\x1b") + "\x1b\\")

    # What requests start

    def _run(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run something that a request started; its failure is told and kept in the log."""
        task = asyncio.create_task(self._guarded(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as failure:  # the one place where a request's failure becomes a sentence on the screen
            sentence = str(failure)
            if not isinstance(failure, Failure):
                logging.getLogger("console").exception(name)
                sentence = f"{name}: something unknown went wrong ({type(failure).__name__}); the log file has the details."
            self.tell(sentence, error=True)
            if self.desk is not None:
                await self.desk.fleet.add_log("error", sentence)

    def _work_or_tell(self) -> Connection | None:
        if self.connection is None:
            self.tell("Not signed in yet: nothing can be asked of Azure. Press ctrl+l to sign in.", error=True)
        return self.connection

    async def _plan(self, request: requests.PlanRequested) -> None:
        from console.workers.plan import make_plan

        if connection := self._work_or_tell():
            await make_plan(connection.work, request.subscription_ids, request.action)

    async def _apply(self, plan_id: str) -> None:
        from console.workers.apply import apply_plan

        connection = self._work_or_tell()
        if connection is None:
            return
        plan = await connection.journal.plan(plan_id)
        if plan is None:
            self.tell("That plan is not in the journal any more. Plan again.", error=True)
            return
        outcomes = await apply_plan(connection.work, plan)
        good = sum(one.code in {"confirmed", "nothing"} for one in outcomes)
        for outcome in outcomes:
            if len(outcomes) <= 3 or outcome.code not in {"confirmed", "nothing"}:
                self.tell(f"{outcome.name}: {outcome.message}", error=outcome.code not in {"confirmed", "nothing"})
        if good == len(outcomes):
            self.tell("Azure confirms the change. Press 4 to watch the machines come aboard.")
        if self.poller is not None:
            self.poller.refresh()

    async def _triage(self, request: requests.AlertStatusRequested) -> None:
        from console.workers.triage import set_status

        connection = self._work_or_tell()
        if connection is None:
            return
        done = await set_status(connection.work, request.alert_ids, request.status)
        failed = [one for one in done if one.failure]
        for one in failed[:3]:
            self.tell(f"{one.title}: {one.failure}", error=True)
        if len(done) > len(failed):
            number = len(done) - len(failed)
            self.tell(f"{number} alert{'s' if number > 1 else ''} set to {request.status}. The Defender portal does not follow.")

    async def _tick_step(self, request: requests.TickRequested) -> None:
        from console.workers.evaluate import evaluate

        desk = self.desk
        if desk is None:
            return
        if request.done:
            await desk.journal.tick(request.subscription_id, request.check_id, desk.session.principal)
        else:
            await desk.journal.untick(request.subscription_id, request.check_id, desk.session.principal)
        await evaluate(desk.fleet, desk.journal, desk.clock, self.setup.cloud, [request.subscription_id])

    async def _choose_tenant(self) -> None:
        from screens.tenant import TenantDialog

        connection = self._work_or_tell()
        if connection is None:
            return
        tenants = await connection.azure.tenants()

        def chosen(tenant_id: str | None) -> None:
            if tenant_id and tenant_id != connection.work.tenant_id:
                self.post_message(requests.TenantRequested(tenant_id))

        self.push_screen(TenantDialog(tenants, connection.work.tenant_id), chosen)

    async def _reconnect(self, setup: Setup) -> None:
        """Close the gateway, keep the cache open to look at, and sign in (elsewhere)."""
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self.setup = setup
        connection, self.connection, self.poller = self.connection, None, None
        if connection is not None:
            await connection.azure.close()
            await connection.signed_in.close()
        self._start_connecting()


def _import_azure() -> None:
    for module in AZURE_MODULES:
        importlib.import_module(module)


async def run_console(setup: Setup) -> int:
    """Run the console until the user leaves. Returns the exit code; raises the failure that ended it, if one did."""
    app = ConsoleApp(setup)
    try:
        await app.run_async(mouse=setup.settings.mouse)
    finally:
        await app.shut_down()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0

"""Signing in, and what follows from it: the connection to Azure, the watch that reads on, and the lead among the consoles on one cache."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from cache.activity import Activity
from cache.errors import CacheError
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.lead import Lead
from console.paths import HomeError
from console.session import Connection, Setup, connect

if TYPE_CHECKING:
    from console.gateway.transport import Wait
    from console.identity import DevicePrompt
    from console.workers.watch import Watch
    from console.workers.work import Work
    from screens.desk import Desk
    from screens.sign_in import SignInScreen


class Stage(Protocol):
    """What signing in needs of the app."""

    @property
    def desk(self) -> Desk | None:
        """What the screens work with, once there is a cache."""

    @property
    def sign_in_screen(self) -> SignInScreen | None:
        """The screen of the sign-in, while it is shown."""

    async def show_sign_in(self) -> SignInScreen:
        """Show the screen of the sign-in, unless it is shown already."""

    def hide_sign_in(self) -> None:
        """Take it away, if it is shown."""

    async def show_desk(self, fleet: FleetCache, journal: Journal, tenant_id: str, principal: str) -> None:
        """Show the main screens on this cache, in place of those that are shown."""

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A toast."""

    def connected(self, work: Work) -> None:
        """Somebody has signed in, and what was left unfinished has been read back."""

    def fail(self, failure: Exception) -> None:
        """Leave with a failure that the command line will say."""

    def call_later(self, callback: Callable[..., Any], *args: Any) -> bool:
        """Have something called by the app itself; any thread may ask."""


class SigningIn:
    """Who is signed in to Azure, if anybody. ``connection`` and ``watch`` are there from a sign-in on until the next one begins.

    ``load`` imports what the console needs beside its first screen; it is called in another thread, before the first request.
    """

    def __init__(self, stage: Stage, setup: Setup, activity: Activity, load: Callable[[], None]) -> None:
        self.connection: Connection | None = None
        self.watch: Watch | None = None
        self._stage = stage
        self._setup = setup
        self._activity = activity
        self._load = load
        self._connecting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._lead: Lead | None = None
        self._waits: dict[tuple[str, int], Wait] = {}

    @property
    def watching(self) -> bool:
        """Whether Azure is being read, now and then."""
        return self._watching is not None and not self._watching.done()

    def start(self) -> None:
        """Sign in, unless that is under way."""
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())

    async def again(self, tenant_id: str | None = None) -> None:
        """Close the gateway, keep the cache open to look at, and sign in, to another tenant if one is named."""
        await _cancel(self._connecting)
        await _cancel(self._watching)
        if tenant_id is not None:
            self._setup = replace(self._setup, tenant=tenant_id)
        connection, self.connection, self.watch = self.connection, None, None
        if connection is not None:
            await connection.azure.close()
            await connection.signed_in.close()
        self.start()

    async def shut_down(self) -> None:
        """End what is under way and close the connection with its cache; one that was opened without a connection stays open."""
        await _cancel(self._watching, self._connecting)
        if self._lead is not None:
            self._lead.release()
        if self.connection is not None:
            await self.connection.close()

    async def _connect(self) -> None:
        if (screen := self._stage.sign_in_screen) is not None:
            screen.show_progress(f"Signing in to {self._setup.cloud.name}…")
        self._say_session("signing in…")
        await asyncio.to_thread(self._load)
        gc.freeze()  # what was imported stays: looking through it for garbage would cost frames
        from console.identity import SignInError

        try:
            connection = await connect(self._setup, self._activity, on_prompt=self._prompt, on_wait=self._waiting, cache=self._open_files)
            await self._connected(connection)
        except SignInError as failure:
            await self._failed(str(failure), [(one.method, one.outcome) for one in failure.attempts])
        except (CacheError, HomeError) as failure:
            self._stage.fail(failure)
        except Exception as failure:  # whatever else a credential may raise must not take the screen away
            logging.getLogger("console").exception("sign-in")
            await self._failed(f"The sign-in met something unknown ({type(failure).__name__}); the log file has the details.")

    def _open_files(self, tenant_id: str, principal: str) -> tuple[FleetCache, Journal] | None:
        desk = self._stage.desk
        if desk is not None and (desk.session.tenant_id, desk.session.principal) == (tenant_id, principal):
            return desk.fleet, desk.journal
        return None

    def _prompt(self, prompt: DevicePrompt) -> None:
        """Called from the thread that waits for the approval, in which no screen could be made: the app does that."""
        self._stage.call_later(self._show_prompt, prompt.verification_uri, prompt.user_code, prompt.expires_at)

    async def _show_prompt(self, verification_uri: str, user_code: str, expires_at: datetime) -> None:
        screen = await self._stage.show_sign_in()
        screen.show_prompt(verification_uri, user_code, expires_at)

    def _waiting(self, wait: Wait) -> None:
        from console.gateway.transport import waits_told

        if wait.seconds:
            self._waits[wait.what, wait.attempt] = wait
        else:
            self._waits.pop((wait.what, wait.attempt), None)
        note = waits_told(self._waits.values())
        for task in self._activity.tasks():
            self._activity.advance(task.key, note=note)

    async def _failed(self, sentence: str, attempts: Sequence[tuple[str, str]] = ()) -> None:
        await self._lose("not signed in: press ctrl+l", sentence)
        if (screen := self._stage.sign_in_screen) is not None:
            screen.show_failure(sentence, attempts)

    async def _connected(self, connection: Connection) -> None:
        from console.workers.recovery import reconcile
        from console.workers.watch import Watch

        old = self._stage.desk
        self.connection = connection
        work = connection.work
        self._stage.hide_sign_in()
        if old is None or old.fleet is not connection.fleet:
            await self._stage.show_desk(connection.fleet, connection.journal, work.tenant_id, work.principal)
            if old is not None:
                await old.fleet.close()
                await old.journal.close()
        self._say_session("", signed_in=True, method=connection.signed_in.method)
        for attempt in connection.signed_in.attempts:
            await connection.fleet.add_log("info", f"sign-in by {attempt.method}: {attempt.outcome}")
        for sentence in await reconcile(work):
            self._stage.tell(sentence)
        settings = self._setup.settings
        if self._lead is not None:  # of the sign-in before: a lock that is still held would keep this one from it
            self._lead.release()
        self._lead = Lead(connection.fleet.path.parent)
        every = timedelta(minutes=settings.reconcile_minutes)
        self.watch = Watch(work, settings.poll_seconds, settings.moving_seconds, every, self._lost, self._lead.take)
        self._watching = asyncio.create_task(self._keep_watching(self.watch))
        self._stage.connected(work)

    async def _keep_watching(self, watch: Watch) -> None:
        while True:
            try:
                await watch.run()
                return
            except CacheError as failure:
                self._stage.fail(failure)
                return
            except Exception as failure:  # one poll that fails in an unknown way must not end the polling
                logging.getLogger("console").exception("poll")
                self._stage.tell(f"A poll met something unknown ({type(failure).__name__}); the log file has the details.", error=True)
                await asyncio.sleep(self._setup.settings.poll_seconds)

    async def _lost(self, sentence: str) -> None:
        await self._lose("sign-in lost: press ctrl+l", sentence)

    async def _lose(self, message: str, sentence: str) -> None:
        self._say_session(message)
        desk = self._stage.desk
        if desk is not None:
            await desk.fleet.add_log("error", sentence)
            self._stage.tell(sentence, error=True)

    def _say_session(self, message: str, *, signed_in: bool = False, method: str = "") -> None:
        desk = self._stage.desk
        if desk is not None:
            desk.session = replace(desk.session, signed_in=signed_in, message=message, method=method or desk.session.method)


async def _cancel(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel what is not done, and wait for its end."""
    open_tasks = [one for one in tasks if one is not None and not one.done()]
    for task in open_tasks:
        task.cancel()
    await asyncio.gather(*open_tasks, return_exceptions=True)

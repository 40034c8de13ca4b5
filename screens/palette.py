"""The command palette: the actions of the registry for the screen in front and everywhere, each with its keys, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from screens.actions import EVERYWHERE, Action, of_scope
from screens.help import key_names

SELF = "command_palette"


class ActionProvider(Provider):
    """Finds actions by their title and help. Give it to the app as ``COMMANDS``."""

    def actions(self) -> Iterator[Action]:
        """What can be done on the screen in front."""
        screen = self.screen
        scopes = tuple(getattr(screen, "SCOPES", ())) or (getattr(screen, "NAME", ""),)
        for scope in dict.fromkeys((*scopes, EVERYWHERE)):
            yield from (action for action in of_scope(scope) if action.id != SELF)

    async def discover(self) -> Hits:
        """Everything, before a word is typed."""
        for action in self.actions():
            yield DiscoveryHit(self._line(action), self._run(action), text=action.title, help=Content(action.help).plain)

    async def search(self, query: str) -> Hits:
        """The actions whose title or help match, best first."""
        matcher = self.matcher(query)
        for action in self.actions():
            score = max(matcher.match(action.title), matcher.match(action.help) / 2)
            if score > 0:
                yield Hit(score, self._line(action), self._run(action), text=action.title, help=Content(action.help).plain)

    def _run(self, action: Action) -> Callable[[], None]:
        app = self.app
        target = app if action.scope == EVERYWHERE else self.screen

        def run() -> None:
            app.call_later(app.run_action, action.id, target)

        return run

    def _line(self, action: Action) -> Content:
        return Content(f"{action.title}  ({key_names(action, getattr(self.app, 'own_keys', {}))})")

"""Which handler answers which request.

Azure's paths are case-insensitive, so a route is a pattern with `{names}`, matched without regard to case. A route names the action
that the caller must be allowed, and the server checks it before the handler runs.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from console.simulator.wire import Call, Reply

Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    handler: Handler
    action: str
    """The permission needed in the subscription of the path; '' needs a token and nothing more."""


class Routes:
    def __init__(self) -> None:
        self._routes: dict[str, list[Route]] = {}

    def add(self, method: str, path: str, action: str = "") -> Callable[[Handler], Handler]:
        """Register the decorated coroutine. `{name}` matches one segment, `{name*}` the rest."""
        expression = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

        def register(handler: Handler) -> Handler:
            self._routes.setdefault(method, []).append(Route(method, re.compile(expression, re.IGNORECASE), handler, action))
            return handler

        return register

    def include(self, other: Routes) -> None:
        for method, routes in other._routes.items():
            self._routes.setdefault(method, []).extend(routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its parameters; the first that was registered wins."""
        for route in self._routes.get(method, ()):
            found = route.pattern.fullmatch(path)
            if found:
                return route, found.groupdict()
        return None

    def methods(self, path: str) -> list[str]:
        """Which methods the path knows."""
        return [method for method, routes in self._routes.items() if any(r.pattern.fullmatch(path) for r in routes)]

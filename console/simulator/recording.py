"""What was asked of the simulator: tests read it to prove which requests were sent, and which were not."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

KEPT, KEPT_BYTES = 20_000, 64 * 1024 * 1024
"""How many requests are remembered, and how many bytes their bodies had together; older ones are forgotten first."""


@dataclass(frozen=True)
class Recorded:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int
    at: float
    size: int = 0
    """Of the body, in bytes."""
    sign_in: str = ""
    """Tells two sign-ins of one person apart; it is no token."""

    def as_json(self) -> dict[str, Any]:
        return {"method": self.method, "path": self.path, "query": self.query, "body": self.body, "status": self.status, "at": self.at}


def mark_of(authorization: str) -> str:
    """A mark of a sign-in from its header; empty where there is none."""
    return hashlib.sha256(authorization.encode()).hexdigest()[:12] if authorization else ""


class Recording:
    def __init__(self) -> None:
        self._requests: deque[Recorded] = deque(maxlen=KEPT)
        self._size = 0
        self.under_way = 0
        """Requests that are being answered, which are remembered when they have been."""

    def add(self, request: Recorded) -> None:
        self._size += request.size - (self._requests[0].size if len(self._requests) == KEPT else 0)
        self._requests.append(request)
        while self._size > KEPT_BYTES and len(self._requests) > 1:
            self._size -= self._requests.popleft().size

    def clear(self) -> None:
        self._requests.clear()
        self._size = 0

    def __iter__(self) -> Iterator[Recorded]:
        return iter(tuple(self._requests))

    def __len__(self) -> int:
        return len(self._requests)

    def of(self, method: str = "", path: str = "") -> list[Recorded]:
        """The requests of a method whose path contains a text, in order."""
        return [r for r in self._requests if (not method or r.method == method.upper()) and path.lower() in r.path.lower()]

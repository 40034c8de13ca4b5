"""What a console and its process apart (see :mod:`console.workers.apart`) say to each other, and how it goes through a pipe.

A frame is four bytes that tell the length, then a message in MessagePack, which is checked against the types here.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TypeVar

import msgspec

from cache import errors
from cache.activity import Task
from cache.clock import Origin
from cache.errors import CacheError
from cache.failure import Failure
from cache.model import Source
from cache.text import clean
from console.clouds import Cloud
from console.gateway.errors import AzureProblem, SignInRequired
from console.gateway.transport import Wait
from console.workers.sync import SyncReport

LONGEST_FRAME = 64 * 1024 * 1024

T = TypeVar("T")

# Messages to the process apart


class Begin(msgspec.Struct, tag=True, frozen=True):
    """What to read, as whom, and where to keep it. ``listed`` is that of :func:`console.workers.sync.sync`."""

    cloud: Cloud
    folder: str
    clock: Origin
    tenant_id: str
    principal: str
    only: frozenset[str]
    plan_minutes: float
    concurrency: int
    subscription_ids: tuple[str, ...]
    sources: frozenset[Source]
    listed: datetime | None


class Token(msgspec.Struct, tag=True, frozen=True):
    """The answer to a :class:`TokenWanted`: what a credential would return."""

    number: int
    token: str
    expires_on: int

    def __repr__(self) -> str:
        """Never the token."""
        return "Token()"


class NoToken(msgspec.Struct, tag=True, frozen=True):
    """The other answer: the problem that there is instead."""

    number: int
    problem: Failed


# Messages from the process apart


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The cache is open, and the reading begins."""


class TokenWanted(msgspec.Struct, tag=True, frozen=True):
    """The arguments of a credential's ``get_token``. ``number`` ties the answer to it."""

    number: int
    scopes: tuple[str, ...]
    claims: str | None
    tenant_id: str | None
    enable_cae: bool


class Waiting(msgspec.Struct, tag=True, frozen=True):
    """A request waits, or goes on."""

    wait: Wait


class Changed(msgspec.Struct, tag=True, frozen=True):
    """Tables of the cache that changed since this was last said, and all that is under way."""

    tables: frozenset[str]
    tasks: tuple[Task, ...]


class Ended(msgspec.Struct, tag=True, frozen=True):
    """The reading is over. ``shown`` is that of :class:`Work`."""

    report: SyncReport
    shown: frozenset[str]


class Failed(msgspec.Struct, tag=True, frozen=True):
    """A failure: ``kind`` is the code of an :class:`AzureProblem` or the name of a :class:`CacheError`; empty for what nobody foresaw."""

    kind: str
    message: str
    claims: str = ""


ToApart = Begin | Token | NoToken
FromApart = Ready | TokenWanted | Waiting | Changed | Ended | Failed

_encoder = msgspec.msgpack.Encoder(enc_hook=str)
to_apart = msgspec.msgpack.Decoder(ToApart, dec_hook=lambda kind, value: kind(value))
from_apart: msgspec.msgpack.Decoder[FromApart] = msgspec.msgpack.Decoder(FromApart)


class Unintelligible(Exception):
    """What came through the pipe is no message."""


def frame(message: ToApart | FromApart) -> bytes:
    """A message as it goes through a pipe."""
    encoded = _encoder.encode(message)
    return len(encoded).to_bytes(4, "big") + encoded


async def receive(stream: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[T]) -> T:
    """The next message. Raises :class:`EOFError` at the end of the stream, and :class:`Unintelligible`."""
    length = int.from_bytes(await stream.readexactly(4), "big")
    if length > LONGEST_FRAME:
        raise Unintelligible(f"a frame of {length} bytes")
    encoded = await stream.readexactly(length)
    try:
        return decoder.decode(encoded)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise Unintelligible(clean(error, 200)) from None


def told(problem: Failure) -> Failed:
    """A failure as a message."""
    if isinstance(problem, AzureProblem):
        return Failed(problem.code, problem.message, getattr(problem, "claims", ""))
    return Failed(type(problem).__name__, str(problem))


def failure_of(message: Failed) -> Failure | None:
    """The failure that a message is about; ``None`` for what nobody foresaw."""
    if message.kind == SignInRequired.code:
        return SignInRequired(message.message, message.claims)
    for kind in AzureProblem.__subclasses__():
        if kind.code == message.kind:
            return kind(message.message)
    cache_error = getattr(errors, message.kind, None)
    if isinstance(cache_error, type) and issubclass(cache_error, CacheError):
        return cache_error(message.message)
    return None

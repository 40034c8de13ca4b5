"""The few kinds of value that the files hold beside plain text and numbers: times, members of an enumeration, and small JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=StrEnum)

NEVER = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


def stamp(moment: datetime) -> str:
    """``moment`` as the files keep it: ISO 8601 in UTC, always with microseconds, so that texts sort as times do."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def stamp_or_none(moment: datetime | None) -> str | None:
    """:func:`stamp` of ``moment``, if there is one."""
    return None if moment is None else stamp(moment)


def moment_or_none(text: object) -> datetime | None:
    """The time in ``text``, ``None`` if there is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def microseconds(moment: datetime) -> int:
    """``moment`` in microseconds since 1970, as the rows of machines and alerts keep it."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - NEVER) // _MICROSECOND


def microseconds_or_none(moment: datetime | None) -> int | None:
    """:func:`microseconds` of ``moment``, if there is one."""
    return None if moment is None else microseconds(moment)


def moment_of(value: object) -> datetime | None:
    """The time in ``value`` microseconds since 1970; ``None`` for what is none."""
    if not isinstance(value, int):
        return None
    try:
        return NEVER + timedelta(microseconds=value)
    except OverflowError:
        return None


def moment_or(text: object, otherwise: datetime = NEVER) -> datetime:
    """The time in ``text``, or ``otherwise``."""
    return moment_or_none(text) or otherwise


def one_of(kind: type[Kind], text: object, otherwise: Kind) -> Kind:
    """The member of ``kind`` that ``text`` names, or ``otherwise``."""
    try:
        return kind(str(text))
    except ValueError:
        return otherwise


def to_json(value: object) -> str:
    """``value`` as compact JSON, the same text for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def from_json(text: object) -> Any:
    """What the JSON in ``text`` says, ``None`` if it cannot be read."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

"""The one base of all failures that are told to the user as they are."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """What an exit code of the command line means. ``plan`` returns :data:`CHANGES` for a plan that would change something.

    Those from 20 on are about a file with a plan: nothing of it was sent.
    """

    DONE = 0
    FAILED = 1
    CHANGES = 2
    PARTLY = 3
    SIGN_IN = 4
    CONFIGURATION = 5
    CACHE = 6
    REFUSED = 7
    CANARY = 8
    NO_ALERT = 9
    PLAN_NOT_JSON = 20
    PLAN_CUT = 21
    PLAN_EDITED = 22
    PLAN_UNREADABLE = 23
    PLAN_NEWER = 24
    PLAN_ELSEWHERE = 25
    PLAN_OLD = 26
    USAGE = 64
    INTERRUPTED = 130


class Failure(Exception):
    """Its text is a sentence: what is wrong, where, and what to do. ``exit_code`` tells its kind apart on the command line."""

    exit_code: ClassVar[Exit] = Exit.FAILED


MOST_CAUSES = 10


def causes(error: BaseException | None) -> list[BaseException]:
    """An error and what caused it, nearest first, at most :data:`MOST_CAUSES`; one that causes itself ends the list."""
    found: list[BaseException] = []
    while error is not None and error not in found and len(found) < MOST_CAUSES:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found

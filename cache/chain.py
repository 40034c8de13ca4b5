"""The chain that holds the audit trail together: each entry's hash covers the entry and the hash before it.

It shows edits, removals and moves by whoever does not also rewrite every later entry and both head records. It is no signature: somebody
with the rights of the file's owner and enough patience can forge a whole trail.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

FIELDS = ("sequence", "at", "actor", "action", "target", "before", "after", "outcome", "intent")


@dataclass(frozen=True, slots=True)
class Head:
    """Where the trail ends: how many entries there are, and the hash of the last (empty if there is none)."""

    count: int = 0
    hash: str = ""


def link(fields: Sequence[object], previous: str) -> str:
    """The hash of an entry with these :data:`FIELDS` after one with the hash ``previous``: SHA-256 of canonical JSON, in hexadecimal."""
    document = {**dict(zip(FIELDS, fields, strict=True)), "previous": previous}
    return hashlib.sha256(json.dumps(document, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _is_link(fields: Sequence[object], previous: str, found: object) -> bool:
    try:
        return link(fields, previous) == found
    except (TypeError, ValueError):  # what no entry was ever written with: bytes
        return False


def verify(entries: Iterable[Sequence[Any]], head: Head | None, remembered: Head | None) -> tuple[bool, str]:
    """Whether the trail is whole, and a sentence that says so or names the first entry that is not as it was written.

    ``entries`` are rows of :data:`FIELDS` and hash in order of sequence; ``head`` is the head record in the same file, ``remembered`` the
    one beside it, which may lag behind the entries but never be ahead of them. ``None``: the record is missing or cannot be read.
    """
    previous, count, at_remembered = "", 0, ""
    for row in entries:
        *fields, found = row
        sequence = fields[0]
        if sequence != count + 1:
            return False, f"Entry {count + 1} of the audit trail is missing: it was removed."
        if not _is_link(fields, previous, found):
            return False, f"Entry {sequence} of the audit trail is not what was written: it was edited, moved or exchanged."
        previous, count = found, count + 1
        if remembered is not None and count == remembered.count:
            at_remembered = found
    if head is None:
        return False, "The head record in the journal is missing, so entries removed from the end would not show."
    if remembered is None:
        return False, "The head record journal.head is missing or cannot be read, so entries removed from the end would not show."
    missing = max(head.count, remembered.count) - count
    if missing > 0:
        return False, f"Entry {count + 1} of the audit trail is missing: {missing} removed from the end."
    if (head.count, head.hash) != (count, previous):
        return (
            False,
            f"Entry {head.count + 1} of the audit trail was not written by the console: the head record ends at entry {head.count}.",
        )
    if at_remembered != remembered.hash:
        return False, f"Entry {remembered.count} of the audit trail is not the one that journal.head remembers: the trail was rewritten."
    if not count:
        return True, "The audit trail is empty."
    return (
        True,
        f"All {count} entries of the audit trail are as they were written."
        if count > 1
        else "The one entry of the audit trail is as written.",
    )

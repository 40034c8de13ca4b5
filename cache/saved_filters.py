"""Filters that were given a name, kept for each screen in one private file of the user.

The file is JSON: ``{"version": 1, "filters": {screen: {name: text}}}``. What cannot be read is set aside under another name, never
overwritten; what can be read of it is kept. Each change reads the file anew, so that consoles side by side keep each other's filters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cache.errors import from_os, too_new
from cache.failure import Failure
from cache.files import private_folder, set_aside, write_private
from cache.filter_language import LONGEST_TEXT
from cache.text import clean

FILE = "filters.json"
VERSION = 1
LONGEST_NAME = 60
MOST_FILTERS = 200
"""Filters that one screen may have."""

LARGEST_FILE = 4_000_000
"""Bytes; a larger file was not written by the console."""


@dataclass(frozen=True, slots=True)
class SavedFilters:
    """Texts by name by screen. ``told`` is a sentence if a damaged file was set aside, else empty."""

    filters: dict[str, dict[str, str]] = field(default_factory=dict)
    told: str = ""

    def of(self, screen: str) -> dict[str, str]:
        """The texts of one screen by their names, which are in order."""
        return dict(sorted(self.filters.get(screen, {}).items(), key=lambda one: (one[0].casefold(), one[0])))


def load(folder: Path, now: datetime) -> SavedFilters:
    """The filters saved in ``folder``; none if there is no file. ``now`` stamps the name of a file that is set aside.

    Raises :class:`cache.errors.CacheError` if the file cannot be read, or set aside, or is of a newer console.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return SavedFilters()
    except OSError as error:
        raise from_os(error, path) from error
    document = _document(content)
    version = document.get("version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise too_new(path, version, VERSION)
    filters, whole = _sound(document.get("filters")) if isinstance(document, dict) and version == VERSION else ({}, False)
    if whole:
        return SavedFilters(filters)
    aside = set_aside(path, now)
    number = sum(len(texts) for texts in filters.values())
    if number:
        _write(folder, filters)
    rest = f"{number:,} of its filters could be read and are kept" if number else "none of its filters could be read"
    return SavedFilters(filters, f"{path} was damaged: {rest}. It was set aside as {aside.name}.")


def save(folder: Path, now: datetime, screen: str, name: str, text: str) -> SavedFilters:
    """Keep ``text`` under ``name`` for ``screen``, instead of what had that name; returns all filters as they are then.

    Raises :class:`cache.failure.Failure` if the name is empty or there are too many, else what :func:`load` raises.
    """
    name = clean(name, LONGEST_NAME)
    if not name:
        raise Failure("A saved filter needs a name.")
    saved = load(folder, now)
    texts = {**saved.filters.get(screen, {}), name: clean(text, LONGEST_TEXT)}
    if len(texts) > MOST_FILTERS:
        raise Failure(f"No more than {MOST_FILTERS} filters can be saved for one screen: delete one first.")
    return _changed(folder, saved, screen, texts)


def delete(folder: Path, now: datetime, screen: str, name: str) -> SavedFilters:
    """Forget the filter ``name`` of ``screen``, if there is one; returns what is left. Raises what :func:`load` raises."""
    saved = load(folder, now)
    texts = dict(saved.filters.get(screen, {}))
    if texts.pop(name, None) is None:
        return saved
    return _changed(folder, saved, screen, texts)


def _changed(folder: Path, saved: SavedFilters, screen: str, texts: dict[str, str]) -> SavedFilters:
    filters = {**saved.filters, screen: texts}
    _write(folder, filters)
    return SavedFilters(filters, saved.told)


def _write(folder: Path, filters: dict[str, dict[str, str]]) -> None:
    private_folder(folder)
    document = {"version": VERSION, "filters": {screen: texts for screen, texts in filters.items() if texts}}
    write_private(folder / FILE, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())


def _document(content: bytes) -> Any:
    """What the bytes say, or ``None`` for what is not JSON."""
    if len(content) > LARGEST_FILE:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _sound(found: Any) -> tuple[dict[str, dict[str, str]], bool]:
    """The filters that can be used, and whether these are all that were found."""
    if not isinstance(found, dict):
        return {}, False
    filters: dict[str, dict[str, str]] = {}
    whole = True
    for screen, texts in found.items():
        if not isinstance(texts, dict):
            whole = False
            continue
        sound = {
            name: text for name, text in texts.items() if _is_sound(name, LONGEST_NAME) and (text == "" or _is_sound(text, LONGEST_TEXT))
        }
        kept = dict(list(sound.items())[:MOST_FILTERS])
        whole = whole and len(kept) == len(texts)
        if kept:
            filters[screen] = kept
    return filters, whole


def _is_sound(text: Any, limit: int) -> bool:
    return isinstance(text, str) and bool(text) and clean(text, limit) == text

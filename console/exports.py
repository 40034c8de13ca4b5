"""Documents in files that the user names: Markdown for ``.md``, JSON for ``.json``, private, and none is overwritten unasked."""

from __future__ import annotations

import os
from pathlib import Path

from cache.failure import Failure
from console.paths import HomeError, write_private

ENDINGS = (".md", ".json")


class ExportError(Failure):
    """A document cannot be written to its file; the text says why and what to do."""


def ending_of(path: str) -> str:
    """``.md`` or ``.json``. Raises :class:`ExportError` for anything else."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ExportError(f"What {path} is to hold is told by its end: name it with .md for Markdown or .json for JSON.")
    return ending


def check_free(path: str, *, force: bool) -> Path:
    """The whole path of a file that may be written. Raises :class:`ExportError` if something is there already, unless ``force``."""
    whole = Path(path).expanduser().absolute()
    if whole.is_dir():
        raise ExportError(f"{whole} is a folder. Name a file in it.")
    if os.path.lexists(whole) and not force:
        raise ExportError(f"{whole} is there already and was left as it is. Name another file, or add --force to replace it.")
    return whole


def write_export(path: str, text: str, *, force: bool = False) -> Path:
    """Write a document, readable by the user alone, whole or not at all; returns where. Raises :class:`ExportError`."""
    whole = check_free(path, force=force)
    try:
        write_private(whole, f"{text}\n")
    except (HomeError, ValueError) as error:
        why = error.__context__.strerror if isinstance(error.__context__, OSError) else ""
        raise ExportError(
            f"{whole} cannot be written{f': {why}' if why else ''}. Name a file in a folder of yours with free space."
        ) from None
    return whole

"""Where files live: one home folder, private to the user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cache.failure import Exit, Failure


class HomeError(Failure):
    """The home folder cannot be used; the message says why and what to do."""

    exit_code = Exit.CONFIGURATION


@dataclass(frozen=True, slots=True)
class Paths:
    """Every path that the console uses."""

    home: Path

    @property
    def config(self) -> Path:
        """The user's settings (TOML); need not exist."""
        return self.home / "config.toml"

    @property
    def rules(self) -> Path:
        """The user's own rules of diagnosis (TOML); need not exist."""
        return self.home / "rules.toml"

    @property
    def clouds(self) -> Path:
        """Cloud files that ``--cloud NAME`` finds by name."""
        return self.home / "clouds"

    @property
    def last_session(self) -> Path:
        """Who was signed in where last, so that the next start can paint from that cache at once."""
        return self.home / "session.json"

    @property
    def log(self) -> Path:
        """What the Azure SDKs and the console have to say that is not for the screen."""
        return self.home / "logs" / "console.log"

    @property
    def pictures(self) -> Path:
        """Screenshots."""
        return self.home / "pictures"


def find_paths(home: str | None, environ: Mapping[str, str]) -> Paths:
    """The paths for ``--home``, else ``MDE_CONSOLE_HOME``, else the XDG data folder."""
    if home:
        return Paths(Path(home).expanduser().absolute())
    if chosen := environ.get("MDE_CONSOLE_HOME"):
        return Paths(Path(chosen).expanduser().absolute())
    base = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Paths(Path(base).expanduser().absolute() / "mde-console")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that only the user can enter. Raises :class:`HomeError`."""
    try:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise HomeError(f"{folder} is not a folder. Name another with --home DIR or MDE_CONSOLE_HOME.")
    except OSError as error:
        raise HomeError(
            f"The home folder {folder} cannot be made: {error.strerror or error}. Name another with --home DIR or MDE_CONSOLE_HOME."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise HomeError(f"The home folder {folder} cannot be written to. Name another with --home DIR or MDE_CONSOLE_HOME.")


def write_private(path: Path, text: str) -> None:
    """Write a file that only the user can read, whole or not at all. Raises :class:`HomeError`."""
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise HomeError(f"{path} cannot be written: {error.strerror or error}. Free some space or name another folder.") from None

"""The user's settings: ``config.toml`` in the home folder, read once at start. Everything has a default (docs/settings.md)."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from cache.failure import Exit, Failure

METHODS = ("auto", "cli", "managed-identity", "environment", "device-code", "token")
"""The ways to sign in that ``--auth`` and ``auth`` know."""

OWN_RULES = "own-rules"
"""Under which the cache remembers the user's rules of diagnosis, so that every process that judges judges by the same."""


class SettingsError(Failure):
    """The settings file has a mistake; the message names the file, the place and what to do."""

    exit_code = Exit.CONFIGURATION


@dataclass(frozen=True, slots=True)
class Settings:
    """What is in force. Times are in the units of their names. ``slow_line`` is ``None`` where it is to be found out."""

    cloud: str = "public"
    auth: str = "auto"
    tenant: str = ""
    read_only: bool = False
    poll_seconds: float = 60.0
    moving_seconds: float = 20.0
    reconcile_minutes: float = 60.0
    stale_minutes: float = 30.0
    canary_minutes: float = 60.0
    concurrency: int = 8
    theme: str = "textual-dark"
    mouse: bool = True
    slow_line: bool | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


RANGES: dict[str, tuple[float, float]] = {
    "poll_seconds": (5, 86_400),
    "moving_seconds": (2, 86_400),
    "reconcile_minutes": (1, 100_000),
    "stale_minutes": (1, 100_000),
    "canary_minutes": (0, 1440),
    "concurrency": (1, 64),
}


def load_settings(path: Path) -> Settings:
    """Read the settings; without a file, the defaults. Raises :class:`SettingsError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings in {path} cannot be read: {error}. Make the file readable, or remove it.") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings in {path} are not valid TOML: {error}. Correct that line.") from None
    known = {one.name: one.default for one in fields(Settings) if one.name != "keys"}
    chosen: dict[str, object] = {}
    for key, value in table.items():
        chosen[key] = _keys(path, value) if key == "keys" else _checked(path, key, value, known)
    return Settings(**chosen)  # type: ignore[arg-type]  # every value was checked against the type of its default


def _checked(path: Path, key: str, value: object, known: Mapping[str, object]) -> object:
    if key not in known:
        close = difflib.get_close_matches(key, [*known, "keys"], 1)
        hint = f" Did you mean “{close[0]}”?" if close else f" Known are: {', '.join(known)}, keys."
        raise SettingsError(f"{path}: “{key}” is not a setting.{hint}")
    default = known[key]
    if key == "slow_line":
        if not isinstance(value, bool) and value != "auto":
            raise SettingsError(f'{path}: “{key}” must be "auto", true or false.')
        return value if isinstance(value, bool) else None
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise SettingsError(f"{path}: “{key}” must be true or false.")
        return value
    if isinstance(default, int | float):
        low, high = RANGES[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise SettingsError(f"{path}: “{key}” must be a number from {low:g} to {high:g}.")
        return int(value) if isinstance(default, int) else float(value)
    if not isinstance(value, str):
        raise SettingsError(f"{path}: “{key}” must be text in quotes.")
    if key == "auth" and value not in METHODS:
        raise SettingsError(f"{path}: “auth” must be one of {', '.join(METHODS)}.")
    return value


def _keys(path: Path, value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise SettingsError(f'{path}: [keys] gives action ids other keys, such as "table.filter" = "f".')
    return value

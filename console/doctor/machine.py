"""What can be told of this machine without any network: the terminal, the files and their modes, the disk, the settings."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cache.text import clean
from console.doctor.finding import Finding, Status
from console.paths import Paths
from console.session import Setup
from screens.words import SMALLEST

MOST_FILES = 5_000
"""Files and folders of the home folder that are looked at."""

LITTLE_SPACE, NO_SPACE = 500_000_000, 50_000_000
"""Bytes that should be free, and below which the next writing may fail: the cache of a large fleet takes some hundred megabytes."""

BARE = frozenset(("", "dumb", "unknown"))
"""Kinds of terminal on which nothing can be drawn."""

OTHERS_READ, OTHERS_WRITE = 0o055, 0o022


def attended_size() -> tuple[int, int] | None:
    """Columns and rows of the terminal that this runs in, ``None`` without one."""
    for descriptor in (2, 1, 0):
        try:
            size = os.get_terminal_size(descriptor)
        except OSError:
            continue
        return size.columns, size.lines
    return None


def terminal(environ: Mapping[str, str], size: tuple[int, int] | None) -> list[Finding]:
    """Whether the console can be drawn here. ``size``: columns and rows, ``None`` without a terminal."""
    if size is None:
        return [Finding("terminal", Status.OK, "There is no terminal here, as in a script: the verbs need none, the console needs one.")]
    kind = clean(environ.get("TERM", ""), 40)
    facts = f"{kind or 'TERM is not set'}, {_colours(environ)}, {size[0]}×{size[1]}"
    if kind in BARE:
        remedy = "Use a terminal that can be drawn on and set TERM to its kind, for instance: export TERM=xterm-256color"
        return [Finding("terminal", Status.FAIL, f"The console cannot be drawn here ({facts}).", remedy)]
    if size[0] < SMALLEST[0] or size[1] < SMALLEST[1]:
        remedy = f"Make the terminal larger: at least {SMALLEST[0]}×{SMALLEST[1]}, better 80×24."
        return [Finding("terminal", Status.WARN, f"The terminal is too small for the console ({facts}).", remedy)]
    return [Finding("terminal", Status.OK, f"{facts}.")]


def _colours(environ: Mapping[str, str]) -> str:
    if environ.get("NO_COLOR"):
        return "no colours (NO_COLOR)"
    if environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        return "16 million colours"
    return "256 colours" if "256" in environ.get("TERM", "") else "few colours"


def locale(environ: Mapping[str, str], encoding: str) -> list[Finding]:
    """Whether characters beyond ASCII arrive. ``encoding`` is what Python writes to the terminal in."""
    name = next((one for one in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(one)), "")
    value = clean(environ.get(name, ""), 60)
    told = f"{name}={value}" if name else "neither LC_ALL nor LC_CTYPE nor LANG is set"
    if "utf8" in value.lower().replace("-", "") and "utf8" in encoding.lower().replace("-", ""):
        return [Finding("locale", Status.OK, f"UTF-8 ({told}).")]
    return [
        Finding(
            "locale",
            Status.WARN,
            f"The locale is not one of UTF-8 ({told}; text is written as {encoding}), so shapes and names may come out wrong.",
            "Set one, for instance: export LC_ALL=C.UTF-8",
        )
    ]


@dataclass(slots=True)
class _Open:
    """How many files and folders there are, and which of them are not the user's alone."""

    count: int = 0
    foreign: list[Path] = field(default_factory=list)
    writable: list[Path] = field(default_factory=list)
    readable: list[Path] = field(default_factory=list)


def files(paths: Paths) -> list[Finding]:
    """Whether what the console keeps is the user's alone. What the user writes (settings, rules, clouds) holds no secrets."""
    found = _Open()
    try:
        _look(paths, found)
    except OSError as error:
        return [Finding("files", Status.FAIL, f"{error.filename} cannot be looked at: {error.strerror or error}.", _own(paths.home))]
    private = f"Take that from them: chmod -R go= {shlex.quote(str(paths.home))}"
    findings = []
    if found.foreign:
        findings.append(Finding("files", Status.FAIL, f"Other users own {_named(found.foreign)}.", _own(paths.home)))
    if found.writable:
        findings.append(Finding("files", Status.FAIL, f"Other users can write {_named(found.writable)}.", private))
    if found.readable:
        findings.append(Finding("files", Status.WARN, f"Other users can read {_named(found.readable)}.", private))
    whole = f"{paths.home} and all in it ({found.count - 1:,} files and folders) are yours alone."
    return findings or [Finding("files", Status.OK, whole)]


def _look(paths: Paths, found: _Open) -> None:
    """Look at the home folder and all in it, at most :data:`MOST_FILES`. Raises ``OSError`` for what cannot be looked at."""
    sealed = False
    for path in _inside(paths.home):
        found.count += 1
        if found.count > MOST_FILES:
            return
        try:
            status = path.lstat()
        except FileNotFoundError:  # a file of a console that runs meanwhile
            continue
        if stat.S_ISLNK(status.st_mode):
            continue
        if path == paths.home:
            sealed = not status.st_mode & (OTHERS_READ | OTHERS_WRITE)
        own = _users_own(path, paths)
        if own and sealed:
            continue
        if status.st_uid not in (os.getuid(), 0):
            found.foreign.append(path)
        if status.st_mode & OTHERS_WRITE:
            found.writable.append(path)
        elif status.st_mode & OTHERS_READ and not own:
            found.readable.append(path)


def _inside(home: Path) -> Iterator[Path]:
    yield home
    for folder, folders, names in os.walk(home):
        for name in (*sorted(folders), *sorted(names)):
            yield Path(folder, name)


def _users_own(path: Path, paths: Paths) -> bool:
    return path in (paths.config, paths.rules, paths.clouds) or path.parent == paths.clouds


def _own(home: Path) -> str:
    return f"Make it yours again, as root: chown -R $USER {shlex.quote(str(home))}; or choose another folder with --home DIR."


def _named(paths: list[Path], most: int = 3) -> str:
    shown = ", ".join(clean(one, 300) for one in paths[:most])
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most:,} more"


def disk(paths: Paths) -> list[Finding]:
    """Whether there is room to write."""
    try:
        usage = shutil.disk_usage(paths.home)
    except OSError as error:
        return [Finding("disk", Status.UNKNOWN, f"The free space of {paths.home} cannot be read: {error.strerror or error}.")]
    return room(paths.home, usage.free)


def room(home: Path, free: int) -> list[Finding]:
    """What ``free`` bytes beside ``home`` mean."""
    told = f"{free / 1e9:,.1f} GB are free where {home} lies"
    remedy = "Free some space, or choose a folder on another disk with --home DIR. A change that cannot be written down is not made."
    if free < NO_SPACE:
        return [Finding("disk", Status.FAIL, f"The disk is full, or nearly: {free / 1e6:,.0f} MB are free where {home} lies.", remedy)]
    if free < LITTLE_SPACE:
        return [Finding("disk", Status.WARN, f"{told}, which a large fleet may need.", remedy)]
    return [Finding("disk", Status.OK, f"{told}.")]


def settings(setup: Setup) -> list[Finding]:
    """What was read from the user's own files. Mistakes that stop the console are told before the doctor comes to look."""
    if setup.own_mistakes:
        return [Finding("settings", Status.WARN, sentence, f"Correct {setup.paths.rules}.") for sentence in setup.own_mistakes]
    config = setup.paths.config if setup.paths.config.exists() else "no config.toml, so those that are built in"
    return [Finding("settings", Status.OK, f"Settings: {config}. Cloud: {setup.cloud.name}.")]

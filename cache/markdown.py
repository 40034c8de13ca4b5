"""Markdown in which a text from Azure stays a text: it ends no cell and no line, is no link and no HTML, and starts no list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cache.text import clean

LONGEST = 2000
"""Characters of one text; a cause may quote a long message."""

_SPECIAL = re.compile(r"[\\`*_\[\]<>|&~#!$@^{}]|:(?=/)|(?<=[wW]{3})\.|(?<=\S)\.(?=[^\W\d_])")
"""Among them dots within a name: some readers make a link of every text that ends like a domain."""

_AT_THE_START = re.compile(r"^([0-9]+(?=[.)])|)([-+=:.)])")
_NO_ADDRESS = re.compile(r"[^!#$%&'*+,\-./:;=?@A-Za-z0-9_~]")


def text(value: object) -> str:
    """``value`` on one line, every character that Markdown would take for its own escaped."""
    plain = clean(" ".join(str(value).split()), LONGEST)
    return _AT_THE_START.sub(r"\g<1>\\\g<2>", _SPECIAL.sub(r"\\\g<0>", plain))


def code(value: object) -> str:
    """``value`` as code, to be copied as it is; backticks in it get a longer fence. Not for cells of a table, whose pipes it would hold."""
    plain = clean(" ".join(str(value).split()), LONGEST)
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    padded = f" {plain} " if plain.startswith("`") or plain.endswith("`") else plain
    return f"{fence}{padded}{fence}" if plain else ""


def link(words: object, address: str) -> str:
    """A link to a web address; of anything else only the words."""
    if not address.startswith("https://"):
        return text(words)
    safe = _NO_ADDRESS.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), address)
    return f"[{text(words)}](<{safe}>)"


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> list[str]:
    """A table as lines. ``right``: titles of columns of numbers. A cell of :class:`Made` is Markdown already; an empty one is a dash."""
    lines = [_line(titles), f"|{'|'.join('---:' if title in right else '---' for title in titles)}|"]
    return [*lines, *(_line(row) for row in rows)]


class Made(str):
    """Markdown that :func:`text`, :func:`link` or the like has made."""

    __slots__ = ()


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(one) for one in cells)} |"


def _cell(value: object) -> str:
    if isinstance(value, Made):
        return value or "–"
    return text(f"{value:,}" if isinstance(value, int) else "" if value is None else value) or "–"

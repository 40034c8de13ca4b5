"""The one cleaner of text: nothing that a terminal would obey, hide or reorder gets past it.

Names, tags, alert texts and error bodies are written by whoever controls a machine, so every text goes through here where it
comes in from Azure and once more where it comes out of the cache. What happens to what:

- Terminal escape sequences (CSI, OSC, DCS, SOS, PM, APC, and the short ones) are removed whole, with their payload. Of a string
  sequence that is never ended only the introducer goes, so that nobody can hide the rest of a text behind it.
- Control characters (C0, DEL, C1), format characters (bidi overrides, isolates and marks, zero-width characters, soft hyphens, tags)
  and the other characters that Unicode lets a display ignore (fillers, variation selectors) are dropped.
- Spaces of any width become a plain space; line breaks of any kind become a space, or ``\\n`` in :func:`clean_lines`.
- Lone surrogates, private use and unassigned code points become U+FFFD, which is visible.
- At most three marks stack on one character.

Markup is left as it is, since square brackets are ordinary characters: text is never parsed as markup.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_STACKED_MARKS = 3
_TAB = "    "

_PLAIN = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
_PLAIN_LINES = re.compile(r"(?:[!-~](?:[ -~\n]*[!-~])?)?")

# ECMA-48: a control string is an introducer (7 or 8 bit), a payload, and ST or (as xterm has it) BEL. The payload excludes whatever
# could begin another sequence, so that matching takes linear time.
_ESCAPE = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])"
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"
    r"|\x1b[ -/]*+[0-~]?"
)
_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_BREAKS = re.compile(r"[\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]+")
_SPACE_AT_END = re.compile(r" +(?=\n)")

# Default_Ignorable_Code_Point of Unicode outside category Cf, and the blank braille pattern, which shows as nothing.
_INVISIBLE = frozenset(
    (
        0x034F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x2800,
        0x3164,
        0xFFA0,
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)
_REMEMBERED_CHARACTERS = 20_000


class _Characters(dict[int, str]):
    """What each code point becomes, worked out at first sight (and not remembered without bound)."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        category = unicodedata.category(character)
        if point in _INVISIBLE or category in ("Cc", "Cf"):
            becomes = ""
        elif category in ("Cs", "Co", "Cn"):
            becomes = REPLACEMENT
        elif category in ("Zs", "Zl", "Zp"):
            becomes = " "
        else:
            becomes = character
        if len(self) < _REMEMBERED_CHARACTERS:
            self[point] = becomes
        return becomes


_ONE_LINE = _Characters()
_MANY_LINES = _Characters({0x0A: "\n"})


def clean(value: object, limit: int = 4000) -> str:
    """``value`` as one safe line of at most ``limit`` characters, without blanks around it. ``None`` becomes an empty text."""
    text = _text(value)
    if _PLAIN.fullmatch(text) is None:
        text = _BREAKS.sub(" ", _ESCAPE.sub("", text))
        text = _unstack(text.translate(_ONE_LINE)).strip(" ")
    return _cut(text, limit)


def clean_lines(value: object, limit: int = 20000) -> str:
    """``value`` as safe text of at most ``limit`` characters that keeps its lines, parted by ``\\n``. ``None`` becomes an empty text."""
    text = _text(value)
    if _PLAIN_LINES.fullmatch(text) is None:
        text = _BREAK.sub("\n", _ESCAPE.sub("", text)).replace("\t", _TAB)
        text = _unstack(text.translate(_MANY_LINES))
    return _cut(_SPACE_AT_END.sub("", text).strip(" \n"), limit)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _unstack(text: str) -> str:
    """Let at most three marks stack on a character: towers of them reach into the lines above and below."""
    if text.isascii() or not any(map(unicodedata.combining, text)):
        return text
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _STACKED_MARKS:
            kept.append(character)
    return "".join(kept)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + ELLIPSIS[:limit]


def resource_name(resource_id: str) -> str:
    """The name at the end of a resource id, as it is read: the gateway percent-encodes what does not belong into an id."""
    return clean(unquote(resource_id.rstrip("/").rpartition("/")[2]), 200)

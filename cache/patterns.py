"""Regular expressions that somebody wrote, compiled by an engine whose time and memory are bounded whatever the expression is."""

from __future__ import annotations

from typing import Any


def compile_pattern(pattern: str, memory: int, *, over_lines: bool = False) -> Any:
    """The pattern, compiled for texts without case, with so many bytes of ``memory``; ``over_lines``: a dot is also the end of a line.

    Raises :class:`ValueError` with what RE2 has against it.
    """
    import re2  # type: ignore[import-untyped]  # it has no types; it is loaded when the first pattern comes

    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = over_lines
    options.log_errors = False
    options.max_mem = memory
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0] if error.args else b"not understood"
        raise ValueError(why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)) from error

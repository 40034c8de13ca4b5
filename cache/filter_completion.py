"""Ways to go on with a filter that is being typed: names of fields, and values with how many rows have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cache.filter import Field
from cache.filter_language import Sign, Word, names_of, plain, quoted, tokens_of

MOST_COMPLETIONS = 20


@dataclass(frozen=True, slots=True)
class Completion:
    """A way to go on: the text and the cursor afterwards, what to show, and how many rows have it (``None`` for names of fields)."""

    text_after: str
    cursor_after: int
    label: str
    count: int | None = None


def completions(text: str, cursor: int, fields: Sequence[Field], values: Callable[[str], Sequence[tuple[str, int]]]) -> list[Completion]:
    """The ways to go on at ``cursor``: names of fields where a word is, values (the most frequent first) where one of a field is.

    ``values`` gives the values of a field by its key, each with its count. What stands behind the cursor stays.
    """
    before, after = text[:cursor], text[cursor:]
    names = names_of(fields)
    tokens = list(tokens_of(before, names))
    last = tokens[-1] if tokens else None
    if last is None or last.end < len(before) or (isinstance(last, Sign) and not last.text.isalpha()):
        return list(_field_completions(before, "", after, fields))
    if isinstance(last, Sign) or last.operator == "~":
        return []
    if last.field is not None:
        return _value_completions(before, after, last, values(last.field.key))
    if last.name or last.values[0].quoted:
        return []
    return list(_field_completions(before[: last.start], last.values[0].text, after, fields))


def _field_completions(before: str, typed: str, after: str, fields: Sequence[Field]) -> Iterator[Completion]:
    wanted = plain(typed)
    if typed and not wanted:
        return
    by_key = [one for one in fields if plain(one.key).startswith(wanted)]
    by_other = [one for one in fields if one not in by_key and any(plain(name).startswith(wanted) for name in (*one.aliases, one.title))]
    for one in by_key + by_other:
        sign = "" if after.startswith((":", "=", "~", "<", ">")) else ">" if one.kind == "time" else ":"
        name = one.key + sign
        title = "" if plain(one.title) == plain(one.key) else f"  {one.title}"
        yield Completion(before + name + after, len(before + name), f"{one.key}{sign or ':'}{title}")


def _value_completions(before: str, after: str, word: Word, values: Sequence[tuple[str, int]]) -> list[Completion]:
    typed = word.values[-1]
    if typed.quoted and typed.closed:
        return []
    chosen = {value.text.casefold() for value in word.values[:-1]}
    wanted = typed.text.casefold()
    left = sorted(
        ((value, number) for value, number in values if value.casefold() not in chosen), key=lambda one: (-one[1], one[0].casefold())
    )
    fitting = [one for one in left if one[0].casefold().startswith(wanted)] or [one for one in left if wanted in one[0].casefold()]
    found = []
    for value, number in fitting[:MOST_COMPLETIONS]:
        head = before[: typed.start] + quoted(value)
        found.append(Completion(head + after, len(head), value or '""', number))
    return found

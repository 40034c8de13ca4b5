"""Nothing that a terminal would obey, hide or reorder gets past the cleaner."""

from __future__ import annotations

import time
import unicodedata

import pytest
from cache_samples import HOSTILE, HOSTILE_CLEANED
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cache.text import clean, clean_lines, resource_name

FRAGMENTS = st.sampled_from(
    [
        "\x1b",
        "\x1b[",
        "\x1b]",
        "\x1bP",
        "\x9b",
        "\x9d",
        "\x90",
        "\x07",
        "\x1b\\",
        "\x9c",
        "\r\n",
        "\r",
        "\t",
        " ",
        "\u2028",
        "\u202e",
        "\u200d",
    ]
    + [
        "\u0301",
        "\ufe0f",
        "\ud800",
        "\udc00",
        "\ue000",
        "\ufffe",
        "\u3164",
        "\u2800",
        "\x00",
        "\x7f",
        "\x85",
        "31m",
        "52;c;aGk=",
        "🙂",
        "é",
        "…",
    ]
)
TEXTS = st.one_of(st.text(st.characters(exclude_categories=())), st.lists(st.one_of(FRAGMENTS, st.text(max_size=5))).map("".join))


@given(TEXTS, st.integers(1, 50))
@example("\x1b\x1b[m[31mx", 50)
@example("a " * 30, 11)
@settings(max_examples=500, deadline=None)
def test_cleaning_twice_changes_nothing(text: str, limit: int) -> None:
    for cleaner in (clean, clean_lines):
        once = cleaner(text, limit)
        assert cleaner(once, limit) == once
        assert cleaner(cleaner(text)) == cleaner(text)


@given(TEXTS)
@settings(max_examples=500, deadline=None)
def test_no_control_format_or_surrogate_character_is_left(text: str) -> None:
    assert not {unicodedata.category(one) for one in clean(text)} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    kept = clean_lines(text).replace("\n", "")
    assert not {unicodedata.category(one) for one in kept} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    clean_lines(text).encode()


@given(TEXTS, st.integers(0, 30))
def test_no_text_is_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(clean(text, limit)) <= limit
    assert len(clean_lines(text, limit)) <= limit


@given(st.text(st.characters(codec="ascii", exclude_categories=("Cc",))))
def test_plain_text_stays_as_it_is_but_for_blanks_around_it(text: str) -> None:
    assert clean(text) == text.strip()
    assert clean_lines(text) == text.strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HOSTILE, HOSTILE_CLEANED),
        ("\x1b]0;title\x07name", "name"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1bPq#0;2\x1b\\name", "name"),
        ("\x9d52;c;aGk=\x9cname", "name"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1bc\x1b(Bname", "name"),
        ("\x1b]52;never ended", "52;never ended"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("a\u200bb\u2060c\ufeffd\u00ade", "abcde"),
        ("one\r\ntwo\tthree\u2028four", "one two three four"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\ud83d \ue000 \uffff", "� � �"),
        ("[prod] web[/foo]", "[prod] web[/foo]"),
        ("שלום 🙂 naïve", "שלום 🙂 naïve"),
        ("z" + "\u0301" * 40, "z\u0301\u0301\u0301"),
        ("a\u3164\u2800b", "ab"),
        (None, ""),
        (42, "42"),
        (b"caf\xc3\xa9\xff", "café�"),
    ],
)
def test_each_kind_of_odd_text_becomes_what_is_documented(text: object, expected: str) -> None:
    assert clean(text) == expected


def test_a_description_keeps_its_lines_and_nothing_else() -> None:
    assert clean_lines("one\r\ntwo\rthree\x85four\u2029five\n\n\tsix  \n") == "one\ntwo\nthree\nfour\nfive\n\n    six"


def test_a_text_that_is_cut_says_so() -> None:
    assert clean("abcdefgh", 5) == "abcd…"
    assert clean_lines("abc\ndefgh", 6) == "abc\nd…"


def test_a_hostile_text_takes_no_longer_than_its_length_deserves() -> None:
    began = time.perf_counter()
    for introducer in ("\x1b]", "\x9d", "\x1b[", "\x1b[0", "\x1b ", "\x1bP\x9d"):
        clean(introducer * 200_000)
        clean("x" + introducer + "0" * 400_000)
    assert time.perf_counter() - began < 10


def test_the_name_in_a_resource_id_is_read_as_it_is_called_and_is_clean() -> None:
    assert resource_name("/subscriptions/s/resourceGroups/g/providers/p/machines/fox-%F0%9F%A6%8A") == "fox-🦊"
    assert resource_name("/a/b/x%1B%5B2Jy") == "xy"
    assert resource_name("web-1") == "web-1"

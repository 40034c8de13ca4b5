"""The filter language: what is typed means what users expect, and what cannot be meant is told with its place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.filter import All, Contains, Equals, Field, Filter, FilterError, Glob, Matches, Term
from cache.filter_completion import MOST_COMPLETIONS, completions
from cache.filter_language import LONGEST_PATTERN, LONGEST_TEXT, parse, quoted

FIELDS = (
    Field("name", "Machine", ("host",)),
    Field("state", "State"),
    Field("group", "Resource group", ("rg",)),
    Field("since", "Since", kind="time"),
    Field("due", "Due", kind="time"),
)

HOUR, DAY = 3600.0, 86400.0

Row = dict[str, str | float | None]

ROWS: dict[str, Row] = {
    "1": {"name": "va-web-01", "state": "late", "group": "rg-prod", "since": 3 * DAY, "due": -HOUR},
    "2": {"name": "va-db-02", "state": "overdue", "group": "", "since": 2 * HOUR, "due": None},
    "3": {"name": "Ubuntu (22.04)", "state": "not enabled", "group": "Straße", "since": None, "due": 600.0},
    "4": {"name": "fe80::1", "state": "healthy", "group": "none", "since": 2 * DAY + 5, "due": 2 * HOUR},
    "5": {"name": 'quote"d \\ a,b*c?', "state": "healthy", "group": "rg-test", "since": 10.0, "due": None},
}


def passing(text: str, rows: dict[str, Row] = ROWS) -> str:
    """The ids of the rows that pass, one after the other; by ``matches`` and by ``evaluate``, which must agree."""
    parsed = parse(text, FIELDS)

    def cell(row: Row, key: str) -> str:
        if key:
            return str(row[key]).casefold()
        return " ".join(str(value) for value in row.values() if isinstance(value, str)).casefold()

    def age(row: Row, key: str) -> float | None:
        value = row[key]
        assert not isinstance(value, str)
        return value

    found = {name for name, row in rows.items() if parsed.matches(partial(cell, row), partial(age, row))}

    def mask_of(term: Term) -> Members:
        test = term.test
        return Members(
            frozenset(
                name
                for name, row in rows.items()
                if (test.accepts_age(age(row, term.field)) if test.by_age else test.accepts(cell(row, term.field)))
            ),
            frozenset(rows),
        )

    assert parsed.evaluate(mask_of, Members(frozenset(rows), frozenset(rows))).inside == found
    return "".join(sorted(found))


class Members:
    """A set as a mask."""

    def __init__(self, inside: frozenset[str], everything: frozenset[str]) -> None:
        self.inside = inside
        self.everything = everything

    def __and__(self, other: Members) -> Members:
        return Members(self.inside & other.inside, self.everything)

    def __or__(self, other: Members) -> Members:
        return Members(self.inside | other.inside, self.everything)

    def __invert__(self) -> Members:
        return Members(self.everything - self.inside, self.everything)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "12345"),
        ("VA web", "1"),
        ("web OR db", "12"),
        ("va web OR healthy", "145"),
        ("va (web OR healthy)", "1"),
        ("va AND web", "1"),
        ("-va", "345"),
        ("NOT va", "345"),
        ("NOT -va", "12"),
        ("-(web OR db) -healthy", "3"),
        ("NOT(web OR db)", "345"),
        ("state:late", "1"),
        ("state:LATE,overdue", "12"),
        ("-state:late,overdue", "345"),
        ("state:due", "2"),
        ("state=due", ""),
        ("state=Overdue,late", "12"),
        ('state="not enabled"', "3"),
        ('state:"not enabled",late', "13"),
        ("name:va*", "12"),
        ("name:*02", "2"),
        ("name:va-??-02", "2"),
        ("name:a*", ""),
        ("va*01", "1"),
        ("va*02 ", "2"),
        ("w?b", "1"),
        ("va*late", ""),
        ("name~^va-(web|db)", "12"),
        ("(name~^va-(web|xx) OR overdue)", "12"),
        ("~va-[a-z]+-0\\d", "12"),
        ('~"not\\s+en"', "3"),
        ('~"not en"', "3"),
        ("name~VA", "12"),
        ("group~straße", "3"),
        ("group:STRASSE", "3"),
        ("group:none", "2"),
        ('group:""', "2"),
        ('group:"none"', "4"),
        ("group:*", "1345"),
        ("-group:none", "1345"),
        ("rg:prod", "1"),
        ("resource-group:prod", "1"),
        ("ResourceGroup:prod", "1"),
        ("HOST:va", "12"),
        ("since>2d", "14"),
        ("since:>2d", "14"),
        ("since:2d", "4"),
        ("since=2h", "2"),
        ("since<1h", "5"),
        ("since<=10s", "5"),
        ("since>=10s", "1245"),
        ("since>1.5h since<2h1m", "2"),
        ("since:none", "3"),
        ("since:*", "1245"),
        ("due<1h", "13"),
        ("due<0s", "1"),
        ("due>-2h", "134"),
        ("fe80::1", "4"),
        ("(22.04)", "3"),
        ("buntu (22", "error"),
        ('"ubuntu (22.04)"', "3"),
        ('quote"d', "5"),
        ('"quote\\"d \\\\ a,b*c?"', "5"),
    ],
)
def test_a_filter_means_what_users_expect(text: str, ids: str) -> None:
    if ids == "error":
        with pytest.raises(FilterError):
            parse(text, FIELDS)
    else:
        assert passing(text) == ids


@pytest.mark.parametrize(
    "text",
    [
        "state:",
        "state=",
        "name~",
        "~",
        "since>",
        "-",
        "- ",
        "-state:",
        "NOT",
        "OR",
        "AND",
        "()",
        "state:,",
        "(state: OR )",
        '""',
        "NOT NOT -",
    ],
)
def test_what_is_not_there_yet_restricts_nothing(text: str) -> None:
    assert parse(text, FIELDS).is_empty
    assert passing(f"{text} ") == "12345"


@pytest.mark.parametrize("text", ["web OR", "web OR state:", "OR web", "web -", "web ()", "web AND", "web NOT"])
def test_what_is_not_there_yet_leaves_the_rest_as_it_is(text: str) -> None:
    assert parse(text, FIELDS).root == parse("web", FIELDS).root


@pytest.mark.parametrize(
    "text",
    [
        "a::b",
        "::1",
        "fe80:1",
        "2001:db8::1",
        "https://x/y&z=1",
        "C:\\temp",
        "C:x",
        "ab:cd:ef",
        "a=b",
        "x-y:z",
        "http=//",
        "a==b",
        "foo->bar",
        "foo==",
    ],
)
def test_what_is_like_no_field_is_text(text: str) -> None:
    assert parse(text, FIELDS).root == Term("", Contains(text.casefold()))


@pytest.mark.parametrize(
    ("text", "sentence", "place"),
    [
        ("stat:late", "unknown field “stat” at 1: did you mean state? fields are name, state, group, since, due", (0, 4)),
        ("va hots:x", "unknown field “hots” at 4: did you mean host? fields are name, state, group, since, due", (3, 7)),
        ("zzzz:x", "unknown field “zzzz” at 1: put it in quotes if it is meant as text; fields are name, state, group, since, due", (0, 4)),
        ('zzzz:"', "the quote at 6 is not closed", (5, 6)),
        ('x "ab', "the quote at 3 is not closed", (2, 5)),
        ("x (ab", "“(” at 3 is not closed", (2, 3)),
        ("ab) x", "“)” at 3 closes nothing: put it in quotes if it is meant as text", (2, 3)),
        ("name~(", "bad regular expression at 6: missing ): (", (5, 6)),
        ("~(?=x)", "bad regular expression at 2: invalid perl operator: (?=", (1, 6)),
        ('name~""', "the regular expression at 6 is empty", (5, 7)),
        ("since>2", "“2” at 7 is no length of time: write a number and one of s, m, h, d, w, as in 90m or 2d", (6, 7)),
        ("since~x", "“since” at 1 is a time: compare it, as in since>2d", (0, 7)),
        ("name>2", "“name” at 1 is a text: it can be tested with : = and ~ but not with >", (0, 6)),
        ("~" + "x" * (LONGEST_PATTERN + 1), "the regular expression at 2 is longer than 200 characters", (1, LONGEST_PATTERN + 2)),
        ("x" * (LONGEST_TEXT + 1), "the filter is longer than 2,000 characters", (LONGEST_TEXT, LONGEST_TEXT + 1)),
        ("(" * 999, "the parentheses at 41 lie too deep in each other", (40, 41)),
    ],
)
def test_an_error_says_what_is_wrong_and_where(text: str, sentence: str, place: tuple[int, int]) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, FIELDS)
    assert str(caught.value) == sentence
    assert (caught.value.start, caught.value.end) == place


def test_a_filter_can_do_without_fields() -> None:
    assert parse("a -b", ()).matches(lambda key: "xax", lambda key: None)
    with pytest.raises(FilterError, match="there are no fields here"):
        parse("name:a", ())


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|aa)+$", "a.*a.*a.*a.*b", "(x+x+)+y", "((((a{9}){9}){9}){9})"])
def test_no_pattern_takes_long(pattern: str) -> None:
    text = "a" * 50_000
    started = time.perf_counter()
    with suppress(FilterError):
        parse(f'~"{pattern}" OR a*a*a*a*a*b', FIELDS).matches(lambda key: text, lambda key: None)
    parse("-a*a*a*a*a*b -name:a*a?a*b", FIELDS).matches(lambda key: text, lambda key: None)
    assert time.perf_counter() - started < 2


def test_tests_that_test_the_same_are_equal_wherever_they_stand() -> None:
    first, second = parse("name:va* state=late ~x since>2d", FIELDS), parse('since>48h   ~x state="LATE" host:VA*', FIELDS)
    assert set(first.words) == set(second.words)
    assert len({test for _, test in (*first.words, *second.words)}) == 4
    assert parse("web", FIELDS).root == parse("   WEB", FIELDS).root


def test_a_term_knows_where_it_stands() -> None:
    root = parse("x  state:late", FIELDS).root
    assert isinstance(root, All)
    term = root.parts[1]
    assert isinstance(term, Term)
    assert (term.start, term.end) == (3, 13)


def test_only_what_is_wanted_is_marked() -> None:
    assert parse("a -b state:c,d -(e OR -f) a", FIELDS).words == [
        ("", Contains("a")),
        ("state", Contains("c")),
        ("state", Contains("d")),
        ("", Contains("f")),
    ]


@pytest.mark.parametrize(
    ("text", "displayed", "marked"),
    [
        ("AB", "xAbxab", ["Ab", "ab"]),
        ("strasse", "die Straße!", ["Straße"]),
        ("ß", "Masse", ["ss"]),
        ("state=late", "◔ Late", ["Late"]),
        ("name:va*01", "VA-web-01", ["VA", "01"]),
        ("w?b", "xweb", ["web"]),
        ("va*", "VA-web VA", ["VA", "VA"]),
        ("~e.b", "wéb EÉB eb1", ["EÉB", "eb1"][:1]),
        ("~x*", "axxb", ["xx"]),
        ("since>2d", "2d", []),
        ("group:none", "", []),
        ("aa", "aaaaa", ["aa", "aa"]),
    ],
)
def test_hits_are_spans_of_what_is_displayed(text: str, displayed: str, marked: list[str]) -> None:
    ((_, test),) = parse(text, FIELDS).words
    assert [displayed[start:end] for start, end in test.hits(displayed)] == marked


def test_half_a_surrogate_pair_does_no_harm() -> None:
    for test in (Contains("a"), Equals("a"), Matches("a"), Glob("a*"), Glob("a?b", True)):
        test.accepts("\ud800a")
        test.hits("\ud800a")
    parse("~x\ud800 name:\udfff* \ud800?x", FIELDS)


ALPHABET = st.sampled_from(
    [*'ab:=~<>()"\\,*?- .|[]{}+^$', "OR", "NOT", "AND ", " ", "state", "name:", "since>", "2d", "none", "é", "ß", "İ", "\ud800", "\n"]
)
TYPED = st.lists(ALPHABET, max_size=25).map("".join)


def attempt(text: str) -> Filter | FilterError:
    try:
        return parse(text, FIELDS)
    except FilterError as error:
        return error


VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@settings(max_examples=400, deadline=None)
@given(TYPED | st.text(max_size=30), VALUES)
def test_whatever_is_typed_is_a_filter_or_a_sentence(text: str, displayed: str) -> None:
    found = attempt(text)
    if isinstance(found, FilterError):
        assert str(found)
        assert 0 <= found.start <= found.end <= len(text)
        return
    assert hash(found.root) == hash(parse(text, FIELDS).root)
    accepted = found.matches(lambda key: displayed.casefold(), lambda key: 5.0)
    assert accepted or not found.is_empty
    for _, test in found.words:
        spans = test.hits(displayed)
        assert all(0 <= start < end <= len(displayed) for start, end in spans)
        assert [*spans] == sorted(spans)


@settings(max_examples=300, deadline=None)
@given(TYPED, TYPED)
def test_negation_turns_every_answer_around(text: str, displayed: str) -> None:
    plain = attempt(text)
    if isinstance(plain, FilterError):
        return
    negated = parse(f"NOT ({text} )", FIELDS)
    answers = [one.matches(lambda key: displayed.casefold(), lambda key: None) for one in (plain, negated)]
    assert answers == [True, True] if plain.is_empty else answers[0] != answers[1]


@given(VALUES)
def test_a_quoted_value_stands_for_itself(value: str) -> None:
    row = {"name": value.casefold()}
    assert parse(f"name={quoted(value)}", FIELDS).matches(lambda key: row[key], lambda key: None)
    if value.strip():
        assert parse(f"name={quoted(value)}", FIELDS).root == Term("name", Equals(value.casefold()))


@settings(max_examples=300, deadline=None)
@given(TYPED, st.integers(0, 40), st.lists(st.tuples(VALUES, st.integers(0, 9)), max_size=5))
def test_completing_keeps_what_stands_around(text: str, cursor: int, values: list[tuple[str, int]]) -> None:
    cursor = min(cursor, len(text))
    for one in completions(text, cursor, FIELDS, lambda key: values):
        assert one.text_after.endswith(text[cursor:])
        assert one.text_after[one.cursor_after :] == text[cursor:]
        assert 0 < one.cursor_after <= len(one.text_after)


@given(VALUES.filter(lambda value: bool(value.strip())))
def test_a_completed_value_finds_its_rows(value: str) -> None:
    (one,) = completions("state=", 6, FIELDS, lambda key: [(value, 1)])
    assert parse(one.text_after, FIELDS).root == Term("state", Equals(value.casefold()))


def values_of(key: str) -> Sequence[tuple[str, int]]:
    return {"state": [("late", 3), ("overdue", 9), ("not enabled", 5), ("", 1)], "name": [(f"vm-{n}", n) for n in range(50)]}.get(key, [])


def completed(text: str, cursor: int | None = None) -> list[str]:
    return [one.text_after for one in completions(text, len(text) if cursor is None else cursor, FIELDS, values_of)]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", ["name:", "state:", "group:", "since>", "due>"]),
        ("web ", ["web name:", "web state:", "web group:", "web since>", "web due>"]),
        ("s", ["state:", "since>"]),
        ("-STA", ["-state:"]),
        ("(sta", ["(state:"]),
        ("mach", ["name:"]),
        ("resource", ["group:"]),
        ("xyz", []),
        ("a OR", []),
        ("state:", ["state:overdue", 'state:"not enabled"', "state:late", 'state:""']),
        ("state=l", ["state=late"]),
        ("state:en", ['state:"not enabled"']),
        ('state:"not e', ['state:"not enabled"']),
        ("state:late,", ["state:late,overdue", 'state:late,"not enabled"', 'state:late,""']),
        ('state:"late"', []),
        ("state~l", []),
        ("stat:", []),
        ('"sta', []),
    ],
)
def test_names_and_values_are_completed(text: str, after: list[str]) -> None:
    assert completed(text) == after


def test_values_come_with_their_counts_the_most_frequent_first() -> None:
    found = completions("name:vm", 7, FIELDS, values_of)
    assert [(one.label, one.count) for one in found[:2]] == [("vm-49", 49), ("vm-48", 48)]
    assert len(found) == MOST_COMPLETIONS


def test_what_stands_behind_the_cursor_stays() -> None:
    assert completed("sta late", 3) == ["state: late"]
    assert completed("sta:late", 3) == ["state:late"]
    assert completed("state:l (x)", 7) == ["state:late (x)"]


def test_an_empty_filter_is_one_without_a_text() -> None:
    assert Filter().is_empty
    assert Filter() == parse("", FIELDS)

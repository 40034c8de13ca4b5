"""Promises of the names: whatever was put and however much of it, a part is found exactly where Python finds it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cache import names as module
from cache.filter import Contains, Matches
from cache.names import Names

texts = st.text(alphabet="abäß日🙂 -\n", max_size=9)
puts = st.lists(st.tuples(st.integers(0, 30), texts), max_size=40)


def filled(entries: list[tuple[int, str]], loose: int) -> tuple[Names, list[str]]:
    """The same names twice: as they are kept, and as a plain list."""
    found, plain = Names(), [""] * 31
    found.grow(31)
    for row, name in entries:
        folded = name.casefold().replace("\n", " ")
        assert found.put([row], [name]) is (plain[row] != folded)
        plain[row] = folded
        if len(found._loose) > loose:
            found.mask(Contains("a"))
    return found, plain


@settings(deadline=None)
@given(puts, st.text(alphabet="abäss日🙂 -", min_size=1, max_size=4), st.integers(0, 12))
def test_a_part_is_found_where_it_is_however_the_names_are_kept(entries: list[tuple[int, str]], part: str, loose: int) -> None:
    before = module._LOOSE
    module._LOOSE = loose
    try:
        found, plain = filled(entries, loose)
        assert found.mask(Contains(part)).tolist() == [part in name for name in plain]
        assert list(found) == plain
        assert found.mask(Matches("^a")).tolist() == [name.startswith("a") for name in plain]
    finally:
        module._LOOSE = before


@given(puts)
def test_ranks_sort_names_as_python_does_and_equal_names_share_one(entries: list[tuple[int, str]]) -> None:
    found, plain = filled(entries, 100)
    ranks = found.ranks().tolist()
    for one in range(31):
        for other in range(31):
            assert (ranks[one] < ranks[other]) is (plain[one] < plain[other])


def test_very_many_hits_are_found_as_few_are() -> None:
    found = Names()
    count = 90_000
    found.grow(count)
    found.put(range(count), [f"vm-{row}" if row % 3 else f"db-{row}" for row in range(count)])
    assert found.mask(Contains("vm-")).tolist() == [bool(row % 3) for row in range(count)]
    assert found.mask(Contains("db-9")).sum() == sum(str(row).startswith("9") for row in range(0, count, 3))
    assert found.mask(Contains("-")).all()
    assert found.mask(Contains("v")).tolist() == [bool(row % 3) for row in range(count)]
    assert not found.mask(Contains("x" * 999_999)).any()


def test_no_part_is_found_across_two_names() -> None:
    found = Names()
    found.grow(2)
    found.put([0, 1], ["ab", "cd"])
    assert found.mask(Contains("bc")).tolist() == [False, False]
    assert found.mask(Contains("b\nc")).tolist() == [False, False]

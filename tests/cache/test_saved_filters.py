"""Saved filters: private, whole after each change, and never lost to damage."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cache_samples import NOW
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import CacheError, CacheTooNew, CacheUnwritable
from cache.failure import Failure
from cache.filter_language import LONGEST_TEXT
from cache.saved_filters import FILE, LARGEST_FILE, MOST_FILTERS, SavedFilters, delete, load, save

ASIDE = f"{FILE}.damaged-20260301T120000Z"


def test_what_was_saved_is_there_again_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "home"
    assert load(folder, NOW) == SavedFilters()
    save(folder, NOW, "machines", "web", "name:web*")
    save(folder, NOW, "machines", "Late", "state:late")
    saved = save(folder, NOW, "alerts", "web", "high")
    assert list(saved.of("machines").items()) == [("Late", "state:late"), ("web", "name:web*")]
    assert load(folder, NOW) == saved
    assert saved.told == ""
    assert saved.of("log") == {}


def test_the_file_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    save(folder, NOW, "machines", "web", "web")
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [one.name for one in folder.iterdir()] == [FILE]


def test_a_name_is_saved_once_and_deleted_for_good(tmp_path: Path) -> None:
    save(tmp_path, NOW, "machines", "web", "old")
    save(tmp_path, NOW, "machines", " web\n", "new")
    assert load(tmp_path, NOW).of("machines") == {"web": "new"}
    assert delete(tmp_path, NOW, "machines", "other").of("machines") == {"web": "new"}
    assert delete(tmp_path, NOW, "machines", "web").of("machines") == {}
    assert load(tmp_path, NOW) == SavedFilters()


def test_consoles_side_by_side_keep_each_others_filters(tmp_path: Path) -> None:
    load(tmp_path, NOW)
    save(tmp_path, NOW, "machines", "theirs", "a")
    assert save(tmp_path, NOW, "machines", "ours", "b").of("machines") == {"ours": "b", "theirs": "a"}


@pytest.mark.parametrize("name", ["", "  ", "\x1b[2J"])
def test_a_filter_needs_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(Failure, match="needs a name"):
        save(tmp_path, NOW, "machines", name, "web")


def test_there_is_an_end_to_the_filters_of_a_screen(tmp_path: Path) -> None:
    texts = {f"{number}": "x" for number in range(MOST_FILTERS)}
    (tmp_path / FILE).write_text(json.dumps({"version": 1, "filters": {"machines": texts}}))
    with pytest.raises(Failure, match="delete one first"):
        save(tmp_path, NOW, "machines", "one more", "x")
    assert len(save(tmp_path, NOW, "machines", "0", "y").of("machines")) == MOST_FILTERS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"version": 0, "filters": {}}',
        b'{"filters": {}}',
        b'{"version": 1}',
        b"[" * 99999,
        b" " * (LARGEST_FILE + 1),
    ],
)
def test_damage_is_set_aside_and_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    saved = save(tmp_path, NOW, "machines", "web", "x")
    assert saved.told == f"{tmp_path / FILE} was damaged: none of its filters could be read. It was set aside as {ASIDE}."
    assert (tmp_path / ASIDE).read_bytes() == content
    assert load(tmp_path, NOW) == SavedFilters({"machines": {"web": "x"}})


@pytest.mark.parametrize(
    "odd",
    [
        {"alerts": 7},
        {"machines": {"web": "x", "n": 1}},
        {"machines": {"web": "x", "": "y"}},
        {"machines": {"web": "x", "l": "z" * (LONGEST_TEXT + 1)}},
        {"machines": {"web": "x", "e": "\x1b[2J"}},
    ],
)
def test_what_can_be_read_of_a_damaged_file_is_kept(tmp_path: Path, odd: dict[str, object]) -> None:
    content = json.dumps({"version": 1, "filters": {"machines": {"web": "x"}, **odd}})
    (tmp_path / FILE).write_text(content)
    saved = load(tmp_path, NOW)
    assert saved.of("machines") == {"web": "x"}
    assert "1 of its filters could be read and are kept" in saved.told
    assert (tmp_path / ASIDE).read_text() == content
    assert load(tmp_path, NOW) == SavedFilters({"machines": {"web": "x"}})


def test_the_file_of_a_newer_console_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"version": 2}')
    with pytest.raises(CacheTooNew):
        save(tmp_path, NOW, "machines", "web", "x")
    assert (tmp_path / FILE).read_text() == '{"version": 2}'


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(CacheUnwritable, match="cannot be read"):
        load(tmp_path, NOW)


@given(
    st.recursive(
        st.none() | st.integers(0, 3) | st.text(max_size=3),
        lambda inner: st.dictionaries(st.sampled_from(["version", "filters", "machines", "a", ""]), inner, max_size=4),
        max_leaves=12,
    )
)
def test_no_content_makes_loading_fail_in_another_way(tmp_path_factory: pytest.TempPathFactory, document: object) -> None:
    folder = tmp_path_factory.mktemp("home")
    (folder / FILE).write_text(json.dumps(document))
    try:
        saved = load(folder, NOW)
    except CacheError:
        return
    assert load(folder, NOW).filters == saved.filters
    assert not saved.told or (folder / ASIDE).exists()

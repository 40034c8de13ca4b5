"""The settings file: defaults without one, and a sentence for every mistake in one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.settings import Settings, SettingsError, load_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_are_in_force(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "config.toml") == Settings()


def test_what_the_file_says_is_in_force(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, 'poll_seconds = 90\nread_only = true\nauth = "cli"\n[keys]\n"table.filter" = "f"\n'))
    assert (settings.poll_seconds, settings.read_only, settings.auth) == (90.0, True, "cli")
    assert settings.keys == {"table.filter": "f"}


@pytest.mark.parametrize(("written_as", "meant"), [('"auto"', None), ("true", True), ("false", False)])
def test_whether_the_line_is_slow_is_found_out_or_told(tmp_path: Path, written_as: str, meant: bool | None) -> None:
    assert load_settings(written(tmp_path, f"slow_line = {written_as}\n")).slow_line is meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("poll_seconds = \nx = 1", "line 1"),
        ('pol_seconds = 5\n[keys]\n"a" = "b"', "poll_seconds"),
        ('poll_seconds = "often"', "number from 5"),
        ("poll_seconds = 0.1", "number from 5"),
        ("concurrency = true", "number from 1"),
        ("read_only = 1", "true or false"),
        ('slow_line = "perhaps"', '"auto", true or false'),
        ("slow_line = 1", '"auto", true or false'),
        ("cloud = 3", "text in quotes"),
        ('auth = "magic"', "device-code"),
        ("[keys]\nfilter = 3", "other keys"),
    ],
)
def test_a_mistake_is_named_with_the_file_and_the_remedy(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


@given(st.binary(max_size=200))
def test_no_file_whatever_is_in_it_ends_in_anything_but_settings_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "config.toml"
    path.write_bytes(content)
    try:
        load_settings(path)
    except SettingsError as error:
        if str(path) not in str(error):
            raise AssertionError("the sentence does not name the file") from error

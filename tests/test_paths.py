"""The home folder: found in the documented order, private, and a sentence where it cannot be used."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from console.paths import HomeError, find_paths, make_folder, write_private


def test_the_option_wins_over_the_environment_and_that_over_xdg(tmp_path: Path) -> None:
    environ = {"MDE_CONSOLE_HOME": str(tmp_path / "b"), "XDG_DATA_HOME": str(tmp_path / "c")}
    assert find_paths(str(tmp_path / "a"), environ).home == tmp_path / "a"
    assert find_paths(None, environ).home == tmp_path / "b"
    assert find_paths(None, {"XDG_DATA_HOME": str(tmp_path / "c")}).home == tmp_path / "c" / "mde-console"


def test_folders_and_files_are_for_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "deep" / "session.json"
    write_private(path, "{}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["session.json"]


def test_a_home_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(HomeError, match="--home"):
        make_folder(tmp_path / "home")
    with pytest.raises(HomeError, match="--home"):
        make_folder(tmp_path / "home" / "below")


def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\udc80")
    assert path.read_text() == "old"

"""The dialog of saved filters: applies, saves under a name, deletes when asked twice, and says what failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from cache.clock import ManualClock
from cache.saved_filters import FILE, load, save
from screens.saved_filters import SavedFiltersDialog
from tests.screens.paint import HOSTILE, HOSTILE_SHOWN, painted
from tests.screens.stage import NOW

CLOCK = ManualClock(NOW)


class Stage(App[None]):
    """Shows the dialog and notes its answer."""

    def __init__(self, folder: Path, current: str = "state:late") -> None:
        super().__init__()
        self.dialog = SavedFiltersDialog(load(folder, NOW), folder, CLOCK, "machines", current)
        self.answers: list[str | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.answers.append)


def names(folder: Path) -> dict[str, str]:
    return load(folder, NOW).of("machines")


async def settle(pilot: Pilot[Any]) -> None:
    for _ in range(5):
        await pilot.pause(0.02)


async def test_the_chosen_filter_is_the_answer(tmp_path: Path) -> None:
    save(tmp_path, NOW, "machines", "a", "name:a*")
    save(tmp_path, NOW, "machines", "b", "name:b*")
    app = Stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.answers == ["name:b*"]


async def test_the_cursor_stands_on_the_filter_in_use_and_escape_answers_nothing(tmp_path: Path) -> None:
    save(tmp_path, NOW, "machines", "a", "x")
    save(tmp_path, NOW, "machines", "b", "state:late")
    app = Stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.dialog.table.cursor_id == "b"
        await pilot.press("escape")
        await pilot.pause()
        assert app.answers == [None]


async def test_the_current_filter_is_saved_under_a_name(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("s", *"sad", "enter")
        await settle(pilot)
        assert names(tmp_path) == {"sad": "state:late"}
        assert "Saved as “sad”." in painted(app)
        await pilot.press("enter")
        await pilot.pause()
        assert app.answers == ["state:late"]


async def test_a_name_in_use_is_replaced_only_when_asked_twice(tmp_path: Path) -> None:
    save(tmp_path, NOW, "machines", "a", "old")
    app = Stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("s", "a", "enter")
        await settle(pilot)
        assert names(tmp_path) == {"a": "old"}
        assert "Enter once more replaces it" in painted(app)
        await pilot.press("enter")
        await settle(pilot)
        assert names(tmp_path) == {"a": "state:late"}


async def test_escape_leaves_the_name_before_it_leaves_the_dialog(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("s", "a", "escape")
        await pilot.pause()
        assert app.answers == []
        assert names(tmp_path) == {}
        await pilot.press("escape")
        await pilot.pause()
        assert app.answers == [None]


async def test_a_filter_is_deleted_only_when_asked_twice(tmp_path: Path) -> None:
    save(tmp_path, NOW, "machines", "a", "x")
    save(tmp_path, NOW, "machines", "b", "y")
    app = Stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("d", "down", "d")
        await settle(pilot)
        assert set(names(tmp_path)) == {"a", "b"}
        await pilot.press("d")
        await settle(pilot)
        assert set(names(tmp_path)) == {"a"}
        assert "Deleted “b”." in painted(app)


async def test_without_a_filter_there_is_nothing_to_save(tmp_path: Path) -> None:
    app = Stage(tmp_path, "")
    async with app.run_test() as pilot:
        await pilot.press("s")
        await pilot.pause()
        assert "There is no filter to save" in painted(app)
        assert "None yet" in painted(app)


async def test_an_empty_name_and_a_file_that_fails_are_told(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("s", "enter")
        await settle(pilot)
        assert "A saved filter needs a name." in painted(app)
        (tmp_path / FILE).mkdir()
        await pilot.press("x", "enter")
        await settle(pilot)
        assert f"{tmp_path}"[:40] in painted(app)
        assert names_on(app) == []


def names_on(app: Stage) -> list[str]:
    return [row[0] for row in app.dialog.table.rows]


async def test_damage_is_told_and_nothing_is_markup(tmp_path: Path) -> None:
    save(tmp_path, NOW, "machines", HOSTILE, HOSTILE)
    app = Stage(tmp_path, HOSTILE)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("s")
        await pilot.pause()
        assert f"Save “{HOSTILE_SHOWN}” as:" in painted(app)
    (tmp_path / FILE).write_text("{")
    app = Stage(tmp_path)
    async with app.run_test(size=(200, 30)) as pilot:
        await pilot.pause()
        assert "was damaged" in painted(app)


async def test_the_dialog_fits_a_small_terminal_with_many_filters(tmp_path: Path) -> None:
    for number in range(30):
        save(tmp_path, NOW, "machines", f"filter {number:02}", "x")
    app = Stage(tmp_path)
    async with app.run_test(size=(60, 14)) as pilot:
        await pilot.press("s", "z")
        await settle(pilot)
        assert "Enter applies, s saves" in painted(app)
        await pilot.press("enter")
        await settle(pilot)
        assert "Saved as “z”." in painted(app)
        assert app.dialog.table.cursor_id == "z"

"""README.md and docs/settings.md: the keys, verbs, settings and files that they name are those that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.options import VERBS
from console.settings import Settings, load_settings
from screens.actions import ACTIONS, EVERYWHERE, TABLE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
SPELLED = {"/": "slash", "*": "asterisk", "?": "question_mark", ":": "colon", "Esc": "escape"}
WIDGETS = {"Enter", "Tab"}
"""Keys that belong to widgets and to no action."""
STEPS = ["subscriptions", "checklist", "enable", "machines"]


def keys_of(*scopes: str) -> set[str]:
    return {key for action in ACTIONS if action.scope in scopes for key in action.keys.split(",")}


def named(text: str) -> list[str]:
    """The keys that a text names: what stands in backticks and is no longer than a key."""
    return [SPELLED.get(key, key) for key in re.findall(r"`(\S{1,5})`", text) if key not in WIDGETS]


def rows_of_screens() -> list[tuple[str, str, str]]:
    """Scope, what one sees and what one does, of each screen that the README tells of."""
    steps = re.findall(r"^\| ([1-4]) \w+ \|(.*)\|(.*)\|$", README, re.MULTILINE)
    others = re.findall(r"^\| `(.)` [\w ]+ \|(.*)\|(.*)\|$", README, re.MULTILINE)
    scopes = {action.keys: action.id.split("'")[1] for action in ACTIONS if action.id.startswith("show(")}
    return [(scopes[key], seen, done) for key, seen, done in (*steps, *others)]


def test_the_readme_tells_of_every_main_screen() -> None:
    scopes = [scope for scope, _, _ in rows_of_screens()]
    assert scopes[:4] == STEPS
    assert sorted(scopes) == sorted(action.id.split("'")[1] for action in ACTIONS if action.id.startswith("show("))


@pytest.mark.parametrize(("scope", "seen", "done"), [pytest.param(*row, id=row[0]) for row in rows_of_screens()])
def test_the_keys_of_a_screen_in_the_readme_are_its_keys(scope: str, seen: str, done: str) -> None:
    assert set(named(seen + done)) <= keys_of(scope, TABLE, EVERYWHERE)


def test_the_keys_of_every_table_in_the_readme_are_keys_of_tables() -> None:
    table = README.split("In every table:\n\n")[1].split("\n\n")[0]
    keys = [key for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for key in named(row)]
    assert keys
    assert set(keys) <= keys_of(TABLE)


def test_the_readme_names_every_verb() -> None:
    (line,) = (line for line in README.splitlines() if line.startswith("`sync`, "))
    assert set(re.findall(r"`([a-z-]+)`", line.split(". ")[0])) == set(VERBS)


def test_the_settings_that_are_told_are_all_there_are_with_their_defaults(tmp_path: Path) -> None:
    example = SETTINGS.split("```toml\n")[1].split("```")[0]
    (tmp_path / "config.toml").write_text(example.split("[keys]")[0], encoding="utf-8")
    assert load_settings(tmp_path / "config.toml") == Settings()
    told = set(re.findall(r"^(\w+) =", example, re.MULTILINE))
    assert told == set(Settings.__dataclass_fields__) - {"keys"}


def test_the_ids_of_actions_that_are_told_are_ids_of_actions() -> None:
    ids = {f"{action.scope}.{action.id}" for action in ACTIONS}
    scopes = "|".join({action.scope for action in ACTIONS})
    told = re.findall(rf"[`\"]((?:{scopes})\.\w+)[`\"]", SETTINGS)
    assert told
    assert set(told) <= ids


def test_the_modules_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folder, missing, seen = "", [], 0
    for line in text.splitlines():
        folder = (re.findall(r"^\| Inside `(\w+/)` ", line) or [folder if line.startswith("|") else ""])[0]
        for name in re.findall(r"`((?:[\w/]+/)?\w+\.py|[\w/]+/)`", line):
            seen += 1
            if not ((ROOT / folder / name).exists() or (ROOT / name).exists() or name == "fleets/"):
                missing.append(name)
        for module in re.findall(r"`((?:workers|rules)\.\w+)", line):
            seen += 1
            if not (ROOT / "console" / f"{module.replace('.', '/')}.py").exists():
                missing.append(module)
    assert missing == []
    assert seen > 80


def test_the_pictures_of_the_readme_are_there() -> None:
    pictures = re.findall(r"^!\[.*\]\((.*)\)$", README, re.MULTILINE)
    assert sorted(pictures) == sorted(f"docs/pictures/{path.name}" for path in (ROOT / "docs" / "pictures").iterdir())

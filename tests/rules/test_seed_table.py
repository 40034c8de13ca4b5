"""docs/seed.md: every statement has a place in the console and a test, and all that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from cache.check_sources import RESTS_ON
from console.options import VERBS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "seed.md").read_text(encoding="utf-8")
SECTIONS = (
    "Availability",
    "Benefits of integrating",
    "Requirements for the tenant",
    "Prerequisites",
    "Enable the integration",
    "Access the portal",
    "Send a test alert",
    "FAQ",
)
_NAMED = re.compile(r"`([^`]+)`")

Row = tuple[str, str, str, str]


def rows() -> list[Row]:
    found: list[Row] = []
    section = ""
    for line in TEXT.splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| ") and not line.startswith(("| Statement", "|---")):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 3, line
            found.append((section, cells[0], cells[1], cells[2]))
    return found


@cache
def names(path: str) -> frozenset[str]:
    """What is defined at the top of a module."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return frozenset(found)


def missing(named: str) -> str:
    """Why a place is none; empty where it is one."""
    if named.startswith("mde-console "):
        return "" if named.split()[1] in VERBS else "no such verb"
    if "/" not in named:
        return "" if named in RESTS_ON else "no such check"
    path, _, name = named.partition(":")
    if not path.startswith(("console/", "screens/", "cache/")) or not (ROOT / path).is_file():
        return "no such module"
    return "" if not name or name in names(path) else "no such name in the module"


def test_every_section_of_the_seed_is_there() -> None:
    assert tuple(dict.fromkeys(row[0] for row in rows())) == SECTIONS


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1][:50])
def test_every_statement_has_a_place_and_a_test_that_are_there(row: Row) -> None:
    _, statement, where, tests = row
    assert statement
    places, shown = _NAMED.findall(where), _NAMED.findall(tests)
    assert places
    assert shown
    assert {one: why for one in places if (why := missing(one))} == {}
    for one in shown:
        path, _, name = one.partition("::")
        assert path.startswith("tests/")
        assert (ROOT / path).is_file(), one
        assert name.startswith("test_"), one
        assert name in names(path), one


def test_every_check_stands_in_the_table() -> None:
    named = {one for row in rows() for one in _NAMED.findall(row[2])}
    assert set(RESTS_ON) <= named


@pytest.mark.parametrize("named", ["no-such-check", "console/rules/nothing.py", "console/rules/systems.py:NOTHING", "mde-console dance"])
def test_a_place_that_is_not_there_is_noticed(named: str) -> None:
    assert missing(named)

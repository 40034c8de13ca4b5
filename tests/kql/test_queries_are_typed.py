"""The console's Resource Graph queries parse and type-check in Microsoft's own language service for KQL.

Needs node and the npm package pinned in package.json: beside it (`npm ci` in this folder), or from a registry that answers.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_PACKAGE = Path("node_modules", "@kusto", "language-service-next")
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=20000")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the language service; skips with the reason where there is none to be had."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if (_HERE / _PACKAGE).is_dir():
        return _HERE / _PACKAGE
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, and the language service is not there")
    folder = tmp_path_factory.mktemp("language-service")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, folder)
    try:
        made = subprocess.run([npm, *_INSTALL], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm ci did not end within two minutes")
    if made.returncode:
        pytest.skip(f"npm ci failed: {made.stderr.strip()[-300:]}")
    return folder / _PACKAGE


def _check(package: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    command = ["node", str(_HERE / "check.mjs"), "--package", str(package), *map(str, files)]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_every_query_parses_and_has_the_right_types(package: Path) -> None:
    checked = _check(package)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(list((_ROOT / 'console/gateway/queries').glob('*.kql')))} queries checked, 0 errors." in checked.stdout


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("// a column that is not there\nresources\n| where nosuch == 1", ":3:9: error KS142"),
        ("// a column that this table lacks\nresourcechanges\n| project kind", ":3:11: error KS142"),
        ("// an argument too many\nresources\n| project n = strlen(name, 3)", ":3:"),
        ("// no query\nresources |", ":2:"),
        ("// a placeholder nobody knows\nresources | where name == {other}", ":2:27: error PLACEHOLDER"),
        ("resources", ":1:1: error COMMENT"),
    ],
)
def test_a_wrong_query_is_named_with_its_line(package: Path, tmp_path: Path, query: str, place: str) -> None:
    file = tmp_path / "wrong.kql"
    file.write_text(query)
    checked = _check(package, file)
    assert checked.returncode == 1
    assert f"wrong.kql{place}" in checked.stdout


def test_without_its_package_the_check_says_so(package: Path, tmp_path: Path) -> None:
    checked = _check(tmp_path)
    assert checked.returncode == 2
    assert "cannot be loaded" in checked.stderr

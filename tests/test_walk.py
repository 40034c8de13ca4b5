"""The demo without a terminal walks the main job, from sign-in to the report that proves it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
async def test_the_demo_without_a_terminal_ends_with_what_is_proven(tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AZURE_", "MDE_", "IDENTITY_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "console", "--demo", "--home", str(tmp_path)),
        env={**clean, "HOME": str(tmp_path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 420)
    told = out.decode()
    assert process.returncode == 0, told + err.decode()
    _, _, report = told.partition("11. What is proven")
    assert report.count("Enabled: ✓ proven.") == 2
    assert "Alert seen: " in report
    assert "its alert was seen" in report

"""A desk over a real cache and journal: empty, or with the sample world in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from screens.desk import Desk
from tests.screens.stage import close_desk, fill, open_desk


@pytest.fixture
async def empty_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = await open_desk(tmp_path)
    yield desk
    await close_desk(desk)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    opened = await open_desk(tmp_path)
    await fill(opened)
    yield opened
    await close_desk(opened)

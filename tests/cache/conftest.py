"""An open cache, a clock that moves when told to, and an ear for what the cache tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cache_samples import NOW, Ear

from cache.clock import ManualClock
from cache.fleet import FleetCache


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def fleet(tmp_path: Path, clock: ManualClock) -> AsyncIterator[FleetCache]:
    async with await FleetCache.open(tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def ear(fleet: FleetCache) -> Ear:
    return Ear(fleet)

"""What holds for all tests: how fast a machine makes its examples up is no property of the product."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("other-examples", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("console", settings.get_profile("other-examples"), derandomize=True)
settings.load_profile("console")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: half of the time a test waits, for a terminal, a process or a screen that comes to rest."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors + 2

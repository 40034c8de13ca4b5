"""What holds for all tests: how fast a machine makes its examples up is no property of the product."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("console", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("console")

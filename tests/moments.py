"""When simulated worlds begin: what happens in them depends on the day and the hour, so that tests begin them at the same one."""

from datetime import UTC, datetime

START = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
"""Seconds since the epoch."""

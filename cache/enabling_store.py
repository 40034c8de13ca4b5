"""What Azure's activity log told of who enabled subscriptions, in ``fleet.db``."""

from __future__ import annotations

from collections.abc import Sequence

from cache.database import Step
from cache.editing import FleetEditing, Ids
from cache.enabling import Enabling
from cache.text import clean
from cache.values import moment_or_none, stamp, stamp_or_none, to_json

_COLUMNS = "subscription_id, read_at, setting, at, caller, problem"


class EnablingStore(FleetEditing):
    """Keeping what the activity log told, the last reading of each subscription."""

    async def put_enabling(self, one: Enabling) -> None:
        """Keep a reading in place of the one before."""
        texts = (clean(one.setting, 200), stamp_or_none(one.at), clean(one.by, 300), clean(one.problem, 1000))
        sql = f"INSERT OR REPLACE INTO enablings ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
        await self._database.write((Step("enablings", sql, [(clean(one.subscription_id), stamp(one.read_at), *texts)]),))

    async def enablings(self, subscription_ids: Ids | None = None) -> dict[str, Enabling]:
        """What is known, by subscription id in lower case."""
        where = "" if subscription_ids is None else " WHERE subscription_id IN (SELECT value FROM json_each(?))"
        values = () if subscription_ids is None else (to_json([clean(one) for one in subscription_ids]),)
        found = map(_enabling, await self._database.fetch(f"SELECT {_COLUMNS} FROM enablings{where}", values))
        return {one.subscription_id.lower(): one for one in found if one is not None}


def _enabling(row: Sequence[object]) -> Enabling | None:
    """The reading in a row; ``None`` for one whose time cannot be read."""
    read_at = moment_or_none(row[1])
    if read_at is None:
        return None
    return Enabling(clean(row[0]), read_at, clean(row[2]), moment_or_none(row[3]), clean(row[4]), clean(row[5]))

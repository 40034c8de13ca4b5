"""How far a reading of machines one by one has come, in ``fleet.db``: so that one which is cut off goes on where it was."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import aiosqlite

from cache.editing import FleetEditing, Ids, within_places
from cache.model import MachineState
from cache.text import clean
from cache.values import one_of, to_json

_KNOWN = """SELECT m.id, v.state, m.extensions IS NOT NULL, r.machine IS NOT NULL FROM machines m
    LEFT JOIN verdicts v ON v.key = m.verdict LEFT JOIN extension_readings r ON r.machine = m.key"""
_NOTE = "INSERT OR IGNORE INTO extension_readings (machine) SELECT key FROM machines WHERE id IN (SELECT value FROM json_each(?))"


class KnownMachine(NamedTuple):
    """What is known of a machine before it is read: its state, whether its extensions are known, and whether they were read already in
    the round that is under way."""

    state: MachineState
    extensions_known: bool
    extensions_read: bool


class RoundStore(FleetEditing):
    """Which machines' extensions the round under way has read."""

    async def known_machines(self, subscription_id: str) -> dict[str, KnownMachine]:
        """The machines of a subscription by id in lower case."""
        where, values = within_places("m.place", (subscription_id,))
        found = await self._database.fetch(f"{_KNOWN}{where}", values)

        def made() -> dict[str, KnownMachine]:
            return {clean(row[0]).lower(): KnownMachine(_state(row[1]), bool(row[2]), bool(row[3])) for row in found}

        return await asyncio.to_thread(made)

    async def note_extensions(self, machine_ids: Ids) -> None:
        """The extensions of these machines have been read in the round that is under way."""
        await self._run(_NOTE, to_json([clean(one) for one in machine_ids]))

    async def forget_extensions_noted(self) -> None:
        """A round begins, or is over: nothing has been read in the next one."""
        await self._run("DELETE FROM extension_readings")

    async def _run(self, sql: str, *values: object) -> None:
        async def work(writer: aiosqlite.Connection) -> tuple[None, frozenset[str]]:
            await writer.execute(sql, values)
            return None, frozenset()

        await self._database.transact(work)


def _state(told: object) -> MachineState:
    return MachineState.UNKNOWN if told is None else one_of(MachineState, told, MachineState.UNKNOWN)

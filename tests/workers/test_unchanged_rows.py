"""A row that a listing shows as it was is not read again: it is known by its digest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache.model import Extension, Machine
from cache.sighting import Sighting
from console.gateway import graph_machines
from console.session import Connection
from console.simulator import Simulator
from console.workers.sync import MOVING, sync
from tests.listed import list_machines


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the machines whose rows are decoded, from now on."""
    ids: list[str] = []
    sighting = graph_machines.Reader._sighting

    def noted(self: graph_machines.Reader, row: graph_machines._Row, digest: int) -> Sighting:
        ids.append(row.id)
        return sighting(self, row, digest)

    monkeypatch.setattr(graph_machines.Reader, "_sighting", noted)
    return ids


async def _known(console: Connection) -> dict[str, Machine]:
    return {one.id: one for one in await console.fleet.machines()}


async def test_only_rows_that_differ_are_decoded_and_the_cache_is_as_after_a_whole_reading(
    simulator: Simulator, ada: Connection, decoded: list[str]
) -> None:
    await sync(ada.work)
    before = await _known(ada)
    assert len(decoded) == len(before)
    decoded.clear()
    running = [simulator.world.machine(one.id) for one in before.values() if one.power == "running"]
    stopped, deleted = [one for one in running if one is not None][:2]
    simulator.world.set_running(stopped, False)
    simulator.world.delete(deleted)
    await sync(ada.work, sources=MOVING)
    after = await _known(ada)
    assert {one.lower() for one in before.keys() - after.keys()} == {deleted.id.lower()}
    # Machines whose failed extension has been looked at more closely are read whole, since the row does not tell all that is known.
    closer = {one.id for one in before.values() if any(each.code for each in one.extensions)}
    assert {one.lower() for one in decoded} - {one.lower() for one in closer} == {stopped.id.lower()}
    assert after[next(one for one in after if one.lower() == stopped.id.lower())].power == "deallocated"


async def test_what_another_source_told_of_a_machine_makes_its_row_be_read_again(ada: Connection, decoded: list[str]) -> None:
    await sync(ada.work)
    one = next(each for each in (await _known(ada)).values() if each.extensions_known)
    other = replace(one, extensions=(Extension("Other", "Contoso", "Other", "Succeeded"),))
    await list_machines(ada.fleet, one.subscription_id, [other], "another source")
    decoded.clear()
    await sync(ada.work, sources=MOVING)
    assert one.id in decoded
    assert (await _known(ada))[one.id].extensions == one.extensions


async def test_rows_that_older_code_read_are_read_again(ada: Connection, decoded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    await sync(ada.work)
    whole = sorted(decoded)
    decoded.clear()
    monkeypatch.setattr(graph_machines, "_salt", lambda: b"another version.")
    await sync(ada.work, sources=MOVING)
    assert sorted(decoded) == whole
    decoded.clear()
    await sync(ada.work, sources=MOVING)
    assert len(decoded) < len(whole) / 2

"""Rows whose values nobody has heard of: they are kept, cleaned, and spoil no other."""

from __future__ import annotations

from typing import Any

import pytest

from console.session import Connection
from tests.workers.hard.odd_fleet import OddFleet, Row, machine
from tests.workers.hard.reading import KINDS, S, known, read, there

ODD_TEXTS = {
    "wide": "界" * 200,
    "emoji": "👩‍💻🏴‍☠️" * 30,
    "right to left": "\u202eevil\u202c שלום",
    "controls": "a\x1b[2Jb\x00c\x07d\x9b31me\r\nf",
    "a link": "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "marks": "e" + "\u0301" * 500,
    "long": "x" * 100_000,
    "markup": "[bold red]x[/]",
}


def assert_clean(text: str) -> None:
    assert text.isprintable()
    assert len(text) <= 4000


@pytest.mark.parametrize("odd_text", ODD_TEXTS)
async def test_a_machine_whose_texts_are_hostile_is_kept_and_clean(odd: OddFleet, synced: Connection, odd_text: str) -> None:
    value = ODD_TEXTS[odd_text]
    odd.machines[3] |= dict.fromkeys(("name", "location", "osName", "osVersion", "power", "provisioningState", "agentVersion"), value)
    odd.machines[3] |= {"tags": {value: value}, "extensions": [{"name": value, "message": value}], "resourceGroup": value}
    assert await read(synced, "machines") == ""
    assert len(await known(synced, "machines")) == 8
    found = await synced.fleet.machine(odd.machines[3]["id"])
    assert found is not None
    for text in (found.name, found.location, found.os_name, found.power, found.agent_version, *found.tags, *found.tags.values()):
        assert_clean(text)
    assert len(found.name) <= 200
    for extension in found.extensions:
        assert_clean(extension.name)
    sighted = [one async for page in synced.azure.graph_machines([S]) for one in page if one.id == found.id]
    for text in (one for sighting in sighted for part in (sighting.place, sighting.system, sighting.condition) for one in part):
        assert_clean(text)
    (row,) = [one for one in await synced.fleet.machine_rows() if one.id == found.id]
    assert_clean(row.name)


@pytest.mark.parametrize(
    "odd_values",
    [
        {"tags": None},
        {"tags": []},
        {"tags": "x"},
        {"tags": {"a": {"b": 1}, "c": None, "d": 7, "e": True}},
        {"extensions": None},
        {"extensions": {}},
        {"extensions": "x"},
        {"extensions": [None, 7, "x", [], {}, {"name": None}, {"name": 7, "state": []}]},
        {"name": 7, "location": 1.5, "osName": True, "power": 0},
        {"name": None, "location": None, "type": None, "resourceGroup": None},
        {"name": [], "location": {}, "osName": [1], "statusAt": {}},
        {"type": "microsoft.of/tomorrow", "osType": "BeOS", "power": "PowerState/dreaming", "provisioningState": "Undecided"},
        {"statusAt": "soon", "createdAt": "9999-12-31T23:59:59-23:59"},
        {"statusAt": 7, "createdAt": 1e999},
        {"createdAt": "0001-01-01T00:00:00+23:59"},
        {"surprise": {"deep": [[[[]]]]}},
    ],
)
async def test_a_machine_whose_values_are_of_no_kind_that_is_known_is_kept_and_spoils_no_other(
    odd: OddFleet, synced: Connection, odd_values: Row
) -> None:
    before = {one.id: one for one in await synced.fleet.machines()}
    odd.machines[3] |= odd_values
    assert await read(synced, "machines") == ""
    after = {one.id: one for one in await synced.fleet.machines()}
    assert after.keys() == before.keys()
    changed = odd.machines[3]["id"]
    told = {key: (one.name, one.tags, one.extensions, one.power) for key, one in after.items() if key != changed}
    assert told == {key: (one.name, one.tags, one.extensions, one.power) for key, one in before.items() if key != changed}
    assert all(one.isprintable() for one in (after[changed].name, after[changed].power, after[changed].os_type))
    assert after[changed].name
    assert len(odd.told.about("machines")) == 3


@pytest.mark.parametrize(
    "odd_id",
    [
        "x",
        "/",
        "//",
        "/subscriptions",
        f"/subscriptions/{S}",
        "/subscriptions/" + "x" * 5000,
        f"/subscriptions/{S}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/\x1b[2J",
        f"/subscriptions/{S}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/a?b#c%d\\e",
        f"/subscriptions/{S}/resourceGroups/größe/providers/Microsoft.Compute/virtualMachines/ü",
        f"/subscriptions/{S}/../../x",
    ],
)
async def test_a_machine_with_an_id_of_another_shape_is_kept(odd: OddFleet, synced: Connection, odd_id: str) -> None:
    odd.machines.append(machine(99, id=odd_id))
    for _ in range(2):
        assert await read(synced, "machines") == ""
        names = await known(synced, "machines")
        assert len(names) == 9
        assert all(one.isprintable() for one in names)
    odd.machines.pop()
    assert await read(synced, "machines") == ""
    assert await known(synced, "machines") == there(odd, "machines")


@pytest.mark.parametrize("nothing", [None, "", 7, [], {}])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_row_without_an_id_is_left_out_and_does_not_cost_the_listing(
    odd: OddFleet, synced: Connection, kind: str, nothing: Any
) -> None:
    rows: list[Any] = odd.machines if kind == "machines" else odd.alerts
    names = there(odd, kind)
    rows.insert(4, rows[0] | {"id": nothing})
    rows.insert(4, rows[0] | {"id": nothing})
    rows.insert(7, None)
    assert await read(synced, kind) == ""
    assert [one for one in await known(synced, kind) if one in names] == names
    assert len(odd.told.about(kind)) == 4


@pytest.mark.parametrize(
    "odd_values",
    [
        *({"title": value, "severity": value, "status": value, "compromisedEntity": value} for value in ODD_TEXTS.values()),
        {"severity": "Apocalyptic", "status": "Undecided"},
        {"severity": None, "status": None, "title": None},
        {"severity": 7, "status": [], "title": {}},
        {"generated": "soon", "started": 7},
        {"generated": None, "resourceIdentifiers": None},
        {"resourceIdentifiers": [None, 7, {"type": "AzureResource", "azureResourceId": 7}]},
        {"wdatpTenantId": 7, "product": True},
    ],
)
async def test_an_alert_whose_values_are_of_no_kind_that_is_known_is_kept(odd: OddFleet, synced: Connection, odd_values: Row) -> None:
    odd.alerts[3] |= odd_values
    assert await read(synced, "alerts") == ""
    assert await known(synced, "alerts") == there(odd, "alerts")
    found = await synced.fleet.alert(odd.alerts[3]["id"])
    assert found is not None
    assert all(one.isprintable() for one in (found.title, found.severity, found.status, found.compromised_entity))

"""Lists of Compute and Azure Arc: the typed reading says what the patient one says, and what is odd in a page costs no machine of it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from cache.sighting import Sighting
from console.gateway import services
from console.gateway.azure import Azure
from console.gateway.services import Reader, View
from console.simulator import Simulator
from console.simulator.machine_json import arc_json, extension_json, vm_instance_view, vm_json
from tests.gateway.odd_server import Canned, OddServer

S = "0b1ec700-0000-4000-8000-000000000001"
BASE = f"/subscriptions/{S.upper()}/resourceGroups/g/providers"


class _Refusing:
    """A typed decoder to which everything is odd."""

    def decode(self, _: bytes) -> Any:
        raise msgspec.DecodeError


def patient() -> Reader:
    reader = Reader()
    for name in ("_vms", "_seen", "_arcs", "_extensions"):
        setattr(reader, name, _Refusing())
    return reader


def vm(name: str = "v", **more: Any) -> dict[str, Any]:
    properties = {
        "provisioningState": "Succeeded",
        "storageProfile": {"osDisk": {"osType": "Linux"}},
        "timeCreated": "2024-01-02T03:04:05Z",
    }
    return {
        "id": f"{BASE}/Microsoft.Compute/virtualMachines/{name}",
        "name": name,
        "location": "westeurope",
        "properties": properties,
    } | more


def arc(name: str = "a", **more: Any) -> dict[str, Any]:
    properties = {"status": "Connected", "provisioningState": "Succeeded", "osName": "linux"}
    return {
        "id": f"{BASE}/Microsoft.HybridCompute/machines/{name}",
        "name": name,
        "location": "westeurope",
        "properties": properties,
    } | more


def body(*items: Any, **more: Any) -> bytes:
    return json.dumps({"value": list(items)} | more).encode()


def test_all_that_the_simulator_has_is_read_typed_and_as_the_patient_reading_has_it(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, now = simulator.world, simulator.clock.now()

    def read(reader: Reader) -> list[Any]:
        found: list[Any] = []
        for subscription in world.subscriptions.values():
            machines = world.machines(subscription.id)
            vms, arcs = [one for one in machines if one.kind == "vm"], [one for one in machines if one.kind != "vm"]
            views = body(*({**vm_json(one), "properties": {"instanceView": vm_instance_view(world, one, now)}} for one in vms))
            known: dict[str, View] = dict(reader.views(views, "w").rows)
            found += [known, reader.vms(body(*map(vm_json, vms)), "w", subscription.id, known)]
            found.append(reader.arcs(body(*(arc_json(world, one, now) for one in arcs)), "w", subscription.id))
            for one in machines:
                told = body(*(extension_json(one, each, view=True) for each in world.extensions(one, now)))
                found.append(reader.extensions(told, "w"))
        return found

    patiently = read(patient())
    monkeypatch.delattr(services, "list_page")
    assert read(Reader()) == patiently


ODD: dict[str, dict[str, Any]] = {
    "as expected": {},
    "a location that is none": {"location": None},
    "a name of another kind": {"name": 7},
    "an odd name": {"name": "v\x1b[2J\n"},
    "no name": {"name": ""},
    "an odd id": {"id": f"{BASE}/Microsoft.Compute/virtualMachines/v\u202e?x"},
    "tags of all kinds": {"tags": {"b": "2", "a": 1, "\x1b": None, "c": []}},
    "no tags": {"tags": None},
    "no properties": {"properties": None},
    "empty properties": {"properties": {}},
    "properties in capitals": {"Properties": {"provisioningState": "Failed"}, "properties": {}},
    "unknown words": {
        "properties": {
            "provisioningState": "Dreaming",
            "status": "Asleep",
            "osType": "Plan9",
            "storageProfile": {"osDisk": {"osType": "Plan9"}, "imageReference": {"publisher": None, "offer": "o"}},
            "instanceView": {"statuses": [{"code": "PowerState/floating\x1b"}, {}], "vmAgent": {"vmAgentVersion": None}},
            "timeCreated": "when it was",
            "lastStatusChange": "2024-02-03T04:05:06.1234567Z",
        }
    },
    "an instance view of another kind": {"properties": {"provisioningState": "x", "instanceView": [], "status": 1}},
    "statuses of another kind": {"properties": {"instanceView": {"statuses": {"code": "PowerState/running"}, "osName": 3}}},
}


@pytest.mark.parametrize("oddity", ODD)
def test_what_is_odd_is_read_as_the_patient_reading_has_it_and_takes_no_neighbour_with_it(oddity: str) -> None:
    views = body({**vm("before"), "properties": {"instanceView": {"statuses": [{"code": "PowerState/running"}]}}}, vm(**ODD[oddity]))
    known: dict[str, View] = dict(Reader().views(views, "w").rows)
    assert known == dict(patient().views(views, "w").rows)
    vms, arcs = body(vm("before"), vm(**ODD[oddity]), vm("after")), body(arc("before"), arc(**ODD[oddity]), arc("after"))
    listed: list[Sighting] = Reader().vms(vms, "w", S, known).rows
    assert listed == patient().vms(vms, "w", S, known).rows
    assert [listed[0].name, listed[0].condition.power, listed[-1].name, len(listed)] == ["before", "running", "after", 3]
    assert {one.place.subscription_id for one in listed} == {S}, "as it was listed, not in capitals"
    assert Reader().arcs(arcs, "w", S) == patient().arcs(arcs, "w", S)


@pytest.mark.parametrize(
    "extension",
    [
        {"name": "e", "properties": {"publisher": "p", "type": "t", "provisioningState": "Dreaming"}},
        {"name": "e", "properties": {"publisher": "p", "type": "t", "provisioningState": "s", "instanceView": {"status": {"code": "0"}}}},
        {"name": "e", "properties": {"publisher": None, "type": "t"}},
        {
            "name": "e",
            "properties": {"type": "t", "instanceView": {"statuses": [{"code": "x"}, {"code": "y/FAILED/51", "message": "m" * 5000}]}},
        },
        {
            "name": "e\x1b",
            "properties": {
                "publisher": "p",
                "type": "t",
                "provisioningState": "Failed",
                "typeHandlerVersion": "1",
                "instanceView": {"statuses": [{"code": None, "displayStatus": "shown"}], "substatuses": [{}, {"message": "deeper"}]},
            },
        },
        {"name": ""},
        {"name": 5},
        7,
    ],
)
def test_odd_extensions_are_read_as_the_patient_reading_has_them(extension: Any) -> None:
    good = {"name": "g", "properties": {"publisher": "p", "type": "t", "provisioningState": "Succeeded"}}
    told = body(good, extension)
    found = Reader().extensions(told, "w")
    assert found == patient().extensions(told, "w")
    assert found.rows[0].name == "g"


async def test_an_odd_page_of_a_list_costs_no_machine_of_the_list(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [
        Canned({"value": []}),
        Canned({"value": [vm("a"), vm("b", location=7), vm("c")], "nextLink": f"{odd.url}/more"}),
        Canned({"value": [vm("d")]}),
        Canned({"value": [arc("e"), {"id": "", "name": "nothing"}, 3]}),
    ]
    assert [one.name async for page in odd_azure.service_machines(S) for one in page] == ["a", "b", "c", "d", "e"]


async def test_a_large_page_is_read_whole(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned({"value": []}), Canned({"value": [vm(f"v{number}") for number in range(1000)]}), Canned({"value": []})]
    found = [one async for page in odd_azure.service_machines(S) for one in page]
    assert [one.name for one in found] == [f"v{number}" for number in range(1000)]

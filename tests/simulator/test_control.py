"""The simulator's own endpoints."""

from __future__ import annotations

import pytest

from console.simulator import Simulator
from console.simulator.clock import DAY, parse_iso
from tests.simulator.conftest import Api


@pytest.fixture
def control(api: Api) -> Api:
    return api.anonymous()


async def test_the_clock_is_read_and_pushed(sim: Simulator, control: Api) -> None:
    before = (await control("GET", "/simulator/clock")).body
    after = (await control("POST", "/simulator/advance", json={"seconds": 90})).body
    assert before["speed"] == 0
    assert after["epoch"] - before["epoch"] == 90
    assert parse_iso(before["started"].replace("0Z", "+00:00")) == pytest.approx(sim.clock.start, abs=0.001)


async def test_requests_are_recorded_and_forgotten(sim: Simulator, api: Api, control: Api) -> None:
    path = f"/subscriptions/{sim.subscription('all-on')}/providers/Microsoft.Security/settings/WDATP"
    await api("PUT", path, json={"properties": {"enabled": True}}, version="2022-05-01")
    await api("GET", path)
    listed = (await control("GET", "/simulator/requests?method=PUT")).body
    assert [(r["method"], r["path"], r["query"], r["body"], r["status"]) for r in listed] == [
        ("PUT", path, {"api-version": "2022-05-01"}, {"properties": {"enabled": True}}, 200)
    ]
    assert (await control("DELETE", "/simulator/requests")).status == 204
    assert (await control("GET", "/simulator/requests")).body == []


async def test_faults_are_added_listed_and_cleared(api: Api, control: Api) -> None:
    await control("POST", "/simulator/faults", json={"kind": "500", "path": "/tenants", "times": 1})
    listed = await control("POST", "/simulator/faults", json={"fault": "429=3:0.5"})
    assert [f["kind"] for f in listed.body["faults"]] == ["500", "429"]
    assert (await control("DELETE", "/simulator/faults")).status == 204
    assert (await api("GET", "/tenants")).status == 200


async def test_a_token_of_any_principal(control: Api, api: Api, sim: Simulator) -> None:
    made = (await control("POST", "/simulator/token", json={"principal": "reader"})).body
    assert (await Api(sim, api._session, made["access_token"])("GET", "/subscriptions")).status == 200
    other = (await control("POST", "/simulator/token", json={"tenant": sim.world.tenants[1].id})).body
    assert other["tenant_id"] == sim.world.tenants[1].id
    assert (await control("POST", "/simulator/token", json={"principal": "zorro"})).status == 400


async def test_tokens_are_expired(control: Api, api: Api) -> None:
    assert (await control("POST", "/simulator/expire-tokens")).body == {"expired": 1}
    assert (await api("GET", "/subscriptions")).status == 401


async def test_codes_are_decided(sim: Simulator, control: Api) -> None:
    form = {"client_id": "x", "scope": "openid"}
    await control("POST", f"/{sim.tenant_id}/oauth2/v2.0/devicecode", data=form, version=None)
    assert (await control("POST", "/simulator/approve", json={"principal": "reader"})).body == {"decided": 1}
    assert (await control("POST", "/simulator/decline")).body == {"decided": 0}


async def test_an_alert_is_raised_on_a_machine(sim: Simulator, control: Api, api: Api) -> None:
    machine = sim.world.machines(sim.subscription("all-on"))[0]
    made = await control("POST", "/simulator/alerts", json={"machine": machine.id.upper(), "seconds": 60, "description": "[x]"})
    assert made.status == 201
    assert (await api("GET", made.body["id"])).status == 404
    sim.clock.advance(61)
    assert (await api("GET", made.body["id"])).body["properties"]["description"] == "[x]"
    assert (await control("POST", "/simulator/alerts", json={"machine": "/nowhere"})).status == 400


async def test_a_machine_is_switched_on_and_off(sim: Simulator, control: Api, api: Api) -> None:
    machine = next(m for m in sim.world.machines(sim.subscription("all-on")) if m.kind == "vm" and m.stopped > sim.clock.now())
    query = f"resources | where id =~ '{machine.id}' | project p = tostring(properties.extended.instanceView.powerState.code)"
    assert (await api.query(query))[0]["p"] == "PowerState/running"
    await control("POST", "/simulator/machines", json={"machine": machine.id, "running": False})
    assert (await api.query(query))[0]["p"] in ("PowerState/deallocated", "PowerState/stopped")
    await control("POST", "/simulator/machines", json={"machine": machine.id, "running": True})
    sim.clock.advance(DAY)
    assert (await api.query(query))[0]["p"] == "PowerState/running"


async def test_the_world_names_the_situation_of_each_subscription(sim: Simulator, control: Api) -> None:
    world = (await control("GET", "/simulator/world")).body
    assert world["situations"][sim.subscription("never-enabled")] == "never-enabled"
    assert len(set(world["situations"].values())) == 12
    assert "nobody" in world["principals"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/simulator/nothing", None, 404),
        ("POST", "/simulator/advance", {"seconds": -1}, 400),
        ("POST", "/simulator/advance", {}, 400),
        ("POST", "/simulator/advance", [], 400),
        ("POST", "/simulator/faults", {"kind": "meteor"}, 400),
    ],
)
async def test_what_is_wrong_is_said(control: Api, method: str, path: str, body: object, status: int) -> None:
    answer = await control(method, path, json=body)
    assert answer.status == status
    assert answer.message


async def test_somebody_runs_the_detection_test_on_a_machine(sim: Simulator, control: Api) -> None:
    subscription = sim.world.subscriptions[sim.subscription("all-on")]
    now = sim.clock.now()
    found = ((one, sim.world.defender(one, now)) for one in sim.world.machines(subscription.id))
    machine = next(one for one, extension in found if extension is not None and extension.outcome == "succeeded")
    answer = await control("POST", "/simulator/detection-test", json={"machine": machine.id})
    assert answer.status == 202
    sim.clock.advance(DAY / 24)
    assert [one.machine.id for one in sim.alerts.until(subscription, sim.clock.now()) if one.forced] == [machine.id]
    assert (await control("POST", "/simulator/detection-test", json={"machine": "/none"})).status == 400

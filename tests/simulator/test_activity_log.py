"""The activity log as Azure Monitor documents it: a filter that takes little, pages, 90 days, and a right of its own."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from console.simulator import Simulator
from console.simulator.clock import DAY, iso
from tests.simulator.conftest import Api

SETTING = {"kind": "DataExportSettings", "properties": {"enabled": True}}


def address(sim: Simulator, chosen: str | None, subscription: str = "all-on") -> str:
    path = f"/subscriptions/{sim.subscription(subscription)}/providers/Microsoft.Insights/eventtypes/management/values"
    return path if chosen is None else f"{path}?$filter={quote(chosen)}"


def since(sim: Simulator, days: float) -> str:
    return f"eventTimestamp ge '{iso(sim.clock.now() - days * DAY)}'"


async def test_a_write_leaves_two_events_that_say_who_and_when_and_not_what(sim: Simulator, api: Api) -> None:
    sim.clock.advance(60)
    uri = f"/subscriptions/{sim.subscription('all-on')}/providers/Microsoft.Security/settings/WDATP"
    assert (await api("PUT", uri, json=SETTING, version="2022-05-01")).status == 200
    now = sim.clock.now()
    answer = await api("GET", address(sim, f"{since(sim, 1)} and resourceUri eq '{uri.lower()}'"), version="2015-04-01")
    assert answer.status == 200
    assert [one["status"]["value"] for one in answer.body["value"]] == ["Succeeded", "Started"]
    for one in answer.body["value"]:
        assert (one["caller"], one["operationName"]["value"], one["resourceId"]) == (
            "ada@contoso.example",
            "Microsoft.Security/settings/write",
            uri,
        )
        assert one["eventTimestamp"] == iso(now)
        assert "true" not in str(one["properties"]).lower()


async def test_events_come_in_pages(sim: Simulator, api: Api) -> None:
    uri = f"/subscriptions/{sim.subscription('all-on')}/providers/Microsoft.Security/settings/WDATP"
    for _ in range(60):
        await api("PUT", uri, json=SETTING, version="2022-05-01")
    answer = await api("GET", address(sim, f"{since(sim, 1)} and resourceProvider eq 'Microsoft.Security'"), version="2015-04-01")
    assert len(answer.body["value"]) == 100
    rest = await api("GET", answer.body["nextLink"], version=None)
    assert len(rest.body["value"]) == 20
    assert "nextLink" not in rest.body


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (None, "needs eventTimestamp ge"),
        ("resourceUri eq '/subscriptions/x'", "needs eventTimestamp ge"),
        ("{day} and caller eq 'ada'", "is not supported"),
        ("{day} and resourceUri eq 'a' and resourceProvider eq 'b'", "only one of"),
        ("{old}", "more than 90 day(s)"),
    ],
)
async def test_what_the_filter_does_not_take_is_refused(sim: Simulator, api: Api, chosen: str | None, said: str) -> None:
    text = chosen.format(day=since(sim, 1), old=since(sim, 91)) if chosen is not None else None
    answer = await api("GET", address(sim, text), version="2015-04-01")
    assert (answer.status, said in answer.body["error"]["message"]) == (400, True)


async def test_security_reader_alone_may_not_read_it(sim: Simulator, api: Api) -> None:
    api.token = sim.token("security-reader")
    answer = await api("GET", address(sim, since(sim, 1)), version="2015-04-01")
    assert answer.status == 403
    assert "Microsoft.Insights/eventtypes/values/read" in answer.body["error"]["message"]

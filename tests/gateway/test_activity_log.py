"""Who wrote a setting last is read from the activity log, whatever else stands in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.gateway.activity_log import Written
from console.gateway.azure import Azure
from console.gateway.errors import AzureProblem, Forbidden
from console.simulator import Simulator
from tests.gateway.conftest import Open
from tests.gateway.odd_server import Canned, OddServer

WRITE = "Microsoft.Security/settings/write"
URI = "/subscriptions/11111111-1111-4111-8111-111111111111/providers/Microsoft.Security/settings/WDATP"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(at: str, **more: Any) -> dict[str, Any]:
    return {
        "eventTimestamp": at,
        "operationName": {"value": WRITE},
        "status": {"value": "Succeeded"},
        "resourceId": URI,
        "caller": "pia@contoso.example",
        **more,
    }


async def test_the_last_success_of_that_write_on_that_setting_counts(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [
        Canned(
            {
                "value": [
                    event("2026-03-01T11:00:00.1234567Z", status={"value": "Failed"}),
                    event("2026-03-01T10:00:00Z", status={"value": "Started"}),
                    event("2026-03-01T09:00:00Z", operationName={"value": "Microsoft.Security/pricings/write"}),
                    event("2026-03-01T08:00:00Z", resourceId=f"{URI}_EXCLUDE_LINUX_PUBLIC_PREVIEW"),
                    event("not a time"),
                    7,
                    event("2026-03-01T06:00:00Z"),
                    event("2026-03-01T07:00:00Z", resourceId=URI.upper(), caller="\x1b[31mo\u202ebin\n"),
                ]
            }
        )
    ]
    found = await odd_azure.last_write(URI, WRITE, NOON - timedelta(days=1), NOON)
    assert found is not None
    assert found.at == datetime(2026, 3, 1, 7, tzinfo=UTC)
    assert found.by.isprintable()
    assert "\x1b" not in found.by


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": [{}, None, {"caller": 3, "eventTimestamp": []}]}])
async def test_a_log_that_tells_nothing_tells_of_no_write(odd: OddServer, odd_azure: Azure, body: dict[str, Any]) -> None:
    odd.answers = [Canned(body)]
    assert await odd_azure.last_write(URI, WRITE, NOON - timedelta(days=1), NOON) is None


async def test_a_log_that_is_no_list_is_a_problem_with_a_sentence(odd: OddServer, odd_azure: Azure) -> None:
    odd.answers = [Canned({"value": "no"})]
    with pytest.raises(AzureProblem, match="reading the activity log"):
        await odd_azure.last_write(URI, WRITE, NOON - timedelta(days=1), NOON)


async def test_pages_are_followed_and_the_caller_is_told(simulator: Simulator, azure: Azure) -> None:
    subscription_id = simulator.subscription("all-on")
    for _ in range(4):
        simulator.clock.advance(60)
        await azure.put_setting(subscription_id, "WDATP", True)
    now = datetime.fromtimestamp(simulator.clock.now(), UTC)
    uri = URI.replace("11111111-1111-4111-8111-111111111111", subscription_id)
    found = await azure.last_write(uri, WRITE, now - timedelta(hours=1), now + timedelta(seconds=1))
    assert found is not None
    assert found.by == "ada@contoso.example"
    assert abs(found.at - now) < timedelta(seconds=1)
    assert isinstance(found, Written)
    assert len(simulator.requests.of("GET", "eventtypes")) == 3


async def test_without_the_right_it_is_forbidden(simulator: Simulator, open_azure: Open, azure: Azure) -> None:
    other = await open_azure(azure.cloud, simulator.token("security-reader"))
    uri = URI.replace("11111111-1111-4111-8111-111111111111", simulator.subscription("all-on"))
    now = datetime.fromtimestamp(simulator.clock.now(), UTC)
    with pytest.raises(Forbidden, match="eventtypes"):
        await other.last_write(uri, WRITE, now - timedelta(hours=1), now)

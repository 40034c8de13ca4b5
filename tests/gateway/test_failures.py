"""What goes wrong on the way to Azure: what is tried again, what never is, and what is said in the end."""

from __future__ import annotations

import traceback
from email.utils import formatdate

import pytest

from console.clouds import BUILT_IN, Cloud, is_loopback, load_cloud
from console.gateway.azure import Azure
from console.gateway.errors import AzureProblem, Conflict, Outage, Throttled
from console.gateway.transport import BUDGET, TRIES, Transport, quota_reset, seconds_to_wait
from console.simulator import Simulator
from console.simulator.situations import WDATP
from tests.gateway.conftest import Open, Waits
from tests.gateway.odd_server import Canned, OddServer

DEAD_PROXY = "http://127.0.0.1:9"


def _id(simulator: Simulator) -> str:
    return simulator.subscription("all-on")


async def test_a_throttled_reading_waits_as_long_as_azure_asks(simulator: Simulator, azure: Azure, waits: Waits) -> None:
    simulator.faults.add("429=7:1:/settings:1")
    assert (await azure.settings(_id(simulator)))[WDATP] is True
    assert waits.slept == [7.0]
    begun, over = waits.told
    assert (begun.seconds, begun.reason, begun.attempt) == (7.0, "Azure wants fewer requests", 1)
    assert begun.what.endswith("/settings")
    assert over.seconds == 0.0


async def test_a_wait_names_the_subscription_that_is_asked_once_it_was_listed(simulator: Simulator, azure: Azure, waits: Waits) -> None:
    wide = next(one for one in simulator.world.subscriptions.values() if "Northwind" in one.name)
    simulator.faults.add("429=7:1:/settings:1")
    await azure.settings(wide.id)
    assert waits.told[0].told == f"7 s: Azure wants fewer requests (settings of {wide.id[:8]})"
    listed = {one.id: one.name async for page in azure.subscriptions() for one in page}
    waits.told.clear()
    simulator.faults.add("429=7:1:/settings:1")
    await azure.settings(wide.id)
    assert waits.told[0].told == f"7 s: Azure wants fewer requests (settings of {listed[wide.id]})"


async def test_throttling_without_a_time_backs_off(simulator: Simulator, azure: Azure, waits: Waits) -> None:
    simulator.faults.add("429:1:/settings:3")
    await azure.settings(_id(simulator))
    assert len(waits.slept) == 3
    assert 0 < waits.slept[0] < waits.slept[1] * 1.5 < waits.slept[2] * 3 < 60


@pytest.mark.parametrize("fault", ["503", "500", "half", "drop"])
async def test_a_reading_that_fails_once_is_read_again(simulator: Simulator, azure: Azure, waits: Waits, fault: str) -> None:
    await azure.tenants()  # so that the line is an old one, which aiohttp treats otherwise
    simulator.faults.add(f"{fault}:1:/settings:1")
    assert (await azure.settings(_id(simulator)))[WDATP] is True
    assert len(simulator.requests.of("GET", "/settings")) == 3, "two pages, one of them twice"
    assert len(waits.slept) == 1


@pytest.mark.parametrize("fault", ["429", "503", "half", "drop"])
async def test_a_query_of_resource_graph_is_a_reading(simulator: Simulator, azure: Azure, waits: Waits, fault: str) -> None:
    simulator.faults.add(f"{fault}:1:ResourceGraph:1")
    assert [one async for page in azure.graph_machines([_id(simulator)]) for one in page]
    assert len(waits.slept) == 1


@pytest.mark.parametrize("old_line", [False, True])
@pytest.mark.parametrize("fault", ["half", "drop", "503", "500"])
async def test_a_write_is_never_sent_twice_when_it_may_have_arrived(
    simulator: Simulator, azure: Azure, waits: Waits, fault: str, old_line: bool
) -> None:
    if old_line:
        await azure.tenants()
    simulator.faults.add(f"{fault}:1:^PUT ")
    with pytest.raises(Outage):
        await azure.put_setting(_id(simulator), WDATP, True)
    assert len(simulator.requests.of("PUT")) == 1
    assert waits.slept == []


async def test_a_change_of_an_alert_is_never_sent_twice_when_it_may_have_arrived(simulator: Simulator, azure: Azure) -> None:
    simulator.clock.advance(86400)
    alert = [one async for page in azure.alerts(_id(simulator)) for one in page][0]
    simulator.faults.add("drop:1:^POST ")
    with pytest.raises(Outage):
        await azure.set_alert_status(alert.id, "Resolved")
    assert len(simulator.requests.of("POST")) == 1


async def test_a_write_that_was_turned_away_is_sent_again(simulator: Simulator, azure: Azure, waits: Waits) -> None:
    simulator.faults.add("429=3:1:^PUT :2")
    await azure.put_setting(_id(simulator), WDATP, True)
    assert [one.status for one in simulator.requests.of("PUT")] == [429, 429, 200]
    assert waits.slept == [3.0, 3.0]


async def test_a_write_that_never_left_is_sent_again(odd: OddServer, open_azure: Open, waits: Waits) -> None:
    closed = Cloud("Closed", DEAD, DEAD, DEAD, DEAD, DEAD, ca_file=odd.ca_file, key="closed")
    azure = await open_azure(closed, "a-token")
    with pytest.raises(Outage, match="Check the network"):
        await azure.put_setting("00000000-0000-0000-0000-000000000001", WDATP, True)
    assert len(waits.slept) == TRIES - 1


DEAD = "https://127.0.0.1:9"


async def test_waiting_ends(simulator: Simulator, azure: Azure, waits: Waits) -> None:
    simulator.faults.add("429=50:1:/settings")
    with pytest.raises(Throttled, match="too long"):
        await azure.settings(_id(simulator))
    assert sum(waits.slept) <= BUDGET
    assert len(simulator.requests) <= TRIES


async def test_trying_ends(simulator: Simulator, azure: Azure, waits: Waits) -> None:
    simulator.faults.add("429=0:1:/settings")
    with pytest.raises(Throttled, match="fewer requests"):
        await azure.settings(_id(simulator))
    assert len(simulator.requests) == TRIES
    simulator.faults.clear()
    simulator.faults.add("503:1:/settings")
    with pytest.raises(Outage, match="HTTP 503") as failure:
        await azure.settings(_id(simulator))
    assert "<" not in str(failure.value), "no HTML is quoted"


async def test_an_endless_wait_is_not_begun(odd: OddServer, odd_azure: Azure, waits: Waits) -> None:
    odd.answers = [Canned({}, 429, {"Retry-After": "86400"})]
    with pytest.raises(Throttled, match="86400 seconds"):
        await odd_azure.tenants()
    assert waits.slept == []


@pytest.mark.parametrize("asked", ["nan", "inf", "-5", "soon", "Mon, 99 Foo 2020", "", "9" * 400])
async def test_odd_wishes_for_waiting_do_no_harm(odd: OddServer, odd_azure: Azure, waits: Waits, asked: str) -> None:
    odd.answers = [Canned({}, 429, {"Retry-After": asked}), Canned({"value": []})]
    assert await odd_azure.tenants() == []
    assert len(waits.slept) == 1
    assert 0 <= waits.slept[0] < 2


def test_a_wait_may_be_a_date() -> None:
    assert seconds_to_wait({"Retry-After": formatdate(1000, usegmt=True)}, now=900) == 100
    assert seconds_to_wait({"Retry-After": formatdate(1000, usegmt=True)}, now=2000) == 0


@pytest.mark.parametrize(
    ("told", "seconds"), [("00:00:05", 5), ("01:02:03.5", 3723.5), ("5", None), ("", None), ("a:b:c", None), ("nan:0:0", None)]
)
def test_the_quotas_reset_is_hours_minutes_seconds(told: str, seconds: float | None) -> None:
    assert quota_reset({"x-ms-user-quota-resets-after": told}) == seconds


async def test_resource_graph_is_paced_by_its_quota(odd: OddServer, odd_azure: Azure, waits: Waits) -> None:
    quota = {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:04"}
    odd.answers = [Canned({"data": [], "$skipToken": "a"}, 200, quota), Canned({"data": []}, 200, quota)]
    assert [page async for page in odd_azure.graph_machines(["s"])] == [[], []]
    assert waits.slept == [4.0], "after the last page nobody needs to wait"
    assert waits.told[0].what == "Resource Graph"


async def test_a_quota_that_is_used_up_tells_when_it_is_full_again(odd: OddServer, odd_azure: Azure, waits: Waits) -> None:
    quota = {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:03"}
    odd.answers = [Canned({}, 429, quota), Canned({"data": []})]
    assert [page async for page in odd_azure.graph_machines(["s"])] == [[]]
    assert waits.slept == [3.0]


async def test_certificates_are_not_tried_again(odd: OddServer, open_azure: Open, waits: Waits) -> None:
    azure = await open_azure(odd.cloud(trusted=False), "a-token")
    with pytest.raises(Outage, match="certificate was not trusted.*ca_file"):
        await azure.tenants()
    with pytest.raises(Outage, match="certificate was not trusted"):
        await azure.put_setting("00000000-0000-0000-0000-000000000001", WDATP, True)
    assert waits.slept == []
    assert odd.asked == []


async def test_a_conflict_says_so(simulator: Simulator, azure: Azure) -> None:
    simulator.faults.add("409:1:^PUT ")
    with pytest.raises(Conflict, match="Try again"):
        await azure.put_setting(_id(simulator), WDATP, True)


async def test_a_disabled_subscription_takes_no_writes(simulator: Simulator, azure: Azure) -> None:
    with pytest.raises(AzureProblem, match="disabled"):
        await azure.put_setting(simulator.subscription("disabled"), WDATP, True)


@pytest.mark.parametrize("fault", ["claims", "expired", "403", "409", "500", "drop", "half", "429=999"])
async def test_no_failure_carries_the_token(simulator: Simulator, open_azure: Open, fault: str) -> None:
    token = simulator.token()
    azure = await open_azure(load_cloud(str(simulator.cloud_file)), token)
    simulator.faults.add(fault)
    for call in (azure.settings(_id(simulator)), azure.put_setting(_id(simulator), WDATP, True)):
        with pytest.raises(AzureProblem) as failure:
            await call
        shown = "".join(traceback.format_exception(failure.value)) + repr(failure.value) + str(failure.value)
        assert token not in shown
        assert token.split(".")[1] not in shown
        assert str(failure.value).endswith((".", '"'))
        assert "\n" not in str(failure.value)


async def test_loopback_goes_around_the_proxy(simulator: Simulator, open_azure: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, DEAD_PROXY)
    azure = await open_azure(load_cloud(str(simulator.cloud_file)), simulator.token())
    assert await azure.tenants()


async def test_everything_else_goes_through_the_proxy_of_the_environment(
    waits: Waits, monkeypatch: pytest.MonkeyPatch, open_azure: Open
) -> None:
    transport = Transport(BUILT_IN["public"], None, None, waits.sleep)
    assert transport._session.trust_env
    await transport.close()
    monkeypatch.setenv("HTTPS_PROXY", DEAD_PROXY)
    monkeypatch.setenv("https_proxy", DEAD_PROXY)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    azure = await open_azure(BUILT_IN["public"], "a-token")
    with pytest.raises(Outage, match="HTTPS_PROXY"):
        await azure.tenants()


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("https://localhost:8443", True),
        ("https://azure.localhost", True),
        ("https://127.0.0.1", True),
        ("https://127.9.9.9:1", True),
        ("https://[::1]:8443", True),
        ("https://localhost.example.com", False),
        ("https://management.azure.com", False),
        ("https://10.0.0.1", False),
    ],
)
def test_this_machine_is_known(address: str, is_here: bool) -> None:
    assert is_loopback(address) is is_here

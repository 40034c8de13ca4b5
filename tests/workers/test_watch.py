"""When what is read: at once what is asked for, often what moves, seldom everything, and nothing while another console leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from cache.model import MachineState, Source
from console.session import Connection
from console.simulator import Simulator
from console.simulator.recording import Recorded
from console.workers.sync import sync
from console.workers.watch import Watch

SELDOM = 10_000.0
OFTEN = 0.05


async def nobody(_: str) -> None:
    raise AssertionError("the sign-in was lost")


@asynccontextmanager
async def watching(watch: Watch) -> AsyncIterator[None]:
    task = asyncio.create_task(watch.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(found: Callable[[], bool]) -> None:
    """Waits for something that happens soon."""
    async with asyncio.timeout(60):
        while not found():
            await asyncio.sleep(0)


def queries(simulator: Simulator, of: str) -> list[Recorded]:
    """The queries of Resource Graph with a word in them."""
    return [one for one in simulator.requests.of("POST", "ResourceGraph") if of in one.body["query"]]


async def test_a_console_that_starts_with_a_young_cache_reads_what_changed(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    simulator.requests.clear()
    async with watching(Watch(ada.work, SELDOM, SELDOM, timedelta(hours=1), nobody)):
        await until(lambda: len(queries(simulator, "pricings")) > 0)
    assert len(simulator.requests) == 3
    assert simulator.requests.of("GET") == []


async def test_a_console_that_starts_with_an_old_cache_or_none_reads_everything(simulator: Simulator, ada: Connection) -> None:
    for _ in range(2):
        simulator.requests.clear()
        async with watching(Watch(ada.work, SELDOM, SELDOM, timedelta(hours=1), nobody)):
            await until(lambda: len(queries(simulator, "assessments")) > 0)
        assert simulator.requests.of("GET", "/settings")
        simulator.clock.advance(3601)


async def test_machines_on_their_way_are_asked_for_alone_and_often(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    await ada.azure.put_setting(simulator.subscription("existing-windows-linux-excluded"), "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", False)
    await sync(ada.work)
    assert (await ada.fleet.state_counts()).get(MachineState.PENDING)
    simulator.requests.clear()
    async with watching(Watch(ada.work, SELDOM, OFTEN, timedelta(hours=1), nobody)):
        await until(lambda: len(queries(simulator, "resourcechanges")) >= 4)
    assert len(queries(simulator, "alerts")) == 1
    assert len(queries(simulator, "pricings")) == 1
    assert len(simulator.requests) == len(queries(simulator, "resourcechanges")) + 2


async def test_what_is_asked_for_is_read_completely_even_when_paused_and_not_leading(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    one = simulator.subscription("all-on")
    simulator.requests.clear()
    watch = Watch(ada.work, OFTEN, OFTEN, timedelta(hours=1), nobody, leads=lambda: False)
    watch.pause(True)
    async with watching(watch):
        watch.refresh((one,))
        await until(lambda: len(simulator.requests.of("GET", "/settings")) > 0)
        await until(lambda: len(queries(simulator, "assessments")) > 0)
        assert {request.path.split("/")[2] for request in simulator.requests.of("GET", "/settings")} == {one}
        watch.refresh()
        await until(lambda: len(queries(simulator, "assessments")) > 1)
        assert len(simulator.requests.of("GET", "/settings")) > 2


async def test_what_is_asked_for_alone_is_read_alone(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    one, two = simulator.subscription("all-on"), simulator.subscription("never-enabled")
    watch = Watch(ada.work, SELDOM, SELDOM, timedelta(hours=1), nobody, leads=lambda: False)
    async with watching(watch):
        simulator.requests.clear()
        watch.refresh((one,), frozenset((Source.SETTINGS,)))
        watch.refresh((two,), frozenset((Source.PROVIDER,)))
        await until(lambda: len(simulator.requests) >= 2)
    assert [request.path.split("/")[2] for request in simulator.requests.of("GET", "/settings")] == [one]
    assert len(simulator.requests) == 2


async def test_who_does_not_lead_asks_for_nothing_and_who_takes_over_reads_on(simulator: Simulator, ada: Connection) -> None:
    await sync(ada.work)
    simulator.requests.clear()
    asked = 0
    leads = False

    def leading() -> bool:
        nonlocal asked
        asked += 1
        return leads

    async with watching(Watch(ada.work, OFTEN, OFTEN, timedelta(hours=1), nobody, leads=leading)):
        await until(lambda: asked >= 3)
        assert len(simulator.requests) == 0
        leads = True
        await until(lambda: len(queries(simulator, "pricings")) > 0)
        assert simulator.requests.of("GET") == []


@pytest.mark.parametrize("moving", [True, False])
async def test_a_lost_sign_in_ends_the_watch_with_a_sentence(simulator: Simulator, ada: Connection, moving: bool) -> None:
    await sync(ada.work)
    said: list[str] = []

    async def lost(sentence: str) -> None:
        said.append(sentence)

    watch = Watch(ada.work, SELDOM, SELDOM, timedelta(hours=1), lost)
    simulator.box.tokens.expire_all()
    if moving:
        watch.refresh()
    await asyncio.wait_for(watch.run(), 30)
    assert len(said) == 1
    assert "Sign in again" in said[0] or "sign-in" in said[0]

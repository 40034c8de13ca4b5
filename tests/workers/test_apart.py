"""A large fleet is read in a process apart: as it would be here, answerable to this process in everything, and never its survivor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cache.activity import Activity
from cache.clock import ManualClock, ScaledClock
from cache.errors import DiskFull
from cache.fleet import FleetCache
from cache.model import Source
from console.clouds import load_cloud
from console.gateway.errors import SignInRequired
from console.gateway.transport import Wait
from console.identity import StaticToken
from console.paths import Paths
from console.session import Connection, Setup, connect
from console.settings import Settings
from console.simulator import Simulator
from console.simulator.machines import NEVER, VM
from console.workers import apart
from console.workers.apart import COMMAND, read_fleet
from console.workers.sync import sync
from console.workers.watermark import watermark
from tests.moments import START

NOWHERE = ("/nonexistent/mde-console-reader",)
"""The command of a process that cannot be started: it tells, in the log, that a reading was to happen apart."""

Home = Callable[..., Awaitable[Connection]]


@pytest.fixture
async def home(simulator: Simulator, tmp_path: Path) -> AsyncIterator[Home]:
    """Connects Ada with the home of a name, at the time of the simulator, which stands still."""
    async with AsyncExitStack() as stack:

        async def at(name: str, on_wait: Callable[[Wait], None] | None = None, clock: Any = None) -> Connection:
            setup = Setup(
                Paths(tmp_path / name),
                Settings(),
                load_cloud(str(simulator.cloud_file)),
                "token",
                "",
                clock=clock or ScaledClock(datetime.fromtimestamp(simulator.clock.now(), UTC), 0.0, 0.0),
                environ={"MDE_CONSOLE_TOKEN": simulator.token()},
            )
            connection = await connect(setup, Activity(setup.clock), on_wait=on_wait)
            stack.push_async_callback(connection.close)
            return connection

        yield at


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single subscription counts as many."""
    monkeypatch.setattr(apart, "MANY_SUBSCRIPTIONS", 1)


def children(parent: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, owner = stat.read_text().rpartition(")")[2].split()[:2]
            if int(owner) == parent and state != "Z":
                found.append(int(stat.parent.name))
    return found


def reader(parent: int) -> int:
    """The process apart of a process."""
    (found,) = [one for one in children(parent) if b"console.workers.reader" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return found


def started_with(process: int) -> list[bytes]:
    """The arguments and the environment of a process; nothing of one that is not there."""
    told = []
    for what in ("cmdline", "environ"):
        with contextlib.suppress(OSError):
            told.append(Path(f"/proc/{process}/{what}").read_bytes())
    return told


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


async def logged(connection: Connection) -> str:
    return "\n".join(one.message for one in await connection.fleet.log())


async def contents(fleet: FleetCache) -> dict[str, object]:
    """All that screens can show of a cache."""
    machines = await fleet.machines()
    return {
        "subscriptions": await fleet.subscriptions(),
        "machines": machines,
        "lines": await fleet.machine_rows(),
        "states": await fleet.onboardings(),
        "events": [await fleet.events(one.id) for one in machines],
        "counts": await fleet.states_by_subscription(),
        "alerts": sorted(await fleet.alerts(), key=lambda one: one.id),
        "assessments": sorted(await fleet.assessments(), key=repr),
        "checks": await fleet.checks(),
        "problems": sorted(await fleet.problems(), key=repr),
        "freshness": sorted(await fleet.freshness(), key=repr),
        "log": sorted(one.message for one in await fleet.log()),
        "outdated": await fleet.outdated(),
    }


# The same as here


async def test_what_is_read_apart_is_what_is_read_here(simulator: Simulator, home: Home, large: None) -> None:
    machines = simulator.world.machines(simulator.subscription("all-on"))
    running = next(one for one in machines if one.kind == VM and one.stopped == NEVER)
    simulator.clock.advance(60)
    simulator.world.set_running(running, False)
    here, there = await home("here"), await home("there")
    reports = await sync(here.work), await read_fleet(there.work)
    assert {*reports[0].problems} == {*reports[1].problems}
    assert (reports[0].subscriptions, reports[0].exit_code) == (reports[1].subscriptions, reports[1].exit_code)
    one, other = await contents(here.fleet), await contents(there.fleet)
    assert one["machines"]
    for what in one:
        assert one[what] == other[what], what
    assert there.work.shown == here.work.shown != frozenset()
    assert not await there.fleet.database.fetch("PRAGMA foreign_key_check")


async def test_whoever_looks_hears_of_the_tables_that_change_and_of_what_is_under_way(home: Home, large: None) -> None:
    connection = await home("home")
    told: list[frozenset[str]] = []
    shown: list[tuple[str, int]] = []
    connection.fleet.subscribe(told.append)
    activity = connection.work.activity
    activity.subscribe(lambda: shown.extend((one.what, one.done) for one in activity.tasks()))
    await read_fleet(connection.work)
    assert {"subscriptions", "machines", "alerts", "checks", "freshness"} <= frozenset().union(*told)
    assert {"reading settings and rights", "reading machines", "working out states"} <= {what for what, _ in shown}
    assert activity.tasks() == ()
    told.clear()
    await read_fleet(connection.work, sources=frozenset({Source.SUBSCRIPTIONS, Source.MACHINES}))
    assert told
    assert all("alerts" not in one for one in told), "not of tables in which nothing changed"


async def test_waits_arrive_while_they_last(simulator: Simulator, home: Home, large: None) -> None:
    waits: list[Wait] = []
    simulator.faults.add("429=0.01:1:/permissions:2")
    connection = await home("home", waits.append)
    await read_fleet(connection.work)
    assert [one.seconds for one in waits if one.seconds] == [0.01, 0.01]
    assert {one.reason for one in waits if one.seconds} == {"Azure wants fewer requests"}
    assert [one.seconds for one in waits[-1:]] == [0], "and their end too"


async def test_this_process_writes_meanwhile(simulator: Simulator, home: Home, large: None) -> None:
    writing: list[asyncio.Task[None]] = []

    async def write_one(number: int) -> None:
        await connection.fleet.add_log("info", f"written meanwhile {number}")
        assert not await connection.fleet.poll_foreign_changes(), "what is told need not be found"

    def write(wait: Wait) -> None:
        writing.append(asyncio.create_task(write_one(len(writing))))

    for path in ("/permissions", "/settings", "ResourceGraph"):
        simulator.faults.add(f"429=0.01:1:{path}:3")
    connection = await home("home", write)
    await read_fleet(connection.work)
    await asyncio.gather(*writing)
    assert len(writing) >= 10
    assert (await logged(connection)).count("written meanwhile") == len(writing)
    assert await connection.fleet.poll_foreign_changes(), "whatever else was written is found afterwards"


# Where a reading happens


async def test_a_small_fleet_is_read_here(home: Home) -> None:
    connection = await home("home")
    await read_fleet(connection.work, command=NOWHERE)
    await read_fleet(connection.work, command=NOWHERE)
    assert await connection.fleet.machine_count()
    assert "No process could be started" not in await logged(connection)


class TestManySubscriptions:
    @pytest.fixture
    async def simulator(self) -> AsyncIterator[Simulator]:
        async with Simulator(machines=60, subscriptions=apart.MANY_SUBSCRIPTIONS + 20, speed=0, start=START) as running:
            yield running

    async def test_a_first_reading_that_turns_out_large_happens_apart_and_here_where_no_process_can_be_started(self, home: Home) -> None:
        connection = await home("home")
        report = await read_fleet(connection.work, command=NOWHERE)
        assert not report.nothing
        assert await connection.fleet.machine_count() > 50
        (said,) = [one for one in await connection.fleet.log() if "No process could be started" in one.message]
        assert (said.level, "No such file or directory" in said.message) == ("warning", True)

    async def test_a_few_of_its_subscriptions_are_read_here(self, home: Home) -> None:
        connection = await home("home")
        await read_fleet(connection.work, sources=frozenset({Source.SUBSCRIPTIONS}), command=NOWHERE)
        await read_fleet(connection.work, (await connection.fleet.subscription_ids())[:3], command=NOWHERE)
        assert "No process could be started" not in await logged(connection)


@pytest.mark.parametrize("many", [1, 1000])
async def test_a_first_reading_lists_subscriptions_once_wherever_it_happens(
    simulator: Simulator, home: Home, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(apart, "MANY_SUBSCRIPTIONS", many)
    connection = await home("home")
    await read_fleet(connection.work)
    asked = [one.path for one in simulator.requests].count("/subscriptions")
    mark = await watermark(connection.work)
    assert mark is not None
    assert mark.changes is not None, "differences can be read from here on"
    await read_fleet(connection.work)
    assert [one.path for one in simulator.requests].count("/subscriptions") == 2 * asked, "a later reading lists them once too"


async def test_a_process_that_was_started_while_subscriptions_are_listed_ends_with_a_listing_that_is_cancelled(
    simulator: Simulator, home: Home, large: None
) -> None:
    pids: list[int] = []

    def have_the_next_page_wait(_: frozenset[str]) -> None:
        simulator.faults.add("429=30:1:GET /subscriptions$:1")

    def cancel(wait: Wait) -> None:
        if not pids:
            pids.extend(children(os.getpid()))
            reading.cancel()

    connection = await home("home", cancel)
    before = set(children(os.getpid()))
    connection.fleet.subscribe(have_the_next_page_wait)
    reading = asyncio.create_task(read_fleet(connection.work))
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert set(pids) - before
    assert not set(pids) - before & set(children(os.getpid()))
    assert connection.work.activity.tasks() == ()


async def test_a_fleet_that_is_known_to_be_large_is_read_apart(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await home("home")
    await sync(connection.work)
    monkeypatch.setattr(apart, "MANY_MACHINES", await connection.fleet.machine_count())
    await read_fleet(connection.work, command=NOWHERE)
    assert "No process could be started" in await logged(connection)


async def test_with_a_clock_that_no_other_process_can_follow_the_fleet_is_read_here(simulator: Simulator, home: Home, large: None) -> None:
    connection = await home("home", clock=ManualClock(datetime.fromtimestamp(simulator.clock.now(), UTC)))
    await read_fleet(connection.work, command=NOWHERE)
    assert await connection.fleet.machine_count()
    assert "No process could be started" not in await logged(connection)


async def test_a_process_that_ends_before_it_reads_leaves_the_reading_to_this_one(home: Home, large: None) -> None:
    connection = await home("home")
    await read_fleet(connection.work, command=(sys.executable, "-c", "print('hello'); raise SystemExit(3)"))
    assert await connection.fleet.machine_count()
    assert "No process could be started" in await logged(connection)


# How a reading ends


@pytest.mark.parametrize("fault", ["claims:1:ResourceGraph", "expired:1:ResourceGraph"])
async def test_a_sign_in_that_ends_midway_is_the_same_failure_as_here(simulator: Simulator, home: Home, large: None, fault: str) -> None:
    simulator.faults.add(fault)
    failures: list[SignInRequired] = []
    for name, read in (("here", sync), ("there", read_fleet)):
        connection = await home(name)
        with pytest.raises(SignInRequired) as failure:
            await read(connection.work)
        failures.append(failure.value)
        assert connection.work.activity.tasks() == ()
    assert str(failures[0]) == str(failures[1])
    assert failures[0].claims == failures[1].claims


async def test_a_token_that_there_is_none_of_any_more_is_the_end_of_the_sign_in(home: Home, large: None) -> None:
    connection = await home("home")
    await sync(connection.work, sources=frozenset({Source.SUBSCRIPTIONS}))
    connection.work.azure.credential = StaticToken("a-token-that-was", 0)
    with pytest.raises(SignInRequired, match="MDE_CONSOLE_TOKEN has expired"):
        await read_fleet(connection.work)


async def test_a_reading_that_is_cancelled_ends_the_process_and_the_next_one_completes(
    simulator: Simulator, home: Home, large: None
) -> None:
    pids: list[int] = []

    def cancel(wait: Wait) -> None:
        if not pids:
            pids.append(reader(os.getpid()))
            reading.cancel()

    simulator.faults.add("429=30:1:ResourceGraph:1")
    connection = await home("home", cancel)
    reading = asyncio.create_task(read_fleet(connection.work))
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert pids
    assert pids[0] not in children(os.getpid())
    assert connection.work.activity.tasks() == ()
    assert not (await read_fleet(connection.work)).nothing
    assert await connection.fleet.machine_count()


async def test_a_process_that_is_killed_midway_is_a_sentence_and_the_next_reading_completes(
    simulator: Simulator, home: Home, large: None
) -> None:
    killed: list[int] = []

    def kill(wait: Wait) -> None:
        if not killed:
            killed.append(reader(os.getpid()))
            os.kill(killed[0], signal.SIGKILL)

    simulator.faults.add("429=30:1:ResourceGraph:1")
    connection = await home("home", kill)
    report = await read_fleet(connection.work)
    assert report.nothing
    (problem,) = [one for one in report.problems if not one.subscription_id]
    assert "ended by signal 9" in problem.message
    assert problem.message in await logged(connection)
    assert [one.message for one in await connection.fleet.problems() if not one.subscription_id] == [problem.message]
    again = await read_fleet(connection.work)
    assert not again.nothing
    assert not [one for one in again.problems if not one.subscription_id]
    assert await connection.fleet.machine_count()


async def test_an_interrupt_of_the_keyboard_is_for_the_console_to_decide(simulator: Simulator, home: Home, large: None) -> None:
    asked: list[int] = []

    def interrupt(wait: Wait) -> None:
        asked.append(reader(os.getpid()))
        os.kill(asked[0], signal.SIGINT)

    simulator.faults.add("429=0.01:1:/permissions:1")
    connection = await home("home", interrupt)
    report = await read_fleet(connection.work)
    assert asked
    assert not report.nothing


class TestConsoleKilled:
    @pytest.fixture
    async def simulator(self) -> AsyncIterator[Simulator]:
        async with Simulator(machines=60, subscriptions=apart.MANY_SUBSCRIPTIONS + 20, speed=0, start=START) as running:
            yield running

    async def test_the_process_ends_with_the_console_and_nothing_of_the_token_is_left_anywhere(
        self, simulator: Simulator, tmp_path: Path, home: Home
    ) -> None:
        token = simulator.token()
        simulator.faults.add("429=60:1:ResourceGraph:1")
        command = [sys.executable, "-m", "console", "--home", str(tmp_path / "home"), "--cloud", str(simulator.cloud_file), "sync"]
        pipe = asyncio.subprocess.PIPE
        environ = {**os.environ, "MDE_CONSOLE_TOKEN": token, "AZURE_CLIENT_SECRET": "a-secret"}
        console = await asyncio.create_subprocess_exec(*command, "--auth", "token", stderr=pipe, stdout=pipe, env=environ)
        assert console.stderr is not None
        async for line in console.stderr:
            if b"Waiting 60 s" in line:
                break
        pid = reader(console.pid)
        secrets = token.encode(), b"a-secret"
        assert not [one for one in started_with(pid) for secret in secrets if secret in one]
        console.kill()
        await until(lambda: not any(started_with(pid)))
        files = [one for one in (tmp_path / "home").rglob("*") if one.is_file()]
        assert [one for one in files if one.name == "fleet.db"]
        assert not [one for one in files for secret in secrets if secret in one.read_bytes()]
        (database,) = [one for one in files if one.name == "fleet.db"]
        with contextlib.closing(sqlite3.connect(database)) as direct:
            assert direct.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert direct.execute("SELECT count(*) FROM subscriptions").fetchone()[0] >= apart.MANY_SUBSCRIPTIONS
        connection = await home("home")
        assert connection.fleet.quarantined is None
        assert not (await read_fleet(connection.work)).nothing
        assert await connection.fleet.machine_count() > 50


# What comes through the pipe is not trusted


def saying(frames: str) -> tuple[str, ...]:
    """A process that says that it is ready and then these bytes (an expression)."""
    code = (
        "import os, sys\nfrom cache.model import *\nfrom console.workers.frames import *\nfrom console.workers.sync import SyncReport\n"
        f"os.write(1, frame(Ready()) + {frames})\nsys.stdin.buffer.read()"
    )
    return (sys.executable, "-c", code)


@pytest.mark.parametrize(
    "frames",
    [
        "b'hello, this is no frame at all'",
        "(2 ** 31).to_bytes(4, 'big')",
        "(5).to_bytes(4, 'big') + b'\\xc1\\xc1\\xc1\\xc1\\xc1'",
        "(4000).to_bytes(4, 'big') + b'\\x91' * 4000",
        "(12).to_bytes(4, 'big') + msgspec.msgpack.encode({'type': 'Ended'})",
        "frame(Token(1, 'x', 1))",
        "frame(Changed('machines', ()))",
    ],
)
async def test_a_frame_that_is_none_ends_the_reading_with_a_sentence(home: Home, large: None, frames: str) -> None:
    connection = await home("home")
    others = children(os.getpid())  # what other tests keep running in this process, such as the fork server of multiprocessing
    report = await read_fleet(connection.work, command=saying(frames))
    assert report.nothing
    (problem,) = [one for one in report.problems if not one.subscription_id]
    assert "what cannot be understood" in problem.message
    assert connection.work.activity.tasks() == ()
    assert set(children(os.getpid())) <= set(others)


async def test_a_failure_of_the_files_keeps_its_kind(home: Home, large: None) -> None:
    connection = await home("home")
    with pytest.raises(DiskFull, match="no room") as failure:
        await read_fleet(connection.work, command=saying("frame(Failed('DiskFull', 'There is no room.'))"))
    assert failure.value.exit_code == 6


@pytest.mark.parametrize("kind", ["", "Path", "annotations", "from_sqlite", "nonsense"])
async def test_a_failure_that_nobody_foresaw_is_a_sentence_and_its_details_are_in_the_log(
    home: Home, large: None, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await home("home")
    says = f"(print('Traceback: what happened', file=sys.stderr, flush=True) or frame(Failed({kind!r}, 'LookupError')))"
    report = await read_fleet(connection.work, command=saying(says))
    (problem,) = [one for one in report.problems if not one.subscription_id]
    assert "something unknown, LookupError" in problem.message
    assert "Traceback: what happened" in caplog.text


async def test_the_process_apart_needs_neither_textual_nor_numpy() -> None:
    unwanted = "{'textual', 'numpy', 'duckdb', 'azure.mgmt.compute'}"
    code = f"import sys, console.workers.reader; sys.exit(' '.join({unwanted} & sys.modules.keys()) or 0)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert COMMAND[-1] == "console.workers.reader"

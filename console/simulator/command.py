"""The command line of the simulator: options, one line when it is ready, and a clean end."""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from console.simulator.clock import Clock, iso, parse_iso

if TYPE_CHECKING:
    from console.simulator.simulator import Simulator

_NEEDED = ("cryptography", "duckdb", "duckdb_kql")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, on whichever parser hosts them."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default)")
    parser.add_argument("--out", metavar="DIR", help="where to write ca.pem and cloud.toml (default: a folder removed at the end)")
    parser.add_argument("--machines", type=_count, default=110, help="how many machines (default %(default)s)")
    parser.add_argument("--subscriptions", type=_count, default=12, help="how many subscriptions (default %(default)s)")
    parser.add_argument("--alerts", type=_count, help="how many alerts there are when it begins (default: what its machines raised)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same world (default %(default)s)")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, help="how many times faster than the wall its clock runs; 0 stands (default 1)"
    )
    parser.add_argument("--start", metavar="ISO", type=_instant, help="when its time begins (default: now)")
    parser.add_argument("--approve-after", metavar="SECONDS", type=_speed, help="approve device codes by itself after so long")
    parser.add_argument("--page-size", type=_page, default=100, help="items on a page of a list (default %(default)s)")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SPEC",
        help="trouble: kind[=value][:probability][:path-regex][:times]; may be repeated",
    )
    parser.add_argument(
        "--enforce-quota", action="store_true", help="refuse requests past Azure's limits, rather than only tell what is left"
    )
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input does")
    parser.add_argument("--json", action="store_true", help="say it is ready in JSON")


def run(args: argparse.Namespace) -> int:
    """Run until interrupted; the exit code."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"The simulator needs {', '.join(missing)}, which the optional dependencies named 'simulator' install.", file=sys.stderr)
        return 1
    from console.simulator.faults import parse_fault

    try:
        for spec in args.fault:
            parse_fault(spec)
    except ValueError as error:
        print(f"--fault: {error}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_serve(args))
    except OSError as error:
        print(f"The simulator cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


async def _serve(args: argparse.Namespace) -> int:
    from console.simulator.simulator import Simulator
    from console.simulator.world import LARGE

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    simulator = Simulator(
        machines=args.machines,
        subscriptions=args.subscriptions,
        alerts=args.alerts,
        seed=args.seed,
        clock=Clock(args.start, args.speed),
        approve_after=args.approve_after,
        page_size=args.page_size,
        faults=args.fault,
        enforce_quota=args.enforce_quota,
        host=args.host,
        port=args.port,
        out=args.out,
    )
    async with simulator as sim:
        if args.machines >= LARGE or (args.alerts or 0) >= LARGE:
            await sim.build()
            gc.freeze()  # a million objects that stay need not be looked at again and again
        if args.exit_with_stdin:
            _stop_at_end_of_input(loop, stop)
        try:
            print(json.dumps(ready(sim)) if args.json else _sentences(sim, args), flush=True)
        except BrokenPipeError:
            return 0
        await stop.wait()
    return 0


def ready(sim: Simulator) -> dict[str, object]:
    """What a program that started the simulator needs to know."""
    return {
        "url": sim.url,
        "cloud_file": str(sim.cloud_file),
        "ca_file": str(sim.ca_file),
        "tenant_id": sim.tenant_id,
        "start": iso(sim.clock.start),
        "wall_start": sim.clock.wall_start,
        "speed": sim.clock.speed,
        "pid": os.getpid(),
    }


def _sentences(sim: Simulator, args: argparse.Namespace) -> str:
    approval = (
        f"Device codes are approved after {args.approve_after:g} s."
        if args.approve_after is not None
        else f"Approve device codes at {sim.url}/devicelogin."
    )
    return (
        f"A simulated Azure with {args.machines} machines listens on {sim.url}. Its cloud file is {sim.cloud_file}; try: "
        f"mde-console --cloud {sim.cloud_file} --auth device-code. {approval} Ctrl-C ends it."
    )


def _stop_at_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends, so that a child does not outlive its parent."""

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    try:
        loop.add_reader(sys.stdin.fileno(), readable)
    except (OSError, ValueError):  # a regular file or nothing at all: it ends at once
        stop.set()


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _page(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 5000:
        raise argparse.ArgumentTypeError("must be between 1 and 5000")
    return number


def _speed(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError("must be between 0 and a million")
    return number


def _instant(text: str) -> float:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not an ISO 8601 time") from error

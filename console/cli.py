"""What the command line runs: the console, a verb or the demo. Imports what a verb needs when it runs, so that the console starts fast."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any

from cache.failure import Exit, Failure
from console.options import parse, version

if TYPE_CHECKING:
    from cache.model import Extras
    from console.first_paint import FirstPaint
    from console.session import Setup


def run(arguments: Sequence[str]) -> int:
    """Run the command line. Every failure ends in a sentence on standard error and an exit code that tells it apart."""
    options = parse(arguments)
    try:
        return _run(options)
    except KeyboardInterrupt:
        print("Interrupted. What was read is kept.", file=sys.stderr)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Failure as failure:
        print(f"mde-console: {failure}", file=sys.stderr)
        return failure.exit_code
    except Exception as error:  # nothing may show a traceback; what it was stands in the log
        logging.getLogger("console").exception("unexpected")
        print(f"mde-console met something it does not know: {type(error).__name__}. The details are in the log file.", file=sys.stderr)
        return Exit.FAILED


def _run(options: argparse.Namespace) -> int:
    if options.verb == "simulator":
        from console.simulator.command import run as run_simulator

        return run_simulator(options)
    if options.demo:
        if options.verb:
            print("mde-console: --demo opens the console and takes no verb. See mde-console --help.", file=sys.stderr)
            return Exit.USAGE
        return _demo(options)
    setup = _set_up(options)
    if options.verb is None:
        if not _terminal():
            print(
                "mde-console: the console needs a terminal. In scripts use a verb, such as “mde-console machines --json”; "
                "“mde-console --help” lists them.",
                file=sys.stderr,
            )
            return Exit.USAGE
        return _console(setup)
    for sentence in setup.own_mistakes:
        print(f"mde-console: {sentence}", file=sys.stderr)
    return _wait_for(_verb(setup, options))


def _verb(setup: Setup, options: argparse.Namespace) -> Coroutine[Any, Any, int]:
    from cache.model import PlanAction
    from console import verbs

    action = PlanAction.DISABLE if getattr(options, "disable", False) else PlanAction.ENABLE
    match options.verb:
        case "sync":
            return verbs.sync(setup, options.json)
        case "checklist":
            from console.checklists import checklist, tick

            if options.tick or options.untick:
                return tick(setup, options.json, options.check, done=options.tick)
            return checklist(setup, options.json, options.refresh, options.out, options.force, options.check)
        case "subscriptions" | "machines" | "alerts":
            from console.listings import LISTINGS, print_listing

            return print_listing(setup, LISTINGS[options.verb], options.json, options.refresh)
        case "audit":
            return verbs.audit_verify(setup, options.json, options.head) if options.what else verbs.audit(setup, options.json)
        case "report":
            from console.reports import report, report_discount

            write = report_discount if options.kind else report
            return write(setup, options.json, options.out, options.force, options.refresh)
        case "plan":
            return verbs.plan(setup, options.json, action, options.out, _extras(options))
        case "enable":
            from console.enabling import Asked, enable

            canary = tuple(one.strip() for one in (options.canary or "").split(",") if one.strip())
            asked = Asked(action, options.plan or "", options.yes, options.resume, canary, options.canary_minutes, _extras(options))
            return enable(setup, options.json, asked)
        case "retry":
            from console.retrying import retry

            return retry(setup, options.json, options.machine, options.yes)
        case "test-alert":
            from console.proving import offer, prove

            if not options.machine:
                return offer(setup, options.json)
            return prove(setup, options.json, options.machine, options.wait, options.resolve, options.run, options.yes)
        case "verify":
            from console.verifying import verify_machines, verify_pasted

            if options.paste:
                return verify_pasted(setup, options.json, options.machine[0], options.paste, options.check)
            return verify_machines(setup, options.json, options.machine, options.yes, options.check)
        case "doctor":
            from console.doctor.verb import doctor

            return doctor(setup, options.json)
        case _:
            return verbs.info(setup, options.json, version())


def _extras(options: argparse.Namespace) -> Extras:
    from cache.model import Extras

    return Extras(options.servers_plan or "", options.allow_downgrade, options.register_provider, options.unified)


def _set_up(options: argparse.Namespace, cloud: str | None = None, home: str | None = None) -> Setup:
    from console.session import set_up

    setup = set_up(
        screen=options.screen or "",
        home=home or options.home,
        cloud=cloud or options.cloud,
        method=options.auth,
        tenant=options.tenant,
        only=tuple(options.subscription or ()),
        read_only=bool(options.read_only),
        slow_line=bool(options.slow_line),
        environ=os.environ,
    )
    _log_to(setup)
    return setup


def _log_to(setup: Setup) -> None:
    """Warnings of the SDKs and unexpected errors go to a private file: standard error belongs to the screen."""
    from console.paths import make_folder

    make_folder(setup.paths.log.parent)
    previous = os.umask(0o077)
    try:
        handler = RotatingFileHandler(setup.paths.log, maxBytes=1_000_000, backupCount=2, encoding="utf-8", delay=True)
    finally:
        os.umask(previous)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _terminal() -> bool:
    """Whether there is a terminal to read from and to draw on; Textual draws through standard error."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _console(setup: Setup) -> int:
    from console.first_paint import first_paint

    with first_paint(setup) as first:
        return _wait_for(_open(setup, first))


def _open(setup: Setup, first: FirstPaint | None = None) -> Coroutine[Any, Any, int]:
    """The console. What Textual reads when it is imported is set before."""
    if setup.slow_line:
        from screens.line import prepare

        prepare(os.environ)
    from console.app import run_console

    return run_console(setup, first)


def _demo(options: argparse.Namespace) -> int:
    return _wait_for(_demo_coroutine(options))


async def _demo_coroutine(options: argparse.Namespace) -> int:
    from tempfile import TemporaryDirectory

    from console.demo import running
    from console.session import for_demo

    if options.cloud:
        print("mde-console: --demo brings its own cloud; leave --cloud out.", file=sys.stderr)
        return Exit.USAGE
    seen = _terminal()
    print("Starting a simulated Azure on this machine…", file=sys.stderr, flush=True)
    speed = "288" if seen else "1440"
    with TemporaryDirectory(prefix="mde-console-demo-") as folder:
        async with running(["--speed", speed, "--approve-after", "6" if seen else "2"]) as demo:
            options.auth = options.auth or "device-code"
            setup = for_demo(_set_up(options, cloud=str(demo.cloud_file), home=options.home or folder), demo.clock)
            if seen:
                return await _open(setup)
            from console.walk import walk

            return await walk(setup)


def _wait_for(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end; SIGTERM and SIGHUP (an SSH session that drops) end it as tidily as Ctrl-C."""

    async def guarded() -> int:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            if task.cancelled():
                raise KeyboardInterrupt from None
            raise

    return asyncio.run(guarded())

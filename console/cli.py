"""The command line: options, verbs, exit codes. Imports what a verb needs when it runs, so that the console starts fast."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from importlib import metadata
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, NoReturn

from cache.failure import Exit, Failure
from console.settings import METHODS

if TYPE_CHECKING:
    from console.session import Setup


VERBS: dict[str, str] = {
    "sync": "refresh the cache once (exit 0 all, 3 partly, 1 nothing)",
    "subscriptions": "print the subscriptions",
    "checklist": "print which prerequisites hold, and what to do about the rest",
    "machines": "print the machines with their states and reasons",
    "alerts": "print the alerts, newest first",
    "audit": "print every change that was made from here, and verify the trail",
    "plan": "print what enabling would change (exit 0 nothing to do, 2 changes, 1 error)",
    "enable": "apply a plan: --plan FILE exactly that one, or --yes one made now",
    "info": "print every path, version and setting in force",
    "simulator": "run an Azure in a box by itself",
}

EPILOG = """Without a verb the console opens. Exit codes: 0 done, 1 failed, 2 changes (plan), 3 partly, 4 sign-in failed,
5 wrong configuration, 6 cache or journal unusable, 7 refused, 64 wrong use, 130 interrupted."""


class Parser(argparse.ArgumentParser):
    """Mistakes on the command line exit with 64, since 2 means *changes*."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is."""
        self.exit(Exit.USAGE, f"{self.prog}: {message}. See {self.prog} --help.\n")


def version() -> str:
    """The installed version."""
    return metadata.version("mde-console")


SCREENS = ("overview", "subscriptions", "checklist", "enable", "machines", "alerts", "log")
"""The main screens, by their names in the app."""


def _common(absent: object) -> Parser:
    """The options that stand before or after a verb. ``absent`` is the default of those not given."""
    parser = Parser(add_help=False, argument_default=absent)
    parser.add_argument("--cloud", metavar="NAME|FILE", help="public (the default), usgovernment, china, a name in clouds/, or a TOML file")
    parser.add_argument("--tenant", metavar="ID", help="the tenant to sign in to")
    parser.add_argument("--auth", choices=METHODS, help="how to sign in; auto tries what a jump box has; token reads MDE_CONSOLE_TOKEN")
    parser.add_argument("--subscription", metavar="ID", action="append", help="look at this subscription only; repeatable")
    parser.add_argument("--home", metavar="DIR", help="where settings, cache and journal live (or MDE_CONSOLE_HOME)")
    parser.add_argument("--read-only", action="store_true", help="never change anything in Azure")
    parser.add_argument("--screen", choices=SCREENS, help="the screen to begin with, once there is something to show")
    return parser


def build_parser(simulator: bool = False) -> argparse.ArgumentParser:
    """The parser; the simulator's own options are added only when they are needed."""
    parser = Parser(
        prog="mde-console", parents=[_common(None)], epilog=EPILOG, description=str(metadata.metadata("mde-console")["Summary"])
    )
    parser.add_argument("--version", action="version", version=f"mde-console {version()}")
    parser.add_argument("--demo", action="store_true", help="open the console on a simulated Azure; without a terminal, walk the main job")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    common = _common(argparse.SUPPRESS)
    for verb, text in VERBS.items():
        if verb == "simulator":
            one = verbs.add_parser(verb, help=text, description=text)
            if simulator:
                from console.simulator.command import add_arguments

                add_arguments(one)
            continue
        one = verbs.add_parser(verb, parents=[common], help=text, description=text)
        one.add_argument("--json", action="store_true", help="print the documented JSON")
        if verb in {"subscriptions", "checklist", "machines", "alerts"}:
            one.add_argument("--refresh", action="store_true", help="read Azure first")
        if verb in {"plan", "enable"}:
            one.add_argument("--disable", action="store_true", help="the opposite: switch the integration off, for Windows and Linux")
        if verb == "plan":
            one.add_argument("--out", metavar="FILE", help="keep the plan in a file for enable --plan")
        if verb == "enable":
            choice = one.add_mutually_exclusive_group(required=True)
            choice.add_argument("--plan", metavar="FILE", help="apply exactly the plan in this file")
            choice.add_argument("--yes", action="store_true", help="make a plan now and apply it")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the command line. Every failure ends in a sentence on standard error and an exit code that tells it apart."""
    options = build_parser("simulator" in arguments).parse_args(arguments)
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
    return _wait_for(_verb(setup, options))


def _verb(setup: Setup, options: argparse.Namespace) -> Coroutine[Any, Any, int]:
    from cache.model import PlanAction
    from console import verbs

    action = PlanAction.DISABLE if getattr(options, "disable", False) else PlanAction.ENABLE
    match options.verb:
        case "sync":
            return verbs.sync(setup, options.json)
        case "subscriptions":
            return verbs.subscriptions(setup, options.json, options.refresh)
        case "checklist":
            return verbs.checklist(setup, options.json, options.refresh)
        case "machines":
            return verbs.machines(setup, options.json, options.refresh)
        case "alerts":
            return verbs.alerts(setup, options.json, options.refresh)
        case "audit":
            return verbs.audit(setup, options.json)
        case "plan":
            return verbs.plan(setup, options.json, action, options.out)
        case "enable":
            return verbs.enable(setup, options.json, action, options.plan)
        case _:
            return verbs.info(setup, options.json, version())


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
    from console.app import run_console

    return _wait_for(run_console(setup))


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
                from console.app import run_console

                return await run_console(setup)
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

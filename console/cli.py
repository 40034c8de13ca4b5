"""The command line: options, verbs, exit codes. Imports what a verb needs when it runs, so that the console starts fast."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, NoReturn

from cache.failure import Exit, Failure
from console.settings import METHODS

if TYPE_CHECKING:
    from cache.model import Extras
    from console.first_paint import FirstPaint
    from console.session import Setup


VERBS: dict[str, str] = {
    "sync": "refresh the cache once (exit 0 all, 3 partly, 1 nothing)",
    "subscriptions": "print the subscriptions",
    "checklist": "print which prerequisites hold, and what to do about the rest",
    "machines": "print the machines with their states and reasons",
    "alerts": "print the alerts, newest first",
    "audit": "print every change that was made from here, and verify the trail (audit verify: only that)",
    "report": "print what is proven of each subscription: enabled, onboarded, healthy, alert seen (exit 0 all, 3 some, 1 none); "
    "report discount: the numbers that a request for a discount needs",
    "plan": "print what enabling would change (exit 0 nothing to do, 2 changes, 1 error)",
    "enable": "apply a plan: --plan FILE exactly that one, --resume what is left of one, or --yes one made now",
    "test-alert": "print the steps of a machine's detection test; --run runs it there, --wait waits for its alert (exit 9: none came)",
    "retry": "say what trying a machine's failed Defender extension again does (exit 2); --yes does it (exit 7: it makes no sense there)",
    "verify": "ask machines whether Defender works on them: print the plan (exit 2), --yes runs it, --paste FILE takes output run by hand",
    "doctor": "look at terminal, files, clock, network, sign-in and rights, and say what to do (exit 0 all well, 3 warnings, 1 failures)",
    "info": "print every path, version and setting in force",
    "simulator": "run an Azure in a box by itself",
}

DESCRIPTION = (
    "A terminal console to enable Microsoft Defender for Endpoint across Azure subscriptions, watch machines come aboard and triage alerts"
)

EPILOG = """Without a verb the console opens. Exit codes: 0 done, 1 failed, 2 changes (plan), 3 partly, 4 sign-in failed,
5 wrong configuration, 6 cache or journal unusable, 7 refused, 8 stopped after the canary,
9 no test alert came, 20 to 26 a plan file that cannot be used,
64 wrong use, 130 interrupted."""


class Parser(argparse.ArgumentParser):
    """Mistakes on the command line exit with 64, since 2 means *changes*."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is."""
        self.exit(Exit.USAGE, f"{self.prog}: {message}. See {self.prog} --help.\n")


def version() -> str:
    """The installed version."""
    from importlib import metadata

    return metadata.version("mde-console")


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(f"mde-console {version()}")
        parser.exit()


SCREENS = ("overview", "subscriptions", "checklist", "enable", "machines", "alerts", "onboarding", "report", "verify", "audit", "log")
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
    parser.add_argument("--slow-line", action="store_true", help="send the terminal few bytes; found out by itself where this is not given")
    parser.add_argument("--screen", choices=SCREENS, help="the screen to begin with, once there is something to show")
    return parser


def build_parser(simulator: bool = False) -> argparse.ArgumentParser:
    """The parser; the simulator's own options are added only when they are needed."""
    parser = Parser(prog="mde-console", parents=[_common(None)], epilog=EPILOG, description=DESCRIPTION)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and leave")
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
        if verb == "checklist":
            one.add_argument(
                "--check", metavar="ID", action="append", default=[], help="only this check; with --refresh only what it rests on"
            )
            one.add_argument("--out", metavar="FILE", help="write it to a file: Markdown for .md, JSON for .json")
            one.add_argument("--force", action="store_true", help="replace that file if it is there already")
        if verb == "report":
            one.add_argument(
                "kind", nargs="?", choices=("discount",), help="discount: machines with Defender by Log Analytics workspace and region"
            )
            one.add_argument("--out", metavar="FILE", help="write it to a file: Markdown for .md, JSON for .json")
            one.add_argument("--force", action="store_true", help="replace that file if it is there already")
        if verb in {"subscriptions", "checklist", "machines", "alerts", "report"}:
            one.add_argument("--refresh", action="store_true", help="read Azure first")
        if verb in {"plan", "enable"}:
            one.add_argument("--disable", action="store_true", help="the opposite: switch the integration off, for Windows and Linux")
            one.add_argument("--servers-plan", choices=("P1", "P2"), help="also switch Defender for Servers on, which is billed by machine")
            one.add_argument("--allow-downgrade", action="store_true", help="with --servers-plan P1: also where P2 is on")
            one.add_argument("--register-provider", action="store_true", help="also register Microsoft.Security where it is not")
            one.add_argument("--unified", action="store_true", help="also switch on the unified solution (Windows Server 2012 R2 and 2016)")
        if verb == "plan":
            one.add_argument("--out", metavar="FILE", help="keep the plan in a file: JSON for enable --plan, Markdown for .md")
        if verb == "enable":
            one.add_argument("--plan", metavar="FILE", help="apply exactly the plan in this file")
            one.add_argument("--yes", action="store_true", help="make a plan now and apply it; with --canary: go on without stopping")
            one.add_argument("--resume", action="store_true", help="finish a plan that was begun: send only what is still missing")
            one.add_argument("--canary", metavar="ID[,…]", help="subscriptions of the plan that come first; then it stops (exit 8)")
            one.add_argument(
                "--canary-minutes",
                metavar="N",
                type=_minutes,
                help="wait so long for the canary's machines (default: canary_minutes of the settings, 60)",
            )
        if verb == "retry":
            one.add_argument("--machine", metavar="ID", required=True, help="the resource id of the machine, or its name")
            one.add_argument("--yes", action="store_true", help="delete the failed extension, so that Azure provisions it again")
        if verb == "test-alert":
            one.add_argument(
                "--machine", metavar="ID", default="", help="the resource id of the machine, or its name; without it some are offered"
            )
            one.add_argument("--wait", metavar="MINUTES", type=_minutes, help="then wait so long for the alert")
            one.add_argument("--run", action="store_true", help="print the script that would run the test there (exit 2); --yes sends it")
            one.add_argument("--yes", action="store_true", help="with --run: send the script, then wait if --wait says so")
            one.add_argument("--resolve", action="store_true", help="with --wait: resolve the alert when it has come")
        if verb == "verify":
            one.add_argument("--machine", metavar="ID", action="append", default=[], help="verify this machine only; repeatable")
            one.add_argument(
                "--check",
                choices=("health", "connectivity", "system"),
                default="health",
                help="health: does Defender work; connectivity: are its addresses reached; system: what do those lack that are not aboard",
            )
            one.add_argument("--yes", action="store_true", help="run the script that the plan shows")
            one.add_argument("--paste", metavar="FILE", help="judge output of the script, or of mdatp, run by hand on --machine ID")
        if verb == "audit":
            one.add_argument("what", nargs="?", choices=("verify",), help="only say whether the trail is as it was written")
            one.add_argument("--head", metavar="N:HASH", default="", help="with verify: an entry that must be in the trail")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the command line. Every failure ends in a sentence on standard error and an exit code that tells it apart."""
    parser = build_parser("simulator" in arguments)
    options = parser.parse_args(arguments)
    if options.verb in {"plan", "enable"} and (wrong := _wrong_extras(options)):
        parser.error(wrong)
    if options.verb == "enable" and (wrong := _wrong_use(options)):
        parser.error(wrong)
    if options.verb == "test-alert" and options.resolve and options.wait is None:
        parser.error("--resolve belongs to --wait MINUTES: only an alert that has come can be resolved")
    if options.verb == "test-alert" and not options.machine and (options.run or options.wait is not None):
        parser.error("--run and --wait take a --machine ID: mde-console test-alert offers one of each system")
    if options.verb == "test-alert" and options.yes and not options.run:
        parser.error("--yes belongs to --run: by hand nothing is sent")
    if options.verb == "verify" and options.paste and (options.yes or len(options.machine) != 1):
        parser.error("--paste FILE takes one --machine ID, on which the output was made, and no --yes")
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


def _wrong_extras(options: argparse.Namespace) -> str:
    """What of the changes besides does not go together; empty if all does."""
    asked = [name for name in ("servers_plan", "allow_downgrade", "register_provider", "unified") if getattr(options, name)]
    first = f"--{asked[0].replace('_', '-')}" if asked else ""
    if asked and options.disable:
        return f"{first} belongs to enabling, not to --disable"
    if asked and options.verb == "enable" and not (options.yes and not options.plan and not options.resume):
        return f"{first} belongs to a plan made now (--yes): what a plan in a file does stands in it"
    if options.allow_downgrade and options.servers_plan != "P1":
        return "--allow-downgrade belongs to --servers-plan P1"
    return ""


def _wrong_use(options: argparse.Namespace) -> str:
    """What of ``enable`` does not go together; empty if all does."""
    if not (options.plan or options.yes or options.resume):
        return "enable takes --plan FILE, --resume or --yes"
    if options.canary is not None and not options.plan:
        return "--canary takes --plan FILE, which names what comes after it"
    if options.yes and options.plan and options.canary is None and not options.resume:
        return "--plan FILE applies that plan, --yes one made now: take one of them, or add --canary"
    if options.disable and (options.plan or options.resume):
        return "--disable belongs to a plan made now: whether it enables or disables stands in the plan"
    return ""


def _minutes(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 24 * 60:
        raise argparse.ArgumentTypeError("must be between 0 and 1440")
    return number


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
            from console.checklists import checklist

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

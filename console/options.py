"""The command line: its verbs and options, and which go together. What they do is another's."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from cache.failure import Exit
from console.settings import METHODS

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


def _minutes(text: str) -> float:
    """Minutes, a day at most."""
    number = float(text)
    if not 0 <= number <= 24 * 60:
        raise argparse.ArgumentTypeError("must be between 0 and 1440")
    return number


def _none(one: Parser) -> None:
    """A verb that takes nothing of its own."""


def _file(one: Parser) -> None:
    one.add_argument("--out", metavar="FILE", help="write it to a file: Markdown for .md, JSON for .json")
    one.add_argument("--force", action="store_true", help="replace that file if it is there already")


def _refresh(one: Parser) -> None:
    one.add_argument("--refresh", action="store_true", help="read Azure first")


def _checklist(one: Parser) -> None:
    one.add_argument("--check", metavar="ID", action="append", default=[], help="only this check; with --refresh only what it rests on")
    ticking = one.add_mutually_exclusive_group()
    ticking.add_argument("--tick", action="store_true", help="with --check and --subscription: confirm that this manual step is done")
    ticking.add_argument("--untick", action="store_true", help="the same: take the confirmation back")
    _file(one)
    _refresh(one)


def _report(one: Parser) -> None:
    one.add_argument("kind", nargs="?", choices=("discount",), help="discount: machines with Defender by workspace and region")
    _file(one)
    _refresh(one)


def _change(one: Parser) -> None:
    """What a plan that is made now is to do."""
    one.add_argument("--disable", action="store_true", help="the opposite: switch the integration off, for Windows and Linux")
    one.add_argument("--servers-plan", choices=("P1", "P2"), help="also switch Defender for Servers on, which is billed by machine")
    one.add_argument("--allow-downgrade", action="store_true", help="with --servers-plan P1: also where P2 is on")
    one.add_argument("--register-provider", action="store_true", help="also register Microsoft.Security where it is not")
    one.add_argument("--unified", action="store_true", help="also switch on the unified solution (Windows Server 2012 R2 and 2016)")


def _plan(one: Parser) -> None:
    _change(one)
    one.add_argument("--out", metavar="FILE", help="keep the plan in a file: JSON for enable --plan, Markdown for .md")


def _enable(one: Parser) -> None:
    _change(one)
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


def _retry(one: Parser) -> None:
    one.add_argument("--machine", metavar="ID", required=True, help="the resource id of the machine, or its name")
    one.add_argument("--yes", action="store_true", help="delete the failed extension, so that Azure provisions it again")


def _test_alert(one: Parser) -> None:
    one.add_argument("--machine", metavar="ID", default="", help="the resource id of the machine, or its name; without it some are offered")
    one.add_argument("--wait", metavar="MINUTES", type=_minutes, help="then wait so long for the alert")
    one.add_argument("--run", action="store_true", help="print the script that would run the test there (exit 2); --yes sends it")
    one.add_argument("--yes", action="store_true", help="with --run: send the script, then wait if --wait says so")
    one.add_argument("--resolve", action="store_true", help="with --wait: resolve the alert when it has come")


def _verify(one: Parser) -> None:
    one.add_argument("--machine", metavar="ID", action="append", default=[], help="verify this machine only; repeatable")
    one.add_argument(
        "--check",
        choices=("health", "connectivity", "system"),
        default="health",
        help="health: does Defender work; connectivity: are its addresses reached; system: what do those lack that are not aboard",
    )
    one.add_argument("--yes", action="store_true", help="run the script that the plan shows")
    one.add_argument("--paste", metavar="FILE", help="judge output of the script, or of mdatp, run by hand on --machine ID")


def _audit(one: Parser) -> None:
    one.add_argument("what", nargs="?", choices=("verify",), help="only say whether the trail is as it was written")
    one.add_argument("--head", metavar="N:HASH", default="", help="with verify: an entry that must be in the trail")


_OPTIONS: dict[str, Callable[[Parser], None]] = {
    "checklist": _checklist,
    "subscriptions": _refresh,
    "machines": _refresh,
    "alerts": _refresh,
    "report": _report,
    "plan": _plan,
    "enable": _enable,
    "retry": _retry,
    "test-alert": _test_alert,
    "verify": _verify,
    "audit": _audit,
}
"""What a verb takes besides the options that all take."""


def build_parser(simulator: bool = False) -> Parser:
    """The parser; the simulator's own options are added only when they are needed."""
    parser = Parser(prog="mde-console", parents=[_common(None)], epilog=EPILOG, description=DESCRIPTION)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and leave")
    parser.add_argument("--demo", action="store_true", help="open the console on a simulated Azure; without a terminal, walk the main job")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    common = _common(argparse.SUPPRESS)
    for verb, text in VERBS.items():
        parents = [] if verb == "simulator" else [common]
        one = verbs.add_parser(verb, parents=parents, help=text, description=text)
        if parents:
            one.add_argument("--json", action="store_true", help="print the documented JSON")
            _OPTIONS.get(verb, _none)(one)
        elif simulator:
            from console.simulator.command import add_arguments

            add_arguments(one)
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options. What is wrong or does not go together ends the process with a sentence and 64."""
    parser = build_parser("simulator" in arguments)
    options = parser.parse_args(arguments)
    for wrong in _WRONG.get(options.verb, ()):
        if sentence := wrong(options):
            parser.error(sentence)
    return options


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


def _wrong_enable(options: argparse.Namespace) -> str:
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


def _wrong_test_alert(options: argparse.Namespace) -> str:
    """What of ``test-alert`` does not go together; empty if all does."""
    if options.resolve and options.wait is None:
        return "--resolve belongs to --wait MINUTES: only an alert that has come can be resolved"
    if not options.machine and (options.run or options.wait is not None):
        return "--run and --wait take a --machine ID: mde-console test-alert offers one of each system"
    if options.yes and not options.run:
        return "--yes belongs to --run: by hand nothing is sent"
    return ""


def _wrong_checklist(options: argparse.Namespace) -> str:
    """What of ``checklist`` does not go together; empty if all does."""
    ticking = "--tick" if options.tick else "--untick" if options.untick else ""
    if ticking and not (options.check and options.subscription):
        return f"{ticking} takes --check ID and --subscription ID: which step is done, and of which subscription"
    if ticking and (options.refresh or options.out):
        return f"{ticking} reads nothing of Azure and writes no file: leave --refresh and --out away"
    return ""


def _wrong_verify(options: argparse.Namespace) -> str:
    """What of ``verify`` does not go together; empty if all does."""
    if options.paste and (options.yes or len(options.machine) != 1):
        return "--paste FILE takes one --machine ID, on which the output was made, and no --yes"
    return ""


_WRONG: dict[str, tuple[Callable[[argparse.Namespace], str], ...]] = {
    "checklist": (_wrong_checklist,),
    "plan": (_wrong_extras,),
    "enable": (_wrong_extras, _wrong_enable),
    "test-alert": (_wrong_test_alert,),
    "verify": (_wrong_verify,),
}

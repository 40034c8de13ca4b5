"""Whether Defender works on machines: the plan with its script, its confirmation, each answer as it comes, and output run by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from cache.activity import Task
from cache.fields import VERIFY_FIELDS
from cache.machine_reports import HEALTH
from cache.model import Source
from cache.verification import AT_WORK, Phase, Standing, VerifyRow
from screens.actions import bindings
from screens.check_choice import CheckChoice
from screens.console_screen import COALESCE, SLOW_COALESCE
from screens.desk import Desk
from screens.detail_screen import DetailScreen
from screens.dialogs import ConfirmDialog
from screens.paste import PasteDialog
from screens.requests import (
    CopyRequested,
    OpenMachine,
    PasteRequested,
    VerifyPlanRequested,
    VerifyRequested,
    VerifyStopRequested,
)
from screens.widgets.columns import Cell, Column
from screens.widgets.document import Block, Document, heading
from screens.words import age, count, moment, span

SHAPES: dict[Standing, tuple[str, str]] = {
    Standing.FAILED: ("✗", "bad"),
    Standing.UNHEALTHY: ("♡", "bad"),
    Standing.BAD: ("✗", "bad"),
    Standing.UNREADABLE: ("?", "warn"),
    Standing.DOUBTFUL: ("◌", "warn"),
    Standing.UNKNOWN: ("?", "warn"),
    Standing.CANNOT: ("■", "warn"),
    Standing.NOT_SENT: ("–", "warn"),
    Standing.UNDER_WAY: ("◐", "busy"),
    Standing.WAITING: ("○", "muted"),
    Standing.TO_RUN: ("→", "accent"),
    Standing.GOOD: ("●", "good"),
    Standing.HEALTHY: ("♥", "good"),
}
"""How a machine can stand, with shape and tone; what somebody must look at comes first."""

_ANSWERED = (Standing.HEALTHY, Standing.UNHEALTHY, Standing.GOOD, Standing.DOUBTFUL, Standing.BAD)

ORDER = {standing: place for place, standing in enumerate(SHAPES)}

WRITTEN = (
    "Running a script is a write in Azure: it stands in the activity log of each machine, and here in the audit trail.",
    "The managed run command “mdeConsoleHealth” that this makes is removed again afterwards; the script changes nothing on the machine.",
)
"""What a run leaves where."""

MANY = 5000
"""Lines that are sorted and shown anew in a fraction of a frame's time; more are shown more seldom."""

STOPPABLE = "x stops: no further script is sent; those that were sent run to their end, and what they say is kept."


class VerifyScreen(DetailScreen[VerifyRow]):
    """The verification that was planned last, a line for each machine. It goes on when the screen is left."""

    NAME = "verify"
    TITLE_TEXT = "Verify"
    SCOPES: ClassVar[tuple[str, ...]] = ("verify", "table")
    TABLES = frozenset(("selection",))
    SOURCES = frozenset((Source.MACHINES,))
    COLUMNS = (
        Column("status", "Status", 12),
        Column("name", "Machine", 16, weight=2, ends=True),
        Column("told", "What it said, or what keeps it", 24, weight=5, rank=1),
        Column("system", "System", 7, rank=3),
        Column("way", "By", 12, weight=1, rank=5),
        Column("subscription", "Subscription", 14, weight=1, rank=4, ends=True),
        Column("age", "Age", 4, rank=2, right=True),
    )
    FIELDS = VERIFY_FIELDS
    SORT_KEYS = ("status", "name", "told", "system", "way", "subscription", "age")
    THEN = ("status", "name")
    EMPTY = "Nothing is planned."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("verify")]

    DEFAULT_CSS = """
    VerifyScreen {
        #head { height: auto; max-height: 50%; overflow-y: auto; scrollbar-size-vertical: 1; }
        #split > #table { height: auto; min-height: 3; max-height: 50%; }
        #detail { height: 1fr; min-height: 3; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._chosen = 0
        self._shown_step = ("", False)
        self._soon: Timer | None = None

    def above(self) -> Iterator[Widget]:
        """What is planned or under way, what a run leaves where, and what can be done next."""
        yield Document(id="head")

    def on_mount(self) -> None:
        """Listen to the verification as well."""
        self._stop_listening.append(self.desk.verification.subscribe(self._moved_on))

    async def rows(self) -> Sequence[VerifyRow]:
        """The machines of the verification."""
        return list(self.desk.verification.rows.values())

    async def load(self) -> None:
        """Show the verification as it stands."""
        self._chosen = len(await self.desk.fleet.selection())
        self._show()

    def _show(self) -> None:
        verification = self.desk.verification
        self._soon = None
        self._all = list(verification.rows.values())
        self.write()
        self.show_rows()
        step = verification.plan_id, verification.phase is Phase.ENDED
        if step != self._shown_step:  # what somebody must look at comes first
            self._shown_step = step
            if self.table.count:
                self.table.move_to(self.identify(self.table.rows[0]))
            self.query_one("#detail").scroll_home(animate=False)

    def _moved_on(self) -> None:
        """The verification moved on; several steps become one reading."""
        self._dirty = True
        if self._soon is None and self.is_mounted and self.is_current:
            many = 1 + len(self.desk.verification.rows) // MANY
            self._soon = self.set_timer((SLOW_COALESCE if self.desk.slow_line else COALESCE) * many, self._show_if_current)

    def _show_if_current(self) -> None:
        self._soon = None
        if self.is_mounted and self.is_current:
            self._dirty = False
            self._show()

    def activity_moved(self) -> None:
        """Planning got on."""
        self.write()

    def clock_moved(self) -> None:
        """Ages move on."""
        super().clock_moved()
        self.write()

    # What is shown

    def identify(self, row: VerifyRow) -> str:
        """The machine's id."""
        return row.machine_id

    def cell(self, row: VerifyRow, key: str) -> Cell:
        """A cell's text and tone."""
        shape, tone = SHAPES[row.standing]
        match key:
            case "status":
                return f"{shape} {row.standing}", tone
            case "name":
                return row.name, ""
            case "told":
                return (row.reason, "") if row.reason else (f"asked by {row.way}" if row.way else "", "muted")
            case "system":
                return row.system or "–", "muted"
            case "way":
                return row.way or "–", "muted"
            case "subscription":
                return row.subscription, ""
            case _:
                return (age(row.at, self.desk.clock.now(), coarse=True) if row.at else ""), "muted"

    def sort_value(self, row: VerifyRow, key: str) -> Any:
        """What needs somebody first; the rest by what the column shows."""
        if key == "status":
            return ORDER[row.standing]
        if key == "age":
            return row.at is None, -(row.at.timestamp() if row.at else 0)
        return super().sort_value(row, key)

    def field_text(self, row: VerifyRow, key: str) -> str:
        """What a field of the filter reads."""
        return str(row.standing) if key == "status" else super().field_text(row, key)

    def field_time(self, row: VerifyRow, key: str) -> datetime | None:
        """When the machine was heard of."""
        return row.at

    def haystack(self, row: VerifyRow) -> str:
        """Everything that a word of the filter is looked for in."""
        return " ".join((*(self.field_text(row, key) for key in ("status", "name", "told", "system", "way", "subscription")), *row.notes))

    def summary(self, shown: Sequence[VerifyRow]) -> str:
        """How many are shown, and how they stand."""
        counts = Counter(one.standing for one in shown)
        told = "  ".join(f"{shape} {counts[standing]:,} {standing}" for standing, (shape, _) in SHAPES.items() if counts[standing])
        return " · ".join(filter(None, (f"{len(shown):,} of {len(self._all):,}", told)))

    def rearrange(self) -> None:
        """Show the lines, or why there is none."""
        self.table.empty = "No line passes the filter: Esc clears it." if self._all else self.EMPTY
        super().rearrange()

    def write(self) -> None:
        """Write what is under way and what can be done next."""
        self.query_one("#head", Document).show(list(self._head()))

    def _head(self) -> Iterator[Block]:
        verification, now = self.desk.verification, self.desk.clock.now()
        counts = verification.counts
        if verification.problem:
            yield Block(f"✗ {verification.problem}", "bad")
        match verification.phase:
            case Phase.NONE:
                scope = f"of the {count(self._chosen, 'chosen subscription')}" if self._chosen else "of all subscriptions"
                yield Block("Does Defender work on the machines? A script that only reads asks them.", bold=True)
                yield Block(f"e plans it for every onboarded machine {scope}.", "accent")
                yield Block("v on a machine's page or on Machines (4) plans it for that one, or for those that are marked.", "accent")
                yield Block("w asks something else: which of Defender's addresses they reach, or what their system lacks.", "accent")
            case Phase.PLANNING:
                task = self._at_work()
                many = f", {task.done:,} of {count(task.total, 'subscription')}" if task is not None and task.total else ""
                yield Block(
                    f"◐ Planning for {verification.asked}: reading rights and machines anew{many}{self._spent(task)}", "busy", bold=True
                )
            case Phase.PLANNED:
                yield from self._planned(counts, now)
            case Phase.RUNNING | Phase.STOPPING:
                left = counts[Standing.WAITING] + counts[Standing.UNDER_WAY]
                done, runs = verification.runs - left, verification.runs
                stopping = verification.phase is Phase.STOPPING
                words = f"Stopping: {count(left, 'script')} still to end" if stopping else f"{done:,} of {count(runs, 'machine')} done"
                yield Block(f"◐ {words}{self._spent(self._at_work())}. It goes on when you leave this screen.", "busy", bold=True)
                yield Block("Nothing more is sent; what was sent is waited for." if stopping else STOPPABLE, "accent")
            case Phase.ENDED:
                told = ", ".join(f"{counts[standing]:,} {standing}" for standing in SHAPES if counts[standing])
                yield Block(f"Verified {verification.asked}: {told}.", bold=True)
                kept = "as the machines' states" if verification.check == HEALTH else "on the machines' pages and in the checklist"
                yield Block(f"Answers are kept {kept}, with their age. E asks these again, or the marked lines; e plans for all.", "accent")

    def _planned(self, counts: Counter[Standing], now: datetime) -> Iterator[Block]:
        verification = self.desk.verification
        runs, left = verification.runs, counts[Standing.CANNOT]
        if not verification.rows:
            yield Block(f"There is no machine among {verification.asked}, so there is nothing to ask.", bold=True)
            return
        cannot = f"; {left:,} cannot, and {'says' if left == 1 else 'say'} why" if left else ""
        yield Block(f"Verify {verification.asked}: the script can run on {count(runs, 'machine')}{cannot}.", bold=True)
        made = verification.created_at or now
        if not runs:
            yield Block("o takes the output of a machine where somebody ran it by hand, c copies what to run there.", "accent")
        elif now - made > self.desk.plan_life:
            yield Block(f"The plan is {age(made, now)} old, too old to be run: E plans for the same machines again.", "warn")
        elif self.desk.session.read_only:
            yield Block("This console is read-only: nothing is run. o takes output that somebody ran by hand.", "warn")
        else:
            yield Block(WRITTEN[0], "muted")
            yield Block("a shows the script whole, asks for a confirmation and runs it. o takes output that was run by hand.", "accent")

    def _spent(self, task: Task | None) -> str:
        if task is None:
            return ""
        return f", {task.note or span((self.desk.clock.now() - task.started).total_seconds(), self.desk.slow_line)}"

    def details(self, row: VerifyRow) -> Sequence[Block]:
        """All about a machine: how it stands, what to do, and the script for its system."""
        return list(self._details(row))

    def _details(self, row: VerifyRow) -> Iterator[Block]:
        shape, tone = SHAPES[row.standing]
        yield Block(f"{row.name} · {row.system or 'system not known'} · {row.subscription}", "accent", bold=True)
        said = f", {moment(row.at)}, {age(row.at, self.desk.clock.now(), coarse=True)} ago" if row.at else ""
        yield Block(f"{shape} {row.standing}{said}{f': {row.reason}' if row.reason else ''}", tone)
        if row.remedy:
            yield Block(f"What to do: {row.remedy}")
        for note in row.notes:
            yield Block(note, label="·", hang=2)
        if row.at is not None and row.standing in (Standing.HEALTHY, Standing.UNHEALTHY) and not row.kept:
            yield Block("Not kept as its state: Azure does not show the machine as onboarded.", "warn")
        if row.way:
            yield Block(f"Asked by {row.way}, with the right to {row.right}.", "muted")
        if row.standing not in _ANSWERED and row.standing not in (Standing.UNDER_WAY, Standing.WAITING):
            yield from self._by_hand(row)
        script = self.desk.verification.scripts.get(row.system)
        if script:
            yield from heading(f"The script for {row.system}, whole")
            yield from (Block(line, indent=2) for line in script.splitlines())

    def _by_hand(self, row: VerifyRow) -> Iterator[Block]:
        command = row.by_hand
        if not command and row.system not in self.desk.verification.scripts:
            return
        taken = f"run “{command}”" if command else "run the script below"
        yield Block(f"By hand: {taken} on the machine (c copies it), then o takes what it printed.", "accent")

    # What is asked for

    def action_plan(self) -> None:
        """Plan for every onboarded machine."""
        if not self.desk.session.signed_in:
            self._say("Not signed in yet, and a plan needs fresh reads. Wait, or press ctrl+l.")
        else:
            self.post_message(VerifyPlanRequested())

    def action_plan_again(self) -> None:
        """Plan for the marked lines, or again for the machines of the last plan."""
        verification, marks = self.desk.verification, self.table.marks
        ids = tuple(row.machine_id for row in verification.rows.values() if not marks or row.machine_id in marks)
        if not ids:
            self._say("There is no plan to be made again: e plans for every onboarded machine.")
        elif not self.desk.session.signed_in:
            self._say("Not signed in yet, and a plan needs fresh reads. Wait, or press ctrl+l.")
        else:
            self.table.set_marks(frozenset())
            self.post_message(VerifyPlanRequested(ids, verification.check))

    def action_plan_check(self) -> None:
        """Choose what is asked, and plan that for every machine that it is about."""
        if not self.desk.session.signed_in:
            self._say("Not signed in yet, and a plan needs fresh reads. Wait, or press ctrl+l.")
            return

        def chosen(check: str | None) -> None:
            if check is not None:
                self.post_message(VerifyPlanRequested((), check))

        self.app.push_screen(CheckChoice("the machines that it is about", self.desk.verification.check), chosen)

    def action_run(self) -> None:
        """Show the script whole, ask, and run it."""
        verification = self.desk.verification
        if refusal := self._refusal():
            self._say(refusal)
            return
        plan_id, runs = verification.plan_id, verification.runs
        able = [row for row in verification.rows.values() if row.way]
        where = count(len({row.subscription for row in able}), "subscription")
        ways = Counter(row.way for row in able)
        lines = [
            f"As {self.desk.session.principal}, in {where}: {', '.join(f'{number:,} by {way}' for way, number in ways.most_common())}."
        ]
        lines += [*WRITTEN, STOPPABLE]
        for system in sorted({row.system for row in able}):
            lines += ["", f"The script for {system}, whole:", "", *verification.scripts[system].splitlines()]

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.post_message(VerifyRequested(plan_id))

        self.app.push_screen(ConfirmDialog(f"Run this script on {count(runs, 'machine')}?", lines, "Run"), answered)

    def _refusal(self) -> str:
        """Why the plan that is shown cannot be run now; empty if it can."""
        verification = self.desk.verification
        if verification.phase is Phase.PLANNING or verification.phase in AT_WORK:
            return "A verification is planned or under way at this moment. Wait for it, or stop it with x."
        if verification.phase is not Phase.PLANNED:
            return "There is no plan that was not run yet: e plans for every onboarded machine."
        if self.desk.session.read_only:
            return (
                "This console is read-only, and running a script is a write in Azure. Start it without --read-only, or paste output with o."
            )
        if not self.desk.session.signed_in:
            return "Not signed in: press ctrl+l."
        if not verification.runs:
            return "None of these machines can run a script: each line says why. o takes output that was run by hand."
        return ""

    def action_stop(self) -> None:
        """Send no further script."""
        match self.desk.verification.phase:
            case Phase.RUNNING:
                self.post_message(VerifyStopRequested())
            case Phase.STOPPING:
                self._say("It is stopping: what was sent is waited for.")
            case _:
                self._say("No verification is under way.")

    def action_paste(self) -> None:
        """Take output that was run by hand on the machine under the cursor."""
        row = self.table.cursor_row
        if row is None:
            self._say("There is no line: plan with e first, or paste on the machine's page.")
        else:
            self.app.push_screen(PasteDialog(row.name, row.by_hand), lambda text: self._pasted(row.machine_id, text))

    def _pasted(self, machine_id: str, text: str | None) -> None:
        if text is not None:
            self.post_message(PasteRequested(machine_id, text, self.desk.verification.check))

    def action_copy_by_hand(self) -> None:
        """Copy what to run by hand on the machine under the cursor."""
        row = self.table.cursor_row
        text = "" if row is None else row.by_hand or self.desk.verification.scripts.get(row.system, "")
        if text:
            self.post_message(CopyRequested(text, "command"))
        else:
            self._say("It is not known what this machine runs, so neither is the command.")

    def action_open_machine(self) -> None:
        """Show the page of the machine under the cursor."""
        if self.table.cursor_id:
            self.post_message(OpenMachine(self.table.cursor_id))

    def _at_work(self) -> Task | None:
        return next((task for task in self.desk.activity.tasks() if task.key == "verify"), None)

    def _say(self, sentence: str) -> None:
        self.notify(sentence, markup=False)

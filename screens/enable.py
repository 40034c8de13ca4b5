"""Step 3, *Enable for Linux machines*: the plan as it will be applied, its confirmation, what Azure confirmed, and what was read last."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from cache.activity import Task
from cache.fields import PLAN_FIELDS
from cache.model import NO_EXTRAS, Extras, Plan, PlanAction, Source, Subscription, SubscriptionPlan
from cache.plan_text import extras_told
from cache.plans import PlanUnreadable
from screens import plan_rows
from screens.actions import bindings
from screens.desk import Desk
from screens.detail_screen import DetailScreen
from screens.export import ask, offered
from screens.extras import ExtrasDialog
from screens.outcomes import CONFIRMED
from screens.plan_chain import Chain, read_chain
from screens.plan_course import Course
from screens.plan_question import NAMED, question
from screens.plan_rows import OUTCOMES, STANDINGS, UNPLANNED, PlanRow, Summary, summary_of
from screens.requests import ApplyRequested, ExportRequested, PlanRequested
from screens.widgets.columns import Cell
from screens.widgets.document import Block, Document
from screens.words import age, count, span

SUBSCRIPTIONS = frozenset(("subscriptions", "selection"))
MACHINES = frozenset(("machines", "onboarding", "selection"))
PLANS = frozenset(("plans",))
AUDIT = frozenset(("audit",))


class EnableScreen(DetailScreen[PlanRow]):
    """What enabling would change for the chosen subscriptions, a line for each. The case is told by the plan, never guessed here."""

    NAME = "enable"
    TITLE_TEXT = "Enable"
    SCOPES: ClassVar[tuple[str, ...]] = ("enable", "table")
    TABLES = SUBSCRIPTIONS | MACHINES | PLANS | AUDIT
    SOURCES = frozenset((Source.PERMISSIONS, Source.PROVIDER, Source.SETTINGS, Source.PLAN, Source.MACHINES))
    COLUMNS = plan_rows.COLUMNS
    FIELDS = PLAN_FIELDS
    SORT_KEYS = ("status", "name", "change", "machines", "undo", "who")
    THEN = ("status", "name")
    EMPTY = "Nothing to plan for."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("enable")]

    DEFAULT_CSS = """
    EnableScreen {
        #head { height: auto; max-height: 50%; overflow-y: auto; scrollbar-size-vertical: 1; }
        #split > #table { height: auto; min-height: 3; max-height: 50%; }
        #detail { height: 1fr; min-height: 3; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._read = False
        self._chosen: dict[str, Subscription | None] = {}
        self._machines: dict[str, int] = {}
        self._states: Mapping[str, Mapping[str, int]] = {}
        self._names: dict[str, str] = {}
        self._latest: Chain | None = None
        self._latest_id = ""
        self._unreadable = ""
        self._plan: Plan | None = None
        self._summary: Summary | None = None
        self._course = Course()
        self._shown = ""
        self._confirmed = ""
        self._extras = NO_EXTRAS
        self._asked: set[str] = set()

    def above(self) -> Iterator[Widget]:
        """What is under way, what became of the plan, and what can be done next."""
        yield Document(id="head")

    async def rows(self) -> Sequence[PlanRow]:
        """Never read as such: lines are put together from what was read."""
        raise NotImplementedError

    async def load(self) -> None:
        """Read what has changed of the chosen subscriptions, the latest plan for exactly them, and what became of it."""
        news = [
            await self.reread(SUBSCRIPTIONS, self._read_subscriptions),
            await self.reread(MACHINES, self._read_machines),
            await self.reread(PLANS, self._read_plan),
            await self.reread(AUDIT, self._read_trail),
        ]
        self._read = True
        if any(news):
            await self._find_plan()
            self._put_together()
            await self._course.read_canary(self.desk.fleet)
            self.write()
            self._ask()

    async def _read_subscriptions(self) -> None:
        fleet = self.desk.fleet
        selection = await fleet.selection()
        known = await fleet.subscription_records(selection)
        self._names = await fleet.subscription_names()
        self._chosen = {one.lower(): known.get(one.lower()) for one in selection}

    async def _read_machines(self) -> None:
        states = self._states = await self.desk.fleet.states_by_subscription(await self.desk.fleet.selection())
        self._machines = {one: sum(counts.values()) for one, counts in states.items()}

    async def _read_plan(self) -> None:
        latest = await self.desk.journal.latest_plan_id()
        if latest == self._latest_id:
            return
        self._latest, self._latest_id, self._unreadable = None, latest, ""
        try:
            self._latest = await read_chain(self.desk.journal)
        except PlanUnreadable as failure:
            self._unreadable = str(failure)

    async def _read_trail(self) -> None:
        await self._course.trail.read(self.desk.journal, self._latest.first if self._latest is not None else None)

    async def _find_plan(self) -> None:
        """The plan that is shown: the latest, if it is for exactly the chosen subscriptions, as it was planned anew since."""
        chain = self._latest
        if chain is not None and {one.id.lower() for one in chain.first.subscriptions} != self._chosen.keys():
            chain = None
        if chain is not self._course.chain:
            self._plan = None if chain is None else chain.merged
            self._summary = None if self._plan is None else await asyncio.to_thread(summary_of, self._plan)
            self._course.chain = chain

    def _put_together(self) -> None:
        """A line for each chosen subscription, from what has been read."""
        plan = self._plan
        self._course.look()
        rows = [self._row(one, known) for one, known in self._chosen.items()]
        before, self._all = self._all, rows
        self._course.done([row.id for row in rows if row.standing == CONFIRMED])
        self.write()
        self.show_rows()
        if plan is not None and plan.id != self._shown:
            self._shown = plan.id
            if self.table.count:
                self.table.move_to(self.identify(self.table.rows[0]))
            self.query_one("#detail").scroll_home(animate=False)
        if len(rows) == 1 and len(before) != 1 and self.focused is self.table:
            self.query_one("#detail").focus()  # there is nothing to move the cursor to

    def _row(self, subscription_id: str, known: Subscription | None) -> PlanRow:
        machines = self._machines.get(subscription_id, 0)
        chain = self._course.chain
        if chain is None or self._summary is None:
            return PlanRow(known.id if known is not None else subscription_id, known, machines, None, UNPLANNED)
        one = self._summary.planned[subscription_id]
        standing, words = self._course.standing(chain, one)
        onboards, becomes = self._summary.becomes[subscription_id]
        return PlanRow(one.id, known, machines, one, standing, words, onboards, becomes, chain.before(subscription_id))

    def activity_moved(self) -> None:
        """Planning or applying has begun, got on or ended; the lines follow the journal, and whether the plan is being applied."""
        if not self._read:
            return
        running = self._at_work("apply") is not None
        if running == self._course.running:
            self.write()
            return
        self._course.running = running
        if running:
            self._course.applying = self._confirmed or (self._plan.id if self._plan else "")
        self._put_together()

    def clock_moved(self) -> None:
        """Ages stand in the head alone; and a canary may have been waited for long enough."""
        self.write()
        self._ask()

    # What is shown

    def identify(self, row: PlanRow) -> str:
        """The subscription's id."""
        return row.id

    def cell(self, row: PlanRow, key: str) -> Cell:
        """A cell's text and tone."""
        return plan_rows.cell(row, key)

    def sort_value(self, row: PlanRow, key: str) -> Any:
        """Worst first, most machines first; the rest by what the column shows."""
        return plan_rows.sort_value(row, key)

    def field_text(self, row: PlanRow, key: str) -> str:
        """What a field of the filter reads."""
        return plan_rows.field_text(row, key)

    def haystack(self, row: PlanRow) -> str:
        """Everything that a word of the filter is looked for in."""
        return " ".join(self.field_text(row, field.key) for field in self.FIELDS)

    async def values(self, key: str) -> Sequence[tuple[str, int]]:
        """The values of a field; of machines there are too many to choose from."""
        return () if key == "machine" else await super().values(key)

    def summary(self, shown: Sequence[PlanRow]) -> str:
        """How many are shown, and how they stand."""
        return " · ".join(filter(None, (f"{len(shown):,} of {len(self._all):,}", plan_rows.counted(shown))))

    def details(self, row: PlanRow) -> Sequence[Block]:
        """The plan for a subscription whole."""
        tests = [test for key, test in self._filter.words if key in ("", "machine") and not test.by_age]
        return [*plan_rows.sought(row, tests), *plan_rows.details(row)]

    def rearrange(self) -> None:
        """Show the lines, or why there is none."""
        self.table.empty = "No line passes the filter: Esc clears it." if self._all else self.EMPTY
        super().rearrange()

    def write(self) -> None:
        """Write what is under way, what became of the plan, and what can be done next."""
        self.query_one("#head", Document).show(self._head() if self._read else [Block("Reading…", "muted")])

    def _head(self) -> list[Block]:
        return [*self._interrupted(), *self._told_work(), *self._outcome(), *self._next(), *self._together()]

    def _interrupted(self) -> Iterator[Block]:
        unfinished = self._course.trail.unfinished
        if not unfinished or self._at_work("apply"):
            return
        yield Block("! A change was begun and it is not known how it ended:", "bad", bold=True)
        for one in unfinished[:5]:
            subscription_id, _, setting = one.target.partition("/")
            name = self._names.get(subscription_id.lower(), subscription_id)
            ago = age(one.at, self.desk.clock.now())
            yield Block(f"{name}: {setting} {one.before} → {one.after}, {ago} ago", indent=2)
        if len(unfinished) > 5:
            yield Block(f"and {count(len(unfinished) - 5, 'more change', 'more changes')}", indent=2)
        yield Block("Unless another console is at it: e or d plans again, and a plan starts from what Azure says now.", "warn")

    def _told_work(self) -> Iterator[Block]:
        for key, words in (("plan", "Planning from fresh reads of Azure"), ("apply", "Applying the plan")):
            if task := self._at_work(key):
                many = f", {task.done:,} of {count(task.total, 'subscription')}" if task.total else ""
                spent = span((self.desk.clock.now() - task.started).total_seconds())
                yield Block(f"◐ {words}{many}, {task.note or spent}", "busy", bold=True)

    def _outcome(self) -> Iterator[Block]:
        plan = self._plan
        if plan is None or not self._course.begun:
            return
        counts = Counter(row.standing for row in self._all)
        told = ", ".join(f"{counts[how]:,} {how}" for how in STANDINGS if how in OUTCOMES and counts[how])
        yield Block(f"What became of it: {told}", "accent", bold=True)
        if counts[CONFIRMED] and not self._at_work("apply") and self._course.to_apply() is None:
            watch = "Press 4 to watch the machines come aboard. Onboarding might take up to 24 hours."
            stay = "Machines that are aboard stay so until they are offboarded: press 4."
            yield Block(watch if plan.action is PlanAction.ENABLE else stay, "accent")

    def _next(self) -> Iterator[Block]:
        plan, now = self._plan, self.desk.clock.now()
        if not self._chosen:
            yield Block("No subscription is chosen.", bold=True)
            yield Block("Press 1, mark subscriptions with space, choose them with c, and come back with 3.", "accent")
            return
        if self._unreadable:
            yield Block(f"The last plan cannot be shown. {self._unreadable}", "warn")
        if plan is None or self._summary is None:
            yield Block(f"Enable for Linux machines: {count(len(self._chosen), 'subscription')} chosen, no plan yet.", bold=True)
            yield Block("e plans what enabling would change, d what disabling would. Planning reads Azure and changes nothing.", "accent")
            yield from self._besides(NO_EXTRAS)
            return
        yield Block(f"{self._summary.headline}.", bold=True)
        told = f"Plan {plan.id} of {age(plan.created_at, now)} ago by {plan.principal or 'an unknown user'}."
        yield from self._besides(plan.extras)
        target = self._course.to_apply()
        if self._at_work("apply"):
            yield Block(told, "muted")
        elif target is not None and target[1]:
            yield from self._told_left(target[0], told)
        elif target is not None and self._course.begun:
            left = len(self._course.ready(target[0]))
            yield Block(
                f"Azure had changed in {count(left, 'subscription')} since: planned anew {age(target[0].created_at, now)} ago.", "warn"
            )
            yield Block("a shows what is different and asks about those alone.", "accent")
        elif self._course.begun:
            yield Block(f"{told} It has been applied; e or d plans again.", "muted")
        elif not self._summary.ready:
            blocked = "Nothing can be applied before the blockers are cleared." if self._summary.blocked else "There is nothing to apply."
            yield Block(told, "muted")
            yield Block(self._with_besides(blocked, plan), "accent")
        elif self._is_old(plan):
            yield Block(f"{told} That is too old to be applied: press e (or d) to plan again.", "warn")
        else:
            yield Block(f"{told} Good for {span((plan.created_at + self.desk.plan_life - now).total_seconds())}.", "muted")
            if self.desk.session.read_only:
                yield Block("This console is read-only: the plan can be read but not applied.", "warn")
            else:
                hints = ["Read it whole: a applies exactly this once confirmed."]
                if len(self._summary.ready) > 1:
                    hints.append("f applies it to one first, or those marked with x.")
                hints[-1] = self._with_besides(hints[-1], plan)
                yield from (Block(hint, "accent") for hint in hints)

    def _told_left(self, plan: Plan, told: str) -> Iterator[Block]:
        """What is left of a plan that was stopped after its canary, or interrupted, and how the canary stands."""
        stopped = self._course.trail.left_off(plan) == "stopped"
        yield Block(f"{told} {'It was applied to its canary' if stopped else 'It was interrupted'}.", "muted")
        canary, minutes = self._course.canary(self.desk.clock.now()), self.desk.canary.total_seconds() / 60
        if canary is not None and not canary.over(minutes):
            more = span((minutes - canary.minutes) * 60)
            yield Block(f"◐ Waiting for the canary: {canary.told()} At most {more} more, then it is asked about the rest.", "busy")
        elif canary is not None:
            yield Block(f"The canary: {canary.told()}", "bad" if canary.stuck else "good")
        yield from (Block(text) for text in self._first_told())
        left = len(self._course.ready(plan))
        early = " now, without waiting" if canary is not None and not canary.over(minutes) else ""
        yield Block(f"a asks before {count(left, 'subscription')} that {'is' if left == 1 else 'are'} left{early}.", "accent")

    def _besides(self, planned: Extras) -> Iterator[Block]:
        """What is asked for besides: in the plan that is shown, and in the next one."""
        if told := extras_told(planned):
            yield Block(f"Besides: {told}.", "muted")
        if self._extras != planned and self._extras != NO_EXTRAS:
            yield Block(f"The next plan (e) does besides: {extras_told(self._extras)}. o changes that.", "accent")
        elif self._plan is None:
            yield Block("o adds what is missing: provider, Defender for Servers, unified solution.", "accent")

    def _with_besides(self, hint: str, plan: Plan) -> str:
        """A hint, and on the same line that a plan could also do what blocks this one, where nothing of that has been asked for."""
        missing = any(blocker.code in {"plan", "not-registered"} for one in plan.subscriptions for blocker in one.blockers)
        return f"{hint.rstrip('.')}; o adds what is missing." if missing and plan.extras == NO_EXTRAS == self._extras else hint

    def _together(self) -> Iterator[Block]:
        """What the plan comes to in all, where the lines are too many to add up."""
        if self._summary is not None and len(self._all) > 1:
            yield from (Block(text) for text in (self._summary.together,) if text)
            if warned := " ".join(filter(None, (self._summary.bill, self._summary.lasting, self._summary.blocked))):
                yield Block(warned, "warn")

    # What is asked for

    def action_export(self) -> None:
        """Ask where to write the plan that is shown; where Azure has changed since, the one that was made anew and would be applied."""
        target = self._course.to_apply()
        plan = target[0] if target is not None else self._plan
        if plan is None:
            self._say("There is no plan yet: e makes one.")
            return
        question = f"Write the plan for {count(len(plan.subscriptions), 'subscription')} to:"
        path = offered(self.desk.home, f"plan-{plan.id}", self.desk.clock.now())
        ask(self, question, path, lambda path, force: ExportRequested("plan", path, force, plan.id))

    def action_plan_enable(self) -> None:
        """Plan enabling."""
        self._ask_plan(PlanAction.ENABLE)

    def action_plan_disable(self) -> None:
        """Plan disabling."""
        self._ask_plan(PlanAction.DISABLE)

    def _ask_plan(self, action: PlanAction) -> None:
        if not self._chosen:
            self._say("Choose subscriptions first: press 1.")
        elif not self.desk.session.signed_in:
            self._say("Not signed in yet, and a plan needs fresh reads. Wait, or press ctrl+l.")
        elif self._at_work("plan") or self._at_work("apply"):
            self._say("A plan is being made or applied at this moment. Wait for it.")
        else:
            self._say("Planning: reading what Azure says now…")
            extras = self._extras if action is PlanAction.ENABLE else NO_EXTRAS
            self.post_message(PlanRequested(tuple(row.id for row in self._all), action, extras))

    def action_besides(self) -> None:
        """Choose what the next plan does besides."""
        dialog = ExtrasDialog(self._extras)

        def closed(_: str | None) -> None:
            self._extras = dialog.extras
            self.write()

        self.app.push_screen(dialog, closed)

    def action_apply(self) -> None:
        """Confirm the plan that is shown, or what is left of it or was planned anew, then apply it."""
        target = self._course.to_apply()
        if refusal := self._refusal():
            self._say(refusal)
        elif target is not None:
            plan, resume = target
            self._confirm(plan, self._course.ready(plan), resume=resume)

    def action_apply_first(self) -> None:
        """Confirm the plan for the marked subscriptions, or the one under the cursor, then apply it there; the rest waits."""
        row, target = self.table.cursor_row, self._course.to_apply()
        if refusal := self._refusal():
            self._say(refusal)
        elif target is not None and row is not None:
            plan, resume = target
            wanted = {one.lower() for one in self.table.marks or (row.id,)}
            ready = self._course.ready(plan)
            first = [one for one in ready if one.id.lower() in wanted]
            if resume:
                self._say("This plan has been begun: a asks about what is left of it.")
            elif not first:
                self._say("Nothing is written for this subscription, so it tells nothing about the others.")
            elif len(first) == len(ready):
                self._say("That is all of it: a applies the plan, or mark fewer.")
            else:
                self._confirm(plan, first, first=tuple(one.id for one in first))

    def _ask(self) -> None:
        """Ask by itself, once: about what was planned anew, and about the rest once the canary has been waited for."""
        wanted = self._course.to_ask(self.desk.clock.now(), self.desk.canary)
        if wanted and wanted not in self._asked and self.app.screen is self and not self._refusal():
            self._asked.add(wanted)
            self.action_apply()

    def _first_told(self) -> Iterator[str]:
        """How the machines stand where the plan has been applied."""
        done = [row for row in self._all if row.standing == CONFIRMED]
        for row in done[:NAMED]:
            states = self._states.get(row.id.lower(), {})
            told = ", ".join(f"{number:,} {state}" for state, number in states.items() if number)
            yield f"{row.plan.name if row.plan else row.id}: {told or 'no machines'}"

    def _refusal(self) -> str:
        """Why the plan that is shown cannot be applied now; empty if it can."""
        plan = self._plan
        if plan is None:
            return "There is no plan yet: e makes one." if self._chosen else "Choose subscriptions first: press 1."
        if self.desk.session.read_only:
            return "This console is read-only, so nothing is changed. Start it without --read-only."
        if not self.desk.session.signed_in:
            return "Not signed in: press ctrl+l."
        if self._at_work("plan") or self._at_work("apply"):
            return "A plan is being made or applied at this moment. Wait for it."
        target = self._course.to_apply()
        if target is None:
            if self._course.begun:
                return f"This plan has been applied already{self._course.trail.applied(plan)}: e plans again."
            blocked = [one for one in plan.subscriptions if one.blockers]
            return f"Nothing can be applied: {blocked[0].blockers[0].message}" if blocked else "There is nothing to apply."
        if target[1]:
            return ""
        if self._confirmed == target[0].id:
            return "This plan has been confirmed already. If nothing happens, 9 (Log) says why and e plans again."
        if self._is_old(target[0]):
            return "This plan is too old: e plans again."
        return ""

    def _confirm(self, plan: Plan, ready: Sequence[SubscriptionPlan], *, first: tuple[str, ...] = (), resume: bool = False) -> None:
        canary = self._course.canary(self.desk.clock.now()) if resume else None
        so_far = [f"The canary: {canary.told()}"] if canary is not None else []
        so_far += list(self._first_told()) if resume else []
        after = len(self._course.ready(plan)) - len(first) if first else 0
        dialog = question(plan, ready, after=after, so_far=so_far, changed=self._course.different(plan))

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._confirmed = plan.id
                self.query_one("#detail").scroll_home(animate=False)  # what becomes of it stands on top
                self.post_message(ApplyRequested(plan.id, first, resume))

        self.app.push_screen(dialog, answered)

    def _is_old(self, plan: Plan) -> bool:
        return self.desk.clock.now() - plan.created_at > self.desk.plan_life

    def _at_work(self, key: str) -> Task | None:
        return next((task for task in self.desk.activity.tasks() if task.key == key), None)

    def _say(self, sentence: str) -> None:
        self.notify(sentence, markup=False)

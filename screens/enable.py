"""Step 3, *Enable for Linux machines*: the plan as it will be applied, its confirmation, what Azure confirmed, and what was read last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from cache.activity import Task
from cache.model import AuditEntry, Intent, Plan, PlanAction, SubscriptionRow
from cache.plan_text import Part, changed, headline, machines_told, setting_line, subscription_lines
from cache.plans import PlanUnreadable
from screens.actions import bindings
from screens.console_screen import ConsoleScreen
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.outcomes import entries_of, outcome_blocks, still_open
from screens.page import Page
from screens.requests import ApplyRequested, PlanRequested
from screens.widgets.document import Block, Document, heading
from screens.words import age, count, span

SHOWN = 40
"""Subscriptions whose present state is listed one by one; screen 1 lists all."""

RECENT = 1000
"""Entries of the audit trail that are looked through, besides those that the plan may have caused."""

NAMED = 10
"""Subscriptions that the confirmation lists one by one."""

TONES: dict[Part, str] = {Part.BLOCKER: "bad", Part.WARNING: "warn", Part.IRREVERSIBLE: "warn"}


class EnableScreen(Page):
    """What enabling would change for the chosen subscriptions. The case is told by the plan, never guessed here."""

    NAME = "enable"
    TITLE_TEXT = "Enable"
    SCOPES: ClassVar[tuple[str, ...]] = ("enable", "page")
    TABLES = frozenset(("subscriptions", "machines", "onboarding", "selection", "plans", "audit"))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("enable")]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._read = False
        self._names: dict[str, str] = {}
        self._chosen: list[SubscriptionRow] = []
        self._plan: Plan | None = None
        self._unreadable = ""
        self._entries: list[AuditEntry] = []
        self._unfinished: list[Intent] = []
        self._confirmed = ""
        self._applying = ""

    def title_line(self) -> Content:
        """The steps of the walk, as on the other main screens."""
        return ConsoleScreen.title_line(self)

    def below(self) -> Iterator[Widget]:
        """The plan, then what was read last: texts of their own, since they are long and seldom change."""
        yield Document(id="plan")
        yield Document(id="present")

    async def load(self) -> None:
        """Read the chosen subscriptions, the latest plan for exactly them, and what became of it."""
        fleet, journal = self.desk.fleet, self.desk.journal
        selection = {one.lower() for one in await fleet.selection()}
        rows = await fleet.subscriptions()
        self._names = {row.subscription.id.lower(): row.subscription.name for row in rows}
        self._chosen = [row for row in rows if row.subscription.id.lower() in selection]
        plan, self._unreadable = None, ""
        try:
            plan = await journal.latest_plan()
        except PlanUnreadable as failure:
            self._unreadable = str(failure)
        before = self._plan
        chosen = {row.subscription.id.lower() for row in self._chosen}
        self._plan = plan if plan is not None and {one.id.lower() for one in plan.subscriptions} == chosen else None
        unfinished = await journal.unfinished()
        entries = await journal.entries(RECENT + 4 * self._plan.changes if self._plan else RECENT) if self._plan or unfinished else []
        self._entries = entries_of(self._plan, entries) if self._plan else []
        self._unfinished = still_open(unfinished, entries)
        self._read = True
        self._write_all()
        if self._plan is not None and (before is None or before.id != self._plan.id):
            self.action_edge(-1)

    def activity_moved(self) -> None:
        """Planning or applying got on."""
        if self._read:
            if self._at_work("apply"):
                self._applying = self._plan.id if self._plan else ""
            self.write()

    # What is shown

    def _write_all(self) -> None:
        self.write()
        self.query_one("#plan", Document).show(self._planned())
        self.query_one("#present", Document).show(self._present())

    def blocks(self) -> Sequence[Block]:
        """The head of the screen: what is under way, what became of the plan, and what can be done next."""
        if not self._read:
            return (Block("Reading…", "muted"),)
        return [*self._interrupted(), *self._under_way(), *self._outcome(), *self._next()]

    def _interrupted(self) -> Iterator[Block]:
        if not self._unfinished or self._at_work("apply"):
            return
        yield Block("! A change was begun and it is not known how it ended:", "bad", bold=True)
        for one in self._unfinished[:5]:
            subscription_id, _, setting = one.target.partition("/")
            name = self._names.get(subscription_id.lower(), subscription_id)
            ago = age(one.at, self.desk.clock.now())
            yield Block(f"{name}: {setting} {one.before} → {one.after}, {ago} ago", indent=2)
        if len(self._unfinished) > 5:
            yield Block(f"and {count(len(self._unfinished) - 5, 'more change', 'more changes')}", indent=2)
        yield Block("Unless another console is at it: e or d plans again, and a plan starts from what Azure says now.", "warn")
        yield Block("")

    def _under_way(self) -> Iterator[Block]:
        for key, words in (("plan", "Planning from fresh reads of Azure"), ("apply", "Applying the plan")):
            if task := self._at_work(key):
                many = f", {task.done:,} of {count(task.total, 'subscription')}" if task.total else ""
                spent = span((self.desk.clock.now() - task.started).total_seconds())
                yield Block(f"◐ {words}{many}, {task.note or spent}", "busy", bold=True)
                yield Block("")

    def _outcome(self) -> list[Block]:
        plan = self._plan
        if plan is None or not (self._entries or self._ended(plan)):
            return []
        return [*outcome_blocks(plan, self._entries, running=self._at_work("apply") is not None), Block("")]

    def _next(self) -> Iterator[Block]:
        plan, now = self._plan, self.desk.clock.now()
        if not self._chosen:
            yield Block("No subscription is chosen.", bold=True)
            yield Block("Press 1, mark subscriptions with space, choose them with c, and come back with 3.", "accent")
            return
        if self._unreadable:
            yield Block(f"The last plan cannot be shown. {self._unreadable}", "warn")
        if plan is None:
            yield Block(f"Enable for Linux machines: {count(len(self._chosen), 'subscription')} chosen, no plan yet.", bold=True)
            yield Block("e plans what enabling would change, d what disabling would. Planning reads Azure and changes nothing.", "accent")
            return
        yield Block(f"{headline(plan)}.", bold=True)
        told = f"Planned {age(plan.created_at, now)} ago by {plan.principal or 'an unknown user'}, plan {plan.id}."
        if self._at_work("apply"):
            yield Block(told, "muted")
        elif self._entries or self._ended(plan):
            yield Block(f"{told} It has been applied; e or d plans again.", "muted")
        elif not plan.changes:
            blocked = any(one.blockers for one in plan.subscriptions)
            yield Block(told, "muted")
            yield Block("Nothing can be applied before the blockers are cleared." if blocked else "There is nothing to apply.", "accent")
        elif self._is_old(plan):
            yield Block(f"{told} That is too old to be applied: press e (or d) to plan again.", "warn")
        else:
            yield Block(f"{told} It can be applied for {span((plan.created_at + self.desk.plan_life - now).total_seconds())}.", "muted")
            if self.desk.session.read_only:
                yield Block("This console is read-only: the plan can be read but not applied.", "warn")
            else:
                yield Block("Read it whole, then a asks for a confirmation and applies exactly this.", "accent")

    def _planned(self) -> list[Block]:
        plan = self._plan
        if plan is None:
            return []
        ready = changed(plan)
        found: list[Block] = []
        if len(plan.subscriptions) > 1 and ready:
            found += heading(f"Together, in {count(len(ready), 'subscription')} that would be changed")
            found += [Block(line, indent=2) for line in machines_told(ready)] or [Block("No machine is known there.", "muted", indent=2)]
        for one in sorted(plan.subscriptions, key=lambda one: (not (one.settings and not one.blockers), not one.blockers)):
            for line in subscription_lines(one):
                if line.part is Part.TITLE:
                    found += heading(line.text)
                else:
                    tone = "muted" if line.detail else TONES.get(line.part, "")
                    found.append(Block(line.text, tone, indent=line.indent, bold=line.part is Part.WRITE and not line.detail))
        return found

    def _present(self) -> list[Block]:
        if not self._chosen:
            return []
        found = heading("What was read last")
        for row in self._chosen[:SHOWN]:
            one = row.subscription
            right = {True: "you may enable", False: "✗ you have no right to enable", None: "? whether you may enable is not known"}
            seen = "machines cannot be seen" if one.can_see_machines is False and not row.machines else count(row.machines, "machine")
            found.append(Block(one.name or one.id, bold=True))
            found.append(
                Block(
                    f"integration {_known(one.integration)} · Linux {_known(one.linux)} · unified solution {_known(one.unified)} · "
                    f"servers plan {_known(one.servers_plan)} · {right[one.can_enable]} · {seen}",
                    "warn" if not one.can_enable or one.servers_plan == "free" or one.integration is None else "",
                    indent=2,
                )
            )
        if len(self._chosen) > SHOWN:
            found.append(Block(f"and {len(self._chosen) - SHOWN:,} more: press 1 for all", "muted"))
        return found

    # What is asked for

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
            self.post_message(PlanRequested(tuple(row.subscription.id for row in self._chosen), action))

    def action_apply(self) -> None:
        """Confirm the plan that is shown, then apply it."""
        if refusal := self._refusal():
            self._say(refusal)
        elif self._plan is not None:
            self._confirm(self._plan)

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
        if not plan.changes:
            blocked = [one for one in plan.subscriptions if one.blockers]
            return f"Nothing can be applied: {blocked[0].blockers[0].message}" if blocked else "There is nothing to apply."
        if self._entries or self._ended(plan):
            return "This plan has been applied already: e plans again."
        if self._confirmed == plan.id:
            return "This plan has been confirmed already. If nothing happens, 9 (Log) says why and e plans again."
        if self._is_old(plan):
            return "This plan is too old: e plans again."
        return ""

    def _confirm(self, plan: Plan) -> None:
        ready = changed(plan)
        enabling = plan.action is PlanAction.ENABLE
        lines = [f"{one.name}: {setting_line(one)}" for one in ready[:NAMED]]
        if len(ready) > NAMED:
            lines.append(f"and {count(len(ready) - NAMED, 'more subscription')}")
        if blocked := sum(1 for one in plan.subscriptions if one.blockers):
            lines.append(f"{count(blocked, 'blocked subscription')} left as {'it is' if blocked == 1 else 'they are'}")
        lines += ["", *machines_told(ready), ""]
        lines += dict.fromkeys(f"Cannot be undone: {sentence}" for one in ready for sentence in one.irreversible)
        lines += dict.fromkeys(sentence for one in ready for sentence in one.warnings)
        windows_too = any(one.case == "never-enabled" for one in ready)
        what = "Enable for Windows and Linux machines" if windows_too else "Enable for Linux machines"
        title = what if enabling else "Disable the integration, for Windows and Linux together"
        verb = "Enable" if enabling else "Disable"
        if len(ready) == 1:
            expected, subscription_id = ready[0].name, ready[0].id
        else:
            expected, subscription_id = f"{verb.lower()} {len(ready)} subscriptions", ""
            title = f"{title}: {count(len(ready), 'subscription')}"

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._confirmed = plan.id
                self.action_edge(-1)  # what becomes of it stands on top
                self.post_message(ApplyRequested(plan.id))

        self.app.push_screen(TypedConfirmDialog(title, lines, expected, verb, subscription_id, dangerous=True), answered)

    def _is_old(self, plan: Plan) -> bool:
        return self.desk.clock.now() - plan.created_at > self.desk.plan_life

    def _ended(self, plan: Plan) -> bool:
        """Whether this console has applied the plan and is done with it."""
        return self._applying == plan.id and self._at_work("apply") is None

    def _at_work(self, key: str) -> Task | None:
        return next((task for task in self.desk.activity.tasks() if task.key == key), None)

    def _say(self, sentence: str) -> None:
        self.notify(sentence, markup=False)


def _known(value: str | None) -> str:
    return (value or "not known").replace("not-set", "not set")

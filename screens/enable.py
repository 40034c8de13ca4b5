"""Step 3, *Enable for Linux machines*: what is read now, the plan as it will be applied, the confirmation, and what Azure confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from cache.model import AuditEntry, Intent, Plan, PlanAction, SubscriptionRow
from cache.plan_text import headline, subscription_lines, value_word
from screens.actions import bindings
from screens.console_screen import ConsoleScreen
from screens.desk import Desk
from screens.dialogs import TypedConfirmDialog
from screens.page import Page
from screens.requests import ApplyRequested, PlanRequested
from screens.widgets.document import Block, fact, heading
from screens.words import age, count

PUT_SETTING = "put-setting"
SHOWN = 60
"""Subscriptions whose present state is listed one by one."""

_TONES = {"BLOCKED": "bad", "Write": "accent", "Note": "warn", "Cannot be undone": "warn", "Case": ""}


class EnableScreen(Page):
    """What enabling would change for the chosen subscriptions. The case is told by the plan, never guessed here."""

    NAME = "enable"
    TITLE_TEXT = "Enable"
    SCOPES: ClassVar[tuple[str, ...]] = ("enable", "page")
    TABLES = frozenset(("subscriptions", "selection", "plans", "audit"))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("enable")]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._chosen: list[SubscriptionRow] = []
        self._plan: Plan | None = None
        self._entries: list[AuditEntry] = []
        self._unfinished: list[Intent] = []

    def title_line(self) -> Content:
        """The steps of the walk, as on the other main screens."""
        return ConsoleScreen.title_line(self)

    async def load(self) -> None:
        """Read the chosen subscriptions, the latest plan for them and what became of it."""
        fleet, journal = self.desk.fleet, self.desk.journal
        selection = {one.lower() for one in await fleet.selection()}
        self._chosen = [row for row in await fleet.subscriptions() if row.subscription.id.lower() in selection]
        plan = await journal.latest_plan()
        self._plan = plan if plan is not None and {one.id.lower() for one in plan.subscriptions} == selection else None
        since = self._plan.created_at if self._plan is not None else None
        entries = await journal.entries() if since is not None else []
        self._entries = [one for one in entries if since is not None and one.action == PUT_SETTING and one.at >= since]
        self._unfinished = [one for one in await journal.unfinished() if one.action == PUT_SETTING]
        self.write()

    # What is shown

    def blocks(self) -> Sequence[Block]:
        """The screen from top to bottom."""
        if not self._chosen:
            return [
                Block("No subscription is chosen.", bold=True),
                Block("Press 1, mark subscriptions with space, choose them with c, and come back with 3."),
            ]
        found = [*self._interrupted(), *self._outcome()]
        if self._plan is None:
            found += self._present()
        else:
            found += self._planned(self._plan)
        return found

    def _interrupted(self) -> list[Block]:
        applying = any(task.key == "apply" for task in self.desk.activity.tasks())
        if applying or not self._unfinished:
            return []
        found = [Block("A change was interrupted and it is not known how it ended:", "bad", bold=True)]
        found += [Block(f"{one.target}: {one.before} → {one.after}", indent=2) for one in self._unfinished[:5]]
        return [*found, Block("Plan again (e): the plan starts from what Azure says now.", "warn"), Block("")]

    def _present(self) -> list[Block]:
        found = [Block(f"Enable for Linux machines: {count(len(self._chosen), 'subscription')} chosen", bold=True)]
        found.append(Block("e plans what enabling would change, from fresh reads; nothing is sent. d plans disabling.", "accent"))
        for row in self._chosen[:SHOWN]:
            one = row.subscription
            found += [Block(""), Block(one.name, bold=True), fact("Id", one.id, "muted")]
            found.append(fact("Integration", one.integration or "not known", "" if one.integration else "warn"))
            found.append(fact("Linux", one.linux or "not known", "" if one.linux else "warn"))
            found.append(fact("Unified", one.unified or "not known"))
            found.append(fact("Servers plan", one.servers_plan or "not known", "bad" if one.servers_plan == "free" else ""))
            right = {True: "you may enable", False: "you have no right to enable", None: "not known"}[one.can_enable]
            found.append(fact("Right", right, "" if one.can_enable else "bad"))
            found.append(fact("Machines", count(row.machines, "machine") if one.can_see_machines else "cannot be seen"))
            found.append(fact("Read", f"{age(one.as_of, self.desk.clock.now())} ago", "muted"))
        if len(self._chosen) > SHOWN:
            found += [Block(""), Block(f"and {len(self._chosen) - SHOWN} more", "muted")]
        return found

    def _planned(self, plan: Plan) -> list[Block]:
        now = self.desk.clock.now()
        found = [Block(f"{headline(plan)}.", bold=True), Block(f"Planned {age(plan.created_at, now)} ago, plan {plan.id}.", "muted")]
        if self._is_old(plan):
            found.append(Block("This plan is too old to be applied: e plans again.", "warn"))
        elif not self._entries and plan.changes:
            found.append(Block("Read it whole, then a applies exactly this.", "accent"))
        elif not plan.changes:
            found.append(Block("There is nothing to apply.", "accent"))
        for one in plan.subscriptions:
            lines = list(subscription_lines(one))
            found += heading(lines[0])
            for line in lines[1:]:
                word = line.strip().split(":")[0].split(" ")[0] if not line.strip().startswith("Cannot") else "Cannot be undone"
                depth = len(line) - len(line.lstrip())
                found.append(Block(line.strip(), _TONES.get(word.rstrip(":"), ""), indent=depth))
        return found

    def _outcome(self) -> list[Block]:
        plan = self._plan
        if plan is None or not self._entries:
            return []
        names = {one.id.lower(): one.name for one in plan.subscriptions}
        last = {one.target: one for one in self._entries}
        found = [Block("What became of it", bold=True)]
        for target, entry in last.items():
            subscription_id, _, setting = target.partition("/")
            name = names.get(subscription_id.lower(), subscription_id)
            outcome = entry.outcome
            tone = "good" if outcome == "confirmed" else "busy" if outcome == "started" else "bad"
            shape = {"good": "✓", "busy": "◐", "bad": "✗"}[tone]
            words = {"confirmed": "confirmed: Azure was read back", "started": "sent, reading back"}.get(outcome, outcome)
            found.append(Block(f"{shape} {name}: {setting} {entry.before} → {entry.after}, {words}", tone))
        if any(one.outcome == "confirmed" for one in last.values()):
            found.append(Block("Press 4 to watch the machines come aboard.", "accent"))
        return [*found, Block("")]

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
        else:
            self._say("Reading what Azure says now…")
            self.post_message(PlanRequested(tuple(row.subscription.id for row in self._chosen), action))

    def action_apply(self) -> None:
        """Confirm the plan that is shown, then apply it."""
        plan = self._plan
        if plan is None:
            self._say("There is no plan yet: e makes one.")
        elif self.desk.session.read_only:
            self._say("This console is read-only: nothing is changed. Start it without --read-only.")
        elif not self.desk.session.signed_in:
            self._say("Not signed in: press ctrl+l.")
        elif not plan.changes:
            blocked = [one for one in plan.subscriptions if one.blockers]
            self._say(f"Nothing can be applied: {blocked[0].blockers[0].message}" if blocked else "There is nothing to apply.")
        elif self._entries:
            self._say("This plan has been applied already: e plans again.")
        elif self._is_old(plan):
            self._say("This plan is too old: e plans again.")
        else:
            self._confirm(plan)

    def _confirm(self, plan: Plan) -> None:
        changed = [one for one in plan.subscriptions if one.settings and not one.blockers]
        enabling = plan.action is PlanAction.ENABLE
        lines = []
        for one in changed[:12]:
            written = ", ".join(f"{change.name} {value_word(change.before)} → {value_word(change.after)}" for change in one.settings)
            lines.append(f"{one.name}: {written}")
        if len(changed) > 12:
            lines.append(f"and {len(changed) - 12} more")
        lines += ["", *dict.fromkeys(sentence for one in changed for sentence in (*one.warnings, *one.irreversible))]
        verb = "Enable" if enabling else "Disable"
        if len(changed) == 1:
            expected, subscription_id = changed[0].name, changed[0].id
            title = f"{verb} for Linux machines" if enabling else "Disable the integration, for Windows and Linux"
        else:
            expected, subscription_id = f"{verb.lower()} {len(changed)} subscriptions", ""
            title = f"{verb} {count(len(changed), 'subscription')}"

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.post_message(ApplyRequested(plan.id))

        self.app.push_screen(TypedConfirmDialog(title, lines, expected, verb, subscription_id, dangerous=True), answered)

    def _is_old(self, plan: Plan) -> bool:
        return self.desk.clock.now() - plan.created_at > self.desk.plan_life

    def _say(self, sentence: str) -> None:
        self.notify(sentence, markup=False)

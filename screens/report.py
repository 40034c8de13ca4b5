"""The proof that ends the walk: of each chosen subscription whether it is enabled, onboarded, healthy, and its test alert was seen."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from cache.fields import REPORT_FIELDS
from cache.filter_language import quoted
from cache.model import ABOARD, MachineState, Source
from cache.next_steps import next_steps
from cache.proof import WORST_FIRST, Proof, SubscriptionProof, SystemTest
from cache.report import FOUR, Report, TrailHead, Who, read_report, trail_head
from screens.actions import bindings
from screens.desk import Desk
from screens.detail_screen import DetailScreen
from screens.export import ask, offered
from screens.requests import ExportRequested, GoTo
from screens.widgets.columns import Cell, Column
from screens.widgets.document import Block, Document, fact, heading
from screens.words import STATE_SHAPES, age, count, moment

PROOF_SHAPES: dict[Proof, tuple[str, str]] = {
    Proof.NOT_PROVEN: ("✗", "bad"),
    Proof.UNKNOWN: ("?", "warn"),
    Proof.PARTLY: ("◐", "busy"),
    Proof.PROVEN: ("✓", "good"),
    Proof.NOTHING: ("–", "muted"),
}
"""For every proof its shape and tone, the worst first."""

SHORT = {Proof.PROVEN: "yes", Proof.NOT_PROVEN: "no", Proof.NOTHING: "nothing"}
"""How a proof is told in the column of one of the four."""

LOG_UNREAD = "Azure's activity log, which may say who and when, was not read yet"

WORDS = {Proof.NOT_PROVEN: "not proven", Proof.UNKNOWN: "not known", Proof.NOTHING: "nothing"}
ORDER = {proof: place for place, proof in enumerate(WORST_FIRST)}

FLEET = frozenset(("subscriptions", "selection", "machines", "onboarding", "alerts", "problems", "freshness", "enablings", "audit"))
AUDIT = frozenset(("audit",))

DEAR = 4
"""A report is read again no sooner than so many times as long after a change as reading it took: the machine has other work too."""

CAUSES = 8
"""Causes that are listed for a subscription; the export has all."""


class ReportScreen(DetailScreen[SubscriptionProof]):
    """A line for each chosen subscription (for all, when none is chosen), what is least proven first."""

    NAME = "report"
    TITLE_TEXT = "Report"
    BEFORE_TITLE = " │"
    SCOPES: ClassVar[tuple[str, ...]] = ("report", "table")
    TABLES = FLEET
    SOURCES = frozenset((Source.SETTINGS, Source.PLAN, Source.MACHINES, Source.ALERTS))
    COLUMNS = (
        Column("verdict", "All four", 12),
        Column("name", "Subscription", 16, weight=3, ends=True),
        Column("enabled", "Enabled", 9),
        Column("onboarded", "Onboarded", 12, rank=1),
        Column("healthy", "Healthy", 12, rank=2),
        Column("alert_seen", "Alert seen", 10, rank=3),
        Column("id", "Id", 9, weight=1, rank=5),
    )
    FIELDS = REPORT_FIELDS
    SORT_KEYS = ("verdict", "name", "enabled", "onboarded", "healthy", "alert_seen")
    THEN = ("verdict", "name")
    UNREAD = "No subscription is known yet, so nothing is proven"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("report")]

    DEFAULT_CSS = """
    ReportScreen {
        #head { height: auto; max-height: 40%; }
        #split > #table { height: auto; min-height: 3; max-height: 50%; }
        #detail { height: 1fr; min-height: 3; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.report: Report | None = None
        self._trail: TrailHead | None = None
        self._above = list(self._head())
        self._cost = 0.0

    def above(self) -> Iterator[Widget]:
        """What it comes to in all."""
        yield Document(id="head")

    def coalescing(self) -> float:
        """Reading a report of a large fleet takes a while."""
        return DEAR * self._cost

    async def rows(self) -> Sequence[SubscriptionProof]:
        """The report anew; whether the audit trail is whole is looked at where it has grown."""
        began = time.monotonic()
        await self.reread(AUDIT, self._read_trail)
        fleet, session = self.desk.fleet, self.desk.session
        chosen = await fleet.selection()
        who = Who(session.cloud, session.tenant_id, session.principal)
        self.report = await read_report(
            fleet, self.desk.journal, self.desk.clock.now(), who, sorted(chosen) if chosen else None, self._trail
        )
        self._above = list(self._head())
        self._cost = time.monotonic() - began
        return self.report.subscriptions

    async def _read_trail(self) -> None:
        self._trail = await trail_head(self.desk.journal)

    async def ages_moved(self) -> None:
        """What was read again may prove what was too old to."""
        await self.load()

    def rearrange(self) -> None:
        """Show the lines, and above them what they come to."""
        self.table.empty = self.unread() if not self._all else "No line passes the filter: Esc clears it."
        super().rearrange()
        self.query_one("#head", Document).show(self._above)

    def identify(self, row: SubscriptionProof) -> str:
        """The subscription's id."""
        return row.id

    def cell(self, row: SubscriptionProof, key: str) -> Cell:
        """A cell's text and tone."""
        if key == "name":
            return row.name, ""
        if key == "id":
            return row.id, "muted"
        if key == "verdict":
            shape, tone = PROOF_SHAPES[row.verdict]
            return f"{shape} {word(row.verdict)}", tone
        proof = row.four[key].proof
        shape, tone = PROOF_SHAPES[proof]
        return f"{shape} {_numbers(row, key) or SHORT.get(proof, str(proof))}", tone

    def sort_value(self, row: SubscriptionProof, key: str) -> Any:
        """What is least proven first; the rest by what the column shows."""
        if key == "verdict":
            return ORDER[row.verdict]
        return ORDER[row.four[key].proof] if key in FOUR else self.cell(row, key)[0].casefold()

    def field_text(self, row: SubscriptionProof, key: str) -> str:
        """What a field of the filter reads."""
        if key == "verdict":
            return str(row.verdict)
        if key == "cause":
            return " ".join(each.cause for each in row.facts.causes)
        return str(row.four[key].proof) if key in FOUR else self.cell(row, key)[0]

    def haystack(self, row: SubscriptionProof) -> str:
        """Everything that a word of the filter is looked for in."""
        told = " ".join(shown.text for shown in row.four.values())
        return f"{row.name} {row.id} {row.verdict} {told} {self.field_text(row, 'cause')}"

    def summary(self, shown: Sequence[SubscriptionProof]) -> str:
        """How many are shown, and how they stand."""
        counts = Counter(row.verdict for row in shown)
        told = "  ".join(f"{PROOF_SHAPES[proof][0]} {counts[proof]:,} {word(proof)}" for proof in WORST_FIRST if counts[proof])
        return f"{len(shown):,} of {len(self._all):,} · {told}" if told else f"{len(shown):,} of {len(self._all):,}"

    def _head(self) -> Iterator[Block]:
        report = self.report
        if report is None:
            yield Block("Reading…", "muted")
            return
        shape, tone = PROOF_SHAPES[report.verdict]
        nothing = report.verdicts[Proof.NOTHING]
        told = f"All four are proven for {report.verdicts[Proof.PROVEN]:,} of {count(len(report.subscriptions) - nothing, 'subscription')}"
        yield Block(f"{shape} {told}{f'; {nothing:,} without machines left out' if nothing else ''}.", tone, bold=True)
        parts = []
        for name, words in FOUR.items():
            counts = report.counts(name)
            must = len(report.subscriptions) - counts[Proof.NOTHING]
            parts.append(f"{PROOF_SHAPES[report.in_all[name]][0]} {words.lower()} {counts[Proof.PROVEN]:,}/{must:,}")
        yield Block("  ".join(parts))
        if report.trail is not None and not report.trail.sound:
            yield Block(f"✗ {report.trail.text}", "bad")

    # All about a line

    def details(self, row: SubscriptionProof) -> Sequence[Block]:
        """The four proofs, and on what each rests."""
        shape, tone = PROOF_SHAPES[row.verdict]
        found = [Block(f"{shape} {row.name}: {word(row.verdict)}", tone, bold=True)]
        for name, shown in row.four.items():
            shape, tone = PROOF_SHAPES[shown.proof]
            found.append(Block(f"{shape} {shown.text}", tone if shown.proof is not Proof.PROVEN else "", FOUR[name]))
        found += self._enabled(row)
        found += [fact("Next" if place == 0 else "", step, "accent") for place, step in enumerate(next_steps(row))]
        found += _causes(row)
        found += _health(row)
        if run := [each for each in row.tests if each.machine_id]:
            found += heading("Detection tests")
            found += [block for each in run for block in _test(each)]
        if row.facts.problems:
            found += heading("What could not be read")
            found += [fact(each.source, each.message, "warn") for each in row.facts.problems]
        now = self.desk.clock.now()
        read = ", ".join(f"{source} {age(at, now, coarse=True)}" for source, at in sorted(row.facts.read.items()))
        return [*found, Block(""), fact("Read", f"{read} ago" if read else "never", "muted"), fact("Id", row.id, "muted")]

    def _enabled(self, row: SubscriptionProof) -> Iterator[Block]:
        by = row.enabled_by
        if by is not None:
            plan = f" under plan {by.plan_id}" if by.plan_id else ""
            yield fact("Enabled by", f"{by.by}, {moment(by.at)}{plan}")
        elif row.enabled.proof is Proof.PROVEN:
            elsewhere = row.enabled_elsewhere
            now = self.desk.clock.now()
            told = f"{elsewhere.told().rstrip('.')}, read {age(elsewhere.read_at, now)} ago" if elsewhere else LOG_UNREAD
            yield fact("Enabled by", f"not from here. {told}", "muted")
        for each in row.facts.writes.values():
            told = f"{each.setting} {each.before} → {each.after}: {each.outcome}"
            yield fact(
                "Written", f"{told} · {moment(each.at)} · entry {each.sequence}, {each.hash[:12]}…", "" if each.confirmed else "warn"
            )

    # What is asked for

    def action_export(self) -> None:
        """Ask where to write the report."""
        question = f"Write the report of {count(len(self._all), 'subscription')} to:"
        path = offered(self.desk.home, "report", self.desk.clock.now())
        ask(self, question, path, lambda path, force: ExportRequested("report", path, force))

    def action_machines(self) -> None:
        """Show the machines of the subscription under the cursor that keep it from being proven."""
        if row := self.table.cursor_row:
            states = ",".join(str(state) for state in (*(ABOARD - {MachineState.UNHEALTHY}), MachineState.UNSUPPORTED))
            self.post_message(GoTo("machines", filter_text=f"subscription={quoted(row.name)} -state={states}"))


def word(proof: Proof) -> str:
    """A proof in a word or two."""
    return WORDS.get(proof, str(proof))


def _numbers(row: SubscriptionProof, key: str) -> str:
    """How many machines a proof holds for; empty where that says nothing."""
    states = row.states
    aboard = sum(states.get(state, 0) for state in ABOARD)
    if key not in ("onboarded", "healthy") or row.four[key].proof in (Proof.UNKNOWN, Proof.NOTHING):
        return ""
    if key == "onboarded":
        return f"{aboard:,} of {sum(states.values()) - states.get(MachineState.UNSUPPORTED, 0):,}"
    return f"{sum(one.recent for one in row.facts.health if one.state is MachineState.HEALTHY):,} of {aboard:,}" if aboard else ""


def _causes(row: SubscriptionProof) -> Iterator[Block]:
    causes = row.facts.causes
    if causes:
        yield from heading("Not aboard, or not healthy")
    for each in causes[:CAUSES]:
        shape, tone = STATE_SHAPES[each.state]
        yield Block(f"{shape} {each.machines:,} {each.state}: {each.cause}", tone)
        if each.remedy and each.remedy != each.cause:
            yield Block(f"→ {each.remedy}", "muted", indent=2)
    if len(causes) > CAUSES:
        yield Block(f"and {count(len(causes) - CAUSES, 'more cause')}: m shows the machines, the export has all.", "muted")


def _health(row: SubscriptionProof) -> Iterator[Block]:
    if row.facts.health:
        yield from heading("What machines said of themselves")
    for each in row.facts.health:
        shape, tone = STATE_SHAPES[each.state]
        when = moment(each.oldest) if each.oldest == each.newest else f"{moment(each.oldest)} to {moment(each.newest)}"
        yield Block(f"{shape} {each.machines:,} {each.system} {each.state}, read by {each.way or 'a way not told'}, {when}", tone)


def _test(one: SystemTest) -> Iterator[Block]:
    shape, tone = PROOF_SHAPES[one.shown.proof]
    yield Block(f"{shape} {one.shown.text}", tone if one.shown.proof is not Proof.PROVEN else "", one.system)
    if one.machine_id:
        yield fact("", one.machine_id, "muted")
    if one.waiting is not None:
        ended = f", ended {moment(one.waiting.ended)}" if one.waiting.ended is not None else ""
        yield fact("", f"begun {moment(one.waiting.began)} by {one.waiting.by}{ended} · entry {one.waiting.sequence}", "muted")
    if one.alert is not None:
        yield fact("", f"{one.alert.status}, generated {moment(one.alert.generated)}: {one.alert.id}", "muted")
        yield from (fact("", link, "accent") for link in (one.alert.azure_link, one.alert.defender_link) if link)

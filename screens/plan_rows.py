"""A line of the plan for each chosen subscription: what would be written, what becomes of its machines, and how that ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cache.changes import writes_of
from cache.filter import Test
from cache.model import Fate, Plan, Subscription, SubscriptionPlan
from cache.plan_text import FATE_WORDS, Part, bill_told, changed, headline, setting_line, subscription_lines, value_word
from screens.outcomes import CONFIRMED, FAILED, MOVED, STARTED, UNKNOWN, UNSENT, WAITING
from screens.widgets.columns import Cell, Column
from screens.widgets.document import Block, heading
from screens.words import count

CHANGE, BLOCKED, NOTHING, UNPLANNED = "to write", "blocked", "no change", "unplanned"

STANDINGS: dict[str, tuple[str, str]] = {
    FAILED: ("✗", "bad"),
    UNKNOWN: ("?", "warn"),
    MOVED: ("≠", "warn"),
    UNSENT: ("–", "warn"),
    STARTED: ("◐", "busy"),
    WAITING: ("○", "muted"),
    CONFIRMED: ("✓", "good"),
    CHANGE: ("→", "accent"),
    BLOCKED: ("■", "bad"),
    NOTHING: ("–", "muted"),
    UNPLANNED: ("·", "muted"),
}
"""How a subscription can stand, with shape and tone; what somebody must look at comes first."""

ORDER = {standing: place for place, standing in enumerate(STANDINGS)}

OUTCOMES = frozenset((FAILED, UNKNOWN, MOVED, UNSENT, STARTED, WAITING, CONFIRMED))
"""How it can stand once its plan has been confirmed."""

COLUMNS = (
    Column("status", "Status", 11),
    Column("name", "Subscription", 18, weight=3, ends=True),
    Column("change", "Change", 27, weight=4, rank=1),
    Column("machines", "Machines", 10, weight=3, rank=2),
    Column("undo", "Undo", 4, rank=3),
    Column("who", "Who can clear it", 16, weight=2, rank=4),
    Column("id", "Id", 9, weight=1, rank=5),
)

SHORT = {
    "provider": "provider",
    "servers-plan": "Servers",
    "WDATP": "MDE",
    "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW": "Linux excluded",
    "WDATP_UNIFIED_SOLUTION": "unified",
}
"""Azure's names of settings as the column says them; the text about the line has them in full."""

TONES: dict[Part, str] = {Part.BLOCKER: "bad", Part.WARNING: "warn", Part.IRREVERSIBLE: "warn"}

SOUGHT = 10
"""Machines that are told of those that a filter finds in a line."""

NOT_READ = "no longer listed by Azure"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A chosen subscription: what was read of it last, with how many machines, what the plan says, and how it stands, in ``words``.

    ``onboards`` is how many machines the plan onboards, ``becomes`` what it makes of all of them. ``was`` is how it was
    planned before Azure changed.
    """

    id: str
    known: Subscription | None
    machines: int
    plan: SubscriptionPlan | None
    standing: str
    words: str = ""
    onboards: int = 0
    becomes: str = ""
    was: SubscriptionPlan | None = None

    @property
    def name(self) -> str:
        """Its name, or its id where it has none."""
        named = self.plan or self.known
        return (named.name if named is not None else "") or self.id


def planned_standing(one: SubscriptionPlan) -> str:
    """How a subscription stands before its plan is confirmed."""
    return BLOCKED if one.blockers else CHANGE if one.changes else NOTHING


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole plan comes to, worked out once: it has a line for each subscription and a fate for each machine.

    ``ready`` are the subscriptions to which something is written, ``together`` says what becomes of their machines, ``lasting`` how many
    of the changes cannot be undone, ``bill`` for how many machines a plan is switched that is billed by machine, ``blocked`` who can clear
    what is blocked. By id in lower case: ``planned`` has the subscriptions, ``becomes`` how many machines of each are onboarded, and what
    becomes of all of them.
    """

    ready: tuple[SubscriptionPlan, ...]
    headline: str
    together: str
    lasting: str
    bill: str
    blocked: str
    planned: Mapping[str, SubscriptionPlan]
    becomes: Mapping[str, tuple[int, str]]


def summary_of(plan: Plan) -> Summary:
    """What ``plan`` comes to."""
    ready = changed(plan)
    lasting = sum(1 for one in ready if one.irreversible)
    who = Counter(_role(blocker.who) for one in plan.subscriptions for blocker in one.blockers[:1])
    told = ", ".join(f"{number:,} {words}" for words, number in who.most_common())
    return Summary(
        ready=tuple(ready),
        headline=headline(plan),
        together=f"Machines: {_becomes(ready)}." if ready else "",
        lasting=f"Cannot be undone in {lasting:,} of {count(len(ready), 'subscription')}." if lasting else "",
        bill=bill_told(ready),
        blocked=f"Who can clear what is blocked: {told}." if told else "",
        planned={one.id.lower(): one for one in plan.subscriptions},
        becomes={one.id.lower(): (one.count(Fate.ONBOARD), _becomes([one])) for one in plan.subscriptions},
    )


def _role(who: str) -> str:
    """Who can clear something, without the command for it."""
    return who.partition(":")[0].removesuffix(" of the subscription") or "nobody is known"


def _becomes(subscriptions: Sequence[SubscriptionPlan]) -> str:
    counts = Counter(machine.fate for one in subscriptions for machine in one.fates)
    return ", ".join(f"{counts[fate]:,} {fate}" for fate in FATE_WORDS if counts[fate]) or "none known"


def cell(row: PlanRow, key: str) -> Cell:
    """A cell's text and tone."""
    shape, tone = STANDINGS[row.standing]
    one = row.plan
    match key:
        case "status":
            return f"{shape} {row.standing}", tone
        case "name":
            return row.name, ""
        case "change":
            return _change(row, tone)
        case "machines":
            return (f"{row.machines:,}" if one is None else row.becomes), ""
        case "undo":
            return ("no", "warn") if one is not None and one.irreversible else ("", "")
        case "who":
            return ", ".join(dict.fromkeys(blocker.who for blocker in one.blockers)) if one is not None else "", ""
        case _:
            return row.id, "muted"


def _change(row: PlanRow, tone: str) -> Cell:
    one = row.plan
    if row.standing in OUTCOMES - {CONFIRMED}:
        return row.words, tone
    if one is None:
        return state(row.known), "muted"
    if one.blockers:
        return one.blockers[0].message, ""
    steps = [f"{SHORT[each.kind]} {each.before} → {each.after}" for each in one.steps]
    settings = [f"{SHORT.get(each.name, each.name)} {value_word(each.before)} → {value_word(each.after)}" for each in one.settings]
    changes = ", ".join([*steps, *settings])
    return (changes, "") if changes else (one.why, "muted")


def sort_value(row: PlanRow, key: str) -> object:
    """Worst first, most machines first; the rest by what the column shows."""
    match key:
        case "status":
            return ORDER[row.standing]
        case "machines":
            return -row.onboards, -row.machines
        case "undo":
            return not cell(row, key)[0]
        case _:
            return cell(row, key)[0].casefold()


def field_text(row: PlanRow, key: str) -> str:
    """What a field of the filter reads."""
    one = row.plan
    match key:
        case "status":
            return row.standing
        case "change":
            settings = " ".join(each.name for each in writes_of(one)) if one is not None else ""
            return f"{cell(row, key)[0]} {settings}"
        case "machine":
            return " ".join(machine.name for machine in one.fates) if one is not None else ""
        case "undo":
            return "no" if one is not None and one.irreversible else "yes"
        case "blocked":
            return " ".join(blocker.message for blocker in one.blockers) if one is not None else ""
        case "case":
            return one.case if one is not None else ""
        case _:
            return cell(row, key)[0]


def details(row: PlanRow) -> list[Block]:
    """All about a line: how it ended, the plan for the subscription whole, and what was read of it last."""
    shape, tone = STANDINGS[row.standing]
    found = [Block(f"{shape} {row.name} · {row.standing}: {row.words}", tone, bold=True)] if row.words else []
    if row.plan is not None:
        if row.was is not None:
            found.append(Block(f"Azure changed, so it was planned anew. Before: {setting_line(row.was) or 'nothing to write'}.", "warn"))
        found += _planned(row.plan)
    else:
        found.append(Block(f"{row.name} ({row.id})", "accent", bold=True))
    return [*found, *heading("What was read last"), *_known(row)]


def sought(row: PlanRow, tests: Sequence[Test]) -> list[Block]:
    """The machines of a line whose names a filter looks for, each with its fate: the text below names only a few."""
    fates = row.plan.fates if row.plan is not None and tests else ()
    found = [machine for machine in fates if any(test.accepts(machine.name.casefold()) for test in tests)]
    if not found:
        return []
    told = [Block(f"{machine.name} {FATE_WORDS[machine.fate][0]}: {machine.reason}", indent=2) for machine in found[:SOUGHT]]
    if len(found) > SOUGHT:
        told.append(Block(f"and {len(found) - SOUGHT:,} more", "muted", indent=2))
    return [Block(f"The filter finds {count(len(found), 'machine')}:", "accent"), *told, Block("")]


def _planned(one: SubscriptionPlan) -> Iterator[Block]:
    for line in subscription_lines(one):
        if line.part is Part.TITLE:
            yield Block(line.text, "accent", bold=True)
        else:
            tone = "muted" if line.detail else TONES.get(line.part, "")
            yield Block(line.text, tone, indent=line.indent, bold=line.part is Part.WRITE and not line.detail)


def _known(row: PlanRow) -> Iterator[Block]:
    one = row.known
    if one is None:
        yield Block(NOT_READ, "warn", indent=2)
        return
    right = {True: "you may enable", False: "✗ you have no right to enable", None: "? whether you may enable is not known"}
    seen = "machines cannot be seen" if one.can_see_machines is False and not row.machines else count(row.machines, "machine")
    yield Block(
        f"{state(one)} · unified solution {_word(one.unified)} · servers plan {_word(one.servers_plan)} · {right[one.can_enable]} · {seen}",
        "warn" if not one.can_enable or one.servers_plan == "free" or one.integration is None else "",
        indent=2,
    )


def state(one: Subscription | None) -> str:
    """The integration of a subscription as it was read last."""
    return NOT_READ if one is None else f"integration {_word(one.integration)} · Linux {_word(one.linux)}"


def _word(value: str | None) -> str:
    return (value or "not known").replace("not-set", "not set")


def counted(rows: Sequence[PlanRow]) -> str:
    """How many of the lines stand how."""
    counts = Counter(row.standing for row in rows)
    return "  ".join(f"{shape} {counts[standing]:,} {standing}" for standing, (shape, _) in STANDINGS.items() if counts[standing])

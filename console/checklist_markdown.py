"""The checklist as a document for people: what does not hold first, on what each rests and since when, and the machines of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from cache import markdown
from cache.markdown import table
from cache.model import Check, CheckStatus
from cache.proof import ago
from cache.text import resource_name

ORDER = (
    CheckStatus.FAIL,
    CheckStatus.WARN,
    CheckStatus.UNKNOWN,
    CheckStatus.MANUAL,
    CheckStatus.PASS,
    CheckStatus.NOT_APPLICABLE,
)
"""What somebody must do something about comes first."""

WORDS = {
    CheckStatus.FAIL: "✗ fails",
    CheckStatus.WARN: "! warns",
    CheckStatus.UNKNOWN: "? not known",
    CheckStatus.MANUAL: "☐ by hand",
    CheckStatus.PASS: "✓ holds",
    CheckStatus.NOT_APPLICABLE: "– not applicable",
}


def checklist_markdown(checks: Sequence[Check], names: Mapping[str, str], now: datetime, left_out: int = 0) -> str:
    """The checks of some subscriptions. ``names``: by id in lower case; ``left_out``: so many are not among them."""
    return "\n".join(_lines(checks, names, now, left_out))


def _lines(checks: Sequence[Check], names: Mapping[str, str], now: datetime, left_out: int) -> Iterator[str]:
    by_subscription: dict[str, list[Check]] = defaultdict(list)
    for one in checks:
        by_subscription[one.subscription_id.lower()].append(one)
    counts = Counter(one.status for one in checks)
    yield "# Checklist"
    yield ""
    yield f"Made {now:%Y-%m-%d %H:%M} UTC, of {len(by_subscription):,} subscription{'' if len(by_subscription) == 1 else 's'}."
    if left_out:
        yield f"{left_out:,} checks that were not shown are left out."
    yield ""
    yield from table(("Status", "Checks"), [(WORDS[one], counts[one]) for one in ORDER if counts[one]], right=("Checks",))
    for key in sorted(by_subscription, key=lambda key: (names.get(key, key).casefold(), key)):
        yield from (
            "",
            f"## {markdown.text(names.get(key) or key)}",
            "",
            f"Id {markdown.text(by_subscription[key][0].subscription_id)}.",
            "",
        )
        found = sorted(by_subscription[key], key=lambda one: ORDER.index(one.status))
        yield from table(
            ("Status", "Check", "Machines", "Evidence", "Evidence read"), (_row(one, now) for one in found), right=("Machines",)
        )
        for one in found:
            yield from _check(one)


def _row(one: Check, now: datetime) -> tuple[object, ...]:
    status = f"✓ ticked by {one.ticked_by}" if one.ticked_by else WORDS[one.status]
    return status, one.title, one.affected, one.evidence, ago(one.as_of, now) if one.as_of else "nothing is read"


def _check(one: Check) -> Iterator[str]:
    """What to do about a check, and the machines that it concerns."""
    if not (one.remedy or one.command or one.link or one.machine_ids):
        return
    yield from ("", f"### {markdown.text(one.title)}", "")
    if one.remedy:
        yield f"- **What to do:** {markdown.text(one.remedy)}"
    if one.who:
        yield f"- **Who:** {markdown.text(one.who)}"
    if one.command:
        yield f"- **Command:** {markdown.code(one.command)}"
    if one.link:
        yield f"- **Portal:** {markdown.link('open', one.link)}"
    if one.reference:
        yield f"- **Reference:** {markdown.text(one.reference)}"
    if one.machine_ids:
        yield from ("", *table((f"Machines ({one.affected:,})", "Id"), ((resource_name(each), each) for each in one.machine_ids)))

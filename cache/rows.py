"""Between records and rows: what a record looks like in the file, and what is made of a row, however odd its content.

Reading never raises for what a row holds: text is cleaned, a time that cannot be read is ``None``, a list that cannot
be read is empty, and a state that this version does not know is ``unknown``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from cache.model import (
    Assessment,
    Check,
    CheckStatus,
    Diagnosis,
    Extension,
    Freshness,
    LogEntry,
    MachineState,
    Onboarding,
    Permission,
    Problem,
    Reading,
    Subscription,
)
from cache.text import clean, clean_lines
from cache.values import from_json, microseconds_or_none, moment_of, moment_or, moment_or_none, one_of, stamp, to_json

Row = Sequence[Any]

NOT_EVALUATED = "not evaluated yet"
_DEFENDER_PUBLISHER = "microsoft.azure.azuredefenderforservers"


def _list(text: object) -> list[Any]:
    value = from_json(text)
    return value if isinstance(value, list) else []


def _optional(text: object) -> str | None:
    return None if text is None else clean(text)


def _truth(value: object) -> bool | None:
    return None if value is None else bool(value)


def tags_row(tags: Mapping[str, str]) -> str:
    """Tags as JSON."""
    return to_json({clean(name): clean(tags[name]) for name in sorted(tags)}) if tags else "{}"


def tags(text: object) -> dict[str, str]:
    """The tags in JSON."""
    if text == "{}":
        return {}
    value = from_json(text)
    return {clean(name): clean(one) for name, one in value.items()} if isinstance(value, dict) else {}


def pairs_row(pairs: Iterable[tuple[str, str]]) -> str:
    return to_json([[clean(kind), clean_lines(text)] for kind, text in pairs])


def pairs(text: object) -> tuple[tuple[str, str], ...]:
    return tuple((clean(one[0]), clean_lines(one[1])) for one in _list(text) if isinstance(one, list) and len(one) == 2)


def lines_row(texts: Iterable[str]) -> str:
    """A list of texts as JSON."""
    return to_json([clean_lines(text) for text in texts])


def lines(text: object) -> tuple[str, ...]:
    return () if text == "[]" else tuple(clean_lines(one) for one in _list(text))


# Subscriptions

SUBSCRIPTION = (
    "s.id, s.name, s.state, s.tenant_id, s.servers_plan, s.integration, s.linux, s.unified, s.provider, s.permissions, "
    "s.can_enable, s.can_triage, s.can_see_machines, s.can_set_plan, s.enabled_at, s.tags, s.fetched_at"
)


def subscription(row: Row) -> Subscription:
    """The subscription in a row of the columns :data:`SUBSCRIPTION`."""
    permissions = from_json(row[9])
    return Subscription(
        id=clean(row[0]),
        name=clean(row[1]),
        state=clean(row[2]),
        tenant_id=clean(row[3]),
        servers_plan=_optional(row[4]),
        integration=_optional(row[5]),
        linux=_optional(row[6]),
        unified=_optional(row[7]),
        provider=_optional(row[8]),
        permissions=tuple(_permission(one) for one in permissions) if isinstance(permissions, list) else None,
        can_enable=_truth(row[10]),
        can_triage=_truth(row[11]),
        can_see_machines=_truth(row[12]),
        can_set_plan=_truth(row[13]),
        enabled_at=moment_or_none(row[14]),
        tags=tags(row[15]),
        as_of=moment_or_none(row[16]),
    )


def _permission(value: object) -> Permission:
    if not isinstance(value, dict):
        return Permission(())
    actions, denied = value.get("actions"), value.get("not_actions")
    return Permission(
        tuple(clean(one) for one in actions) if isinstance(actions, list) else (),
        tuple(clean(one) for one in denied) if isinstance(denied, list) else (),
    )


def permissions_row(permissions: Sequence[Permission] | None) -> str | None:
    """Permissions as JSON."""
    if permissions is None:
        return None
    return to_json(
        [
            {"actions": [clean(each) for each in one.actions], "not_actions": [clean(each) for each in one.not_actions]}
            for one in permissions
        ]
    )


def subscription_row(one: Subscription, now: datetime) -> Row:
    """What a listing tells of a subscription: id, name, state, tenant, tags and when."""
    return (clean(one.id), clean(one.name), clean(one.state), clean(one.tenant_id), tags_row(one.tags), stamp(one.as_of or now))


# Machines


def extensions_row(extensions: Sequence[Extension]) -> str:
    """A machine's extensions as JSON."""
    return to_json([_extension_row(one) for one in extensions]) if extensions else "[]"


@lru_cache(maxsize=8192)
def extensions(text: str | None) -> tuple[Extension, ...]:
    """The extensions in JSON."""
    return tuple(_extension(one) for one in _list(text) if isinstance(one, dict))


def defender(text: str | None) -> Extension | None:
    """Defender for Endpoint's extension among those in JSON."""
    return next((one for one in extensions(text) if is_defender(one.publisher, one.type)), None)


def is_defender(publisher: str, kind: str) -> bool:
    """Whether an extension is Defender for Endpoint's (``MDE.Linux`` or ``MDE.Windows`` of its publisher)."""
    return publisher.casefold() == _DEFENDER_PUBLISHER and kind.casefold().startswith("mde.")


def _extension_row(one: Extension) -> dict[str, str]:
    return {
        "name": clean(one.name),
        "publisher": clean(one.publisher),
        "type": clean(one.type),
        "state": clean(one.state),
        "version": clean(one.version),
        "code": clean(one.code),
        "message": clean_lines(one.message),
    }


def _extension(value: Mapping[str, object]) -> Extension:
    return Extension(
        name=clean(value.get("name")),
        publisher=clean(value.get("publisher")),
        type=clean(value.get("type")),
        state=clean(value.get("state")),
        version=clean(value.get("version")),
        code=clean(value.get("code")),
        message=clean_lines(value.get("message")),
    )


# Onboarding


def onboarding(row: Row) -> Onboarding:
    """The onboarding state in a row of machine, state, reason, since, due (microseconds), explanation, evidence, diagnosis."""
    return Onboarding(
        machine_id=clean(row[0]),
        state=one_of(MachineState, row[1], MachineState.UNKNOWN),
        reason=clean(row[2]),
        since=moment_of(row[3]),
        due=moment_of(row[4]),
        explanation=clean_lines(row[5]),
        evidence=lines(row[6]),
        diagnosis=diagnosis(row[7]),
    )


def onboarding_row(one: Onboarding) -> tuple[str, str, int | None, int | None, str, str, str]:
    """State, reason, since, due (microseconds), explanation, evidence and diagnosis (empty: none) of an onboarding state."""
    return (
        str(one.state),
        clean(one.reason),
        microseconds_or_none(one.since),
        microseconds_or_none(one.due),
        clean_lines(one.explanation),
        lines_row(one.evidence),
        "" if one.diagnosis is None else _diagnosis_row(one.diagnosis),
    )


def _diagnosis_row(one: Diagnosis) -> str:
    return to_json(
        {
            "code": clean(one.code),
            "cause": clean_lines(one.cause),
            "remedy": clean_lines(one.remedy),
            "layer": clean(one.layer),
            "reference": clean(one.reference),
        }
    )


@lru_cache(maxsize=4096)
def diagnosis(text: str | None) -> Diagnosis | None:
    """The diagnosis in a column of the table ``verdicts``."""
    value = from_json(text)
    if not isinstance(value, dict):
        return None
    return Diagnosis(
        code=clean(value.get("code")),
        cause=clean_lines(value.get("cause")),
        remedy=clean_lines(value.get("remedy")),
        layer=clean(value.get("layer")),
        reference=clean(value.get("reference")),
    )


# Assessments and checks


def assessment(row: Row) -> Assessment:
    """The assessment in a row of the table's columns."""
    return Assessment(clean(row[0]), clean(row[1]), clean(row[2]), clean(row[3]), clean_lines(row[4]), clean_lines(row[5]))


def assessment_row(one: Assessment, subscription_id: str) -> Row:
    """An assessment in the order of the table's columns."""
    return (
        clean(one.machine_id),
        clean(subscription_id),
        clean(one.key),
        clean(one.status),
        clean_lines(one.cause),
        clean_lines(one.description),
    )


CHECK = """c.subscription_id, c.id, a.title, a.status, a.evidence, a.remedy, a.who, a.command, a.link, a.reference, CASE c.machines
    WHEN '[]' THEN '[]' ELSE (SELECT json_group_array(COALESCE(m.id, n.value)) FROM json_each(c.machines) n
        LEFT JOIN machines m ON n.type = 'integer' AND m.key = n.value WHERE n.type = 'text' OR m.key IS NOT NULL) END,
    c.ticked_by, c.ticked_at"""


def check(row: Row) -> Check:
    """The check in a row of the columns :data:`CHECK` (of ``checks c`` and ``answers a``) and of when it held."""
    return Check(
        subscription_id=clean(row[0]),
        id=clean(row[1]),
        title=clean(row[2]),
        status=one_of(CheckStatus, row[3], CheckStatus.UNKNOWN),
        evidence=clean_lines(row[4]),
        remedy=clean_lines(row[5]),
        who=clean(row[6]),
        command=clean_lines(row[7]),
        link=clean(row[8]),
        reference=clean(row[9]),
        machine_ids=() if row[10] == "[]" else tuple(clean(one) for one in _list(row[10])),
        ticked_by=clean(row[11]),
        ticked_at=moment_or_none(row[12]),
        as_of=moment_or_none(row[13]),
    )


def answer_row(one: Check) -> tuple[str, ...]:
    """What a check says, which is the same for many subscriptions."""
    return (
        clean(one.title),
        str(one.status),
        clean_lines(one.evidence),
        clean_lines(one.remedy),
        clean(one.who),
        clean_lines(one.command),
        clean(one.link),
        clean(one.reference),
    )


# The console's own


def problem(row: Row) -> Problem:
    """The problem in a row of code, message, source, time, subscription."""
    return Problem(clean(row[0]), clean_lines(row[1]), clean(row[2]), moment_or(row[3]), clean(row[4]))


def freshness(row: Row) -> Freshness:
    """The freshness in a row of source, subscription, time."""
    return Freshness(clean(row[0]), clean(row[1]), moment_or(row[2]))


def reading(row: Row) -> Reading:
    """The reading in a row of source, time, number of subscriptions."""
    return Reading(clean(row[0]), moment_or(row[1]), int(row[2]))


def log_entry(row: Row) -> LogEntry:
    """The log line in a row of time, level, message."""
    return LogEntry(moment_or(row[0]), clean(row[1]), clean_lines(row[2]))

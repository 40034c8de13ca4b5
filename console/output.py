"""What the verbs print: the documented JSON, and the same as text for people.

The JSON is an object ``{"schema": 1, "as_of": …, "items": […]}``; its names are a contract with scripts (docs/json.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from cache.enabling import Enabling
from cache.machine_clock import machine_clock
from cache.model import Alert, AuditEntry, Check, Diagnosis, Extension, MachineRow, SubscriptionRow

if TYPE_CHECKING:
    from console.rules.discount import DiscountRow

SCHEMA = 1


def moment(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return None if time is None else time.isoformat(timespec="seconds").replace("+00:00", "Z")


def document(items: Sequence[Mapping[str, Any]], as_of: datetime | None) -> str:
    """The JSON document around ``items``; ``as_of`` is the age of the oldest data in it."""
    return json.dumps({"schema": SCHEMA, "as_of": moment(as_of), "items": list(items)}, ensure_ascii=False, indent=2)


def enabling_item(one: Enabling) -> dict[str, Any]:
    """What Azure's activity log tells of who enabled a subscription, for scripts."""
    return {
        "at": moment(one.at),
        "actor": one.by or None,
        "setting": one.setting or None,
        "read_at": moment(one.read_at),
        "problem": one.problem or None,
    }


def subscription_item(row: SubscriptionRow) -> dict[str, Any]:
    """A subscription for scripts."""
    one = row.subscription
    return {
        "id": one.id,
        "name": one.name,
        "state": one.state,
        "tenant_id": one.tenant_id,
        "servers_plan": one.servers_plan,
        "integration": one.integration,
        "linux": one.linux,
        "unified": one.unified,
        "provider": one.provider,
        "can_enable": one.can_enable,
        "can_triage": one.can_triage,
        "can_see_machines": one.can_see_machines,
        "machines": row.machines,
        "states": dict(row.states),
        "enabled_at": moment(one.enabled_at),
        "enabled_elsewhere": None if row.enabling is None else enabling_item(row.enabling),
        "problems": [{"code": problem.code, "message": problem.message} for problem in row.problems],
        "as_of": moment(one.as_of),
    }


def check_item(check: Check) -> dict[str, Any]:
    """A check for scripts."""
    return {
        "subscription_id": check.subscription_id,
        "id": check.id,
        "title": check.title,
        "status": str(check.status),
        "evidence": check.evidence,
        "remedy": check.remedy,
        "who": check.who,
        "command": check.command,
        "link": check.link,
        "reference": check.reference,
        "affected": check.affected,
        "machine_ids": list(check.machine_ids),
        "ticked_by": check.ticked_by or None,
        "ticked_at": moment(check.ticked_at),
        "as_of": moment(check.as_of),
    }


def _extension(extension: Extension | None) -> dict[str, Any] | None:
    if extension is None:
        return None
    return {
        "name": extension.name,
        "state": extension.state,
        "version": extension.version,
        "code": extension.code,
        "message": extension.message,
    }


def _diagnosis(diagnosis: Diagnosis | None) -> dict[str, Any] | None:
    return None if diagnosis is None else {"code": diagnosis.code, "cause": diagnosis.cause, "remedy": diagnosis.remedy}


def _clock(row: MachineRow, now: datetime) -> dict[str, Any] | None:
    clock = machine_clock(row.state, row.reason, row.since, row.due, now)
    if clock is None:
        return None
    times = {"began": moment(clock.began), "expected": moment(clock.expected), "overdue": moment(clock.overdue)}
    return {**times, "pace": str(clock.pace), "by_seconds": int(clock.by.total_seconds())}


def machine_item(row: MachineRow, now: datetime) -> dict[str, Any]:
    """A machine for scripts, its clock as of ``now``."""
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "subscription_id": row.subscription_id,
        "resource_group": row.resource_group,
        "location": row.location,
        "os_type": row.os_type,
        "os_name": row.os_name,
        "power": row.power,
        "state": str(row.state),
        "reason": row.reason,
        "since": moment(row.since),
        "due": moment(row.due),
        "clock": _clock(row, now),
        "extension": _extension(row.extension),
        "diagnosis": _diagnosis(row.diagnosis),
        "as_of": moment(row.as_of),
    }


def alert_item(alert: Alert) -> dict[str, Any]:
    """An alert for scripts."""
    return {
        "id": alert.id,
        "name": alert.name,
        "subscription_id": alert.subscription_id,
        "resource_group": alert.resource_group,
        "location": alert.location,
        "title": alert.title,
        "severity": alert.severity,
        "status": alert.status,
        "product": alert.product,
        "alert_type": alert.alert_type,
        "from_endpoint": alert.from_endpoint,
        "machine_id": alert.machine_id,
        "compromised_entity": alert.compromised_entity,
        "description": alert.description,
        "remediation": list(alert.remediation),
        "started": moment(alert.started),
        "generated": moment(alert.generated),
        "azure_link": alert.azure_link,
        "defender_link": alert.defender_link,
        "entities": [{"kind": kind, "text": text} for kind, text in alert.entities],
        "as_of": moment(alert.as_of),
    }


def discount_item(row: DiscountRow) -> dict[str, Any]:
    """A line of the discount report for scripts."""
    return {
        "workspace_id": row.workspace_id,
        "name": row.name,
        "region": row.region,
        "machines": row.machines,
        "subscription_ids": list(row.subscription_ids),
    }


def audit_item(entry: AuditEntry) -> dict[str, Any]:
    """An entry of the audit trail for scripts."""
    return {
        "sequence": entry.sequence,
        "at": moment(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "before": entry.before,
        "after": entry.after,
        "outcome": entry.outcome,
        "hash": entry.hash,
    }


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], width: int = 0) -> str:
    """Rows as aligned text. With ``width``, the last column is cut so that lines fit."""
    lines = [tuple(titles), *(tuple("–" if cell in (None, "") else str(cell) for cell in row) for row in rows)]
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(titles))]
    text = []
    for line in lines:
        cells = [set_cell_size(cell, size) for cell, size in zip(line[:-1], widths, strict=False)]
        whole = "  ".join([*cells, line[-1]]).rstrip()
        text.append(set_cell_size(whole, width - 1).rstrip() + "…" if width and cell_len(whole) > width else whole)
    return "\n".join(text)

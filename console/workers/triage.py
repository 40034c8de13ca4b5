"""Changing the status of alerts: each written to the journal, sent, and read back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from cache.changes import SET_STATUS
from cache.model import Alert
from console.gateway.errors import AzureProblem
from console.together import together
from console.workers.work import Refused, Work

STATUSES = ("Active", "InProgress", "Resolved", "Dismissed")


@dataclass(frozen=True, slots=True)
class Triaged:
    """What became of one alert; ``failure`` is empty when Azure, read back, has the new status."""

    alert_id: str
    title: str
    failure: str


async def set_status(work: Work, alert_ids: Collection[str], status: str) -> list[Triaged]:
    """Give every alert ``status``. A failure stops only its alert. Raises :class:`Refused` when changes are not allowed."""
    if work.read_only:
        raise Refused("This console is read-only, so no alert was changed. Start it without --read-only to triage.")
    if status not in STATUSES:
        raise Refused(f"“{status}” is not a status of an alert. Known are {', '.join(STATUSES)}.")
    work.activity.begin("triage", f"setting alerts to {status}", total=len(alert_ids))
    try:
        return await together(_one(work, alert_id, status) for alert_id in alert_ids)
    finally:
        work.activity.end("triage")


async def _one(work: Work, alert_id: str, status: str) -> Triaged:
    async with work.gate:
        alert = await work.fleet.alert(alert_id)
        if alert is None:
            return Triaged(alert_id, alert_id, "It is not in the cache any more; refresh and look again.")
        if alert.status == status:
            return Triaged(alert_id, alert.title, "")
        subscription = await work.fleet.subscription(alert.subscription_id)
        if subscription is not None and subscription.can_triage is False:
            return Triaged(
                alert_id, alert.title, "You have no right to change alerts in this subscription (Security Admin or Owner has it)."
            )
        failure = await _send(work, alert, status)
        if failure:
            await work.fleet.add_log("error", f"{alert.title}: {failure}")
        return Triaged(alert_id, alert.title, failure)


async def _send(work: Work, alert: Alert, status: str) -> str:
    sequence = await work.journal.begin(work.principal, SET_STATUS, alert.id, alert.status, status)
    failure = ""
    try:
        await work.azure.set_alert_status(alert.id, status)
    except AzureProblem as problem:
        failure = problem.message
    except BaseException:
        await asyncio.shield(work.journal.finish(sequence, "unknown: interrupted while it was being sent"))
        raise
    try:
        now = await work.azure.alert_status(alert.id)
    except AzureProblem as problem:
        sentence = f"Sent, but it could not be read back: {failure or problem.message}"
        await work.journal.finish(sequence, f"unknown: {sentence}")
        return sentence
    await work.fleet.set_alert_status(alert.id, now)
    if now == status:
        await work.journal.finish(sequence, "confirmed")
        return ""
    sentence = f"Azure says {now} after the change, not {status}. {failure}".strip()
    await work.journal.finish(sequence, f"failed: {sentence}")
    return sentence

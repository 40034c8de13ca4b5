"""Waiting for the alert of a detection test: the proof that a machine not only is onboarded but reports."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from cache.model import Alert, Machine, Source
from cache.trail import DETECTION_TEST
from cache.values import stamp
from console.gateway.errors import AzureProblem, SignInRequired
from console.rules.detection_test import EARLIER, DetectionTest, proves
from console.workers.alerts import keep_details, read_alerts, shows_alerts
from console.workers.work import Work

EVERY = timedelta(seconds=30)
"""Between two looks."""


@dataclass(frozen=True, slots=True)
class Waited:
    """What waiting came to. ``alert`` is ``None`` where none came in time; ``problem`` is the last thing that could not be read."""

    began: datetime
    ended: datetime
    alert: Alert | None
    problem: str = ""


async def wait_for_alert(
    work: Work,
    machine: Machine,
    test: DetectionTest,
    patience: timedelta,
    *,
    every: timedelta = EVERY,
) -> Waited:
    """Read the alerts of the machine's subscription until that of the test is there, or ``patience`` is over.

    The journal keeps when the waiting began and what it came to. A reading that fails is tried again at the next look. Raises
    :class:`SignInRequired` when the sign-in is lost.
    """
    began = work.clock.now()
    await work.journal.note(work.principal, DETECTION_TEST, machine.id, "", test.title, "begun")
    key = f"alert {machine.id.lower()}"
    work.activity.begin(key, f"waiting for the test alert of {machine.name}")
    ended = False
    try:
        while True:
            problem = await _read(work, machine.subscription_id, began - EARLIER)
            alert = await _found(work, machine, test, began)
            now = work.clock.now()
            if alert is not None or now - began >= patience:
                ended = True
                await _note_end(work, machine, began, alert, _came_to(began, now, alert, problem))
                return Waited(began, now, alert, "" if alert is not None else problem)
            await work.sleep(min(every, patience - (now - began)).total_seconds())
    finally:
        work.activity.end(key)
        if not ended:
            await asyncio.shield(_note_end(work, machine, began, None, "interrupted: the waiting was ended before the alert came"))


def _came_to(began: datetime, now: datetime, alert: Alert | None, problem: str) -> str:
    seconds = round((now - began).total_seconds())
    if alert is not None:
        return f"confirmed: the alert was seen {seconds} s after the waiting began"
    return f"failed: no alert came in {seconds} s" + (f"; the alerts could not be read: {problem}" if problem else "")


async def _note_end(work: Work, machine: Machine, began: datetime, alert: Alert | None, outcome: str) -> None:
    found = "" if alert is None else alert.id
    await work.journal.note(work.principal, DETECTION_TEST, machine.id, stamp(began), found, outcome)


async def _read(work: Work, subscription_id: str, since: datetime) -> str:
    """Read what was generated lately, from Resource Graph where that shows it, else from the service. Returns what went wrong."""
    if shows_alerts(await work.fleet.subscription(subscription_id)):
        try:
            async with work.gate:
                async for page in work.azure.graph_alerts_since(since, [subscription_id]):
                    await work.fleet.see_alerts(page, uuid4().hex)
        except SignInRequired:
            raise
        except AzureProblem as problem:
            await work.fleet.add_log("warning", f"Resource Graph did not tell the alerts, the subscription is asked: {problem.message}")
        else:
            return ""
    await read_alerts(work, subscription_id)
    told = [one.message for one in await work.fleet.problems([subscription_id]) if one.source == Source.ALERTS]
    return told[0] if told else ""


async def _found(work: Work, machine: Machine, test: DetectionTest, began: datetime) -> Alert | None:
    """The newest alert that proves the test, with its details."""
    for alert in await work.fleet.alerts_since(began - EARLIER, [machine.subscription_id]):
        if proves(alert, machine, test, began):
            if not alert.details_known:
                try:
                    async with work.gate:
                        await keep_details(work, [alert.id])
                except SignInRequired:
                    raise
                except AzureProblem as problem:
                    await work.fleet.add_log("warning", f"The details of the test alert could not be read: {problem.message}")
            return await work.fleet.alert(alert.id) or alert
    return None

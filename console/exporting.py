"""What follows from a screen's wish for a document: it is made from the cache and the journal, and written where the user said."""

from __future__ import annotations

import asyncio

from cache.report import Who, read_report, trail_head
from console import output
from console.answers import Tell
from console.checklist_markdown import checklist_markdown
from console.exports import ExportError, ending_of, write_export
from console.plan_files import plan_item
from console.plan_markdown import plan_markdown
from console.report_text import report_item, report_markdown
from screens import requests
from screens.checklist import check_key
from screens.desk import Desk


async def export(desk: Desk, request: requests.ExportRequested, tell: Tell) -> None:
    """Write a document and say where it is. Raises :class:`console.exports.ExportError`."""
    ending = ending_of(request.path)
    match request.what:
        case "plan":
            text = await _plan(desk, ending, request.plan_id)
        case "checklist":
            text = await _checklist(desk, ending, request.shown)
        case _:
            text = await _report(desk, ending)
    path = write_export(request.path, text, force=request.force)
    sentence = f"The {request.what} is in {path}"
    tell(sentence)
    await desk.fleet.add_log("info", sentence)


async def _report(desk: Desk, ending: str) -> str:
    chosen = await desk.fleet.selection()
    session = desk.session
    who = Who(session.cloud, session.tenant_id, session.principal)
    trail = await trail_head(desk.journal)
    found = await read_report(desk.fleet, desk.journal, desk.clock.now(), who, sorted(chosen) if chosen else None, trail)
    if ending == ".json":
        return await asyncio.to_thread(lambda: output.document([report_item(found)], found.as_of))
    return await asyncio.to_thread(report_markdown, found)


async def _plan(desk: Desk, ending: str, plan_id: str) -> str:
    plan = await desk.journal.plan(plan_id)
    if plan is None:
        raise ExportError("That plan is not in the journal any more. Plan again.")
    if ending == ".json":
        return await asyncio.to_thread(lambda: output.document([plan_item(plan)], plan.created_at))
    return await asyncio.to_thread(plan_markdown, plan)


async def _checklist(desk: Desk, ending: str, shown: frozenset[str] | None) -> str:
    chosen = await desk.fleet.selection()
    every = await desk.fleet.checks(chosen or None)
    checks = [one for one in every if shown is None or check_key(one) in shown]
    if ending == ".json":
        as_of = min((one.as_of for one in checks if one.as_of is not None), default=None)
        return await asyncio.to_thread(lambda: output.document([output.check_item(one) for one in checks], as_of))
    names, now = await desk.fleet.subscription_names(), desk.clock.now()
    return await asyncio.to_thread(checklist_markdown, checks, names, now, len(every) - len(checks))

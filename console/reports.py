"""The verb ``report``: what is proven of each subscription, and documents for people outside of the console."""

from __future__ import annotations

from cache.failure import Exit
from cache.model import Source, Workspace
from cache.proof import Proof
from cache.report import Who, read_report, trail_head
from console import output
from console.exports import check_free, ending_of, write_export
from console.report_text import report_item, report_markdown, verdict_text
from console.session import Setup, remembered
from console.stock import connected, oldest, say, stocked, wanted

SUPPORT = "#blade/Microsoft_Azure_Support/HelpAndSupportBlade/overview"
"""Where in the Azure portal Microsoft's support is asked."""


async def report(setup: Setup, as_json: bool, out: str | None, force: bool, refresh: bool) -> int:
    """Write what is proven of the subscriptions named, else of the chosen ones, else of all: enabled, onboarded, healthy, alert seen.

    Exit 0 all four for every subscription with machines, 3 for some (or the audit trail is not as it was written), 1 for none.
    """
    ending = _ending(out, force)
    async with stocked(setup, refresh) as stock:
        last = remembered(setup)
        assert last is not None  # else there would be no stock
        chosen = await wanted(setup, stock.fleet) or sorted(await stock.fleet.selection()) or None
        who = Who(setup.cloud.name, last.tenant_id, last.principal)
        found = await read_report(stock.fleet, stock.journal, setup.clock.now(), who, chosen, await trail_head(stock.journal))
    document, text = output.document([report_item(found)], found.as_of), report_markdown(found)
    if out:
        say(f"The report is in {write_export(out, document if ending == '.json' else text, force=force)}.")
        say(verdict_text(found))
    if not out or as_json:
        print(document if as_json else text)
    return _CODES.get(found.verdict, Exit.FAILED)


_CODES = {Proof.PROVEN: Exit.DONE, Proof.PARTLY: Exit.PARTLY}


def _ending(out: str | None, force: bool) -> str:
    """How the file ends that is to be written, looked at before anything is read: it may take long."""
    if not out:
        return ""
    ending = ending_of(out)
    check_free(out, force=force)
    return ending


async def report_discount(setup: Setup, as_json: bool, out: str | None, force: bool, refresh: bool) -> int:
    """Write how many machines with Defender report to which Log Analytics workspace. Exit 0 all, 3 where something could not be read."""
    from console.gateway.errors import AzureProblem
    from console.rules import discount
    from console.workers.apart import read_fleet

    ending = _ending(out, force)
    async with connected(setup) as connection:
        fleet = connection.fleet
        if refresh or not await fleet.knows_subscriptions():
            await read_fleet(connection.work)
        ids = await wanted(setup, fleet)
        rows = [row for row in await fleet.subscriptions() if ids is None or row.subscription.id in ids]
        scope = [row.subscription.id for row in rows]
        agents: dict[str, str] = {}
        workspaces: list[Workspace] = []
        partly = False
        try:
            workspaces, agents = await connection.azure.workspaces(scope)
        except AzureProblem as problem:
            partly = True
            say(f"The workspaces could not be read, so none is named: {problem}")
        found = discount.discount_rows(await fleet.machine_rows(ids), agents, workspaces)
        hidden = sum(
            any(one.source == Source.MACHINES for one in row.problems) or row.subscription.can_see_machines is False for row in rows
        )
        support = f"{setup.cloud.azure_portal.rstrip('/')}/{SUPPORT}" if setup.cloud.azure_portal else ""
        said = discount.notes(found, hidden, support)
        as_of = await oldest(fleet, Source.MACHINES, ids)
    document = output.document([output.discount_item(one) for one in found], as_of)
    text = discount.markdown(found, said, as_of)
    if out:
        say(f"The report is in {write_export(out, document if ending == '.json' else text, force=force)}.")
    if as_json or ending == ".json":
        for sentence in said:
            say(sentence)
    if not out or as_json:
        print(document if as_json else text)
    return 3 if partly or hidden else 0

"""The verb ``checklist``: the checks, some of them alone, read again alone, printed or written to a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from cache.check_sources import RESTS_ON, sources_of
from cache.model import Check, CheckStatus, Source
from console import output
from console.checklist_markdown import checklist_markdown
from console.exports import check_free, ending_of, write_export
from console.listings import CHECKLIST
from console.session import Connection, Setup, remembered
from console.stock import Stock, VerbError, connected, oldest, say, stocked, wanted


async def checklist(setup: Setup, as_json: bool, refresh: bool, out: str | None, force: bool, check_ids: Sequence[str]) -> int:
    """Print the checks, those named only. With ``refresh`` Azure is read first, for named ones only what these rest on."""
    _known(check_ids)
    ending = ending_of(out) if out else ""
    if out:
        check_free(out, force=force)
    async with _stock(setup, refresh, check_ids) as stock:
        ids = await wanted(setup, stock.fleet)
        rows = [row for row in await CHECKLIST.read(stock.fleet, ids) if not check_ids or row[0].id in check_ids]
        checks: list[Check] = [row[0] for row in rows]
        now, names = setup.clock.now(), await stock.fleet.subscription_names()
        as_of = await oldest(stock.fleet, Source.SETTINGS, ids)
        if check_ids:
            as_of = min((one.as_of for one in checks if one.as_of is not None), default=None)
    document = output.document([output.check_item(one) for one in checks], as_of)
    if out:
        text = document if ending == ".json" else checklist_markdown(checks, names, now)
        say(f"The checklist is in {write_export(out, text, force=force)}.")
    if as_json:
        print(document)
    elif not out:
        print(output.table(tuple(CHECKLIST.columns), [tuple(tell(row) for tell in CHECKLIST.columns.values()) for row in rows]))
    return 0


async def tick(setup: Setup, as_json: bool, check_ids: Sequence[str], *, done: bool) -> int:
    """Confirm manual steps of the subscriptions named on the command line, or take that back, as whoever signed in last; then print them.

    What is confirmed already stays as it was, with who and when. Raises :class:`VerbError` for a check that is no manual step: then none
    is changed.
    """
    _known(check_ids)
    from console.workers.evaluate import evaluate

    async with stocked(setup, refresh=False) as stock:
        ids, last = await wanted(setup, stock.fleet), remembered(setup)
        checks = [one for one in await stock.fleet.checks(ids) if one.id in check_ids]
        for one in checks:
            if one.status is not CheckStatus.MANUAL and not one.ticked_by:
                raise VerbError(f"Only manual steps are ticked; {one.id} is checked by reading Azure.")
        for one in checks:
            if done and not one.ticked_by:
                await stock.journal.tick(one.subscription_id, one.id, last.principal if last is not None else "")
            elif not done:
                await stock.journal.untick(one.subscription_id, one.id, last.principal if last is not None else "")
        await evaluate(stock.fleet, stock.journal, setup.clock, setup.cloud, ids)
    return await checklist(setup, as_json, False, None, False, check_ids)


def _known(check_ids: Sequence[str]) -> None:
    for one in check_ids:
        if one not in RESTS_ON:
            raise VerbError(f"There is no check {one}. There are: {', '.join(RESTS_ON)}.")


@asynccontextmanager
async def _stock(setup: Setup, refresh: bool, check_ids: Sequence[str]) -> AsyncIterator[Stock]:
    """The cache, read again as far as it is asked for."""
    sources = sources_of(check_ids)
    if not refresh or not check_ids or not sources:
        if refresh and check_ids:
            say("Nothing in Azure is read for this: it follows from the cloud, or is done by hand.")
        async with stocked(setup, refresh and not check_ids) as stock:
            yield stock
        return
    async with connected(setup) as connection:
        await _read_alone(setup, connection, sources)
        yield Stock(connection.fleet, connection.journal)


async def _read_alone(setup: Setup, connection: Connection, sources: frozenset[Source]) -> None:
    from console.workers.apart import read_fleet

    fleet = connection.fleet
    if not await fleet.knows_subscriptions():  # there is nothing yet that it could be read for
        await read_fleet(connection.work)
        return
    ids = await wanted(setup, fleet) or sorted(await fleet.selection())
    report = await read_fleet(connection.work, ids, sources)
    for one in report.problems[:5]:
        say(f"{one.source} could not be read: {one.message}")

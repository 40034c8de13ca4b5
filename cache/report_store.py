"""The reports of machines in ``fleet.db``."""

from __future__ import annotations

from collections.abc import Sequence

import aiosqlite

from cache.editing import FleetEditing, Ids, within_places
from cache.machine_reports import Finding, MachineReport
from cache.model import CheckStatus
from cache.text import clean
from cache.values import from_json, microseconds, moment_of, one_of, to_json

MOST_FINDINGS = 100

_COLUMNS = "m.id, p.subscription_id, r.kind, r.at, r.way, r.outcome, r.code, r.reason, r.remedy"
_TABLES = "FROM machine_reports r JOIN machines m ON m.key = r.machine JOIN places p ON p.key = m.place"
_PUT = """INSERT INTO machine_reports (machine, kind, at, way, outcome, code, reason, remedy, findings)
    SELECT key, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM machines WHERE id = ?1
    ON CONFLICT (machine, kind) DO UPDATE SET at = excluded.at, way = excluded.way, outcome = excluded.outcome, code = excluded.code,
    reason = excluded.reason, remedy = excluded.remedy, findings = excluded.findings"""
_OUTDATE = """INSERT INTO outdated (subscription_id, states, mark)
    SELECT p.subscription_id, 0, 1 FROM machines m JOIN places p ON p.key = m.place WHERE m.id = ?
    ON CONFLICT (subscription_id) DO UPDATE SET mark = mark + 1"""


class ReportStore(FleetEditing):
    """Reading and writing reports of machines."""

    async def put_report(self, report: MachineReport) -> bool:
        """Keep a report in place of the last one of its kind; the checks of its subscription are outdated then.

        Returns whether it was kept: not of a machine that is not known.
        """

        async def work(writer: aiosqlite.Connection, _: int) -> tuple[bool, frozenset[str]]:
            whole = clean(report.machine_id)
            before = writer.total_changes
            await writer.execute(_PUT, (whole, *_row(report)))
            if writer.total_changes == before:
                return False, frozenset()
            await writer.execute(_OUTDATE, (whole,))
            return True, frozenset({"machine_reports"})

        return await self.edit(work)

    async def reports(self, subscription_ids: Ids | None = None, *, whole: bool = False) -> list[MachineReport]:
        """The reports of the machines of subscriptions; only where they are ``whole`` with their findings."""
        where, values = within_places("m.place", subscription_ids)
        sql = f"SELECT {_COLUMNS}{', r.findings' if whole else ''} {_TABLES}{where}"
        return [found for row in await self._database.fetch(sql, values) if (found := _report(row))]

    async def reports_of_machine(self, machine_id: str) -> list[MachineReport]:
        """The reports of one machine, whole, by kind."""
        sql = f"SELECT {_COLUMNS}, r.findings {_TABLES} WHERE m.id = ? ORDER BY r.kind"
        return [found for row in await self._database.fetch(sql, (clean(machine_id),)) if (found := _report(row))]


def _row(report: MachineReport) -> tuple[object, ...]:
    findings = [[one.id, one.title, str(one.status), one.evidence, one.remedy] for one in report.findings[:MOST_FINDINGS]]
    texts = (report.way, report.outcome, report.code, report.reason, report.remedy)
    return (clean(report.kind), microseconds(report.at), *map(clean, texts), to_json(findings))


def _report(row: Sequence[object]) -> MachineReport | None:
    """The report in a row; ``None`` for one whose time cannot be read."""
    at = moment_of(row[3])
    if at is None:
        return None
    told = from_json(row[9]) if len(row) > 9 else []
    findings = tuple(
        Finding(clean(one[0]), clean(one[1]), one_of(CheckStatus, one[2], CheckStatus.UNKNOWN), clean(one[3]), clean(one[4]))
        for one in (told if isinstance(told, list) else [])
        if isinstance(one, list) and len(one) == 5
    )
    way, outcome, code, reason, remedy = (clean(value) for value in row[4:9])
    return MachineReport(clean(row[0]), clean(row[2]), at, way, outcome, code, reason, remedy, findings, clean(row[1]))

"""What machines told of themselves: the last report of each kind is kept as long as its machine, and read however odd its row is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cache_samples import NOW, OTHER, SUB, Ear, machine, machine_id, onboarding, subscription

from cache.fleet import FleetCache
from cache.machine_reports import Finding, MachineReport
from cache.model import CheckStatus, MachineState
from cache.report_store import MOST_FINDINGS
from tests.listed import list_machines


def report(name: str, kind: str = "system", **more: object) -> MachineReport:
    findings = (
        Finding("memory", "There is 1 GB of memory", CheckStatus.FAIL, "It has 900 MB.", "Resize it."),
        Finding("disk", "2 GB of disk are free", CheckStatus.UNKNOWN, "Not told."),
    )
    told = MachineReport(machine_id(name), kind, NOW, "hand", "bad", "memory", "It has 900 MB.", "Resize it.", findings, SUB)
    return replace(told, **more)  # type: ignore[arg-type]  # a test's shorthand


async def test_a_report_is_read_back_and_the_next_of_its_kind_takes_its_place(fleet: FleetCache) -> None:
    await list_machines(fleet, SUB, [machine("web-1"), machine("web-2")], "s")
    for one in (report("web-1"), report("web-1", "connectivity"), report("web-2")):
        assert await fleet.put_report(one)
    assert await fleet.reports_of_machine(machine_id("WEB-1")) == [report("web-1", "connectivity"), report("web-1")]
    assert await fleet.reports([SUB.upper()], whole=True) == [report("web-1", "connectivity"), report("web-1"), report("web-2")]
    assert [one.findings for one in await fleet.reports()] == [(), (), ()]
    assert await fleet.reports([OTHER]) == []
    later = report("web-1", outcome="good", at=NOW + timedelta(hours=1), findings=())
    assert await fleet.put_report(later)
    assert (await fleet.reports_of_machine(machine_id("web-1")))[1] == later


async def test_a_report_of_a_machine_that_is_not_known_is_not_kept_and_one_that_goes_takes_its_own_along(
    fleet: FleetCache, ear: Ear
) -> None:
    assert not await fleet.put_report(report("ghost"))
    assert ear.heard() == []
    await list_machines(fleet, SUB, [machine("web-1")], "s")
    await fleet.put_report(report("web-1"))
    await fleet.forget_machines([machine_id("web-1")])
    await list_machines(fleet, SUB, [machine("web-1")], "t")
    assert await fleet.reports() == []
    assert [row[0] for row in await fleet.database.fetch("SELECT COUNT(*) FROM machine_reports")] == [0]


async def test_a_report_tells_readers_and_has_its_subscription_worked_out_anew(fleet: FleetCache, ear: Ear) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    await list_machines(fleet, SUB, [machine("web-1")], "s")
    before = (await fleet.outdated())[SUB.lower()].mark
    ear.heard()
    await fleet.put_report(report("web-1"))
    assert ear.heard() == [frozenset({"machine_reports"})]
    assert (await fleet.outdated())[SUB.lower()].mark == before + 1


async def test_whatever_stands_in_a_row_is_read_clean(fleet: FleetCache) -> None:
    await list_machines(fleet, SUB, [machine("web-1")], "s")
    many = tuple(Finding(f"f{number}", "", CheckStatus.PASS, "\x1b[2Jwell\u202e") for number in range(MOST_FINDINGS + 50))
    await fleet.put_report(report("web-1", reason="odd\x00\x1b]0;x\x07", findings=many))
    (kept,) = await fleet.reports_of_machine(machine_id("web-1"))
    assert len(kept.findings) == MOST_FINDINGS
    assert not set(str(kept)) & {"\x1b", "\x00", "\x07", "\u202e"}
    for odd in ("", "null", "[1, [2], [[], {}, [], null, 5]]", "{", '[["a", "b", "no such status", "c", "d"]]'):

        async def spoil(writer, odd=odd):  # type: ignore[no-untyped-def]  # a test's shorthand
            await writer.execute("UPDATE machine_reports SET findings = ?", (odd,))
            return None, frozenset()

        await fleet.database.transact(spoil)
        (kept,) = await fleet.reports_of_machine(machine_id("web-1"))
        assert {one.status for one in kept.findings} <= {CheckStatus.UNKNOWN}


async def test_a_machine_whose_name_has_capitals_beyond_ascii_keeps_what_is_put_of_it(fleet: FleetCache) -> None:
    await list_machines(fleet, SUB, [machine("naïve-Ünïcode-ÄÖ")], "s")
    await fleet.put_onboardings([onboarding("naïve-Ünïcode-ÄÖ", MachineState.HEALTHY)])
    assert (await fleet.state_counts()) == {"healthy": 1}
    assert await fleet.put_report(report("naïve-Ünïcode-ÄÖ"))

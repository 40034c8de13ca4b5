"""The fleet in the cache: who is told what, and that whatever text goes in, only clean text comes out."""

from __future__ import annotations

import asyncio
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from cache_samples import (
    DEFENDER,
    HOSTILE,
    HOSTILE_CLEANED,
    NOW,
    SUB,
    Ear,
    alert,
    check,
    machine,
    onboarding,
    subscription,
)

from cache.clock import ManualClock
from cache.fleet import FleetCache
from cache.model import (
    Assessment,
    Diagnosis,
    Extension,
    Permission,
    Problem,
)
from cache.writing import AGES
from tests.listed import list_machines

# Subscribers


async def test_subscribers_are_told_exactly_the_tables_that_changed_once_a_write(fleet: FleetCache, ear: Ear) -> None:
    problem = Problem("forbidden", "No.", "machines", NOW, SUB)
    writes: list[tuple[set[str], Any]] = [
        ({"subscriptions"}, lambda: fleet.put_subscriptions([subscription()], complete=True)),
        ({"subscriptions"}, lambda: fleet.put_rights(SUB, (Permission(("*",)),), True, True, True, True)),
        ({"subscriptions"}, lambda: fleet.put_provider(SUB, "Registered")),
        ({"subscriptions"}, lambda: fleet.put_settings(SUB, "on", "enabled", "on", NOW)),
        ({"subscriptions"}, lambda: fleet.put_servers_plan(SUB, "P1")),
        ({"machines"}, lambda: list_machines(fleet, SUB, [machine("a"), machine("b")], "s")),
        ({"machines"}, lambda: list_machines(fleet, SUB, [machine("a", extensions=(DEFENDER,))], "s")),
        ({"onboarding", "events"}, lambda: fleet.put_onboardings([onboarding("a"), onboarding("b")])),
        ({"alerts"}, lambda: fleet.put_alerts(SUB, [alert("a")], "s")),
        ({"alerts"}, lambda: fleet.set_alert_status(alert("a").id, "Dismissed")),
        ({"assessments"}, lambda: fleet.put_assessments(SUB, [Assessment("/m", SUB, "k", "Healthy")])),
        ({"checks"}, lambda: fleet.put_checklists({SUB: [check("a")]}, {})),
        ({"problems"}, lambda: fleet.put_problem(problem)),
        ({"selection"}, lambda: fleet.select([SUB])),
    ]
    for tables, write in writes:
        await write()
        assert ear.heard() == [tables]
        if tables != {"machines"} and write is not writes[8][1]:
            await write()
            assert ear.heard() == [], tables
    await fleet.mark_fresh("machines", SUB)
    await fleet.clear_problem("machines", SUB)
    await fleet.add_log("info", "x")
    assert ear.heard() == [{"freshness"}, {"problems"}, {"log"}]
    await fleet.clear_problem("machines", SUB)
    await fleet.remember("key", "value")
    await fleet.finish_listing((SUB,), "s")
    await fleet.put_checklists({SUB: [check("a", as_of=NOW)]}, {})
    assert ear.heard() == []
    assert (await fleet.checks())[0].as_of == NOW
    ear.stop()
    ear.stop()
    await fleet.add_log("info", "x")
    assert ear.heard() == []


async def test_a_second_console_on_the_same_file_learns_of_changes(fleet: FleetCache, tmp_path: Path, clock: ManualClock, ear: Ear) -> None:
    async with await FleetCache.open(tmp_path, clock) as other:
        await fleet.poll_foreign_changes()
        ear.heard()
        await fleet.add_log("info", "mine")
        assert ear.heard() == [{"log"}]
        assert not await fleet.poll_foreign_changes()
        await other.put_subscriptions([subscription()], complete=True)
        assert ear.heard() == []
        assert await fleet.poll_foreign_changes()
        assert ear.heard() == [{"subscriptions"}]
        assert not await fleet.poll_foreign_changes()
        assert ear.heard() == []
        assert len(await fleet.subscriptions()) == 1


async def test_a_second_console_learns_what_changed_and_of_mere_ages_nothing_else(
    fleet: FleetCache, tmp_path: Path, clock: ManualClock, ear: Ear
) -> None:
    await fleet.put_subscriptions([subscription()], complete=True)
    await fleet.mark_fresh("machines", SUB)
    async with await FleetCache.open(tmp_path, clock) as other:
        assert not await fleet.poll_foreign_changes()
        ear.heard()
        clock.advance(minutes=1)
        await other.still_fresh("machines")
        assert await fleet.poll_foreign_changes()
        assert ear.heard() == [{AGES}]
        await other.remember("key", "value")
        assert not await fleet.poll_foreign_changes(), "what is the other's own concerns nobody"
        await list_machines(other, SUB, [machine("vm-1")], "s")
        await fleet.add_log("info", "mine")
        await other.add_log("info", "theirs")
        await fleet.add_log("info", "mine")
        assert ear.heard() == [{"log"}, {"log"}]
        assert await fleet.poll_foreign_changes()
        (told,) = ear.heard()
        assert {"machines", "log"} <= told
        assert not told & {"alerts", "subscriptions", "checks", "selection"}
        assert not await fleet.poll_foreign_changes()


async def test_reading_and_writing_at_once_shows_whole_writes_only(fleet: FleetCache) -> None:
    sizes: set[int] = set()

    async def read() -> None:
        for _ in range(20):
            sizes.add(len(await fleet.machines()))

    async def write() -> None:
        for page in range(10):
            await list_machines(fleet, SUB, [machine(f"vm-{page}-{number}") for number in range(100)], "s")

    await asyncio.gather(read(), write(), read())
    assert {size % 100 for size in sizes} == {0}
    assert len(await fleet.machines()) == 1000


# Text


def _texts(value: object) -> list[str]:
    """Every text anywhere in a record."""
    if isinstance(value, str):
        return [str(value)]
    if is_dataclass(value):
        return [text for one in fields(value) for text in _texts(getattr(value, one.name))]
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    if isinstance(value, tuple | list):
        return [text for one in value for text in _texts(one)]
    return []


async def test_hostile_text_comes_out_clean_wherever_it_went_in(fleet: FleetCache) -> None:
    h = HOSTILE
    extension = Extension(h, "Microsoft.Azure.AzureDefenderForServers", "MDE.Linux" + h, h, h, h, h)
    await fleet.put_subscriptions([subscription(name=h, state=h, tenant_id=h, tags={h: h})], complete=True)
    await fleet.put_rights(SUB, (Permission((h,), (h,)),), True, True, True, True)
    await fleet.put_provider(SUB, h)
    await fleet.put_settings(SUB, h, h, h)
    await fleet.put_servers_plan(SUB, h)
    odd = {"name": h, "kind": h, "resource_group": h, "location": h, "os_type": h, "os_name": h, "os_version": h, "image": h, "power": h}
    listed = replace(machine("a"), **odd, provisioning_state=h, agent_version=h, tags={h: h}, extensions=(extension,))
    await list_machines(fleet, SUB, [listed], "s")
    diagnosis = Diagnosis(h, h, h, h, h)
    await fleet.put_onboardings([onboarding("a", reason=h, explanation=h, evidence=(h,), diagnosis=diagnosis)])
    texts = {"resource_group": h, "location": h, "title": h, "severity": h, "status": h, "product": h, "alert_type": h, "machine_id": h}
    more = {"compromised_entity": h, "description": h, "remediation": (h,), "azure_link": h, "defender_link": h}
    await fleet.put_alerts(SUB, [replace(alert("x"), name=h, **texts, **more, entities=((h, h),), facts=((h, h),))], "s")
    await fleet.put_assessments(SUB, [Assessment(h, SUB, h, h, h, h)])
    words = dict.fromkeys(("title", "evidence", "remedy", "who", "command", "link", "reference", "ticked_by"), h)
    await fleet.put_checklists({SUB: [check("c", **words, machine_ids=(h,))]}, {})
    await fleet.put_problem(Problem(h, h, "machines", NOW, SUB))
    await fleet.add_log(h, h)
    await fleet.remember("k", h)
    found = [
        *await fleet.subscriptions(),
        *await fleet.machines(),
        *await fleet.machine_rows(),
        *(await fleet.onboardings()).values(),
        *await fleet.recent_events(9),
        *await fleet.alerts(),
        *await fleet.assessments(),
        *await fleet.checks(),
        *await fleet.problems(),
        *await fleet.log(),
        await fleet.remembered("k"),
    ]
    texts_found = [text for one in found for text in _texts(one)]
    assert sum(HOSTILE_CLEANED in text for text in texts_found) > 70
    for text in texts_found:
        assert not set(text) & set("\x1b\x00\x07\x7f\x9b\u202e\u2066\u200b\ud800"), text


async def test_hostile_text_that_someone_else_wrote_into_the_file_comes_out_clean(fleet: FleetCache) -> None:
    await list_machines(fleet, SUB, [machine("a")], "s")
    await fleet._database._writer.execute("UPDATE machines SET name = ?", ("\x1b[2Jx",))
    await fleet._database._writer.execute("UPDATE tag_sets SET tags = ?", ('{"\\u001b[31mk": "\\u202ev"}',))
    found = (await fleet.machines())[0]
    assert (found.name, found.tags) == ("x", {"k": "v"})


# Speed


async def test_ten_thousand_machines_are_one_write_and_their_states_another(fleet: FleetCache, ear: Ear) -> None:
    machines = [machine(f"vm-{number}") for number in range(10_000)]
    await list_machines(fleet, SUB, machines, "s")
    assert len(ear.heard()) == 1
    await fleet.put_onboardings([onboarding(one.name) for one in machines])
    assert len(ear.heard()) == 1
    assert len(await fleet.machine_rows()) == 10_000


async def test_asking_for_an_id_that_cannot_exist_finds_nothing(fleet: FleetCache) -> None:
    assert await fleet.subscription(HOSTILE) is None
    assert await fleet.machine(HOSTILE) is None
    assert await fleet.alert(HOSTILE) is None
    assert await fleet.events(HOSTILE) == []
    assert await fleet.machine_rows([HOSTILE, "\udcff"]) == []

"""The console's own queries, run as they are written over one world."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.simulator.clock import DAY, iso, parse_iso
from console.simulator.clock import Clock as BoxClock
from console.simulator.kql import translate
from console.simulator.machines import NEVER, VM
from console.simulator.principals import ADA
from console.simulator.simulator import Box

QUERIES = Path(__file__).parents[2] / "console" / "gateway" / "queries"
START = 1_790_000_000.0

MACHINE = [
    "id",
    "name",
    "type",
    "subscriptionId",
    "resourceGroup",
    "location",
    "tags",
    "osType",
    "osName",
    "osVersion",
    "power",
    "imagePublisher",
    "imageOffer",
    "imageSku",
    "provisioningState",
    "agentVersion",
    "statusAt",
    "createdAt",
    "extensions",
]
NARROW = [
    "id",
    "subscriptionId",
    "title",
    "severity",
    "status",
    "product",
    "alertType",
    "compromisedEntity",
    "generated",
    "started",
    "resourceIdentifiers",
    "wdatpTenantId",
    "alertUri",
]
WIDE = [
    "ended",
    "component",
    "vendor",
    "intent",
    "isIncident",
    "description",
    "remediationSteps",
    "techniques",
    "entities",
    "extendedProperties",
    "extendedLinks",
]
COLUMNS = {
    "machines": MACHINE,
    "machines_some": MACHINE,
    "changes": ["id", "targetId", "targetType", "changeType", "at"],
    "alerts": NARROW,
    "alerts_since": NARROW,
    "alerts_some": [*NARROW, *WIDE],
    "alerts_digest": ["status", "severity", "alerts", "newest", "seconds"],
    "alerts_by_subscription": ["subscriptionId", "status", "alerts", "seconds"],
    "plans": ["id", "subscriptionId", "tier", "subPlan"],
    "plans_digest": ["tier", "subPlan", "subscriptions", "mark"],
    "workspaces": ["id", "name", "subscriptionId", "location", "workspaceId"],
    "agents": ["id", "machineId", "workspaceId"],
    "assessments": ["id", "name", "subscriptionId", "code", "cause", "description"],
}


def text(name: str, ids: list[str] | None = None, since: float = 0.0) -> str:
    whole = (QUERIES / f"{name}.kql").read_text(encoding="utf-8")
    bare = "\n".join(line for line in whole.splitlines() if not line.startswith("//"))
    return bare.replace("{ids}", ", ".join(map(json.dumps, ids or ["none"]))).replace("{since}", iso(since))


def run(box: Box, name: str, ids: list[str] | None = None, since: float = 0.0) -> list[dict[str, Any]]:
    roles = {s.id: box.world.roles(ADA, s) for s in box.world.visible(ADA, box.tenant_id)}
    return asyncio.run(box.graph.run(text(name, ids, since), roles, box.clock.now())).decoded()


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box(clock=BoxClock(start=START, speed=0))
    yield made
    made.close()


def test_every_query_is_known_here() -> None:
    assert {path.stem for path in QUERIES.glob("*.kql")} == set(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_query_has_these_columns_in_this_order_and_can_be_paged(box: Box, name: str) -> None:
    roles = {s.id: box.world.roles(ADA, s) for s in box.world.visible(ADA, box.tenant_id)}
    result = asyncio.run(box.graph.run(text(name), roles, box.clock.now()))
    assert [column.name for column in result.columns] == COLUMNS[name]
    assert result.pageable


def test_some_machines_are_the_same_rows_as_all_of_them(box: Box) -> None:
    rows = run(box, "machines")
    chosen = rows[::3]
    assert len(chosen) > 30
    assert run(box, "machines_some", [row["id"].lower() for row in chosen]) == chosen
    assert run(box, "machines_some", ["/subscriptions/nobody"]) == []
    assert any("'" in row["id"] and '"' in row["id"] for row in rows)


def test_some_alerts_are_told_in_full(box: Box) -> None:
    rows = run(box, "alerts")
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    full = run(box, "alerts_some", [row["id"].lower() for row in rows[:25]])
    assert [{key: row[key] for key in NARROW} for row in full] == rows[:25]
    known = {a.id: a for s in box.world.subscriptions.values() for a in box.alerts.until(s, box.clock.now())}
    for row in full:
        alert = known[row["id"]]
        assert (row["title"], row["severity"], row["status"]) == (alert.kind.title, alert.kind.severity, alert.status)
        assert (row["description"], row["remediationSteps"]) == (alert.description, list(alert.kind.steps))
        assert (row["generated"], row["started"], row["isIncident"]) == (iso(alert.generated), iso(alert.started), False)
        assert bool(row["wdatpTenantId"]) is alert.kind.from_endpoint
        assert row["entities"][-1] == {"$ref": "5", "type": None}
        assert bool(row["extendedLinks"]) is alert.kind.from_endpoint
        assert row["resourceIdentifiers"][0]["azureResourceId"] == alert.machine.id


def test_alerts_since_a_moment_are_those_that_were_generated_after_it(box: Box) -> None:
    rows = run(box, "alerts")
    times = sorted(row["generated"] for row in rows)
    middle = parse_iso(times[len(times) // 2])
    assert run(box, "alerts_since", since=middle) == [row for row in rows if row["generated"] > iso(middle)]


def test_alerts_that_arrive_and_alerts_that_change_are_there_once(box: Box) -> None:
    for step in range(6):
        box.clock.advance(DAY / 2)
        alerts = [a for s in box.world.visible(ADA, box.tenant_id) for a in box.alerts.until(s, box.clock.now())]
        if step in (2, 3):
            box.alerts.set_status(alerts[step], "Dismissed", box.clock.now())
            box.alerts.add(alerts[0].machine, alerts[0].kind, box.clock.now() - DAY / 4 * (step - 2))
            alerts = [a for s in box.world.visible(ADA, box.tenant_id) for a in box.alerts.until(s, box.clock.now())]
        assert [(row["id"], row["status"]) for row in run(box, "alerts")] == sorted((a.id, a.status) for a in alerts)


def test_the_digest_is_another_one_when_alerts_change(box: Box) -> None:
    first = run(box, "alerts_digest")
    assert run(box, "alerts_digest") == first
    assert sum(row["alerts"] for row in first) == len(run(box, "alerts"))
    alerts = [a for s in box.world.visible(ADA, box.tenant_id) for a in box.alerts.until(s, box.clock.now()) if a.status != "InProgress"]
    one = next(a for a in alerts if a.status == "Active")
    other = next(a for a in alerts if a.status == "Resolved" and a.kind.severity == one.kind.severity)
    box.alerts.set_status(one, "Resolved", box.clock.now())
    second = run(box, "alerts_digest")
    assert second != first
    box.alerts.set_status(other, "Active", box.clock.now())
    third = run(box, "alerts_digest")
    assert third not in (first, second)
    assert [(row["status"], row["severity"], row["alerts"]) for row in third] == [
        (row["status"], row["severity"], row["alerts"]) for row in first
    ]
    box.alerts.add(one.machine, one.kind, box.clock.now())
    assert run(box, "alerts_digest") != third


def test_plans_are_the_subscriptions_own(box: Box) -> None:
    expected = {
        s.id: (s.pricings["VirtualMachines"].tier, s.pricings["VirtualMachines"].sub_plan or "")
        for s in box.world.visible(ADA, box.tenant_id)
        if s.registered
    }
    assert {row["subscriptionId"]: (row["tier"], row["subPlan"]) for row in run(box, "plans")} == expected


def test_every_change_of_the_world_is_in_the_history(box: Box) -> None:
    world, began = box.world, box.clock.now()
    subscription = next(s for s in world.subscriptions.values() if s.situation.name == "all-on")

    def news() -> Counter[tuple[str, str]]:
        rows = run(box, "changes", since=began)
        assert rows == sorted(rows, key=lambda row: (row["at"], row["id"]))
        assert len({row["id"] for row in rows}) == len(rows)
        return Counter((row["targetType"].rpartition("/")[2], row["changeType"]) for row in rows)

    quiet = news()
    assert not quiet
    box.clock.advance(1)
    machine = next(m for m in world.machines(subscription.id) if m.kind == VM and m.stopped == NEVER and world.extensions(m, began))
    world.set_running(machine, False)
    world.set_running(machine, False)
    assert news() == {("virtualmachines", "Update"): 1}
    (created,) = world.create(subscription.id)
    kind = "virtualmachines" if created.kind == VM else "machines"
    assert news()[kind, "Create"] == 1
    assert any(row["id"] == created.id for row in run(box, "machines"))
    installed = len(world.extensions(machine, box.clock.now()))
    box.clock.advance(1)
    world.delete(machine)
    seen = news()
    assert seen["virtualmachines", "Delete"] == 1
    assert seen["extensions", "Delete"] == installed
    assert not any(row["id"] == machine.id for row in run(box, "machines"))
    assert world.machine(machine.id) is None
    with pytest.raises(KeyError):
        world.delete(machine)
    box.clock.advance(DAY)
    extensions = [row for row in run(box, "changes", since=began) if row["targetId"].startswith(created.id.lower() + "/")]
    assert {row["changeType"] for row in extensions} <= {"Create", "Update"}
    assert "Create" in {row["changeType"] for row in extensions}


def test_the_history_reaches_back_two_weeks(box: Box) -> None:
    rows = run(box, "changes")
    assert rows[0]["at"] > iso(START - 14 * DAY)
    assert {row["changeType"] for row in rows} == {"Create", "Update"}
    assert any(row["targetType"] == "microsoft.compute/virtualmachines" for row in rows)
    middle = rows[len(rows) // 2]["at"]
    assert run(box, "changes", since=parse_iso(middle)) == [row for row in rows if row["at"] > middle]


HARD = ['O\'Brien "db"', "fox-🦊-👩‍💻", "خادم-الويب", "back\\slash", "tab\tnew\nline", "%_*", *(f"n{i}" for i in range(30))]


@pytest.mark.parametrize("escape", [True, False])
@pytest.mark.parametrize("operator", ["in", "in~", "!in", "!in~"])
def test_a_long_list_is_read_as_a_short_one_is(escape: bool, operator: str) -> None:
    from console.simulator import kql

    listed = ", ".join(json.dumps(name, ensure_ascii=escape) for name in HARD)
    query = f"resources | where name {operator} ({listed}) and tolower(id) in ('a', 'b') | project id"
    assert translate(query, 0.0).sql == kql._translate(query, kql.datetime.min).sql
    assert translate(f"resources | where name has_any ({listed})", 0.0).sql.count("n29")

"""Queries that administrators and this console write, run over one world."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from console.simulator.clock import Clock
from console.simulator.kql import BadQuery, quote_names
from console.simulator.principals import ADA
from console.simulator.simulator import Box


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    made = Box(clock=Clock(start=1_790_000_000.0, speed=0))
    yield made
    made.close()


def run(box: Box, query: str) -> list[dict[str, Any]]:
    """The rows that Ada gets, as a client decodes them."""
    roles = {s.id: box.world.roles(ADA, s) for s in box.world.visible(ADA, box.tenant_id)}
    result = asyncio.run(box.graph.run(query, roles, box.clock.now()))
    return result.decoded()


MACHINES_WITH_EXTENSIONS = """
resources
| where type in~ ('microsoft.compute/virtualmachines', 'microsoft.hybridcompute/machines')
| extend machineId = tolower(id)
| join kind=leftouter (
    resources
    | where type in~ ('microsoft.compute/virtualmachines/extensions', 'microsoft.hybridcompute/machines/extensions')
    | extend machineId = tolower(substring(id, 0, indexof(tolower(id), '/extensions/')))
    | summarize extensions = make_list(pack('name', name, 'publisher', tostring(properties.publisher), 'type', tostring(properties.type),
        'state', tostring(properties.provisioningState), 'status', properties.instanceView.status)) by machineId
  ) on machineId
| project id, name, kind = iff(type =~ 'microsoft.hybridcompute/machines', 'arc', 'vm'), subscriptionId, resourceGroup, location, tags,
    os = coalesce(tostring(properties.storageProfile.osDisk.osType), tostring(properties.osType)),
    power = tostring(properties.extended.instanceView.powerState.code), status = tostring(properties.status), extensions
| order by id asc
"""


def test_machines_joined_with_their_extensions(box: Box) -> None:
    rows = run(box, MACHINES_WITH_EXTENSIONS)
    visible = [s for s in box.world.subscriptions.values() if s.tenant == box.tenant_id and s.situation.name != "no-right-to-see-machines"]
    expected = {m.id: m for s in visible for m in box.world.machines(s.id)}
    assert [row["id"] for row in rows] == sorted(expected)
    for row in rows:
        machine = expected[row["id"]]
        installed = box.world.extensions(machine, box.clock.now())
        assert sorted(e["name"] for e in row["extensions"] or []) == sorted(e.name for e in installed)
        assert row["os"].lower() == machine.system.os_type.lower()
        assert (row["kind"], row["tags"] or None) == (machine.kind, machine.tags)
    assert {row["power"] for row in rows} >= {"PowerState/running", "PowerState/deallocated", ""}
    assert {row["status"] for row in rows} >= {"Connected", "Disconnected", "Expired", ""}


def test_only_arc_extensions_carry_a_status(box: Box) -> None:
    rows = run(box, "resources | where type has 'extensions' | project type, status = properties.instanceView.status.code")
    assert {bool(r["status"]) for r in rows if r["type"].startswith("microsoft.compute")} == {False}
    assert {bool(r["status"]) for r in rows if r["type"].startswith("microsoft.hybridcompute")} == {True}


VM = "type =~ 'Microsoft.Compute/virtualMachines'"


@pytest.mark.parametrize(
    "query",
    [
        "Resources | where type == 'microsoft.compute/virtualmachines' | project id, name | order by name desc",
        f"resources | where {VM} and name startswith 'vm-' and location in~ ('WestEurope', 'eastus', 'northeurope', 'uksouth') | take 3",
        f"resources | where {VM} | top 3 by name asc",
        f"resources | where {VM} | limit 2",
        f"resources | where {VM} | extend p = properties.storageProfile.imageReference['publisher'] | summarize count() by tostring(p)",
        "resources | summarize n = count(), names = make_list(name), kinds = make_set(type) by subscriptionId | order by n desc",
        "resources | where type has 'extensions' | summarize b = make_bag(pack(name, properties.provisioningState)) by resourceGroup",
        "resources | where type contains 'extensions' | summarize countif(properties.provisioningState == 'Failed'), "
        "dcount(name) by location",
        "resources | extend s = split(id, '/') | project subscription = tostring(s[2]), last = tostring(s[array_length(s) - 1])",
        "resources | mv-expand part = split(id, '/') | summarize count() by tostring(part)",
        "resources | where isnotempty(tags.environment) | extend e = tostring(tags['environment']) | summarize count() by e",
        "resources | where isnotnull(tags) and tags has 'prod' | project name, tags",
        "resources | extend t = todatetime(properties.timeCreated) | where t < ago(1d) and t > datetime(2000-01-01) | project name, t",
        "resources | project x = strcat(name, '@', location), y = iff(type has 'hybrid', 'arc', 'vm'), "
        "z = coalesce(tostring(properties.nope), 'none')",
        "resources | project n = strlen(name), u = toupper(name), r = replace_string(name, '-', '_'), e = extract('([a-z]+)', 1, name)",
        "resources | project c = case(type has 'extensions', 'ext', type has 'hybrid', 'arc', 'vm') | summarize count() by c",
        "let vms = resources | where type =~ 'microsoft.compute/virtualmachines' | project id, name; vms | count",
        "resources | where type has 'machines' | union (securityresources | where type has 'alerts') | summarize count() by type",
        "union resources, resourcecontainers | summarize count() by type",
        "resources | distinct subscriptionId, location | order by subscriptionId asc, location desc",
        "resources | project-away properties, tags | project-rename machine = name | take 2",
        "resources | summarize arg_max(name, *) by subscriptionId",
        "resources | where name matches regex '^vm-[a-z]+' | project name, kind, zones",
        "resources | where id has_any ('vm-', 'berlin') and name !contains 'zzz' and name !in~ ('a', 'b') | count",
        "resources | parse id with '/subscriptions/' s '/resourceGroups/' g '/' * | project s, g | take 2",
        "resources | extend d = parse_json('{\"a\": [1, 2]}') | project d.a[0], toint(d.a[1]) | take 1",
        "resources | where bin(todatetime(properties.timeCreated), 1d) < now() "
        "| summarize count() by bin(todatetime(properties.timeCreated), 30d)",
        "resources | join kind=inner (resourcecontainers | where type =~ 'microsoft.resources/subscriptions' "
        "| project subscriptionName = name, subscriptionId) on subscriptionId | project name, subscriptionName | order by name asc",
        "resources | join kind=leftouter (securityresources | where type =~ 'microsoft.security/assessments' | extend machineId = "
        "tolower(tostring(properties.resourceDetails.Id)) | summarize healthy = countif(properties.status.code == 'Healthy') by machineId) "
        "on $left.id == $right.machineId | project name, healthy",
        "resources | join kind=leftanti (resources | where type has 'extensions' | project name) on name | count",
        "securityresources | where type == 'microsoft.security/pricings' and name == 'VirtualMachines' | project subscriptionId, "
        "tier = tostring(properties.pricingTier), plan = tostring(properties.subPlan)",
        "securityresources | where type =~ 'microsoft.security/locations/alerts' and properties.Status == 'Active' | project id, "
        "title = tostring(properties.AlertDisplayName), severity = tostring(properties.Severity), "
        "at = todatetime(properties.TimeGeneratedUtc), entities = properties.Entities, "
        "machine = tostring(properties.ResourceIdentifiers[0].azureResourceId) | order by at desc",
        "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project name, state = tostring(properties.state), tags",
    ],
)
def test_a_common_query_runs_and_answers(box: Box, query: str) -> None:
    assert run(box, query)


@pytest.mark.parametrize(
    ("query", "code", "part"),
    [
        ("resources | wherex name == 'a'", "ParserFailure", ""),
        ("resources | where", "ParserFailure", ""),
        ("resources | where nosuch == 'a'", "Default", "'nosuch'"),
        ("nosuchtable | take 1", "DisallowedLogicalTableName", "nosuchtable"),
        ("resources | evaluate bag_unpack(tags)", "UnsupportedByTheSimulator", "Evaluate"),
        ("// only a comment", "InvalidQuery", ""),
        (".set-or-replace x <| resources", "ParserFailure", ""),
        (".drop table resources", "ParserFailure", ""),
        ("resources" + " | join (resources | project id) on id" * 4, "DisallowedMaxNumberOfRemoteTables", "3 'join'"),
        ("resources" + " | mv-expand x = zones" * 4, "DisallowedMaxNumberOfRemoteTables", "3 'mv-expand'"),
        ("everything_in_resources | take 1", "DisallowedLogicalTableName", "everything_in_resources"),
        ("information_schema.tables | take 1", "", ""),
    ],
)
def test_a_query_that_is_wrong_is_refused_in_the_services_words(box: Box, query: str, code: str, part: str) -> None:
    with pytest.raises(BadQuery) as error:
        run(box, query)
    assert code in ("", error.value.details[0]["code"])
    assert part in error.value.details[0].get("message", "")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("t | project kind, name", "t | project ['kind'], name"),
        ("t | where kind == 'kind' // kind", "t | where ['kind'] == 'kind' // kind"),
        ("t | join kind=leftouter (t | project kind) on kind", "t | join kind=leftouter (t | project ['kind']) on ['kind']"),
        ("t | extend title = properties.title", "t | extend ['title'] = properties['title']"),
        ("t | order by name asc nulls last", "t | order by name asc nulls last"),
        ("t | where a > time(1d) and ['kind'] == 1", "t | where a > time(1d) and ['kind'] == 1"),
    ],
)
def test_columns_named_by_words_of_the_grammar_are_quoted(written: str, read: str) -> None:
    assert quote_names(written) == read


def test_bags_are_merged(box: Box) -> None:
    rows = run(
        box, "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | summarize b = make_bag(pack(subscriptionId, name))"
    )
    visible = box.world.visible(ADA, box.tenant_id)
    assert rows == [{"b": {s.id: s.name for s in visible}}]


def test_the_text_of_the_world_arrives_unchanged(box: Box) -> None:
    rows = run(
        box, "resources | where type =~ 'microsoft.hybridcompute/machines' | project id, display = tostring(properties.displayName), tags"
    )
    machines = {m.id: m for m in box.world.everything()}
    assert all(machines[row["id"]].display == row["display"] for row in rows if row["id"] in machines)
    assert any("\x1b" in row["display"] for row in rows)


def test_joins_that_need_the_right_to_see_both_sides_lack_what_is_hidden(box: Box) -> None:
    hidden = next(s.id for s in box.world.subscriptions.values() if s.situation.name == "no-right-to-see-machines")
    rows = run(box, f"union resources, securityresources, resourcecontainers | where subscriptionId == '{hidden}' | distinct type")
    types = {row["type"] for row in rows}
    assert types >= {
        "microsoft.security/assessments",
        "microsoft.resources/subscriptions",
        "microsoft.resources/subscriptions/resourcegroups",
    }
    assert not [t for t in types if "compute" in t]

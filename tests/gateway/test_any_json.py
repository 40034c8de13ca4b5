"""Whatever JSON says, the records made of it are sound: no exception, and no character that a terminal obeys."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.gateway import reading
from console.gateway.alerts import alert_of
from console.gateway.machines import extension_of, machine_of_graph
from console.gateway.security import assessment_of

KEYS = (
    "id", "name", "type", "tags", "properties", "extensions", "instanceView", "status", "statuses", "substatuses", "code", "message",
    "extendedProperties", "entities", "$id", "$ref", "alertUri", "remediationSteps", "resourceIdentifiers", "azureResourceId", "host",
    "azureID", "description", "startTimeUtc", "statusAt", "createdAt", "extendedLinks", "href", "link", "Microsoft Defender link",
    "resourceDetails", "osType", "power", "alertType",
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(
    (
        "AzureResource",
        "06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v\x1b[2J",
        "/subscriptions/s/providers/Microsoft.Security/assessments/06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "2024-01-01T00:00:00.1234567Z",
        "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
        '{"kind": "Link", "value": "https://security.microsoft.com/\\ud800"}',
        "[" * 50_000,
        "https://security.microsoft.com/alerts/1",
        "https://[evil",
    )
)
LEAVES = st.none() | st.booleans() | st.floats() | TEXTS | st.integers() | st.sampled_from((5000, 400)).map(lambda digits: 10**digits)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=6), max_leaves=25
)
ROWS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=10) | JSON


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(key)
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _texts(getattr(value, field.name))


def _assert_safe(record: Any) -> None:
    for text in _texts(record):
        odd = [one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs") and one != "\n"]
        assert not odd, (text, odd)


@settings(max_examples=120, deadline=None)
@given(ROWS)
def test_records_are_made_of_anything(row: Any) -> None:
    for made in (machine_of_graph(row), alert_of(row), assessment_of(row), extension_of(row)):
        _assert_safe(made)


@settings(max_examples=100, deadline=None)
@given(JSON, st.lists(st.sampled_from(KEYS), max_size=3))
def test_readings_never_raise(value: Any, path: list[str]) -> None:
    _assert_safe([reading.text(value, *path), reading.lines(value, *path), reading.tags_of(value), reading.resource_id(value, *path)])
    assert reading.flag(value, *path) in (True, False, None)
    assert isinstance(reading.items(value, *path), list)
    time = reading.moment(value, *path)
    assert time is None or time.tzinfo is UTC


@settings(max_examples=200, deadline=None)
@given(TEXTS | st.datetimes().map(datetime.isoformat))
def test_moments_are_times_or_nothing(written: str) -> None:
    time = reading.moment({"at": written}, "at")
    assert time is None or (time.year >= 1900 and time.tzinfo is UTC)


def test_a_moment_may_have_seven_digits() -> None:
    assert reading.moment({"at": "2024-02-03T04:05:06.1234567Z"}, "at") == datetime(2024, 2, 3, 4, 5, 6, 123456, UTC)


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_parts_of_any_text(whole: str, kind: str) -> None:
    assert isinstance(reading.part_of(whole, kind), str)


def test_a_group_named_like_a_kind_is_a_group() -> None:
    alert = "/subscriptions/s/resourceGroups/locations/providers/Microsoft.Security/locations/westeurope/alerts/a"
    assert reading.part_of(alert, "resourcegroups") == "locations"
    assert reading.part_of(alert, "locations") == "westeurope"
    assert reading.part_of(alert.replace("Groups/locations", "Groups/alerts"), "alerts") == "a"


def test_keys_compare_without_case() -> None:
    assert reading.text({"Properties": {"STATUS": "Active"}}, "properties", "status") == "Active"


@pytest.mark.parametrize(("written", "flag"), [(True, True), ("TRUE", True), (" false ", False), ("yes", None), (1, None), (None, None)])
def test_flags(written: object, flag: bool | None) -> None:
    assert reading.flag({"enabled": written}, "enabled") is flag


@pytest.mark.parametrize(
    "address",
    [
        "http://portal.azure.com/x",
        "https://evil.example/portal.azure.com",
        "https://portal.azure.com.evil.example",
        "https://evil.example\\.portal.azure.com/",
        "https://evil.example;.portal.azure.com/",
        "https://user@portal.azure.com/",
        "https://anybody.westeurope.cloudapp.azure.com/",
        "https://portal.azure.com/a b",
        "javascript:alert(1)",
        "https://[portal.azure.com",
    ],
)
def test_links_in_alerts_lead_to_portals_alone(address: str) -> None:
    alert = alert_of(
        {"id": "/a", "properties": {"alertUri": address, "extendedLinks": [{"href": address}], "extendedProperties": {"link": address}}}
    )
    assert (alert.azure_link, alert.defender_link) == ("", "")


def test_links_to_portals_are_kept() -> None:
    portal, defender = "https://portal.azure.com/#blade/x", "https://security.microsoft.com/alerts/1?tid=2"
    alert = alert_of({"id": "/a", "properties": {"alertUri": portal, "extendedLinks": [{"Href": defender}]}})
    assert (alert.azure_link, alert.defender_link) == (portal, defender)

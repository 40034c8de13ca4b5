"""A plan survives its document, and a document that is no plan gets a sentence that names the field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cache_samples import plan
from hypothesis import given
from hypothesis import strategies as st

from cache.model import Blocker, Extras, Fate, MachineFate, Plan, PlanAction, SettingChange, Step, SubscriptionPlan
from cache.plans import PlanUnreadable, plan_from_json, plan_to_json
from cache.text import clean, clean_lines

LINE = st.text(max_size=20).map(clean)
LINES = st.text(max_size=20).map(clean_lines)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
SUBSCRIPTIONS = st.builds(
    SubscriptionPlan,
    id=LINE,
    name=LINE,
    case=LINE,
    why=LINES,
    settings=st.lists(st.builds(SettingChange, LINE, st.one_of(st.none(), st.booleans()), st.booleans()), max_size=3).map(tuple),
    fates=st.lists(st.builds(MachineFate, LINE, LINE, LINE, st.sampled_from(Fate), LINES), max_size=3).map(tuple),
    irreversible=st.lists(LINES, max_size=2).map(tuple),
    warnings=st.lists(LINES, max_size=2).map(tuple),
    blockers=st.lists(st.builds(Blocker, LINE, LINES, LINE), max_size=2).map(tuple),
    steps=st.lists(
        st.one_of(
            st.builds(Step, st.just("provider"), LINE, st.just("Registered")),
            st.builds(Step, st.just("servers-plan"), LINE, st.sampled_from(["P1", "P2"])),
        ),
        max_size=2,
    ).map(tuple),
)
PLANS = st.builds(
    Plan,
    id=LINE,
    created_at=MOMENTS,
    action=st.sampled_from(PlanAction),
    cloud=LINE,
    tenant_id=LINE,
    principal=LINE,
    subscriptions=st.lists(SUBSCRIPTIONS, max_size=3, unique_by=lambda one: one.id.lower()).map(tuple),
    extras=st.builds(Extras, st.sampled_from(["", "P1", "P2"]), st.booleans(), st.booleans(), st.booleans()),
    again=LINE,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(PLANS)
def test_a_plan_survives_its_document(one: Plan) -> None:
    assert plan_from_json(json.loads(json.dumps(plan_to_json(one)))) == one


def test_the_document_counts_machines_by_what_will_happen() -> None:
    document = plan_to_json(plan())
    assert document["schema"] == 2
    assert document["subscriptions"][0]["machines"] == {"onboard": 1}
    assert document["subscriptions"][0]["settings"][0] == {"name": "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", "before": True, "after": False}


def test_a_plan_of_the_first_schema_is_still_read() -> None:
    document = plan_to_json(plan())
    old: dict[str, Any] = {key: value for key, value in document.items() if key not in {"extras", "again"}}
    old["schema"] = 1
    old["subscriptions"] = [{key: value for key, value in one.items() if key != "steps"} for one in document["subscriptions"]]
    assert plan_from_json(old) == plan()


@given(st.one_of(JSON, st.dictionaries(st.sampled_from(["schema", "id", "subscriptions"]), JSON)))
def test_whatever_is_no_plan_gets_a_sentence(document: object) -> None:
    with pytest.raises(PlanUnreadable, match=r"\.$"):
        plan_from_json(document)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("schema",), "1", "schema"),
        (("schema",), True, "schema"),
        (("schema",), 3, "newer version"),
        (("id",), None, "id must be a text"),
        (("action",), "explode", "action must be one of enable, disable"),
        (("created_at",), "yesterday", "created_at must be a time"),
        (("subscriptions",), {}, "subscriptions must be a list"),
        (("subscriptions", 0), 3, r"subscriptions\[0\] must be a JSON object"),
        (("subscriptions", 0, "settings", 1, "after"), "false", r"subscriptions\[0\]\.settings\[1\]\.after must be true or false"),
        (("subscriptions", 0, "settings", 0, "before"), 0, r"settings\[0\]\.before must be true, false or null"),
        (("subscriptions", 0, "fates", 0, "fate"), "doomed", r"fates\[0\]\.fate must be one of"),
        (("extras", "servers_plan"), "P3", r"extras\.servers_plan must be one of P1, P2"),
        (("extras",), None, "extras must be a JSON object"),
        (("subscriptions", 0, "steps"), [{"kind": "explode"}], r"steps\[0\]\.kind must be one of provider, servers-plan"),
        (
            ("subscriptions", 0, "steps"),
            [{"kind": "servers-plan", "before": "P2", "after": "free"}],
            r"steps\[0\]\.after must be one of P1, P2",
        ),
        (("subscriptions", 0, "warnings"), [1], r"subscriptions\[0\]\.warnings must be a list of texts"),
    ],
)
def test_a_wrong_field_is_named(path: tuple[Any, ...], value: object, named: str) -> None:
    document = plan_to_json(plan())
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(PlanUnreadable, match=named):
        plan_from_json(document)


def test_a_subscription_that_stands_in_a_plan_twice_is_refused() -> None:
    document = plan_to_json(plan())
    document["subscriptions"].append({**document["subscriptions"][0], "id": document["subscriptions"][0]["id"].upper()})
    with pytest.raises(PlanUnreadable, match="a second time"):
        plan_from_json(document)


def test_a_plan_file_cannot_bring_escapes_in() -> None:
    document = plan_to_json(plan())
    document["principal"] = "ann\x1b]52;c;aGk=\x07\x1b[31m"
    assert plan_from_json(document).principal == "ann"

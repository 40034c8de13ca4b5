"""The discount report: every machine with Defender counted once, under the workspace that its agent names."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cache.model import ABOARD, MachineRow, MachineState, Workspace
from console.rules.discount import NO_WORKSPACE, DiscountRow, discount_rows, markdown, notes
from tests.rules.samples import NOW

WEST = Workspace("11111111-aaaa-bbbb-cccc-111111111111", "logs-west", "s1", "westeurope")


def row(number: int, **changes: Any) -> MachineRow:
    given = {"state": MachineState.ONBOARDED, "location": "westeurope", "subscription": "s1"} | changes
    where = f"/subscriptions/{given['subscription']}/m/{number}"
    state, place = given["state"], given["location"]
    return MachineRow(
        *(where, f"m{number}", "vm", given["subscription"], "One", "rg", place, "Linux", "", "running", state),
        "",
        None,
        None,
        None,
        None,
        NOW,
    )


def test_machines_with_defender_are_counted_by_the_workspace_of_their_agent() -> None:
    machines = [row(1), row(2, subscription="s2"), row(3), row(4, state=MachineState.PENDING), row(5, location="northeurope"), row(6)]
    agents = {machines[0].id: WEST.workspace_id.upper(), machines[1].id: WEST.workspace_id, machines[2].id: "elsewhere", machines[5].id: ""}
    agents[machines[3].id] = WEST.workspace_id
    assert discount_rows(machines, agents, [WEST]) == [
        DiscountRow(WEST.workspace_id, "logs-west", "westeurope", 2, ("s1", "s2")),
        DiscountRow("elsewhere", "", None, 1, ("s1",)),
        DiscountRow(None, "", "northeurope", 1, ("s1",)),
        DiscountRow(None, "", "westeurope", 1, ("s1",)),
    ]


def test_what_azure_does_not_tell_is_said() -> None:
    rows = [DiscountRow("w", "", None, 1, ("s",)), DiscountRow(None, "", "westeurope", 1200, ("s",))]
    told = "\n".join(notes(rows, 2, "https://portal.example/support"))
    for part in ("does not tell how many licences", "1,200", "Azure Monitor agent", "workspaces/read", "2 subscriptions", "retroactively"):
        assert part in told
    assert "https://portal.example/support" in told
    plain = "\n".join(notes([], 0, ""))
    assert "Azure Monitor" not in plain
    assert "could not be read" not in plain


def test_the_document_shows_names_as_text() -> None:
    text = markdown(
        [DiscountRow("w", "a|b [x](http://evil) <b>", "westeurope", 3, ("s",)), DiscountRow(None, "", None, 1, ("s",))], ["N."], NOW
    )
    assert "| w | a\\|b \\[x\\](http\\://evil) \\<b\\> | westeurope | 3 | s |" in text
    assert f"| {NO_WORKSPACE} | – | not told | 1 | s |" in text
    assert text.endswith("- N.")
    assert "As of 2026-03-01 12:00 UTC." in text
    assert "No machine with Defender" in markdown([], [], None)


@given(
    st.lists(
        st.tuples(st.sampled_from(MachineState), st.sampled_from(["westeurope", "WestEurope", ""]), st.sampled_from(["", "w1", "W1", "w2"]))
    ),
    st.booleans(),
)
def test_every_machine_with_defender_is_in_exactly_one_row(seen: list[tuple[MachineState, str, str]], known: bool) -> None:
    machines = [row(number, state=state, location=place) for number, (state, place, _) in enumerate(seen)]
    agents = {one.id: workspace for one, (_, _, workspace) in zip(machines, seen, strict=True)}
    rows = discount_rows(machines, agents, [Workspace("w1", "n", "s", "r")] if known else [])
    assert sum(one.machines for one in rows) == sum(state in ABOARD for state, _, _ in seen)
    assert len({(one.workspace_id, one.region) for one in rows}) == len(rows)
    assert markdown(rows, notes(rows, 0, ""), NOW)

"""How a script can be run on a machine: the best way that rights and agents allow, else the reason with the exact right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import Machine, Permission
from console.rules.run_ways import way_to_run

OWNER = (Permission(("*",)),)
READER = (Permission(("*/read",)),)
OPERATOR = (Permission(("Microsoft.Compute/virtualMachines/runCommand/action",)),)
VM = Machine("/vm", "v", "vm", "s", "g", "westeurope", "Linux", power="running", agent_version="2.11.1.12")
SERVER = Machine("/arc", "a", "arc", "s", "g", "westeurope", "Windows", power="Connected", agent_version="1.40.02664.1629")


@pytest.mark.parametrize(
    ("machine", "permissions", "way", "otherwise"),
    [
        (VM, OWNER, "managed", "action"),
        (VM, OPERATOR, "action", ""),
        (replace(VM, agent_version="2.3.1.1"), OWNER, "action", ""),
        (replace(VM, agent_version=""), OWNER, "managed", "action"),
        (replace(VM, os_type="Windows", agent_version="2.3.1.1"), OWNER, "managed", "action"),
        (VM, (Permission(("*",), ("Microsoft.Compute/virtualMachines/runCommands/delete",)),), "action", ""),
        (SERVER, OWNER, "arc", ""),
        (replace(SERVER, power=""), OWNER, "arc", ""),
    ],
)
def test_the_best_way_that_rights_and_agents_allow_is_taken(
    machine: Machine, permissions: tuple[Permission, ...], way: str, otherwise: str
) -> None:
    found = way_to_run(machine, permissions)
    assert (found.way, found.otherwise, found.reason) == (way, otherwise, "")
    assert found.right


@pytest.mark.parametrize(
    ("machine", "permissions", "said"),
    [
        (VM, READER, "Microsoft.Compute/virtualMachines/runCommand/action"),
        (SERVER, READER, "Microsoft.HybridCompute/machines/runCommands/write"),
        (SERVER, OPERATOR, "Microsoft.HybridCompute/machines/runCommands/read"),
        (VM, None, "could not be read"),
        (replace(VM, power="deallocated"), OWNER, "deallocated"),
        (replace(SERVER, power="Disconnected"), OWNER, "Disconnected"),
        (replace(SERVER, agent_version="1.30.0.1"), OWNER, "1.33"),
        (replace(VM, os_type=""), OWNER, "Linux or Windows"),
        (
            replace(VM, agent_version="2.3.1.1"),
            (Permission(("*",), ("Microsoft.Compute/virtualMachines/runCommand/action",)),),
            "2.4.0.2",
        ),
    ],
)
def test_where_nothing_can_be_run_the_reason_is_named(machine: Machine, permissions: tuple[Permission, ...] | None, said: str) -> None:
    found = way_to_run(machine, permissions)
    assert found.way == ""
    assert said in found.reason


def test_in_a_subscription_that_can_only_be_read_nothing_is_run() -> None:
    for state in ("Disabled", "Deleted"):
        found = way_to_run(VM, OWNER, state)
        assert (found.way, f"subscription is {state}" in found.reason) == ("", True)
    for state in ("Enabled", "Warned", "PastDue", ""):
        assert way_to_run(VM, OWNER, state).way


@given(
    st.sampled_from(["vm", "arc", "?"]),
    st.sampled_from(["Linux", "Windows", "", "Plan9"]),
    st.sampled_from(["running", "deallocated", "Connected", "Expired", "", "New"]),
    st.text(max_size=12) | st.sampled_from(["2.4.0.2", "1.33", "9" * 30]),
    st.none() | st.lists(st.sampled_from(["*", "*/read", "Microsoft.Compute/*", "x"]).map(lambda one: Permission((one,))), max_size=2),
)
def test_there_is_always_a_way_or_a_reason_and_never_both(
    kind: str, system: str, power: str, agent: str, permissions: list[Permission] | None
) -> None:
    found = way_to_run(replace(VM, kind=kind, os_type=system, power=power, agent_version=agent), permissions)
    assert bool(found.way) != bool(found.reason)
    assert bool(found.way) == bool(found.right)
    if not permissions:
        assert found.way == ""

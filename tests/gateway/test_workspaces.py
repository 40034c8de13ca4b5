"""Workspaces and the agents that report to them."""

from __future__ import annotations

from cache.model import Workspace
from console.gateway.azure import Azure
from console.gateway.reading import part_of
from console.simulator import Simulator
from console.simulator.machine_json import CENTRAL, workspace_id


async def test_agents_are_those_of_the_chosen_subscriptions_and_workspaces_those_of_all(simulator: Simulator, azure: Azure) -> None:
    chosen = simulator.subscription("all-on")
    workspaces, agents = await azure.workspaces([chosen])
    assert agents
    assert {part_of(one, "subscriptions") for one in agents} == {chosen}
    assert set(agents.values()) <= {workspace_id(chosen), workspace_id(CENTRAL)}
    assert Workspace(workspace_id(chosen), f"DefaultWorkspace-{chosen}-WEU", chosen, "westeurope") in workspaces
    assert len({one.subscription_id for one in workspaces}) > 1
    assert workspace_id(CENTRAL) not in {one.workspace_id for one in workspaces}

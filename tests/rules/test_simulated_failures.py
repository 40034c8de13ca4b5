"""The rules against the words of the simulated Azure, which were written from the same field notes by other hands."""

from __future__ import annotations

import pytest

from console.rules.diagnosis import diagnose
from console.rules.systems import judge_system
from console.simulator.failures import FAILURES, Failure
from tests.rules.samples import a_machine, a_server, defender


@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: one.key)
def test_every_failure_of_the_simulated_world_is_diagnosed(failure: Failure) -> None:
    machine = a_server() if failure.key.startswith(("sense", "organisation", "by-hand-windows")) else a_machine()
    message = failure.message.replace("{product}", "ds_agent")
    found = diagnose(machine, defender("Failed", f"ProvisioningState/failed/{failure.code}", message, system=machine.os_type))
    assert found.code != "unknown"


def test_an_arc_machine_of_which_only_a_build_is_known_is_not_called_a_client() -> None:
    assert judge_system(a_server(os_name="windows", os_version="10.0.17763.1")).supported is None

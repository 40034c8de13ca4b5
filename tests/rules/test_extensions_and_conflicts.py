"""What extensions say on VMs and on Arc machines, and which other products stand in the way."""

from __future__ import annotations

import pytest
from hypothesis import given

from cache.model import Extension, Machine
from console.rules.conflicts import FANOTIFY_EXTENSIONS, conflicting_applications, fanotify_conflict, previous_defender
from console.rules.extensions import DELETING, FAILED, INSTALLING, SUCCEEDED, UNKNOWN, defender_extension, extension_state
from console.rules.extensions import log_analytics_extension as agent_of
from tests.rules.samples import a_machine, a_server, defender, extensions, log_analytics, machines, trend_micro


@pytest.mark.parametrize(
    ("state", "code", "message", "meaning"),
    [
        pytest.param("Succeeded", "ProvisioningState/succeeded", "", SUCCEEDED, id="VM, done"),
        pytest.param("Succeeded", "", "", SUCCEEDED, id="Resource Graph, without an instance view"),
        pytest.param("succeeded", "PROVISIONINGSTATE/SUCCEEDED", "", SUCCEEDED, id="in other letters"),
        pytest.param("Failed", "ProvisioningState/failed/51", "", FAILED, id="VM, failed with a code"),
        pytest.param("Succeeded", "ProvisioningState/failed/1", "", FAILED, id="VM, the instance view says that it failed"),
        pytest.param("Failed", "", "", FAILED, id="failed without a code"),
        pytest.param("Failed", "ProvisioningState/succeeded", "", FAILED, id="a failure is not outvoted"),
        pytest.param("Creating", "", "", INSTALLING, id="being created"),
        pytest.param("Updating", "ProvisioningState/updating", "", INSTALLING, id="VM, updating"),
        pytest.param("Succeeded", "ProvisioningState/transitioning", "", INSTALLING, id="VM, transitioning"),
        pytest.param("Creating", "1", "Extension Message: Status=transitioning, Code=1", INSTALLING, id="Arc, transitioning"),
        pytest.param("Succeeded", "1", "Status = Transitioning, Code = 1", INSTALLING, id="Arc, transitioning again"),
        pytest.param("Succeeded", "success", "", SUCCEEDED, id="Arc, success"),
        pytest.param("Succeeded", "0", "", SUCCEEDED, id="Arc, zero"),
        pytest.param("Failed", "51", "", FAILED, id="Arc, failed with 51"),
        pytest.param("Succeeded", "51", "", FAILED, id="Arc, succeeded with 51 has not"),
        pytest.param("Creating", "1", "", INSTALLING, id="Arc, one while creating"),
        pytest.param("Failed", "1", "", FAILED, id="Arc, one when failed"),
        pytest.param("Canceled", "", "", FAILED, id="cancelled"),
        pytest.param("Deleting", "ProvisioningState/succeeded", "", DELETING, id="being deleted"),
        pytest.param("", "", "", UNKNOWN, id="nothing told"),
        pytest.param("Quantum", "", "", UNKNOWN, id="a new word"),
        pytest.param("Succeeded", "ProvisioningState/quantum", "", UNKNOWN, id="a new word contradicts a success"),
        pytest.param("Quantum", "success", "", UNKNOWN, id="a success contradicts nothing that is not understood"),
    ],
)
def test_each_state_and_code_means_one_thing(state: str, code: str, message: str, meaning: str) -> None:
    assert extension_state(defender(state, code, message)) == meaning


def test_the_code_one_alone_is_never_a_success() -> None:
    assert extension_state(defender("Succeeded", "1")) != SUCCEEDED
    assert extension_state(defender("", "1")) == UNKNOWN


@given(extensions)
def test_a_success_needs_a_word_of_success_and_no_word_against_it(extension: Extension) -> None:
    meaning = extension_state(extension)
    assert meaning in {SUCCEEDED, INSTALLING, FAILED, DELETING, UNKNOWN}
    if meaning == SUCCEEDED:
        told = {extension.state.lower(), extension.code.lower().rsplit("/", 1)[-1]}
        assert told & {"succeeded", "success", "0"}
        assert not told & {"failed", "canceled", "error", "51", "52", "transitioning"}


def test_the_extension_of_the_own_system_comes_first_and_others_are_not_taken_for_it() -> None:
    both = a_machine(extensions=(trend_micro(), defender(system="Windows"), defender(system="Linux")))
    found = defender_extension(both)
    assert found is not None
    assert found.type == "MDE.Linux"
    impostor = Extension("MDE.Linux", "Contoso", "MDE.Linux", "Succeeded")
    assert defender_extension(a_machine(extensions=(impostor,))) is None
    bare = Extension("MDE.Linux", "", "", "Succeeded")
    assert defender_extension(a_machine(extensions=(bare,))) == bare
    assert agent_of(a_server(extensions=(log_analytics(),))) == log_analytics()
    assert agent_of(a_server(extensions=(defender(),))) is None


@pytest.mark.parametrize(
    ("publisher", "kind"),
    [(publisher or "Contoso", kind or "Agent") for publisher, kind, _ in FANOTIFY_EXTENSIONS]
    + [("TrendMicro.DeepSecurity", "TrendMicroDSALinux")],
)
def test_products_that_hold_fanotify_are_named_on_linux_and_only_there(publisher: str, kind: str) -> None:
    found = Extension("agent", publisher, kind, "Succeeded")
    assert fanotify_conflict(a_machine(extensions=(found,)))
    assert fanotify_conflict(a_server(extensions=(found,))) is None


def test_the_installer_names_what_was_in_its_way_but_not_defender_itself() -> None:
    assert conflicting_applications("found conflicting applications: [ds_agent], exiting (5)") == "ds_agent"
    assert conflicting_applications("found conflicting applications: [/opt/microsoft/mdatp/sbin/wdavdaemon]") is None
    assert conflicting_applications("found conflicting applications: []") == "another product"
    assert conflicting_applications("all is well") is None
    failed = defender("Failed", "ProvisioningState/failed/5", "found conflicting applications: [cbsensor]")
    assert fanotify_conflict(a_machine(extensions=(failed,))) == "cbsensor"


def test_where_defender_came_aboard_nothing_was_in_its_way() -> None:
    assert fanotify_conflict(a_machine(extensions=(trend_micro(), defender()))) is None


def test_an_earlier_defender_shows_by_what_it_left() -> None:
    assert previous_defender(a_machine(tags={"ExcludeMdeAutoUpdate": "true"}))
    assert previous_defender(a_machine(extensions=(defender("Failed"),)))
    assert not previous_defender(a_machine(tags={"env": "prod"}))


@given(machines)
def test_no_machine_is_too_odd_to_be_looked_at(machine: Machine) -> None:
    if (found := defender_extension(machine)) is not None:
        assert found in machine.extensions
        assert previous_defender(machine)
    if (agent := agent_of(machine)) is not None:
        assert agent in machine.extensions
    if fanotify_conflict(machine):
        assert machine.os_type.lower() == "linux"

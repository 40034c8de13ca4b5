"""Extensions, conflicts and diagnoses: every row of the field notes, and whatever else Azure may say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from cache.model import Diagnosis, Extension, Machine
from console.rules.conflicts import fanotify_conflict, previous_defender
from console.rules.diagnosis import diagnose, diagnose_agent
from console.rules.extensions import defender_extension, extension_state, log_analytics_extension
from console.rules.failures import INSTALLER_CODES, RULES, WINDOWS_EVENTS
from console.rules.systems import judge_system
from console.simulator.failures import FAILURES, Failure
from tests.rules import samples
from tests.rules.samples import a_machine, a_server, defender, log_analytics, trend_micro


@pytest.mark.parametrize(
    ("state", "code", "message", "meaning"),
    [
        ("Succeeded", "", "", "succeeded"),
        ("Succeeded", "ProvisioningState/succeeded", "", "succeeded"),
        ("Succeeded", "success", "", "succeeded"),
        ("Succeeded", "0", "", "succeeded"),
        ("", "ProvisioningState/succeeded", "", "succeeded"),
        ("Succeeded", "51", "", "failed"),
        ("Succeeded", "-1", "", "failed"),
        ("Succeeded", "ProvisioningState/failed/51", "", "failed"),
        ("Failed", "ProvisioningState/succeeded", "", "failed"),
        ("Failed", "", "Status=transitioning, Code=1", "failed"),
        ("Failed", "1", "", "failed"),
        ("Canceled", "", "", "failed"),
        ("Creating", "", "", "installing"),
        ("Updating", "1", "", "installing"),
        ("Succeeded", "1", "Plugin enable in progress. Status=transitioning, Code=1", "installing"),
        ("", "ProvisioningState/transitioning", "", "installing"),
        ("Deleting", "", "", "deleting"),
        ("Deleting", "ProvisioningState/succeeded", "", "deleting"),
        ("Succeeded", "1", "", "unknown"),
        ("Succeeded", "ProvisioningState/sparkling", "", "unknown"),
        ("Sparkling", "", "", "unknown"),
        ("Sparkling", "ProvisioningState/succeeded", "", "unknown"),
        ("", "", "", "unknown"),
    ],
)
def test_state_and_code_are_read_together_and_the_worse_one_counts(state: str, code: str, message: str, meaning: str) -> None:
    assert extension_state(defender(state, code, message)) == meaning


@given(samples.extensions)
def test_only_words_that_are_known_mean_success(extension: Extension) -> None:
    meaning = extension_state(extension)
    assert meaning in {"succeeded", "installing", "failed", "deleting", "unknown"}
    if meaning == "succeeded":
        assert extension.state in {"Succeeded", ""}
        assert extension.code in {"", "0", "success", "ProvisioningState/succeeded"}


def test_the_extension_for_the_machines_own_system_is_its_defender_extension() -> None:
    stray, right = defender("Failed", system="Windows"), defender()
    assert defender_extension(a_machine(extensions=(stray, right))) is right
    assert defender_extension(a_machine(extensions=(log_analytics(), trend_micro()))) is None
    assert defender_extension(a_machine(extensions=(Extension("MDE.Linux", "", "", "Succeeded"),))) is not None
    assert defender_extension(a_machine(extensions=(Extension("MDE.Linux", "Contoso", "MDE.Linux", "Succeeded"),))) is None
    assert log_analytics_extension(a_server(extensions=(log_analytics(), right))) is not None


@pytest.mark.parametrize(
    ("publisher", "kind", "product"),
    [
        ("TrendMicro.DeepSecurity", "TrendMicroDSALinux", "ds_agent"),
        ("VMwareCarbonBlack", "vmwareCarbonBlackLinux", "cbsensor"),
        ("McAfee.EndpointSecurity", "McAfeeEndpointSecurity", "MFEcma"),
    ],
)
def test_products_that_hold_fanotify_are_recognised_on_linux_alone(publisher: str, kind: str, product: str) -> None:
    other = Extension("x", publisher, kind, "Succeeded")
    assert product in (fanotify_conflict(a_machine(extensions=(other,))) or "")
    assert fanotify_conflict(a_server(extensions=(other,))) is None
    assert fanotify_conflict(a_machine(extensions=(replace(other, state="Deleting"),))) is None


def test_the_installer_names_the_conflict_that_no_extension_shows() -> None:
    failed = defender("Failed", "ProvisioningState/failed/5", "[x] exiting (5) found conflicting applications: [falcond]")
    assert fanotify_conflict(a_machine(extensions=(failed,))) == "falcond"


def test_a_half_installed_defender_is_no_other_product() -> None:
    own = defender("Failed", "", "exiting (5) found conflicting applications: [/opt/microsoft/mdatp/sbin/wdavdaemon]")
    machine = a_machine(extensions=(own,))
    assert fanotify_conflict(machine) is None
    assert diagnose(machine, own).code == "half-installed"


def test_where_defender_is_installed_nothing_has_kept_it_away() -> None:
    assert fanotify_conflict(a_machine(extensions=(trend_micro(), defender()))) is None


def test_an_earlier_defender_shows_by_its_extension_or_its_tag() -> None:
    assert previous_defender(a_machine(extensions=(defender("Deleting"),)))
    assert previous_defender(a_machine(tags={"ExcludeMdeAutoUpdate": "true"}))
    assert not previous_defender(a_machine(tags={"owner": "defender-team@contoso.example"}))


def failed(message: str = "", code: str = "", machine: Machine | None = None) -> Diagnosis:
    machine = machine or a_machine()
    return diagnose(machine, defender("Failed", code, message, system=machine.os_type))


@pytest.mark.parametrize("code", sorted(INSTALLER_CODES))
def test_every_exit_code_of_the_installer_has_a_cause_and_a_remedy(code: int) -> None:
    found = failed(f"Failed to configure Microsoft Defender for Endpoint: [x] exiting ({code}) something")
    assert found.code == ("fanotify-conflict" if code == 5 else f"installer-{code}")
    assert found.layer == "installer"
    assert found.cause.endswith(".")
    assert found.remedy.endswith(".")
    if code not in {51, 52}:
        assert failed(code=f"ProvisioningState/failed/{code}").code == found.code
        assert failed("Something else", str(code)).code == found.code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("exiting (21) package mdatp does not verify: no digest", "bad-package"),
        ("exiting (24) W: GPG error: NO_PUBKEY EB3E94ADBE1229CF", "repository-key"),
        ("ERROR: RPM: SIGNATURES NOT OK", "repository-key"),
        ("exiting (24) apt-key: command not found", "apt-key"),
        ("non-zero exit code for Install: 52. No Python interpreter found, which is", "no-python"),
        ("Protected Setting defenderForEndpointOnboardingScript does not exist", "no-onboarding-script"),
        ("You cannot call a method on a null-valued expression.", "no-onboarding-script"),
        ("does not have authorization to perform action 'Microsoft.Security/mdeOnboardings/read'", "policy-scope"),
        ("argument of type 'NoneType' is not iterable", "incomplete-settings"),
        ("404 Subscription Not Registered", "not-registered"),
        ("400 DisallowedProvider", "disallowed-provider"),
        ("exit code for Install: 64. Mounted with 'noexec'", "arc-noexec"),
        ("HandlerManifest.json file does not exist for the extension MDE.Linux", "arc-stuck"),
        ("Onboarding to MDE via Microsoft Defender for Cloud for this operating system is not supported", "os-not-supported"),
        ("ATTENTION: No license found.", "not-onboarded"),
        ("health: missing license", "not-onboarded"),
        ("org_id : unavailable", "not-onboarded"),
        ("no active supplementary event provider", "auditd"),
        ("Testing winatp: curl error 35 (SSL connect error)", "tls-inspection"),
        ("curl: (60) SSL certificate problem", "tls-inspection"),
        ("exiting (24) curl: (7) Failed to connect port 443", "installer-24"),
    ],
)
def test_every_text_of_the_field_notes_is_recognised(message: str, code: str) -> None:
    assert failed(message, "51").code == code


@pytest.mark.parametrize("number", sorted(WINDOWS_EVENTS))
def test_every_onboarding_event_of_windows_is_recognised(number: int) -> None:
    found = failed(f"WDATPOnboarding event {number}: something", "15", a_server())
    assert (found.code, found.layer) == (f"windows-event-{number}", "windows")
    assert failed(f"Event ID: {number}, source WDATPOnboarding", "", a_server()).code == found.code
    assert "{" not in found.remedy


def test_51_and_52_mean_one_thing_to_the_extension_and_another_to_the_installer() -> None:
    assert failed(code="ProvisioningState/failed/51").code == "os-not-supported"
    assert failed("exiting (51)").code == "installer-51"
    assert failed(code="52").code == "no-python"
    assert failed("exiting (52)").code == "installer-52"


@pytest.mark.parametrize("code", ["51", "ProvisioningState/failed/52", "9999999999", "²", ""])
def test_a_message_that_nobody_knows_is_kept_word_for_word(code: str) -> None:
    found = failed("The hamster left the wheel", code)
    assert (found.code, found.cause) == ("unknown", "The hamster left the wheel")
    assert found.remedy


def test_an_unknown_exit_of_the_installer_stays_unknown() -> None:
    assert failed("exiting (77) odd").code == "unknown"


def test_the_product_in_the_way_is_named() -> None:
    assert "ds_agent" in failed("exiting (5) found conflicting applications: [ds_agent]").cause


def test_the_command_to_register_names_the_subscription() -> None:
    assert samples.SUB in failed("Subscription Not Registered").remedy


@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: one.key)
def test_every_failure_of_the_simulated_world_is_diagnosed(failure: Failure) -> None:
    machine = a_server() if failure.key.startswith(("sense", "organisation", "by-hand-windows")) else a_machine()
    assert failed(failure.message.replace("{product}", "ds_agent"), failure.code, machine).code != "unknown"


def test_every_rule_has_sentences_and_a_reference() -> None:
    assert len({one.code for one in RULES}) == len(RULES)
    for one in RULES:
        assert one.cause.endswith(".")
        assert one.remedy.endswith(".")
        assert "!" not in one.cause + one.remedy
        assert one.reference.startswith("https://")


@pytest.mark.parametrize(("status", "code"), [("Disconnected", "arc-disconnected"), ("Expired", "arc-expired"), ("Odd", "unknown")])
def test_an_arc_agent_that_is_not_connected_is_diagnosed(status: str, code: str) -> None:
    found = diagnose_agent(a_machine(kind="arc", power=status))
    assert found is not None
    assert (found.code, found.layer) == (code, "arc")


def test_an_agent_that_is_connected_or_silent_about_it_has_nothing_to_diagnose() -> None:
    assert diagnose_agent(a_machine(kind="arc")) is None
    assert diagnose_agent(a_machine(kind="arc", power="")) is None
    assert diagnose_agent(a_machine(power="deallocated")) is None


@given(samples.machines, samples.extensions)
def test_anything_at_all_gets_a_diagnosis(machine: Machine, extension: Extension) -> None:
    found = diagnose(machine, extension)
    assert found.code
    assert found.cause
    assert found.remedy
    fanotify_conflict(machine)
    previous_defender(machine)


def test_an_arc_machine_of_which_only_a_build_is_known_is_not_called_a_client() -> None:
    assert judge_system(a_server(os_name="windows", os_version="10.0.17763.1")).supported is None

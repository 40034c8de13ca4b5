"""Each failure of the field notes gets its cause and its remedy; what matches nothing keeps its own words."""

from __future__ import annotations

import pytest
from hypothesis import given

from cache.model import Extension, Machine
from console.rules.diagnosis import UNKNOWN, diagnose, diagnose_agent
from console.rules.failures import EXTENSION, INSTALLER, INSTALLER_CODES, RULES, WINDOWS, WINDOWS_EVENTS
from tests.rules.samples import SUB, a_machine, a_server, defender, extensions, machines


def diagnosed(message: str = "", code: str = "", machine: Machine | None = None) -> tuple[str, str]:
    found = diagnose(machine or a_machine(), defender("Failed", code, message))
    assert found.cause
    assert found.remedy
    return found.code, found.layer


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("found conflicting applications: [/opt/microsoft/mdatp/sbin/wdavdaemon], exiting (5)", "half-installed"),
        ("W: GPG error: NO_PUBKEY EB3E94ADBE1229CF", "repository-key"),
        ("Header V4 RSA/SHA256 SIGNATURES NOT OK", "repository-key"),
        ("/tmp/mde_installer.sh: apt-key: command not found, exiting (24)", "apt-key"),
        ("package mdatp has no digest, exiting (21)", "bad-package"),
        ("Install exit code 52: No Python interpreter found on the box", "no-python"),
        ("Protected Setting defenderForEndpointOnboardingScript does not exist", "no-onboarding-script"),
        ("You cannot call a method on a null-valued expression.", "no-onboarding-script"),
        ("does not have authorization to perform action 'Microsoft.Security/mdeOnboardings/read' over scope", "policy-scope"),
        ("Subscription Not Registered", "not-registered"),
        ("DisallowedProvider: The operation is not permitted for namespace 'Microsoft.Security'", "disallowed-provider"),
        ("exit code for Install: 64 … mounted with 'noexec'", "arc-noexec"),
        ("/var/lib/waagent/HandlerManifest.json file does not exist", "arc-stuck"),
        ("No license found", "not-onboarded"),
        ("org_id : unavailable", "not-onboarded"),
        ("no active supplementary event provider", "auditd"),
        ("curl error 60: SSL certificate problem", "tls-inspection"),
        ("curl: (35) SSL connect error", "tls-inspection"),
        ("Microsoft Defender for Endpoint for this operating system is not supported", "os-not-supported"),
        ("found conflicting applications: [ds_agent], exiting (5)", "fanotify-conflict"),
    ],
)
def test_a_telling_text_is_recognised(message: str, code: str) -> None:
    assert diagnosed(message)[0] == code


@pytest.mark.parametrize("code", sorted(INSTALLER_CODES))
def test_every_code_of_the_installer_has_a_cause(code: int) -> None:
    name = "fanotify-conflict" if code == 5 else f"installer-{code}"
    assert diagnosed(f"[x] something happened, exiting ({code})") == (name, INSTALLER)


def test_51_and_52_mean_one_thing_to_the_installer_and_another_to_the_extension() -> None:
    assert diagnosed("could not make the folder, exiting (51)") == ("installer-51", INSTALLER)
    assert diagnosed(code="ProvisioningState/failed/51") == ("os-not-supported", EXTENSION)
    assert diagnosed(code="51", machine=a_machine(kind="arc")) == ("os-not-supported", EXTENSION)
    assert diagnosed("permissions are wrong, exiting (52)") == ("installer-52", INSTALLER)
    assert diagnosed(code="ProvisioningState/failed/52") == ("no-python", EXTENSION)


def test_a_code_that_comes_with_words_that_nobody_knows_is_not_overruled_by_a_guess() -> None:
    found = diagnose(a_machine(), defender("Failed", "ProvisioningState/failed/51", "The moon is in the wrong phase"))
    assert found.code == UNKNOWN
    assert found.cause == "The moon is in the wrong phase"


def test_codes_of_the_linux_installer_are_not_read_into_windows() -> None:
    assert diagnosed(code="ProvisioningState/failed/10") == ("installer-10", INSTALLER)
    assert diagnosed(code="ProvisioningState/failed/10", machine=a_server())[0] == UNKNOWN


@pytest.mark.parametrize("event", sorted(WINDOWS_EVENTS))
def test_every_onboarding_event_of_windows_has_a_cause(event: int) -> None:
    assert diagnosed(f"WDATPOnboarding event {event}: failed", machine=a_server()) == (f"windows-event-{event}", WINDOWS)


def test_the_conflict_is_named_in_the_cause() -> None:
    found = diagnose(a_machine(), defender("Failed", "", "found conflicting applications: [ds_agent], exiting (5)"))
    assert "ds_agent" in found.cause
    assert "passive mode" in found.remedy


def test_a_remedy_names_the_subscription_that_it_is_for() -> None:
    assert SUB in diagnose(a_machine(), defender("Failed", "", "Subscription Not Registered")).remedy


def test_a_failure_without_words_says_so() -> None:
    assert diagnosed() == (UNKNOWN, EXTENSION)
    assert "Azure gives no reason" in diagnose(a_machine(), defender("Failed", "", "")).cause


@pytest.mark.parametrize(
    ("power", "code"), [("Disconnected", "arc-disconnected"), ("Expired", "arc-expired"), ("Error", "arc-error"), ("Asleep", UNKNOWN)]
)
def test_an_arc_agent_that_is_away_says_what_to_do(power: str, code: str) -> None:
    found = diagnose_agent(a_machine(kind="arc", power=power))
    assert found is not None
    assert found.code == code
    assert found.remedy


@pytest.mark.parametrize(("kind", "power"), [("arc", "Connected"), ("arc", ""), ("vm", "deallocated")])
def test_an_agent_that_is_not_away_needs_no_diagnosis(kind: str, power: str) -> None:
    assert diagnose_agent(a_machine(kind=kind, power=power)) is None


def test_every_rule_has_a_source() -> None:
    assert all(rule.reference.startswith("https://") and rule.cause and rule.remedy for rule in RULES)


@given(machines, extensions)
def test_any_failure_gets_a_cause_and_a_remedy(machine: Machine, extension: Extension) -> None:
    found = diagnose(machine, extension)
    assert found.code
    assert found.cause
    assert found.remedy
    if found.code == UNKNOWN and extension.message:
        assert found.cause == extension.message
